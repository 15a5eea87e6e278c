"""Reads benchmarks as problems: how a program is assembled, and what it must do.

A problem is judged in one of two ways: by assertions in its own language, which run after the program, or by cases of
standard input and expected output. HumanEval-X, MBXP, the embedded corpus and moesaic's own JSON Lines format
(``docs/execution.md``) each have a reader that returns such problems.

Sources: HumanEval-X, Zheng et al. 2023 (arXiv:2303.17568); MBXP, Athiwaratkun et al. 2023 (arXiv:2210.14868).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moesaic.errors import DataError
from moesaic.files import read_json_lines
from moesaic.languages import LANGUAGES, STUDY_LANGUAGES, get_language, suggest
from moesaic.parsing import is_unicode

__all__ = ["BENCHMARKS", "Case", "Problem", "read_language", "read_problems"]

_CPP_PREAMBLE = "#include <bits/stdc++.h>\nusing namespace std;\n"
_JAVA_PREAMBLE = "import java.util.*;\nimport java.util.function.*;\nimport java.util.stream.*;\nimport java.math.*;\n"
_PREAMBLES = {"cpp": _CPP_PREAMBLE, "java": _JAVA_PREAMBLE}
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"\"\".*?\"\"\"", re.DOTALL)
_DEFINITION = re.compile(
    r"\b(?:def|class|function|func|sub|struct|interface|enum|record|const|let|var)\s+&?(\w+)|^(\w+)\s*=(?!=)",
    re.MULTILINE,
)
_FUNCTION = re.compile(r"\b[\w>\]]+[\s*&]+(\w+)\s*\(")
_FIELDS = ("id", "language", "text", "prompt", "solution", "test", "tests")


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a program: its standard input and the standard output that is expected."""

    input: str
    output: str

    def accepts(self, output: str) -> bool:
        """Returns whether an output is the expected one, ignoring spaces at line ends and empty lines at the end."""
        return _trim(output) == _trim(self.output)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in one language.

    Attributes:
        id: The benchmark's id of the problem.
        language: Name of the language.
        prompt: Text that a completion continues.
        solution: The benchmark's own completion; None if it has none.
        test: Assertions in the language, which run after the program; "" if there are cases.
        cases: Runs whose output is compared; empty if there is a test.
        preamble: Includes and imports that the benchmark assumes; they are put before the program.
        text: The task in words if a whole program is asked for; "" if ``prompt`` is to be continued.
    """

    id: str
    language: str
    prompt: str = ""
    solution: str | None = None
    test: str = ""
    cases: tuple[Case, ...] = ()
    preamble: str = ""
    text: str = ""

    @property
    def defined(self) -> frozenset[str]:
        """Names that the program is asked to define, taken from the prompt, or from the solution if it is empty."""
        text = _COMMENT.sub(" ", self.prompt if self.prompt.strip() else self.solution or "")
        names = {name for pair in _DEFINITION.findall(text) for name in pair if name}
        if self.language in ("c", "cpp", "java", "csharp"):  # a declaration begins with a type
            names |= set(_FUNCTION.findall(text))
        return frozenset(names)

    def complete(self, completion: str) -> str:
        """Returns the program that consists of the prompt and a completion, without the test."""
        return self.wrap(self.prompt + completion)

    def wrap(self, program: str) -> str:
        """Returns a whole program with the preamble before it, without the test."""
        return f"{self.preamble}{program}"


def read_problems(benchmark: str, path: Path | None, language: str | None = None) -> dict[str, list[Problem]]:
    """Reads a benchmark.

    Args:
        benchmark: A key of ``BENCHMARKS``.
        path: A JSON Lines file, which may be gzipped, or a folder with such files at any depth; None for the corpus.
        language: The only language to read; None for all.

    Returns:
        Language -> problems, both in a fixed order.

    Raises:
        DataError: The benchmark or the language is unknown, there are no problems, two problems of a language have the
            same id, the language is a domain, or a line is malformed (the message names its file and number).
    """
    if benchmark not in BENCHMARKS:
        raise DataError(f"unknown benchmark {benchmark!r}: {suggest(benchmark, BENCHMARKS)}")
    wanted = get_language(language).name if language else None
    found: dict[str, list[Problem]] = {}
    for problem in BENCHMARKS[benchmark](path):
        if wanted in (None, problem.language):
            found.setdefault(problem.language, []).append(problem)
    if not found:
        where = f"{path}: " if path else ""
        raise DataError(f"{where}no problems of {benchmark}" + (f" in {wanted}" if wanted else ""))
    if domains := [name for name in found if get_language(name).domain_of]:
        raise DataError(
            f"{path}: {', '.join(domains)}: programs of a domain are not run (docs/domains.md); name the language"
        )
    for name, problems in found.items():
        id_, count = Counter(problem.id for problem in problems).most_common(1)[0]
        if count > 1:
            raise DataError(f"{count} problems in {name} have the id {id_!r}: an id must be unique in its language")
        problems.sort(key=lambda problem: _natural(problem.id))
    return {name: found[name] for name in LANGUAGES if name in found}


def read_language(place: str, name: str) -> str:
    """Returns the canonical name of the language that a line names.

    Raises:
        DataError: The language is not known; the message begins with the place.
    """
    try:
        return get_language(name).name
    except DataError as error:
        raise DataError(f"{place}: {error}") from None


def _humaneval_x(path: Path | None) -> Iterator[Problem]:
    for place, record in _records(path):
        if "entry_point" in record and "language" in record:  # a translation by MBXP's authors
            yield from _of_mbxp(place, record)
            continue
        id_ = _text(place, record, "task_id")
        language = _known_language(id_.partition("/")[0])
        if language not in STUDY_LANGUAGES:
            continue  # the benchmark also has Rust, and Go, whose tests need a package that does not come with Go
        yield Problem(
            id=id_,
            language=language,
            prompt=_text(place, record, "prompt"),
            solution=_text(place, record, "canonical_solution"),
            test=_text(place, record, "test"),
            preamble=_PREAMBLES.get(language, ""),
        )


def _mbxp(path: Path | None) -> Iterator[Problem]:
    for place, record in _records(path):
        yield from _of_mbxp(place, record)


def _of_mbxp(place: str, record: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields the problem of a line in MBXP's form, or nothing if its language is not known."""
    language = _known_language(_text(place, record, "language"))
    if language is None:
        return
    test = _text(place, record, "test")
    if language == "python":
        test += f"\ncheck({_text(place, record, 'entry_point')})\n"
    yield Problem(
        id=_text(place, record, "task_id"),
        language=language,
        prompt=_text(place, record, "prompt"),
        solution=_text(place, record, "canonical_solution") if record.get("canonical_solution") else None,
        test=test,
    )


