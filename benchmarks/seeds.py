"""Puts runs of one recipe with different seeds together: means, spreads, and differences that include the seeds.

    python benchmarks/seeds.py RUN RUN ... [--reference moe] [--out FILE.json]
    python benchmarks/seeds.py WORKSPACE --values RUN.json.gz

Each RUN is the workspace of a finished run (``predict/losses``, ``evaluate/rows``), or the file that ``--values`` made
of one. Such a file holds the recipe and the value of every program, so that seeds which were trained on different days
can be put together after their workspaces are gone. All runs are of the same recipe; only ``seed`` may differ.
An interval of one run says what other test programs would give. Whether training again would turn a difference round it
cannot say, so the interval here adds both: the difference, averaged over seeds, is resampled over problems, and each
resample is moved by ``s / sqrt(S) * t`` with ``s`` the standard deviation of the difference over the S seeds and ``t``
drawn from Student's distribution with S - 1 degrees of freedom. A system that only some of the runs have is compared on
those; with one seed the interval is that of the programs alone and says so (``seeds``).

Shapes: S seeds, R resamples.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from verdict_rows import read_verdicts

from moesaic.errors import DataError, MoesaicError
from moesaic.files import read_json_lines, replacing, write_json
from moesaic.statistics import estimate_over_problems

MEAN = "mean"
RESAMPLES = 2000
_FREE = ("seed", "name", "output", "trackers", "compare", "predict", "evaluate")
"""Keys of a recipe in which the runs may differ: none changes what is trained, but the seed."""

Values = dict[str, dict[str, dict[str, dict[str, tuple[float, float]]]]]
"""System -> metric -> language -> program -> numerator and denominator."""


def read_run(workspace: Path) -> Values:
    """Reads every program's values of one run.

    Raises:
        DataError: The run is not finished.
    """
    values: Values = {}
    losses, rows = workspace / "predict" / "losses", workspace / "evaluate" / "rows"
    if not losses.is_dir() or not rows.is_dir():
        raise DataError(f"{workspace} is no finished run: it has no predict/losses and evaluate/rows")
    for path in sorted(losses.glob("*.jsonl")):
        for _, row in read_json_lines(path):
            pair = float(row["loss_sum"]), float(row["code_tokens"])
            _put(values, path.stem, "loss", row["language"], str(row["id"]), pair)
    for path in sorted(rows.glob("*/*.jsonl")):
        read = [row for _, row in read_json_lines(path)]
        if any("status" in row for row in read):  # a benchmark's verdicts
            for (language, id_, _), passed in read_verdicts(path).items():
                pair = float(passed), 1.0
                _put(values, path.parent.name, f"pass@1 {path.stem}", language, _problem(id_), pair)
            continue
        for row in read:
            for metric, value in row.items():
                if metric != "id":
                    _put(values, path.parent.name, metric, path.stem, str(row["id"]), (float(value), 1.0))
    return _with_own_experts(values)


def _put(values: Values, system: str, metric: str, language: str, program: str, pair: tuple[float, float]) -> None:
    table = values.setdefault(system, {}).setdefault(metric, {}).setdefault(language, {})
    copies = sum(1 for name in (program, f"{program} (2)", f"{program} (3)") if name in table)
    table[program if copies == 0 else f"{program} ({copies + 1})"] = pair


def _problem(id_: str) -> str:
    """A benchmark's problem without the language that its id names: ``Java/12`` is ``12``."""
    return id_.rpartition("/")[2]


def _with_own_experts(values: Values) -> Values:
    own: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for system, metrics in values.items():
        language = system.removeprefix("expert-")
        if language != system:
            for metric, by_language in metrics.items():
                if language in by_language:
                    own.setdefault(metric, {})[language] = by_language[language]
    shared = {name: metrics for name, metrics in values.items() if not name.startswith("expert-")}
    return shared | ({"experts": own} if own else {})


