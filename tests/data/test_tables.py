"""Rows of every format, and what is said of files that are not quite one."""

import csv
import gzip
import json

import pytest

from moesaic.data.tables import find_table, read_table, suffix_of
from moesaic.errors import DataError

ROWS = [
    {"id": "007", "text": "Say nothing", "code": "None"},
    {"id": "8", "text": 'Say "hi", twice', "code": 'print("hi")\nprint("hi")\n'},
    {"id": "9", "text": "Umlaut \N{LATIN SMALL LETTER U WITH DIAERESIS}", "code": "x = 1"},
]


def write_csv(path, rows=ROWS, encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path, rows=ROWS):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra hub")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def write_lines(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_list(path, rows=ROWS):
    path.write_text(json.dumps(rows))


def write_packed(path, rows=ROWS):
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", write_lines),
        ("a.jsonl.gz", write_packed),
        ("a.json", write_list),
        ("a.json", write_lines),
        ("A.CSV", write_csv),
        ("a.parquet", write_parquet),
    ],
)
def test_every_format_has_the_same_rows(tmp_path, name, write):
    write(tmp_path / name)
    read = list(read_table(tmp_path / name))
    assert [record for _, record in read] == ROWS
    assert all(where.startswith(str(tmp_path / name) + ":") for where, _ in read)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    write_csv(tmp_path / "a.csv", encoding="utf-8-sig")
    (tmp_path / "a.json").write_text(json.dumps(ROWS), encoding="utf-8-sig")
    for name in ("a.csv", "a.json"):
        assert [record for _, record in read_table(tmp_path / name)] == ROWS


def test_what_a_row_lacks_is_not_there(tmp_path):
    (tmp_path / "a.csv").write_text("text,code\nonly\n\nboth,1\n")
    assert [record for _, record in read_table(tmp_path / "a.csv")] == [{"text": "only"}, {"text": "both", "code": "1"}]
    write_parquet(tmp_path / "a.parquet", [{"text": "t", "code": None}, {"text": "t", "code": "c"}])
    assert [sorted(record) for _, record in read_table(tmp_path / "a.parquet")] == [["text"], ["code", "text"]]


def test_a_long_program_is_one_cell(tmp_path):
    long = "x = 1\n" * 50_000
    write_csv(tmp_path / "a.csv", [{"text": "t", "code": long}])
    ((_, record),) = read_table(tmp_path / "a.csv")
    assert record["code"] == long


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"text,code\na,b,c\n", r"a\.csv:2: more cells than the 2 columns"),
        ("a.csv", b"text,text\na,b\n", r"a\.csv: the column 'text' occurs twice"),
        ("a.csv", b"text;code\na;b\n", r"a\.csv: the columns are separated by ';', but commas are needed"),
        ("a.csv", b'text,code\n"a"b,c\n', r"a\.csv:2: not CSV that can be read"),
        ("a.csv", b"text,code\n\xff,c\n", r"a\.csv: not UTF-8"),
        ("a.json", b"[1]", r"a\.json:1: a JSON object is needed, found int"),
        ("a.json", b'{"a": 1}\n{"a"', r"a\.json:2: not JSON that can be read"),
        ("a.json", b'{\n  "text": "t"\n}', r"a\.json:1: not JSON .*: a \.json file is a list of objects"),
        ("a.json", b"[{]", r"a\.json: cannot be read"),
        ("a.jsonl", b"{}\n1\n", r"a\.jsonl:2: a JSON object is needed"),
        ("a.parquet", b"PAR1 is not enough", r"a\.parquet: not a Parquet file that can be read"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        list(read_table(tmp_path / name))


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.parquet"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        list(read_table(tmp_path / name))


def test_a_table_is_found_in_whichever_format(tmp_path):
    assert find_table(tmp_path, "python") is None
    (tmp_path / "python.csv").touch()
    assert find_table(tmp_path, "python") == tmp_path / "python.csv"
    (tmp_path / "python.parquet").touch()
    with pytest.raises(DataError, match=r"python\.csv and .*python\.parquet both exist"):
        find_table(tmp_path, "python")


def test_suffixes():
    assert [suffix_of(name) for name in ("a.JSONL", "a.jsonl.gz", "a.csv", "a.txt")] == [
        ".jsonl", ".jsonl.gz", ".csv", None
    ]  # fmt: skip
