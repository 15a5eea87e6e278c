"""Reads pairs of tasks and programs from the source that a recipe names.

    corpus                          the embedded corpus
    hub:codeparrot/xlcost-text-to-code   a data set of the Hugging Face hub (extra ``hub``)
    a folder XLCoST_data            the upstream release, or a folder above or below it
    a folder of tables              <language>/{train,validation,test}.jsonl or <language>.jsonl
    one table                       pairs.jsonl, with a column that names the language if there are several

A table is a file of rows: JSON Lines, CSV or Parquet (``tables``). Its columns are ``text`` and ``code``, or others
(``columns``), and optionally ``id`` and ``tests``. A source without splits is split by a hash of the id, so that a
problem is in the same split in every language.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from moesaic.data.columns import of_language, read_pair, table_languages
from moesaic.data.corpus import load_tasks
from moesaic.data.examples import SPLITS, Example
from moesaic.data.hub import commit_of, read_hub
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.tables import SUFFIXES, Row, find_table, read_table, suffix_of
from moesaic.errors import DataError
from moesaic.files import digest_of, file_digest, read_text, text_digest
from moesaic.languages import LANGUAGES, Language, find_language, get_language
from moesaic.progress import say
from moesaic.recipe import MBXP_PREFIX

Pairs = dict[str, dict[str, list[Example]]]
"""Language -> split -> examples, with the code as it is in the source."""

HUB_PREFIX = "hub:"
CORPUS = "corpus"
XLCOST_FOLDER = "pair_data_tok_full_desc_comment"

_LOOKED_AT = 10_000  # number of rows of a table that are searched for languages
_XLCOST_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class SourceOptions(Protocol):
    """The part of ``recipe.DataRecipe`` that says what to read."""

    @property
    def source(self) -> str:
        """``corpus``, ``hub:NAME``, a folder or a table."""

    @property
    def revision(self) -> str | None:
        """Commit, branch or tag of a hub data set."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Names of languages."""

    @property
    def fields(self) -> Mapping[Any, str]:
        """``text``, ``code``, ``id`` or ``language`` -> the source's name for it, if it has a different one."""

    @property
    def validation_fraction(self) -> float:
        """Share of examples for validation if the source has no splits."""

    @property
    def test_fraction(self) -> float:
        """Share of examples for test if the source has no splits."""


def resolve_revision(options: SourceOptions) -> str | None:
    """Returns the commit at which a hub data set is read; None for every other source.

    Raises:
        DataError: The data set or its revision cannot be found.
    """
    if not options.source.startswith(HUB_PREFIX):
        return None
    return commit_of(options.source.removeprefix(HUB_PREFIX), options.revision)


def read_source(options: SourceOptions, commit: str | None = None) -> Pairs:
    """Reads every split of every language.

    Args:
        options: What to read.
        commit: The commit of a hub data set, from ``resolve_revision``; None to look it up.

    Raises:
        DataError: The source is missing or malformed, contains HumanEval, or lacks examples in a language and split.
        DependencyError: A hub data set needs the extra ``hub``, which is not installed.
    """
    at = commit or resolve_revision(options)
    return {row.name: _read(row, options, at) for row in map(get_language, options.languages)}


def read_head(options: SourceOptions, language: str, limit: int | None) -> tuple[dict[str, list[Example]], bool]:
    """Reads the splits of one language, or the first rows of the user's own tables.

    Args:
        options: What to read.
        language: One of its languages.
        limit: Number of rows to read from each file; None for all.

    Returns:
        Split -> examples, and whether these are all examples.

    Raises:
        DataError: The source is missing or malformed, or a split is found to be empty.
    """
    row = get_language(language)
    if limit is None or not is_own(options.source):
        return _read(row, options, resolve_revision(options)), True
    place = _place(options.source)
    files = _own_files(place, row)
    heads = [list(itertools.islice(read_table(path), limit + 1)) for path in files]
    if all(len(head) <= limit for head in heads):
        return _read(row, options, None), True
    try:
        read = [_examples(head[:limit], row, options, place) for head in heads]
    except DataError:  # the rest of the table may name the languages; if not, the same error is raised
        return _read(row, options, None), True
    if len(files) < len(SPLITS):
        return {"one file": read[0]}, False
    if empty := [split for split, head in zip(SPLITS, heads, strict=True) if not head]:
        raise DataError(f"{options.source}: the {empty[0]} split of {row.name} is empty; every split needs an example")
    return dict(zip(SPLITS, read, strict=True)), False


