"""The MoE less every other system, program by program: what says whether it is as good as its experts.

Two systems judged on the same programs differ by less than their intervals suggest, because a hard program is hard for
both. So programs are paired before anything is averaged, and problems are resampled with all their programs
(``statistics.estimate_over_problems``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moesaic.statistics import Sample, estimate_over_problems

Samples = dict[str, dict[str, dict[str, list[Sample]]]]
"""System -> metric -> language -> its programs, in the order of the files."""

MEAN = "mean"


def paired_differences(systems: Samples, languages: Sequence[str], resamples: int) -> dict[str, dict[str, Any]]:
    """Compares the MoE with every other system, on the programs that both have.

    Args:
        systems: What was measured, the row ``experts`` among the systems; those of single experts are not compared.
        languages: Languages of the run. A metric that lacks one of them, on either side, has no mean.
        resamples: Number of resamples behind each interval.

    Returns:
        System -> metric -> language and ``mean`` -> estimate of MoE minus that system; empty without a MoE.
    """
    moe = systems.get("moe", {})
    table: dict[str, dict[str, Any]] = {}
    for system, metrics in systems.items():
        if system == "moe" or system.startswith("expert:"):
            continue
        for metric, ours in moe.items():
            theirs = metrics.get(metric, {})
            pairs = {name: _differences(ours.get(name, []), theirs.get(name, [])) for name in languages}
            parts = {name: [rows] for name, rows in pairs.items() if rows}
            if parts and len(parts) == len(languages):
                parts[MEAN] = list(pairs.values())
            if parts:
                table.setdefault(system, {})[metric] = {
                    name: estimate_over_problems(rows, samples=resamples).to_dict() for name, rows in parts.items()
                }
    return table


def _differences(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[Sample]:
    """Program by program: ours less theirs, where both are per the same denominator."""
    known: Mapping[tuple[str, int], Sample] = dict(_numbered(theirs))
    return [
        (problem, numerator - known[key][1], denominator)
        for key, (problem, numerator, denominator) in _numbered(ours)
        if key in known and known[key][2] == denominator
    ]


def _numbered(samples: Sequence[Sample]) -> Iterator[tuple[tuple[str, int], Sample]]:
    """Tells programs of one problem apart by how many came before."""
    seen: Counter[str] = Counter()
    for sample in samples:
        yield (sample[0], seen[sample[0]]), sample
        seen[sample[0]] += 1
