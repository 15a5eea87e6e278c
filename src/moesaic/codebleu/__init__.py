"""CodeBLEU (Ren et al. 2020, arXiv:2009.10297), implemented anew with current tree-sitter grammars.

There are two protocols. ``strict`` follows the definition of the paper. ``reference`` gives the numbers of the package
codebleu 0.7.0, for comparison with published work. docs/codebleu.md shows what each component compares and how the
protocols differ.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from moesaic.codebleu import reference, strict
from moesaic.codebleu.counts import COMPONENTS, MatchCounts, PairScore, pool_counts
from moesaic.errors import DataError
from moesaic.languages import get_language
from moesaic.parsing import grammar_versions
from moesaic.statistics import Estimate, estimate_mean

__all__ = ["COMPONENTS", "PROTOCOLS", "CodeBLEU", "CodeBleuResult", "PairScore", "codebleu"]

PROTOCOLS = ("strict", "reference")
References = Sequence[str | Sequence[str]]

_CHUNK = 32  # number of pairs that are sent to a worker at once


@dataclass(frozen=True)
class CodeBleuResult:
    """The scores of a set of pairs.

    Attributes:
        language: Name of the language.
        protocol: ``strict`` or ``reference``.
        rows: The score of every pair, in the given order.
        corpus: The score of the pooled counts, as BLEU is defined for a corpus.
        seed: Seed of the bootstrap.
    """

    language: str
    protocol: str
    rows: tuple[PairScore, ...]
    corpus: PairScore
    seed: int = 0

    @cached_property
    def means(self) -> dict[str, Estimate]:
        """Mean over the pairs of every component, with its 95% bootstrap interval.

        Pairs whose reference does not define a component are left out of its mean; ``n`` is the number of remaining
        pairs.
        """
        columns = {
            name: [value for pair in self.rows if (value := pair.to_dict()[name]) is not None] for name in COMPONENTS
        }
        return {name: estimate_mean(values, seed=self.seed) for name, values in columns.items()}

    @property
    def codebleu(self) -> float:
        """The mean CodeBLEU of the pairs."""
        value = self.means["codebleu"].value
        assert value is not None
        return value

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the tree-sitter core and of the grammars, on which the scores depend."""
        return grammar_versions()


def codebleu(
    predictions: Sequence[str],
    references: References,
    language: str,
    protocol: str = "strict",
    *,
    workers: int = 1,
    seed: int = 0,
    executor: Executor | None = None,
) -> CodeBleuResult:
    """Scores predicted programs against reference programs.

    Args:
        predictions: Source texts.
        references: One reference per prediction, or several, of which the best one counts. In the ``reference``
            protocol, the counts of all references are added up, as in the package.
        language: Name or alias of the language of all programs.
        protocol: ``strict`` or ``reference``.
        workers: Number of processes. They are spawned, so a script must guard its main part.
        seed: Seed of the bootstrap interval.
        executor: An executor to use instead of ``workers``.

    Returns:
        Score of every pair, their means and the corpus score.

    Raises:
        DataError: There are no pairs, the lengths differ, a pair has no reference or contains something other than
            texts, the language or protocol is unknown, or the protocol does not support the language.

    Example:
        >>> codebleu(["x = 1"], ["x = 1"], "python").codebleu
        1.0
    """
    row = get_language(language)
    name = row.syntax
    if name is None:
        raise DataError(
            f"CodeBLEU compares syntax trees, and no grammar reads {row.name}: use BLEU (--metric bleu), or exact_match"
        )
    if protocol not in PROTOCOLS:
        raise DataError(f"unknown protocol {protocol!r}: allowed are {' and '.join(PROTOCOLS)}")
    if protocol == "reference" and name not in reference.KEYWORDS:
        raise DataError(
            f"the reference protocol has no {get_language(name).title}: it scores {', '.join(reference.KEYWORDS)}; "
            "use the strict one (--protocol strict)"
        )
    groups = _check_pairs(predictions, references)
    if not groups:
        raise DataError("no pairs to score: predictions and references are empty")
    tasks = [
        (list(predictions[start : start + _CHUNK]), groups[start : start + _CHUNK], name, protocol)
        for start in range(0, len(predictions), _CHUNK)
    ]
    if executor is not None:
        chunks = list(executor.map(_compare_chunk, tasks))
    elif workers > 1 and len(tasks) > 1:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            chunks = list(pool.map(_compare_chunk, tasks))
    else:
        chunks = [_compare_chunk(task) for task in tasks]
    counts = [row for chunk in chunks for row in chunk]
    score = strict.score if protocol == "strict" else reference.score
    rows = tuple(score(row) for row in counts)
    return CodeBleuResult(row.name, protocol, rows, score(pool_counts(counts)), seed)


def _check_pairs(predictions: Sequence[str], references: References) -> list[list[str]]:
    """Returns the references of every pair as a list."""
    for name, texts in (("predictions", predictions), ("references", references)):
        if isinstance(texts, str):
            raise DataError(f"{name} is one text, {texts[:40]!r}: give a list of texts, one entry per pair")
    if len(predictions) != len(references):
        raise DataError(
            f"{len(predictions)} predictions but {len(references)} references: one entry per pair is needed"
        )
    groups = [[entry] if isinstance(entry, str) else list(entry or ()) for entry in references]
    for index, (prediction, group) in enumerate(zip(predictions, groups, strict=True)):
        if not group:
            raise DataError(f"pair {index} has an empty list of references: give at least one")
        for text in (prediction, *group):
            if not isinstance(text, str):
                raise DataError(f"pair {index} holds {text!r:.40}: predictions and references are texts")
    return groups


def _compare_chunk(task: tuple[list[str], list[list[str]], str, str]) -> list[MatchCounts]:
    predictions, groups, language, protocol = task
    compare = strict.compare if protocol == "strict" else reference.compare
    return [compare(prediction, group, language) for prediction, group in zip(predictions, groups, strict=True)]


class CodeBLEU:
    """The metric as an object that collects batches, as in torchmetrics and evaluate.

    Args:
        language: Name or alias of the language.
        protocol: ``strict`` or ``reference``.
        workers: Number of processes that ``compute`` uses.
    """

    def __init__(self, language: str, protocol: str = "strict", *, workers: int = 1) -> None:
        self.language = get_language(language).name
        self.protocol: str = protocol
        self.workers = workers
        self.reset()

    def reset(self) -> None:
        """Removes all pairs."""
        self._predictions: list[str] = []
        self._references: list[str | Sequence[str]] = []

    def update(self, predictions: Sequence[str], references: References) -> None:
        """Adds a batch of pairs.

        Raises:
            DataError: The lengths differ, or an entry is not a text.
        """
        _check_pairs(predictions, references)
        self._predictions.extend(predictions)
        self._references.extend(references)

    def compute(self) -> CodeBleuResult:
        """Scores all pairs that were added since the last reset.

        Raises:
            DataError: There are no pairs.
        """
        return codebleu(self._predictions, self._references, self.language, self.protocol, workers=self.workers)
