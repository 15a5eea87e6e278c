"""Draws charts as SVG text: bars with whiskers, curves, heat maps.

Each function is pure, takes plain numbers and returns one ``<svg>`` element. The page's style sheet defines the colours
of the classes, so that charts follow its light and dark schemes. Text is escaped here. Every chart has a title and a
description for screen readers. Sizes are in CSS pixels; a chart shrinks with its column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from moesaic.files import text_digest
from moesaic.report.summary import MISSING, Metric, Score

_Scale = Callable[[float], float]
_WIDTH = 460
_MAX_POINTS = 240


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: Name of the system.
        css_class: CSS class that gives the bar its colour.
        score: The value, and the interval for the whisker.
    """

    label: str
    css_class: str
    score: Score


@dataclass(frozen=True, slots=True)
class Curve:
    """One training run.

    Attributes:
        loss: (step, training loss) pairs.
        validation: (step, validation loss) pairs.
        quantity: Name of the values, if they are not losses.
        highest: Whether the highest value is the best.
    """

    loss: Sequence[tuple[float, float]]
    validation: Sequence[tuple[float, float]]
    quantity: str = "loss"
    highest: bool = False


def bar_chart(title: str, metric: Metric, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Draws horizontal bars in groups, each with the whisker of its 95% interval.

    Args:
        title: Title of the chart.
        metric: The metric, which formats the values.
        groups: (label, bars) pairs, one per language.
    """
    left, right, bar, gap, axis = 92, 58, 13, 13, 26
    ends = [end for _, bars in groups for item in bars for end in (item.score.value, item.score.high) if end]
    ticks = nice_ticks(0.0, max([*ends, 1e-9]), 4)
    plot = _WIDTH - left - right

    def x(value: float) -> float:
        return left + plot * value / ticks[-1]

    height = sum(len(bars) * bar + gap for _, bars in groups)
    parts = [_grid_x([(x(tick), _tick(tick, metric.percent)) for tick in ticks], 4, height, axis)]
    top = 4.0
    for label, bars in groups:
        middle = top + len(bars) * bar / 2
        parts.append(_text(left - 10, middle + 4, label, "label", "end"))
        for item in bars:
            parts.append(_bar(item, metric, label, x, left, top, bar))
            top += bar
        top += gap
    said = "; ".join(
        f"{label}: " + ", ".join(f"{item.label} {metric.format(item.score.value)}" for item in bars)
        for label, bars in groups
    )
    return _svg(_WIDTH, height + axis, title, f"{metric.unit}. {said}", parts)


def line_chart(title: str, curve: Curve, description: str = "") -> str:
    """Draws the training loss by step and the validation points, with a ring around the best one.

    A run of thousands of steps is drawn as means over groups of steps, so that the page stays small.

    Args:
        title: Title of the chart.
        curve: The values.
        description: Text for screen readers, after the best validation.
    """
    left, right, top, height, axis = 44, 12, 8, 150, 26
    loss = _thin(_finite(curve.loss))
    validation = _finite(curve.validation)
    points = [*loss, *validation]
    if not points:
        return _svg(_WIDTH, height + axis, title, "no steps", [_text(_WIDTH / 2, height / 2, "no steps", "label")])
    last = max(1.0, *(step for step, _ in points))
    y_ticks = nice_ticks(min(value for _, value in points), max(value for _, value in points), 4)
    plot = _WIDTH - left - right

    def x(step: float) -> float:
        return left + plot * step / last

    def y(value: float) -> float:
        return top + (height - top) * (1 - (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]))

    parts = [f'<g class="grid">{"".join(_line(left, y(tick), _WIDTH - right, y(tick)) for tick in y_ticks)}</g>']
    parts += [_text(left - 7, y(tick) + 3.5, _tick(tick), "tick", "end") for tick in y_ticks]
    steps = [tick for tick in nice_ticks(0, last, 5) if tick <= last]
    parts += [_text(x(tick), height + 16, f"{tick:,.0f}", "tick") for tick in steps if tick == int(tick)]
    parts.append(_path(loss, x, y, "curve"))
    parts.append(_path(validation, x, y, "curve validation"))
    best = (max if curve.highest else min)(validation, key=lambda point: point[1], default=None)
    for step, value in validation:
        ring = " best" if best == (step, value) else ""
        tip = f"<title>step {step:,.0f}: validation {curve.quantity} {value:.4f}{', best' if ring else ''}</title>"
        radius = 4.5 if ring else 2.8
        parts.append(f'<circle class="point{ring}" cx="{x(step):.1f}" cy="{y(value):.1f}" r="{radius}">{tip}</circle>')
    said = f"{last:,.0f} steps"
    if best:
        said = f"best validation {curve.quantity} {best[1]:.4f} at step {best[0]:,.0f} of {last:,.0f}"
    return _svg(_WIDTH, height + axis, title, f"{said}. {description}".strip(), parts)


def heat_map(
    title: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], highlight: int | None
) -> str:
    """Draws shares between 0 and 1 as cells; a stronger colour is a larger share.

    Args:
        title: Title of the chart.
        rows: Names of the rows (experts).
        columns: Names of the columns (layers).
        values: Shares by column and row.
        highlight: Index of the row to frame (the language's own expert), or None.
    """
    left, top, right, cell_height, axis = 92, 4, 4, 22, 22
    width = (_WIDTH - left - right) / max(1, len(columns))
    parts = []
    for column, name in enumerate(columns):
        for row, label in enumerate(rows):
            value = values[column][row]
            share = min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0
            parts.append(
                f'<rect class="heat" x="{left + column * width:.2f}" y="{top + row * cell_height}" '
                f'width="{width - 0.8:.2f}" height="{cell_height - 1}" fill-opacity="{0.04 + 0.96 * share:.3f}">'
                f"<title>layer {escape(name)}, {escape(label)}: {share:.3f}</title></rect>"
            )
    for row, label in enumerate(rows):
        style = "label strong" if row == highlight else "label"
        parts.append(_text(left - 10, top + row * cell_height + 15, label, style, "end"))
    if highlight is not None:
        y = top + highlight * cell_height - 1
        parts.append(
            f'<rect class="frame" x="{left - 1}" y="{y}" width="{_WIDTH - left - right + 1:.1f}" height="23"/>'
        )
    bottom = top + len(rows) * cell_height
    every = max(1, math.ceil(len(columns) / 10))
    parts += [
        _text(left + (column + 0.5) * width, bottom + 13, name, "tick")
        for column, name in enumerate(columns)
        if column % every == 0
    ]
    means = [sum(column[row] for column in values) / max(1, len(values)) for row in range(len(rows))]
    said = ", ".join(f"{label} {mean:.2f}" for label, mean in zip(rows, means, strict=True))
    return _svg(_WIDTH, bottom + axis, title, f"mean over layers: {said}", parts)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Returns about ``count`` equally spaced round numbers that enclose the range from ``low`` to ``high``."""
    if high - low <= 1e-9 * max(1.0, abs(low), abs(high)):  # a single value, up to rounding
        high = low + max(abs(low), 1.0)
    raw = (high - low) / count
    magnitude: float = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _bar(item: Bar, metric: Metric, group: str, x: _Scale, left: float, top: float, height: float) -> str:
    score = item.score
    middle = top + height / 2
    if score.value is None:
        return _text(left + 5, middle + 3.5, MISSING, "tick", "start")
    interval = ""
    end = x(max(0.0, score.value))
    whisker = ""
    if score.low is not None and score.high is not None:
        interval = f" ({metric.format(score.low)} to {metric.format(score.high)})"
        low, high = x(max(0.0, score.low)), x(max(0.0, score.high))
        end = max(end, high)
        whisker = (
            f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 2.5:.1f}v5'
            f'M{high:.1f} {middle - 2.5:.1f}v5"/>'
        )
    tip = escape(f"{group}, {item.label}: {metric.format(score.value)}{interval}, n = {score.n:,}")
    return (
        f'<g><title>{tip}</title><rect class="{item.css_class}" x="{left}" y="{top + 1:.1f}" '
        f'width="{x(max(0.0, score.value)) - left:.1f}" height="{height - 2}" rx="1.5"/>{whisker}'
        f"{_text(end + 6, middle + 3.5, metric.format(score.value), 'value', 'start')}</g>"
    )


def _svg(width: float, height: float, title: str, description: str, parts: Sequence[str]) -> str:
    key = text_digest("\0".join((title, description, *parts)))[:12]
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="t{key} d{key}">'
        f'<title id="t{key}">{escape(title)}</title><desc id="d{key}">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _grid_x(ticks: Sequence[tuple[float, str]], top: float, height: float, axis: float) -> str:
    lines = "".join(_line(x, top, x, height) for x, _ in ticks)
    return f'<g class="grid">{lines}</g>' + "".join(_text(x, height + axis - 10, name, "tick") for x, name in ticks)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _path(points: Sequence[tuple[float, float]], x: _Scale, y: _Scale, css_class: str) -> str:
    moves = "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in points)
    return f'<path class="{css_class}" d="M{moves}"/>' if moves else ""


def _text(x: float, y: float, text: str, css_class: str, anchor: str = "middle") -> str:
    return f'<text class="{css_class}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _tick(value: float, percent: bool = False) -> str:
    return f"{100 * value:.4g}%" if percent else f"{value:.4g}"


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(step, value) for step, value in points if math.isfinite(step) and math.isfinite(value)]


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= _MAX_POINTS:
        return points
    size = math.ceil(len(points) / _MAX_POINTS)
    chunks = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(s for s, _ in chunk) / len(chunk), sum(v for _, v in chunk) / len(chunk)) for chunk in chunks]
