"""Reads which programs passed, from the rows that ``moesaic execute`` wrote; for ``fresh_tests.py`` and others."""

from __future__ import annotations

from pathlib import Path

from moesaic.errors import DataError
from moesaic.execution.sandbox import Status
from moesaic.files import read_json_lines


def read_verdicts(path: Path) -> dict[tuple[str, str, int], bool]:
    """Returns (language, id, sample) -> whether the program passed, the last row deciding.

    Raises:
        DataError: The file is missing or malformed.
    """
    passed = {}
    for number, row in read_json_lines(path):
        id_, language, sample, status = (row.get(name) for name in ("id", "language", "sample", "status"))
        if (
            not isinstance(id_, str)
            or not isinstance(language, str)
            or type(sample) is not int
            or status not in tuple(Status)
        ):
            raise DataError(f"{path}:{number}: not a row of moesaic execute: id, language, sample or status is missing")
        passed[language, id_, sample] = bool(status == Status.PASSED)
    return passed


if __name__ == "__main__":
    raise SystemExit("verdict_rows.py is a part of other scripts: run fresh_tests.py")
