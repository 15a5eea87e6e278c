"""Writes the model card, which tells people what a model folder is made of and how it scores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic.gates import GATES
from moesaic.languages import part_word

if TYPE_CHECKING:
    from moesaic.checkpoint.description import ModelFolder

CARD: Final = "README.md"
_ON_THE_HUB: Final = re.compile(r"[\w.-]+/[\w.-]+")
_ANCHOR: Final = ("| base | (none: the frozen base itself) | 0 | |",)
_OWN_BASE: Final = ("A delta that all experts share is folded into the base's weights, which are in `base/`.", "")


def write_card(folder: ModelFolder, results: Mapping[str, Any] | None) -> None:
    """Writes the model card (README.md).

    Args:
        folder: The model folder.
        results: The content of the run's ``results.json``, whose ``systems`` map system -> metric -> language to
            ``value``, ``n``, ``low`` and ``high``; None if nothing was measured.
    """
    base, part = folder.base_title, part_word(folder.languages)
    lines = ["---", "library_name: moesaic", "pipeline_tag: text-generation"]
    if _ON_THE_HUB.fullmatch(base):
        lines.append(f"base_model: {base}")
    title = folder.path.name.removeprefix(".").removesuffix(".partial")
    lines += ["tags:", "- moe", "- lora", "- code", "---", "", f"# {title}", ""]
    best = f"the best {folder.top_k} of {len(folder.experts)} experts"
    mixing = "all experts" if GATES[folder.kind].mixes_all else best
    lines += [
        f"A factored Mixture-of-Experts on `{base}`: one LoRA expert per {part}, gates of kind `{folder.kind}` that "
        f"mix {mixing} per token.",
        "",
        *(_OWN_BASE if folder.has_own_base else ()),
        f"| expert | {part} | rank | scale |",
        "|---|---|---|---|",
        *(
            f"| {expert.name} | {language} | {expert.rank} | {expert.scale:g} |"
            for expert, language in zip(folder.adapters, folder.languages, strict=True)
        ),
        *(_ANCHOR if folder.has_anchor else ()),
        "",
        "```",
        f'moesaic generate {title} "..." --language {folder.languages[0]}',
        "```",
        "",
        "## Scores",
        "",
        *_score_lines(results),
        "",
        f"Base digest `{folder.base_digest}`. Each folder below `experts/` is a PEFT adapter"
        + _on_its_own(folder, title),
    ]
    (folder.path / CARD).write_text("\n".join(lines) + "\n")


def _on_its_own(folder: ModelFolder, title: str) -> str:
    """Returns the end of the sentence about adapters: what other programs need in order to use one."""
    if folder.has_own_base:
        return " and works on its own, on `base/`."
    if _ON_THE_HUB.fullmatch(folder.base_title) and not Path(folder.base_title).exists():
        return " and works on its own."
    return (
        ". Other programs need the base as a checkpoint folder: "
        f"`moesaic export {title} OUT --format peft --with-base` writes both."
    )


def _score_lines(results: Mapping[str, Any] | None) -> list[str]:
    if not results or not results.get("systems"):
        return ["Not measured yet."]
    languages = sorted({lang for system in results["systems"].values() for rows in system.values() for lang in rows})
    lines = [f"| system | metric | {' | '.join(languages)} |", "|---" * (len(languages) + 2) + "|"]
    for system, metrics in results["systems"].items():
        for metric, rows in metrics.items():
            cells = [_score(rows[lang]) if lang in rows else "" for lang in languages]
            lines.append(f"| {system} | {metric} | {' | '.join(cells)} |")
    return [*lines, "", "Value, 95% bootstrap interval in brackets, n programs."]


def _score(cell: Mapping[str, Any]) -> str:
    return f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}] n={cell['n']}"
