"""Writes the results in README.md and docs/results.md from the result files; ``--check`` only compares.

python benchmarks/readme_table.py [--check]

README.md has one table, of the base that can code; docs/results.md has all of that, and the smaller base's.
"""

from __future__ import annotations

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
    "study": "study_coder_h200_202611.json",
    "reward_study": "study_coder_reward_h200_202611.json",
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


def coder_rows(coder: Mapping[str, Results], *, whole: bool) -> list[list[str]]:
    """The systems on the base that can code; the whole of them shows what each part is worth."""
    seeds, places = coder["seeds"]["systems"], ("mean", *TITLES)

    def trained(title: str, name: str) -> list[str]:
        scores = [over_seeds(seeds[name]["codebleu"][place], ".3f") for place in places]
        return [title, *scores, over_seeds(seeds[name][SOLVED]["mean"], ".1%")]

    def once(title: str, name: str) -> list[str]:
        system = coder[name]["systems"]["moe"]
        scores = [mean(system, "codebleu"), *(system["codebleu"][language]["value"] for language in TITLES)]
        return [f"{title} (one training)", *(f"{score:.3f}" for score in scores), f"{mean(system, SOLVED):.1%}"]

    rows = [
        trained("base", "base"),
        trained("each language's own expert", "experts"),
        trained("one LoRA on all languages, as large as the MoE", "dense_lora"),
        trained("the same LoRA, trained to keep the base's answers", "dense_lora_keep"),
        once("MoE of the four experts", "plain"),
    ]
    if whole:
        rows.append(once("MoE of the four experts and the base, its answers not trained on", "anchor_only"))
        rows.append(trained("the next MoE, before experts and gates were trained together", "moe_gates"))
    rows.append(trained("**MoE of the four experts and the base, trained to keep its answers**", "moe"))
    rows.append(once("**..., then rewarded for CodeBLEU**", "reward"))
    if whole:
        rows.append(once("..., then rewarded for CodeBLEU and for tests that pass", "both"))
    return rows


CODER_HEAD = ["system", "CodeBLEU", *TITLES.values(), "HumanEval-X solved"]


def readme(coder: Mapping[str, Results]) -> str:
    """The table, and the sentences that say what it says."""
    systems, differences = coder["seeds"]["systems"], coder["seeds"]["differences"]
    rival, gain = differences["dense_lora_keep"], coder["reward"]["paired"]["moe:likelihood"]
    base, dense, ours = (systems[name][SOLVED]["mean"]["value"] for name in ("base", "dense_lora", "moe"))
    return "\n".join(
        [
            *table(CODER_HEAD, coder_rows(coder, whole=False)),
            "",
            "Qwen2.5-Coder-0.5B on XLCoST, greedy: strict CodeBLEU on the test programs, and the share of "
            "HumanEval-X's 656 problems whose tests pass; mean ± standard deviation of three trainings. Fine-tuning "
            f"brings programs closer to the references and takes away what the base could solve: {base:.0%} of the "
            f"problems, {dense:.0%} after one LoRA. The MoE that has the base as one of its experts loses nothing, "
            f"{ours:.0%}. That is {signed(rival[SOLVED]['mean'], 3)} ahead of one LoRA trained on the same answers, "
            f"at the same CodeBLEU ({signed(rival['codebleu']['mean'], 3)}); the intervals include what another "
            f"training would change. Rewarding whole programs adds {signed(gain['codebleu']['mean'], 3)} of CodeBLEU "
            f"and leaves what is solved where it was ({signed(gain[SOLVED]['mean'], 3)}). "
            "[All results](docs/results.md): how they were measured, what each part is worth, smaller bases, speed.",
        ]
    )


