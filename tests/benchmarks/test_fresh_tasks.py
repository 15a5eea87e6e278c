"""Fresh tests have the inputs on which the gold solution can be trusted."""

import pytest
from fresh_own_tests import NotUsableError
from fresh_tasks import make_task, varied

from moesaic.execution.problems import Problem
from moesaic.execution.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(allow_code_execution=True) as sandbox:
        yield sandbox


def problem(body, test):
    return Problem(id="P/1", language="python", prompt="def f(x):\n", solution=body, test=test)


def test_results_are_chosen_to_differ():
    tests = [((number,), number == 7) for number in range(10)]
    chosen = varied(tests, 3)
    assert ((7,), True) in chosen
    assert len(chosen) == 3
    assert varied(tests, 20) == tests


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
