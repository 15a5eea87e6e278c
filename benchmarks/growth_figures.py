"""Makes the tables and the figure of a growth comparison from its result file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from moesaic.languages import get_language

TITLES = {
    "moe": "Grown MoE",
    "dense_on": "Dense LoRA, trained on",
    "dense_on_old": "Dense LoRA, trained on with old data",
    "dense_anew": "Dense LoRA, anew on all",
    "expert": "Own expert alone",
    "base": "Base",
}
COLOURS = {"moe": "#0b6e4f", "dense_on": "#c1440e", "dense_on_old": "#b8860b", "dense_anew": "#4a5a8a"}


def metrics_of(results: Mapping[str, Any]) -> list[str]:
    """Returns the metrics of the steps: the loss and every pass@1."""
    found = {name: None for row in results["steps"] for system in row["systems"].values() for name in system}
    return [name for name in found if name == "loss" or name.startswith("pass@1")]


def value(row: Mapping[str, Any], arm: str, metric: str, language: str) -> float | None:
    """Returns an arm's value on one language after a step, or None if it was not measured."""
    system = f"expert:{language}" if arm == "expert" else arm
    found = row["systems"].get(system, {}).get(metric, {}).get(language)
    return None if found is None else float(found["value"])


def mean(row: Mapping[str, Any], arm: str, metric: str, languages: Sequence[str]) -> float | None:
    """Returns the mean over languages, or None if one is missing."""
    values = [value(row, arm, metric, name) for name in languages]
    known = [number for number in values if number is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def markdown_tables(results: Mapping[str, Any]) -> str:
    """Returns one table per metric, and one of costs and of what was kept."""
    blocks = [_metric_table(results, metric) for metric in metrics_of(results)]
    return "\n\n".join([*blocks, _cost_table(results)])


def _metric_table(results: Mapping[str, Any], metric: str) -> str:
    names = [*results["start"], *results["add"]]
    lines = [
        f"**{metric}** after each step",
        "",
        "| step | arm | " + " | ".join(get_language(name).title for name in names) + " | starting languages |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for row in results["steps"]:
        new = row["languages"][-1] if row["step"] else None
        title = f"{row['step']}" + (f": + {get_language(new).title}" if new else "")
        for arm in (*COLOURS, "expert", "base"):
            cells = [value(row, arm, metric, name) if name in row["languages"] else None for name in names]
            if any(cell is not None for cell in cells):
                shown = [_number(cell) for cell in (*cells, mean(row, arm, metric, results["start"]))]
                lines.append(f"| {title} | {TITLES[arm]} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _cost_table(results: Mapping[str, Any]) -> str:
    benchmarks = sorted({name for row in results["steps"] for kept in row["kept"].values() for name in kept})
    lines = [
        "**Cost of each step, and problems of the old languages lost and won since they were learnt**",
        "",
        "| step | arm | training tokens | share of anew | fitted tokens | seconds | parameters |"
        + "".join(f" {name}: lost, won |" for name in benchmarks),
        "|---|---|---|---|---|---|---|" + "---|" * len(benchmarks),
    ]
    for row in results["steps"]:
        anew = row["cost"].get("dense_anew", {}).get("tokens")
        for arm, cost in row["cost"].items():
            tokens, fitted, seconds = (cost[key] for key in ("tokens", "fitted_tokens", "seconds"))
            cells = [
                str(row["step"]),
                TITLES[arm],
                "" if tokens is None else f"{tokens:,}",
                f"{tokens / anew:.3f}" if anew and tokens is not None else "",
                "" if fitted is None else f"{fitted:,}",
                "" if seconds is None else f"{seconds:,.0f}",
                f"{cost['parameters']:,}",
                *(_lost_and_won(row["kept"].get(arm, {}).get(name, {})) for name in benchmarks),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _lost_and_won(languages: Mapping[str, Any]) -> str:
    own = [found for name, found in languages.items() if name != "mean"]
    if not own:
        return ""
    lost, won, both = (sum(found[key] for found in own) for key in ("lost", "won", "both"))
    return f"{lost} of {lost + both}, {won}"


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.3f}"


def figure(results: Mapping[str, Any]) -> str:
    """Draws mean pass@1 (or the loss if no program ran) against the steps for starting and new languages, as SVG."""
    metrics = metrics_of(results)
    metric = next((name for name in metrics if name.startswith("pass@1")), "loss")

    def curve(arm: str, *, new: bool) -> list[tuple[int, float]]:
        return [
            (row["step"], number)
            for row in results["steps"]
            if (languages := row["languages"][len(results["start"]) :] if new else results["start"])
            if (number := mean(row, arm, metric, languages)) is not None
        ]

    base = mean(results["steps"][0], "base", metric, results["start"]) if results["steps"] else None
    unchanged = [] if base is None else [(step, base) for step in range(len(results["steps"]))]
    old = {arm: curve(arm, new=False) for arm in COLOURS} | {"base": unchanged}
    learnt = {arm: curve(arm, new=True) for arm in COLOURS} | {"base": _base(results, metric)}
    height = 680
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="12"><title>Growing by languages: {escape(metric)}</title>'
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_panel(old, f"Mean {metric} of the starting languages after each step", results, 0),
        *_panel(learnt, f"Mean {metric} of the new languages so far", results, height // 2),
        "</svg>\n",
    ]
    return "".join(parts)


def _base(results: Mapping[str, Any], metric: str) -> list[tuple[int, float]]:
    """Returns the base's mean over the new languages so far, each measured at the step that added it."""
    numbers: list[float] = []
    points = []
    for row in results["steps"]:
        if row["step"]:
            number = value(row, "base", metric, row["languages"][-1])
            if number is None:
                break
            numbers.append(number)
            points.append((row["step"], sum(numbers) / len(numbers)))
    return points


_WIDTH = 760
_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def _panel(
    curves: Mapping[str, Sequence[tuple[int, float]]], title: str, results: Mapping[str, Any], down: int
) -> Iterator[str]:
    """Draws one set of axes, ``down`` below the top."""
    height, left, right, top, bottom = 340, 60, 230, 30, 46
    numbers = [number for points in curves.values() for _, number in points] or [0.0, 1.0]
    low, high = min(numbers), max(numbers)
    room = max((high - low) * 0.1, (0.2 - high + low) / 2)  # a shorter axis would exaggerate chance
    tick = next(tick for tick in _TICKS if high - low + 2 * room <= 6 * tick or tick == _TICKS[-1])
    first_tick, last_tick = max(0, math.floor((low - room) / tick)), math.ceil((high + room) / tick)
    low, high = first_tick * tick, last_tick * tick
    last = max(1, len(results["add"]))

    def x(step: float) -> float:
        return left + (_WIDTH - left - right) * step / last

    def y(number: float) -> float:
        return top + (height - top - bottom) * (high - number) / (high - low)

    yield f'<g transform="translate(0 {down})"><text x="{left}" y="16" font-weight="bold">{escape(title)}</text>'
    for number in (tick * count for count in range(first_tick, last_tick + 1)):
        yield (
            f'<path d="M{left} {y(number):.1f}H{_WIDTH - right}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y(number) + 4:.1f}" text-anchor="end">{number:.2f}</text>'
        )
    for step, name in enumerate(["start", *(f"+ {get_language(name).title}" for name in results["add"])]):
        yield f'<text x="{x(step):.1f}" y="{height - bottom + 20}" text-anchor="middle">{escape(name)}</text>'
    ends = sorted((points[-1][1], arm) for arm, points in curves.items() if points)
    place = float(height)
    for number, arm in ends:
        points, colour = curves[arm], COLOURS.get(arm, "#777")
        moves = "L".join(f"{x(step):.1f} {y(found):.1f}" for step, found in points)
        dots = "".join(f'<circle cx="{x(step):.1f}" cy="{y(found):.1f}" r="3"/>' for step, found in points)
        place = min(y(number) + 4, place - 15)  # labels of curves with nearly the same end are put above each other
        yield (
            f'<path d="M{moves}" fill="none" stroke="{colour}" stroke-width="2"/><g fill="{colour}">{dots}'
            f'<text x="{x(points[-1][0]) + 8:.1f}" y="{place:.1f}">{escape(TITLES[arm])}</text></g>'
        )
    yield "</g>"


if __name__ == "__main__":
    raise SystemExit("growth_figures.py is a part of other scripts: run growth.py")
