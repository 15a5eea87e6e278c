"""Refuses HumanEval as training data, because it is for testing only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from moesaic.errors import DataError

_NAMES: Final = re.compile(r"human[-_]?eval|^(Python|Java|JavaScript|CPP|Go|Rust)/\d+$", re.IGNORECASE)
"""Pattern of the names of files and problems of HumanEval, its translations and HumanEval-X."""


def refuse_humaneval(key: str, source: str, names: Iterable[str]) -> None:
    """Refuses a source of training data whose files or problems have names of HumanEval.

    Args:
        key: Key of the recipe that names the source.
        source: The source, as the recipe names it.
        names: Names of its files or problems.

    Raises:
        DataError: One of the names is a name of HumanEval.
    """
    name = next(filter(_NAMES.search, names), None)
    if name is not None:
        raise DataError(
            f"{key}: {source!r} holds HumanEval ({name!r}), which is for testing only, because a score on "
            "training data says nothing: name other tasks, or rename these if they are different"
        )
