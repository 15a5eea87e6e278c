"""Estimates with their uncertainty: every score is a value with its n and an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = [
    "Estimate",
    "Sample",
    "bootstrap_interval",
    "estimate_mean",
    "estimate_over_problems",
    "estimate_ratio",
    "sign_test",
]

Sample = tuple[str, float, float]
"""Problem, numerator and denominator of one program: nats and tokens for a loss, score and 1 for a plain mean."""

CHUNK_DRAWS = 4_000_000  # indices in memory at once: 32 MB, whatever the number of values


class Estimate(NamedTuple):
    """A sample statistic with its interval, as stored in ``results.json`` and printed by ``--json``.

    Attributes:
        value: The statistic, in the unit of its metric; None if it is not defined for any of the samples.
        n: Number of samples that it is computed from.
        low: Lower end of the interval; None if there is no interval.
        high: Upper end of the interval; None if there is no interval.
    """

    value: float | None
    n: int
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Returns ``{"value", "n", "low", "high"}``."""
        return self._asdict()


def bootstrap_interval(
    values: Sequence[float], seed: int = 0, samples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of the mean (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: One number per independent sample.
        seed: Seed of the resampling; the same values and seed give the same interval on every machine.
        samples: Number of resamples.
        level: Coverage, between 0 and 1.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: There are no values, or ``samples`` or ``level`` is out of range.
    """
    if len(values) == 0:
        raise ValueError("bootstrap_interval needs at least one value, got none")
    if samples < 1:
        raise ValueError(f"samples={samples}: at least 1 is needed")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level}: must lie between 0 and 1, both excluded")
    data = np.asarray(values, dtype=np.float64)
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, CHUNK_DRAWS // len(data))
    means = np.concatenate(
        [
            data[generator.integers(0, len(data), size=(min(rows, samples - start), len(data)))].mean(axis=1)
            for start in range(0, samples, rows)
        ]
    )
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def sign_test(wins: int, losses: int) -> float:
    """Returns the p-value of the exact two-sided sign test.

    This is the probability of a split that is at least as uneven as the observed one if both sides are equally likely.
    If wins and losses are the pairs of verdicts that differ, this is McNemar's exact test (McNemar 1947).

    Args:
        wins: Number of pairs that differ in one direction.
        losses: Number of pairs that differ in the other direction.
    """
    total, fewer = wins + losses, min(wins, losses)
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << total))


def estimate_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Returns the mean of the values with its 95% bootstrap interval.

    If there are no values, ``n`` is 0 and all other fields are None.
    """
    if len(values) == 0:
        return Estimate(None, 0, None, None)
    low, high = bootstrap_interval(values, seed=seed)
    return Estimate(float(np.mean(np.asarray(values, dtype=np.float64))), len(values), low, high)


def estimate_ratio(groups: Sequence[Sequence[tuple[float, float]]], seed: int = 0, samples: int = 1000) -> Estimate:
    """Returns the mean over groups of a ratio of sums, such as the loss per token, with its 95% bootstrap interval.

    Samples are resampled within each group, with numerator and denominator kept together. This is a stratified
    bootstrap (Efron and Tibshirani 1993, chapter 8). If the numerators are differences between two systems, the
    interval is that of the paired difference.

    Args:
        groups: For each group, a (numerator, denominator) of each independent sample, such as the nats and tokens of a
            program.
        seed: Seed of the resampling.
        samples: Number of resamples.

    Returns:
        The mean of the groups' ratios; ``n`` counts the samples of all groups.

    Raises:
        ValueError: There are no groups, or one of them is empty.
    """
    if not groups or not all(len(group) for group in groups):
        raise ValueError("estimate_ratio needs at least one group and one sample in each")
    generator = np.random.Generator(np.random.PCG64(seed))  # one for all groups, so that their draws are independent
    value, ratios_S = 0.0, np.zeros(samples)
    for group in groups:
        sums_N2 = np.asarray(group, dtype=np.float64)
        rows = max(1, CHUNK_DRAWS // len(group))
        totals_S2 = np.concatenate(
            [
                sums_N2[generator.integers(0, len(group), size=(min(rows, samples - start), len(group)))].sum(axis=1)
                for start in range(0, samples, rows)
            ]
        )
        value += float(sums_N2[:, 0].sum() / sums_N2[:, 1].sum()) / len(groups)
        ratios_S += totals_S2[:, 0] / totals_S2[:, 1] / len(groups)
    low, high = np.quantile(ratios_S, [0.025, 0.975])
    return Estimate(value, sum(map(len, groups)), float(low), float(high))


def estimate_over_problems(languages: Sequence[Sequence[Sample]], seed: int = 0, samples: int = 1000) -> Estimate:
    """Returns the mean over languages of a ratio of sums, with its 95% bootstrap interval over problems.

    The same problem in two languages, or twice in one language, is not two independent samples. Therefore problems are
    resampled, each with all its programs. This is a bootstrap of clusters (Davison and Hinkley 1997, section 3.8). A
    resample that lacks programs of some language has no mean and is left out. If the numerators are differences between
    two systems, the interval is that of the paired difference.

    Args:
        languages: For each language, one sample per program. A problem has the same name in every language.
        seed: Seed of the resampling.
        samples: Number of resamples.

    Returns:
        The mean of the languages' ratios; ``n`` counts the programs of all languages. The ends of the interval are None
        if no resample had programs of all languages.

    Raises:
        ValueError: There are no languages, or the denominators of a language do not add up to a positive number.
    """
    if not languages or not all(sum(row[2] for row in rows) > 0 for rows in languages):
        raise ValueError("estimate_over_problems needs at least one language and a positive denominator in each")
    problems = sorted({problem for rows in languages for problem, _, _ in rows})
    position = {problem: index for index, problem in enumerate(problems)}
    sums_P2L = np.zeros((len(problems), 2, len(languages)))
    for column, rows in enumerate(languages):
        for problem, *pair in rows:
            sums_P2L[position[problem], :, column] += pair
    totals_2L = sums_P2L.sum(axis=0)
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_DRAWS // len(problems))
    means = []
    for start in range(0, samples, chunk):
        draws_CP = generator.integers(0, len(problems), (min(chunk, samples - start), len(problems)))
        rows_C1 = np.arange(len(draws_CP))[:, None] * len(problems)
        counts_CP = np.bincount((draws_CP + rows_C1).ravel(), minlength=draws_CP.size).reshape(draws_CP.shape)
        drawn_C2L = (counts_CP @ sums_P2L.reshape(len(problems), -1)).reshape(-1, *totals_2L.shape)
        whole_W2L = drawn_C2L[(drawn_C2L[:, 1] > 0).all(axis=1)]
        means.append((whole_W2L[:, 0] / whole_W2L[:, 1]).mean(axis=1))
    means_S = np.concatenate(means)
    low, high = map(float, np.quantile(means_S, [0.025, 0.975])) if len(means_S) else (None, None)
    return Estimate(float((totals_2L[0] / totals_2L[1]).mean()), sum(map(len, languages)), low, high)
