"""Shows gain and loss against the base: how similar programs became, and what is no longer solved.

A metric that compares programs with references rises when a model learns how the references are written. Whether the
model can still do what its base could do is a different question, which a benchmark with tests answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moesaic.report.summary import (
    MISSING,
    Score,
    Summary,
    as_mapping,
    as_number,
    change_interval,
    language_title,
    metric_of,
)
from moesaic.report.tables import VERDICTS, Cell, Grid, difference_cell, words

_GAIN = "codebleu"
_ANSWERS = ("prompts", "answers", "kept")
_COUNTS = {"both": "Both solve", "lost": "Lost", "won": "Won"}


def kept_grid(results: Mapping[str, Any]) -> Grid | None:
    """Returns the table of MoE minus base by language; None if no benchmark was judged.

    Its columns are the gain in CodeBLEU and, for each benchmark, the numbers of problems that both solve, that were
    lost and that were won, and the difference in pass@1.
    """
    kept = {str(name): as_mapping(parts) for name, parts in as_mapping(results.get("kept")).items()}
    if not kept:
        return None
    summary, gain = Summary(results), metric_of(_GAIN)
    names = [name for name in [*summary.languages, "mean"] if any(name in parts for parts in kept.values())]
    gains = {name: summary.minus("base", _GAIN, name) for name in names}
    has_gain = any(score.value is not None for score in gains.values())
    rows = []
    for name in names:
        cells = [difference_cell(gain, gains[name])] if has_gain else []
        for benchmark, parts in kept.items():
            found = as_mapping(parts.get(name))
            cells += [Cell(_count(found.get(key))) for key in _COUNTS]
            cells.append(_change_cell(benchmark, found, len(summary.languages) if name == "mean" else 1))
        rows.append(("All languages" if name == "mean" else language_title(name), cells))
    columns = [f"{gain.title}, gain"] if has_gain else []
    for benchmark in kept:
        columns += [f"{benchmark}: {title.lower()}" for title in _COUNTS.values()] + [f"{benchmark}: pass@1, points"]
    caption = (
        "MoE minus base. Lost: problems that the base solves and the MoE does not; won: the other way round. Below a "
        f"difference its 95% interval, and the exact p of McNemar's test on lost and won. {VERDICTS}"
    )
    return Grid(caption, columns, rows, "Language")


def answers_grid(results: Mapping[str, Any]) -> Grid | None:
    """Returns the table of kept and left-out answers of the base by language and reason; None without ``data.keep``."""
    report = as_mapping(results.get("keep"))
    languages = {str(name): as_mapping(facts) for name, facts in as_mapping(report.get("languages")).items()}
    if not languages:
        return None
    rows = [(key.capitalize(), [Cell(_count(facts.get(key))) for facts in languages.values()]) for key in _ANSWERS]
    if any(facts.get("too_long_prompts") for facts in languages.values()):
        cells = [Cell(_count(facts.get("too_long_prompts"))) for facts in languages.values()]
        rows.insert(1, ("Prompts that fill the context, left out", cells))
    left_out = [as_mapping(facts.get("left_out")) for facts in languages.values()]
    for reason in dict.fromkeys(str(reason) for reasons in left_out for reason in reasons):
        if any(reasons.get(reason) for reasons in left_out):
            rows.append((f"left out: {words(reason)}", [Cell(_count(reasons.get(reason))) for reasons in left_out]))
    rows.append(("Run against tests", [Cell("yes" if facts.get("verified") else "no") for facts in languages.values()]))
    caption = f"Prompts on which the base is kept, from {report.get('source')}, and its own answers to them."
    return Grid(caption, [language_title(name) for name in languages], rows, "Answers of the base")


def kept_line(results: Mapping[str, Any]) -> str:
    """Returns one line about the problems that the base solves and the MoE does not.

    If this was not measured, the line says why. It is empty for a run without a MoE or a base.
    """
    if not {"base", "moe"} <= as_mapping(results.get("systems")).keys():
        return ""
    parts = []
    for benchmark, languages in as_mapping(results.get("kept")).items():
        found = [as_mapping(leaf) for name, leaf in as_mapping(languages).items() if name != "mean"]
        lost, won, both = (sum(int(as_number(leaf.get(key)) or 0) for leaf in found) for key in ("lost", "won", "both"))
        change = _change(as_mapping(as_mapping(languages).get("mean")), len(found))
        metric = metric_of(f"pass@1 {benchmark}")
        difference = (
            "" if change.value is None else f", {metric.format_change(change.value)} {change_interval(metric, change)}"
        )
        parts.append(f"{benchmark}: {lost:,} of {lost + both:,} problems lost, {won:,} won{difference}")
    if parts:
        return f"MoE against its base, {'; '.join(parts)}"
    named = as_mapping(as_mapping(as_mapping(results.get("recipe")).get("predict")).get("benchmarks"))
    if Summary(results).part == "domain":
        reason = "no benchmark has programs of domains"
    elif named:
        reason = f"{', '.join(map(str, named))} was not judged (evaluate.allow_code_execution, predict.limit)"
    else:
        reason = "the recipe names no benchmark (predict.benchmarks)"
    return f"Loss of ability was not measured: {reason}"


def _change(found: Mapping[str, Any], num_languages: int) -> Score:
    value = as_number(found.get("difference"))
    n = sum(int(as_number(found.get(key)) or 0) for key in ("both", "lost", "won", "neither"))
    problems = as_number(found.get("problems"))
    return Score(
        value,
        n,
        as_number(found.get("low")),
        as_number(found.get("high")),
        num_languages,
        problems=None if problems is None else int(problems),
    )


def _change_cell(benchmark: str, found: Mapping[str, Any], num_languages: int) -> Cell:
    p = as_number(found.get("p"))
    note = "" if p is None else "p < 0.001" if p < 0.001 else f"p {p:.3f}"
    return difference_cell(metric_of(f"pass@1 {benchmark}"), _change(found, num_languages), note)


def _count(value: Any) -> str:
    number = as_number(value)
    return MISSING if number is None else f"{number:,.0f}"
