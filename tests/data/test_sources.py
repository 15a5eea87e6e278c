import json
from types import SimpleNamespace

import pytest

from moesaic.data.columns import read_pair
from moesaic.data.examples import SPLITS
from moesaic.data.sources import is_own, read_head, read_source, source_digest
from moesaic.errors import DataError
from moesaic.languages import get_language


def options(source, languages=("python",), validation_fraction=0.1, test_fraction=0.2):
    return SimpleNamespace(
        source=str(source),
        revision=None,
        languages=languages,
        fields={},
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_splits(folder, language="python"):
    for split in SPLITS:
        write_lines(folder / language / f"{split}.jsonl", [{"id": split, "text": f"For {split}", "code": "x = 1"}])


def test_the_embedded_corpus_has_every_split():
    pairs = read_source(options("corpus", ("python", "java", "javascript", "cpp")))
    for splits in pairs.values():
        assert set(splits) == set(SPLITS)
        assert all(splits.values())
    assert {example.id for example in pairs["python"]["test"]} == {example.id for example in pairs["cpp"]["test"]}
    assert all(example.tests for example in pairs["java"]["train"])


def test_the_embedded_corpus_names_its_languages():
    with pytest.raises(DataError, match=r"corpus has no Lua: set data\.languages to some of python"):
        read_source(options("corpus", ("lua",)))


def test_json_lines_with_splits(tmp_path):
    write_splits(tmp_path)
    write_splits(tmp_path, "c++")
    pairs = read_source(options(tmp_path, ("python", "cpp")))
    assert [example.text for example in pairs["python"]["validation"]] == ["For validation"]
    assert [example.language for example in pairs["cpp"]["test"]] == ["cpp"]


def test_one_file_is_split_by_problem(tmp_path):
    records = [{"text": f"Problem {number} | for people", "code": f"x = {number}"} for number in range(400)]
    write_lines(tmp_path / "python.jsonl", records)
    write_lines(
        tmp_path / "java.jsonl", [{**record, "text": record["text"] + " in Java"} for record in reversed(records)]
    )
    pairs = read_source(options(tmp_path, ("python", "java")))
    sizes = {split: len(examples) for split, examples in pairs["python"].items()}
    assert sum(sizes.values()) == 400
    assert 250 < sizes["train"] < 310
    assert 20 < sizes["validation"] < 60
    assert 50 < sizes["test"] < 110
    for split in SPLITS:
        ids = [{example.id for example in pairs[language][split]} for language in ("python", "java")]
        assert ids[0] == ids[1]


def test_an_id_may_be_a_number_and_tests_are_read(tmp_path):
    for split in SPLITS:
        record = {"id": 7, "text": "t", "code": "c", "tests": [{"input": "1", "output": "2"}]}
        write_lines(tmp_path / "python" / f"{split}.jsonl", [record])
    (read,) = read_source(options(tmp_path))["python"]["train"]
    assert (read.id, read.tests) == ("7", ({"input": "1", "output": "2"},))


XLCOST = "pair_data_tok_full_desc_comment"


def write_xlcost(folder, name, extension, lines=2):
    for prefix in ("train", "val", "test"):
        base = folder / XLCOST / f"{name}-desc"
        base.mkdir(parents=True, exist_ok=True)
        (base / f"{prefix}-{name}-desc-tok.txt").write_text("".join(f"{prefix} text {n}\n" for n in range(lines)))
        (base / f"{prefix}-{name}-desc-tok.{extension}").write_text(
            "".join(f"{prefix} code {n}\n" for n in range(lines))
        )
        (base / f"{prefix}-{name}-map.jsonl").write_text("".join(f"{100 + n}\n" for n in range(lines)))


@pytest.mark.parametrize("below", ["", XLCOST], ids=["release", "its folder of pairs"])
def test_the_upstream_release(tmp_path, below):
    write_xlcost(tmp_path, "Python", "py")
    write_xlcost(tmp_path, "C++", "cpp")
    pairs = read_source(options(tmp_path / below, ("python", "cpp")))
    second = pairs["cpp"]["validation"][1]
    assert (second.id, second.language, second.text, second.code) == ("101", "cpp", "val text 1", "val code 1")
    assert [example.id for example in pairs["python"]["test"]] == ["100", "101"]


def test_a_folder_above_the_release_will_do(tmp_path):
    write_xlcost(tmp_path / "XLCoST_data", "Python", "py")
    assert len(read_source(options(tmp_path))["python"]["train"]) == 2


def test_files_of_the_release_must_have_as_many_lines(tmp_path):
    write_xlcost(tmp_path, "Python", "py")
    (tmp_path / XLCOST / "Python-desc" / "val-Python-map.jsonl").write_text("100\n")
    with pytest.raises(DataError, match=r"same number of lines: .*map\.jsonl 1"):
        read_source(options(tmp_path))


def test_missing_files_of_the_release_are_named(tmp_path):
    write_xlcost(tmp_path, "Python", "py")
    with pytest.raises(DataError, match=r"no Java-desc.*9 of 9 files of Java"):
        read_source(options(tmp_path, ("java",)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nowhere", "does not exist: give 'corpus', 'hub:NAME'"),
        (lambda folder: folder / "file", "is a file, but none of .jsonl"),
        (lambda folder: folder, r"no python/train\.jsonl and no python\.jsonl, \.csv or \.parquet \(it has file\)"),
    ],
    ids=["missing", "file", "folder of something else"],
)
def test_a_source_that_is_none(tmp_path, make, message):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=message):
        read_source(options(make(tmp_path)))


