"""Writes the results in README.md and docs/results.md from the result files; ``--check`` only compares.

python benchmarks/readme_table.py [--check]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MAIN = "smollm2_xlcost_shared_h100_202611.json"
BRANCHES = "smollm2_xlcost_h100_202611.json"
REWARD = "smollm2_xlcost_reward_h200_202611.json"
STUDY = "study_h100_202611.json"
REWARD_STUDY = "study_reward_h200_202611.json"
START, END = "<!-- results: start -->", "<!-- results: end -->"
TITLES = {"python": "Python", "java": "Java", "javascript": "JavaScript", "cpp": "C++"}


def mean(system: Mapping[str, Any], metric: str) -> float:
    """Mean over languages."""
    values = [system[metric][language]["value"] for language in TITLES]
    return sum(values) / len(values)


def link(path: str) -> str:
    """A file of the repository, linked under its own name."""
    return f"[{path}]({path})"


def signed(estimate: Mapping[str, float], digits: int) -> str:
    """A difference with its interval."""
    value, low, high = (f"{estimate[key]:+.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def row(title: str, system: Mapping[str, Any]) -> str:
    """A system as a line of the table."""
    cells = [title, f"{mean(system, 'loss'):.3f}", f"{mean(system, 'codebleu'):.3f}"]
    for language in TITLES:
        estimate = system["codebleu"][language]
        cells.append(f"{estimate['value']:.3f} ± {(estimate['high'] - estimate['low']) / 2:.3f}")
    return "| " + " | ".join([*cells, f"{100 * mean(system, 'parse_share'):.0f}%"]) + " |"


def table(main: Mapping[str, Any], branches: Mapping[str, Any], reward: Mapping[str, Any]) -> list[str]:
    """The table in Markdown."""
    systems, head = main["systems"], ["system", "loss", "CodeBLEU", *TITLES.values(), "parses"]
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        row("base", systems["base"]),
        row("each language's own expert, three epochs", branches["systems"]["experts"]),
        row("one LoRA on all languages, as large as the MoE", systems["dense_lora"]),
        row("**MoE of four experts**", systems["moe"]),
        row("**..., then rewarded for whole programs**", reward["systems"]["moe"]),
    ]


def readme(main: Mapping[str, Any], branches: Mapping[str, Any], reward: Mapping[str, Any]) -> str:
    """The table, and the two sentences that say what it says."""
    systems = main["systems"]
    ours, experts, dense = (
        mean(system, "codebleu") for system in (systems["moe"], branches["systems"]["experts"], systems["dense_lora"])
    )
    gain = reward["paired"]["moe:likelihood"]
    return "\n".join(
        [
            *table(main, branches, reward),
            "",
            "SmolLM2-135M on XLCoST, greedy, strict CodeBLEU with 95% intervals. The MoE writes programs closer to the "
            f"references than each language's own expert ({ours:.3f} against {experts:.3f}), and one LoRA that sees "
            f"all languages at once is level with it ({dense:.3f}). Rewarding whole programs adds "
            f"{signed(gain['codebleu']['mean'], 3)} of CodeBLEU and costs {signed(gain['loss']['mean'], 3)} of loss. "
            "[All results](docs/results.md): how they were measured, intervals, the study that this project follows.",
        ]
    )


def results_page(
    main: Mapping[str, Any],
    branches: Mapping[str, Any],
    reward: Mapping[str, Any],
    study: Mapping[str, Any],
    reward_study: Mapping[str, Any],
) -> str:
    """The table, and all that has to be said with it."""
    systems, paired = main["systems"], main["paired"]
    counts = ", ".join(f"{title} {systems['moe']['codebleu'][name]['n']}" for name, title in TITLES.items())
    gpus = [results["hardware"]["gpu"].removeprefix("NVIDIA ") for results in (main, reward)]
    recipes = [link(f"recipes/{Path(results['command'].split()[2]).name}") for results in (main, branches, reward)]
    rivals = study["tables"]["experts"]["systems"]
    theirs, ours = rivals["study experts"]["codebleu"]["mean"], rivals["run moe"]
    rewarded = reward_study["tables"]["experts"]["systems"]["run moe"]
    gain = reward["paired"]["moe:likelihood"]
    return "\n".join(
        [
            *table(main, branches, reward),
            "",
            f"SmolLM2-135M-Instruct on XLCoST's test programs ({counts}) by {recipes[0]}, {main['date']}, "
            f"one {gpus[0]}; the experts of the second row are those of {recipes[1]}, {branches['date']}; the last row "
            f"is {recipes[2]}, {reward['date']}, one {gpus[1]}. Loss in nats per code token; CodeBLEU strict, greedy, "
            "mean of the languages first, then each with its 95% bootstrap interval. Everything that was measured: "
            f"[the MoE](../benchmarks/results/{MAIN}), [the last row](../benchmarks/results/{REWARD}).",
            "",
            "**One LoRA on all languages.** The MoE minus that LoRA: loss "
            f"{signed(paired['dense_lora']['loss']['mean'], 4)}, CodeBLEU "
            f"{signed(paired['dense_lora']['codebleu']['mean'], 3)}. Each was trained once, and these intervals know "
            "the test programs only: trained again and judged on 750 other programs, the LoRA was ahead in loss in all "
            "four languages, by 0.2 to 0.7%. So the two are level. XLCoST poses the same problems in every language, "
            "and sharing is most of what there is to win there ([what each part is worth](ablations.md)).",
            "",
            "**The reward.** It is the CodeBLEU of programs that the model writes itself, so it buys likeness to "
            f"references, programs that end and programs that parse: CodeBLEU {signed(gain['codebleu']['mean'], 3)} "
            f"over the same MoE before it, at {signed(gain['loss']['mean'], 3)} of loss "
            "([decision 11](decisions/0011-a-reward-for-whole-programs.md)).",
            "",
            f"**The study that this project follows.** On the {theirs['n']} programs that both have, its experts of 7 "
            f"billion parameters reach {theirs['value']:.3f}; the MoE reaches {ours['codebleu']['mean']['value']:.3f}, "
            f"a difference of {signed(ours['difference']['mean'], 3)}, and with the reward "
            f"{rewarded['codebleu']['mean']['value']:.3f}, {signed(rewarded['difference']['mean'], 3)} "
            f"([figures](../benchmarks/results/{STUDY}), [with the reward](../benchmarks/results/{REWARD_STUDY})).",
        ]
    )


def replaced(path: Path, new: str) -> str:
    """A page's text with what stands between its markers replaced."""
    before, _, rest = path.read_text().partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{new}\n{END}{after}"


def main() -> int:
    """Writes or checks README.md and docs/results.md."""
    names = (MAIN, BRANCHES, REWARD, STUDY, REWARD_STUDY)
    measured = [json.loads((RESULTS / name).read_text()) for name in names]
    pages = {
        ROOT / "README.md": readme(*measured[:3]),
        ROOT / "docs" / "results.md": results_page(*measured).replace("](recipes/", "](../recipes/"),
    }
    texts = {path: replaced(path, new) for path, new in pages.items()}
    if "--check" in sys.argv:
        return int(any(path.read_text() != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
