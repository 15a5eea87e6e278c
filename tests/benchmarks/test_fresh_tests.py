"""Fresh inputs are like those in a task's own tests, and programs that know only the latter are found out."""

import json
from random import Random

import pytest
from fresh_inputs import Mutator, NotUsableError, Profile, Sequences, fresh_arguments, read_tests
from fresh_tests import agrees, ask, main, make_task, varied
from fresh_worker import decode, encode

from moesaic.execution.problems import Problem
from moesaic.execution.sandbox import Sandbox

VALUES = [None, True, 3, 2.5, "é\n", [1, [2]], (1, (2, "a")), {"a": [1], 2: (3,)}, {1, 2}, [], (), {}, set()]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(allow_code_execution=True) as sandbox:
        yield sandbox


def problem(body, test, head="def f(x):\n", name="P/1"):
    return Problem(id=name, language="python", prompt=head, solution=body, test=test)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_survives_being_written_as_json(value):
    read = decode(json.loads(json.dumps(encode(value))))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("written", [{"tuple": 1}, {"lump": []}, {}, {"set": [[1]]}, {"dict": [1]}])
def test_what_no_value_is_written_as_is_refused(written):
    with pytest.raises(ValueError, match=r"not a value|unpack"):
        decode(written)


def test_arguments_are_read_from_both_forms_of_tests():
    test = "def check(candidate):\n    assert candidate(1, [2]) == 3, str(candidate(9, []))\n"
    test += "    assert candidate(-1, ['a' * 2]) == 3\n    assert candidate(n, []) == 3\ncheck(total)\n"
    own = read_tests(test, frozenset({"other"}))
    assert (own.entry, own.arguments, own.truth) == ("total", ((1, [2]), (-1, ["aa"])), False)
    own = read_tests("assert abs(half(3) - 1.5) < 1e-3\nassert half(4) == 2\n", frozenset({"half"}))
    assert (own.entry, own.arguments, own.tolerance) == ("half", ((3,), (4,)), 1e-3)
    assert read_tests("assert f(1)\nassert not f(2)\n", frozenset({"f"})).truth


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("assert abs(poly(f([1, 2]))) < 1", "more with a result"),
        ("assert f(1) == 2\nassert f(f(1)) == 3", "more with a result"),
        ("assert f(n) == 2", "constants"),
        ("assert f('a' * 10 ** 9) == 2", "constants"),
        ("assert f(1) == 2\nassert g(1) == 2", "which one function"),
        ("assert f(1", "does not parse"),
    ],
)
def test_tests_without_one_expected_result_are_not_used(test, why):
    with pytest.raises(NotUsableError, match=why):
        read_tests(test, frozenset({"f", "g"}))


@pytest.mark.parametrize(
    ("seen", "like", "unlike"),
    [
        ([1, 5, 8], [2, 7], [0, -3, 9, 2.0, True, None]),
        ([2, 4, 8], [6], [5]),
        ([-5, 5, 2], [-3, 4], [0]),
        ([0.5, 2.25], [1.0, 1.13], [1.125, 1]),
        (["(())", "()()()"], ["(()())"], ["())(", "((", "abcd"]),
        (["12", "7"], ["21"], ["", "9", "127"]),
        (["3 red and 4 blue", "12 red and 5 blue"], ["13 red and 4 blue"], ["3 red or 4 blue", "3 red and four blue"]),
        (["one two", "two one one", "one"], ["two two"], ["one owt"]),
        ([[1, 2, 9], [3, 4]], [[2, 2], [1, 3, 4]][1:], [[4, 3], [2, 2], [1], []]),
        ([[3, 1, 2, 1], [5]], [[2, 1, 2]], [[1, 1, 1], [1, "a"]]),
        ([[[2, 1], [3, 4]], [[5]], [[3, 4], [2, 1]]], [[[4, 2], [3, 1]]], [[[1, 2], [3]], [[1, 2]], [[1, 1], [2, 3]]]),
        ([(1, 4), (2, 3), (0, 9)], [(1, 3)], [(3, 1), (1, 1), [1, 3]]),
        ([{"a": 1}, {"b": 2, "a": 1}], [{"a": 2}], [{"c": 1}, {"a": "b"}, {}]),
    ],
)
def test_values_are_like_those_seen(seen, like, unlike):
    profile = Profile(seen)
    assert all(map(profile.accepts, seen))
    assert [value for value in like if not profile.accepts(value)] == []
    assert [value for value in unlike if profile.accepts(value)] == []


def test_arguments_keep_the_relations_between_them():
    profile = Sequences([([3, 1, 2], 2), ([4, 5], 2), ([9, 8, 7, 6], 1)], fixed=True)  # a place in the list
    assert profile.accepts(([5, 4, 3], 2))
    assert not profile.accepts(([5], 2))
    assert not profile.accepts(([5, 4, 3], 4))
    profile = Sequences([("abc", "bca"), ("ab", "ba")], fixed=True)  # of one length
    assert profile.accepts(("ca", "ac"))
    assert not profile.accepts(("ca", "abc"))
    profile = Sequences([("abc", "b"), ("abd", "d"), ("cab", "a")], fixed=True)  # a character of the text
    assert profile.accepts(("dba", "b"))
    assert not profile.accepts(("bca", "d"))


def test_mutation_keeps_the_kind_and_changes_the_value():
    mutator = Mutator(VALUES, Random(0))
    for value in VALUES[1:9]:
        mutated = [mutator.mutate(value) for _ in range(50)]
        assert {type(other) for other in mutated} == {type(value)}
        assert any(other != value for other in mutated)


