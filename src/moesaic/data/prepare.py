"""The stage ``data``: reads sources, restores, checks and splits examples, and reports what was left out.

    read -> restore, format -> damaged? -> repeated? leaked? -> too long? -> over the limit? -> <language>/<split>.jsonl

Examples that are too long in any layout, and text that is not Unicode, are left out first. Every example that is left
out is counted under the first reason that applies. Examples of further sources (``extras``) follow those of the main
source in the training split, so that they do not change which examples the main source contributes.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from moesaic.data.damage import REASONS, damage, reads
from moesaic.data.descriptions import clean_description
from moesaic.data.detokenize import is_certain_stream, is_token_stream, is_xlcost, restore
from moesaic.data.examples import SPLITS, Example, write_examples
from moesaic.data.extras import ExtraOptions, read_extras
from moesaic.data.fences import FENCE, extract_code
from moesaic.data.formatting import BATCH_PROGRAMS, format_many
from moesaic.data.leakage import DUPLICATE, LEAKED, find_repeats
from moesaic.data.openings import find_opening
from moesaic.data.sources import is_own, read_source, resolve_revision, says_xlcost
from moesaic.errors import DataError
from moesaic.files import write_json
from moesaic.languages import get_language, syntax_of
from moesaic.parsing import clean_source, is_unicode
from moesaic.progress import Bar

NOT_UNICODE = "not_unicode"
CODE_FENCE = "code_fence"
TOO_LONG = "too_long"
OVER_LIMIT = "over_limit"
LEFT_OUT: tuple[str, ...] = (NOT_UNICODE, *REASONS, CODE_FENCE, DUPLICATE, LEAKED, TOO_LONG, OVER_LIMIT)
"""The reasons why an example may be left out, in the order in which they are checked."""

_ADVICE = {
    NOT_UNICODE: "mend the escapes of half characters (lone surrogates) in data.source",
    **dict.fromkeys(REASONS, "check that the field code holds whole programs of this language"),
    CODE_FENCE: "take the code fences out of the programs",
    DUPLICATE: "give it programs that differ",
    LEAKED: "give it problems (ids, titles, programs) that are in no other split",
    TOO_LONG: "raise data.max_tokens",
}
_QUICK_CHARACTERS = 2**14  # formatters finish any text of this length within a second
_MOST_CHARACTERS_A_TOKEN = 64  # no program has more on average
_MANY_CHARACTERS_A_TOKEN = 8  # few have more: then tokens are counted, of which a stream may have twice as many
_MARKS = re.compile(r"\b(?:NEW_LINE|INDENT|DEDENT)\b|\s+")

REPORT_FILE = "report.json"


class DataOptions(ExtraOptions, Protocol):
    """The options of the stage, which ``recipe.DataRecipe`` has."""

    @property
    def format(self) -> str | None:
        """``keep``, ``standard``, or None for the default of the source."""

    @property
    def max_tokens(self) -> int:
        """Maximum length of an example in tokens, prompt and code together."""

    @property
    def train_limit(self) -> int | None:
        """Maximum number of training examples per language, without those of further sources."""

    @property
    def validation_limit(self) -> int | None:
        """Maximum number of validation examples per language."""

    @property
    def test_limit(self) -> int | None:
        """Maximum number of test examples per language."""


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What happened to one split of one language.

    The shares do not include programs that were left out without being parsed: by the reader of a further source, or
    because they were not Unicode or far too long. They are 0 if there are no programs, and None for a domain without a
    grammar.

    Attributes:
        read: Number of examples in the source.
        kept: Number of examples written.
        left_out: Reason -> number of examples, for every reason in ``LEFT_OUT`` and every reason of a reader.
        parse_share_raw: Share of programs that parse in the form that they have in the source.
        parse_share_restored: Share of programs that parse after restoring, before any is left out.
        parse_share_kept: Share of the written programs that parse.
        tokens: Number of tokens in the written examples, prompt and code; None if they were not counted.
    """

    read: int
    kept: int
    left_out: dict[str, int]
    parse_share_raw: float | None
    parse_share_restored: float | None
    parse_share_kept: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class DataReport:
    """The report of the data stage, stored as ``report.json``.

    Attributes:
        source: The main source.
        languages: Language -> split -> report on the examples of the main source.
        extra: Further source -> language -> report on its examples, which were added to the training split.
        revision: Commit of a hub data set; None for every other source.
    """

    source: str
    languages: dict[str, dict[str, SplitReport]]
    extra: dict[str, dict[str, SplitReport]] = field(default_factory=dict)
    revision: str | None = None

    def summary(self) -> str:
        """Returns a line per language and source with kept and left-out examples, and a line per domain's limits."""
        lines = [_summary(language, splits) for language, splits in self.languages.items()]
        for source, languages in self.extra.items():
            lines += [_summary(f"{language}, {source}", {"train": part}) for language, part in languages.items()]
        lines += [lacks for language in self.languages if (lacks := get_language(language).lacks)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An example in the stage, the reason why it was left out, if any, and its length once it was counted.

    ``parses_raw`` and ``parses`` say whether it parses before and after restoring. They are None for examples that were
    left out without being parsed, and for languages without a grammar.
    """

    example: Example
    parses_raw: bool | None
    parses: bool | None
    reason: str | None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """One language and split of one source.

    Attributes:
        extra: The further source; None for the main source.
        language: Name of the language.
        split: Name of the split.
        examples: The examples as they were read.
        left_out: Reason -> number of examples that the reader left out.
        rows: The state of each example, in the same order.
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
        options: Sources, languages and limits (``recipe.data``).
        folder: Folder to write to, which is created. The caller publishes it when it is complete.
        count_tokens: Returns the length of an encoded example; None to not limit the length.
        workers: Number of processes that restore and format; None for the number of processors, at most 8.

    Returns:
        The report on what was read, kept and left out.

    Raises:
        DataError: The source is missing or malformed, or no examples are left in a split.
        DependencyError: A hub data set needs the extra ``hub``, which is not installed.
        ToolchainError: A formatter is not installed.
    """
    workers = workers or min(8, os.cpu_count() or 1)
    revision = resolve_revision(options)
    pairs, extras = read_source(options, revision), read_extras(options)
    # The main source comes first, so that repetitions are left out of the further sources.
    parts = [_Part(None, language, split, splits[split]) for language, splits in pairs.items() for split in SPLITS]
    for name, found in extras.items():
        parts += [_Part(name, language, "train", has.examples, has.left_out) for language, has in found.items()]
    _restore(parts, options, count_tokens, workers)
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


def _restore(
    parts: Sequence[_Part], options: DataOptions, count_tokens: Callable[[Example], int] | None, workers: int
) -> None:
    """Fills the rows of all parts, using several processes."""
    sources = {part.extra for part in parts}
    from_xlcost = {source: _is_xlcost(source, parts, options) for source in sources}
    with (
        Bar("restoring programs", sum(len(part.examples) for part in parts), "programs") as bar,
        _mapper(workers) as run,
    ):
        for part in parts:
            layout = getattr(options, "format", None) or (
                "keep" if is_own(part.extra or options.source) else "standard"
            )
            unread = [_unread(example, options.max_tokens, count_tokens) for example in part.examples]
            examples = [example for example, reason in zip(part.examples, unread, strict=True) if reason is None]
            batches = [examples[start : start + BATCH_PROGRAMS] for start in range(0, len(examples), BATCH_PROGRAMS)]
            language = syntax_of(part.language) or part.language
            restore_batch = partial(
                _restore_batch, language=language, layout=layout, from_xlcost=from_xlcost[part.extra]
            )
            restored = itertools.chain.from_iterable(_counted(run(restore_batch, batches), bar))
            for example, reason in zip(part.examples, unread, strict=True):
                row = next(restored) if reason is None else _Candidate(example, None, None, reason)
                part.rows.append(row)
            bar.advance(len(part.examples) - len(examples))


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable[list[_Candidate]]]]:
    """Yields a function like ``map`` that uses several processes if there are several workers."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(max_workers=workers) as pool:
        yield pool.map


def _counted(batches: Iterable[list[_Candidate]], bar: Bar) -> Iterator[list[_Candidate]]:
    for batch in batches:
        bar.advance(len(batch))
        yield batch


def _is_xlcost(source: str | None, parts: Sequence[_Part], options: DataOptions) -> bool:
    """Returns whether a source (None: the main one) has XLCoST's token streams, by its name or one of its languages."""
    if says_xlcost(source or options.source):
        return True
    return any(
        is_xlcost([example.code for example in part.examples], part.language) for part in parts if part.extra == source
    )


def _unread(example: Example, max_tokens: int, count_tokens: Callable[[Example], int] | None) -> str | None:
    """Returns why an example is left out without parsing or formatting, which may take minutes; None if it is not."""
    if not all(map(is_unicode, (example.id, example.text, example.code))):
        return NOT_UNICODE
    length = len(example.text) + len(example.code)
    if length > max(_QUICK_CHARACTERS, max_tokens * _MOST_CHARACTERS_A_TOKEN):
        return TOO_LONG
    if length > max(_QUICK_CHARACTERS, max_tokens * _MANY_CHARACTERS_A_TOKEN) and count_tokens is not None:
        squeezed = replace(example, code=_MARKS.sub(" ", example.code), opening="")
        return TOO_LONG if count_tokens(squeezed) > 2 * max_tokens else None
    return None


def _restore_batch(examples: Sequence[Example], language: str, layout: str, from_xlcost: bool) -> list[_Candidate]:
    examples = [
        replace(example, code=clean_source(example.code), opening=clean_source(example.opening)) for example in examples
    ]
    is_stream = is_token_stream if from_xlcost else partial(is_certain_stream, language=language)
    streams = [is_stream(example.code) for example in examples]
    codes = [
        restore(example.code, language) if stream else example.code.strip("\n").rstrip() + "\n"
        for example, stream in zip(examples, streams, strict=True)
    ]
    unlaid = [number for number, stream in enumerate(streams) if stream or layout == "standard"]
    for number, code in zip(unlaid, format_many([codes[number] for number in unlaid], language), strict=True):
        codes[number] = code
    return list(map(partial(_candidate, language=language), examples, codes, streams))


def _candidate(example: Example, code: str, is_stream: bool, language: str) -> _Candidate:
    text = clean_source(example.text)
    text = clean_description(text, language) if is_stream else text.strip()
    has_grammar = syntax_of(language) is not None
    opening = ""
    if example.opening:
        found = find_opening(example.opening, example.code, code, language) if has_grammar else None
        opening, code = (example.opening, example.code) if found is None else (found, code)
    reason = damage(code, language, is_stream) if has_grammar else None
    if reason is None and FENCE in code and extract_code(code + FENCE, language) != code.strip("\n").rstrip() + "\n":
        reason = CODE_FENCE
    restored = replace(example, text=text, code=code, opening=opening)
    if not has_grammar:
        return _Candidate(restored, None, None, reason)
    parses = reason in (None, CODE_FENCE) or reads(code, language)
    return _Candidate(restored, reads(example.code, language), parses, reason)


def _leave_out_repeats(parts: Sequence[_Part]) -> None:
    """Marks duplicates and leaks among the examples that are not yet left out; compares problems across languages."""
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
    """Counts the tokens of the examples that are not yet left out, and marks those that are too long."""
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
    share = _share if syntax_of(part.language) else lambda _: None
    return SplitReport(
        read=len(part.rows) + sum(part.left_out.values()),
        kept=len(kept),
        left_out={**part.left_out, **reasons},
        parse_share_raw=share(row.parses_raw for row in part.rows if row.parses_raw is not None),
        parse_share_restored=share(row.parses for row in part.rows if row.parses is not None),
        parse_share_kept=share(row.parses for row in kept if row.parses is not None),
        tokens=sum(lengths) if len(lengths) == len(kept) else None,
    )


def _nothing_left(part: _Part) -> DataError:
    reasons = Counter(row.reason for row in part.rows if row.reason is not None)
    why = ", ".join(f"{reason.replace('_', ' ')} {reasons[reason]:,}" for reason in LEFT_OUT if reasons[reason])
    advice = dict.fromkeys(_ADVICE[reason] for reason, _ in reasons.most_common())
    return DataError(
        f"nothing is left of the {part.split} split of {part.language}: its {len(part.rows):,} examples were left out "
        f"({why}); {', or '.join((*advice, 'name another data.source'))}"
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
