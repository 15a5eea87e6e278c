"""Where text-to-code pairs come from.

    corpus                          the embedded corpus
    hub:codeparrot/xlcost-text-to-code   a data set of the Hugging Face hub (extra ``hub``)
    a folder XLCoST_data            the upstream release, or a folder above or below it
    a folder of JSON Lines          <language>/{train,validation,test}.jsonl or <language>.jsonl

JSON Lines have the fields ``text`` and ``code``, or other names for them (``data.fields``), or the form of chats or of
Alpaca (``read_pair``), and may have ``id`` and ``tests``. One file without splits is split by
a hash of the id, so that a problem is in the same split in every language.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from moesaic.data.corpus import load_tasks
from moesaic.data.descriptions import title_of
from moesaic.data.examples import SPLITS, Example, read_records, string_field, tests_field
from moesaic.data.fences import extract_code
from moesaic.data.hub import commit_of, read_hub
from moesaic.errors import DataError
from moesaic.files import digest_of, file_digest, read_json_lines, read_text, text_digest
from moesaic.languages import Language, get_language
from moesaic.recipe import MBXP_PREFIX

Pairs = dict[str, dict[str, list[Example]]]
"""Language -> split -> examples, with the code as the source has it."""

HUB_PREFIX = "hub:"
CORPUS = "corpus"
XLCOST_FOLDER = "pair_data_tok_full_desc_comment"

_XLCOST_SPLITS = {"train": "train", "validation": "val", "test": "test"}


class SourceOptions(Protocol):
    """The part of ``recipe.DataRecipe`` that says what to read."""

    @property
    def source(self) -> str:
        """``corpus``, ``hub:NAME`` or a folder."""

    @property
    def revision(self) -> str | None:
        """Commit, branch or tag of a hub data set."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Names of languages."""

    @property
    def fields(self) -> Mapping[Any, str]:
        """What the source calls ``text`` and ``code``, where that is something else."""

    @property
    def validation_fraction(self) -> float:
        """Share for validation where the source has no splits."""

    @property
    def test_fraction(self) -> float:
        """Share for test where the source has no splits."""


def resolve_revision(options: SourceOptions) -> str | None:
    """Returns the commit that a hub data set is read at; None for every other source.

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
        commit: The commit of a hub data set, from ``resolve_revision``; looked up when None.

    Raises:
        DataError: The source is missing, malformed, or has no example for a language and split.
        DependencyError: A hub data set without the extra ``hub``.
    """
    rows = [get_language(name) for name in options.languages]
    if options.source == CORPUS:
        pairs = {row.name: _read_corpus(row) for row in rows}
    elif options.source.startswith(HUB_PREFIX):
        name = options.source.removeprefix(HUB_PREFIX)
        at = commit or commit_of(name, options.revision)
        pairs = {row.name: _read_hub(name, row, at, getattr(options, "fields", None)) for row in rows}
    else:
        folder = _folder(options.source)
        xlcost = _xlcost_folder(folder)
        pairs = {row.name: _read_xlcost(xlcost, row) if xlcost else _read_jsonl(folder, row, options) for row in rows}
    for language, splits in pairs.items():
        for split, examples in splits.items():
            if not examples:
                raise DataError(
                    f"{options.source}: the {split} split of {language} is empty; every split needs an example. "
                    f"{_why_empty(split, splits)}; or leave the language out of data.languages"
                )
    return pairs


def read_head(options: SourceOptions, limit: int | None) -> tuple[dict[str, list[Example]], bool]:
    """Reads one language's splits, or the first lines of the files of one's own JSON Lines.

    Args:
        options: What to read; the first of its languages is read.
        limit: Lines of each file; None: all.

    Returns:
        Split -> examples, and whether they are all there are.

    Raises:
        DataError: The source is missing or malformed, or a split is seen to be empty.
    """
    row = get_language(options.languages[0])
    if limit is None or not is_own(options.source):
        return read_source(options)[row.name], True
    files = _jsonl_files(_folder(options.source), row)
    heads = []
    for path in files:
        rows = itertools.islice(read_json_lines(path), limit + 1)
        heads.append([read_pair(record, f"{path}:{number}", row) for number, record in rows])
    if all(len(head) <= limit for head in heads):
        return read_source(options)[row.name], True
    heads = [head[:limit] for head in heads]
    if len(files) < len(SPLITS):
        return {"one file": heads[0]}, False
    if empty := [split for split, head in zip(SPLITS, heads, strict=True) if not head]:
        raise DataError(f"{options.source}: the {empty[0]} split of {row.name} is empty; every split needs an example")
    return dict(zip(SPLITS, heads, strict=True)), False


def says_xlcost(source: str) -> bool:
    """Whether a source's name says that it has XLCoST's token streams."""
    if source.startswith(HUB_PREFIX):
        return "xlcost" in source.lower()
    return source != CORPUS and _xlcost_folder(Path(source).expanduser()) is not None


def is_own(source: str) -> bool:
    """Whether a source is a folder of one's own JSON Lines."""
    return source != CORPUS and not source.startswith((HUB_PREFIX, MBXP_PREFIX)) and not says_xlcost(source)


