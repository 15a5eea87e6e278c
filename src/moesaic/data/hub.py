"""Data sets of the Hugging Face hub, read from their files: found by listing, never by running a script.

``codeparrot/xlcost-text-to-code`` has a loader script that its configurations come from, which the ``datasets`` library
refuses since version 4. The files that the script would read are there all the same. In this order:

    1. JSON, JSON Lines or Parquet files of the data set, whose path names the configuration and the split
    2. the hub's own Parquet conversion (revision ``refs/convert/parquet``)
    3. ``datasets``, for what is stored otherwise; it runs no script either

A configuration is named as in XLCoST's data set (``Python-program-level``) or by the language's own name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from moesaic.errors import DataError, DependencyError
from moesaic.files import parse_json
from moesaic.languages import Language
from moesaic.progress import say

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
_JSON_SUFFIXES = (".json", ".jsonl")
_PARQUET = ".parquet"
_CONVERTED = "refs/convert/parquet"

Records = dict[str, list[dict[str, Any]]]
"""Split -> records."""


def commit_of(name: str, revision: str | None = None) -> str:
    """Returns the commit of a data set that a branch or tag stands for now; of the newest state by default.

    Raises:
        DataError: The data set, or the revision, cannot be found or reached.
    """
    return str(_ask(name, revision, lambda api: api.dataset_info(name, revision=revision).sha))


def read_hub(name: str, row: Language, commit: str) -> Records:
    """Reads every split of one language.

    Args:
        name: The data set, ``owner/name``.
        row: The language.
        commit: The commit to read; see ``commit_of``.

    Raises:
        DataError: The data set has no files for the language, lacks a split, or a file is damaged.
        DependencyError: Parquet files without the extra ``hub``.
    """
    listed = _ask(name, commit, lambda api: api.list_repo_files(name, repo_type="dataset", revision=commit))
    for suffixes in (_JSON_SUFFIXES, (_PARQUET,)):
        if files := _files_of(listed, row, suffixes):
            return _read(name, row, files, commit)
    try:
        converted = _ask(
            name, _CONVERTED, lambda api: api.list_repo_files(name, repo_type="dataset", revision=_CONVERTED)
        )
    except DataError:  # not every data set is converted
        converted = []
    if files := _files_of(converted, row, (_PARQUET,)):
        if commit != commit_of(name):
            say(f"{name}: the hub's Parquet conversion is of the newest state, not of {commit}")
        return _read(name, row, files, _CONVERTED)
    return _through_datasets(name, row, commit)


def _files_of(listed: list[str], row: Language, suffixes: tuple[str, ...]) -> dict[str, list[str]]:
    """The files of each split, all splits or none: those whose folders name a configuration of the language."""
    for configuration in dict.fromkeys(filter(None, (row.hub_config, row.name, *row.aliases))):
        found: dict[str, list[str]] = {split: [] for split in _SPLIT_NAMES}
        for file in sorted(listed):
            path = PurePosixPath(file)
            if path.suffix.lower() not in suffixes or configuration.lower() not in map(str.lower, path.parts[:-1]):
                continue
            # train.json, train-00000-of-00002.parquet, or train/0000.parquet
            names = (re.split(r"[-.]", path.name.lower())[0], path.parent.name.lower())
            split = next((key for key, known in _SPLIT_NAMES.items() if any(name in known for name in names)), None)
            if split is not None:
                found[split].append(file)
        if any(found.values()):
            return found
    return {}


def _read(name: str, row: Language, files: dict[str, list[str]], revision: str) -> Records:
    if missing := [split for split, paths in files.items() if not paths]:
        present = ", ".join(path for paths in files.values() for path in paths)
        raise DataError(
            f"the hub data set {name!r} has no {', '.join(missing)} split for {row.title}: it has {present}"
        )
    from huggingface_hub import hf_hub_download

    records: Records = {}
    for split, paths in files.items():
        records[split] = []
        for file in paths:
            try:
                local = Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))
            except Exception as error:
                _unreachable(name, error)
            records[split].extend(_read_parquet(local, name) if local.suffix == _PARQUET else _read_json(local, file))
    return records


def _read_json(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Records of a JSON Lines file, or of a JSON file that holds one list of records."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = (
            parse_json(text)
            if text.lstrip().startswith("[")
            else [parse_json(line) for line in text.split("\n") if line.strip()]
        )
    except ValueError as error:
        raise DataError(
            f"{name} of the hub data set is damaged ({error}): remove it from the hub's cache and try again"
        ) from error
    for row in rows:
        if not isinstance(row, dict):
            raise DataError(f"{name} of the hub data set holds {type(row).__name__}s, but records are needed")
        yield row


def _read_parquet(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyError("pyarrow", "hub", f"the data set {name!r}, which is stored as Parquet") from error
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def _through_datasets(name: str, row: Language, commit: str) -> Records:
    try:
        import datasets
    except ImportError as error:
        raise DependencyError("datasets", "hub", f"the data set {name!r}") from error
    configuration = row.hub_config or row.name
    try:
        loaded = datasets.load_dataset(name, configuration, revision=commit)
    except Exception as error:  # the library raises dozens of kinds: network, disk, unknown name, unknown configuration
        _unreachable(name, error, f" ({configuration})")
    if missing := [split for split in _SPLIT_NAMES if split not in loaded]:
        raise DataError(f"the hub data set {name!r} ({configuration}) has no split {', '.join(missing)}")
    return {split: list(loaded[split]) for split in _SPLIT_NAMES}


def _ask(name: str, revision: str | None, question: Callable[[Any], Any]) -> Any:
    """Asks the hub one thing."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        return question(HfApi())
    except RevisionNotFoundError as error:
        raise DataError(f"the hub data set {name!r} has no revision {revision!r} (data.revision)") from error
    except Exception as error:  # httpx's and the hub's own kinds: no network, unknown name, no access
        _unreachable(name, error)


def _unreachable(name: str, error: Exception, what: str = "") -> NoReturn:
    first_line = (str(error).strip() or type(error).__name__).split("\n")[0]
    raise DataError(
        f"cannot load {name!r}{what} from the hub: {first_line}; check the name and the network, or set data.source to "
        "a local copy"
    ) from error
