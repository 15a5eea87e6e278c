"""A task is made of a program whose driver uses the plain results of one function; all others give a reason."""

import pytest
from call_gold import NoTaskError
from call_programs import FEWEST, examples_first, make_task, title_of, whole_numbers

from moesaic.data.examples import Example
from moesaic.execution.sandbox import Limits, Sandbox

DRIVER = "\nfor number in (2, 5, 30):\n    print(f(number))\n"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(allow_code_execution=True) as sandbox:
        yield sandbox


def task_of(code, sandbox, seed=0, text="Do something with numbers | comments"):
    return make_task(Example("p1", "python", text, code), 8, seed, sandbox)


def test_the_driver_goes_and_what_the_function_uses_stays(sandbox):
    code = (
        "import math\nimport sys\nSTEP = 3\nUNUSED = 4\ndef unused(x):\n    return x\n"
        'def helper(x):\n    return x * STEP\ndef addThree(N):\n    """Adds."""\n'
        "    if N > 100:\n        return addThree(N - 1) + 1\n    return int(math.sqrt(helper(N) ** 2)) + 1\n"
        "def main():\n    print(addThree(4))\n    print('=', addThree(7))\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    task = task_of(code, sandbox)
    assert (task.entry, task.parameters, task.title) == ("add_three", ("N",), "Do something with numbers")
    assert all(left not in task.source for left in ("UNUSED", "unused", "sys", "main", "Adds", "addThree"))
    space = {}
    exec(task.source, space)
    assert [item for item, _ in task.calls[:1]] == [(4,)]
    assert len(task.calls) >= FEWEST
    assert all(space["add_three"](*item) == value == 3 * item[0] + 1 for item, value in task.calls)
    assert len({item for item, _ in task.calls}) == len(task.calls)


def test_the_same_seed_gives_the_same_task(sandbox):
    code = "def f(values):\n    return sorted(values)[0]\nprint(f([5, 3, 9, 12]))\n"
    one, again, other = (task_of(code, sandbox, seed) for seed in (0, 0, 1))
    assert one == again
    assert one.calls[0] == other.calls[0]
    assert one != other


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(x:\n    return x\n", "does not parse"),
        ("print(1)\n", "no function"),
        ("def f(x):\n    return x\nprint(f(int(input())))\n", "reads input or files"),
        ("import sys\ndef f(x):\n    return x\nprint(f(sys.stdin.read()))\n", "reads input or files"),
        ("import random\ndef f(x):\n    return random.random()\nprint(f(1))\n", "is random"),
        ("def f(x):\n    print(x)\n" + DRIVER, "print and return nothing"),
        ("def f(x):\n    x + 1\n" + DRIVER, "return nothing"),
        ("def f(x):\n    print(x)\n    return x\n" + DRIVER, "its function prints"),
        ("def f(x):\n    return None if x > 9 else x\n" + DRIVER, "returns nothing for some"),
        ("def f():\n    return 1\nprint(f())\n", "calls no function with arguments"),
        ("def f(x):\n    x.sort()\n    return x[0]\nprint(f([3, 1]))\n", "changes its arguments"),
        ("def g(x):\n    x.sort()\ndef f(x):\n    return x[0]\na = [3, 1]\ng(a)\nprint(f(a))\n", "another of its"),
        ("def f(x):\n    return {x}\n" + DRIVER, "results are not plain"),
        ("def f(x):\n    return (x, x)\n" + DRIVER, "results are not plain"),
        ("class A: pass\ndef f(x):\n    return 1\nprint(f(A()))\n", "arguments are not plain"),
        ("def f(x):\n    return x\nprint(f(x=1))\n", "arguments are not plain"),
        ("def f(x):\n    return x\nx = []\nx.append(x)\nprint(f(x))\n", "arguments are not plain"),
        ("def f(x):\n    return 10 ** x\n" + DRIVER, "too large"),
        ("def f(x):\n    return f(x)\n" + DRIVER, "raises RecursionError"),
        ("def f(x):\n    return 1 // 0\n" + DRIVER, "raises ZeroDivisionError"),
        ("def f(x):\n    while True: pass\n" + DRIVER, "does not end in time"),
        ("import posix\ndef f(x):\n    posix._exit(0)\n" + DRIVER, "ends its process"),
        ("def f(x):\n    return x\ndef g(x):\n    return x\nprint(f(1), g(1))\n", "results of several functions"),
        ("def f(x, y=1):\n    return x\n" + DRIVER, "default values"),
        ("def f(*x):\n    return x[0]\nprint(f(1), f(1, 2))\n", "several numbers of arguments"),
        ("def f(x):\n    return 0\ndef f(x):\n    return x\n" + DRIVER, "defined several times"),
        ("def f(x):\n    return x + N\nN = 3\nprint(f(2))\n", "needs what the driver sets"),
        ("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n" + DRIVER, "needs what the driver sets"),
        ("def f(x):\n    return id(x)\n" + DRIVER, "is random, or depends"),
        ("def f(x):\n    return 7\n" + DRIVER, "all results are equal"),
        ("def f(x):\n    return {2: 1, 5: 3}[x]\nprint(f(2), f(5))\n", "too few inputs"),
        ("def f(x):\n    return [x] * 30\n" + "print(f(1000000))\n", "no two examples are short"),
    ],
)  # fmt: skip
def test_a_program_without_a_task_gives_the_reason(code, reason, sandbox, monkeypatch):
    monkeypatch.setattr("call_programs.LIMITS", Limits(wall_seconds=10.0, cpu_seconds=1.0))
    with pytest.raises(NoTaskError, match=reason):
        task_of(code, sandbox)


def test_nothing_runs_outside_the_sandbox(sandbox, tmp_path):
    marker = tmp_path / "marker"
    code = f"import pathlib\ndef f(x):\n    pathlib.Path({str(marker)!r}).touch()\n    return x\n" + DRIVER
    with pytest.raises(NoTaskError, match="raises FileNotFoundError"):
        task_of(code, sandbox)
    assert not marker.exists()


def test_a_name_that_the_program_uses_is_not_taken(sandbox):
    code = "def Sum(values):\n    return sum(values) + 1\nprint(Sum([1, 2, 4]))\n"
    assert task_of(code, sandbox).entry == "Sum"


@pytest.mark.parametrize(
    "text", ["", "Logarithm | f", "Two words", "Find the n | nth", "Given a text, find its first non"]
)
def test_a_title_that_says_too_little_is_left_out(text):
    with pytest.raises(NoTaskError, match="title is cut off"):
        title_of(text)


def test_a_title_cannot_end_a_comment():
    assert title_of('Divide a */ b \\u0041 """ or  not . | rest') == 'Divide a * / b u0041 " or not'
    assert title_of("Is a number divisible by n") == "Is a number divisible by n"


def test_examples_are_short_and_different():
    long, short = (([1] * 40, [2] * 40), 1), ((3,), 1)
    assert examples_first([long, short, ((4,), 1), ((5,), 2)]) == [short, ((5,), 2), long, ((4,), 1)]
    assert whole_numbers([((1,), 2.0), ((2,), 4.0)]) == [((1,), 2), ((2,), 4)]
    assert whole_numbers([((1,), 2.0), ((2,), 4.5)]) == [((1,), 2.0), ((2,), 4.5)]
