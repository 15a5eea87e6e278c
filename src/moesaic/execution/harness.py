"""What is put around a program so that "it ended with exit code 0" means "its tests ran to their end".

A completion that calls ``exit(0)``, or a comment that swallows the tests, would otherwise pass. So every program that
is judged by its own assertions prints a marker, random for each program, after its last test:

    Python, JavaScript, PHP   a statement appended to the source
    Java                      ``harnesses/MoesaicLauncher.java`` calls ``Main.main`` and prints it when that returns
    C++, C                    ``harnesses/main_marker.c``, linked with ``--wrap=main``, does the same
    C#                        none: the exit code alone counts

In JavaScript ``console.assert`` only prints a warning; ``harnesses/preamble.js`` makes it end the program. Two npm
packages that benchmarks require are stood in for by a few lines each (``harnesses/modules``).

Not stopped: a program that sets out to forge its verdict. It shares a process with its tests, so it can find the
marker or change what the tests call.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from moesaic.execution.supervise import Outcome
from moesaic.languages import get_language

__all__ = ["HARNESSES", "Program", "is_assertion", "is_memory_error", "is_syntax_error", "reason", "write_program"]

HARNESSES = Path(__file__).with_name("harnesses")

# An assertion as the last words of a program: the language's own, and the exceptions that MBXP's tests throw.
_ASSERTION = re.compile(
    r"^AssertionError|^Exception in thread .*AssertionError|Assertion .*failed|AssertionError \[ERR_ASSERTION\]"
    r"|Exception -- test case \d+ did not pass|Error at \d+th assert statement",
    re.MULTILINE,
)
_MEMORY = re.compile(
    r"^MemoryError|std::bad_alloc|java\.lang\.OutOfMemoryError|JavaScript heap out of memory"
    r"|Array buffer allocation failed|virtual memory exhausted|out of memory allocating|Cannot allocate memory"
    r"|Allowed memory size",
    re.MULTILINE,
)
_TELLING = re.compile(
    r"\berror: |^(\w+\.)*\w*(Error|Exception)\b|^Exception in thread|what\(\):|: Assertion |Error at "
)
_TAIL_BYTES = 8192
_SYNTAX = {
    "python": re.compile(r"^(SyntaxError|IndentationError|TabError): ", re.MULTILINE),
    "javascript": re.compile(r"^SyntaxError: ", re.MULTILINE),
    "php": re.compile(r"^(PHP )?Parse error: ", re.MULTILINE),
}


@dataclass(frozen=True, slots=True)
class Program:
    """A source text to be run.

    Attributes:
        language: Name of its language.
        source: The text.
        marker: Printed to stdout when the program ran to its end; "" for none. Letters and digits.
    """

    language: str
    source: str
    marker: str = ""


def write_program(program: Program, folder: Path) -> None:
    """Stores a program and what its language needs beside it in an empty folder."""
    row = get_language(program.language)
    source = program.source
    if program.marker and program.language in _APPENDED:
        source += _APPENDED[program.language].format(marker=json.dumps(f"\n{program.marker}\n"))
    (folder / row.source_file).write_text(source, encoding="utf-8", errors="replace")
    if row.name == "javascript":
        shutil.copy(HARNESSES / "preamble.js", folder)
        shutil.copytree(HARNESSES / "modules", folder / "node_modules")


_APPENDED = {
    "python": "\n__import__('sys').stdout.write({marker})\n",
    "javascript": "\n;globalThis.process.stdout.write({marker});\n",
    "php": "\necho {marker};\n",
}


def is_assertion(outcome: Outcome) -> bool:
    """True when a program was ended by a failed assertion."""
    return bool(_ASSERTION.search(_tail(outcome)))


def is_memory_error(outcome: Outcome) -> bool:
    """True when a program was ended by a failed allocation."""
    return bool(_MEMORY.search(_tail(outcome)))


def is_syntax_error(program: Program, outcome: Outcome) -> bool:
    """True when an interpreter could not parse a program."""
    pattern = _SYNTAX.get(program.language)
    return pattern is not None and bool(pattern.search(_tail(outcome)))


def reason(outcome: Outcome) -> str:
    """Returns the line of stderr that says best why a program failed, shortened; "" when there is none."""
    lines = [line.strip() for line in _tail(outcome).splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling[0] if telling else lines[-1])[:200] if lines else ""


def _tail(outcome: Outcome) -> str:
    return outcome.stderr[-_TAIL_BYTES:].decode("utf-8", "replace")
