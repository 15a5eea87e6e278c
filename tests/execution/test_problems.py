from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from published_problems import HUMANEVAL_X, MBXP, write_folder

from moesaic.data.corpus import CORPUS_LANGUAGES
from moesaic.errors import DataError
from moesaic.execution.problems import Case, Problem, read_problems

OWN = {
    "id": "twice",
    "language": "py",
    "prompt": "def twice(x):\n",
    "solution": "    return 2 * x\n",
    "test": "assert twice(2) == 4",
}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def shared(name: str) -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent.parent / "shared" / name).exists():
            return parent.parent / "shared" / name
    pytest.skip(f"no shared/{name} beside this checkout")


def test_own_format(tmp_path: Path) -> None:
    stdio = {"id": "echo", "language": "C++", "tests": [{"input": "1\n", "output": "1\n"}]}
    found = read_problems("own", write(tmp_path / "mine.jsonl", OWN, stdio))
    assert list(found) == ["python", "cpp"]
    assert found["python"][0].complete("    return 2 * x\n") == "def twice(x):\n    return 2 * x\n"
    assert found["python"][0].test == "assert twice(2) == 4"
    assert found["cpp"] == [Problem(id="echo", language="cpp", cases=(Case("1\n", "1\n"),))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tests": [{"input": "", "output": ""}]}, "give either 'test'"),
        ({"test": ""}, "give either 'test'"),
        ({"language": "pyhton"}, "did you mean python"),
        ({"soluton": "x"}, "did you mean solution"),
        ({"id": 7}, "field 'id' must be a string, found 7"),
        ({"prompt": "x = '\ud800'"}, "field 'prompt' has half of a surrogate pair"),
        ({"test": "", "tests": [{"input": "1"}]}, "field 'output' must be a string"),
        ({"test": "", "tests": "1"}, "must be a list of objects"),
    ],
)
def test_malformed_problem_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write(tmp_path / "mine.jsonl", {**OWN, **change})
    with pytest.raises(DataError, match=message):
        read_problems("own", path)


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(OWN) + "\n{\n")
    with pytest.raises(DataError, match=r"mine\.jsonl:2: not JSON"):
        read_problems("own", path)


def test_a_line_that_is_not_an_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a JSON object is needed, found list"):
        read_problems("own", write(tmp_path / "mine.jsonl", [1]))


def test_truncated_gzip_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(DataError, match="cannot be read"):
        read_problems("own", path)


def test_paths_and_names_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean humaneval-x"):
        read_problems("humaneval", tmp_path)
    with pytest.raises(DataError, match="No such file"):
        read_problems("mbxp", tmp_path / "absent")
    with pytest.raises(DataError, match=r"no \.jsonl"):
        read_problems("mbxp", tmp_path)
    with pytest.raises(DataError, match="which problems"):
        read_problems("mbxp", None)
    with pytest.raises(DataError, match="takes no path"):
        read_problems("corpus", tmp_path)
    with pytest.raises(DataError, match="no problems of own in java"):
        read_problems("own", write(tmp_path / "mine.jsonl", OWN), "java")


def test_natural_order_and_gzip(tmp_path: Path) -> None:
    lines = "".join(json.dumps({**OWN, "id": f"task {number}"}) + "\n" for number in (10, 9, 1))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "mine.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert [problem.id for problem in read_problems("own", tmp_path)["python"]] == ["task 1", "task 9", "task 10"]


@pytest.mark.parametrize(
    ("output", "accepted"),
    [("1\n2\n", True), ("1  \n2\n\n\n", True), ("1\n2", True), ("1\n\n2\n", False), (" 1\n2\n", False)],
)
def test_output_is_compared_up_to_trailing_space(output: str, accepted: bool) -> None:
    assert Case("", "1\n2\n").accepts(output) is accepted


def test_corpus_has_every_one_of_its_languages() -> None:
    found = read_problems("corpus", None)
    assert set(found) == set(CORPUS_LANGUAGES)
    assert all(problem.cases and problem.solution for group in found.values() for problem in group)


def test_humaneval_x_layout(tmp_path: Path) -> None:
    found = read_problems("humaneval-x", write_folder(tmp_path, HUMANEVAL_X))
    assert list(found) == ["python", "java", "javascript", "cpp"]  # tests in Go need a package that is not its own
    records = {record["task_id"]: record for record in HUMANEVAL_X}
    for problem in (problem for group in found.values() for problem in group):
        record = records[problem.id]
        assert (problem.prompt, problem.test) == (record["prompt"], record["test"])
        assert problem.solution == record["canonical_solution"]
    assert [problem.id for problem in read_problems("humaneval-x", tmp_path, "java")["java"]] == ["Java/0"]


