"""Estimates with their uncertainty: a score of moesaic is a value, its n and an interval, never a bare number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Estimate", "bootstrap_interval", "estimate_mean", "estimate_ratio"]

_CHUNK_DRAWS = 4_000_000  # indices held at once: 32 MB, whatever the number of values


class Estimate(NamedTuple):
    """A sample statistic with the interval that ``results.json`` and ``--json`` carry.

    Attributes:
        value: The statistic, in the metric's own unit; None where it is not defined for any of the samples.
        n: Number of samples it rests on.
        low: Lower end of the interval.
        high: Upper end.
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
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, chapter 13).

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
    rows = max(1, _CHUNK_DRAWS // len(data))
    means = np.concatenate(
        [
            data[generator.integers(0, len(data), size=(min(rows, samples - start), len(data)))].mean(axis=1)
            for start in range(0, samples, rows)
        ]
    )
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def estimate_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Mean of the values with its 95% bootstrap interval; an empty sequence gives an undefined estimate with n = 0."""
    if len(values) == 0:
        return Estimate(None, 0, None, None)
    low, high = bootstrap_interval(values, seed=seed)
    return Estimate(float(np.mean(np.asarray(values, dtype=np.float64))), len(values), low, high)


def estimate_ratio(groups: Sequence[Sequence[tuple[float, float]]], seed: int = 0, samples: int = 1000) -> Estimate:
    """Mean over groups of a ratio of sums, such as the loss per token, with its 95% bootstrap interval.

    Samples are drawn again within each group, numerator and denominator together: a stratified bootstrap (Efron and
    Tibshirani 1993, chapter 8). With differences of two systems as numerators, the interval is that of the paired
    difference.

    Args:
        groups: Per group one (numerator, denominator) per independent sample, e.g. (nats, tokens) of a program.
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
        rows = max(1, _CHUNK_DRAWS // len(group))
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
