"""What a growth comparison came to: scores, costs, and what each arm forgot, from the files of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from growth_plan import ARMS, Plan
from safetensors import safe_open
from seeds import read_run

from moesaic.checkpoint.native import locate, read_model_folder
from moesaic.evaluate.paired import kept_abilities
from moesaic.files import read_json
from moesaic.model.lora import WEIGHTS_FILE
from moesaic.pipeline.growing import GROWTH
from moesaic.pipeline.stages import Run
from moesaic.progress import read_metrics
from moesaic.train.budget import expert_stretches, gate_stretches
from moesaic.workspace import Workspace, versions


def results(plan: Plan) -> dict[str, Any]:
    """Everything that is finished, for the result file."""
    rows = []
    for step in range(plan.steps):
        if Workspace(plan.measured(step)).manifest("evaluate") is None:
            break
        found = read_json(plan.measured(step) / "evaluate" / "results.json")
        systems = {name: metrics for name, metrics in found["systems"].items() if name != "experts"}
        if step == 0:
            systems |= dict.fromkeys(ARMS[1:], systems["dense_anew"])
        rows.append(
            {
                "step": step,
                "languages": list(plan.languages(step)),
                "systems": systems,
                "skipped": found["skipped"],
                "cost": {arm: cost(plan, step, arm) for arm in ARMS},
                "kept": {arm: kept(plan, step, arm) for arm in ARMS} if step else {},
            }
        )
    whole = plan.recipe(0)
    return {
        "start": list(plan.start),
        "add": list(plan.add),
        "old_share": plan.old_share,
        "dense": {"rank": plan.dense.rank, "alpha": plan.dense.alpha},
        "recipe": whole.model_dump(mode="json", exclude={"output", "name"}),
        "hardware": (Workspace(plan.root / "step-0").manifest("compose") or {}).get("hardware", {}),
        "versions": versions(),
        "steps": rows,
    }


def cost(plan: Plan, step: int, arm: str) -> dict[str, Any]:
    """Training tokens and seconds of a step, and the parameters that the arm has beside the base afterwards."""
    if arm != "moe":
        folder = plan.adapter(step, arm)
        seconds = _seconds(folder / "metrics.jsonl")
        return {
            "tokens": read_json(folder / "training.json")["tokens"],
            "fitted_tokens": 0,
            "seconds": round(seconds, 1),
            "parameters": _parameters(folder / WEIGHTS_FILE),
        }
    run = Run(plan.recipe(step))
    root, recipe = run.workspace.root, run.recipe
    model = read_model_folder(locate(root))
    parameters = sum(_parameters(model.expert_path(entry.name) / WEIGHTS_FILE) for entry in model.adapters)
    parameters += _parameters(model.path / "router.safetensors")
    programs, kept = run.encoded("train"), run.kept()
    trained = {f"experts/{name}" for name in recipe.trained_languages}
    planned = [part for part in expert_stretches(programs, recipe, kept) if part.name in trained]
    tokens = 0.0
    for part in planned:
        steps = read_json(root / part.name / "training.json")["steps"]
        tokens += part.processed * steps / (part.steps or 1)
    seconds = sum(_seconds(root / name / "metrics.jsonl") for name in trained)
    if recipe.trains_gates:
        result = read_json(root / "gate" / "training.json")
        for part in gate_stretches(programs, recipe, kept):
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
        "seconds": round(seconds, 1),
        "parameters": parameters,
    }
    found = root / "compose" / GROWTH
    return paid | ({"growth": read_json(found)["languages"]} if found.exists() else {})


def kept(plan: Plan, step: int, arm: str) -> dict[str, Any]:
    """What an arm still solves of what it solved when each old language was learnt, on every benchmark."""
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


def _seconds(path: Path) -> float:
    """Seconds of a training, which its log goes on counting after a resume."""
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
