"""What the tests of a task show is read from both forms in which tests are written."""

import pytest
from fresh_own_tests import NotUsableError, read_tests


def test_arguments_are_read_from_both_forms_of_tests():
    test = "def check(candidate):\n    assert candidate(1, [2]) == 3, str(candidate(9, []))\n"
    test += "    assert candidate(-1, ['a' * 2]) == 3\n    assert candidate(n, []) == 3\ncheck(total)\n"
    own = read_tests(test, frozenset({"other"}))
    assert (own.entry, own.arguments, own.truth) == ("total", ((1, [2]), (-1, ["aa"])), False)
    own = read_tests("assert abs(half(3) - 1.5) < 1e-3\nassert half(4) == 2\n", frozenset({"half"}))
    assert (own.entry, own.arguments, own.tolerance) == ("half", ((3,), (4,)), 1e-3)
    assert read_tests("assert f(1)\nassert not f(2)\n", frozenset({"f"})).truth
    own = read_tests("assert f() == 1\nassert f() == 1\nassert f(2) == 2\n", frozenset({"f"}))
    assert own.arguments == ((2,),), "a call without arguments has nothing to change"


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("assert abs(poly(f([1, 2]))) < 1", "more with a result"),
        ("assert f(1) == 2\nassert f(f(1)) == 3", "more with a result"),
        ("assert f(n) == 2", "constants"),
        ("assert f('a' * 10 ** 9) == 2", "constants"),
        ("assert f() == 2", "constants"),
        ("assert f(1) == 2\nassert g(1) == 2", "which one function"),
        ("assert f(1", "does not parse"),
    ],
)
def test_tests_without_one_expected_result_are_not_used(test, why):
    with pytest.raises(NotUsableError, match=why):
        read_tests(test, frozenset({"f", "g"}))
