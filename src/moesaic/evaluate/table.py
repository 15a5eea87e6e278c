"""Computes the table of results: every metric of every system on every language, with n and interval.

A metric is a function from prediction rows to one value per row. To add a metric, put its name into
``recipe.MetricName``, its function into ``METRICS`` and its title into ``report.summary``; a test compares the three.
The loss is computed from the losses that ``predict`` wrote. The row ``experts`` is each language's own expert.
``paired`` compares the MoE with the other systems, program by program.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import numpy as np

from moesaic.codebleu import codebleu
from moesaic.codebleu.reference import KEYWORDS as REFERENCE_KEYWORDS
from moesaic.data.examples import Example
from moesaic.errors import CheckpointError, DataError, ToolchainError
from moesaic.evaluate.benchmarks import pass_at_1
from moesaic.evaluate.guards import guards
from moesaic.evaluate.paired import Samples, kept_abilities, paired_differences
from moesaic.evaluate.score import sentence_bleu
from moesaic.execution.grading import processors
from moesaic.execution.problems import Problem
from moesaic.files import read_json, read_json_lines, write_json_lines
from moesaic.languages import get_language
from moesaic.parsing import parses
from moesaic.progress import Bar
from moesaic.recipe import Baseline, EvaluateRecipe, MetricName
from moesaic.statistics import Estimate, Sample, bootstrap_interval, estimate_ratio

Row = dict[str, Any]
Metric = Callable[[Sequence[Row], str, Executor | None], list[float]]
_Leaf = TypeVar("_Leaf")

_EXECUTED: Final = "pass@1"  # not in METRICS, because the programs of all systems run together
_PARALLEL_ROWS = 200  # with fewer rows, starting processes costs more than it saves


def system_folder(system: str) -> str:
    """Returns the name of a system as a file name: ``expert-java`` for ``expert:java``."""
    return system.replace(":", "-")


def build_results(
    predictions: Path,
    folder: Path,
    examples: Mapping[str, Sequence[Example]],
    options: EvaluateRecipe,
    benchmarks: Mapping[str, Mapping[str, Sequence[Problem]]],
) -> dict[str, Any]:
    """Judges all predictions.

    Args:
        predictions: Folder of the predict stage.
        folder: Folder to which the rows of all programs are written.
        examples: Language -> test examples. Programs are executed if the examples have tests.
        options: Metrics and intervals.
        benchmarks: Benchmark -> language -> problems, for the completions that ``predict`` wrote.

    Returns:
        ``systems``, ``guards``, ``routing`` and ``skipped`` of results.json; also ``paired`` if there is a MoE, and
        ``kept`` if a benchmark was judged.

    Raises:
        CheckpointError: The predictions are missing or malformed.
    """
    languages = list(examples)
    systems: dict[str, dict[str, dict[str, Any]]] = {}
    samples: Samples = {}
    for system in _systems(predictions, languages):
        losses = _losses(predictions / "losses" / f"{system_folder(system)}.jsonl")
        samples[system] = {"loss": losses}
        systems[system] = {"loss": {language: _loss(rows, options).to_dict() for language, rows in losses.items()}}
    generated = {
        (system, language): _read(path, id=(str, int), prediction=str, reference=str)
        for system in systems
        for language in languages
        if (path := predictions / "predictions" / system_folder(system) / f"{language}.jsonl").exists()
    }
    execute = _EXECUTED in options.metrics and bool(generated)
    executed, skipped = _executed(generated, examples, options) if execute else ({}, [])
    if not generated:
        skipped.append("all but the loss: there are no programs (predict.limit is 0)")
    guard_table: dict[str, dict[str, Any]] = {}
    undefined = {language: _undefined(language, options.metrics) for language in languages}
    if generated:
        skipped += [
            f"{', '.join(names)}, {language}: {_why_undefined(language)} (evaluate.metrics)"
            for language, names in undefined.items()
            if names
        ]
    with Bar("metrics", len(generated), "files") as bar, _processes(generated, options) as executor:
        for (system, language), rows in generated.items():
            guard_table.setdefault(system, {})[language] = guards(rows, language)
            read = [name for name in options.metrics if name != _EXECUTED and name not in undefined[language]]
            values: dict[str, list[float]] = {name: METRICS[name](rows, language, executor) for name in read}
            if (system, language) in executed:
                values[_EXECUTED] = executed[system, language]
            for name, column in values.items():
                systems[system].setdefault(name, {})[language] = _mean(column, options).to_dict()
                samples[system].setdefault(name, {})[language] = [
                    (str(row["id"]), value, 1.0) for row, value in zip(rows, column, strict=True)
                ]
            write_json_lines(
                folder / "rows" / system_folder(system) / f"{language}.jsonl",
                (
                    {"id": row["id"], **{name: column[index] for name, column in values.items()}}
                    for index, row in enumerate(rows)
                ),
            )
            bar.advance()
    for benchmark, problems in benchmarks.items():
        skipped += _benchmark(benchmark, problems, predictions, folder, systems, samples, options)
    guard_table["experts"] = {
        language: guard_table[f"expert:{language}"][language]
        for language in languages
        if language in guard_table.get(f"expert:{language}", {})
    }
    results = {
        "systems": _with_own_experts(systems, languages),
        "guards": guard_table,
        "routing": read_json(predictions / "routing.json"),
        "skipped": skipped,
    }
    paired = paired_differences(_with_own_experts(samples, languages), languages, options.bootstrap_samples)
    kept = kept_abilities(samples, languages, options.bootstrap_samples)
    return results | ({"paired": paired} if paired else {}) | ({"kept": kept} if kept else {})


def _executed(
    generated: Mapping[tuple[str, str], Sequence[Row]],
    examples: Mapping[str, Sequence[Example]],
    options: EvaluateRecipe,
) -> tuple[dict[tuple[str, str], list[float]], list[str]]:
    """Returns whether each program passes the tests of its task (pass@1 of Chen et al. 2021, one sample per task).

    The programs of all systems run in one sandbox, so that all processors have work until the end.
    """
    from moesaic.execution.grading import grade_programs
    from moesaic.execution.problems import Case, Problem
    from moesaic.execution.sandbox import Sandbox

    if not all(example.tests for items in examples.values() for example in items):
        return {}, ["pass@1: this data set has no tests; use moesaic execute with a benchmark"]
    domains = [language for language in examples if get_language(language).domain_of]
    generated = {key: rows for key, rows in generated.items() if key[1] not in domains}
    not_run = [f"pass@1, {language}: programs of a domain are not run" for language in domains]
    if not generated:
        return {}, not_run
    programs = [
        {"id": row["id"], "language": language, "program": row["prediction"]}
        for (_, language), rows in generated.items()
        for row in rows
    ]
    problems = {
        language: [
            Problem(example.id, language, cases=tuple(Case(**test) for test in example.tests), text=example.text)
            for example in items
        ]
        for language, items in examples.items()
        if language not in domains
    }
    try:
        with Sandbox(options.sandbox, allow_code_execution=options.allow_code_execution) as sandbox:
            grading = grade_programs(programs, problems, sandbox=sandbox, workers=options.workers)
    except ToolchainError as error:
        return {}, [f"pass@1: {error}"]
    verdicts = iter(grading.rows)
    table = {
        (system, language): [float(next(verdicts).passed) for _ in rows]
        for (system, language), rows in generated.items()
        if language not in grading.skipped
    }
    return table, [*not_run, *(f"pass@1, {language}: {reason}" for language, reason in grading.skipped.items())]


def _benchmark(
    benchmark: str,
    problems: Mapping[str, Sequence[Problem]],
    predictions: Path,
    folder: Path,
    systems: dict[str, dict[str, dict[str, Any]]],
    samples: Samples,
    options: EvaluateRecipe,
) -> list[str]:
    """Adds the pass@1 of a benchmark to every system that has completions; returns the reasons for what was skipped.

    A reason that does not apply to all judged systems names the systems to which it applies.
    """
    if not options.allow_code_execution:
        return [f"{benchmark}: evaluate.allow_code_execution is false"]
    skipped: dict[str, list[str]] = {}
    judged: list[str] = []
    for system in systems:
        files = sorted((predictions / "benchmarks" / benchmark / system_folder(system)).glob("*.jsonl"))
        if files:
            own = {file.stem: problems[file.stem] for file in files}
            rows = folder / "rows" / system_folder(system) / f"{benchmark}.jsonl"
            rows.parent.mkdir(parents=True, exist_ok=True)
            try:
                estimates, verdicts, reasons = pass_at_1(benchmark, own, files, options, rows)
            except ToolchainError as error:
                estimates, verdicts, reasons = {}, {}, [f"{benchmark}: {error}"]
            judged.append(system)
            for reason in reasons:
                skipped.setdefault(reason, []).append(system)
            if estimates:
                systems[system][f"pass@1 {benchmark}"] = {name: value.to_dict() for name, value in estimates.items()}
                samples[system][f"pass@1 {benchmark}"] = verdicts
    return [
        reason if whose == judged else f"{reason} (systems: {', '.join(whose)})" for reason, whose in skipped.items()
    ]


def _processes(
    generated: Mapping[tuple[str, str], Sequence[Row]], options: EvaluateRecipe
) -> AbstractContextManager[Executor | None]:
    """Opens the processes that compare the programs of all files; None if there are too few programs."""
    workers = options.workers or processors()
    if workers == 1 or sum(map(len, generated.values())) < _PARALLEL_ROWS:
        return nullcontext(None)
    # Spawned, because forking a process that has threads is not safe.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _undefined(language: str, metrics: Sequence[MetricName]) -> list[MetricName]:
    """Returns the metrics that a language does not have: it has no grammar, or codebleu 0.7.0 does not score it."""
    syntax = get_language(language).syntax
    if syntax is None:
        return [name for name in metrics if name in _OF_SYNTAX]
    return [name for name in metrics if name == "codebleu_reference" and syntax not in REFERENCE_KEYWORDS]


def _why_undefined(language: str) -> str:
    if get_language(language).syntax is None:
        return "no grammar reads it; use bleu and exact_match"
    return "the reference protocol does not score it; use codebleu"


def _parse_share(rows: Sequence[Row], language: str, _: Executor | None) -> list[float]:
    return [float(parses(row["prediction"], language)) for row in rows]


def _bleu(rows: Sequence[Row], _language: str, _: Executor | None) -> list[float]:
    return [sentence_bleu(row["prediction"], [row["reference"]]) for row in rows]


def _exact_match(rows: Sequence[Row], _language: str, _: Executor | None) -> list[float]:
    return [float(row["prediction"].split() == row["reference"].split()) for row in rows]


def _codebleu(protocol: str) -> Metric:
    def metric(rows: Sequence[Row], language: str, executor: Executor | None) -> list[float]:
        result = codebleu(
            [row["prediction"] for row in rows],
            [row["reference"] for row in rows],
            language,
            protocol=protocol,
            executor=executor,
        )
        return [pair.codebleu for pair in result.rows]

    return metric


METRICS: dict[MetricName, Metric] = {
    "parse_share": _parse_share,
    "bleu": _bleu,
    "exact_match": _exact_match,
    "codebleu": _codebleu("strict"),
    "codebleu_reference": _codebleu("reference"),
}
"""Key in recipes and results -> metric, for all metrics that read programs.

