"""Prints the tables of ``results.json`` in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from moesaic.report.summary import MISSING, SMALLEST_N, Metric, Score, Summary, language_title, system_title


def terminal_table(results: Mapping[str, Any]) -> Table:
    """Returns the table of systems by metrics, with means over languages; the best value of a metric is bold.

    Raises:
        CheckpointError: The results do not contain a table of systems.
    """
    summary = Summary(results)
    count = len(summary.languages)
    scores = {system: [summary.mean(system, metric.key) for metric in summary.metrics] for system in summary.rows}
    over = language_title(summary.languages[0]) if count == 1 else f"mean over {count} {summary.parts}"
    measured = {metric.key: summary.num_measured(metric) for metric in summary.metrics}
    notes = [
        f", {measured[m.key]} of {count} {summary.parts}" if measured[m.key] < count else "" for m in summary.metrics
    ]
    table = _table(f"Systems, {over}", summary.metrics, [*scores.values()], notes=notes)
    best = {metric.key: summary.best(metric) for metric in summary.metrics}
    for system, row in scores.items():
        fewer = [
            score.num_languages
            for metric, score in zip(summary.metrics, row, strict=True)
            if score.value is not None and score.num_languages < measured[metric.key]
        ]
        name = system_title(system) + (f" ({min(fewer)} of {count} {summary.parts})" if fewer else "")
        table.add_row(Text(name), *_cells(summary, row, system, best))
    return table


def language_table(results: Mapping[str, Any]) -> Table:
    """Returns the table of languages and systems by metrics, with 95% intervals.

    Raises:
        CheckpointError: The results do not contain a table of systems.
    """
    summary = Summary(results)
    scores = {
        (language, system): [summary.score(system, metric.key, language) for metric in summary.metrics]
        for language in summary.languages
        for system in summary.rows
    }
    table = _table(
        f"Per {summary.part}, with 95% intervals", summary.metrics, [*scores.values()], summary.part.capitalize()
    )
    for language in summary.languages:
        best = {metric.key: summary.best(metric, language) for metric in summary.metrics}
        for position, system in enumerate(summary.rows):
            title = language_title(language) if position == 0 else ""
            cells = _cells(summary, scores[language, system], system, best, interval=True)
            table.add_row(Text(title), Text(system_title(system)), *cells)
        table.add_section()
    return table


def _table(
    title: str, metrics: Sequence[Metric], rows: Sequence[Sequence[Score]], *leading: str, notes: Sequence[str] = ()
) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold")
    for name in (*leading, "System"):
        table.add_column(name)
    for column, metric in enumerate(metrics):
        counts = sorted({row[column].n for row in rows if row[column].value is not None})
        header = Text(f"{metric.title} {'↓' if metric.lower_is_better else '↑'}")
        header.append(f"\nn {MISSING.join(f'{count:,}' for count in dict.fromkeys(counts[:1] + counts[-1:]))}", "dim")
        if notes:
            header.append(notes[column], "dim")
        table.add_column(header, justify="right")
    return table


def _cells(
    summary: Summary, scores: Sequence[Score], system: str, best: Mapping[str, set[str]], interval: bool = False
) -> list[Text]:
    cells = []
    for metric, score in zip(summary.metrics, scores, strict=True):
        is_best = system in best[metric.key] and score.num_problems >= SMALLEST_N
        text = Text(metric.format(score.value), style="bold" if is_best else "")
        if interval and score.low is not None and score.high is not None:
            text.append(f"\n{metric.format(score.low)}{MISSING}{metric.format(score.high)}", style="not bold dim")
        cells.append(text)
    return cells
