"""The programming languages, one row each; everything language-specific that is a plain fact is here.

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
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from moesaic.errors import DataError


@dataclass(frozen=True, slots=True)
class Language:
    """Facts about one programming language.

    Attributes:
        name: Key used in recipes, folders and files.
        title: How people write it.
        extension: File extension without the dot.
        aliases: Other spellings accepted from users and found in data sets.
        fence: Info string of a Markdown code fence.
        grammar: Import name of the tree-sitter grammar package and the function that returns the language.
        source_file: File name a program is stored under to be compiled or run.
        formatter: ``ruff``, ``clang-format``, ``layout`` (built-in line breaker), or None: programs keep their layout.
        xlcost_name: Folder and file prefix in the upstream XLCoST_data release; None where it lacks the language.
        hub_config: Configuration name in the hub data set ``codeparrot/xlcost-text-to-code``; None likewise.
    """

    name: str
    title: str
    extension: str
    aliases: tuple[str, ...]
    fence: str
    grammar: tuple[str, str]
    source_file: str
    formatter: str | None = None
    xlcost_name: str | None = None
    hub_config: str | None = None


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

_BY_ALIAS = {
    alias: row
    for row in _ROWS
    for alias in (row.name, row.title.lower(), *row.aliases, *([row.xlcost_name.lower()] if row.xlcost_name else []))
}


def get_language(name: str) -> Language:
    """Returns the row for a name or alias, upper or lower case.

    Raises:
        DataError: The name is not known; the nearest known one is suggested.
    """
    row = _BY_ALIAS.get(name.strip().lower())
    if row is None:
        raise DataError(f"unknown language {name!r}: {suggest(name, LANGUAGES)}")
    return row


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Returns "did you mean ...?" with the nearest allowed names, or the list of all of them."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"allowed: {', '.join(names)}"