def test_a_missing_split_is_named(tmp_path):
    write_splits(tmp_path)
    (tmp_path / "python" / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"test\.jsonl is missing"):
        read_source(options(tmp_path))


def test_an_empty_split_is_named(tmp_path):
    write_splits(tmp_path)
    (tmp_path / "python" / "validation.jsonl").write_text("")
    with pytest.raises(DataError, match=r"the validation split of python is empty.*validation\.jsonl has no rows"):
        read_source(options(tmp_path))


def test_a_bad_line_is_named(tmp_path):
    write_splits(tmp_path)
    (tmp_path / "python" / "train.jsonl").write_text('{"text": "t", "code": "c"}\n{"text": "t"}\n')
    with pytest.raises(DataError, match=r"train\.jsonl:2: field 'code' is missing"):
        read_source(options(tmp_path))


def test_an_unknown_language_is_refused():
    with pytest.raises(DataError, match="unknown language 'pyhton': did you mean python"):
        read_source(options("corpus", ("pyhton",)))


def test_the_digest_follows_the_files(tmp_path):
    write_splits(tmp_path)
    before = source_digest(options(tmp_path))
    assert source_digest(options(tmp_path)) == before
    write_lines(tmp_path / "python" / "test.jsonl", [{"text": "other", "code": "c"}])
    assert source_digest(options(tmp_path)) != before
    assert source_digest(options("corpus")) == source_digest(options("corpus")) != source_digest(options("hub:corpus"))
    write_xlcost(tmp_path / "release", "Python", "py")
    assert source_digest(options(tmp_path / "release")) != before


def test_rows_with_one_id_are_the_cause_of_an_empty_split(tmp_path):
    write_lines(tmp_path / "python.jsonl", [{"id": "x", "text": f"T {n}", "code": f"x = {n}"} for n in range(30)])
    with pytest.raises(DataError, match="30 examples have 1 id between them") as caught:
        read_source(options(tmp_path))
    assert "fraction" not in str(caught.value)


def test_too_few_problems_are_the_cause_of_an_empty_split(tmp_path):
    write_lines(tmp_path / "python.jsonl", [{"id": n, "text": f"T {n}", "code": f"x = {n}"} for n in range(2)])
    with pytest.raises(DataError, match=r"Its 2 examples went to .*raise data\.[a-z]+_fraction"):
        read_source(options(tmp_path))


@pytest.mark.parametrize("number", [3, 4, 8, 40])
def test_few_problems_fill_every_split_alike_in_all_languages(tmp_path, number):
    for name in ("python", "java"):
        rows = [{"id": n, "text": f"T {n}", "code": f"x = {n};"} for n in range(number)]
        write_lines(tmp_path / f"{name}.jsonl", [*rows, {"id": 1, "text": "T 1", "code": "y = 1;"}])
    python, java = read_source(options(tmp_path, ("python", "java"))).values()
    ids = {split: {example.id for example in examples} for split, examples in python.items()}
    assert ids == {split: {example.id for example in examples} for split, examples in java.items()}
    assert all(ids.values())
    assert sum(map(len, ids.values())) == number  # no problem is in two splits
    assert sum(map(len, python.values())) == number + 1


def test_only_an_empty_split_moves_a_problem(tmp_path):
    rows = [{"id": n, "text": f"T {n}", "code": f"x = {n}"} for n in range(400)]
    write_lines(tmp_path / "python.jsonl", rows)
    before = read_source(options(tmp_path))["python"]
    assert 50 < len(before["test"]) < 110
    write_lines(tmp_path / "python.jsonl", rows[:300])
    after = read_source(options(tmp_path))["python"]
    for split, examples in after.items():
        assert {example.id for example in examples} <= {example.id for example in before[split]}


