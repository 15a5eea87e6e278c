import errno
from pathlib import Path

import pytest

from moesaic.data.examples import Example, read_examples, write_examples
from moesaic.errors import DataError, SpaceError

EXAMPLES = [
    Example("sum", "python", "Add two numbers", "print(1 + 2)\n"),
    Example("half", "python", "Halve", "def half(x):\n    return x / 2\n", opening="def half(x):\n"),
    Example("echo", "java", "Say it again \u2028 é", "class Main {\n}\n", ({"input": "a\n", "output": "a\n"},)),
]


def test_what_is_written_is_read_back(tmp_path):
    write_examples(tmp_path / "python" / "train.jsonl", EXAMPLES)
    assert read_examples(tmp_path / "python" / "train.jsonl") == EXAMPLES


def test_examples_cannot_be_changed():
    with pytest.raises(AttributeError):
        EXAMPLES[0].code = ""


GOOD_LINE = '{"id": "1", "language": "java", "text": "t", "code": "c"}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "1", "text"', "not JSON that can be read"),
        ('["text", "code"]', "a JSON object is needed"),
        ('{"id": "1", "language": "java", "code": "c"}', "field 'text' is missing"),
        ('{"id": "1", "language": "java", "text": "t", "code": 3}', "field 'code' must be a string, found int"),
        ('{"id": "1", "language": "java", "text": "t", "code": "  "}', "field 'code' is empty"),
        (GOOD_LINE[:-1] + ', "opening": "d"}', "field 'opening' must be what 'code' begins with, found 'd'"),
        (GOOD_LINE[:-1] + ', "tests": [{"input": "1"}]}', "field 'tests' must be a list of objects"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = tmp_path / "train.jsonl"
    path.write_text(f"{GOOD_LINE}\n\n{line}\n")
    with pytest.raises(DataError, match=r"train\.jsonl:3: " + message):
        read_examples(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text("\n\n")
    with pytest.raises(DataError, match="empty"):
        read_examples(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.jsonl: cannot be read: No such file"):
        read_examples(tmp_path / "nowhere.jsonl")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"id": "\xff"}')
    with pytest.raises(DataError, match="not UTF-8: byte 8 is 0xff"):
        read_examples(path)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(SpaceError):
        write_examples(tmp_path / "train.jsonl", EXAMPLES)