def test_fresh_arguments_are_new_different_repeatable_and_like_the_own():
    own = [([3, 1, 2], "ab"), ([7, 7], "bca"), ([], "b")]
    fresh = fresh_arguments(own, 30, Random(1))
    assert len(fresh) == 30
    assert all(item not in own and fresh.count(item) == 1 for item in fresh)
    assert all(Sequences(own, fixed=True).accepts(item) for item in fresh)
    assert fresh == fresh_arguments(own, 30, Random(1))
    assert fresh != fresh_arguments(own, 30, Random(2))


def test_numbers_without_room_between_them_may_double():
    assert sorted(fresh_arguments([(3,), (4,), (5,)], 20, Random(0))) == [(number,) for number in range(6, 11)]


@pytest.mark.parametrize(
    ("expected", "found", "agree"),
    [
        (0.3, 0.1 + 0.2, True), (1, 1.0, True), (1, 1.1, False), ("a", 1.0, False), ([0.3], [0.1 + 0.2], True),
        ([1], (1,), False), ((1, 2.0), (1, 2), True), ({"a": 0.3}, {"a": 0.1 + 0.2}, True), ({"a": 1}, {"b": 1}, False),
        ({1, 2}, {2, 1}, True), (True, 1, True), (None, 0, False), (10**400, 1.0, False), ([1], [1, 2], False),
    ],
)  # fmt: skip
def test_results_are_compared_as_tests_do(expected, found, agree):
    assert agrees(expected, found, 1e-6) is agree


def test_results_are_chosen_to_differ():
    tests = [((number,), number == 7) for number in range(10)]
    chosen = varied(tests, 3)
    assert ((7,), True) in chosen
    assert len(chosen) == 3
    assert varied(tests, 20) == tests


def test_each_input_is_tried_in_a_process_of_its_own(sandbox):
    program = "import os, sys\nprint('noise')\nseen = []\ndef f(x):\n    seen.append(x)\n    print('noise')\n"
    program += "    if x == 1: os._exit(0)\n    if x == 2: sys.exit(0)\n    if x == 3: os.abort()\n"
    program += "    if x == 4: return object()\n    if x == 5: return float('nan')\n"
    program += "    while x == 6: pass\n    return tuple(seen)\n"
    answers = ask(program, "f", [(number,) for number in range(8)], 0.5, sandbox)
    said = [{key: value for key, value in answer.items() if key != "index"} for answer in answers]
    assert said == [
        {"value": {"tuple": [0]}},
        {"ended": "without an answer"},
        {"error": "SystemExit: 0"},
        {"ended": "signal 6"},
        {"other": "object", "true": True},
        {"value": {"float": "nan"}},
        {"ended": "time"},
        {"value": {"tuple": [7]}},
    ]
    stopped = ask(program, "f", [(6,), (7,)], 0.2, sandbox, stop=True)
    assert [answer["ended"] for answer in stopped] == ["time", "not tried"]


def test_programs_are_loaded_as_the_main_module_and_see_another_order_of_sets(sandbox):
    program = "if __name__ == '__main__':\n    def f(x):\n        return hash(x)\nraise SystemExit\n"
    one, other, again = (ask(program, "f", [("a",)], 1.0, sandbox, seed)[0]["value"] for seed in ("1", "2", "1"))
    assert one == again != other


def test_nothing_runs_outside_the_sandbox(sandbox, tmp_path):
    marker = tmp_path / "marker"
    body = f"    open({str(marker)!r}, 'w')\n    return x\n"
    with pytest.raises(NotUsableError, match="nothing for fresh arguments"):
        make_task(problem(body, "assert f(1) == 1\nassert f(9) == 9\n"), 5, 0, sandbox)
    assert not marker.exists()


def test_only_inputs_that_the_gold_solution_takes_are_kept(sandbox):
    test = "assert f(2) == 1\nassert f(30) == 15\nassert f(4) == 2\nassert f(11) == 5\n"
    body = "    if x % 3 == 1 and x != 4: raise ValueError\n    if x == 8: return 'eight'\n"
    body += "    while x == 9: pass\n    return x // 2\n"
    task = make_task(problem(body, test), 40, 0, sandbox)
    kept = {item[0] for item in task.inputs}
    assert kept.isdisjoint({2, 30, 4, 11, 8, 9})
    assert len(kept) > 10
    assert all(number % 3 != 1 for number in kept)
    assert task.expected == [item[0] // 2 for item in task.inputs]


def test_a_result_that_changes_is_not_kept(sandbox):
    test = "assert f('ab') == 1\nassert f('cde') == 2\nassert f('fghi') == 3\n"
    for body in ("    return id(x) % 7 + 1\n", "    import random\n    return random.random()\n"):
        with pytest.raises(NotUsableError, match="nothing for fresh arguments"):
            make_task(problem("    import os\n" + body.replace("id(x)", "hash(x)"), test), 3, 0, sandbox)


def test_ties_are_left_out_where_order_does_not_matter(sandbox):
    test = "assert f([1, 5, 5]) == 5\nassert f([3, 3, 8, 1]) == 3\nassert f([9, 4, 2, 9, 1]) == 9\n"
    most_frequent = "    return max(x, key=x.count)\n"
    task = make_task(problem(most_frequent, test), 40, 0, sandbox)
    assert task.inputs
    assert all(sorted(map(x.count, set(x)))[-1] > 1 for (x,) in task.inputs)  # no list in which all occur once
    first = "    return x[0]\n"  # here the order matters, and nothing is left out
    own = "assert f([1, 5, 5]) == 1\nassert f([3, 3, 8, 1]) == 3\nassert f([9, 4, 2, 9, 1]) == 9\n"
    kept = make_task(problem(first, own), 40, 0, sandbox)
    assert any(x[0] != x[-1] for (x,) in kept.inputs)


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
