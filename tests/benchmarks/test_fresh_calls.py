"""A program is called with many inputs in the sandbox, and results are compared as tests do."""

import pytest
from fresh_calls import agrees, ask

from moesaic.execution.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(allow_code_execution=True) as sandbox:
        yield sandbox


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
