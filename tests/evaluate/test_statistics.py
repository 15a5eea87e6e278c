from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic.evaluate.statistics import Estimate, bootstrap_interval, estimate_mean


def test_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.normal(5.0, 2.0, 60).tolist(), samples=300)
        hits += low <= 5.0 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_interval_is_deterministic_and_seeded():
    values = [index % 17 / 17 for index in range(100)]
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_interval_lies_within_the_values(values):
    low, high = bootstrap_interval(values, samples=50)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12


def test_a_wider_level_gives_a_wider_interval():
    values = list(np.linspace(0, 1, 30))
    narrow, wide = bootstrap_interval(values, level=0.5), bootstrap_interval(values, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(([],), "at least one value"), (([1.0], 0, 0), "samples=0"), (([1.0], 0, 10, 1.0), "level=1.0")],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(*arguments)


def test_estimate_of_nothing_is_undefined():
    assert estimate_mean([]).to_dict() == {"value": None, "n": 0, "low": None, "high": None}
    assert estimate_mean([0.5]) == Estimate(0.5, 1, 0.5, 0.5)
