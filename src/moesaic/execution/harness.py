"""Wraps a program so that "passed" means that its test ran to its end and nothing in it failed.

A program and its test share a process, because tests use whatever the program defines. Three measures keep a program
from passing without its test:

    a secret     A random text for each run arrives over standard input. The launcher (``harnesses/<language>``) reads
                 it before anything of the program is loaded, and writes it to standard output after the test. The
                 secret is in no file, argument or variable. Afterwards the launcher ends the process, even if timers,
                 pools or handlers are left.
    separation   Program and test are parsed separately, so that nothing that the program leaves open takes up the test.
    meaning      The words of the test mean what they mean without the program: its assertions, comparisons and
                 functions are those of the language, even if the program has some of the same name (``*_tests.py``).

This does not stop a program that searches the memory of its process, or that changes the machine code or the objects of
the launcher while it runs. A program that is judged by its output has nothing to forge, because the output is compared
outside the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from moesaic.execution import python_tests
from moesaic.execution.java_compiler import Unit
from moesaic.languages import get_language

__all__ = [
    "HARNESSES",
    "Layout",
    "Program",
    "SwallowedTestError",
    "lay_out_c",
    "lay_out_go",
    "lay_out_java",
    "lay_out_javascript",
    "lay_out_php",
    "lay_out_python",
    "lay_out_ruby",
    "lay_out_source",
    "lay_out_typescript",
    "separated",
]

HARNESSES = Path(__file__).with_name("harnesses")

_TEXT = re.compile("comment|string|char|regex|heredoc")
_JAVA_MAIN = re.compile(r"\bclass\s+Main\b")


class SwallowedTestError(Exception):
    """Raised if the test becomes part of a comment or a string of the program with which it is joined."""


@dataclass(frozen=True, slots=True)
class Program:
    """A source text to be run.

    Attributes:
        language: Name of the program's language.
        source: The source text.
        test: Assertions that must all hold; "" for a program that is judged by its output, or not at all.
        defined: Names that the problem asks the program to define. In the test, they refer to the program's
            definitions.
    """

    language: str
    source: str
    test: str = ""
    defined: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """The files in a program's folder.

    Attributes:
        files: File name -> text. The file that is compiled or run is the language's ``source_file``.
        stdin: If there is a test, the text that the launcher reads after the secret.
        units: For Java, the units that are compiled together.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    units: tuple[Unit, ...] = ()


def separated(program: Program) -> Program:
    """Returns the program unchanged if its test can be parsed alone, else a program that is joined with its test.

    A test may continue where the program stops, for example inside a class. The two can then only be run as one text.

    Raises:
        SwallowedTestError: In the joined text, the test begins inside a comment or a string of the program.
    """
    test = program.test
    if not test.strip() or _stands_alone(program.language, test):
        return program
    from moesaic.parsing import encode, parse, walk  # the sandbox itself runs without any package

    joined = f"{program.source}\n{test}"
    start = len(encode(program.source))
    for node in walk(parse(joined, program.language)):
        if _TEXT.search(node.type) and node.start_byte < start < node.end_byte:
            raise SwallowedTestError("an open comment or string of the program swallows its test")
    return Program(program.language, joined, "\n", program.defined)


def _stands_alone(language: str, test: str) -> bool:
    if language == "python":
        return python_tests.parses(test)
    from moesaic.parsing import parses

    if language == "java" and not _JAVA_MAIN.search(test):
        return False
    return parses(test, language)


def lay_out_source(program: Program, token: str) -> Layout:
    """Lays out a program that is judged by its output: one source file."""
    return Layout({get_language(program.language).source_file: program.source})


def lay_out_python(program: Program, token: str) -> Layout:
    """Lays out a Python program; the test is given to ``launch.py``."""
    test = python_tests.prepare(program.test, program.defined, token)
    modules = " ".join(python_tests.imported_modules(program.test))
    return Layout({"main.py": program.source}, f"{token}\n{modules}\n{test}")


def lay_out_javascript(program: Program, token: str) -> Layout:
    """Lays out a JavaScript program; the test is given to ``launch.js``."""
    return Layout({"main.js": program.source}, f"{' '.join(sorted(program.defined))}\n{program.test}")


def lay_out_typescript(program: Program, token: str) -> Layout:
    """Lays out a TypeScript program and its test; both are compiled, and ``launch.js`` reads the test first."""
    files = {"main.ts": program.source, "test.ts": program.test}
    return Layout(files, f"{' '.join(sorted(program.defined))}\n")


def lay_out_php(program: Program, token: str) -> Layout:
    """Lays out a PHP program; the test is given to ``launch.php``."""
    return Layout({"main.php": program.source}, program.test)


def lay_out_ruby(program: Program, token: str) -> Layout:
    """Lays out a Ruby program; the test is given to ``launch.rb``."""
    from moesaic.execution import ruby_tests

    checker = f"M{token[1:]}"  # a constant, so that methods of the test see it, too
    test = ruby_tests.prepare(program.test, program.defined, checker)
    return Layout({"main.rb": program.source}, f"{checker}\n{test}")


def lay_out_java(program: Program, token: str) -> Layout:
    """Lays out a Java program, with separate units for the launcher and, if there is one, the test."""
    if not program.test:
        from moesaic.execution import java_tests

        return Layout(units=(Unit("Main.java", program.source), *java_tests.starter(program.source)))
    launcher = Unit("MoesaicLauncher.java", (HARNESSES / "java" / "MoesaicLauncher.java").read_text(encoding="utf-8"))
    if not program.test.strip():
        return Layout(units=(launcher, Unit("Main.java", program.source)))
    from moesaic.execution import java_tests

    test = java_tests.prepare(program.test, program.source, program.defined)
    return Layout(units=(launcher, Unit("Program.java", program.source), test))


def lay_out_go(program: Program, token: str) -> Layout:
    """Lays out a Go program; the test is another file of the same package."""
    if not program.test.strip():
        return Layout({"main.go": program.source})
    from moesaic.execution import go_tests

    return Layout(go_tests.join(program.source, program.test, program.defined, token))


def lay_out_c(program: Program, token: str) -> Layout:
    """Lays out a C or C++ program; the test includes the program."""
    row = get_language(program.language)
    if not program.test.strip():
        return Layout({row.source_file: program.source})
    from moesaic.execution import cpp_tests

    file = f"program.{row.extension}"
    test = cpp_tests.join(program.source, program.test, file, row.name, program.defined, token)
    return Layout({file: program.source, row.source_file: test})
