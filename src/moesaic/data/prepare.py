"""The data stage: source -> restored, checked and split examples, and a report of what happened to them.

    read -> restore, format -> damaged? -> repeated? leaked? -> too long? -> over the limit? -> <language>/<split>.jsonl

Every example that is left out is counted under the first reason that applies.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from moesaic.artifacts import write_json
from moesaic.data.damage import REASONS, damage, reads
from moesaic.data.descriptions import clean_description
from moesaic.data.detokenize import detokenize_many, is_token_stream
from moesaic.data.examples import SPLITS, Example, write_examples
from moesaic.data.leakage import DUPLICATE, LEAKED, find_repeats
from moesaic.data.sources import SourceOptions, read_source, source_digest
from moesaic.errors import DataError
from moesaic.progress import Bar

__all__ = ["LEFT_OUT", "DataOptions", "DataReport", "SplitReport", "prepare", "source_digest"]

TOO_LONG = "too_long"
OVER_LIMIT = "over_limit"
LEFT_OUT: tuple[str, ...] = (*REASONS, DUPLICATE, LEAKED, TOO_LONG, OVER_LIMIT)
"""Why an example may be left out, in the order the reasons are looked at."""

REPORT_FILE = "report.json"


class DataOptions(SourceOptions, Protocol):
    """What the stage needs to know; ``recipe.DataRecipe`` has it."""

    @property
    def max_tokens(self) -> int:
        """Longest example, prompt and code together."""

    @property
    def train_limit(self) -> int | None:
        """Most training examples of a language."""

    @property
    def validation_limit(self) -> int | None:
        """Most validation examples of a language."""

    @property
    def test_limit(self) -> int | None:
        """Most test examples of a language."""


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What happened to one split of one language.

    Attributes:
        read: Examples in the source.
        kept: Examples written.
        left_out: Reason -> examples; every reason of ``LEFT_OUT`` is there.
        parse_share_raw: Share of programs that parse as the source has them.
        parse_share_restored: Share that parses after restoring, before any is left out.
        parse_share_kept: Share of the written ones that parses.
        tokens: Tokens of the written examples, prompt and code; None if they were not counted.
    """

    read: int
    kept: int
    left_out: dict[str, int]
    parse_share_raw: float
    parse_share_restored: float
    parse_share_kept: float
    tokens: int | None


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the data stage did, by language and split; stored as ``report.json``."""

    source: str
    languages: dict[str, dict[str, SplitReport]]

    def summary(self) -> str:
        """Returns one line per language: how many examples were kept of how many, and why the others were not."""
        lines = []
        for language, splits in self.languages.items():
            kept = ", ".join(f"{split} {report.kept:,} of {report.read:,}" for split, report in splits.items())
            reasons: Counter[str] = Counter()
            for report in splits.values():
                reasons.update({reason: count for reason, count in report.left_out.items() if count})
            why = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in reasons.items())
            lines.append(f"{language}: {kept}" + (f"; left out: {why}" if why else ""))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An example on its way through the stage, why it was left out if it was, and its length once it is counted."""

    example: Example
    parses_raw: bool
    parses: bool
    reason: str | None
    tokens: int | None = None


def prepare(
    options: DataOptions,
    folder: Path,
    count_tokens: Callable[[Example], int] | None = None,
    workers: int | None = None,
) -> DataReport:
    """Reads a source and writes ``<language>/{train,validation,test}.jsonl`` and ``report.json``.

    Args:
        options: Source, languages, limits (``recipe.data``).
        folder: Where to write; created. The caller publishes it once it is whole.
        count_tokens: Length of an encoded example; without it no example is too long.
        workers: Formatters that run at the same time; as many as there are processors, at most 8, if None.

    Returns:
        What was read, kept and left out.

    Raises:
        DataError: The source is missing or malformed, or nothing is left of a split.
        DependencyError: A hub data set without the extra ``hub``.
        ToolchainError: A formatter is not installed.
    """
    workers = workers or min(8, os.cpu_count() or 1)
    pairs = read_source(options)
    candidates: dict[str, dict[str, list[_Candidate]]] = {}
    total = sum(len(examples) for splits in pairs.values() for examples in splits.values())
    with Bar("restoring programs", total, "programs") as bar:
        for language, splits in pairs.items():
            candidates[language] = {}
            for split, examples in splits.items():
                candidates[language][split] = _restore(examples, language, workers)
                bar.advance(len(examples))
    _leave_out_repeats(candidates)
    if count_tokens is not None:
        _measure(candidates, options.max_tokens, count_tokens)
    limits = {"train": options.train_limit, "validation": options.validation_limit, "test": options.test_limit}
    reports: dict[str, dict[str, SplitReport]] = {}
    for language, splits_of in candidates.items():
        reports[language] = {}
        for split in SPLITS:
            reports[language][split] = _write(splits_of[split], limits[split], folder, language, split)
    report = DataReport(options.source, reports)
    write_json(folder / REPORT_FILE, asdict(report))
    return report


