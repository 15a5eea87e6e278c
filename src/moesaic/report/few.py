"""Finds results that rest on too few problems to tell a difference from chance, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moesaic.report.summary import SMALLEST_N, Score, Summary


def few_problems(summary: Summary) -> dict[str, int]:
    """Returns title -> number of problems, for each metric with fewer than ``SMALLEST_N``.

    The number of a metric is the smallest among the MoE's score and its comparisons with the base and the experts.
    Without a MoE, it is the smallest among all systems' scores.
    """
    found = {}
    systems = ["moe"] if "moe" in summary.rows else summary.rows
    for metric in summary.metrics:
        scores = [summary.mean(system, metric.key) for system in systems]
        scores += [summary.minus(system, metric.key) for system in ("base", "experts")]
        counts = [score.num_problems for score in scores if score.value is not None]
        if counts and min(counts) < SMALLEST_N:
            found[metric.title] = min(counts)
    return found


def few_line(results: Mapping[str, Any]) -> str:
    """Returns one line that says which metrics have too few problems; empty if none has."""
    found = few_problems(Summary(results))
    if not found:
        return ""
    named: dict[int, list[str]] = {}
    for title, count in found.items():
        named.setdefault(count, []).append(title)
    parts = [f"{', '.join(titles)}: {number_of(count)}" for count, titles in sorted(named.items())]
    return f"Few problems ({'; '.join(parts)}): below {SMALLEST_N} no difference is called better or worse"


def few_note(score: Score) -> str:
    """Returns the note for a score with too few problems; empty if it has enough."""
    return "" if score.num_problems >= SMALLEST_N else f"only {number_of(score.num_problems)}"


def number_of(problems: int) -> str:
    """Returns a number of problems in words."""
    return "1 problem" if problems == 1 else f"{problems:,} problems"
