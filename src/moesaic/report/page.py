"""Makes the report page: one self-contained HTML file for screens (light and dark), phones and paper.

The page contains no script and loads nothing. A content security policy forbids both and allows the one style sheet by
its digest. Programs and task texts are untrusted input, because a model wrote them, so the template escapes everything.
The only markup that it inserts unescaped comes from ``charts``, which escapes its own text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from moesaic.errors import CheckpointError
from moesaic.files import read_json_object, write_text
from moesaic.progress import read_metrics
from moesaic.report import tables
from moesaic.report.charts import Bar, Curve, bar_chart, heat_map, line_chart
from moesaic.report.few import few_line, few_note
from moesaic.report.kept import answers_grid, kept_grid, kept_line
from moesaic.report.samples import choose_samples
from moesaic.report.summary import (
    Summary,
    as_list,
    as_mapping,
    as_number,
    language_title,
    loss_ratios,
    ratio_line,
    system_title,
)

REPORT = "report.html"
_CLASSES = {"base": "base", "experts": "experts", "moe": "moe"}
_NUM_BASELINE_COLOURS = 6


def write_report(workspace: Path) -> Path:
    """Writes ``report.html`` into a workspace and returns its path.

    Args:
        workspace: Folder of a run.

    Raises:
        CheckpointError: There are no results yet, or they cannot be read.
        SpaceError: The disk is full; an earlier report does not change.
    """
    path, text = workspace / REPORT, render_report(workspace)
    write_text(path, text)
    return path


def render_report(workspace: Path) -> str:
    """Returns the page of a workspace as HTML.

    Parts that are missing in the run (a metric, the routing, the training curves) are left out of the page.

    Args:
        workspace: Folder of a run, with ``results.json`` or ``evaluate/results.json``.

    Raises:
        CheckpointError: There are no results yet, or they cannot be read.
    """
    results = _read_results(workspace)
    summary = Summary(results)
    style = resources.files("moesaic.report").joinpath("style.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("moesaic.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    recipe = as_mapping(results.get("recipe"))
    routing = as_mapping(results.get("routing"))
    data = as_mapping(results.get("data"))
    seconds = _seconds(results.get("seconds"))
    return environment.get_template("report.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        name=str(recipe.get("name") or workspace.resolve().name),
        headline=ratio_line(results),
        tiles=_tiles(summary),
        facts=_facts(results, recipe, summary, seconds),
        skipped=[str(reason) for reason in as_list(results.get("skipped"))],
        systems=tables.systems_grid(summary),
        few=few_line(results),
        part=summary.part,
        kept=kept_grid(results),
        kept_line=kept_line(results),
        minus=tables.minus_grid(summary),
        by_language=tables.languages_grid(summary),
        legend=[(system_title(system), css_class) for system, css_class in _colours(summary).items()],
        bars=_bars(summary),
        cross=tables.cross_grid(summary),
        curves=_curves(workspace, summary),
        heat_maps=_heat_maps(routing),
        own_expert=tables.own_expert_grid(routing, summary.part),
        entropy=_entropy(routing),
        dead=_dead(routing),
        has_routing=bool(routing),
        guards=tables.guards_grids(as_mapping(results.get("guards")), summary),
        data=tables.data_grid(data, summary.languages, summary.part),
        answers=answers_grid(results),
        data_source=str(data.get("source") or ""),
        samples=choose_samples(workspace, summary),
        recipe=yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True) if recipe else "",
        versions=[(str(key), str(value)) for key, value in as_mapping(results.get("versions")).items()],
        seconds=[(name, duration(value)) for name, value in seconds.items()],
        digest=str(results.get("recipe_digest") or ""),
    )


def duration(seconds: float) -> str:
    """Returns a time span in words: ``42 s``, ``9 min 30 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _read_results(workspace: Path) -> dict[str, Any]:
    for path in (workspace / "results.json", workspace / "evaluate" / "results.json"):
        if path.is_file():
            return read_json_object(path)
    raise CheckpointError(f"no results.json in {workspace}: run moesaic evaluate RECIPE first")


def _tiles(summary: Summary) -> list[tuple[str, str, str]]:
    """Returns (figure, its name, a note on it) for each figure of the headline."""
    tiles = []
    ratios = loss_ratios(summary)
    if ratios is not None and ratios.moe.value is not None:
        few = few_note(ratios.moe)
        tiles.append((f"{ratios.moe.value:.3f}", "MoE test loss", _joined("nats per code token", few)))
        for owner, other in (("its experts'", ratios.experts), ("the base's", ratios.base)):
            percent = ratios.percent_of(other)
            if percent is not None:
                tiles.append(
                    (f"{percent:.1f}%", f"of {owner} loss", _joined(f"{other.value:.3f} nats per code token", few))
                )
    for metric in summary.metrics:
        score, base = summary.mean("moe", metric.key), summary.mean("base", metric.key)
        if (metric == summary.likeness or metric.key == "pass@1") and score.value is not None:
            against = f"base {metric.format(base.value)}" if base.value is not None else f"n = {score.n:,}"
            tiles.append((metric.format(score.value), f"MoE {metric.title}", _joined(against, few_note(score))))
    return tiles[:4]


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _facts(
    results: Mapping[str, Any], recipe: Mapping[str, Any], summary: Summary, seconds: Mapping[str, float]
) -> list[tuple[str, str]]:
    hardware = as_mapping(results.get("hardware"))
    base, predict = as_mapping(recipe.get("base")), as_mapping(recipe.get("predict"))
    facts = [(summary.parts.capitalize(), ", ".join(language_title(name) for name in summary.languages))]
    if base.get("model"):
        facts.append(("Base model", str(base["model"])))
    count = max((summary.mean(system, "loss").n for system in summary.rows), default=0)
    if count:
        facts.append((f"{str(predict.get('split') or 'test').capitalize()} examples", f"{count:,}"))
    if hardware:
        memory = f" ({hardware['gpu_memory_gib']:.0f} GiB)" if as_number(hardware.get("gpu_memory_gib")) else ""
        device = f"{hardware['gpu']}{memory}" if hardware.get("gpu") else ""
        cores = f"{hardware['cores']} cores" if hardware.get("cores") else ""
        machine = " ".join(str(hardware[key]) for key in ("system", "machine") if hardware.get(key))
        facts.append(("Hardware", ", ".join(part for part in (device, cores, machine) if part)))
    if seconds:
        facts.append(("Time", duration(sum(seconds.values()))))
    return facts