def _restore(examples: Sequence[Example], language: str, workers: int) -> list[_Candidate]:
    codes = detokenize_many([example.code for example in examples], language, workers)
    candidates = []
    for example, code in zip(examples, codes, strict=True):
        is_stream = is_token_stream(example.code)
        text = clean_description(example.text, language) if is_stream else example.text.strip()
        reason = damage(code, language, is_stream)
        parses = reason is None or reads(code, language)
        restored = replace(example, text=text, code=code)
        candidates.append(_Candidate(restored, reads(example.code, language), parses, reason))
    return candidates


def _leave_out_repeats(candidates: dict[str, dict[str, list[_Candidate]]]) -> None:
    """Marks duplicates and leaks among what is sound; problems are compared across languages."""
    for_split = {
        split: [
            (language, index, candidate.example)
            for language, splits in candidates.items()
            for index, candidate in enumerate(splits[split])
            if candidate.reason is None
        ]
        for split in SPLITS
    }
    repeats = find_repeats({split: [example for _, _, example in rows] for split, rows in for_split.items()})
    for split, found in repeats.items():
        for number, reason in found.items():
            language, index, _ = for_split[split][number]
            candidates[language][split][index] = replace(candidates[language][split][index], reason=reason)


def _measure(
    candidates: dict[str, dict[str, list[_Candidate]]], max_tokens: int, count_tokens: Callable[[Example], int]
) -> None:
    """Counts the tokens of what is sound and marks what is too long."""
    rows_of_splits = [rows for splits in candidates.values() for rows in splits.values()]
    with Bar("counting tokens", sum(row.reason is None for rows in rows_of_splits for row in rows), "programs") as bar:
        for rows in rows_of_splits:
            for index, row in enumerate(rows):
                if row.reason is None:
                    tokens = count_tokens(row.example)
                    rows[index] = replace(row, tokens=tokens, reason=TOO_LONG if tokens > max_tokens else None)
                    bar.advance()


def _write(
    candidates: Sequence[_Candidate],
    limit: int | None,
    folder: Path,
    language: str,
    split: str,
) -> SplitReport:
    kept = [candidate for candidate in candidates if candidate.reason is None]
    over = len(kept) - len(kept[:limit])
    kept = kept[:limit]
    reasons = Counter(dict.fromkeys(LEFT_OUT, 0))
    reasons.update(candidate.reason for candidate in candidates if candidate.reason is not None)
    reasons[OVER_LIMIT] += over
    if not kept:
        why = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.items() if count)
        raise DataError(
            f"nothing is left of the {split} split of {language}: of {len(candidates)} examples {why}; raise "
            f"data.max_tokens or data.{split}_limit, or name another data.source"
        )
    write_examples(folder / language / f"{split}.jsonl", (candidate.example for candidate in kept))
    lengths = [candidate.tokens for candidate in kept if candidate.tokens is not None]
    return SplitReport(
        read=len(candidates),
        kept=len(kept),
        left_out=dict(reasons),
        parse_share_raw=_share(candidate.parses_raw for candidate in candidates),
        parse_share_restored=_share(candidate.parses for candidate in candidates),
        parse_share_kept=_share(candidate.parses for candidate in kept),
        tokens=sum(lengths) if len(lengths) == len(kept) else None,
    )


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4)
