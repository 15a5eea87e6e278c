"""The programming languages, one row each, with all plain facts about them.

A language is complete if it has everything in this list. ``tests/test_languages.py`` checks the list and fails if a
language lacks a part:

    row              in this module; states the fence and title that prompts use, and the names of files
    grammar          a tree-sitter package of pyproject.toml, named in the row
    formatter        named in the row; ``data/formatting.py`` has the kinds, of which ``layout`` needs no other program
    token streams    a layout rule in ``data/detokenize.py``, if the language's token streams need one
    keywords         ``codebleu/reference.py``; the strict protocol takes them from the grammar
    data flow        ``codebleu/dataflow_languages.py``; for the reference protocol ``dataflow_reference_rules.py``
    guards           patterns by which texts in the language are recognised, in ``evaluate/guards.py``
    running          a row in ``execution/judges.py`` with its tools, and how a test proves that it ran to its end

The four languages of the reference study come first; C, C# and PHP are the others of XLCoST. ``docs/add-a-language.md``
shows how Ruby was added.

A domain is a part of a language for which a user has data, such as ``python-django`` or ``sql-postgresql``. The name
states everything that is known about a domain, so its row is made from the name wherever it is needed, and recipes,
models and worker processes do not have to carry lists of domains. The part before the dash is a language or a row of
``PLAIN``, for which there is no grammar. ``docs/domains.md`` explains what domains can and cannot do.
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
        name: Name used in recipes, folders and files.
        title: Name for people.
        extension: File extension without the dot.
        aliases: Other spellings accepted from users and found in data sets.
        fence: Info string of a Markdown code fence.
        grammar: Import name of the tree-sitter grammar package and the function that returns the language; None for
            ``PLAIN`` and its domains.
        source_file: Name of the file in which a program is stored to be compiled or run.
        formatter: ``ruff``, ``clang-format``, ``layout`` (built-in line breaker), or None if programs keep their
            layout.
        xlcost_name: Folder and file prefix in the upstream XLCoST_data release; None if the release lacks the language.
        hub_config: Name of the configuration in the hub data set ``codeparrot/xlcost-text-to-code``; None if the data
            set lacks the language.
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
        """Name of the language whose grammar, formatter and metrics apply to its programs; None if there is none."""
        return None if self.grammar is None else self.domain_of or self.name

    @property
    def lacks(self) -> str:
        """A sentence for people about what a domain lacks; "" for a language."""
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
"""All languages by name."""

STUDY_LANGUAGES: tuple[str, ...] = ("python", "java", "javascript", "cpp")
"""The languages of the reference study, in the order of its tables."""

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
"""What domains can be part of besides languages; there is no grammar for their programs."""

_DOMAIN = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST_DOMAIN = 40

_BY_ALIAS = {
    alias: row
    for row in _ROWS
    for alias in (row.name, row.title.lower(), *row.aliases, *([row.xlcost_name.lower()] if row.xlcost_name else []))
}


def get_language(name: str) -> Language:
    """Returns the row of a language or domain.

    Args:
        name: Name or alias of a language, or the name ``LANGUAGE-NAME`` of a domain, in upper or lower case.

    Raises:
        DataError: The name is not known. The message suggests the nearest known name.
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
    """Returns the row that ``get_language`` returns, or None if the name is not known."""
    name = name.strip().lower()
    if row := _BY_ALIAS.get(name):
        return row
    start, dash, domain = name.partition("-")
    part_of = _BY_ALIAS.get(start) or PLAIN.get(start)
    if not dash or part_of is None or len(domain) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(domain):
        return None
    is_text = part_of.name == "text"  # "text" does not describe the programs, so title and fence are the domain's name
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
    """Returns the language whose grammar, formatter and metrics apply to a language or domain; None if there is none.

    Raises:
        DataError: The name is not known.
    """
    return get_language(name).syntax


def rows_of(languages: Iterable[str]) -> list[Language]:
    """Returns what a model with these experts can be asked for: all languages, and the domains of its experts.

    Args:
        languages: Names of the languages and domains of the model's experts.
    """
    rows = [row for name in languages if (row := find_language(name)) is not None and row.domain_of]
    return [*LANGUAGES.values(), *rows]


def find_among(name: str, languages: Iterable[str]) -> Language | None:
    """Returns the row of a language, or of a domain among ``languages``; None if the name is neither.

    Args:
        name: Name or alias of a language, or name of a domain, for which the part behind the dash is enough.
        languages: Names of the languages and domains of a model's experts.
    """
    name = name.strip().lower()
    by_name = {alias: row for row in rows_of(languages) for alias in (row.aliases if row.domain_of else ())}
    row = find_language(name) or by_name.get(name)
    return row if row is not None and (not row.domain_of or row in by_name.values()) else None


def part_word(names: Iterable[str]) -> str:
    """Returns the word for the parts of a run or model: ``domain`` if all of them are domains, else ``language``."""
    rows = [find_language(name) for name in names]
    return "domain" if rows and all(row is not None and row.domain_of for row in rows) else "language"


def get_among(name: str, languages: Iterable[str]) -> Language:
    """Returns the row that ``find_among`` finds, or else that of any known language or domain.

    Args:
        name: As for ``find_among``.
        languages: Names of the languages and domains of a model's experts.

    Raises:
        DataError: The name is not known. The message suggests the nearest known name, which may be a domain among
            ``languages``.
    """
    known = tuple(languages)
    if row := find_among(name, known) or find_language(name):
        return row
    domains = [alias for row in rows_of(known) if row.domain_of for alias in (row.name, *row.aliases)]
    if near := difflib.get_close_matches(name.strip().lower(), domains, n=1, cutoff=0.6):
        raise DataError(f"unknown language {name!r:.80}: did you mean {near[0]}?")
    return get_language(name)


def in_order(names: Iterable[str]) -> list[str]:
    """Returns the names without repeats: first languages in the order of ``LANGUAGES``, then domains by name."""
    found = set(names)
    return [*(name for name in LANGUAGES if name in found), *sorted(found - LANGUAGES.keys())]


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Returns "did you mean ...?" with the nearest allowed names, or a list of all allowed names if none is near."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"allowed: {', '.join(names)}"
