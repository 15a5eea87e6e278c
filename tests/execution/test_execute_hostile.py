"""Benchmarks, completions and rows by strangers: read, or refused with one message, before any program runs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import amounts, draws, json_lines, soon
from moesaic.errors import ConsentError, DataError
from moesaic.execution.grading import execute, read_completions
from moesaic.execution.problems import read_problems
from moesaic.execution.rows import known_rows
from moesaic.execution.sandbox import Limits

PROBLEMS = {
    "own": [
        {
            "id": "p1",
            "language": "python",
            "prompt": "def f(x):\n",
            "solution": "    return x\n",
            "test": "assert f(1) == 1",
        },
        {"id": "p2", "language": "python", "solution": "print(input())\n", "tests": [{"input": "a", "output": "a"}]},
    ],
    "humaneval-x": [
        {"task_id": "Python/0", "prompt": "def f():", "canonical_solution": " return 1", "test": "assert f()"},
        {"task_id": "Go/7", "prompt": "", "canonical_solution": "", "test": ""},
    ],
    "mbxp": [
        {"task_id": "M/1", "language": "python", "prompt": "def f():", "test": "", "entry_point": "f"},
        {"task_id": "M/2", "language": "java", "prompt": "class A", "canonical_solution": " {}", "test": "x"},
    ],
}
COMPLETIONS = [
    {"task_id": "p1", "completion": "    return x\n", "language": "python"},
    {"id": "p2", "program": "print(1)\n"},
    {"task_id": "Python/0", "prediction": "    return 1"},
    {"task_id": "M/1", "completion": ""},
]
ROW = {
    "id": "p1",
    "language": "python",
    "sample": 0,
    "status": "passed",
    "stage": "run",
    "seconds": 0.1,
    "detail": "",
    "digest": "0",
}


class Refusing:
    """A sandbox in which nothing runs."""

    limits = Limits()

    def build(self, program):
        raise ConsentError("nothing runs here")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "fine"),
        ("status", []),
        ("sample", True),
        ("seconds", "1"),
        ("detail", None),
        ("id", 3),
        ("digest", {}),
    ],
)
def test_a_row_with_another_kind_of_value_is_none(tmp_path, field, value):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    assert len(known_rows(path)) == 1
    path.write_text(json.dumps(ROW | {field: value}) + "\n")
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not a row"):
        known_rows(path)


@pytest.mark.parametrize("language", [3, ["python"], {"a": 1}, False])
def test_a_completion_in_a_language_that_is_no_name_is_refused(tmp_path, language):
    path = tmp_path / "completions.jsonl"
    path.write_text(json.dumps({"task_id": "p1", "completion": "x", "language": language}) + "\n")
    with pytest.raises(DataError, match=r"completions\.jsonl:1: language is"):
        read_completions(path)


@amounts
def test_any_files_are_read_or_refused(tmp_path, amount):
    @draws(amount)
    @given(
        st.sampled_from(list(PROBLEMS)).flatmap(lambda name: st.tuples(st.just(name), json_lines(PROBLEMS[name]))),
        st.none() | json_lines(COMPLETIONS),
        json_lines([ROW]),
    )
    def read(benchmark, completions, rows):
        name, problems = benchmark
        (tmp_path / "problems.jsonl").write_bytes(problems)
        (tmp_path / "rows.jsonl").write_bytes(rows)
        with soon():
            known_rows(tmp_path / "rows.jsonl")
        samples = None
        with soon():
            if completions is not None:
                (tmp_path / "completions.jsonl").write_bytes(completions)
                samples = read_completions(tmp_path / "completions.jsonl")
        with soon():
            found = read_problems(name, tmp_path / "problems.jsonl")
            execute(name, found, samples, sandbox=Refusing(), workers=1, rows=tmp_path / "rows.jsonl")

    read()
