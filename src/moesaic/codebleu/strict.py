"""The ``strict`` protocol: the definition of Ren et al. 2020 (docs/codebleu.md lists the differences).

All matches are counted as multisets and clipped. If there are several references, the best one counts. A component that
the reference does not define is left out of the mean, instead of counting as 0 or 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from moesaic.codebleu.counts import MatchCounts, PairScore
from moesaic.codebleu.dataflow import Edge
from moesaic.codebleu.dataflow_rules import data_flow
from moesaic.codebleu.ngram import MAX_ORDER, OTHER_WEIGHT, BleuCounts, NGrams, count_ngrams, count_shared
from moesaic.codebleu.syntax import Subtrees
from moesaic.codebleu.tokens import Token, lex
from moesaic.codebleu.tree import FlatTree

__all__ = ["compare", "score"]


@dataclass(frozen=True, slots=True)
class _Program:
    length: int
    ngrams: NGrams
    tokens: Counter[Token]
    subtrees: Subtrees
    flow: Counter[Edge]


@lru_cache(maxsize=4096)
def _analyse(source: str, language: str) -> _Program:
    tree = FlatTree(source, language)
    tokens = lex(tree, language)
    return _Program(
        length=len(tokens),
        ngrams=count_ngrams([token.text for token in tokens]),
        tokens=Counter(tokens),
        subtrees=Subtrees(tree, skip_broken=True),
        flow=data_flow(tree, language),
    )


def compare(prediction: str, references: Sequence[str], language: str) -> MatchCounts:
    """Counts the matches of a prediction with the reference that gives it the best score.

    Args:
        prediction: Source text.
        references: One or more source texts.
        language: A name in ``languages.LANGUAGES``.
    """
    candidate = _analyse(prediction, language)
    pairs = [_compare(candidate, _analyse(reference, language)) for reference in references]
    return max(pairs, key=lambda counts: score(counts).codebleu)


def _compare(candidate: _Program, reference: _Program) -> MatchCounts:
    matches = [count_shared(ours, theirs) for ours, theirs in zip(candidate.ngrams, reference.ngrams, strict=True)]
    # An order counts if the reference has n-grams of it. A candidate that is too short for any has missed one.
    totals = [
        max(1, candidate.length - order) if reference.length > order and candidate.length else 0
        for order in range(MAX_ORDER)
    ]
    weights = {token: 1.0 if token.keyword else OTHER_WEIGHT for token in candidate.tokens}
    weighted_matches = math.fsum(min(n, reference.tokens[t]) * weights[t] for t, n in candidate.tokens.items())
    weighted_total = math.fsum(count * weights[token] for token, count in candidate.tokens.items())
    alive = candidate.length > 0
    return MatchCounts(
        ngram=BleuCounts(tuple(matches), tuple(totals), candidate.length, reference.length),
        weighted=BleuCounts(
            (weighted_matches, *matches[1:]),
            (weighted_total, *totals[1:]),
            candidate.length,
            reference.length,
        ),
        syntax=(
            reference.subtrees.matched(candidate.subtrees, clipped=True) if alive else 0,
            reference.subtrees.total if reference.length else 0,
        ),
        dataflow=((reference.flow & candidate.flow).total(), reference.flow.total()),
    )


def score(counts: MatchCounts) -> PairScore:
    """Returns the score of the counts, the mean of the components that the reference defines."""
    ngram, weighted = counts.ngram.score(), counts.weighted.score()
    syntax = counts.syntax[0] / counts.syntax[1] if counts.syntax[1] else None
    dataflow = counts.dataflow[0] / counts.dataflow[1] if counts.dataflow[1] else None
    defined = [part for part in (ngram, weighted, syntax, dataflow) if part is not None]
    return PairScore(ngram, weighted, syntax, dataflow, math.fsum(defined) / len(defined))