Every name that a recipe allows must be here, except ``pass@1``.
"""

_OF_SYNTAX: Final = ("parse_share", "codebleu", "codebleu_reference")


def _systems(predictions: Path, languages: Sequence[str]) -> list[str]:
    folder = predictions / "losses"
    if not folder.is_dir():
        raise CheckpointError(f"{folder} does not exist: run moesaic predict RECIPE first")
    experts = [f"expert:{language}" for language in languages]
    known = {
        system_folder(system): system for system in ("base", *experts, "moe", "moe:likelihood", *get_args(Baseline))
    }
    found = {path.stem for path in folder.glob("*.jsonl")}
    return [known[stem] for stem in known if stem in found] + sorted(found - set(known))


def _losses(path: Path) -> dict[str, list[Sample]]:
    """Returns language -> (id, loss in nats, number of code tokens) of every program."""
    by_language: dict[str, list[Sample]] = {}
    for row in _read(path, id=(str, int), language=str, loss_sum=(float, int), code_tokens=int):
        sample = (str(row["id"]), float(row["loss_sum"]), float(row["code_tokens"]))
        by_language.setdefault(row["language"], []).append(sample)
    return by_language


def _loss(samples: Sequence[Sample], options: EvaluateRecipe) -> Estimate:
    """Returns the mean loss in nats per code token; its interval resamples programs."""
    return estimate_ratio([[(nats, tokens) for _, nats, tokens in samples]], samples=options.bootstrap_samples)


def _mean(values: list[float], options: EvaluateRecipe) -> Estimate:
    low, high = bootstrap_interval(values, samples=options.bootstrap_samples)
    return Estimate(float(np.mean(values)), len(values), low, high)


def _with_own_experts(
    systems: dict[str, dict[str, dict[str, _Leaf]]], languages: Sequence[str]
) -> dict[str, dict[str, dict[str, _Leaf]]]:
    """Adds the system ``experts``, in which each language is judged with its own expert, after the base."""
    own: dict[str, dict[str, _Leaf]] = {}
    for language in languages:
        for metric, row in systems.get(f"expert:{language}", {}).items():
            if language in row:
                own.setdefault(metric, {})[language] = row[language]
    ordered = {"base": systems["base"], "experts": own} if "base" in systems else {"experts": own}
    return ordered | {name: metrics for name, metrics in systems.items() if name != "base"}


def _read(path: Path, **fields: type | tuple[type, ...]) -> list[Row]:
    """Reads the rows of a file that ``predict`` wrote, and checks that they have fields of these types.

    Raises:
        CheckpointError: The file cannot be read, or a row is malformed.
    """
    rows = []
    try:
        for number, row in read_json_lines(path):
            for name, kind in fields.items():
                if not isinstance(row.get(name), kind) or isinstance(row[name], bool):
                    raise DataError(f"{path}:{number}: {name} is {row.get(name)!r:.60}, which predict never writes")
            rows.append(row)
    except DataError as error:
        raise CheckpointError(f"{error}; delete the predict folder and run again") from error
    return rows
