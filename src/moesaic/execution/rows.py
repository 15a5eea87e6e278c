"""The rows file: one JSON line per verdict, appended as programs finish, so that a stopped run can continue."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from moesaic.errors import DataError
from moesaic.execution.sandbox import Status
from moesaic.files import parse_json

__all__ = ["Row", "append_row", "known_rows"]

_BEGINNING = b'{"id": "'


@dataclass(frozen=True, slots=True)
class Row:
    """The verdict on one program; a line of the rows file.

    Attributes:
        id: The problem's.
        language: Name of the language.
        sample: Number of the program among those for this problem, from 0.
        status: A value of ``Status``.
        stage: ``compile`` or ``run``.
        seconds: Time on the wall of the last run (of the compilation, where that failed).
        detail: Why it did not pass.
        digest: Of moesaic's version, program, tests and time limit.
    """

    id: str
    language: str
    sample: int
    status: str
    stage: str
    seconds: float
    detail: str
    digest: str

    @property
    def passed(self) -> bool:
        """True when every test passed."""
        return self.status == Status.PASSED


def append_row(path: Path, row: Row) -> None:
    """Appends one line in one write, so that a line is there whole or not at all unless the machine stops in it.

    Raises:
        DataError: The file cannot be written to.
    """
    with _errors_of(path), path.open("ab", buffering=0) as file:
        file.write((json.dumps(asdict(row)) + "\n").encode())


def known_rows(path: Path | None) -> dict[tuple[str, str, int], Row]:
    """Reads what a rows file holds already, and makes sure that it can be written to.

    A half-written last line is cut off, because the next line would be glued to it.

    Args:
        path: The file, made if it is not there; None for none.

    Returns:
        Language, id and number of the sample -> its last row.

    Raises:
        DataError: The file cannot be written to, or holds something else.
    """
    if path is None:
        return {}
    with _errors_of(path):
        if path.exists() and not path.is_file():
            raise DataError(f"--rows {path}: not a file to which rows can be written; choose another")
        with path.open("a+b") as file:  # before anything runs, so that a file that cannot be written to costs nothing
            file.seek(0)
            content = file.read()
            end = content.rfind(b"\n") + 1
            if _is_half_written(content[end:]):
                content = content[:end]
            rows = {(row.language, row.id, row.sample): row for row in _parse_rows(path, content)}
            file.truncate(len(content))
            if content and not content.endswith(b"\n"):
                file.write(b"\n")
    return rows


def _is_half_written(line: bytes) -> bool:
    """Tells a row that was cut off from the last line of a file that is none of ours."""
    try:
        parse_json(line)
    except ValueError:
        return _BEGINNING.startswith(line[: len(_BEGINNING)])
    return False


@contextlib.contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"--rows {path}: cannot be written: {error.strerror}") from error


def _parse_rows(path: Path, content: bytes) -> Iterator[Row]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            row = Row(**parse_json(line))
        except (ValueError, TypeError):
            row = None
        if row is None or not _is_sound(row):
            raise DataError(f"{path}:{number}: not a row of moesaic execute; choose another --rows file")
        yield row


def _is_sound(row: Row) -> bool:
    """Says whether a row that was read has the types and one of the statuses that a verdict has."""
    texts = (row.id, row.language, row.stage, row.detail, row.digest)
    return (
        all(isinstance(text, str) for text in texts)
        and type(row.sample) is int
        and type(row.seconds) in (int, float)
        and row.status in tuple(Status)
    )
