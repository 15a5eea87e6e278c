"""The data stage: sources -> restored, checked and split examples, and a report of what happened to them.

    read -> restore, format -> damaged? -> repeated? leaked? -> too long? -> over the limit? -> <language>/<split>.jsonl

Every example that is left out is counted under the first reason that applies. Further sources (``extras``) join the
training split behind the main source's examples, so that they change nothing of what that one gives.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from moesaic.data.damage import REASONS, damage, reads
from moesaic.data.descriptions import clean_description
from moesaic.data.detokenize import detokenize_many, is_token_stream
from moesaic.data.examples import SPLITS, Example, write_examples
from moesaic.data.extras import ExtraOptions, read_extras
from moesaic.data.leakage import DUPLICATE, LEAKED, find_repeats
from moesaic.data.openings import find_opening
from moesaic.data.sources import read_source, resolve_revision
from moesaic.errors import DataError
from moesaic.files import write_json
from moesaic.progress import Bar

TOO_LONG = "too_long"
OVER_LIMIT = "over_limit"
LEFT_OUT: tuple[str, ...] = (*REASONS, DUPLICATE, LEAKED, TOO_LONG, OVER_LIMIT)
"""Why an example may be left out, in the order the reasons are looked at."""

REPORT_FILE = "report.json"


class DataOptions(ExtraOptions, Protocol):
    """What the stage needs to know; ``recipe.DataRecipe`` has it."""

    @property
    def max_tokens(self) -> int:
        """Longest example, prompt and code together."""

    @property
    def train_limit(self) -> int | None:
        """Most training examples of a language, those of further sources not counted."""

    @property
    def validation_limit(self) -> int | None:
        """Most validation examples of a language."""

    @property
    def test_limit(self) -> int | None:
        """Most test examples of a language."""


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What happened to one split of one language.

    The shares leave aside what the reader of a further source had left out already; without any program they are 0.

    Attributes:
        read: Examples in the source.
        kept: Examples written.
        left_out: Reason -> examples; every reason of ``LEFT_OUT`` is there, and a reader's own if it left some out.
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
    """What the data stage did; stored as ``report.json``.

    Attributes:
        source: The main source.
        languages: Language -> split -> what happened to the main source's examples.
        extra: Further source -> language -> what happened to its examples; they went to the training split.
        revision: Commit of a hub data set; None for every other source.
    """

    source: str
    languages: dict[str, dict[str, SplitReport]]
    extra: dict[str, dict[str, SplitReport]] = field(default_factory=dict)
    revision: str | None = None

    def summary(self) -> str:
        """Returns a line per language and source: how many examples were kept of how many, and why not the others."""
        lines = [_summary(language, splits) for language, splits in self.languages.items()]
        for source, languages in self.extra.items():
            lines += [_summary(f"{language}, {source}", {"train": part}) for language, part in languages.items()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An example on its way through the stage, why it was left out if it was, and its length once it is counted."""

    example: Example
    parses_raw: bool
    parses: bool
    reason: str | None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """One language and split of one source.

    Attributes:
        extra: The further source; None: the main one.
        language: Name of the language.
        split: Name of the split.
        examples: As they were read.
        left_out: Reason -> examples that the reader left out.
        rows: What becomes of the examples, in the same order.
    """

    extra: str | None
    language: str
    split: str
    examples: Sequence[Example]
    left_out: Mapping[str, int] = field(default_factory=dict)
    rows: list[_Candidate] = field(default_factory=list)


