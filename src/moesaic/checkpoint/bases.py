"""Finds the base of a model folder and checks that it is the one on which the experts were trained.

The folder names its base. A relative path there means the folder that the run was started in, so it is also looked for
above the model folder, and so is the end of an absolute path: a project that is moved as a whole still works. A model
folder that is moved alone finds its base where this machine has seen it. A base elsewhere is named by the caller.
Whichever it is, its digest decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moesaic.errors import CheckpointError, ModelError

if TYPE_CHECKING:
    from moesaic.checkpoint.description import ModelFolder
    from moesaic.model.backbone import Base
    from moesaic.model.base_files import BaseSource


def find_base(folder: ModelFolder, spec: str | Path | None = None) -> BaseSource:
    """Finds a model folder's base and checks its digest; loads no weights.

    Args:
        folder: The model folder.
        spec: Where the base is now, as in ``base.model``; None for where the folder says.

    Raises:
        ModelError: There is no base, or another than the experts were trained on.
        CheckpointError: A file of the base is corrupt.
    """
    from moesaic.model.base_files import resolve_base, resolve_recorded, seen_before

    if spec is not None:
        source = resolve_base(str(spec), folder.base.get("sha256"))
        check_base(folder, source)
        return source
    for place in _places(folder):
        try:
            source = resolve_recorded({**folder.base, "model": str(place)})
        except (ModelError, CheckpointError):  # something else of that name
            continue
        if source.digest == folder.base_digest:
            return source
    try:
        source = resolve_recorded(folder.base)
        check_base(folder, source)
        return source
    except ModelError as error:
        seen = None if folder.has_own_base else seen_before(folder.base_digest)
        if seen is not None and seen.digest == folder.base_digest:
            return seen
        if "--base" in str(error):
            raise
        raise ModelError(f"{error}. If the base of {folder.path} is elsewhere now, name it (--base, base=)") from error


def check_base(folder: ModelFolder, base: Base | BaseSource) -> None:
    """Refuses a base other than the one the experts were trained on.

    Raises:
        ModelError: The digests differ.
    """
    if base.digest != folder.base_digest:
        own = folder.has_own_base
        remedy = f"Use the one in {folder.base['model']} (no --base)" if own else "Give the same base"
        raise ModelError(
            f"{folder.path} was made on {folder.base['model']} (digest {folder.base_digest[:12]}), but {base.path} has "
            f"digest {base.digest[:12]}: the experts would be added to other weights. {remedy}"
        )


def _places(folder: ModelFolder) -> Iterator[Path]:
    """What a path to the base can mean: from here, then from the folders above the model, the longest end first."""
    path = Path(folder.base["model"])
    above = folder.path.resolve().parents
    if not path.is_absolute():
        places = [start / path for start in (Path(), *above)]
    else:
        ends = [Path(*path.parts[first:]) for first in range(1, len(path.parts))]
        places = [path, *(start / end for start in above for end in ends)]
    for place in places:
        if place.exists():
            yield place
