"""Defines the counts for a pair of programs and the score computed from them, for both protocols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from moesaic.codebleu.ngram import BleuCounts, pool

__all__ = ["COMPONENTS", "MatchCounts", "PairScore", "pool_counts"]

COMPONENTS = ("ngram", "weighted", "syntax", "dataflow", "codebleu")


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """Counts of the matches of one prediction with its reference; they can be added up for a corpus.

    Attributes:
        ngram: Counts of the n-gram match.
        weighted: Counts of the n-gram match with weighted keywords.
        syntax: Number of matched subtrees, and of all subtrees, of the reference.
        dataflow: Number of matched data-flow edges, and of all edges, of the reference.
    """

    ngram: BleuCounts
    weighted: BleuCounts
    syntax: tuple[int, int]
    dataflow: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PairScore:
    """The four components, each between 0 and 1, and their combination.

    Attributes:
        ngram: BLEU-4 over tokens.
        weighted: BLEU-4 over tokens, with keywords weighted five times as much as other tokens.
        syntax: Share of the reference's subtrees that were found; None if the reference has none to be found.
        dataflow: Share of the reference's data-flow edges that were found; None if the reference has none.
        codebleu: The mean of the components that are defined.
    """

    ngram: float
    weighted: float
    syntax: float | None
    dataflow: float | None
    codebleu: float

    def to_dict(self) -> dict[str, float | None]:
        """Returns name -> value of each component."""
        return asdict(self)


def pool_counts(counts: Iterable[MatchCounts]) -> MatchCounts:
    """Adds up the counts of pairs."""
    rows = list(counts)
    return MatchCounts(
        ngram=pool(row.ngram for row in rows),
        weighted=pool(row.weighted for row in rows),
        syntax=(sum(row.syntax[0] for row in rows), sum(row.syntax[1] for row in rows)),
        dataflow=(sum(row.dataflow[0] for row in rows), sum(row.dataflow[1] for row in rows)),
    )