def _seconds(value: Any) -> dict[str, float]:
    if (total := as_number(value)) is not None:
        return {"whole run": total}
    return {str(key): number for key, item in as_mapping(value).items() if (number := as_number(item)) is not None}


def _colours(summary: Summary) -> dict[str, str]:
    baselines = [system for system in summary.rows if system not in _CLASSES]
    named = {system: f"baseline{index % _NUM_BASELINE_COLOURS}" for index, system in enumerate(baselines)}
    return {system: _CLASSES.get(system) or named[system] for system in summary.rows}


def _bars(summary: Summary) -> list[tuple[str, str, Markup]]:
    colours = _colours(summary)
    charts = []
    for metric in summary.metrics:
        groups = []
        for language in summary.languages:
            scores = [(system, summary.score(system, metric.key, language)) for system in summary.rows]
            if any(score.value is not None for _, score in scores):
                bars = [Bar(system_title(system), colours[system], score) for system, score in scores]
                groups.append((language_title(language), bars))
        if groups:
            better = "lower is better" if metric.lower_is_better else "higher is better"
            svg = Markup(bar_chart(f"{metric.title} by {summary.part}", metric, groups))  # noqa: S704 - charts escape
            charts.append((metric.title, f"{metric.unit}, {better}", svg))
    return charts


def _curves(workspace: Path, summary: Summary) -> list[tuple[str, Markup]]:
    places = [
        (f"{language_title(language)} expert", workspace / "experts" / language / "metrics.jsonl")
        for language in summary.languages
    ]
    rewards = [
        (
            f"{language_title(language)} expert, reward by rounds",
            workspace / "expert_rewards" / language / "metrics.jsonl",
        )
        for language in summary.languages
    ]
    rewards.append(("Reward, by rounds", workspace / "reward" / "metrics.jsonl"))
    rewards.append(("Reward of the dense LoRA, by rounds", workspace / "baselines/dense_lora_reward/metrics.jsonl"))
    places += [
        ("Gates alone", workspace / "gate" / "gates" / "metrics.jsonl"),
        ("Gates and experts together", workspace / "gate" / "joint" / "metrics.jsonl"),
        *rewards,
    ]
    curves = []
    for title, path in places:
        if path.is_file() and (rows := read_metrics(path)):
            key = "reward" if (title, path) in rewards else "loss"
            curve = Curve(_series(rows, key), _series(rows, f"validation_{key}"), key, highest=key == "reward")
            if curve.loss or curve.validation:
                curves.append((title, Markup(line_chart(f"Training of {title}", curve))))  # noqa: S704
    return curves


def _series(rows: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), value) for row in rows if (value := as_number(row.get(key))) is not None]


def _heat_maps(routing: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """Returns (title, [(language, chart), ...]) for the mean gate weights and the first choices."""
    experts = [str(name) for name in as_list(routing.get("experts"))]
    titles = [language_title(name) for name in experts]
    languages = [str(name) for name in as_list(routing.get("languages"))]
    sections = []
    for key, title in (("weight_GLE", "Mean gate weight"), ("top1_GLE", "First choice")):
        values_GLE = [
            [[as_number(share) or 0.0 for share in as_list(values_E)] for values_E in as_list(values_LE)]
            for values_LE in as_list(routing.get(key))
        ]
        charts = []
        for language, values_LE in zip(languages, values_GLE, strict=False):
            if values_LE and all(len(values_E) == len(experts) for values_E in values_LE):
                layers = [str(layer) for layer in range(len(values_LE))]
                own = experts.index(language) if language in experts else None
                name = f"{title} per layer and expert on {language_title(language)}"
                chart = Markup(heat_map(name, titles, layers, values_LE, own))  # noqa: S704 - charts escape
                charts.append((language_title(language), chart))
        if charts:
            sections.append((title, charts))
    return sections


def _entropy(routing: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = zip(as_list(routing.get("languages")), as_list(routing.get("entropy_GL")), strict=False)
    numbers = ((name, [as_number(entropy) for entropy in as_list(layers)]) for name, layers in pairs)
    known = ((name, [entropy for entropy in layers if entropy is not None]) for name, layers in numbers)
    return [(language_title(str(name)), f"{sum(layers) / len(layers):.2f}") for name, layers in known if layers]


def _dead(routing: Mapping[str, Any]) -> list[str]:
    """Returns a line for each dead expert, such as "layer 3: Java expert"."""
    lines = []
    for pair in as_list(routing.get("dead")):
        layer, _, expert = str(pair).partition("/")
        lines.append(f"layer {layer}: {language_title(expert)} expert")
    return lines
