"""Defines how the programs of each language are judged, one row per language.

To add a language, add a row here and a launcher in ``harnesses/<language>``. A language of ``languages.py`` without a
row is refused, and so is a test in a language whose row cannot run tests, so that no program passes because something
is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from moesaic.errors import ToolchainError
from moesaic.execution import toolchains
from moesaic.execution.harness import (
    HARNESSES,
    Layout,
    Program,
    lay_out_c,
    lay_out_go,
    lay_out_java,
    lay_out_javascript,
    lay_out_php,
    lay_out_python,
    lay_out_ruby,
    lay_out_source,
    lay_out_typescript,
)
from moesaic.execution.toolchains import Toolchain
from moesaic.languages import Language, get_language

__all__ = ["JUDGES", "Judge", "find_judge", "find_toolchain", "find_toolchains"]


@dataclass(frozen=True, slots=True)
class Judge:
    """How the programs of one language are judged.

    Attributes:
        find: Finds the language's tools, or raises ToolchainError.
        lay_out: Lays out a program and its test. The second argument is a text that neither of them contains.
        harness: File name -> file or folder of ``harnesses`` that is put beside a program under this name.
        runs_tests: False if nothing shows that a test ran to its end, so that only outputs can be judged.
        syntax_error: Pattern of what an interpreter writes if a program does not parse; None if a compiler reports it.
    """

    find: Callable[[Language], Toolchain]
    lay_out: Callable[[Program, str], Layout]
    harness: Mapping[str, Path] = field(default_factory=dict)
    runs_tests: bool = True
    syntax_error: re.Pattern[str] | None = None


_JAVASCRIPT = HARNESSES / "javascript"

JUDGES: Mapping[str, Judge] = {
    "python": Judge(
        toolchains.python,
        lay_out_python,
        {"launch.py": HARNESSES / "python" / "launch.py"},
        syntax_error=re.compile(r"^(SyntaxError|IndentationError|TabError): ", re.MULTILINE),
    ),
    "java": Judge(toolchains.java, lay_out_java),
    "javascript": Judge(
        toolchains.javascript,
        lay_out_javascript,
        {name: _JAVASCRIPT / name for name in ("launch.js", "preamble.js", "node_modules")},
        syntax_error=re.compile(r"^SyntaxError: ", re.MULTILINE),
    ),
    "typescript": Judge(
        toolchains.typescript,
        lay_out_typescript,
        {name: _JAVASCRIPT / name for name in ("launch.js", "preamble.js", "node_modules")},
        syntax_error=re.compile(r"^SyntaxError: ", re.MULTILINE),
    ),
    "go": Judge(toolchains.go, lay_out_go),
    "cpp": Judge(toolchains.native("g++", ("-std=c++17", "-O1")), lay_out_c),
    "c": Judge(toolchains.native("gcc", ("-std=c11", "-O1"), ("-lm",)), lay_out_c),
    "csharp": Judge(toolchains.csharp, lay_out_source, runs_tests=False),
    "lua": Judge(
        toolchains.lua,
        lay_out_source,
        runs_tests=False,
        # A program that does not parse has not run, so there is no traceback.
        syntax_error=re.compile(r"\A[^\n]*main\.lua:\d+: (?![\s\S]*^stack traceback:)", re.MULTILINE),
    ),
    "php": Judge(
        toolchains.php,
        lay_out_php,
        {"launch.php": HARNESSES / "php" / "launch.php"},
        syntax_error=re.compile(r"^(PHP )?Parse error: ", re.MULTILINE),
    ),
    "ruby": Judge(
        toolchains.ruby,
        lay_out_ruby,
        {"launch.rb": HARNESSES / "ruby" / "launch.rb"},
        syntax_error=re.compile(r"\(SyntaxError\)$", re.MULTILINE),
    ),
}
"""Language -> how it is judged."""


def find_judge(language: str) -> Judge:
    """Returns the row of a language.

    Raises:
        ToolchainError: The language has no row.
        DataError: The language is not known.
    """
    name = get_language(language).name
    if name not in JUDGES:
        raise ToolchainError(f"{name}: programs cannot be run: no row in moesaic.execution.judges")
    return JUDGES[name]


@cache
def find_toolchain(language: str) -> Toolchain:
    """Returns the tools of a language.

    Raises:
        ToolchainError: A tool is missing; the message names it.
        DataError: The language is not known.
    """
    return find_judge(language).find(get_language(language))


def find_toolchains(languages: Iterable[str]) -> tuple[dict[str, Toolchain], dict[str, str]]:
    """Returns the tools of each language whose tools were found, and what is missing for each of the others."""
    found: dict[str, Toolchain] = {}
    missing: dict[str, str] = {}
    for language in languages:
        try:
            found[language] = find_toolchain(language)
        except ToolchainError as error:
            missing[language] = str(error)
    return found, missing