def languages_of(source: str) -> tuple[str, ...]:
    """Returns the languages that a source visibly has, without reading all of it; none for a hub data set.

    For a folder, this includes the domains after which its files and folders are named, as ``sql-postgresql.jsonl``.

    Raises:
        DataError: The source is missing, or a table is malformed.
    """
    if source.startswith(HUB_PREFIX):
        return ()
    if source == CORPUS:
        return tuple(load_tasks()[0].programs)
    place = _place(source)
    if place.is_file():
        return table_languages(itertools.islice(read_table(place), _LOOKED_AT))
    xlcost = _xlcost_folder(place)
    found = []
    for row in LANGUAGES.values():
        with contextlib.suppress(DataError):
            _ = _xlcost_files(xlcost, row) if xlcost else _own_files(place, row)
            found.append(row.name)
    stems = sorted({path.name.partition(".")[0] for path in place.iterdir()}) if xlcost is None else []
    return (*found, *(domain.name for stem in stems if (domain := find_language(stem)) and domain.domain_of))


def says_xlcost(source: str) -> bool:
    """Returns whether a source's name says that it has token streams of XLCoST."""
    if source.startswith(HUB_PREFIX):
        return "xlcost" in source.lower()
    return source != CORPUS and _xlcost_folder(Path(source).expanduser()) is not None


def is_own(source: str) -> bool:
    """Returns whether a source is the user's own, which means a table or a folder of tables."""
    return source != CORPUS and not source.startswith((HUB_PREFIX, MBXP_PREFIX)) and not says_xlcost(source)


def _read(row: Language, options: SourceOptions, commit: str | None) -> dict[str, list[Example]]:
    """Reads the splits of one language, none of which may be empty."""
    if options.source == CORPUS:
        splits = _read_corpus(row)
    elif commit is not None:
        splits = _read_hub(options.source.removeprefix(HUB_PREFIX), row, commit, options)
    else:
        place = _place(options.source)
        xlcost = _xlcost_folder(place)
        splits = _read_xlcost(xlcost, row) if xlcost else _read_own(place, row, options)
    named = [] if Path(options.source).expanduser().is_dir() else [options.source.rpartition("/")[2]]
    names = [*named, *(example.id for examples in splits.values() for example in examples)]
    refuse_humaneval("data.source", options.source, names)
    for split, examples in splits.items():
        if not examples:
            raise DataError(
                f"{options.source}: the {split} split of {row.name} is empty; every split needs an example. "
                f"{_why_empty(split, splits, options)}; or leave the language out of data.languages"
            )
    return splits


def _why_empty(split: str, splits: Mapping[str, Sequence[Example]], options: SourceOptions) -> str:
    examples = [example for part in splits.values() for example in part]
    if not examples:
        return "No split has any: add some"
    if is_own(options.source):
        files = _own_files(_place(options.source), get_language(examples[0].language))
        if len(files) == len(SPLITS):
            return f"{files[SPLITS.index(split)]} has no rows: add some, or leave all of the language in one file"
    counts = ", ".join(f"{name} {len(part):,}" for name, part in splits.items())
    problems = {example.id for example in examples}
    if len(problems) == len(examples):
        return f"Its {len(examples):,} examples went to {counts}: add some, or raise data.{split}_fraction"
    ids = "1 id" if len(problems) == 1 else f"{len(problems):,} ids"
    return (
        f"Its {len(examples):,} examples have {ids} between them ({min(problems)!r:.60}), and examples with one id are "
        f"in one split ({counts}): give each problem an id of its own, or none, which makes its title the id"
    )


