"""Writes the result table of README.md from the result files; ``--check`` only says whether it is current.

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


def table(
    main: Mapping[str, Any],
    branches: Mapping[str, Any],
    reward: Mapping[str, Any],
    study: Mapping[str, Any],
    reward_study: Mapping[str, Any],
) -> str:
    """The table in Markdown, and what has to be said with it."""
    systems, paired = main["systems"], main["paired"]
    head = ["system", "loss", "CodeBLEU", *TITLES.values(), "parses"]
    counts = ", ".join(f"{title} {systems['moe']['codebleu'][name]['n']}" for name, title in TITLES.items())
    gpus = [results["hardware"]["gpu"].removeprefix("NVIDIA ") for results in (main, reward)]
    recipes = [link(f"recipes/{Path(results['command'].split()[2]).name}") for results in (main, branches, reward)]
    rivals = study["tables"]["experts"]["systems"]
    theirs, ours = rivals["study experts"]["codebleu"]["mean"], rivals["run moe"]
    rewarded = reward_study["tables"]["experts"]["systems"]["run moe"]
    gain = reward["paired"]["moe:likelihood"]
    return "\n".join(
        [
            "| " + " | ".join(head) + " |",
            "|---" * len(head) + "|",
            row("base", systems["base"]),
            row("each language's own expert, three epochs", branches["systems"]["experts"]),
            row("one LoRA on all languages, as large as the MoE", systems["dense_lora"]),
            row("**MoE of four experts**", systems["moe"]),
            row("**..., then rewarded for whole programs**", reward["systems"]["moe"]),
            "",
            f"SmolLM2-135M-Instruct on XLCoST's test programs ({counts}) by {recipes[0]}, {main['date']}, "
            f"one {gpus[0]}; the experts of the second row are those of {recipes[1]}, {branches['date']}; the last row "
            f"is {recipes[2]}, {reward['date']}, one {gpus[1]}. Loss in nats per code token; CodeBLEU strict, greedy, "
            "mean of the languages first, then each with its 95% bootstrap interval (everything measured: "
            f"[the MoE](benchmarks/results/{MAIN}), [the last row](benchmarks/results/{REWARD})).",
            "",
            f"The MoE minus the LoRA on all languages: loss {signed(paired['dense_lora']['loss']['mean'], 4)}, "
            f"CodeBLEU {signed(paired['dense_lora']['codebleu']['mean'], 3)}. Each was trained once, and the intervals "
            "know the test programs only: trained again and judged on 750 other programs, the LoRA was ahead in loss "
            "in all four languages, by 0.2 to 0.7%. So the two are level. These languages pose the same problems, and "
            "sharing is most of what there is to win ([what each part is worth](docs/ablations.md)). The reward is "
            "CodeBLEU of programs that the model writes itself, so it buys likeness to references, programs that end "
            f"and programs that parse: CodeBLEU {signed(gain['codebleu']['mean'], 3)} over the same MoE before it, at "
            f"{signed(gain['loss']['mean'], 3)} of loss "
            "([decision 11](docs/decisions/0011-a-reward-for-whole-programs.md)). On the "
            f"{theirs['n']} programs that both have, the 7-billion-parameter experts of the study that this project "
            f"follows have {theirs['value']:.3f}; the MoE reaches {ours['codebleu']['mean']['value']:.3f}, "
            f"a difference of {signed(ours['difference']['mean'], 3)}, and with the reward "
            f"{rewarded['codebleu']['mean']['value']:.3f}, {signed(rewarded['difference']['mean'], 3)} "
            f"([figures](benchmarks/results/{STUDY}), [with the reward](benchmarks/results/{REWARD_STUDY})).",
        ]
    )


def main() -> int:
    """Writes or checks README.md."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    measured = (json.loads((RESULTS / name).read_text()) for name in (MAIN, BRANCHES, REWARD, STUDY, REWARD_STUDY))
    new = f"{before}{START}\n{table(*measured)}\n{END}{after}"
    if "--check" in sys.argv:
        return int(new != text)
    readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
