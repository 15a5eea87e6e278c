"""Refuses HumanEval as training data, because it is for testing only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from moesaic.errors import DataError

_NAMES: Final = re.compile(r"human[-_]?eval|^(Python|Java|JavaScript|CPP|Go|Rust)/\d+$", re.IGNORECASE)
"""Names of files and problems of HumanEval, of its translations, and of HumanEval-X."""


def refuse_humaneval(key: str, source: str, names: Iterable[str]) -> None:
    """Refuses a source of training data whose files or problems have names of HumanEval.

    Args:
        key: Key of the recipe that names the source.
        source: The source as the recipe has it.
        names: Names of its files, or of its problems.

    Raises:
        DataError: One has such a name.
    """
    name = next(filter(_NAMES.search, names), None)
    if name is not None:
        raise DataError(
            f"{key}: {source!r} holds HumanEval ({name!r}), which is for testing only, because a score on "
            "training data says nothing: name other tasks, or rename these if they are different"
        )
