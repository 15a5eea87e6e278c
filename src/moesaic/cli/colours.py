"""Chooses the colours of experts in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_cyan", "bright_yellow")


def coloured(
    text: str, experts_LK: Sequence[Sequence[int]], weights_LK: Sequence[Sequence[float]], num_experts: int
) -> Text:
    """Returns a token's text in the colour of the expert with the greatest weight over all layers.

    Args:
        text: The text of the token.
        experts_LK: The chosen experts in each layer, L layers x K experts.
        weights_LK: Their weights.
        num_experts: Number of experts.
    """
    from rich.text import Text

    sums = [0.0] * num_experts
    for experts_K, weights_K in zip(experts_LK, weights_LK, strict=True):
        for expert, weight in zip(experts_K, weights_K, strict=True):
            sums[int(expert)] += float(weight)
    return Text(text, style=_COLOURS[sums.index(max(sums)) % len(_COLOURS)])


def legend_of(experts: Sequence[str]) -> Text:
    """Returns the names of the experts, each in its colour."""
    from rich.text import Text

    legend = Text("experts: ")
    for index, name in enumerate(experts):
        legend.append(f"{name} ", style=_COLOURS[index % len(_COLOURS)])
    return legend
