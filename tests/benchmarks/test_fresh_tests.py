"""Programs that know only the tests of a benchmark are found out."""

import json

import pytest
from fresh_tests import main

PROMPT = "def double(n):\n    # Twice the number.\n"
TEST = "def check(f):\n    assert f(3) == 6\n    assert f(20) == 40\n    assert f(7) == 14\n"
RIGHT, KNOWN = "    return 2 * n\n", "    return {3: 6, 20: 40, 7: 14}.get(n, 0)\n"
SLOW, WRONG = "    while n not in (3, 20, 7): pass\n    return n + n\n", "    return n\n"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command line with two made-up tasks and programs; returns the exit code and what it printed."""
    record = {
        "prompt": PROMPT,
        "language": "python",
        "entry_point": "double",
        "canonical_solution": RIGHT,
        "test": TEST,
    }
    records = [record | {"task_id": f"MBPP/{number}"} for number in (1, 2)]
    problems = write(
        tmp_path / "mbpp.jsonl", [*records, record | {"task_id": "MBPP/3", "test": TEST.replace("==", ">=")}]
    )
    completions = write(
        tmp_path / "c.jsonl",
        [
            {"task_id": id_, "completion": text}
            for id_, text in (
                ("MBPP/1", RIGHT),
                ("MBPP/1", KNOWN),
                ("MBPP/2", WRONG),
                ("MBPP/2", KNOWN),
                ("MBPP/3", RIGHT),
            )
        ],
    )

    def run(*options, files=(completions,), consent=("--allow-code-execution",)):
        monkeypatch.setattr(
            "sys.argv", ["fresh_tests.py", "mbxp", str(problems), *map(str, (*files, *options)), *consent]
        )
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_command_finds_programs_that_know_the_tests_only(command, tmp_path):
    code, out, _ = command("--list", "--inputs", "12", "--out", tmp_path / "out.json")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("2 tasks with ")
    assert "1 because the test does more with a result" in lines[0]
    assert lines[1].endswith("c.jsonl: 2 of 3 programs that passed fail on a fresh input")
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["MBPP/1, sample 1", "MBPP/2, sample 1"]
    assert "returned 0, expected " in lines[2]
    written = json.loads((tmp_path / "out.json").read_text())
    assert [task["id"] for task in written["tasks"]] == ["MBPP/1", "MBPP/2"]
    assert all(test["expected"] == 2 * test["arguments"][0] for test in written["tasks"][0]["tests"])
    assert [failed["sample"] for failed in written["files"][0]["failed"]] == [1, 1]


def test_verdicts_say_which_programs_passed_and_the_others_are_run(command, tmp_path):
    verdicts = [("MBPP/1", 0, "passed"), ("MBPP/1", 1, "wrong"), ("MBPP/2", 0, "wrong")]
    rows = [{"id": id_, "language": "python", "sample": sample, "status": status} for id_, sample, status in verdicts]
    code, out, _ = command("--rows", write(tmp_path / "r.jsonl", rows), "--inputs", "5")
    assert code == 0
    assert "c.jsonl: 1 of 2 programs" in out  # the first, and the last, for which there is no row
    assert command("--tasks", "1")[1].startswith("1 tasks")


def test_a_program_that_does_not_end_fails(command, tmp_path, monkeypatch):
    monkeypatch.setattr("fresh_tests.PROGRAM_SECONDS", 0.2)
    slow = write(tmp_path / "s.jsonl", [{"task_id": "MBPP/1", "completion": SLOW}])
    code, out, _ = command("--list", files=[slow])
    assert code == 0
    assert "did not return within 0.2 s" in out
    assert "(1 of " in out


def test_mistakes_of_a_user_end_with_a_message(command, tmp_path):
    other = write(tmp_path / "o.jsonl", [{"task_id": "MBPP/9", "completion": RIGHT}])
    bad = write(tmp_path / "b.jsonl", [{"id": "MBPP/1", "language": "python"}])
    for options, changes, message in (
        ((), {"consent": ()}, "--allow-code-execution"),
        ((), {"files": [tmp_path / "none.jsonl"]}, "none.jsonl"),
        ((), {"files": [other]}, "no program for any of the 2 tasks"),
        (("--rows", bad), {}, "b.jsonl:1: not a row"),
        (("--rows", bad, bad), {}, "2 files of --rows for 1"),
        (("--tasks", "0"), {}, "at least 1"),
        (("--out", tmp_path / "no" / "out.json"), {}, "existing folder"),
    ):
        code, out, err = command(*options, **changes)
        assert (code, out) == (2, ""), message
        assert message in err
        assert "Traceback" not in err
