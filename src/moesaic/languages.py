"""The programming languages, one row each, with all plain facts about them.

A language is complete when it has all of these; ``tests/test_languages.py`` goes over the list and fails for a
language that was added by half:

    row              here; with it come fence and title of the prompt, and file names
    grammar          a tree-sitter package of pyproject.toml, named in the row
    formatter        named in the row; ``data/formatting.py`` knows the kinds, ``layout`` needs nothing
    token streams    a layout rule in ``data/detokenize.py``, if its tokens need one
    keywords         ``codebleu/reference.py``; the strict protocol takes them from the grammar
    data flow        ``codebleu/dataflow_languages.py`` and, as the package has it, ``dataflow_reference_rules.py``
    guards           signs of the language in ``evaluate/guards.py``
    running          a row in ``execution/judges.py`` with its tools and how a test shows that it ran to its end

The four of the reference study come first; C, C# and PHP are XLCoST's others. ``docs/add-a-language.md`` shows how Ruby
was added.

A domain is a part of a language that a user has data for: ``python-django``, ``sql-postgresql``. Its name says all that
is known of it, so its row is made from the name wherever one is needed, and no list of domains has to travel with
recipes, models and worker processes. Before the dash stands a language, or one of ``PLAIN``, whose programs no grammar
reads here; ``docs/domains.md`` says what a domain has and what it lacks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from moesaic.errors import DataError


@dataclass(frozen=True, slots=True)
class Language:
    """Facts about one programming language, or one domain.

    Attributes:
        name: Key used in recipes, folders and files.
        title: How people write it.
        extension: File extension without the dot.
        aliases: Other spellings accepted from users and found in data sets.
        fence: Info string of a Markdown code fence.
        grammar: Import name of the tree-sitter grammar package and the function that returns the language; None for
            ``PLAIN`` and its domains.
        source_file: File name a program is stored under to be compiled or run.
        formatter: ``ruff``, ``clang-format``, ``layout`` (built-in line breaker), or None: programs keep their layout.
        xlcost_name: Folder and file prefix in the upstream XLCoST_data release; None where it lacks the language.
        hub_config: Configuration name in the hub data set ``codeparrot/xlcost-text-to-code``; None likewise.
        domain_of: Name of the row that a domain is part of; None for a language.
    """

    name: str
    title: str
    extension: str
    aliases: tuple[str, ...]
    fence: str
    grammar: tuple[str, str] | None
    source_file: str
    formatter: str | None = None
    xlcost_name: str | None = None
    hub_config: str | None = None
    domain_of: str | None = None

    @property
    def syntax(self) -> str | None:
        """Name of the language whose grammar, formatter and metrics read its programs; None if none does."""
        return None if self.grammar is None else self.domain_of or self.name

    @property
    def lacks(self) -> str:
        """What a domain does not have, in a sentence for people; "" for a language."""
        if self.grammar is None:
            return (
                f"{self.name}: no grammar reads its programs here, so they are not checked for errors; they are judged "
                "by loss, BLEU and exact_match, never by CodeBLEU or by running them (docs/domains.md)"
            )
        if self.domain_of:
            return f"{self.name}: its programs are read as {self.domain_of}, and are not run (docs/domains.md)"
        return ""


_ROWS = (
    Language(
        name="python", title="Python", extension="py", aliases=("py", "python3"), fence="python",
        xlcost_name="Python", hub_config="Python-program-level", grammar=("tree_sitter_python", "language"),
        formatter="ruff", source_file="main.py",
    ),
    Language(
        name="java", title="Java", extension="java", aliases=(), fence="java",
        xlcost_name="Java", hub_config="Java-program-level", grammar=("tree_sitter_java", "language"),
        formatter="clang-format", source_file="Main.java",
    ),
    Language(
        name="javascript", title="JavaScript", extension="js", aliases=("js", "node"), fence="javascript",
        xlcost_name="Javascript", hub_config="Javascript-program-level", grammar=("tree_sitter_javascript", "language"),
        formatter="clang-format", source_file="main.js",
    ),
    Language(
        name="cpp", title="C++", extension="cpp", aliases=("c++", "cxx", "cc"), fence="cpp",
        xlcost_name="C++", hub_config="C++-program-level", grammar=("tree_sitter_cpp", "language"),
        formatter="clang-format", source_file="main.cpp",
    ),
    Language(
        name="c", title="C", extension="c", aliases=(), fence="c",
        xlcost_name="C", hub_config="C-program-level", grammar=("tree_sitter_c", "language"),
        formatter="clang-format", source_file="main.c",
    ),
    Language(
        name="csharp", title="C#", extension="cs", aliases=("c#", "cs"), fence="csharp",
        xlcost_name="C#", hub_config="Csharp-program-level", grammar=("tree_sitter_c_sharp", "language"),
        formatter="clang-format", source_file="main.cs",
    ),
    Language(
        name="php", title="PHP", extension="php", aliases=(), fence="php",
        xlcost_name="PHP", hub_config="PHP-program-level", grammar=("tree_sitter_php", "language_php"),
        formatter="layout", source_file="main.php",
    ),
    Language(
        name="ruby", title="Ruby", extension="rb", aliases=("rb",), fence="ruby",
        grammar=("tree_sitter_ruby", "language"), source_file="main.rb",
    ),
    Language(
        name="typescript", title="TypeScript", extension="ts", aliases=("ts",), fence="typescript",
        grammar=("tree_sitter_typescript", "language_typescript"), source_file="main.ts", formatter="clang-format",
    ),
    Language(
        name="go", title="Go", extension="go", aliases=("golang",), fence="go",
        grammar=("tree_sitter_go", "language"), source_file="main.go",
    ),
    Language(
        name="lua", title="Lua", extension="lua", aliases=(), fence="lua",
        grammar=("tree_sitter_lua", "language"), source_file="main.lua",
    ),
)  # fmt: skip

LANGUAGES: dict[str, Language] = {row.name: row for row in _ROWS}
"""Every known language by name."""

STUDY_LANGUAGES: tuple[str, ...] = ("python", "java", "javascript", "cpp")
"""The languages of the reference study, in the order its tables use."""

PLAIN: dict[str, Language] = {
    row.name: row
    for row in (
        Language(
            name="sql", title="SQL", extension="sql", aliases=(), fence="sql", grammar=None, source_file="main.sql"
        ),
        Language(
            name="text", title="text", extension="txt", aliases=(), fence="text", grammar=None, source_file="main.txt"
        ),
    )
}
"""What domains may be part of besides languages: no grammar reads their programs."""

_DOMAIN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST_DOMAIN = 40

_BY_ALIAS = {
    alias: row
    for row in _ROWS
    for alias in (row.name, row.title.lower(), *row.aliases, *([row.xlcost_name.lower()] if row.xlcost_name else []))
}


def get_language(name: str) -> Language:
    """Returns the row for a name or alias, upper or lower case; of a domain, ``LANGUAGE-NAME``, one made for it.

    Raises:
        DataError: The name is not known; the nearest known one is suggested.
    """
    row = find_language(name)
    if row is None:
        start, dash, _ = name.strip().lower().partition("-")
        if dash and (start in _BY_ALIAS or start in PLAIN):
            raise DataError(
                f"{name!r:.80} is not the name of a domain: after {start}- it has lower-case letters and digits, with "
                f"single dots, dashes or underscores between them, {_LONGEST_DOMAIN} at most, as in sql-postgresql"
            )
        raise DataError(
            f"unknown language {name!r}: {suggest(name, LANGUAGES)}; or a domain, as in python-django, sql-postgresql "
            "or text-NAME (docs/domains.md)"
        )
    return row


@lru_cache(maxsize=1024)
def find_language(name: str) -> Language | None:
    """Returns what ``get_language`` does, or None for a name that is not known."""
    name = name.strip().lower()
    if row := _BY_ALIAS.get(name):
        return row
    start, dash, domain = name.partition("-")
    part_of = _BY_ALIAS.get(start) or PLAIN.get(start)
    if not dash or part_of is None or len(domain) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(domain):
        return None
    is_text = part_of.name == "text"  # says nothing of its programs, so the domain's own name does
    return replace(
        part_of,
        name=f"{part_of.name}-{domain}",
        title=domain if is_text else f"{part_of.title} ({domain})",
        fence=domain if is_text else part_of.fence,
        aliases=(domain,),
        xlcost_name=None,
        hub_config=None,
        domain_of=part_of.name,
    )


def syntax_of(name: str) -> str | None:
    """Returns the language whose grammar, formatter and metrics read programs of a language or domain; None: none does.

    Raises:
        DataError: The name is not known.
    """
    return get_language(name).syntax


def rows_of(languages: Iterable[str]) -> list[Language]:
    """Returns what a model with these languages can be asked for: every language, and its own domains."""
    rows = [row for name in languages if (row := find_language(name)) is not None and row.domain_of]
    return [*LANGUAGES.values(), *rows]


def find_among(name: str, languages: Iterable[str]) -> Language | None:
    """Returns the row of a language, or of a domain of ``languages``, which may be named by what is behind its dash."""
    name = name.strip().lower()
    by_name = {alias: row for row in rows_of(languages) for alias in (row.aliases if row.domain_of else ())}
    row = find_language(name) or by_name.get(name)
    return row if row is not None and (not row.domain_of or row in by_name.values()) else None


def part_word(names: Iterable[str]) -> str:
    """Returns what the parts of a run or model are called: ``domain`` if all of them are domains, else ``language``."""
    rows = [find_language(name) for name in names]
    return "domain" if rows and all(row is not None and row.domain_of for row in rows) else "language"


def get_among(name: str, languages: Iterable[str]) -> Language:
    """Returns what ``find_among`` finds, or a language or domain that the model has no expert for.

    Raises:
        DataError: The name is not known; the nearest known one, domains of ``languages`` included, is suggested.
    """
    known = tuple(languages)
    if row := find_among(name, known) or find_language(name):
        return row
    domains = [alias for row in rows_of(known) if row.domain_of for alias in (row.name, *row.aliases)]
    if near := difflib.get_close_matches(name.strip().lower(), domains, n=1, cutoff=0.6):
        raise DataError(f"unknown language {name!r:.80}: did you mean {near[0]}?")
    return get_language(name)


def in_order(names: Iterable[str]) -> list[str]:
    """Returns names without repeats: languages in the order of ``LANGUAGES``, then domains by name."""
    found = set(names)
    return [*(name for name in LANGUAGES if name in found), *sorted(found - LANGUAGES.keys())]


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Returns "did you mean ...?" with the nearest allowed names, or the list of all of them."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"allowed: {', '.join(names)}"
