"""Files: bounded readers, writers that leave the old or the whole new file."""

import errno
import gzip
import json
import math
import os
import shutil
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic import files
from moesaic.errors import CheckpointError, DataError, SpaceError
from moesaic.files import (
    DEEPEST,
    digest_of,
    file_digest,
    parse_json,
    read_json,
    read_json_lines,
    read_json_object,
    read_text,
    replacing,
    require_space,
    space_errors,
    text_digest,
    write_json,
    write_json_lines,
    write_text,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


READERS = {
    "read_json": (read_json, CheckpointError),
    "read_json_lines": (lambda path: list(read_json_lines(path)), DataError),
    "read_text": (read_text, (OSError, ValueError)),
}
readers = pytest.mark.parametrize(("read", "error"), READERS.values(), ids=READERS)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_digest_ignores_the_order_of_keys(value):
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_digest_sees_every_change():
    assert len({digest_of(value) for value in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, [1], {})}) == 6


def test_file_digest_is_sha256(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_json_round_trip_leaves_no_partial(tmp_path):
    value = {"ü": [1, 2.5, None], "b": {"c": "\u2028"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_numbers_that_are_not_finite_become_null(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": math.inf, "b": [math.nan, (1.0, -math.inf)]})
    assert "Infinity" not in path.read_text()
    assert read_json(path) == {"a": None, "b": [None, [1.0, None]]}


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        write_json(path, {"new": object()})
    assert read_json(path) == {"old": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_broken_json_is_named(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.json cannot be read as JSON"):
        read_json(tmp_path / "x.json")


def test_missing_json_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), RuntimeError("No space left on device")]
)
def test_a_full_disk_is_named(tmp_path, error):
    with pytest.raises(SpaceError, match="no space left on the device"), space_errors(tmp_path):
        raise error


def test_other_errors_pass(tmp_path):
    with pytest.raises(PermissionError), space_errors(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_require_space(tmp_path, monkeypatch):
    require_space(tmp_path / "not" / "there", 1, "the export")
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    with pytest.raises(SpaceError, match=r"the export needs 2\.0 GiB .* but only 1\.0 GiB are free"):
        require_space(tmp_path / "not" / "there", 2**31, "the export")


@given(JSON)
def test_what_is_written_is_read(value):
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, indent=1).encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "beyond the range of floats"),
        ("[" + "9" * 301 + "]", "has 301 digits, at most 300 are read"),
        ("9" * 100_000, "has 100,000 digits"),
        ('{"a": 1, "b": {"c": 2, "c": 3}}', "the key 'c' occurs twice"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested deeper than 100"),
        ('{"a":' * 101 + "1" + "}" * 101, "nested deeper than 100"),
        ("[" * 1_000_000, "nested deeper than 100"),
        ('{"a": }', "Expecting value at column 7"),
        ('{\n"a": }', "Expecting value at line 2, column 6"),
        (b"\xff\xfe{\x00}\x00", "UTF-16 text: save it as UTF-8"),
        (b'["\xe9"]', "not UTF-8: byte 2 is 0xe9"),
        (b'["\xed\xa0\x80"]', "not UTF-8: byte 2 is 0xed"),
        ("", "Expecting value at column 1"),
    ],
)
def test_what_is_no_plain_json_is_refused_by_name(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_what_looks_odd_and_is_json():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == parse_json('\ufeff{"a": 1}') == {"a": 1}
    assert parse_json('"[[[["') == "[[[["
    deepest = parse_json("[" * DEEPEST + "]" * DEEPEST + " ")
    assert json.dumps(deepest) == "[" * DEEPEST + "]" * DEEPEST
    assert parse_json(json.dumps(["[" * 500])) == ["[" * 500]
    assert parse_json("[" + "[],{}," * 500 + "1]")[:2] == [[], {}]
    assert parse_json("9" * 300) == int("9" * 300)
    assert parse_json(r'"\ud800"') == "\ud800"


@readers
def test_what_is_no_regular_file_is_refused(tmp_path, read, error):
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for a writer, for ever
    with pytest.raises(error, match="is a pipe, a file is needed"):
        read(tmp_path / "pipe")
    with pytest.raises(error, match="is a folder, a file is needed"):
        read(tmp_path)
    with pytest.raises(error, match="is a device, a file is needed"):
        read(files.Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(error):
            read(tmp_path / "socket")


@readers
def test_paths_that_no_file_can_have_are_refused(tmp_path, read, error):
    for name in ("x" * 5000, "x/" * 5000, "nul\0", "\ud800", "missing", "file/below"):
        (tmp_path / "file").write_text("{}")
        with pytest.raises(error) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


@readers
def test_a_loop_of_links_is_refused(tmp_path, read, error):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(error, match="symbolic links"):
        read(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@readers
def test_a_file_that_may_not_be_read_is_refused(tmp_path, read, error):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(error, match="Permission denied"):
        read(tmp_path / "secret")


def test_a_document_beyond_the_bound_is_not_read(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)  # holes: nothing on the disk
    with pytest.raises(CheckpointError, match="larger than 64 MiB"):
        read_json(tmp_path / "x.json")
    with pytest.raises(ValueError, match="larger than 64 MiB"):
        read_text(tmp_path / "x.json")
    with pytest.raises(DataError, match=r"x\.json:1: longer than 16 MiB"):
        list(read_json_lines(tmp_path / "x.json"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" " * 2**25, r"x\.jsonl\.gz:1: longer than 16 MiB"),
        ((b" " * 2**20 + b"\n") * 32, r"unpacks to more than 16 MiB, 100 times its size"),
    ],
    ids=["one line", "many lines"],
)
def test_a_small_gz_does_not_become_a_large_file(tmp_path, content, reason):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(content, 9))
    with pytest.raises(DataError, match=reason):
        list(read_json_lines(path))


def test_a_file_has_a_bounded_number_of_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_LINES", 10)
    (tmp_path / "x.jsonl").write_text("\n" * 9 + "{}\n")
    assert list(read_json_lines(tmp_path / "x.jsonl")) == [(10, {})]
    (tmp_path / "x.jsonl").write_text("\n" * 10 + "{}\n")
    with pytest.raises(DataError, match="more than 10 lines"):
        list(read_json_lines(tmp_path / "x.jsonl"))


def test_programs_that_resemble_each_other_pack_well_and_are_read(tmp_path):
    row = json.dumps({"id": 1, "code": "for i in range(10):\n    print(i)\n" * 20})
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(f"{row}\n".encode() * 2000))
    assert sum(1 for _ in read_json_lines(path)) == 2000


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"x" + data, lambda data: data[:20] + b"\0" * 20]
)
def test_damaged_gz_is_refused(tmp_path, damage):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b'{"a": 1}\n' * 1000)))
    with pytest.raises(DataError, match=r"x\.jsonl\.gz"):
        list(read_json_lines(path))


