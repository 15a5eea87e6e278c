"""Finds the language in which a command writes; a model's domains are read from its folder before it is loaded."""

from __future__ import annotations

from pathlib import Path

from moesaic.errors import MoesaicError
from moesaic.languages import find_language, get_among
from moesaic.progress import say

_WITHOUT_MODEL = "python"


def resolve_language(name: str, model: Path) -> str:
    """Returns the name of a language, or of a domain of the model.

    Args:
        name: Name or alias of the language, or the name of the domain or its last part.
        model: Path of the model.

    Raises:
        DataError: No language and no domain of the model has this name.
    """
    row = find_language(name)
    return row.name if row is not None else get_among(name, _languages(model)).name


def default_language(model: Path) -> str:
    """Returns the first language of a model, and prints a note if the model has others."""
    known = [row for row in map(find_language, _languages(model)) if row is not None]
    if len(known) > 1:
        say(f"writing in {known[0].title}, the model's first language; --language chooses another")
    return known[0].name if known else _WITHOUT_MODEL


def _languages(model: Path) -> tuple[str, ...]:
    """Returns a model's languages; none if it cannot be opened, which is reported when it is loaded."""
    from moesaic.checkpoint.loading import fetched
    from moesaic.checkpoint.native import read_model_folder

    try:
        return read_model_folder(fetched(model, None)).languages
    except MoesaicError:
        return ()
