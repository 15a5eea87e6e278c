"""Finds the base of a model folder and checks that it is the one on which the experts were trained.

A model folder names its base. A relative path to the base refers to the folder in which the run was started, so it is
also looked for above the model folder. The same is done for the end of an absolute path, so that a project still works
after it was moved as a whole. If only the model folder was moved, its base is looked for where this machine has seen
it. The caller can also name another place. In each case, only a base with the recorded digest is accepted.
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
    """Finds the base of a model folder and checks its digest. No weights are loaded.

    Args:
        folder: The model folder.
        spec: The place of the base, written as in ``base.model``; None for the place that the folder names.

    Raises:
        ModelError: The base is not found, or it is not the one on which the experts were trained.
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
        except (ModelError, CheckpointError):  # there is something else at this place
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
    """Refuses any base except the one on which the experts were trained.

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
    """Yields the existing places that the path to the base can refer to.

    The path itself comes first, then the path below each folder above the model folder. Of an absolute path, only the
    ends are looked for there, the longest first.
    """
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
