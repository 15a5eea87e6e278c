"""Collects the results of a growth comparison from the files of its steps: scores, costs, and what each arm forgot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from growth_plan import ARMS, Plan
from safetensors import safe_open
from seeds import read_run

from moesaic.checkpoint.native import read_model_folder
from moesaic.evaluate.paired import kept_abilities
from moesaic.files import read_json
from moesaic.model.lora import WEIGHTS_FILE
from moesaic.pipeline.growing import GROWTH
from moesaic.pipeline.stages import Run
from moesaic.progress import read_metrics
from moesaic.train.budget import expert_stretches, gate_stretches
from moesaic.workspace import Workspace, versions

COST = "cost.json"
"""File with the cost of an arm's step, beside its measurements."""


def results(plan: Plan) -> dict[str, Any]:
    """Returns all finished results, for the result file."""
    rows = []
    for step in range(plan.steps):
        if Workspace(plan.measured(step)).manifest("evaluate") is None:
            break
        found = read_json(plan.measured(step) / "evaluate" / "results.json")
        systems = {name: metrics for name, metrics in found["systems"].items() if name != "experts"}
        costs = {arm: read_json(path) for arm in ARMS if (path := _systems(plan, step, arm) / COST).is_file()}
        if step == 0 and "dense_anew" in systems:
            systems |= dict.fromkeys(ARMS[1:], systems["dense_anew"])
        there = [arm for arm in ARMS if arm in systems]
        rows.append(
            {
                "step": step,
                "languages": list(plan.languages(step)),
                "systems": systems,
                "skipped": found["skipped"],
                "cost": costs,
                "kept": {arm: kept(plan, step, arm) for arm in there} if step else {},
            }
        )
    whole = plan.recipe(0)
    dense = plan.dense(0, "dense_anew")
    return {
        "start": list(plan.start),
        "add": list(plan.add),
        "old_share": plan.old_share,
        "dense": {"rank": dense.rank, "alpha": dense.alpha},
        "recipe": whole.model_dump(mode="json", exclude={"output", "name"}),
        "step_overrides": plan.step_overrides,
        "hardware": next(
            (
                manifest["hardware"]
                for arm in ARMS
                if (manifest := Workspace(plan.measured(0) / "systems").manifest(arm)) is not None
            ),
            {},
        ),
        "versions": versions(),
        "steps": rows,
    }


def dense_cost(folder: Path) -> dict[str, Any]:
    """Returns training tokens, seconds and parameters of a dense adapter; only the parameters if it was given."""
    tokens, parameters = read_json(folder / "training.json")["tokens"], _parameters(folder / WEIGHTS_FILE)
    if tokens is None:
        return {"tokens": None, "fitted_tokens": None, "seconds": None, "parameters": parameters}
    seconds = round(_seconds(folder / "metrics.jsonl"), 3)
    return {"tokens": tokens, "fitted_tokens": 0, "seconds": seconds, "parameters": parameters}


def model_cost(run: Run, final: Path, *, trained: bool) -> dict[str, Any]:
    """Returns training tokens and seconds of a step, and the parameters that the model then has besides the base.

    Args:
        run: The step's run, finished up to its model.
        final: The model folder.
        trained: Whether the step trained the model. Otherwise it was given, and its cost is not known here.
    """
    model = read_model_folder(final)
    parameters = sum(_parameters(model.expert_path(entry.name) / WEIGHTS_FILE) for entry in model.adapters)
    parameters += _parameters(model.path / "router.safetensors")
    if not trained:
        return {"tokens": None, "fitted_tokens": None, "seconds": None, "parameters": parameters}
    root, recipe = run.workspace.root, run.recipe
    programs, answers = run.encoded("train"), run.kept()
    trains = {f"experts/{name}" for name in recipe.trained_languages}
    own = run.kept(recipe.trained_languages)
    planned = [part for part in expert_stretches(programs, recipe, own) if part.name in trains]
    tokens = 0.0
    for part in planned:
        steps = read_json(root / part.name / "training.json")["steps"]
        tokens += part.processed * steps / (part.steps or 1)
    seconds = sum(_seconds(root / name / "metrics.jsonl") for name in trains)
    if recipe.trains_gates:
        result = read_json(root / "gate" / "training.json")
        for part in gate_stretches(programs, recipe, answers):
            name = part.name.removeprefix("gate: ")
            tokens += part.processed * result[name]["steps"] / part.steps if part.steps else 0
            seconds += _seconds(root / "gate" / name / "metrics.jsonl")
    seconds += float((run.workspace.manifest("compose") or {})["seconds"])
    fitted = [
        example
        for name in recipe.data.languages
        for example in run.encoded("train", (name,))[: recipe.gate.init_programs]
    ]
    paid = {
        "tokens": round(tokens),
        "fitted_tokens": sum(len(example.ids) for example in fitted),
        "seconds": round(seconds, 3),
        "parameters": parameters,
    }
    found = root / "compose" / GROWTH
    return paid | ({"growth": read_json(found)["languages"]} if found.exists() else {})


def kept(plan: Plan, step: int, arm: str) -> dict[str, Any]:
    """Compares what an arm solves with what it solved when each old language was learnt, on every benchmark."""
    old = plan.languages(step - 1)
    now, before = _verdicts(plan, step, arm), {}
    for name in old:
        for metric, languages in _verdicts(plan, plan.learnt_at(name), arm).items():
            if name in languages:
                before.setdefault(metric, {})[name] = languages[name]
    return kept_abilities({"base": before, "moe": now}, old, 1000)


def _verdicts(plan: Plan, step: int, arm: str) -> dict[str, dict[str, list[tuple[str, float, float]]]]:
    values = read_run(plan.measured(step)).get(arm if step or arm == "moe" else "dense_anew", {})
    return {
        metric if metric != "pass@1" else "pass@1 test split": {
            language: [(name, *pair) for name, pair in programs.items()] for language, programs in languages.items()
        }
        for metric, languages in values.items()
        if metric.startswith("pass@1")
    }


def _systems(plan: Plan, step: int, arm: str) -> Path:
    return plan.measured(step) / "systems" / (arm if step or arm == "moe" else "dense_anew")


def _seconds(path: Path) -> float:
    """Returns the seconds of a training, which its log continues to count after a resume."""
    return max((float(row["seconds"]) for row in read_metrics(path)), default=0.0)


def _parameters(path: Path) -> int:
    with safe_open(path, framework="np") as file:
        total = 0
        for key in file.keys():  # noqa: SIM118  # not a mapping
            size = 1
            for length in file.get_slice(key).get_shape():
                size *= length
            total += size
    return total


if __name__ == "__main__":
    raise SystemExit("growth_results.py is a part of other scripts: run growth.py")
