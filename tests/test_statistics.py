from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic import statistics
from moesaic.report.summary import SMALLEST_N
from moesaic.statistics import (
    Estimate,
    bootstrap_interval,
    estimate_mean,
    estimate_over_problems,
    estimate_ratio,
    sign_test,
)

PROGRAMS = st.lists(st.tuples(st.sampled_from("abcdefg"), st.floats(-5, 5), st.integers(1, 9)), min_size=1, max_size=9)
LANGUAGES = st.lists(PROGRAMS, min_size=1, max_size=3)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (0, 5), (3, 3), (2, 7), (9, 1)])
def test_sign_test_counts_the_splits_that_are_as_uneven(wins, losses):
    total = wins + losses
    splits = [sum(flips) for flips in itertools.product((0, 1), repeat=total)]
    as_uneven = [split for split in splits if abs(2 * split - total) >= abs(wins - losses)]
    assert sign_test(wins, losses) == pytest.approx(len(as_uneven) / len(splits))


def test_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(generator.normal(5.0, 2.0, 60).tolist(), samples=300)
        hits += low <= 5.0 <= high
    assert 0.88 <= hits / 200 <= 0.99


@pytest.mark.parametrize("skewed", [False, True])
def test_few_problems_find_differences_where_there_are_none(skewed):
    # docs/decisions/0018-the-smallest-n.md
    generator = np.random.default_rng(0)

    def share_found(n):
        draws = (generator.exponential(size=n) - 1 if skewed else generator.normal(size=n) for _ in range(500))
        intervals = [bootstrap_interval(values.tolist(), seed) for seed, values in enumerate(draws)]
        return sum(not low <= 0 <= high for low, high in intervals) / len(intervals)

    assert share_found(4) > 0.15
    assert share_found(SMALLEST_N) < 0.11


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


def naive_over_problems(languages, generator, samples):
    """Values of resamples, problem by problem and program by program."""
    problems = sorted({problem for rows in languages for problem, _, _ in rows})
    means = []
    while len(means) < samples:
        drawn = [problems[generator.integers(len(problems))] for _ in problems]
        chosen = [[row for problem in drawn for row in rows if row[0] == problem] for rows in languages]
        if all(chosen):
            means.append(np.mean([sum(r[1] for r in rows) / sum(r[2] for r in rows) for rows in chosen]))
    return means


def test_a_mean_over_problems_has_the_interval_of_a_naive_computation():
    generator = np.random.default_rng(5)
    hard = generator.normal(0, 0.3, 60)  # what a problem has in common in all its languages
    languages = []
    for numbers, longest, centre in (  # languages count equally, however long their programs are
        (range(40), 200, 0.7),
        (range(20, 60), 2000, 1.9),
        ((*range(30), *range(10)), 90, 1.1),  # ten problems twice
    ):
        counts = generator.integers(longest // 10, longest, len(numbers)).tolist()
        rows = zip(numbers, counts, strict=True)
        languages.append([(f"p{i}", n * (centre + hard[i] + generator.normal(0, 0.1)), n) for i, n in rows])
    found = estimate_over_problems(languages, samples=4000)
    assert found.n == 120
    ratios = [sum(row[1] for row in rows) / sum(row[2] for row in rows) for rows in languages]
    assert found.value == pytest.approx(np.mean(ratios))
    low, high = np.quantile(naive_over_problems(languages, generator, 4000), [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.06 * (high - low))
    assert found.high == pytest.approx(high, abs=0.06 * (high - low))
    apart = estimate_ratio([[row[1:] for row in rows] for rows in languages], samples=4000)
    assert found.high - found.low > 1.2 * (apart.high - apart.low), "problems drawn apart would look more certain"


@given(LANGUAGES)
def test_a_system_against_itself_differs_by_nothing(languages):
    zero = [[(problem, value - value, count) for problem, value, count in rows] for rows in languages]
    found = estimate_over_problems(zero, samples=50)
    assert (found.value, found.n) == (0.0, sum(map(len, languages)))
    assert (found.low, found.high) in ((0.0, 0.0), (None, None))  # undefined where no resample has all languages


@given(LANGUAGES, st.floats(-3, 3))
def test_a_constant_added_to_every_program_shifts_everything_by_it(languages, constant):
    shifted = [[(problem, value + constant * count, count) for problem, value, count in rows] for rows in languages]
    before, after = estimate_over_problems(languages, samples=50), estimate_over_problems(shifted, samples=50)
    assert after.value == pytest.approx(before.value + constant, abs=1e-9)
    if before.low is not None:
        assert after.low == pytest.approx(before.low + constant, abs=1e-9)
        assert after.high == pytest.approx(before.high + constant, abs=1e-9)


@given(LANGUAGES, st.randoms())
def test_the_order_of_programs_does_not_matter(languages, random):
    shuffled = [random.sample(rows, len(rows)) for rows in languages]
    found = estimate_over_problems(shuffled, samples=50)
    assert found == pytest.approx(estimate_over_problems(languages, samples=50), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_one_language_of_distinct_problems_is_the_plain_bootstrap(seed):
    values = np.random.default_rng(seed).gamma(2.0, 1.0, 150).tolist()
    found = estimate_over_problems([[(f"p{i}", v, 1.0) for i, v in enumerate(values)]], samples=4000)
    low, high = bootstrap_interval(values, samples=4000)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_programs_of_one_problem_move_together():
    values = [float(number % 5) for number in range(50)]
    once = [(f"p{number}", value, 1.0) for number, value in enumerate(values)]
    copies = [(f"q{number}", value, 1.0) for number, value in enumerate(values)]
    alone = estimate_over_problems([once], samples=4000)
    for twice in ([once * 2], [once, once]):
        found = estimate_over_problems(twice, samples=4000)
        assert found.n == 100
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high)), "a copy is no second sample"
    for apart in ([once + copies], [once, copies]):
        found = estimate_over_problems(apart, samples=4000)
        assert (found.high - found.low) / (alone.high - alone.low) == pytest.approx(0.5**0.5, rel=0.08)


def test_chunks_do_not_change_the_draws(monkeypatch):
    languages = [[(f"p{number}", number**0.5, 1.0) for number in range(start, 37)] for start in (0, 9)]
    whole = estimate_over_problems(languages, samples=300)
    monkeypatch.setattr(statistics, "CHUNK_DRAWS", 37 * 7 + 5)  # seven resamples at once, and a shorter last chunk
    assert estimate_over_problems(languages, samples=300) == pytest.approx(whole)
    monkeypatch.setattr(statistics, "CHUNK_DRAWS", 1)
    assert estimate_over_problems(languages, samples=300) == pytest.approx(whole)


def test_resamples_that_lack_a_language_are_left_out():
    # Problems of one language each: only a resample with both has a mean, and it is always the same.
    assert estimate_over_problems([[("a", 1.0, 1.0)], [("b", 3.0, 1.0)]]) == Estimate(2.0, 2, 2.0, 2.0)
    many = [[(str(number), float(number), 1.0)] for number in range(12)]
    assert estimate_over_problems(many, samples=20) == Estimate(5.5, 12, None, None)


@pytest.mark.parametrize("languages", [[], [[]], [[("a", 1.0, 1.0)], []], [[("a", 1.0, 0.0)]]])
def test_a_mean_over_problems_needs_programs_in_every_language(languages):
    with pytest.raises(ValueError, match="positive denominator"):
        estimate_over_problems(languages)
