"""BLEU over code tokens, plain and with weighted keywords (Ren et al. 2020, section 3.1; Papineni et al. 2002).

Counts are separate from the score, because the BLEU of a corpus is defined by the pooled counts of its pairs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["MAX_ORDER", "OTHER_WEIGHT", "BleuCounts", "NGrams", "count_ngrams", "count_shared", "pool"]

MAX_ORDER = 4
OTHER_WEIGHT = 0.2
"""Weight of a token that is not a keyword; keywords weigh five times as much (section 3.1)."""

_SMOOTHING = 0.1

NGrams = tuple[Mapping[tuple[str, ...], int], ...]


def count_ngrams(tokens: Sequence[str]) -> NGrams:
    """Counts the n-grams of orders 1 to 4 of a token sequence."""
    return tuple(
        Counter(zip(*(tokens[start:] for start in range(order)), strict=False)) for order in range(1, MAX_ORDER + 1)
    )


def count_shared(first: Mapping[tuple[str, ...], int], second: Mapping[tuple[str, ...], int]) -> int:
    """Counts the n-grams that two texts share; each counts as often as it occurs in both."""
    return sum(min(first[gram], second[gram]) for gram in first.keys() & second.keys())


@dataclass(frozen=True, slots=True)
class BleuCounts:
    """The counts from which BLEU is computed, for a pair or for a corpus.

    Attributes:
        matches: Number or weight of the matched n-grams of each order.
        totals: Number or weight of all n-grams of each order.
        candidate_length: Number of tokens of the candidate.
        reference_length: Number of tokens of the reference.
    """

    matches: tuple[float, ...]
    totals: tuple[float, ...]
    candidate_length: int
    reference_length: int

    def score(self) -> float:
        """Returns BLEU, between 0 and 1: the geometric mean of the precisions times the brevity penalty.

        The result is 0 if no token matches. An order whose total is 0 is left out. An order without a match is smoothed
        (Chen and Cherry 2014, method 1).
        """
        if self.candidate_length == 0 or self.matches[0] == 0:
            return 0.0
        logs = [
            math.log((match or _SMOOTHING) / total)
            for match, total in zip(self.matches, self.totals, strict=True)
            if total
        ]
        return self.brevity() * math.exp(math.fsum(logs) / len(logs))

    def brevity(self) -> float:
        """Returns the brevity penalty of BLEU, which is 1 for a candidate that is at least as long as the reference."""
        if self.candidate_length > self.reference_length:
            return 1.0
        return math.exp(1.0 - self.reference_length / self.candidate_length)


def pool(counts: Iterable[BleuCounts]) -> BleuCounts:
    """Adds up the counts of pairs, order by order."""
    rows = list(counts)
    return BleuCounts(
        matches=tuple(math.fsum(row.matches[order] for row in rows) for order in range(MAX_ORDER)),
        totals=tuple(math.fsum(row.totals[order] for row in rows) for order in range(MAX_ORDER)),
        candidate_length=sum(row.candidate_length for row in rows),
        reference_length=sum(row.reference_length for row in rows),
    )
