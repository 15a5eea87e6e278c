"""Rows say which programs passed; a row that lacks something is refused."""

import json

import pytest
from verdict_rows import read_verdicts

from moesaic.errors import DataError

ROW = {"id": "MBPP/1", "language": "python", "sample": 0, "status": "passed"}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_last_row_of_a_program_decides(tmp_path):
    rows = [ROW, ROW | {"sample": 1, "status": "wrong"}, ROW | {"language": "java"}, ROW | {"status": "timeout"}]
    assert read_verdicts(write(tmp_path / "r.jsonl", *rows)) == {
        ("python", "MBPP/1", 0): False,
        ("python", "MBPP/1", 1): False,
        ("java", "MBPP/1", 0): True,
    }


@pytest.mark.parametrize("change", [{name: None} for name in ROW] + [{"sample": True}, {"status": "good"}])
def test_what_is_no_row_is_refused(change, tmp_path):
    path = write(tmp_path / "r.jsonl", ROW, ROW | change)
    with pytest.raises(DataError, match=r"r\.jsonl:2: not a row of moesaic execute"):
        read_verdicts(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl"):
        read_verdicts(tmp_path / "none.jsonl")
