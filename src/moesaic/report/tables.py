"""Makes the tables of the page as plain rows of text, which the template only lays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moesaic.report.few import few_note
from moesaic.report.summary import (
    EXPERT_PREFIX,
    MISSING,
    SMALLEST_N,
    Metric,
    Score,
    Summary,
    as_mapping,
    as_number,
    change_interval,
    language_title,
    system_title,
)

VERDICTS = (
    f"Where the interval excludes 0 and rests on {SMALLEST_N} problems or more, it says whether the MoE is better or "
    "worse."
)
_SHADES = 9


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: The text.
        note: Smaller text below it.
        css_class: CSS classes: ``best``, ``better``, ``worse``, ``few``, ``own``, ``shade0`` .. ``shade9``.
    """

    text: str
    note: str = ""
    css_class: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with one header row and one header column.

    Attributes:
        caption: What the table shows; also read by screen readers.
        columns: Header row, without the corner.
        rows: (header, cells) pairs.
        corner: Header of the first column.
        groups: Index of the first row of a group -> name of the group.
    """

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    corner: str = ""
    groups: dict[int, str] = field(default_factory=dict)


def systems_grid(summary: Summary) -> Grid:
    """Returns the table of systems by metrics, with means over languages."""
    rows = []
    best = {metric.key: summary.best(metric) for metric in summary.metrics}
    for system in summary.rows:
        cells = []
        for metric in summary.metrics:
            score = summary.mean(system, metric.key)
            partial = score.value is not None and score.num_languages < len(summary.languages)
            extra = f"{score.num_languages} of {len(summary.languages)} {summary.parts}, " if partial else ""
            cells.append(_score_cell(metric, score, system in best[metric.key], extra))
        rows.append((system_title(system), cells))
    caption = (
        f"Every system, mean over {summary.parts}; below each value its 95% interval and n. The best of a column is "
        f"marked where it rests on {SMALLEST_N} problems or more; whether it is better for certain, the differences "
        "say."
    )
    return Grid(caption, _titles(summary.metrics), rows, "System")


def languages_grid(summary: Summary) -> Grid:
    """Returns the table of systems by metrics for each language."""
    rows: list[tuple[str, list[Cell]]] = []
    groups = {}
    for language in summary.languages:
        groups[len(rows)] = language_title(language)
        best = {metric.key: summary.best(metric, language) for metric in summary.metrics}
        for system in summary.rows:
            scores = [(metric, summary.score(system, metric.key, language)) for metric in summary.metrics]
            cells = [_score_cell(metric, score, system in best[metric.key]) for metric, score in scores]
            rows.append((system_title(system), cells))
    caption = f"Every system on every {summary.part}; below each value its 95% interval and n."
    return Grid(caption, _titles(summary.metrics), rows, "System", groups)


def minus_grid(summary: Summary) -> Grid | None:
    """Returns the table of MoE minus each other system, with means over languages; None without such comparisons."""
    rows = []
    shown = [
        metric
        for metric in summary.metrics
        if any(summary.minus(system, metric.key).value is not None for system in summary.rows)
    ]
    for system in summary.rows:
        scores = [(metric, summary.minus(system, metric.key)) for metric in shown]
        if any(score.value is not None for _, score in scores):
            rows.append(
                (system_title(system), [difference_cell(metric, score, f"n {score.n:,}") for metric, score in scores])
            )
    caption = (
        f"MoE minus each other system, on the programs that both have, mean over {summary.parts}; below each "
        f"difference its 95% interval and n. {VERDICTS}"
    )
    units = [", points" if metric.percent else "" for metric in shown]
    columns = [title + unit for title, unit in zip(_titles(shown), units, strict=True)]
    return Grid(caption, columns, rows, "MoE minus") if rows else None


def cross_grid(summary: Summary) -> Grid | None:
    """Returns the table of each system's loss on each language; None if experts were measured only on their own."""
    experts = [EXPERT_PREFIX + name for name in summary.experts]
    systems = [*(["base"] if "base" in summary.rows else []), *experts, *(["moe"] if "moe" in summary.rows else [])]
    scores = {s: [summary.score(s, "loss", language) for language in summary.languages] for s in systems}
    if not any(sum(score.value is not None for score in scores[expert]) > 1 for expert in experts):
        return None
    loss = next(metric for metric in summary.metrics if metric.key == "loss")
    rows = []
    for system in systems:
        cells = []
        for column, language in enumerate(summary.languages):
            values = [v for row in scores.values() if (v := row[column].value) is not None]
            score = scores[system][column]
            shade = _shade(score.value, values)
            own = " own" if system == EXPERT_PREFIX + language else ""
            cells.append(Cell(loss.format(score.value), f"n {score.n:,}" if score.n else "", f"{shade}{own}"))
        rows.append((system_title(system), cells))
    caption = (
        "Loss in nats per code token. Framed: an expert at home. The stronger the colour, the lower in its column."
    )
    return Grid(caption, [language_title(name) for name in summary.languages], rows, "System")


