"""Compares the MoE with every other system, program by program.

The intervals of two systems that are judged on the same programs overstate the uncertainty of their difference, because
a program that is hard for one system is usually hard for the other. Programs are therefore paired before anything is
averaged, and problems are resampled with all their programs (``statistics.estimate_over_problems``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moesaic.statistics import Sample, estimate_over_problems, sign_test

Samples = dict[str, dict[str, dict[str, list[Sample]]]]
"""System -> metric -> language -> values of its programs, in the order of the files."""

MEAN = "mean"
VERDICTS = "pass@1 "
"""Prefix of the metrics that are verdicts on a benchmark; the name of the benchmark follows."""


def paired_differences(systems: Samples, languages: Sequence[str], resamples: int) -> dict[str, dict[str, Any]]:
    """Compares the MoE with every other system, on the programs that both have.

    Args:
        systems: The measured values, with ``experts`` as one of the systems. Single experts are not compared.
        languages: Languages of the run. A metric has no mean if either system lacks it in one of them.
        resamples: Number of resamples for each interval.

    Returns:
        System -> metric -> language or ``mean`` -> estimate of the MoE's value minus that system's value, and the
        number of problems on which it is based. Empty if there is no MoE.
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
                    name: {
                        **estimate_over_problems(rows, samples=resamples).to_dict(),
                        "problems": len({problem for group in rows for problem, _, _ in group}),
                    }
                    for name, rows in parts.items()
                }
    return table


def kept_abilities(systems: Samples, languages: Sequence[str], resamples: int) -> dict[str, dict[str, Any]]:
    """Compares which problems the MoE and its base solve, for every benchmark and problem by problem.

    Args:
        systems: The measured values.
        languages: Languages of the run. A benchmark that lacks one of them has no mean.
        resamples: Number of resamples for each interval.

    Returns:
        Benchmark -> language or ``mean`` -> the number of problems; the numbers that both solve (``both``), that only
        the base solves (``lost``), that only the MoE solves (``won``), and that neither solves (``neither``); the
        difference of the shares solved, MoE minus base, with its interval; and the exact p of this difference. For
        ``mean``, the four counts are sums. Its p compares the numbers of problems that the MoE solves in more, or in
        fewer, languages than the base, because one problem in several languages is not several independent problems.
    """
    table: dict[str, dict[str, Any]] = {}
    base, moe = systems.get("base", {}), systems.get("moe", {})
    for metric in [metric for metric in moe if metric.startswith(VERDICTS) and metric in base]:
        parts = {name: _pairs(moe[metric].get(name, []), base[metric].get(name, [])) for name in languages}
        found = {name: [pairs] for name, pairs in parts.items() if pairs}
        if found and len(found) == len(languages):
            found[MEAN] = list(parts.values())
        if found:
            table[metric.removeprefix(VERDICTS)] = {name: _kept(groups, resamples) for name, groups in found.items()}
    return table


def _pairs(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[tuple[str, bool, bool]]:
    """Returns (problem, whether ``ours`` solves it, whether ``theirs`` does) for the programs that both have."""
    known = dict(_numbered(theirs))
    return [(key[0], sample[1] > 0, known[key][1] > 0) for key, sample in _numbered(ours) if key in known]


def _kept(groups: Sequence[Sequence[tuple[str, bool, bool]]], resamples: int) -> dict[str, Any]:
    counts = Counter((ours, theirs) for group in groups for _, ours, theirs in group)
    change: Counter[str] = Counter()
    for group in groups:
        for problem, ours, theirs in group:
            change[problem] += ours - theirs
    differences = [[(problem, float(ours - theirs), 1.0) for problem, ours, theirs in group] for group in groups]
    estimate = estimate_over_problems(differences, samples=resamples)
    return {
        "both": counts[True, True],
        "lost": counts[False, True],
        "won": counts[True, False],
        "neither": counts[False, False],
        "problems": len(change),
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p": sign_test(sum(net > 0 for net in change.values()), sum(net < 0 for net in change.values())),
    }


def _differences(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[Sample]:
    """Returns ours minus theirs for each program of which both values have the same denominator."""
    known: Mapping[tuple[str, int], Sample] = dict(_numbered(theirs))
    return [
        (problem, numerator - known[key][1], denominator)
        for key, (problem, numerator, denominator) in _numbered(ours)
        if key in known and known[key][2] == denominator
    ]


def _numbered(samples: Sequence[Sample]) -> Iterator[tuple[tuple[str, int], Sample]]:
    """Yields each sample with the key (problem, number of earlier samples of this problem)."""
    seen: Counter[str] = Counter()
    for sample in samples:
        yield (sample[0], seen[sample[0]]), sample
        seen[sample[0]] += 1
