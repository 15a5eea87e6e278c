"""Reads files of rows in any supported format: JSON Lines, a JSON list, CSV, Parquet.

    .jsonl, .jsonl.gz   one JSON object per line
    .json               a list of objects, or one object per line
    .csv                a line of column names first; UTF-8, commas, double quotes (RFC 4180)
    .parquet            needs the extra ``hub``

CSV is read by Python's own reader, and every cell is kept as text. A reader that guesses types would turn the id
``007`` into a number and the program ``None`` into a missing value.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from moesaic.errors import DataError, DependencyError
from moesaic.files import LONGEST_LINE, parse_json, read_json_lines, read_text

SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".json", ".csv", ".parquet")
"""Endings of the names of files that can be read, in lower case."""

Row = tuple[str, dict[str, Any]]
"""The place of a row, ``file:line``, for error messages, and the row."""


def suffix_of(name: str) -> str | None:
    """Returns the element of ``SUFFIXES`` with which a file name ends, or None."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), None)


def read_table(path: Path, shown: str | None = None) -> Iterator[Row]:
    """Yields the rows of a file. JSON Lines, CSV and Parquet are read row by row, so that the first rows come quickly.

    Args:
        path: The file.
        shown: Name of the file in error messages; its path by default.

    Raises:
        DataError: The file cannot be read, or a row is malformed; the message names the file and the line.
        DependencyError: A Parquet file needs the extra ``hub``, which is not installed.
    """
    shown = shown or str(path)
    suffix = suffix_of(path.name)
    if suffix == ".parquet":
        return _read_parquet(path, shown)
    if suffix == ".csv":
        return _read_csv(path, shown)
    if suffix == ".json":
        return _read_json(path, shown)
    return ((f"{shown}:{number}", record) for number, record in read_json_lines(path))


def find_table(folder: Path, name: str) -> Path | None:
    """Returns the file called ``name`` in a folder, in any format, or None if there is no such file.

    Raises:
        DataError: The file exists in two formats.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(f"{' and '.join(map(str, found))} both exist, and only one would be read: remove the others")
    return found[0] if found else None


def _read_json(path: Path, shown: str) -> Iterator[Row]:
    try:
        text = read_text(path)
        if not text.lstrip().startswith("["):
            yield from _read_lines(text, shown)
            return
        rows = parse_json(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    for number, row in enumerate(rows, start=1):
        yield f"{shown}:{number}", _record(row, f"{shown}:{number}")


def _read_lines(text: str, shown: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{shown}:{number}"
        try:
            value = parse_json(line)
        except ValueError as error:
            raise DataError(
                f"{where}: not JSON that can be read ({error}): a .json file is a list of objects, or one object "
                "per line"
            ) from error
        yield where, _record(value, where)


def _record(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON object is needed, found {type(value).__name__}")
    return value


def _read_csv(path: Path, shown: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_LINE)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or []
            if twice := [name for name in names if names.count(name) > 1]:
                raise DataError(f"{shown}: the column {twice[0]!r} occurs twice: give each column a different name")
            if len(names) == 1 and (other := next((mark for mark in ";\t|" if mark in names[0]), None)):
                raise DataError(f"{shown}: the columns are separated by {other!r}, but commas are needed: {names[0]!r}")
            for row in reader:
                where = f"{shown}:{reader.line_num}"
                if None in row:
                    raise DataError(
                        f"{where}: more cells than the {len(names)} columns that are named: put a cell with commas "
                        "in it between double quotes"
                    )
                yield where, {name: value for name, value in row.items() if value is not None}
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}: not UTF-8 ({error.reason}): save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{shown}:{reader.line_num + 1}: not CSV that can be read: {error}") from error
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror})") from error


def _read_parquet(path: Path, shown: str) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise DependencyError("pyarrow", "hub", f"{shown}, which is a Parquet file") from error
    numbers = itertools.count(1)
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    yield f"{shown}:{next(numbers)}", {name: value for name, value in row.items() if value is not None}
    except (ArrowException, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{shown}: not a Parquet file that can be read ({reason})") from error
