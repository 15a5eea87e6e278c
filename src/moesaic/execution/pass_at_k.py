"""pass@k: the probability that at least one of k programs, drawn from the n samples of a problem, passes.

This is the unbiased estimator of Chen et al. 2021 (arXiv:2107.03374, section 2.1, equation 1), in the product form that
does not compute large binomial coefficients. n < k raises an error instead of returning 1, because fewer than k samples
say nothing about pass@k.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from moesaic.statistics import Estimate, estimate_mean

__all__ = ["pass_at_k", "pass_at_k_over_problems"]


def pass_at_k(num_samples: int, num_passed: int, k: int) -> float:
    """Returns 1 - C(n - c, k) / C(n, k) for one problem with n samples of which c passed.

    Raises:
        ValueError: k is not in 1..n, or c is not in 0..n.
    """
    if not 1 <= k <= num_samples:
        raise ValueError(f"pass@{k} of {num_samples} samples: k must be at least 1 and at most the number of samples")
    if not 0 <= num_passed <= num_samples:
        raise ValueError(f"num_passed={num_passed}: must lie between 0 and num_samples={num_samples}")
    num_failed = num_samples - num_passed
    if num_failed < k:
        return 1.0
    return 1.0 - math.prod((num_failed - i) / (num_samples - i) for i in range(k))


def pass_at_k_over_problems(passed: Mapping[str, Sequence[bool]], k: int) -> Estimate:
    """Returns the mean of pass@k over problems, with its bootstrap interval over problems.

    Args:
        passed: Id of the problem -> one verdict per sample.
        k: Number of samples that are drawn.

    Raises:
        ValueError: A problem has fewer than k samples.
    """
    return estimate_mean([pass_at_k(len(verdicts), sum(verdicts), k) for verdicts in passed.values()])
