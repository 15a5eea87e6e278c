"""Writes the results in README.md and docs/results.md from the result files; ``--check`` only compares.

    python benchmarks/readme_table.py [--check]

README.md has one table, of the base that can code; docs/results.md has all of that, and the smaller base's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CODER = {
    "seeds": "qwen_coder_xlcost_seeds_h200_202611.json",
    "first": "qwen_coder_xlcost_h200_202611.json",
    "plain": "qwen_coder_xlcost_plain_h200_202611.json",
    "anchor_only": "qwen_coder_xlcost_anchor_only_h200_202611.json",
    "reward": "qwen_coder_xlcost_reward_h200_202611.json",
    "both": "qwen_coder_xlcost_reward_both_h200_202611.json",
    "programs": "qwen_coder_xlcost_programs_seeds_h200_202611.json",
    "programs_first": "qwen_coder_xlcost_programs_h200_202611.json",
    "programs_reward": "qwen_coder_xlcost_programs_reward30_h200_202611.json",
    "programs_fast_reward": "qwen_coder_xlcost_programs_reward_h200_202611.json",
    "study": "study_coder_programs_seeds_h200_202611.json",
    "reward_study": "study_coder_programs_reward30_h200_202611.json",
}
SMALL = {
    "main": "smollm2_xlcost_shared_h100_202611.json",
    "seeds": "smollm2_xlcost_seeds_h200_202611.json",
    "branches": "smollm2_xlcost_h100_202611.json",
    "reward": "smollm2_xlcost_reward_h200_202611.json",
    "study": "study_h100_202611.json",
    "reward_study": "study_reward_h200_202611.json",
}
TITLES = {"python": "Python", "java": "Java", "javascript": "JavaScript", "cpp": "C++"}
SOLVED = "pass@1 humaneval-x"

Results = Mapping[str, Any]


def mean(system: Results, metric: str) -> float:
    """Mean over languages."""
    return statistics.fmean(system[metric][language]["value"] for language in TITLES)


def link(path: str) -> str:
    """A file of the repository, linked under its own name from a page of docs/."""
    return f"[{path}](../{path})"


def figures(name: str, text: str) -> str:
    """A result file, linked from a page of docs/."""
    return f"[{text}](../benchmarks/results/{name})"


def signed(estimate: Mapping[str, float], digits: int) -> str:
    """A difference with its interval."""
    value, low, high = (f"{estimate[key]:+.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def over_seeds(entry: Mapping[str, Any], form: str) -> str:
    """Mean and standard deviation over trainings; without the latter for what is not trained."""
    spread = statistics.stdev(entry["seeds"])
    return f"{entry['value']:{form}}" + (f" ± {spread:{form}}" if spread else "")


def trained(title: str, system: Results) -> list[str]:
    """A row of a system that was trained three times."""
    scores = [over_seeds(system["codebleu"][place], ".3f") for place in ("mean", *TITLES)]
    return [title, *scores, over_seeds(system[SOLVED]["mean"], ".1%")]


def once(title: str, results: Results) -> list[str]:
    """A row of a Mixture-of-Experts that was trained once."""
    system = results["systems"]["moe"]
    scores = [mean(system, "codebleu"), *(system["codebleu"][language]["value"] for language in TITLES)]
    return [f"{title} (one training)", *(f"{score:.3f}" for score in scores), f"{mean(system, SOLVED):.1%}"]


def coder_rows(coder: Mapping[str, Results]) -> list[list[str]]:
    """The systems on the base that can code."""
    by_loss, by_programs = (coder[name]["systems"] for name in ("seeds", "programs"))
    return [
        trained("base", by_loss["base"]),
        trained("each language's own expert", by_loss["experts"]),
        trained("one LoRA on all languages, as large as the MoE", by_loss["dense_lora"]),
        trained("the same LoRA, trained to keep the base's answers", by_programs["dense_lora_keep"]),
        once("MoE of the four experts", coder["plain"]),
        trained("**MoE of the four experts and the base, trained to keep its answers**", by_programs["moe"]),
        once("**..., then rewarded for CodeBLEU**", coder["programs_reward"]),
    ]


def coder_rows_by_loss(coder: Mapping[str, Results]) -> list[list[str]]:
    """The systems whose state was chosen by the validation loss."""
    systems = coder["seeds"]["systems"]
    return [
        trained("one LoRA, trained to keep the base's answers", systems["dense_lora_keep"]),
        once("MoE of the four experts and the base, not trained on the base's answers", coder["anchor_only"]),
        trained("the MoE of the next row, before experts and gates were trained together", systems["moe_gates"]),
        trained("MoE of the four experts and the base, trained to keep its answers", systems["moe"]),
        once("..., then rewarded for CodeBLEU, ten rounds", coder["reward"]),
        once("..., then rewarded for CodeBLEU and for tests that pass, eight rounds", coder["both"]),
    ]


CODER_HEAD = ["system", "CodeBLEU", *TITLES.values(), "HumanEval-X solved"]


def readme(coder: Mapping[str, Results]) -> str:
    """The table, and the sentences that say what it says."""
    programs, gain = coder["programs"], coder["programs_reward"]["paired"]["moe:likelihood"]
    rival = programs["differences"]["dense_lora_keep"]
    dense = coder["seeds"]["systems"]["dense_lora"][SOLVED]["mean"]["value"]
    base, keeping, ours = (
        programs["systems"][name][SOLVED]["mean"]["value"] for name in ("base", "dense_lora_keep", "moe")
    )
    return "\n".join(
        [
            *table(CODER_HEAD, coder_rows(coder)),
            "",
            "Qwen2.5-Coder-0.5B on XLCoST, greedy: strict CodeBLEU on the test programs, and the share of "
            "HumanEval-X's 656 problems whose tests pass; mean ± standard deviation of three trainings. Fine-tuning "
            f"brings programs closer to the references and takes away what the base could solve: {base:.0%} of the "
            f"problems, {dense:.0%} after one LoRA. The MoE that has the base as one of its experts keeps it: "
            f"{ours:.0%}, {signed(programs['differences']['base'][SOLVED]['mean'], 3)} more than the base. One LoRA "
            f"trained on the same answers solves {keeping:.0%}. The MoE minus that LoRA is "
            f"{signed(rival[SOLVED]['mean'], 3)} in what is solved, and {signed(rival['codebleu']['mean'], 3)} in "
            "CodeBLEU. These intervals include what another training would change. Rewarding whole programs, measured "
            f"once, changes CodeBLEU by {signed(gain['codebleu']['mean'], 3)} and the share solved by "
            f"{signed(gain[SOLVED]['mean'], 3)}, back to that of the base. [All results](docs/results.md): how they "
            "were measured, what each part is worth, smaller bases, speed.",
        ]
    )


def coder_page(coder: Mapping[str, Results]) -> str:
    """What the page on results says of the base that can code."""
    seeds, programs = coder["seeds"], coder["programs"]
    systems, differences = programs["systems"], programs["differences"]
    counts = ", ".join(f"{title} {systems['moe']['codebleu'][name]['n']}" for name, title in TITLES.items())
    rival, plain = differences["dense_lora_keep"], seeds["differences"]["dense_lora"]
    gain, fast = (coder[name]["paired"]["moe:likelihood"] for name in ("programs_reward", "programs_fast_reward"))
    short, both = (coder[name]["paired"]["moe:likelihood"] for name in ("reward", "both"))
    by_seed = ", ".join(f"{value * 656:.0f}" for value in systems["moe"][SOLVED]["mean"]["seeds"])
    losses = ", ".join(
        f"{title} {where[name]['loss']['mean']['value']:.3f}"
        for title, where, name in (
            ("base", systems, "base"),
            ("experts", seeds["systems"], "experts"),
            ("LoRA", seeds["systems"], "dense_lora"),
            ("MoE by loss", seeds["systems"], "moe"),
            ("MoE by programs", systems, "moe"),
            ("LoRA with the answers, by programs", systems, "dense_lora_keep"),
        )
    )
    study = [coder["study"]["seeds"][seed]["systems"] for seed in "012"]
    theirs, trimmed = (study[0][name]["codebleu"] for name in ("study experts", "study experts, trimmed"))
    ours = {place: [run["run moe"]["codebleu"][place]["value"] for run in study] for place in ("mean", *TITLES)}
    by_language = "; ".join(
        f"{title} {', '.join(f'{value:.3f}' for value in ours[name])} against {theirs[name]['value']:.3f} and "
        f"{trimmed[name]['value']:.3f}"
        for name, title in TITLES.items()
    )
    rewarded = coder["reward_study"]["tables"]["experts"]["systems"]["run moe"]["codebleu"]
    return "\n".join(
        [
            *table(CODER_HEAD, coder_rows(coder)),
            "",
            "The base is Qwen2.5-Coder-0.5B-Instruct (its 4-bit GGUF, dequantised). Programs are greedy, on XLCoST's "
            f"test programs ({counts}) and on HumanEval-X (164 problems per language). The recipe is "
            f"{link('recipes/qwen-coder-0.5b-xlcost.yaml')}, run on {programs['date']} on one "
            f"{programs['hardware']['gpu'].removeprefix('NVIDIA ')}. CodeBLEU is strict. Figures are the mean ± "
            "standard deviation of three trainings (seeds 0 to 2); the last row continues seed 1. Of the MoE and of "
            "the LoRA that is trained to keep the base's answers, the state is kept whose greedy programs for "
            "validation tasks score best (`gate.select=codebleu`). The experts, the LoRA without the answers and the "
            f"MoE without the base are of {seeds['date']}; their states were chosen by the validation loss. Everything "
            f"that was measured: {figures(CODER['programs'], 'the three seeds')}, "
            f"{figures(CODER['programs_first'], 'seed 0')}, {figures(CODER['programs_reward'], 'rewarded')}, "
            f"{figures(CODER['seeds'], 'three seeds chosen by the loss')}, "
            f"{figures(CODER['plain'], 'without the base')}. `benchmarks/results/values` has the value of every "
            "program of the three seeds and of the rewarded model.",
            "",
            "**What is lost.** Fine-tuning on XLCoST alone teaches how its programs are written. It takes away a "
            "third of what the base can do with a given signature. The MoE of the four experts alone is no better. "
            "What matters is that the base is one of the experts and that the gates are also trained on the base's "
            f"answers, and so learn when to choose it. The MoE then solves as many problems as its base, {by_seed} of "
            f"656 by seed, where the base solves {systems['base'][SOLVED]['mean']['value'] * 656:.0f}: "
            f"{signed(differences['base'][SOLVED]['mean'], 3)}. Trained on the same answers, one LoRA solves fewer: "
            f"the MoE minus that LoRA is {signed(rival[SOLVED]['mean'], 3)}.",
            "",
            "**What is gained.** That LoRA is closer to the references: the MoE minus the LoRA is "
            f"{signed(rival['codebleu']['mean'], 3)} in CodeBLEU. The reason may be that each parameter of the LoRA is "
            f"trained on all four languages, and each expert mostly on its own. Losses are {losses} (nats per token): "
            "a state that is chosen by its programs has a higher loss than one that is chosen by the loss. Intervals "
            "are 95% intervals over problems and trainings.",
            "",
            "**Reward.** Thirty rounds with the CodeBLEU of the model's own programs as the reward, once, on seed 1 "
            f"(`reward.rounds=30`), change CodeBLEU by {signed(gain['codebleu']['mean'], 3)}, the loss by "
            f"{signed(gain['loss']['mean'], 3)} and the share of problems solved by {signed(gain[SOLVED]['mean'], 3)}, "
            "which stays above the base's. Twenty rounds at twice the rate and with three times the weight of the "
            f"references' likelihood, on seed 0, had changed CodeBLEU by {signed(fast['codebleu']['mean'], 3)} "
            f"({figures(CODER['programs_fast_reward'], 'figures')}). The LoRA had no such stage; `compare: "
            "[dense_lora_keep, dense_lora_reward]` gives it one, which has not been measured.",
            "",
            f"**The study that this project follows.** Both have {theirs['mean']['n']} programs in common. On these, "
            f"the study's experts of 7 billion parameters reach {theirs['mean']['value']:.3f}, or "
            f"{trimmed['mean']['value']:.3f} if the text that follows the program in their outputs is cut off. The MoE "
            f"reaches {', '.join(f'{value:.3f}' for value in ours['mean'])} with seeds 0 to 2, and is ahead of both in "
            f"every language ({by_language}). In JavaScript, the margin is within the noise. With the reward, the MoE "
            f"reaches {rewarded['mean']['value']:.3f} ({figures(CODER['study'], 'figures')}, "
            f"{figures(CODER['reward_study'], 'with the reward')}).",
            "",
            "### States chosen by the loss",
            "",
            *table(CODER_HEAD, coder_rows_by_loss(coder)),
            "",
            "The same recipe with `gate.select=loss gate.joint_epochs=0.35 gate.evaluations=2`, run on "
            f"{seeds['date']} on two H200s: the joint stage takes a third of an epoch, because a whole one overfits by "
            "the loss. Rows of one training are from seed 0, on its experts. Adding the base as one more expert "
            "changes nothing by itself. The MoE minus one LoRA trained on the same answers is "
            f"{signed(seeds['differences']['dense_lora_keep'][SOLVED]['mean'], 3)} of the problems and "
            f"{signed(seeds['differences']['dense_lora_keep']['codebleu']['mean'], 3)} in CodeBLEU; minus a LoRA "
            f"without them, {signed(plain[SOLVED]['mean'], 3)} and {signed(plain['codebleu']['mean'], 3)}. Ten rounds "
            f"of the reward for CodeBLEU change it by {signed(short['codebleu']['mean'], 3)} and the share of problems "
            f"solved by {signed(short[SOLVED]['mean'], 3)}. Eight rounds with CodeBLEU and MBXP's tests as the reward, "
            f"of which the state after the fourth was kept, change them by {signed(both['codebleu']['mean'], 3)} and "
            f"{signed(both[SOLVED]['mean'], 3)}: running programs brings nothing in so few rounds "
            f"({figures(CODER['first'], 'seed 0')}, {figures(CODER['anchor_only'], 'not trained on the answers')}, "
            f"{figures(CODER['reward'], 'rewarded')}, {figures(CODER['both'], 'rewarded for tests, too')}).",
        ]
    )


def small_rows(small: Mapping[str, Results]) -> list[list[str]]:
    """The systems on the smaller base."""

    def row(title: str, system: Results) -> list[str]:
        cells = [title, f"{mean(system, 'loss'):.3f}", f"{mean(system, 'codebleu'):.3f}"]
        for language in TITLES:
            estimate = system["codebleu"][language]
            cells.append(f"{estimate['value']:.3f} ± {(estimate['high'] - estimate['low']) / 2:.3f}")
        return [*cells, f"{mean(system, 'parse_share'):.0%}"]

    systems = small["main"]["systems"]
    return [
        row("base", systems["base"]),
        row("each language's own expert, three epochs", small["branches"]["systems"]["experts"]),
        row("one LoRA on all languages, as large as the MoE", systems["dense_lora"]),
        row("**MoE of four experts**", systems["moe"]),
        row("**..., then rewarded for whole programs**", small["reward"]["systems"]["moe"]),
    ]


def small_page(small: Mapping[str, Results]) -> str:
    """What the page on results says of the smaller base."""
    main, branches, reward, seeds = (small[name] for name in ("main", "branches", "reward", "seeds"))
    systems, rival = main["systems"], seeds["differences"]["dense_lora"]
    counts = ", ".join(f"{title} {systems['moe']['codebleu'][name]['n']}" for name, title in TITLES.items())
    gpus = [results["hardware"]["gpu"].removeprefix("NVIDIA ") for results in (main, reward)]
    recipes = [link(f"recipes/{Path(results['command'].split()[2]).name}") for results in (main, branches, reward)]
    rivals = small["study"]["tables"]["experts"]["systems"]
    theirs, ours = rivals["study experts"]["codebleu"]["mean"], rivals["run moe"]
    rewarded = small["reward_study"]["tables"]["experts"]["systems"]["run moe"]
    gain = reward["paired"]["moe:likelihood"]
    apart = ", ".join(f"{value:+.4f}" for value in rival["loss"]["mean"]["seeds"])
    return "\n".join(
        [
            *table(["system", "loss", "CodeBLEU", *TITLES.values(), "parses"], small_rows(small)),
            "",
            f"The base is SmolLM2-135M-Instruct, measured on XLCoST's test programs ({counts}). The recipe is "
            f"{recipes[0]}, run on {main['date']} on one {gpus[0]}. The experts of the second row are those of "
            f"{recipes[1]}, {branches['date']}. The last row is {recipes[2]}, {reward['date']}, one {gpus[1]}. Losses "
            "are in nats per code token. CodeBLEU is strict, of greedy programs: first the mean of the languages, then "
            "each language with its 95% bootstrap interval. Each system was trained once. Everything measured: "
            f"{figures(SMALL['main'], 'the MoE')}, {figures(SMALL['reward'], 'the last row')}.",
            "",
            f"**One LoRA on all languages.** The MoE and this LoRA were trained three more times (seeds 0 to 2, "
            f"{seeds['date']}, {figures(SMALL['seeds'], 'figures')}). The MoE minus the LoRA is "
            f"{signed(rival['loss']['mean'], 4)} in loss on all test programs ({apart} by seed) and "
            f"{signed(rival['codebleu']['mean'], 3)} in CodeBLEU on the first 200 programs of each language, with "
            "intervals over problems and trainings. XLCoST poses the same problems in every language, so most of the "
            "gain comes from what the languages share ([what each part is worth](ablations.md)).",
            "",
            "**The reward** is the CodeBLEU of programs that the model writes itself. It therefore makes programs more "
            "similar to their references, and more of them end and parse. Compared with the same MoE before the "
            f"reward, CodeBLEU changes by {signed(gain['codebleu']['mean'], 3)} and the loss by "
            f"{signed(gain['loss']['mean'], 3)} ([decision 11](decisions/0011-a-reward-for-whole-programs.md)).",
            "",
            f"**The study that this project follows.** Both have {theirs['n']} programs in common. On these, the "
            f"study's experts of 7 billion parameters reach {theirs['value']:.3f} and the MoE reaches "
            f"{ours['codebleu']['mean']['value']:.3f}, a difference of {signed(ours['difference']['mean'], 3)}. With "
            f"the reward, the MoE reaches {rewarded['codebleu']['mean']['value']:.3f}, "
            f"{signed(rewarded['difference']['mean'], 3)} ({figures(SMALL['study'], 'figures')}, "
            f"{figures(SMALL['reward_study'], 'with the reward')}).",
        ]
    )


def replaced(text: str, name: str, new: str) -> str:
    """A page's text with what stands between a pair of its markers replaced."""
    start, end = (f"<!-- {name}: {word} -->" for word in ("start", "end"))
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{new}\n{end}{after}"


def main() -> int:
    """Writes or checks README.md and docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; the exit code is 1 if a page is not current"
    )
    options = parser.parse_args()
    coder, small = (
        {key: json.loads((RESULTS / name).read_text()) for key, name in names.items()} for names in (CODER, SMALL)
    )
    pages = {
        ROOT / "README.md": {"results": readme(coder)},
        ROOT / "docs" / "results.md": {"coder": coder_page(coder), "smollm2": small_page(small)},
    }
    texts = {path: path.read_text() for path in pages}
    for path, parts in pages.items():
        for name, new in parts.items():
            texts[path] = replaced(texts[path], name, new)
    if options.check:
        return int(any(path.read_text() != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