def _own(path: Path | None) -> Iterator[Problem]:
    for place, record in _records(path):
        unknown = sorted(set(record) - set(_FIELDS))
        if unknown:
            raise DataError(f"{place}: unknown field {unknown[0]!r}: {suggest(unknown[0], _FIELDS)}")
        test = _text(place, record, "test") if "test" in record else ""
        cases = _cases(place, record.get("tests", []))
        if bool(test) == bool(cases):
            raise DataError(f"{place}: give either 'test' (assertions) or 'tests' (a list of input and output)")
        if record.get("text") and record.get("prompt"):
            raise DataError(f"{place}: give either 'text' (a task in words) or 'prompt' (code to go on from)")
        yield Problem(
            id=_text(place, record, "id"),
            language=read_language(place, _text(place, record, "language")),
            text=_text(place, record, "text") if "text" in record else "",
            prompt=_text(place, record, "prompt") if "prompt" in record else "",
            solution=_text(place, record, "solution") if "solution" in record else None,
            test=test,
            cases=cases,
        )


def _corpus(path: Path | None) -> Iterator[Problem]:
    if path is not None:
        raise DataError(f"the corpus is part of moesaic and takes no path, found {path}")
    from moesaic.data.corpus import load_tasks

    for task in load_tasks():
        cases = tuple(Case(test.input, test.output) for test in task.tests)
        for language, program in task.programs.items():
            yield Problem(id=task.id, language=language, solution=program, cases=cases, text=task.text)


BENCHMARKS: Mapping[str, Callable[[Path | None], Iterable[Problem]]] = {
    "humaneval-x": _humaneval_x,
    "mbxp": _mbxp,
    "corpus": _corpus,
    "own": _own,
}
"""Benchmark -> its reader; ``own`` is moesaic's JSON Lines format."""


def _records(path: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if path is None:
        raise DataError("which problems? Give the path of the benchmark's file or folder")
    files = [path]
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
        files = sorted(file for file in path.rglob("*") if file.name.endswith((".jsonl", ".jsonl.gz")))
        if not files:
            raise DataError(f"{path}: no .jsonl or .jsonl.gz file in this folder")
    for file in files:
        for number, record in read_json_lines(file):
            yield f"{file}:{number}", record


def _known_language(name: str) -> str | None:
    try:
        return get_language(name).name
    except DataError:
        return None


def _text(place: str, record: Mapping[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise DataError(f"{place}: field {field!r} must be a string, found {value!r:.80}")
    if not is_unicode(value):
        raise DataError(f"{place}: field {field!r} has half of a surrogate pair, which is not a character: correct it")
    return value


def _cases(place: str, cases: Any) -> tuple[Case, ...]:
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise DataError(f"{place}: field 'tests' must be a list of objects with 'input' and 'output'")
    return tuple(Case(_text(place, case, "input"), _text(place, case, "output")) for case in cases)


def _natural(name: str) -> list[tuple[int, str]]:
    """Returns a key that sorts numbers in a name by their value: first by their length, then by their digits."""
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part) for part in parts]


def _trim(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines
