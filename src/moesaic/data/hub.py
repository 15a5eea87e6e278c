"""Reads data sets of the Hugging Face hub from their files, found by listing, without running any script.

The configurations of ``codeparrot/xlcost-text-to-code`` are defined by a loader script, which the ``datasets`` library
refuses since version 4. The files that the script would read are in the repository, so they are read directly. The
following places are tried in this order:

    1. JSON, JSON Lines, Parquet or CSV files of the data set whose path names the language and the split
    2. such files that belong to no configuration, as a table of all languages
    3. the same in the hub's own Parquet conversion (revision ``refs/convert/parquet``)
    4. the ``datasets`` library, for data that is stored in another form; it does not run scripts either

A configuration has the name that it has in XLCoST's data set (``Python-program-level``), or the name of the language.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from moesaic.data.tables import Row, read_table, suffix_of
from moesaic.errors import DataError, DependencyError
from moesaic.languages import Language
from moesaic.progress import say

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
_FORMATS = ((".jsonl", ".jsonl.gz", ".json"), (".parquet",), (".csv",))
_NO_CONFIGURATION = {"data", "default", *(name for names in _SPLIT_NAMES.values() for name in names)}
_NOT_DATA = {"dataset_infos.json", "dataset_dict.json", "state.json", "package.json"}
_CONVERTED = "refs/convert/parquet"

Records = dict[str, list[Row]]
"""Split -> rows."""


def commit_of(name: str, revision: str | None = None) -> str:
    """Returns the commit to which a branch or tag of a data set points now; by default the newest commit.

    Raises:
        DataError: The data set, or the revision, cannot be found or reached.
    """
    return str(_ask(name, revision, lambda api: api.dataset_info(name, revision=revision).sha))


def read_hub(name: str, row: Language, commit: str) -> tuple[Records, bool]:
    """Reads the splits of one language.

    Args:
        name: The data set, ``owner/name``.
        row: The language.
        commit: The commit to read; see ``commit_of``.

    Returns:
        Split -> rows, which always includes ``train``; and True if the rows are of all languages, because there is no
        configuration for this language.

    Raises:
        DataError: The data set has no files that can be read, or a file is damaged.
        DependencyError: The files need the extra ``hub``, which is not installed.
    """
    listed = _ask(name, commit, lambda api: api.list_repo_files(name, repo_type="dataset", revision=commit))
    configurations = tuple(dict.fromkeys(filter(None, (row.hub_config, row.name, *row.aliases))))
    for wanted in (configurations, ()):
        for suffixes in _FORMATS:
            if files := _files_of(listed, wanted, suffixes):
                return _read(name, row, files, commit), not wanted
    try:
        converted = _ask(
            name, _CONVERTED, lambda api: api.list_repo_files(name, repo_type="dataset", revision=_CONVERTED)
        )
    except DataError:  # not every data set is converted
        converted = []
    for wanted in (configurations, ()):
        if files := _files_of(converted, wanted, (".parquet",)):
            if commit != commit_of(name):
                say(f"{name}: the hub's Parquet conversion is of the newest state, not of {commit}")
            return _read(name, row, files, _CONVERTED), not wanted
    return _through_datasets(name, row, commit)


def _files_of(listed: list[str], configurations: tuple[str, ...], suffixes: tuple[str, ...]) -> dict[str, list[str]]:
    """Returns split -> files.

    Args:
        listed: All files of the data set.
        configurations: Names of configurations; the first one that is a folder of any file selects the files. If empty,
            the files that belong to no configuration are selected, and those that name no split are of the training
            split.
        suffixes: Endings of the names of the selected files.
    """
    for configuration in configurations or (None,):
        found: dict[str, list[str]] = {}
        for file in sorted(listed):
            path = PurePosixPath(file)
            folders = [part.lower() for part in path.parts[:-1]]
            if suffix_of(path.name) not in suffixes:
                continue
            # train.json, train-00000-of-00002.parquet, or train/0000.parquet
            names = (re.split(r"[-._]", path.name.lower())[0], path.parent.name.lower())
            split = next((key for key, known in _SPLIT_NAMES.items() if any(name in known for name in names)), None)
            if configuration is None:
                if all(folder in _NO_CONFIGURATION for folder in folders) and path.name.lower() not in _NOT_DATA:
                    found.setdefault(split or "train", []).append(file)
            elif configuration.lower() in folders and split is not None:
                found.setdefault(split, []).append(file)
        if found:
            return found
    return {}


def _read(name: str, row: Language, files: dict[str, list[str]], revision: str) -> Records:
    if "train" not in files:
        present = ", ".join(path for paths in files.values() for path in paths)
        raise DataError(f"the hub data set {name!r} has no training split for {row.title}: it has {present}")
    from huggingface_hub import hf_hub_download

    records: Records = {}
    for split, paths in files.items():
        records[split] = []
        for file in paths:
            try:
                local = Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))
            except Exception as error:
                _unreachable(name, error)
            records[split].extend(read_table(local, f"{file} of the hub data set {name!r}"))
    return records


def _through_datasets(name: str, row: Language, commit: str) -> tuple[Records, bool]:
    try:
        import datasets
    except ImportError as error:
        raise DependencyError("datasets", "hub", f"the data set {name!r}") from error
    try:
        known = datasets.get_dataset_config_names(name, revision=commit)
        configuration = next((each for each in (row.hub_config, row.name, *row.aliases) if each in known), None)
        loaded = datasets.load_dataset(name, configuration, revision=commit)
    except Exception as error:  # the library raises dozens of types: network, disk, unknown name or configuration
        _unreachable(name, error)
    splits = {split: next((each for each in names if each in loaded), None) for split, names in _SPLIT_NAMES.items()}
    if splits["train"] is None:
        raise DataError(f"the hub data set {name!r} has no training split: it has {', '.join(map(str, loaded))}")
    records = {
        split: [(f"{name}/{found}:{number}", dict(record)) for number, record in enumerate(loaded[found], start=1)]
        for split, found in splits.items()
        if found is not None
    }
    return records, configuration is None


def _ask(name: str, revision: str | None, question: Callable[[Any], Any]) -> Any:
    """Sends one request to the hub and returns the answer.

    Raises:
        DataError: The hub cannot be reached, or the data set or its revision does not exist.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        return question(HfApi())
    except RevisionNotFoundError as error:
        raise DataError(f"the hub data set {name!r} has no revision {revision!r} (data.revision)") from error
    except Exception as error:  # exceptions of httpx and of the hub: no network, unknown name, no access
        _unreachable(name, error)


def _unreachable(name: str, error: Exception, what: str = "") -> NoReturn:
    first_line = (str(error).strip() or type(error).__name__).split("\n")[0]
    raise DataError(
        f"cannot load {name!r}{what} from the hub: {first_line}; check the name and the network, or set data.source to "
        "a local copy"
    ) from error
