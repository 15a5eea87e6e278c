"""Defines a pair of a task and its program, and reads and writes such pairs as JSON Lines.

A prepared data folder has one file per language and split, ``<language>/{train,validation,test}.jsonl``, and every line
is an :class:`Example`. All modules that read pairs, from training to the report, use :func:`read_examples`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moesaic.errors import DataError
from moesaic.files import read_json_lines, write_json_lines

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""The splits of every data set, in the order in which they are used."""


@dataclass(frozen=True, slots=True)
class Example:
    """A task in natural language and a program that solves it.

    Attributes:
        id: Id of the problem. The same problem has the same id in every language.
        language: A name in ``moesaic.languages.LANGUAGES``.
        text: The task.
        code: Source as people would write it, with one trailing newline.
        tests: Only in the embedded corpus: ``{"input": ..., "output": ...}``, the standard input and output of a run.
        opening: Beginning of ``code``, in whole lines, that the prompt gives and the answer continues; "" if the answer
            is the whole program.
    """

    id: str
    language: str
    text: str
    code: str
    tests: tuple[dict[str, str], ...] = ()
    opening: str = ""


def read_examples(path: Path) -> list[Example]:
    """Reads a JSON Lines file of examples.

    Raises:
        DataError: The file is missing or empty, or has a line that is not an example. The message names the file and
            the line.
    """
    examples = [_example(record, where) for where, record in read_records(path)]
    if not examples:
        raise DataError(
            f"{path} is empty: it must hold at least one example; run the data stage again or change data.source"
        )
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Writes examples as JSON Lines, one object per line, with the fields in the order of :class:`Example`.

    The folder is created if necessary. The workspace makes sure that a finished folder appears atomically.

    Raises:
        SpaceError: The disk is full.
    """
    records = (asdict(example) for example in examples)
    optional = ("tests", "opening")
    write_json_lines(
        path, ({key: value for key, value in record.items() if value or key not in optional} for record in records)
    )


def read_records(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Reads a JSON Lines file of objects with ``files.read_json_lines``.

    Returns:
        One pair ``(where, object)`` per line; ``where`` is ``file:line``, for error messages.

    Raises:
        DataError: The file is missing, not UTF-8, or a line is not a JSON object.
    """
    return [(f"{path}:{number}", record) for number, record in read_json_lines(path)]


def string_field(record: dict[str, Any], name: str, where: str) -> str:
    """Returns a field that must be a non-empty string.

    Raises:
        DataError: The field is missing, not a string or blank.
    """
    if name not in record:
        raise DataError(
            f"{where}: field {name!r} is missing; the line has: {', '.join(map(repr, record)) or 'no fields'}"
        )
    value = record[name]
    if not isinstance(value, str):
        raise DataError(f"{where}: field {name!r} must be a string, found {type(value).__name__}: {str(value)[:60]}")
    if not value.strip():
        raise DataError(f"{where}: field {name!r} is empty")
    return value


def tests_field(record: dict[str, Any], where: str) -> tuple[dict[str, str], ...]:
    """Returns the optional field ``tests``: a list of objects with the strings ``input`` and ``output``.

    Raises:
        DataError: The field exists and has another form.
    """
    value = record.get("tests", [])
    if not isinstance(value, list) or not all(
        isinstance(test, dict) and isinstance(test.get("input"), str) and isinstance(test.get("output"), str)
        for test in value
    ):
        raise DataError(f"{where}: field 'tests' must be a list of objects with the strings 'input' and 'output'")
    return tuple({"input": test["input"], "output": test["output"]} for test in value)


def _example(record: dict[str, Any], where: str) -> Example:
    fields = {name: string_field(record, name, where) for name in ("id", "language", "text", "code")}
    opening = string_field(record, "opening", where) if "opening" in record else ""
    if not fields["code"].startswith(opening):
        raise DataError(f"{where}: field 'opening' must be what 'code' begins with, found {opening[:60]!r}")
    return Example(**fields, tests=tests_field(record, where), opening=opening)
