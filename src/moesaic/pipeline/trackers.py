"""Makes the accelerator of a run, with the experiment trackers that it reports to."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moesaic.errors import RecipeError
from moesaic.languages import suggest
from moesaic.recipe import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

_PATIENCE = datetime.timedelta(hours=2)  # for exchanging gradients, where all processes are at the same step


def start_accelerator(recipe: Recipe, folder: Path) -> Accelerator:
    """Returns the device, precision and processes of a run, with its trackers started.

    Args:
        recipe: The recipe.
        folder: Folder of the workspace; trackers write to ``trackers/`` in it.

    Raises:
        RecipeError: A tracker is unknown, or its package is not installed.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    dtype = recipe.base.dtype
    half = dtype == "bfloat16" or (dtype == "auto" and torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    trackers = installed_trackers(recipe.trackers)
    accelerator = Accelerator(
        mixed_precision="bf16" if half else "no",
        cpu=not torch.cuda.is_available(),
        log_with=trackers or None,
        project_dir=folder / "trackers" if trackers else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )
    if trackers:
        accelerator.init_trackers("moesaic", config={"recipe": recipe.name, "digest": recipe.digest()})
    return accelerator


def installed_trackers(names: Sequence[str]) -> list[str]:
    """Checks the names of trackers and returns them. accelerate would silently skip a tracker that is not installed.

    Args:
        names: The recipe's ``trackers``.

    Raises:
        RecipeError: A name is unknown, or its package is not installed.
    """
    if not names:
        return []
    from accelerate.tracking import get_available_trackers
    from accelerate.utils import LoggerType

    known = sorted(str(kind) for kind in LoggerType.list() if str(kind) != "all")
    installed = {str(kind) for kind in get_available_trackers()}
    problems = [f"trackers: unknown {name!r}: {suggest(name, known)}" for name in names if name not in known]
    problems += [
        f"trackers: the package of {name!r} is not installed: install it or leave it out"
        for name in names
        if name in known and name not in installed
    ]
    if problems:
        raise RecipeError(problems)
    return list(names)