def own_expert_grid(routing: Mapping[str, Any], part: str = "language") -> Grid | None:
    """Returns the table of how often the own expert of each language or domain is chosen; None without routing.

    Args:
        routing: The entry ``routing`` of ``results.json``.
        part: ``language`` or ``domain``, for the caption.
    """
    columns = {
        "top1": "First choice",
        "chosen": "Among the chosen",
        "weight": "Mean weight",
        "enrichment": "Enrichment",
    }
    rows = []
    for language, facts in as_mapping(routing.get("own_expert")).items():
        cells = []
        for key in columns:
            value = as_number(as_mapping(facts).get(key))
            text = MISSING if value is None else f"{value:.2f} times" if key == "enrichment" else f"{100 * value:.1f}%"
            cells.append(Cell(text))
        rows.append((language_title(str(language)), cells))
    caption = (
        f"Share of code tokens, mean over layers. Enrichment is the expert's weight on its own {part} over its weight "
        f"on the others: 1 would mean that the gates do not tell {part}s apart."
    )
    return Grid(caption, list(columns.values()), rows, "Own expert of") if rows else None


def guards_grids(guards: Mapping[str, Any], summary: Summary) -> tuple[Grid, Grid] | None:
    """Returns the tables of guards, as means over languages and by language; None if nothing was counted."""
    systems = [name for name in summary.rows if as_mapping(guards.get(name))]
    table = {
        system: {
            language: _numbers(as_mapping(guards[system]).get(language))
            for language in summary.languages
            if language in guards[system]
        }
        for system in systems
    }
    keys = list(dict.fromkeys(key for rows in table.values() for leaves in rows.values() for key in leaves))
    if not keys:
        return None
    means: list[tuple[str, list[Cell]]] = []
    every: list[tuple[str, list[Cell]]] = []
    groups: dict[int, str] = {}
    for system in systems:
        cells = []
        for key in keys:
            values = [leaves[key] for leaves in table[system].values() if key in leaves]
            total = sum(values) if key == "n" else sum(values) / len(values) if values else None
            cells.append(Cell(_share_or_count(key, total)))
        means.append((system_title(system), cells))
    for language in summary.languages:
        groups[len(every)] = language_title(language)
        for system in systems:
            leaves = table[system].get(language, {})
            every.append((system_title(system), [Cell(_share_or_count(key, leaves.get(key))) for key in keys]))
    columns = [words(key) for key in keys]
    caption = f"Shares of the generated programs, mean over {summary.parts}."
    return Grid(caption, columns, means, "System"), Grid(
        f"The same, by {summary.part}.", columns, every, "System", groups
    )


