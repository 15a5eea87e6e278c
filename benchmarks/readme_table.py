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
    "programs": "qwen_coder_xlcost_programs_h200_202611.json",
    "programs_reward": "qwen_coder_xlcost_programs_reward_h200_202611.json",
    "study": "study_coder_h200_202611.json",
    "reward_study": "study_coder_reward_h200_202611.json",
    "programs_study": "study_coder_programs_h200_202611.json",
    "programs_reward_study": "study_coder_programs_reward_h200_202611.json",
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
        rows.append(once("MoE of the four experts and the base, not trained on the base's answers", "anchor_only"))
        rows.append(trained("the MoE of the next row, before experts and gates were trained together", "moe_gates"))
    rows.append(trained("**MoE of the four experts and the base, trained to keep its answers**", "moe"))
    rows.append(once("**..., then rewarded for CodeBLEU**", "reward"))
    if whole:
        rows.append(once("..., then rewarded for CodeBLEU and for tests that pass", "both"))
        rows.append(once("the same MoE, a whole joint epoch whose state is chosen by programs", "programs"))
        rows.append(once("..., then rewarded for CodeBLEU", "programs_reward"))
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
    chosen, longer = coder["programs"], coder["programs_reward"]["paired"]["moe:likelihood"]
    solved = chosen["kept"]["humaneval-x"]["mean"]
    trimmed, ahead = (
        coder["programs_study"]["tables"]["experts"]["systems"][name]["codebleu"]
        for name in ("study experts, trimmed", "run moe")
    )
    by_trimmed = ", ".join(
        f"{title} {ahead[name]['value']:.3f} against {trimmed[name]['value']:.3f}" for name, title in TITLES.items()
    )
    by_language = ", ".join(
        f"{title} {ours['codebleu'][name]['value']:.3f} against {theirs[name]['value']:.3f}"
        for name, title in TITLES.items()
    )
    return "\n".join(
        [
            *table(CODER_HEAD, coder_rows(coder, whole=True)),
            "",
            "The base is Qwen2.5-Coder-0.5B-Instruct (its 4-bit GGUF, dequantised). Programs are greedy, on XLCoST's "
            f"test programs ({counts}) and on HumanEval-X (164 problems per language). The recipe is "
            f"{link('recipes/qwen-coder-0.5b-xlcost.yaml')}, run on {seeds['date']} on two "
            f"{seeds['hardware']['gpu'].removeprefix('NVIDIA ')}s. CodeBLEU is strict. Figures are the mean ± standard "
            "deviation of three trainings (seeds 0 to 2). Rows of one training are from seed 0, on its experts. "
            f"Everything that was measured: {figures(CODER['seeds'], 'the three seeds')}, "
            f"{figures(CODER['first'], 'seed 0')}, {figures(CODER['plain'], 'without the base')}, "
            f"{figures(CODER['anchor_only'], 'without its answers')}, {figures(CODER['reward'], 'rewarded')}, "
            f"{figures(CODER['both'], 'rewarded for tests, too')}.",
            "",
            "**What is lost.** Fine-tuning on XLCoST alone teaches how its programs are written. It takes away a "
            "third of what the base can do with a given signature. One LoRA loses most: the MoE minus this LoRA is "
            f"{signed(plain[SOLVED]['mean'], 3)}. Adding the base as one more expert changes nothing by itself. What "
            "matters is that the gates are also trained on the base's answers, and so learn when to choose it. "
            "Trained on the same answers, one LoRA gets back four fifths of what was lost, and the MoE all of it: the "
            f"MoE minus that LoRA is {signed(rival[SOLVED]['mean'], 3)}, and minus the base "
            f"{signed(differences['base'][SOLVED]['mean'], 3)}. Compared with the base, on 164 problems per language, "
            f"the MoE of seed 0 has: {changes}.",
            "",
            "**What is gained.** CodeBLEU equals that of one LoRA within the interval "
            f"({signed(rival['codebleu']['mean'], 3)} with the answers, {signed(plain['codebleu']['mean'], 3)} without "
            f"them). So does the loss: {losses} (nats per token; the MoE minus the LoRA with the answers is "
            f"{signed(rival['loss']['mean'], 4)}). The MoE minus each language's own expert is "
            f"{signed(differences['experts']['codebleu']['mean'], 3)} in CodeBLEU. Intervals are 95% intervals over "
            "problems and trainings.",
            "",
            "**Rewards.** Each of these was trained once. Ten rounds with the CodeBLEU of the model's own programs as "
            f"the reward change CodeBLEU by {signed(gain['codebleu']['mean'], 3)}, the loss by "
            f"{signed(gain['loss']['mean'], 3)} and the share of problems solved by {signed(gain[SOLVED]['mean'], 3)}; "
            "the LoRA had no such stage. Eight rounds with CodeBLEU and MBXP's tests as the reward, of which the state "
            f"after the fourth was kept, change CodeBLEU by {signed(both['codebleu']['mean'], 3)} and the share of "
            f"problems solved by {signed(both[SOLVED]['mean'], 3)}: running programs brings nothing in so few rounds.",
            "",
            "**States chosen by programs.** By default, the state with the lowest validation loss is kept, and the "
            "joint stage takes a third of an epoch, because a whole one overfits by the loss. With "
            "`gate.select=codebleu gate.joint_epochs=1 gate.evaluations=3`, the state is kept whose greedy programs "
            f"for validation tasks score best. Trained once with seed 0 on {chosen['date']}, on one H200, this MoE "
            f"reaches {mean(chosen['systems']['moe'], 'codebleu'):.3f} in CodeBLEU and a loss of "
            f"{mean(chosen['systems']['moe'], 'loss'):.3f}, and solves {mean(chosen['systems']['moe'], SOLVED):.1%} "
            f"of HumanEval-X, the same as its base ({solved['lost']} problems lost, {solved['won']} won). Twenty "
            "rounds of the CodeBLEU reward, at twice the rate of the ten above, change CodeBLEU by "
            f"{signed(longer['codebleu']['mean'], 3)} and the share of problems solved by "
            f"{signed(longer[SOLVED]['mean'], 3)} ({figures(CODER['programs'], 'figures')}, "
            f"{figures(CODER['programs_reward'], 'with the reward')}; `benchmarks/results/values` has the value of "
            "every program, to be put together with other seeds by `benchmarks/seeds.py`). The recipe does not use "
            "these settings, since only one seed has been measured with them.",
            "",
            "**The study that this project follows.** Both have "
            f"{theirs['mean']['n']} programs in common. On these, the study's experts of 7 billion parameters reach "
            f"{theirs['mean']['value']:.3f} and the MoE of seed 0 reaches {ours['codebleu']['mean']['value']:.3f}, a "
            f"difference of {signed(ours['difference']['mean'], 3)} ({by_language}). If the text that follows the "
            "program in the study's outputs is cut off, its experts reach "
            f"{study['study experts, trimmed']['codebleu']['mean']['value']:.3f}. With the reward, the MoE reaches "
            f"{rewarded['run moe']['codebleu']['mean']['value']:.3f} ({figures(CODER['study'], 'figures')}, "
            f"{figures(CODER['reward_study'], 'with the reward')}). The MoE whose state was chosen by programs reaches "
            f"{ahead['mean']['value']:.3f}, and is ahead in every language of what the study's experts reach with that "
            f"text cut off ({by_trimmed}; {figures(CODER['programs_study'], 'figures')}, "
            f"{figures(CODER['programs_reward_study'], 'with the reward')}).",
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
