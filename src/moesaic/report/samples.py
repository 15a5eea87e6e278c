"""Shows a dozen test tasks with the programs of all systems side by side.

The tasks are chosen by a digest of their ids. The choice is therefore the same in every run and cannot favour a system.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moesaic.files import parse_json, read_text, text_digest
from moesaic.report.summary import EXPERT_PREFIX, Summary, as_number, language_title, system_title

_LONGEST = 6000


@dataclass(frozen=True, slots=True)
class Program:
    """One program of a sample.

    Attributes:
        title: Name of the system that wrote it, or ``Reference``.
        code: The program, cut off if it is very long.
        notes: Its scores, and remarks such as "empty".
    """

    title: str
    code: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One task.

    Attributes:
        language: Title of the language.
        id: Id of the task.
        text: The task.
        programs: The reference, followed by the programs of the systems.
    """

    language: str
    id: str
    text: str
    programs: list[Program]


def choose_samples(workspace: Path, summary: Summary, count: int = 12) -> list[Sample]:
    """Returns about ``count`` tasks, the same number in every language; none if there are no predictions.

    Args:
        workspace: Folder of a run.
        summary: Its results.
        count: Number of tasks wanted.
    """
    tables = {language: _tables(workspace, language) for language in summary.languages}
    present = [language for language in summary.languages if tables[language]]
    if not present:
        return []
    each = max(1, -(-count // len(present)))
    samples = []
    for language in present:
        systems = tables[language]
        first, *others = systems.values()
        common = [key for key in first if all(key in other for other in others)]
        scores = {system: _read(_path(workspace / "evaluate" / "rows", system, language)) for system in systems}
        for key in sorted(common, key=lambda key: text_digest(f"{language}/{key}"))[:each]:
            programs = [Program("Reference", *_cut(str(first[key].get("reference", "")), []))]
            for system, rows in systems.items():
                notes = _notes(rows[key], scores[system].get(key, {}), summary)
                programs.append(Program(system_title(system), *_cut(str(rows[key].get("prediction", "")), notes)))
            samples.append(Sample(language_title(language), key, str(first[key].get("text", "")), programs))
    return samples


def _tables(workspace: Path, language: str) -> dict[str, dict[str, dict[str, Any]]]:
    systems = ("base", EXPERT_PREFIX + language, "moe")
    found = {system: _read(_path(workspace / "predict" / "predictions", system, language)) for system in systems}
    return {system: rows for system, rows in found.items() if rows}


def _path(folder: Path, system: str, language: str) -> Path:
    return folder / system.replace(":", "-") / f"{language}.jsonl"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Returns id -> row. A missing file has no rows, and lines that are not objects are skipped."""
    rows: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in read_text(path).split("\n"):
            with contextlib.suppress(ValueError):
                row = parse_json(line)
                if isinstance(row, dict) and "id" in row:
                    rows[str(row["id"])] = row
    return rows


def _notes(row: dict[str, Any], scores: dict[str, Any], summary: Summary) -> list[str]:
    notes = []
    for metric in summary.metrics:
        value = as_number(scores.get(metric.key))
        if value is None:
            continue
        if metric.percent:
            notes.append(f"{metric.title}: {'yes' if value else 'no'}")
        elif metric == summary.likeness:
            notes.append(f"{metric.title} {metric.format(value)}")
    if row.get("stopped") is False:
        notes.append("cut off at the longest length")
    return notes


def _cut(code: str, notes: list[str]) -> tuple[str, list[str]]:
    if not code.strip():
        return "", [*notes, "empty"]
    if len(code) > _LONGEST:
        return code[:_LONGEST], [*notes, f"first {_LONGEST:,} of {len(code):,} characters"]
    return code.rstrip("\n"), notes
