from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic.evaluate.statistics import Estimate, bootstrap_interval, estimate_mean, estimate_ratio


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


def naive_ratio_interval(groups, generator, samples):
    """The stratified bootstrap of a mean of ratios, program by program."""
    means = []
    for _ in range(samples):
        ratios = []
        for group in groups:
            drawn = [group[generator.integers(len(group))] for _ in group]
            ratios.append(sum(a for a, _ in drawn) / sum(b for _, b in drawn))
        means.append(sum(ratios) / len(ratios))
    means.sort()
    return means[round(0.025 * (samples - 1))], means[round(0.975 * (samples - 1))]


def test_a_mean_of_ratios_has_the_interval_of_a_naive_computation():
    generator = np.random.default_rng(3)
    tokens = [generator.integers(20, 200, size).tolist() for size in (60, 25)]
    groups = [
        [(count * generator.normal(centre, 0.3), count) for count in counts]
        for centre, counts in zip((0.7, 1.1), tokens, strict=True)
    ]
    found = estimate_ratio(groups, samples=4000)
    assert found.n == 85
    ratios = [sum(a for a, _ in group) / sum(b for _, b in group) for group in groups]
    assert found.value == pytest.approx(sum(ratios) / 2)
    low, high = naive_ratio_interval(groups, generator, 4000)
    width = high - low
    assert found.low == pytest.approx(low, abs=0.06 * width)
    assert found.high == pytest.approx(high, abs=0.06 * width)


def test_groups_are_drawn_independently():
    # Two groups of the same values drawn together would keep the variance of one; apart, it halves.
    group = [(float(value), 1.0) for value in range(50)]
    one, two = estimate_ratio([group], samples=4000), estimate_ratio([group, group], samples=4000)
    assert (two.high - two.low) / (one.high - one.low) == pytest.approx(0.5**0.5, rel=0.06)


def test_a_ratio_needs_samples_in_every_group():
    for groups in ([], [[(1.0, 2.0)], []]):
        with pytest.raises(ValueError, match="at least one"):
            estimate_ratio(groups)
