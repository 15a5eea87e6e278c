"""Which language a command writes in; a model's own domains are known from its folder, before it is loaded."""

from __future__ import annotations

from pathlib import Path

from moesaic.errors import MoesaicError
from moesaic.languages import find_language, get_among
from moesaic.progress import say

_WITHOUT_MODEL = "python"


def resolve_language(name: str, model: Path) -> str:
    """Returns the name of a language, or of a domain of the model, which may be called by its last part.

    Raises:
        DataError: Neither is called so.
    """
    row = find_language(name)
    return row.name if row is not None else get_among(name, _languages(model)).name


def default_language(model: Path) -> str:
    """Returns the first language of a model, and says so if it has others."""
    known = [row for row in map(find_language, _languages(model)) if row is not None]
    if len(known) > 1:
        say(f"writing in {known[0].title}, the model's first language; --language chooses another")
    return known[0].name if known else _WITHOUT_MODEL


def _languages(model: Path) -> tuple[str, ...]:
    """Returns a model's languages; none where it cannot be opened, which loading it will say."""
    from moesaic.checkpoint.loading import fetched
    from moesaic.checkpoint.native import read_model_folder

    try:
        return read_model_folder(fetched(model, None)).languages
    except MoesaicError:
        return ()
