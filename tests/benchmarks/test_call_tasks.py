"""The command writes whole files that moesaic reads, the same each time, and says what is wrong in one message."""

from __future__ import annotations

import json
from pathlib import Path

import call_tasks
import pytest
from call_languages import LANGUAGES, problem_of
from call_programs import CallTask
from call_values import NoTypeError

from moesaic.data.examples import Example, write_examples
from moesaic.execution.grading import execute
from moesaic.execution.problems import read_problems
from moesaic.execution.sandbox import Sandbox

PROGRAMS = {
    "1": ("Add three to a number | driver", "def addThree(n):\n    return n + 3\nprint(addThree(4))\n"),
    "2": (
        "Find the largest number of a list",
        "def largest(a, n):\n    return max(a)\na = [4, 9, 2]\nprint(largest(a, 3))\n",
    ),
    "3": (
        "Say a number or its name",
        "def f(n):\n    return n if n > 3 else 'low'\nprint(f(9), f(1), f(4), f(2), f(5))\n",
    ),
    "4": ("Print a number and end", "def show(n):\n    print(n)\nshow(1)\n"),
    "5": ("Add three to a number", "def addThree(n):\n    return 3 + n\nprint(addThree(40))\n"),
    "6": (
        "Mean of all the numbers",
        "def mean(a):\n    return sum(a) / len(a)\nprint(mean([1, 2, 4]), mean([1, 2]))\n",
    ),
}


@pytest.fixture
def programs(tmp_path):
    path = tmp_path / "programs.jsonl"
    write_examples(path, [Example(id_, "python", text, code) for id_, (text, code) in PROGRAMS.items()])
    return path


def call(programs, out, *more, languages="python,go,rb"):
    arguments = [str(programs), "--languages", languages, "--out", str(out), "--workers", "2", *more]
    return call_tasks.main([*arguments, "--allow-code-execution"])


def test_the_tasks_are_problems_that_their_gold_solutions_pass(programs, tmp_path, capsys):
    assert call(programs, tmp_path / "out") == 0
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert counts["programs"] == 6
    assert counts["tasks"] == 4
    assert counts["languages"]["go"] == {"tasks": 3, "no_type": 1}
    assert counts["languages"]["ruby"] == {"tasks": 4, "no_type": 0}
    assert counts["left_out"] == {
        "its functions print and return nothing": 1, "there is a task of this title and function already": 1,
    }  # fmt: skip
    said = capsys.readouterr()
    assert "4 tasks of 6 programs" in said.out
    assert "go: 3 tasks; 1 left out because a parameter or the result has no one type" in said.out
    assert "no task of 1 programs because its functions print and return nothing" in said.out
    assert "6/6 programs" in said.err
    problems = read_problems("own", tmp_path / "out")
    assert {name: [problem.id for problem in group] for name, group in problems.items()} == {
        "python": ["1/python", "2/python", "3/python", "6/python"],
        "ruby": ["1/ruby", "2/ruby", "3/ruby", "6/ruby"],
        "go": ["1/go", "2/go", "6/go"],
    }
    assert [problem.solution is None for problem in problems["go"]] == [True] * 3
    with Sandbox(allow_code_execution=True) as sandbox:
        (result,) = execute("own", {"python": problems["python"]}, sandbox=sandbox)
    assert result.passed == result.total == 4


def test_the_same_seed_gives_the_same_bytes(programs, tmp_path):
    names = ("one", "again", "other")
    for name, seed in zip(names, (3, 3, 4), strict=True):
        assert call(programs, tmp_path / name, "--seed", str(seed), "--most", "2") == 0
    one, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in names
    )  # fmt: skip
    assert one == again
    assert one["go.jsonl"] != other["go.jsonl"]
    assert set(one) == {"python.jsonl", "go.jsonl", "ruby.jsonl", "counts.json"}


def test_work_ends_when_there_are_enough_tasks(programs, tmp_path):
    assert call(programs, tmp_path / "out", "--most", "1", "--inputs", "4") == 0
    (line,) = (tmp_path / "out" / "python.jsonl").read_text().splitlines()
    assert json.loads(line)["test"].count("assert ") == 5
    assert json.loads((tmp_path / "out" / "counts.json").read_text())["programs"] == 1


def test_a_gold_solution_that_remembers_earlier_calls_is_left_out(programs, tmp_path):
    best = "most = 0\ndef f(a):\n    global most\n    most = max([most, *a])\n    return most\nprint(f([4, 9, 2]))\n"
    with programs.open("a") as file:
        row = {"id": "7", "language": "python", "text": "Find the most of a list", "code": best}
        file.write(json.dumps(row) + "\n")
    assert call(programs, tmp_path / "out") == 0
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    reason = "its gold solution fails the test, most often because it remembers earlier calls"
    assert (counts["tasks"], counts["left_out"][reason]) == (4, 1)


