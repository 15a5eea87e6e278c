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
    """The verdict on one program, which is one line of the rows file.

    Attributes:
        id: Id of the problem.
        language: Name of the language.
        sample: Index of the program among the samples for this problem, from 0.
        status: A value of ``Status``.
        stage: ``compile`` or ``run``.
        seconds: Wall time of the last run in seconds, or of the compilation if it failed.
        detail: Why the program did not pass; "" if it passed.
        digest: Digest of moesaic's version, the language, the program, its tests and the time limit.
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
        """True if every test passed."""
        return self.status == Status.PASSED


def append_row(path: Path, row: Row) -> None:
    """Appends one line in a single write, so that a line is complete unless the machine stops during the write.

    Raises:
        DataError: The file cannot be written.
    """
    with _errors_of(path), path.open("ab", buffering=0) as file:
        file.write((json.dumps(asdict(row)) + "\n").encode())


def known_rows(path: Path | None) -> dict[tuple[str, str, int], Row]:
    """Reads the rows that a rows file already has, and checks that the file can be written.

    A half-written last line is cut off, because the next line would otherwise be appended to it.

    Args:
        path: The file, which is created if it does not exist; None for none.

    Returns:
        (language, id, index of the sample) -> its last row.

    Raises:
        DataError: The file cannot be written, or contains something other than rows.
    """
    if path is None:
        return {}
    with _errors_of(path):
        if path.exists() and not path.is_file():
            raise DataError(f"--rows {path}: not a file to which rows can be written; choose another")
        with path.open("a+b") as file:  # opened before any program runs, to report a problem early
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
    """Returns whether a last line is a row that was cut off, not a line of some other file."""
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
    """Returns whether the values of a row have the right types, and its status is one of ``Status``."""
    texts = (row.id, row.language, row.stage, row.detail, row.digest)
    return (
        all(isinstance(text, str) for text in texts)
        and type(row.sample) is int
        and type(row.seconds) in (int, float)
        and row.status in tuple(Status)
    )
