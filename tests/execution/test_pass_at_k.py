from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic.execution.pass_at_k import pass_at_k, pass_at_k_over_problems

counts = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(counts)
def test_equals_enumeration(numbers: tuple[int, int, int]) -> None:
    num_samples, num_passed, k = numbers
    verdicts = [True] * num_passed + [False] * (num_samples - num_passed)
    draws = list(combinations(verdicts, k))
    assert pass_at_k(num_samples, num_passed, k) == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


@given(counts)
def test_grows_with_k_and_with_passed(numbers: tuple[int, int, int]) -> None:
    num_samples, num_passed, k = numbers
    value = pass_at_k(num_samples, num_passed, k)
    if k < num_samples:
        assert pass_at_k(num_samples, num_passed, k + 1) >= value - 1e-12
    if num_passed < num_samples:
        assert pass_at_k(num_samples, num_passed + 1, k) >= value


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_at_1_is_the_share_that_passes(numbers: tuple[int, int]) -> None:
    num_samples, num_passed = numbers
    assert pass_at_k(num_samples, num_passed, 1) == pytest.approx(num_passed / num_samples)


@pytest.mark.parametrize(("num_samples", "num_passed", "k"), [(1, 0, 2), (5, 2, 6), (5, 2, 0), (5, 6, 1), (5, -1, 1)])
def test_numbers_that_make_no_sense_raise(num_samples: int, num_passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="must"):
        pass_at_k(num_samples, num_passed, k)


def test_mean_over_problems() -> None:
    estimate = pass_at_k_over_problems({"a": [True, False], "b": [False, False], "c": [True, True]}, 1)
    assert estimate.value == pytest.approx(0.5)
    assert estimate.n == 3
    assert pass_at_k_over_problems({"a": [True, False], "b": [False, False]}, 2).value == pytest.approx(0.5)


def test_one_problem_with_too_few_samples_raises() -> None:
    with pytest.raises(ValueError, match="pass@2 of 1 samples"):
        pass_at_k_over_problems({"a": [True, False], "b": [True]}, 2)