def test_mbxp_layout(tmp_path: Path) -> None:
    found = read_problems("mbxp", write_folder(tmp_path, MBXP))
    assert list(found) == ["python", "javascript"]
    assert found["python"][0].test == MBXP[0]["test"] + "\ncheck(twice)\n"  # published without the call
    assert found["python"][0].solution == MBXP[0]["canonical_solution"]
    assert found["javascript"][0].solution is None


def test_humaneval_x_as_published() -> None:
    found = read_problems("humaneval-x", shared("humaneval-x"))
    assert {language: len(group) for language, group in found.items()} == {
        "python": 164, "java": 164, "javascript": 164, "cpp": 164,
    }  # fmt: skip
    assert all(problem.solution and problem.test and problem.prompt for group in found.values() for problem in group)


def test_mbxp_as_published() -> None:
    found = read_problems("mbxp", shared("mbxp"))
    assert set(found) == {"python", "java", "javascript", "cpp"}
    assert all(problem.test.rstrip().endswith(")") for problem in found["python"])
    assert sum(problem.solution is None for problem in found["python"]) == 0


@pytest.mark.parametrize("folder", ["mbxp", "humaneval"])
def test_further_languages_of_mbxp_as_published(folder: str) -> None:
    found = read_problems("mbxp", shared("multilingual") / folder)
    assert set(found) == {"php", "ruby", "typescript", "go"}  # Perl is no language of ours
    assert all(problem.test and problem.prompt for group in found.values() for problem in group)
    assert all(problem.defined for problem in found["go"])


def test_an_id_is_unique_in_its_language(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 problems in python have the id 'twice'"):
        read_problems("own", write(tmp_path / "mine.jsonl", OWN, OWN))
    other = {**OWN, "language": "php"}
    assert len(read_problems("own", write(tmp_path / "mine.jsonl", OWN, other))) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, ":1: not JSON that can be read: nested deeper than 100"),
        (b"\xff\xfe\x00", ":1: not JSON"),
        (json.dumps({**OWN, "language": "pyhton"}).encode(), ":1: unknown language 'pyhton'"),
        (json.dumps({**OWN, "test": 0, "tests": [{"input": "", "output": ""}]}).encode(), ":1: field 'test' must"),
        (json.dumps({**OWN, "test": "", "tests": {"input": ""}}).encode(), ":1: field 'tests' must be a list"),
        (json.dumps({**OWN, "test": "", "tests": [{"input": 3, "output": ""}]}).encode(), ":1: field 'input' must be"),
    ],
)
def test_the_line_is_named_whatever_is_in_it(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_problems("own", path)


def test_problems_are_in_the_order_of_the_numbers_in_their_ids(tmp_path: Path) -> None:
    ids = ["p10", "p9", "p" + "9" * 5000, "p007", "p1x2", "p1x10", "p\u0663", "p"]
    path = write(tmp_path / "mine.jsonl", *({**OWN, "id": id_} for id_ in ids))
    order = [problem.id for problem in read_problems("own", path)["python"]]
    assert order == ["p", "p1x2", "p1x10", "p007", "p9", "p10", "p" + "9" * 5000, "p\u0663"]


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(OWN).encode())
    assert read_problems("own", path)["python"][0].id == "twice"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(json.dumps(OWN).encode() * 100)[:-20])
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(json.dumps(OWN).encode() * 100)[:20] + b"\xff" * 40)
    for path in (tmp_path / "absent.jsonl", tmp_path / ("long" * 100), cut, broken):
        with pytest.raises(DataError, match="cannot be read"):
            read_problems("own", path)


def test_humaneval_of_mbxps_authors_is_humaneval(tmp_path: Path) -> None:
    line = {
        "task_id": "HumanEval_ruby/0",
        "language": "ruby",
        "prompt": "def twice(x)\n",
        "entry_point": "twice",
        "test": "raise StandardError if twice(2) != 4",
        "canonical_solution": None,
    }
    write(tmp_path / "HumanEval_ruby.jsonl", line)
    write(tmp_path / "other.jsonl", line | {"language": "cobol"})
    assert read_problems("humaneval-x", tmp_path) == {
        "ruby": [Problem("HumanEval_ruby/0", "ruby", prompt=line["prompt"], test=line["test"])]
    }
