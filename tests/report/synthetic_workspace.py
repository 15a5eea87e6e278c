"""Writes the files of a finished run with made-up, computed values, in the layout of docs/architecture.md."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LANGUAGES = ("python", "java", "javascript", "cpp")
PROGRAMS = {
    "python": "def main():\n    for number in range({0}):\n        print(number * {0})\n\n\nmain()\n",
    "java": (
        "public class Main {{\n    public static void main(String[] args) {{\n"
        "        System.out.println({0});\n    }}\n}}\n"
    ),
    "javascript": "const total = [1, 2, {0}].reduce((a, b) => a + b, 0);\nconsole.log(total);\n",
    "cpp": "#include <iostream>\n\nint main() {{\n    std::cout << {0} << std::endl;\n    return 0;\n}}\n",
}


def estimate(value: float, n: int = 200, width: float = 0.03) -> dict[str, float]:
    return {"value": value, "n": n, "low": max(0.0, value - width), "high": value + width}


def differences(moe: dict[str, Any], other: dict[str, Any], width: float = 0.01) -> dict[str, Any]:
    """MoE minus another system, as the evaluation writes it."""
    table: dict[str, Any] = {}
    for metric in other:
        pairs = {name: (moe[metric][name], other[metric][name]) for name in moe[metric]}
        values = {name: ours["value"] - theirs["value"] for name, (ours, theirs) in pairs.items()}
        counts = {name: ours["n"] for name, (ours, _) in pairs.items()}
        values["mean"], counts["mean"] = sum(values.values()) / len(values), sum(counts.values())
        table[metric] = {
            name: {"value": value, "n": counts[name], "low": value - width, "high": value + width}
            for name, value in values.items()
        }
    return table


def build_results(
    languages: Sequence[str] = LANGUAGES, *, generated: bool = True, baselines: Sequence[str] = ()
) -> dict[str, Any]:
    """Scores that follow a simple rule: the base is worst, an expert good at home, the MoE slightly better."""
    systems: dict[str, dict[str, dict[str, Any]]] = {}
    names = ["base", *(f"expert:{language}" for language in languages), "moe", *baselines]
    for rank, system in enumerate(names):
        for index, language in enumerate(languages):
            home = system in (f"expert:{language}", "moe", *baselines)
            loss = 1.45 + 0.1 * index if system == "base" else (0.58 if home else 0.95) + 0.03 * index + 0.002 * rank
            if system == "moe":
                loss -= 0.03
            rows = {"loss": estimate(loss)}
            if generated and (home or system == "base"):
                quality = 0.13 if system == "base" else 0.37 if system == "moe" else 0.34
                rows |= {
                    "codebleu": estimate(quality + 0.02 * index, 48),
                    "parse_share": estimate(min(1.0, 2.2 * quality), 48, 0.08),
                    "bleu": estimate(quality / 2, 48),
                }
            for metric, row in rows.items():
                systems.setdefault(system, {}).setdefault(metric, {})[language] = row
    experts: dict[str, dict[str, Any]] = {}
    for language in languages:
        for metric, row in systems[f"expert:{language}"].items():
            if language in row:
                experts.setdefault(metric, {})[language] = row[language]
    systems = {"base": systems.pop("base"), "experts": experts, **systems}
    others = [name for name in systems if name != "moe" and not name.startswith("expert:")]
    share = {"n": 48, "empty": 0.02, "no_code": 0.03, "parses": 0.8, "wrong_language": 0.04, "label_echo": 0.0}
    share |= {"own_task_overlap": 0.61, "shuffled_task_overlap": 0.22}
    kept = {"read": 3300, "kept": 3100, "left_out": {"damaged": 0, "too_long": 150, "duplicate": 50}}
    split = kept | {"parse_share_raw": 0.0, "parse_share_restored": 0.97, "parse_share_kept": 1.0, "tokens": 812_000}
    return {
        "systems": systems,
        "paired": {name: differences(systems["moe"], systems[name]) for name in others},
        "versions": {"python": "3.11.0", "moesaic": "0.1.0", "torch": "2.9.0"},
        "hardware": {"machine": "x86_64", "system": "Linux", "cores": 16, "gpu": "Made-up GPU", "gpu_memory_gib": 80.0},
        "recipe_digest": "0123456789abcdef" * 4,
        "seconds": {"data": 12.0, **{f"experts/{language}": 61.5 for language in languages}, "gate": 140.0},
        "guards": {system: dict.fromkeys(languages, share) for system in ("base", "experts", "moe")},
        "routing": build_routing(languages),
        "data": {
            "source": "corpus",
            "languages": {language: {"train": split, "test": split | {"tokens": None}} for language in languages},
            "extra": {"mbxp:made-up": {languages[0]: kept | {"left_out": {"held_out": 77}, "kept": 3223}}},
        },
        "recipe": {
            "name": "synthetic",
            "base": {"model": "pypi:made-up"},
            "data": {"languages": list(languages)},
            "predict": {"split": "test"},
        },
        "skipped": ["pass@1, python: these examples have no tests"],
    }


def build_routing(languages: Sequence[str], layers: int = 30) -> dict[str, Any]:
    def share(language: int, layer: int, expert: int) -> float:
        own = 0.4 + 0.5 * math.sin(math.pi * layer / layers)
        return own if language == expert else (1 - own) / max(1, len(languages) - 1)

    indices = range(len(languages))
    table = [[[share(g, layer, e) for e in indices] for layer in range(layers)] for g in indices]
    own = {language: {"top1": 0.86, "chosen": 0.95, "weight": 0.71, "enrichment": 6.4} for language in languages}
    return {
        "experts": list(languages),
        "languages": list(languages),
        "tokens_G": [20000] * len(languages),
        "top1_GLE": table,
        "chosen_GLE": table,
        "weight_GLE": table,
        "entropy_GL": [[0.6] * layers] * len(languages),
        "dead": [f"3/{languages[-1]}"],
        "own_expert": own,
    }


def build_workspace(
    root: Path,
    languages: Sequence[str] = LANGUAGES,
    *,
    results: dict[str, Any] | None = None,
    hostile: str = "",
    num_tasks: int = 20,
) -> Path:
    """Writes a workspace; ``hostile`` goes into every text that a model or a data set could have written."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "results.json").write_text(json.dumps(results if results is not None else build_results(languages)))
    random_ = random.Random(0)
    runs = {f"experts/{language}": 180 for language in languages} | {"gate/gates": 60, "gate/joint": 240}
    for name, steps in runs.items():
        lines: list[dict[str, Any]] = [{"step": 0, "seconds": 0.0, "validation_loss": 1.5}]
        for step in range(1, steps + 1):
            loss = 0.55 + 0.9 * math.exp(-4 * step / steps) + random_.gauss(0, 0.03)
            lines.append({"step": step, "seconds": 0.1 * step, "loss": loss, "rate": 1e-4, "grad_norm": 0.5})
            if step % (steps // 6) == 0:
                validation = 0.6 + 0.9 * math.exp(-4 * step / steps) + (0.05 if step == steps else 0)
                lines.append({"step": step, "seconds": 0.1 * step, "validation_loss": validation})
        write_lines(root / name / "metrics.jsonl", lines)
    for language in languages:
        program = PROGRAMS.get(language, PROGRAMS["python"])
        for system in ("base", f"expert-{language}", "moe"):
            predictions, rows = [], []
            for task in range(num_tasks):
                prediction = f"{hostile}{language}\n" if system == "base" else hostile + program.format(task + 1)
                predictions.append(
                    {
                        "id": f"task-{task}",
                        "language": language,
                        "text": f"{hostile}Print a number | use the value {task}",
                        "reference": hostile + program.format(task),
                        "prediction": prediction,
                        "num_tokens": 40,
                        "stopped": task % 5 != 0,
                    }
                )
                rows.append({"id": f"task-{task}", "parse_share": float(system != "base"), "codebleu": 0.3})
            write_lines(root / "predict" / "predictions" / system / f"{language}.jsonl", predictions)
            write_lines(root / "evaluate" / "rows" / system / f"{language}.jsonl", rows)
    return root


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