def coder_page(coder: Mapping[str, Results]) -> str:
    """What the page on results says of the base that can code."""
    seeds, kept = coder["seeds"], coder["first"]["kept"]["humaneval-x"]
    systems, differences = seeds["systems"], seeds["differences"]
    counts = ", ".join(f"{title} {systems['moe']['codebleu'][name]['n']}" for name, title in TITLES.items())
    losses = ", ".join(
        f"{title} {systems[name]['loss']['mean']['value']:.3f}"
        for name, title in (
            ("base", "base"),
            ("experts", "experts"),
            ("dense_lora", "LoRA"),
            ("dense_lora_keep", "LoRA with the answers"),
            ("moe", "MoE"),
        )
    )
    rival, plain = differences["dense_lora_keep"], differences["dense_lora"]
    changes = "; ".join(f"{title} {kept[name]['lost']} lost, {kept[name]['won']} won" for name, title in TITLES.items())
    gain, both = (coder[name]["paired"]["moe:likelihood"] for name in ("reward", "both"))
    study, rewarded = (coder[name]["tables"]["experts"]["systems"] for name in ("study", "reward_study"))
    theirs, ours = study["study experts"]["codebleu"], study["run moe"]
    by_language = ", ".join(
        f"{title} {ours['codebleu'][name]['value']:.3f} against {theirs[name]['value']:.3f}"
        for name, title in TITLES.items()
    )
    return "\n".join(
        [
            *table(CODER_HEAD, coder_rows(coder, whole=True)),
            "",
            "Qwen2.5-Coder-0.5B-Instruct (its 4-bit GGUF, dequantised) on XLCoST's test programs "
            f"({counts}) and HumanEval-X (164 problems a language), by {link('recipes/qwen-coder-0.5b-xlcost.yaml')}, "
            f"{seeds['date']}, two {seeds['hardware']['gpu'].removeprefix('NVIDIA ')}s, greedy. CodeBLEU is strict. "
            "Mean ± standard deviation of three trainings (seeds 0 to 2); rows of one training are seed 0's, on its "
            f"experts. Everything that was measured: {figures(CODER['seeds'], 'the three seeds')}, "
            f"{figures(CODER['first'], 'seed 0')}, {figures(CODER['plain'], 'without the base')}, "
            f"{figures(CODER['anchor_only'], 'without its answers')}, {figures(CODER['reward'], 'rewarded')}, "
            f"{figures(CODER['both'], 'rewarded for tests, too')}.",
            "",
            "**What is lost.** Fine-tuning on XLCoST alone teaches how its programs are written and takes away a "
            "third of what the base can do with a given signature; one LoRA loses most (the MoE minus it: "
            f"{signed(plain[SOLVED]['mean'], 3)}). The base as one more expert changes nothing by itself: what counts "
            "is that the gates are trained on its answers, too, and so learn when to ask it. Trained on the same "
            "answers, one LoRA gets back four fifths of what was lost, and the MoE all of it (minus that LoRA: "
            f"{signed(rival[SOLVED]['mean'], 3)}; minus the base: {signed(differences['base'][SOLVED]['mean'], 3)}). "
            f"Against the base, of 164 problems a language, seed 0's MoE has: {changes}.",
            "",
            f"**What is won.** CodeBLEU is level with one LoRA ({signed(rival['codebleu']['mean'], 3)} with the "
            f"answers, {signed(plain['codebleu']['mean'], 3)} without them), and so is the loss ({losses}; nats a "
            f"token, the MoE's minus the LoRA's with the answers {signed(rival['loss']['mean'], 4)}). Against each "
            f"language's own expert it is {signed(differences['experts']['codebleu']['mean'], 3)}. Intervals are of "
            "95%, over problems and trainings.",
            "",
            "**Rewards.** Ten rounds for the CodeBLEU of the model's own programs add "
            f"{signed(gain['codebleu']['mean'], 3)}, at {signed(gain['loss']['mean'], 3)} of loss and "
            f"{signed(gain[SOLVED]['mean'], 3)} of what is solved; the LoRA had no such stage. Eight rounds for "
            f"CodeBLEU and for MBXP's tests, of which the fourth was kept, add {signed(both['codebleu']['mean'], 3)} "
            f"and {signed(both[SOLVED]['mean'], 3)}: nothing is won by running programs in so few rounds. One "
            "training each.",
            "",
            f"**The study that this project follows.** On the {theirs['mean']['n']} programs that both have, its "
            f"experts of 7 billion parameters reach {theirs['mean']['value']:.3f} and seed 0's MoE "
            f"{ours['codebleu']['mean']['value']:.3f}, {signed(ours['difference']['mean'], 3)}: {by_language}. With "
            "what follows the study's programs cut off they reach "
            f"{study['study experts, trimmed']['codebleu']['mean']['value']:.3f}. With the reward the MoE reaches "
            f"{rewarded['run moe']['codebleu']['mean']['value']:.3f} ({figures(CODER['study'], 'figures')}, "
            f"{figures(CODER['reward_study'], 'with the reward')}).",
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
            f"SmolLM2-135M-Instruct on XLCoST's test programs ({counts}) by {recipes[0]}, {main['date']}, "
            f"one {gpus[0]}; the experts of the second row are those of {recipes[1]}, {branches['date']}; the last row "
            f"is {recipes[2]}, {reward['date']}, one {gpus[1]}. Loss in nats per code token; CodeBLEU strict, greedy, "
            "mean of the languages first, then each with its 95% bootstrap interval. One training each. Everything "
            f"that was measured: {figures(SMALL['main'], 'the MoE')}, {figures(SMALL['reward'], 'the last row')}.",
            "",
            f"**One LoRA on all languages.** Trained three more times (seeds 0 to 2, {seeds['date']}, "
            f"{figures(SMALL['seeds'], 'figures')}), the MoE minus that LoRA is {signed(rival['loss']['mean'], 4)} in "
            f"loss on all test programs ({apart}) and {signed(rival['codebleu']['mean'], 3)} in CodeBLEU on the first "
            "200 of each language, with intervals over problems and trainings. XLCoST poses the same problems in "
            "every language, and sharing is most of what there is to win there ([what each part is "
            "worth](ablations.md)).",
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
            f"({figures(SMALL['study'], 'figures')}, {figures(SMALL['reward_study'], 'with the reward')}).",
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
    if "--check" in sys.argv:
        return int(any(path.read_text() != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