def source_digest(options: SourceOptions) -> str:
    """Returns a digest that changes if the source's files change.

    For a hub data set, it depends only on the name and ``data.revision``.

    Raises:
        DataError: The source is missing.
    """
    rows = [get_language(name) for name in options.languages]
    if options.source == CORPUS:
        tasks = [
            [task.id, task.split, task.text, task.programs, [repr(test) for test in task.tests]]
            for task in load_tasks()
        ]
        return digest_of(tasks)
    if options.source.startswith(HUB_PREFIX):
        return digest_of([options.source, options.revision])
    place = _place(options.source)
    xlcost = _xlcost_folder(place)
    files = [path for row in rows for path in (_xlcost_files(xlcost, row) if xlcost else _own_files(place, row))]
    return digest_of([[path.name, file_digest(path)] for path in files])


def _place(source: str) -> Path:
    place = Path(source).expanduser()
    if place.is_dir() or (place.is_file() and suffix_of(place.name)):
        return place
    what = f"is a file, but none of {', '.join(SUFFIXES)}" if place.exists() else "does not exist"
    raise DataError(
        f"data.source {source!r} {what}: give 'corpus', 'hub:NAME', an XLCoST_data folder, a table (pairs.jsonl, .csv, "
        ".parquet), or a folder of them (<language>/train.jsonl, validation.jsonl, test.jsonl)"
    )


# ---- the embedded corpus ---------------------------------------------------------------------------------------------


def _read_corpus(row: Language) -> dict[str, list[Example]]:
    splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for task in load_tasks():
        if row.name not in task.programs:
            known = ", ".join(task.programs)
            raise DataError(f"the embedded corpus has no {row.title}: set data.languages to some of {known}")
        tests = tuple({"input": test.input, "output": test.output} for test in task.tests)
        splits[task.split].append(Example(task.id, row.name, task.text, task.programs[row.name], tests))
    return splits


# ---- the hub ---------------------------------------------------------------------------------------------------------


def _read_hub(name: str, row: Language, commit: str, options: SourceOptions) -> dict[str, list[Example]]:
    found, is_shared = read_hub(name, row, commit)
    read = {
        split: _examples(rows, row, options, f"the hub data set {name!r}" if is_shared else None)
        for split, rows in found.items()
    }
    return _completed(read, name, row, options)


def _completed(
    read: dict[str, list[Example]], name: str, row: Language, options: SourceOptions
) -> dict[str, list[Example]]:
    """Adds missing splits, which are taken from the training split."""
    fractions = {"validation": options.validation_fraction, "test": options.test_fraction}
    missing = {split: fraction for split, fraction in fractions.items() if split not in read}
    if not missing:
        return {split: read[split] for split in SPLITS}
    say(f"{name} has no {' and no '.join(missing)} split for {row.title}: taken from its training split by problem")
    parts = _split(read["train"], missing.get("validation", 0.0), missing.get("test", 0.0))
    return {split: read[split] if split in read and split != "train" else parts[split] for split in SPLITS}


# ---- the upstream release --------------------------------------------------------------------------------------------


def _xlcost_folder(folder: Path) -> Path | None:
    if folder.name == XLCOST_FOLDER:
        return folder
    places = (folder / XLCOST_FOLDER, folder / "XLCoST_data" / XLCOST_FOLDER)
    return next((place for place in places if place.is_dir()), None)


def _xlcost_files(folder: Path, row: Language) -> list[Path]:
    name = row.xlcost_name
    if name is None:
        raise DataError(f"XLCoST has no {row.title}: leave it out of data.languages, or give a source that has it")
    files = []
    for prefix in _XLCOST_SPLITS.values():
        stem = folder / f"{name}-desc" / f"{prefix}-{name}-desc-tok"
        files += [stem.with_name(stem.name + ".txt"), stem.with_name(f"{stem.name}.{row.extension}")]
        files.append(folder / f"{name}-desc" / f"{prefix}-{name}-map.jsonl")
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise DataError(
            f"{folder} has no {missing[0].relative_to(folder)} ({len(missing)} of {len(files)} files of {row.title} "
            "are missing): unpack the release again or leave the language out of data.languages"
        )
    return files


