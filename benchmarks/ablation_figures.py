"""Computes the figures of ablations (losses, paired differences, intervals), and makes a table of result files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moesaic.languages import get_language
from moesaic.statistics import Estimate, estimate_ratio

REFERENCE = "reference"

Losses = dict[str, dict[tuple[str, int], tuple[float, float]]]
"""Language -> (example id, number of earlier examples with this id) -> (loss in nats, code tokens)."""


def read_losses(path: Path) -> Losses:
    """Reads the losses that the predict stage measured for one system."""
    losses: Losses = {}
    seen: Counter[tuple[str, str]] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = (row["language"], row["id"])
        losses.setdefault(row["language"], {})[row["id"], seen[key]] = (row["loss_sum"], row["code_tokens"])
        seen[key] += 1
    return losses


def estimates(losses: Losses) -> dict[str, Estimate]:
    """Returns language -> loss, with the mean over languages under ``mean``."""
    return _by_language({name: list(rows.values()) for name, rows in losses.items()})


def differences(variant: Losses, reference: Losses) -> dict[str, Estimate]:
    """Returns the paired differences of the loss per language and of the mean, over the examples that both have."""
    pairs = {
        name: [
            (nats - reference[name][key][0], tokens)
            for key, (nats, tokens) in rows.items()
            if key in reference[name] and reference[name][key][1] == tokens
        ]
        for name, rows in variant.items()
        if name in reference
    }
    return _by_language({name: rows for name, rows in pairs.items() if rows})


def _by_language(pairs: Mapping[str, list[tuple[float, float]]]) -> dict[str, Estimate]:
    if not pairs:
        return {}
    return {"mean": estimate_ratio(list(pairs.values()))} | {
        name: estimate_ratio([rows]) for name, rows in pairs.items()
    }


def plain(found: Mapping[str, Estimate]) -> dict[str, dict[str, float | int | None]]:
    """Returns estimates in the form of the result file."""
    return {name: estimate.to_dict() for name, estimate in found.items()}


def markdown_table(*files: Mapping[str, Any]) -> str:
    """Returns result files as one Markdown table; variants that were run in none of them are only named.

    Args:
        files: Results of the same recipe, for example from different days. A difference is from the reference of the
            same file.
    """
    losses = [row["loss"] for results in files for row in results["rows"] if row["status"] == "done"]
    languages = list(dict.fromkeys(name for loss in losses for name in loss if name != "mean"))
    head = ["variant", "mean loss", "against the recipe", *(get_language(name).title for name in languages), "seconds"]
    lines = [_line(head), "|---" + "|---:" * (len(head) - 1) + "|"]

    def line(title: str, loss: Mapping[str, Any], difference: Mapping[str, Any], seconds: str) -> str:
        fewer = len(loss) - 1 < len(languages)
        mean = _interval(loss["mean"]) + (f" ({len(loss) - 1} of {len(languages)} languages)" if fewer else "")
        cells = [_interval(loss[name]) if name in loss else "" for name in languages]
        signed = _interval(difference["mean"], signed=True) if difference else ""
        return _line([title, mean, signed, *cells, seconds])

    notes: list[str] = []
    sources: list[str] = []
    for results in files:
        for row in results["rows"]:
            title = row["title"]
            if row.get("note") and row["status"] != "waiting":
                notes.append(row["note"])
                title += f" ({len(notes)})"
            if row["status"] == "failed":
                lines.append(_line([title, f"failed: {row['reason']}", *[""] * (len(head) - 2)]))
            elif row["status"] == "done":
                if row["name"] == REFERENCE and not sources:
                    lines.append(line("base", row["base"], {}, ""))
                    lines.append(line("experts, each on its own language", row["experts"], {}, ""))
                if row["name"] == REFERENCE:
                    device = row["hardware"].get("gpu") or row["hardware"].get("machine", "CPU")
                    title += f", trained again ({results['date']}); below, variants of that day" if sources else ""
                    sources.append(f"{results['recipe']['name']}, {results['date']}, {device}")
                seconds = sum(value or 0.0 for value in row["seconds"].values())
                lines.append(line(title, row["loss"], row.get("difference", {}), f"{seconds:,.0f}"))
    lines.append("")
    if sources:
        counts = ", ".join(
            f"{get_language(name).title} {losses[0][name]['n']:,}" for name in losses[0] if name != "mean"
        )
        lines.append(
            f"{'; '.join(sources)}: nats per code token on validation examples ({counts}), mean of the languages, with "
            "95% bootstrap intervals; "
            "differences pair the same examples. Seconds: the stages that a variant does not share with the recipe."
        )
    lines += [f"({number}) {note[0].upper()}{note[1:]}." for number, note in enumerate(notes, 1)]
    names = list(dict.fromkeys(row["name"] for results in files for row in results["rows"]))
    run = {row["name"] for results in files for row in results["rows"] if row["status"] != "waiting"}
    if waiting := [name for name in names if name not in run]:
        lines.append(f"Not run yet: {', '.join(waiting)}.")
    return "\n".join(lines).rstrip()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _interval(estimate: Mapping[str, Any], signed: bool = False) -> str:
    value, low, high = (format(estimate[key], "+.4f" if signed else ".4f") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    raise SystemExit("ablation_figures.py is a part of other scripts: run ablations.py")