def test_lines_are_ended_by_line_feeds_alone(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes('\ufeff{"a": "1\u2028"}\r\n\r\n  \n{"a": "2\x85"}'.encode())
    assert list(read_json_lines(path)) == [(1, {"a": "1\u2028"}), (4, {"a": "2\x85"})]


@pytest.mark.parametrize("line", ["[]", "null", "1", '"x"', "true"])
def test_a_line_must_be_an_object(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(f"{{}}\n{line}\n")
    with pytest.raises(DataError, match=r"x\.jsonl:2: a JSON object is needed"):
        list(read_json_lines(tmp_path / "x.jsonl"))
    (tmp_path / "x.json").write_text(line)
    with pytest.raises(CheckpointError, match="must hold a JSON object"):
        read_json_object(tmp_path / "x.json")


def test_a_pipe_of_the_shell_is_read(tmp_path):
    program = "from moesaic.files import *; print(list(read_json_lines(Path('/dev/stdin'))))"
    done = subprocess.run(
        [sys.executable, "-c", program], input='{"a": 1}\n', capture_output=True, text=True, check=True
    )
    assert done.stdout == "[(1, {'a': 1})]\n"


def test_lone_surrogates_survive_writing_and_reading(tmp_path):
    value = {"a\udc80": ["x\ud800", "ü"]}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    write_json_lines(tmp_path / "x.jsonl", [value, {"ü": math.nan}])
    assert [row for _, row in read_json_lines(tmp_path / "x.jsonl")] == [value, {"ü": None}]
    assert "ü" in (tmp_path / "x.jsonl").read_text(encoding="utf-8")
    write_text(tmp_path / "x.txt", "x\ud800\r\n")
    assert (tmp_path / "x.txt").read_bytes() == b"x?\r\n"
    assert len({text_digest(text) for text in ("x\ud800", "x\ud801", "x?")}) == 3


def test_a_failed_block_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")

    def fail(error):
        with replacing(path) as partial:
            partial.write_text("ne")
            raise error

    for error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error):
            fail(error)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


def test_digests_of_what_is_no_file_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a pipe"):
        file_digest(tmp_path / "pipe")