def data_grid(report: Mapping[str, Any], languages: Sequence[str], part: str = "language") -> Grid | None:
    """Returns the table of examples read, kept and left out, by split and by source of ``data.extra``.

    Reasons that never applied and shares that are not defined in any language have no row.

    Args:
        report: The report of the stage ``data``.
        languages: Languages of the run.
        part: ``language`` or ``domain``, for the caption.
    """
    table = as_mapping(report.get("languages"))
    names = [language for language in languages if as_mapping(table.get(language))]
    rows: list[tuple[str, list[Cell]]] = []
    groups: dict[int, str] = {}
    parts = {
        split: [as_mapping(table[name].get(split)) for name in names]
        for split in dict.fromkeys(str(split) for name in names for split in table[name])
    }
    for source, found in as_mapping(report.get("extra")).items():
        parts[f"train, from {source}"] = [as_mapping(as_mapping(found).get(name)) for name in names]
    for title, reports in parts.items():
        groups[len(rows)] = title
        left_out = [as_mapping(item.get("left_out")) for item in reports]
        rows += [_data_row(key, [item.get(key) for item in reports]) for key in ("read", "kept")]
        for reason in dict.fromkeys(str(reason) for item in left_out for reason in item):
            if any(item.get(reason) for item in left_out):
                rows.append(_data_row(f"left out: {reason}", [item.get(reason, 0) for item in left_out]))
        keys = [key for key in dict.fromkeys(k for item in reports for k in item) if key not in ("read", "kept")]
        facts = {key: [item.get(key) for item in reports] for key in keys if key != "left_out"}
        rows += [_data_row(key, values) for key, values in facts.items() if any(value is not None for value in values)]
    shares = "; shares are shares of programs that parse" if any("share" in title for title, _ in rows) else ""
    caption = f"Examples per split and {part}{shares}."
    return Grid(caption, [language_title(name) for name in names], rows, "Split", groups) if rows else None


def _data_row(key: str, values: Sequence[Any]) -> tuple[str, list[Cell]]:
    numbers = [as_number(value) for value in values]
    if "share" in key:
        return words(key), [Cell(MISSING if value is None else f"{100 * value:.1f}%") for value in numbers]
    return words(key), [Cell(_count(value)) for value in numbers]


def words(key: str) -> str:
    """Returns a key as words: ``too_long`` -> ``too long``."""
    return key.replace("_", " ")


def _titles(metrics: Sequence[Metric]) -> list[str]:
    return [f"{metric.title} {'↓' if metric.lower_is_better else '↑'}" for metric in metrics]


def _score_cell(metric: Metric, score: Score, best: bool, extra: str = "") -> Cell:
    if score.value is None:
        return Cell(MISSING)
    interval = ""
    if score.low is not None and score.high is not None:
        interval = f"{metric.format(score.low)} {MISSING} {metric.format(score.high)}, "
    is_best = best and score.num_problems >= SMALLEST_N
    return Cell(metric.format(score.value), f"{interval}{extra}n {score.n:,}", "best" if is_best else "")


def difference_cell(metric: Metric, score: Score, note: str = "") -> Cell:
    """Returns the cell of a difference with its interval, and whether it is better or worse if that is certain.

    Args:
        metric: The metric.
        score: The difference, MoE minus another system.
        note: Text to add below the interval.
    """
    if score.value is None:
        return Cell(MISSING)
    verdict = ""
    if score.is_certain:
        verdict = "better" if (score.value < 0) == metric.lower_is_better else "worse"
    text = f"{verdict} {metric.format_change(score.value)}".strip()
    few = few_note(score)
    notes = [change_interval(metric, score), note, few]
    return Cell(text, ", ".join(filter(None, notes)), verdict or ("few" if few else ""))


def _shade(value: float | None, values: Sequence[float]) -> str:
    if value is None:
        return ""
    low, high = min(values), max(values)
    return f"shade{round(_SHADES * (high - value) / (high - low)) if high > low else 0}"


def _numbers(value: Any) -> dict[str, float]:
    return {str(key): number for key, item in as_mapping(value).items() if (number := as_number(item)) is not None}


def _share_or_count(key: str, value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{100 * value:.1f}%" if key != "n" and 0 <= value <= 1 else _count(value)


def _count(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"
