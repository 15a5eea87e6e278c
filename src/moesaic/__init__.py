"""moesaic: a Mixture-of-Experts for code, composed from one LoRA expert per programming language."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

try:
    __version__ = metadata.version("moesaic")
except metadata.PackageNotFoundError:  # its source on the path, not installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from moesaic.api import Answer, Model, load
    from moesaic.recipe import Recipe, load_recipe

__all__ = ["Answer", "Model", "Recipe", "load", "load_recipe"]

_HOMES = {
    "Answer": "moesaic.api",
    "Model": "moesaic.api",
    "Recipe": "moesaic.recipe",
    "load": "moesaic.api",
    "load_recipe": "moesaic.recipe",
}


def __getattr__(name: str) -> Any:
    """Imports public names when they are first used, so that ``import moesaic`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'moesaic' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