def test_fields_may_have_other_names(tmp_path):
    write_lines(tmp_path / "python.jsonl", [{"task": f"T {n}", "solution": f"x = {n}"} for n in range(90)])
    named = options(tmp_path)
    named.fields = {"text": "task", "code": "solution"}
    first = read_source(named)["python"]["train"][0]
    assert (first.text[:2], first.code[:4]) == ("T ", "x = ")
    named.fields = {"code": "solution"}
    with pytest.raises(DataError, match="field 'text' is missing"):
        read_source(named)


FENCED = "Here it is:\n\n```python\nx = 1\n```\nDone."


@pytest.mark.parametrize(
    ("record", "text", "code"),
    [
        ({"instruction": "Set x", "input": "", "output": "x = 1"}, "Set x", "x = 1\n"),
        ({"instruction": "Set x", "input": "to 1", "output": FENCED}, "Set x\n\nto 1", "x = 1\n"),
        (
            {
                "messages": [
                    {"role": "system", "content": "Be brief"},
                    {"role": "user", "content": "Set x"},
                    {"role": "assistant", "content": FENCED},
                    {"role": "user", "content": "Thanks"},
                ]
            },
            "Set x",
            "x = 1\n",
        ),
        ({"text": "T", "code": "y = 1", "messages": 3, "instruction": "I", "output": "O"}, "T", "y = 1"),
    ],
)
def test_chats_and_alpaca_are_read_by_their_fields(record, text, code):
    example = read_pair(record, "file:1", get_language("python"))
    assert (example.text, example.code) == (text, code)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"messages": "hi"}, "file:1: field 'messages' must be a list"),
        ({"messages": [{"role": "user", "content": "x"}]}, "no turn of the user"),
        ({"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}, "field 'content' is missing"),
        ({"instruction": "I", "output": 3}, "field 'output' must be a string"),
        ({"instruction": "I", "output": "```\n```"}, "field 'code' is empty"),
        ({"prompt": "I"}, "field 'text' is missing"),
    ],
)
def test_a_record_of_another_form_is_named(record, says):
    with pytest.raises(DataError, match=says):
        read_pair(record, "file:1", get_language("python"))


def test_one_table_of_several_languages(tmp_path):
    lines = ["task,solution,lang\n"]
    lines += [f"T {n},{code} = {n},{lang}\n" for n in range(90) for lang, code in (("Python", "x"), ("C++", "int x"))]
    (tmp_path / "pairs.csv").write_text("".join(lines))
    table = options(tmp_path / "pairs.csv", ("python", "cpp"))
    table.fields = {"text": "task", "code": "solution"}
    pairs = read_source(table)
    assert {language: sum(map(len, splits.values())) for language, splits in pairs.items()} == {"python": 90, "cpp": 90}
    assert pairs["cpp"]["train"][0].code.startswith("int x")
    assert is_own(table.source)
    head, is_whole = read_head(table, "python", 20)
    assert (len(head["one file"]), is_whole) == (10, False)
    # A head of rows in languages that nobody knows is no reason to refuse the table.
    strange = [f"A {n},mov,Assembly\n" for n in range(30)]
    (tmp_path / "pairs.csv").write_text("".join([lines[0], *strange, *lines[1:]]))
    assert sum(map(len, read_head(table, "python", 20)[0].values())) == 90
    (tmp_path / "pairs.csv").write_text("".join(lines))
    before = source_digest(table)
    (tmp_path / "pairs.csv").write_text("".join(lines[:-1]))
    assert source_digest(table) != before


def test_tables_of_every_format_by_language(tmp_path):
    write_splits(tmp_path)
    (tmp_path / "java.csv").write_text("text,code\n" + "".join(f"T {n},x\n" for n in range(90)))
    pairs = read_source(options(tmp_path, ("python", "java")))
    assert sum(map(len, pairs["java"].values())) == 90


def test_the_head_is_read_with_the_names_of_the_fields(tmp_path):
    write_lines(tmp_path / "python.jsonl", [{"task": f"T {n}", "solution": f"x = {n}"} for n in range(90)])
    named = options(tmp_path)
    named.fields = {"text": "task", "code": "solution"}
    head, is_whole = read_head(named, "python", 5)
    assert ([example.text for example in head["one file"]], is_whole) == (["T 0", "T 1", "T 2", "T 3", "T 4"], False)
