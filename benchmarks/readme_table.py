"""Writes the result table of README.md from the newest result file; ``--check`` only says whether it is current.

python benchmarks/readme_table.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "smollm2_xlcost_h100_202611.json"
COMPILED = ROOT / "benchmarks" / "results" / "smollm2_xlcost_three_epochs_h100_202611.json"
SHARED = ROOT / "benchmarks" / "results" / "shared_delta_h100_202611.json"
START, END = "<!-- results: start -->", "<!-- results: end -->"
ROWS = {"base": "base", "experts": "each language's own expert", "moe": "**MoE of the four experts**"}


def mean(system: dict[str, Any], metric: str) -> float:
    """Mean over languages."""
    values = [estimate["value"] for estimate in system[metric].values()]
    return sum(values) / len(values)


def link(path: str) -> str:
    """A file of the repository, linked under its own name."""
    return f"[{path}]({path})"


def gpu_seconds(results: dict[str, Any]) -> float:
    """Time of every stage that needs the models."""
    return float(sum(seconds for stage, seconds in results["seconds"].items() if stage != "evaluate"))


def table(results: dict[str, Any], compiled: dict[str, Any], shared: dict[str, Any]) -> str:
    """The table in Markdown."""
    languages = list(results["systems"]["moe"]["codebleu"])
    titles = {"python": "Python", "java": "Java", "javascript": "JavaScript", "cpp": "C++"}
    head = ["system", "loss", "CodeBLEU", *(f"{titles[name]}" for name in languages), "parses"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for key, title in ROWS.items():
        system = results["systems"][key]
        cells = [title, f"{mean(system, 'loss'):.3f}", f"{mean(system, 'codebleu'):.3f}"]
        for name in languages:
            estimate = system["codebleu"][name]
            half = (estimate["high"] - estimate["low"]) / 2
            cells.append(f"{estimate['value']:.3f} ± {half:.3f}")
        cells.append(f"{100 * mean(system, 'parse_share'):.0f}%")
        lines.append("| " + " | ".join(cells) + " |")
    counts = ", ".join(f"{titles[name]} {results['systems']['moe']['codebleu'][name]['n']}" for name in languages)
    gpu = results["hardware"]["gpu"].removeprefix("NVIDIA ")
    loss = shared["recipe_by_language"]["loss"]["mean"]
    recipe = Path(results["command"].split()[2]).name
    lines += [
        "",
        f"SmolLM2-135M-Instruct on XLCoST's test programs ({counts}) by {link(f'recipes/{recipe}')}, "
        f"{results['date']}, one {gpu}, {gpu_seconds(results):.0f} s for training, measuring and sampling every "
        f"system; compiled since, {gpu_seconds(compiled):.0f} s with three joint epochs instead of one "
        f"([run of {compiled['date']}](benchmarks/results/{COMPILED.name})). Loss in nats per code token; "
        "CodeBLEU strict, greedy, mean of the languages first, then each with its 95% bootstrap interval; "
        f"[everything measured](benchmarks/results/{RESULTS.name}).",
        "",
        f"The newer {link('recipes/smollm2-xlcost.yaml')} learns what the languages share once, in one pass: "
        f"validation loss {loss['value']:.3f} [{loss['low']:.3f}, {loss['high']:.3f}] (n = {loss['n']:,}) where the "
        f"table's recipe has {shared['branches']['kept']:.3f} ({shared['date']}); its test programs are not measured "
        f"yet ([figures](benchmarks/results/{SHARED.name})).",
    ]
    return "\n".join(lines)


def main() -> int:
    """Writes or checks README.md."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    measured = (json.loads(path.read_text()) for path in (RESULTS, COMPILED, SHARED))
    new = f"{before}{START}\n{table(*measured)}\n{END}{after}"
    if "--check" in sys.argv:
        return int(new != text)
    readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
