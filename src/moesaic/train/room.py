"""Decides which tasks leave room for a program: together, prompt and program have at most ``data.max_tokens`` tokens.

This needs no model, so that a recipe can be checked before anything is trained.
"""

from __future__ import annotations

from collections.abc import Iterable

from moesaic.errors import RecipeError
from moesaic.recipe import RewardRecipe


def has_room(prompt_tokens: int, options: RewardRecipe, max_tokens: int) -> bool:
    """Returns whether a prompt leaves ``reward.max_new_tokens`` of ``data.max_tokens``."""
    return prompt_tokens + options.max_new_tokens <= max_tokens


def require_room(lengths: Iterable[int], tasks: str, options: RewardRecipe, max_tokens: int) -> None:
    """Checks that at least one task leaves room for a program.

    Args:
        lengths: Length of each task's prompt in tokens, read up to the first that leaves room.
        tasks: What the tasks are, in the singular: ``training task``.
        options: Reward options.
        max_tokens: Value of ``data.max_tokens``.

    Raises:
        RecipeError: No task does.
    """
    shortest: int | None = None
    for length in lengths:
        if has_room(length, options, max_tokens):
            return
        shortest = length if shortest is None else min(shortest, length)
    found = "" if shortest is None else f" (the shortest prompt has {shortest:,} tokens)"
    raise RecipeError(
        [
            f"reward.max_new_tokens: {options.max_new_tokens:,} leaves no {tasks} enough of data.max_tokens, "
            f"{max_tokens:,}{found}: lower the one or raise the other"
        ]
    )
