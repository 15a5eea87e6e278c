"""Which experiment trackers a run can report to."""

from __future__ import annotations

from collections.abc import Sequence

from moesaic.errors import RecipeError
from moesaic.languages import suggest


def installed_trackers(names: Sequence[str]) -> list[str]:
    """Returns the names that ``trackers`` lists, checked: accelerate passes over a tracker that is not installed.

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