def combine(runs: Sequence[Values], reference: str, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Means and spreads of every system, and the reference system minus every other.

    Args:
        runs: One a seed.
        reference: The system that the others are subtracted from.
        resamples: Resamples behind an interval.

    Returns:
        ``systems``: system -> metric -> language or ``mean`` -> ``value``, ``seeds`` (a value each), ``n``.
        ``differences``: the same of reference minus system, with ``low`` and ``high``.
    """
    systems: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    for system in _ordered(name for run in runs for name in run):
        own = [run[system] for run in runs if system in run]
        for metric in _ordered(name for metrics in own for name in metrics):
            with_metric = [metrics[metric] for metrics in own if metric in metrics]
            for place, languages in _places(with_metric).items():
                seeds = [_mean(table, languages) for table in with_metric]
                count = sum(len(with_metric[0][name]) for name in languages)
                entry = {"value": float(np.mean(seeds)), "seeds": seeds, "n": count}
                systems.setdefault(system, {}).setdefault(metric, {})[place] = entry
            pairs = [
                (run[reference][metric], run[system][metric])
                for run in runs
                if metric in run.get(reference, {}) and metric in run.get(system, {})
            ]
            if system != reference and pairs:
                differences.setdefault(system, {})[metric] = {
                    place: difference(pairs, languages, resamples)
                    for place, languages in _places([table for pair in pairs for table in pair]).items()
                }
    return {"systems": systems, "differences": differences}


def difference(
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], languages: Sequence[str], resamples: int
) -> dict[str, Any]:
    """Ours minus theirs, averaged over seeds, with an interval over problems and seeds."""
    per_seed, summed = [], {name: {} for name in languages}
    for ours, theirs in pairs:
        values = []
        for name in languages:
            common = ours[name].keys() & theirs[name].keys()
            rows = {key: (ours[name][key][0] - theirs[name][key][0], ours[name][key][1]) for key in sorted(common)}
            values.append(sum(top for top, _ in rows.values()) / sum(bottom for _, bottom in rows.values()))
            for key, (top, bottom) in rows.items():
                before = summed[name].get(key, (0.0, 0.0))
                summed[name][key] = (before[0] + top, before[1] + bottom)
        per_seed.append(float(np.mean(values)))
    samples = [[(key.split(" (")[0], *pair) for key, pair in summed[name].items()] for name in languages]
    estimate = estimate_over_problems(samples, samples=resamples)
    low, high, count = float(estimate.low or 0.0), float(estimate.high or 0.0), len(per_seed)
    center = float(np.mean(per_seed))
    if count > 1:
        generator = np.random.default_rng(0)
        deviation = (high - low) / (2 * 1.96)  # of the problems: their bootstrap is close to normal at hundreds of them
        moves_R = generator.normal(0.0, deviation, 100_000)
        moves_R += np.std(per_seed, ddof=1) / count**0.5 * generator.standard_t(count - 1, 100_000)
        low, high = (float(center + end) for end in np.quantile(moves_R, [0.025, 0.975]))
    return {"value": center, "low": low, "high": high, "seeds": per_seed, "n": sum(map(len, samples))}


def _places(tables: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Each language that all tables have, and their mean."""
    common = [name for name in tables[0] if all(name in table for table in tables)]
    return {name: [name] for name in common} | ({MEAN: common} if common else {})


def _mean(table: Mapping[str, Mapping[str, tuple[float, float]]], languages: Sequence[str]) -> float:
    sums = [np.sum(list(table[name].values()), axis=0) for name in languages]
    return float(np.mean([top / bottom for top, bottom in sums]))


def _ordered(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def open_run(path: Path) -> tuple[dict[str, Any], Values]:
    """Reads a run's recipe and the value of every program, from its workspace or from a file of ``--values``.

    Raises:
        DataError: The run is not finished, or the file is not one of ``--values``.
    """
    if not path.is_file():
        values = read_run(path)  # says so if it is no finished run
        return yaml.safe_load((path / "recipe.yaml").read_text()), values
    try:
        stored = json.loads(gzip.decompress(path.read_bytes()))
        return stored["recipe"], stored["values"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a file that seeds.py --values wrote ({error})") from error


def check_same_recipe(workspaces: Sequence[Path], recipes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Returns the seeds of the runs.

    Args:
        workspaces: The places of the runs, for messages.
        recipes: The recipe of each run.

    Raises:
        DataError: The runs differ in more than their seeds, or two have the same.
    """
    first = {key: value for key, value in recipes[0].items() if key not in _FREE}
    for folder, recipe in zip(workspaces, recipes, strict=True):
        differs = [key for key in first if recipe.get(key) != first[key]]
        if differs:
            raise DataError(f"{folder} is a run of another recipe than {workspaces[0]}: {', '.join(differs)} differ")
    seeds = [int(recipe["seed"]) for recipe in recipes]
    if len(set(seeds)) < len(seeds):
        raise DataError(f"the runs have the seeds {seeds}: each must have its own")
    return seeds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    help_runs = "finished runs of one recipe, each with its own seed: workspaces, or files that --values wrote"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=help_runs)
    parser.add_argument("--reference", default="moe", help="system that the others are subtracted from")
    parser.add_argument("--out", type=Path, help="file for everything (JSON)")
    help_values = "file for the values of one run, to be put together with other seeds later; nothing else is done"
    parser.add_argument("--values", type=Path, metavar="RUN.json.gz", help=help_values)
    options = parser.parse_args()
    if options.values is not None and len(options.runs) > 1:
        parser.error(f"--values takes one run, not {len(options.runs)}")
    try:
        recipes, values = zip(*map(open_run, options.runs), strict=True)
        seeds = check_same_recipe(options.runs, recipes)
        if options.values is not None:
            stored = json.dumps({"recipe": recipes[0], "values": values[0]})
            with replacing(options.values) as partial:
                partial.write_bytes(gzip.compress(stored.encode(), mtime=0))
            return 0
        systems = _ordered(name for run in values for name in run)
        if options.reference not in systems:
            raise DataError(f"--reference {options.reference}: no such system, the runs have {', '.join(systems)}")
        result = {"seeds": seeds, **combine(values, options.reference)}
        if options.out is not None:
            write_json(options.out, result)
    except (MoesaicError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for system, metrics in result["systems"].items():
        shown = {metric: f"{places[MEAN]['value']:.4f}" for metric, places in metrics.items() if MEAN in places}
        print(system, json.dumps(shown))
    for system, metrics in result["differences"].items():
        for metric, places in metrics.items():
            if MEAN not in places:  # a benchmark of which the runs have no language in common
                continue
            entry = places[MEAN]
            interval = f"[{entry['low']:+.4f}, {entry['high']:+.4f}], {len(entry['seeds'])} seeds"
            print(f"{options.reference} - {system}, {metric}: {entry['value']:+.4f} {interval}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