def test_tasks_that_mbxp_measures_are_left_out(programs, tmp_path):
    def row(number, name):
        prompt = f"def {name}(n):\n"
        return {"task_id": f"MBPP/{number}", "language": "python", "prompt": prompt, "test": "", "entry_point": name}

    (tmp_path / "mbxp").mkdir()
    rows = [row(10, "Add_Three"), row(15, "LARGEST"), row(16, "mean")]
    (tmp_path / "mbxp" / "mbpp_release_v1.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert call(programs, tmp_path / "out", "--mbxp", str(tmp_path / "mbxp")) == 0
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert counts["tasks"] == 2
    assert counts["left_out"]["a test or validation task of MBXP has a function of this name"] == 3


def test_a_stopped_command_leaves_nothing(programs, tmp_path, monkeypatch):
    made = call_tasks.make_task

    def stopped(example, *rest):
        if example.id == "3":
            raise KeyboardInterrupt
        return made(example, *rest)

    monkeypatch.setattr(call_tasks, "make_task", stopped)
    with pytest.raises(KeyboardInterrupt):
        call(programs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stop_while_writing_leaves_whole_files(programs, tmp_path, monkeypatch):
    written = call_tasks.write_json_lines

    def stopped(path, rows):
        if path.stem == "go":
            rows = (row if place == 0 else (_ for _ in ()).throw(OSError("full")) for place, row in enumerate(rows))
        written(path, rows)

    monkeypatch.setattr(call_tasks, "write_json_lines", stopped)
    assert call(programs, tmp_path / "out") == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["python.jsonl"]
    assert len(read_problems("own", tmp_path / "out")["python"]) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl", "--languages", "go", "--out", "out"], "missing.jsonl"),
        (["java.jsonl", "--languages", "go", "--out", "out"], "programs in Python are needed, found some in java"),
        (["humaneval.jsonl", "--languages", "go", "--out", "out"], "holds HumanEval"),
        (["renamed.jsonl", "--languages", "go", "--out", "out"], "holds HumanEval"),
        (["prints.jsonl", "--languages", "go", "--out", "out"], "none of 1 programs gives a task: 1 because"),
        (["prints.jsonl", "--languages", "go", "--out", "prints.jsonl"], "cannot be written"),
        (["prints.jsonl", "--languages", "cobol", "--out", "out"], "unknown language 'cobol'"),
        (["prints.jsonl", "--languages", "go,lua", "--out", "out"], "lua: tasks can be written in python, ruby, go"),
        (["prints.jsonl", "--languages", "go", "--out", "out", "--mbxp", "nowhere"], "--mbxp"),
        (["prints.jsonl", "--languages", ",", "--out", "out"], "at least one language is needed"),
        (["prints.jsonl", "--languages", "go", "--out", "out", "--inputs", "0"], "a whole number of at least 1"),
        (["prints.jsonl", "--languages", "go", "--out", "out", "--most", "x"], "a whole number of at least 1"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_message(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = PROGRAMS["4"][1]
    write_examples(Path("java.jsonl"), [Example("1", "java", "a", "b")])
    write_examples(Path("humaneval.jsonl"), [Example("1", "python", "a", code)])
    write_examples(Path("renamed.jsonl"), [Example("HumanEval/1", "python", "a", code)])
    write_examples(Path("prints.jsonl"), [Example("1", "python", PROGRAMS["4"][0], code)])
    try:
        ended = call_tasks.main([*arguments, "--allow-code-execution"])
    except SystemExit as error:
        ended = error.code
    assert ended == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_nothing_runs_without_consent(programs, tmp_path, capsys):
    assert call_tasks.main([str(programs), "--languages", "go", "--out", str(tmp_path / "out")]) == 2
    assert "allow it with --allow-code-execution" in capsys.readouterr().err


def test_prompts_have_the_form_of_each_language():
    calls = ((([1, 2], "a"), True), (([], "b"), False))
    task = CallTask("7", "Does a list have it?", "hasIt", ("values", "N"), calls, "    return True\n")
    prompts = {name: problem_of(task, name)["prompt"] for name in LANGUAGES}
    ends = {
        "python": '    False\n    """\n',
        "ruby": "# => false\ndef has_it(values, n)\n",
        "go": "// >>> false\nfunc has_it(values []int, n string) bool {\n",
        "php": " * false\n */\nfunction hasIt($values, $n) {\n",
        "typescript": " * >>> false\n */\nconst has_it = function (values: Array<number>, n: string): boolean {\n",
        "javascript": " * false\n */\nfunction hasIt(values, n) {\n",
        "java": "     * false\n     */\n    public static boolean hasIt(List<Integer> values, String n) {\n",
        "cpp": " * false\n */\nbool hasIt(vector<int> values, string n) {\n",
    }
    for name, prompt in prompts.items():
        assert prompt.endswith(ends[name])
        assert prompt.count("Does a list have it?") == 1
    assert prompts["python"].startswith(
        'def hasIt(values, N):\n    """\n    Does a list have it?\n    >>> hasIt([1, 2], \'a\')'
    )
    assert "\nclass HasIt {\n" in prompts["java"]
    assert '> hasIt({1, 2}, "a")' in prompts["cpp"]
    mixed = CallTask("8", "Mixed", "mixed", ("x",), (((1,), True), ((2,), 3)), "")
    assert problem_of(mixed, "php")["id"] == "8/php"
    with pytest.raises(NoTypeError):
        problem_of(mixed, "cpp")