def prepare(
    options: DataOptions,
    folder: Path,
    count_tokens: Callable[[Example], int] | None = None,
    workers: int | None = None,
) -> DataReport:
    """Reads a source and writes ``<language>/{train,validation,test}.jsonl`` and ``report.json``.

    Args:
        options: Sources, languages, limits (``recipe.data``).
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
    revision = resolve_revision(options)
    pairs, extras = read_source(options, revision), read_extras(options)
    # The main source comes first: what a further one repeats of it goes, not the other way round.
    parts = [_Part(None, language, split, splits[split]) for language, splits in pairs.items() for split in SPLITS]
    for name, found in extras.items():
        parts += [_Part(name, language, "train", has.examples, has.left_out) for language, has in found.items()]
    with Bar("restoring programs", sum(len(part.examples) for part in parts), "programs") as bar:
        for part in parts:
            part.rows.extend(_restore(part.examples, part.language, workers))
            bar.advance(len(part.examples))
    _leave_out_repeats(parts)
    if count_tokens is not None:
        _measure(parts, options.max_tokens, count_tokens)
    limits = {"train": options.train_limit, "validation": options.validation_limit, "test": options.test_limit}
    report = DataReport(options.source, {language: {} for language in pairs}, {name: {} for name in extras}, revision)
    kept: dict[tuple[str, str], list[Example]] = {}
    for part in parts:
        rows = [row for row in part.rows if row.reason is None]
        if part.extra is None:
            rows = rows[: limits[part.split]]
            if not rows:
                raise _nothing_left(part)
            report.languages[part.language][part.split] = _report(part, rows)
        else:
            report.extra[part.extra][part.language] = _report(part, rows)
        kept.setdefault((part.language, part.split), []).extend(row.example for row in rows)
    for (language, split), examples in kept.items():
        write_examples(folder / language / f"{split}.jsonl", examples)
    write_json(folder / REPORT_FILE, asdict(report))
    return report


def _restore(examples: Sequence[Example], language: str, workers: int) -> list[_Candidate]:
    codes = detokenize_many([example.code for example in examples], language, workers)
    candidates = []
    for example, code in zip(examples, codes, strict=True):
        is_stream = is_token_stream(example.code)
        text = clean_description(example.text, language) if is_stream else example.text.strip()
        parses_raw = reads(example.code, language)
        opening = ""
        if example.opening:
            found = find_opening(example.opening, example.code, code, language)
            opening, code = (example.opening, example.code) if found is None else (found, code)
        reason = damage(code, language, is_stream)
        parses = reason is None or reads(code, language)
        restored = replace(example, text=text, code=code, opening=opening)
        candidates.append(_Candidate(restored, parses_raw, parses, reason))
    return candidates


def _leave_out_repeats(parts: Sequence[_Part]) -> None:
    """Marks duplicates and leaks among what is sound; problems are compared across languages."""
    for_split = {
        split: [
            (part.rows, index)
            for part in parts
            if part.split == split
            for index, row in enumerate(part.rows)
            if row.reason is None
        ]
        for split in SPLITS
    }
    repeats = find_repeats(
        {split: [rows[index].example for rows, index in found] for split, found in for_split.items()}
    )
    for split, found in repeats.items():
        for number, reason in found.items():
            rows, index = for_split[split][number]
            rows[index] = replace(rows[index], reason=reason)


def _measure(parts: Sequence[_Part], max_tokens: int, count_tokens: Callable[[Example], int]) -> None:
    """Counts the tokens of what is sound and marks what is too long."""
    with Bar("counting tokens", sum(row.reason is None for part in parts for row in part.rows), "programs") as bar:
        for part in parts:
            for index, row in enumerate(part.rows):
                if row.reason is None:
                    tokens = count_tokens(row.example)
                    part.rows[index] = replace(row, tokens=tokens, reason=TOO_LONG if tokens > max_tokens else None)
                    bar.advance()


def _report(part: _Part, kept: Sequence[_Candidate]) -> SplitReport:
    reasons = Counter(dict.fromkeys(LEFT_OUT, 0))
    reasons.update(row.reason for row in part.rows if row.reason is not None)
    reasons[OVER_LIMIT] = len(part.rows) - len(kept) - reasons.total()
    lengths = [row.tokens for row in kept if row.tokens is not None]
    return SplitReport(
        read=len(part.rows) + sum(part.left_out.values()),
        kept=len(kept),
        left_out={**part.left_out, **reasons},
        parse_share_raw=_share(row.parses_raw for row in part.rows),
        parse_share_restored=_share(row.parses for row in part.rows),
        parse_share_kept=_share(row.parses for row in kept),
        tokens=sum(lengths) if len(lengths) == len(kept) else None,
    )


def _nothing_left(part: _Part) -> DataError:
    reasons = Counter(row.reason for row in part.rows if row.reason is not None)
    why = ", ".join(f"{reason.replace('_', ' ')} {reasons[reason]}" for reason in LEFT_OUT if reasons[reason])
    return DataError(
        f"nothing is left of the {part.split} split of {part.language}: of {len(part.rows)} examples {why}; raise "
        f"data.max_tokens or data.{part.split}_limit, or name another data.source"
    )


def _summary(name: str, splits: Mapping[str, SplitReport]) -> str:
    kept = ", ".join(f"{split} {report.kept:,} of {report.read:,}" for split, report in splits.items())
    reasons: Counter[str] = Counter()
    for report in splits.values():
        reasons.update({reason: count for reason, count in report.left_out.items() if count})
    why = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in reasons.items())
    return f"{name}: {kept}" + (f"; left out: {why}" if why else "")


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4) if values else 0.0
