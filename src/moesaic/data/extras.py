"""Reads further sources of training examples, in addition to ``data.source``.

    mbxp:PATH                    MBXP's gold solutions, which complete a given signature (``mbxp``)
    a folder of JSON Lines       <language>/train.jsonl or <language>.jsonl, as for ``data.source``

Their examples are added to the training split only. The validation and test splits always come from the main source.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from moesaic.data.columns import read_pair
from moesaic.data.examples import Example
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.mbxp import mbxp_files, read_mbxp
from moesaic.data.sources import SourceOptions, source_digest
from moesaic.data.tables import find_table, read_table
from moesaic.errors import DataError
from moesaic.files import digest_of, file_digest
from moesaic.languages import Language, get_language
from moesaic.recipe import MBXP_PREFIX


class ExtraOptions(SourceOptions, Protocol):
    """The part of ``recipe.DataRecipe`` that says what to read."""

    @property
    def extra(self) -> tuple[str, ...]:
        """``mbxp:PATH`` or a folder of JSON Lines."""


@dataclass(frozen=True, slots=True)
class Extra:
    """The examples of a further source in one language.

    Attributes:
        examples: The examples, with the code as it is in the source.
        left_out: Reason -> number of examples that the reader of the source left out.
    """

    examples: list[Example]
    left_out: Counter[str] = field(default_factory=Counter)


def read_extras(options: ExtraOptions) -> dict[str, dict[str, Extra]]:
    """Reads the further sources.

    Returns:
        Source, as the recipe names it -> language -> its examples. A source need not have every language.

    Raises:
        DataError: A source is missing, malformed, or has nothing in any of the languages.
    """
    extras = {}
    for source in options.extra:
        if source.startswith(MBXP_PREFIX):
            path = Path(source.removeprefix(MBXP_PREFIX)).expanduser()
            found = {name: Extra(*read) for name, read in read_mbxp(path, options.languages).items()}
        else:
            found = {name: Extra(pairs) for name, pairs in read_folder(source, options.languages).items()}
        if not found:
            wanted = ", ".join(options.languages)
            raise DataError(
                f"data.extra: {source!r} has no example in {wanted} (data.languages): a folder of JSON Lines needs "
                "<language>/train.jsonl or <language>.jsonl; change it or leave it out"
            )
        extras[source] = found
    return extras


def read_folder(source: str, languages: tuple[str, ...], key: str = "data.extra") -> dict[str, list[Example]]:
    """Reads the training examples of a folder of JSON Lines without changing them.

    Args:
        source: The folder.
        languages: Names of languages.
        key: Key of the recipe that names the folder, for error messages.

    Returns:
        Language -> examples, for the languages that the folder has.

    Raises:
        DataError: The source is not a folder, a line is malformed, or the examples are from HumanEval.
    """
    found = {
        row.name: [read_pair(record, where, row) for where, record in read_table(file)]
        for row, file in _files(source, languages, key)
    }
    refuse_humaneval(key, source, (example.id for examples in found.values() for example in examples))
    return found


def source_files(source: str, languages: tuple[str, ...], key: str = "data.extra") -> list[list[str]]:
    """Returns the names and digests of the files of a further source, which change if the files do.

    Raises:
        DataError: The source is missing.
    """
    if source.startswith(MBXP_PREFIX):
        path = Path(source.removeprefix(MBXP_PREFIX)).expanduser()
        return [[file.name, file_digest(file)] for file in mbxp_files(path, key)]
    return [[row.name, file_digest(file)] for row, file in _files(source, languages, key)]


def input_digest(options: ExtraOptions) -> str:
    """Returns a digest that changes if files of the main source or of a further source change.

    Raises:
        DataError: A source is missing.
    """
    files = [source_files(source, options.languages) for source in options.extra]
    return digest_of([source_digest(options), *files])


def _files(source: str, languages: tuple[str, ...], key: str = "data.extra") -> list[tuple[Language, Path]]:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{key}: {source!r} {what}: give {MBXP_PREFIX}PATH or a folder of JSON Lines")
    files = []
    for row in map(get_language, languages):
        names = (row.name, *row.aliases)
        places = [place for name in names for place in (find_table(folder / name, "train"), find_table(folder, name))]
        files += [(row, place) for place in places if place is not None][:1]
    return files