def _why_empty(split: str, splits: Mapping[str, Sequence[Example]]) -> str:
    examples = [example for part in splits.values() for example in part]
    if not examples:
        return "No split has any: add some"
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
    """Returns a digest that changes when the source's files do.

    Of a hub data set, its name and ``data.revision`` are all that is looked at.

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
    folder = _folder(options.source)
    xlcost = _xlcost_folder(folder)
    files = [path for row in rows for path in (_xlcost_files(xlcost, row) if xlcost else _jsonl_files(folder, row))]
    return digest_of([[path.name, file_digest(path)] for path in files])


def _folder(source: str) -> Path:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(
            f"data.source {source!r} {what}: give 'corpus', 'hub:NAME', an XLCoST_data folder, or a folder of JSON "
            "Lines (<language>/train.jsonl, validation.jsonl, test.jsonl)"
        )
    return folder


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


def _read_hub(name: str, row: Language, commit: str, fields: Mapping[Any, str] | None) -> dict[str, list[Example]]:
    return {
        split: [
            read_pair(record, f"{name}/{row.hub_config or row.name}/{split}:{number}", row, fields)
            for number, record in enumerate(records, start=1)
        ]
        for split, records in read_hub(name, row, commit).items()
    }


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
    """Reads three files that belong together line by line: descriptions, programs, problem ids."""
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


# ---- JSON Lines ------------------------------------------------------------------------------------------------------


def _jsonl_files(folder: Path, row: Language) -> list[Path]:
    for name in (row.name, *row.aliases):
        files = [folder / name / f"{split}.jsonl" for split in SPLITS]
        if any(path.is_file() for path in files):
            missing = [str(path) for path in files if not path.is_file()]
            if missing:
                raise DataError(f"{', '.join(missing)} is missing: every language needs {', '.join(SPLITS)}")
            return files
        single = folder / f"{name}.jsonl"
        if single.is_file():
            return [single]
    found = sorted(path.name for path in folder.iterdir())[:8]
    raise DataError(
        f"{folder} has no {row.name}/train.jsonl and no {row.name}.jsonl (it has {', '.join(found) or 'nothing'}): "
        "add it, leave the language out of data.languages, or change data.source"
    )


def _read_jsonl(folder: Path, row: Language, options: SourceOptions) -> dict[str, list[Example]]:
    files = _jsonl_files(folder, row)
    fields = getattr(options, "fields", None)
    read = [[read_pair(record, where, row, fields) for where, record in read_records(path)] for path in files]
    if len(files) == len(SPLITS):
        return dict(zip(SPLITS, read, strict=True))
    return _split(read[0], options.validation_fraction, options.test_fraction)


def _split(examples: Iterable[Example], validation_fraction: float, test_fraction: float) -> dict[str, list[Example]]:
    """Splits by a hash of the id: a problem goes the same way in every language, and adding one moves no other."""
    splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for example in examples:
        share = int(text_digest(example.id)[:12], 16) / 2**48
        if share < test_fraction:
            splits["test"].append(example)
        elif share < test_fraction + validation_fraction:
            splits["validation"].append(example)
        else:
            splits["train"].append(example)
    return splits


def read_pair(record: dict[str, Any], where: str, row: Language, fields: Mapping[Any, str] | None = None) -> Example:
    """Returns the example of a record, which may have ``id`` and ``tests`` beside its text and its code.

    Args:
        record: With ``text`` and ``code``; or with ``messages``, of which the first answer and what was asked are
            taken; or with ``instruction``, ``output`` and perhaps ``input``, as Alpaca has them.
        where: ``file:line`` for messages.
        row: The language.
        fields: Names that the source has for ``text`` and ``code``.

    Raises:
        DataError: A field is missing or of another type.
    """
    names = fields or {}
    if not names and not {"text", "code"} & record.keys():
        record = {**record, **_from_chat(record, where, row), **_from_alpaca(record, where, row)}
    text = string_field(record, names.get("text", "text"), where)
    code = string_field(record, names.get("code", "code"), where)
    # Without an id the title stands in: it is what the same problem shares across languages.
    identifier = str(record["id"]) if record.get("id") not in (None, "") else f"title-{_short_hash(title_of(text))}"
    return Example(identifier, row.name, text, code, tests_field(record, where))


def _from_chat(record: dict[str, Any], where: str, row: Language) -> dict[str, str]:
    """The first answer of a conversation, without the prose around its code, and the turn before it."""
    if "messages" not in record:
        return {}
    turns = record["messages"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f"{where}: field 'messages' must be a list of objects with role and content")
    for asked, answered in itertools.pairwise(turns):
        if (asked.get("role"), answered.get("role")) == ("user", "assistant"):
            return {
                "text": string_field(asked, "content", where),
                "code": extract_code(string_field(answered, "content", where), row.name),
            }
    raise DataError(f"{where}: field 'messages' has no turn of the user followed by the assistant's")


def _from_alpaca(record: dict[str, Any], where: str, row: Language) -> dict[str, str]:
    if not {"instruction", "output"} <= record.keys():
        return {}
    more = record.get("input")
    text = string_field(record, "instruction", where)
    return {
        "text": f"{text}\n\n{more}" if isinstance(more, str) and more.strip() else text,
        "code": extract_code(string_field(record, "output", where), row.name),
    }


def _short_hash(text: str) -> str:
    return text_digest(text.lower())[:12]