def _read_xlcost(folder: Path, row: Language) -> dict[str, list[Example]]:
    files = iter(_xlcost_files(folder, row))
    return {split: _read_aligned(next(files), next(files), next(files), row) for split in SPLITS}


def _column(path: Path) -> list[str]:
    try:
        return read_text(path).removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}): unpack the release again") from error


def _read_aligned(text_path: Path, code_path: Path, map_path: Path, row: Language) -> list[Example]:
    """Reads three files whose lines belong together: descriptions, programs and problem ids."""
    columns = [_column(path) for path in (text_path, code_path, map_path)]
    if len({len(column) for column in columns}) > 1:
        counts = ", ".join(
            f"{path.name} {len(column)}" for path, column in zip((text_path, code_path, map_path), columns, strict=True)
        )
        raise DataError(f"{text_path.parent}: the files must have the same number of lines: {counts}")
    return [
        Example(identifier.strip().strip('"'), row.name, text.strip(), code)
        for text, code, identifier in zip(*columns, strict=True)
        if text.strip() and code.strip()
    ]


# ---- own tables ------------------------------------------------------------------------------------------------------


def _own_files(place: Path, row: Language) -> list[Path]:
    """Returns the files of a language: one per split, or a single file."""
    if place.is_file():
        return [place]
    for name in (row.name, *row.aliases):
        files = [find_table(place / name, split) for split in SPLITS]
        there = [path for path in files if path is not None]
        if len(there) == len(SPLITS):
            return there
        if there:
            missing = ", ".join(
                str(place / name / f"{split}.jsonl") for split, path in zip(SPLITS, files, strict=True) if path is None
            )
            raise DataError(f"{missing} is missing: every language needs {', '.join(SPLITS)}")
        if single := find_table(place, name):
            return [single]
    found = sorted(path.name for path in place.iterdir())[:8]
    raise DataError(
        f"{place} has no {row.name}/train.jsonl and no {row.name}.jsonl, .csv or .parquet (it has "
        f"{', '.join(found) or 'nothing'}): add it, leave the language out of data.languages, or change data.source"
    )


def _read_own(place: Path, row: Language, options: SourceOptions) -> dict[str, list[Example]]:
    files = _own_files(place, row)
    read = [_examples(read_table(path), row, options, place) for path in files]
    if len(files) == len(SPLITS):
        return dict(zip(SPLITS, read, strict=True))
    return _split(read[0], options.validation_fraction, options.test_fraction)


def _examples(rows: Iterable[Row], row: Language, options: SourceOptions, table: Path | str | None) -> list[Example]:
    """Returns the examples in rows; from a table that all languages share, those of this language."""
    if isinstance(table, str) or (table is not None and table.is_file()):
        others = tuple(name for name in options.languages if get_language(name) is not row)
        rows = of_language(rows, row, others, options.fields, str(table))
    return [read_pair(record, where, row, options.fields) for where, record in rows]


def _split(examples: Iterable[Example], validation_fraction: float, test_fraction: float) -> dict[str, list[Example]]:
    """Splits by a hash of the id, so that a problem has one split in every language, and a new one moves no other.

    Only where a split would stay empty, it gets the problem with the next hash, if another is left to train on.
    """
    splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for example in examples:
        share = _share(example.id)
        held_out = "test" if share < test_fraction else "validation"
        splits[held_out if share < test_fraction + validation_fraction else "train"].append(example)
    for split, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        problems = {example.id for example in splits["train"]}
        if fraction > 0 and not splits[split] and len(problems) > 1:
            moved, training = min(problems, key=_share), splits["train"]
            splits[split] = [example for example in training if example.id == moved]
            splits["train"] = [example for example in training if example.id != moved]
    return splits


def _share(id_: str) -> float:
    return int(text_digest(id_)[:12], 16) / 2**48
