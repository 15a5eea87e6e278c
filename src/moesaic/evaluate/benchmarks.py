"""Runs benchmarks inside a run: makes prompts, cuts answers at their end, computes pass@1.

A problem's prompt is code to be continued. The answer is opened with it, so that what follows continues it, and is cut
where the definition that the prompt began ends (``execution.completions``), since a model that goes on with a main
program of its own would collide with the benchmark's tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.data.fences import extract_code
from moesaic.data.mbxp import split_of
from moesaic.data.prompts import PromptFormat
from moesaic.execution.completions import cut_completion
from moesaic.execution.problems import Problem
from moesaic.recipe import EvaluateRecipe

if TYPE_CHECKING:
    from moesaic.statistics import Estimate, Sample

_LANGUAGE_IN_ID = ("humaneval-x", "mbxp")


def problem_ids(prompt: PromptFormat, problem: Problem) -> list[int]:
    """Returns the prompt of a problem as tokens: the task, and an answer opened with the problem's code, if any."""
    return prompt.task_ids(problem.text, problem.prompt, problem.language)


def held_out(problems: Mapping[str, Sequence[Problem]], split: str) -> dict[str, list[Problem]]:
    """Returns MBXP's problems of a split that no training example was made of.

    Args:
        problems: Language -> problems.
        split: ``validation`` or ``test``, of MBXP's own (``data.mbxp``).
    """
    return {name: [problem for problem in group if split_of(problem.id) == split] for name, group in problems.items()}


def completion_row(problem: Problem, text: str, num_tokens: int, stopped: bool) -> dict[str, Any]:
    """Returns the line of a completions file, which ``moesaic execute`` reads as it is."""
    return {
        "task_id": problem.id,
        "language": problem.language,
        "completion": extract_code(text, problem.language) if problem.text else cut_completion(problem, text),
        "num_tokens": num_tokens,
        "stopped": stopped,
    }


def pass_at_1(
    benchmark: str,
    problems: Mapping[str, Sequence[Problem]],
    files: Sequence[Path],
    options: EvaluateRecipe,
    rows: Path,
) -> tuple[dict[str, Estimate], dict[str, list[Sample]], list[str]]:
    """Grades one system's completions of a benchmark.

    Args:
        benchmark: Its name.
        problems: Language -> problems.
        files: Completions files.
        options: Sandbox, consent and workers.
        rows: File of verdicts, also used to resume.

    Returns:
        Language -> pass@1 with its interval; language -> the verdict on each completion (1 for one that passed), by the
        problem's name, which is the same in every language; and the reasons for languages that were skipped.
    """
    from moesaic.execution.grading import execute, read_completions
    from moesaic.execution.sandbox import Sandbox

    completions = [completion for file in files for completion in read_completions(file)]
    with Sandbox(options.sandbox, allow_code_execution=options.allow_code_execution) as sandbox:
        results = execute(benchmark, problems, completions, sandbox=sandbox, workers=options.workers, rows=rows)
    estimates = {result.language: result.pass_at_k[1] for result in results if 1 in result.pass_at_k}
    verdicts = {
        result.language: [(problem_name(benchmark, row.id), float(row.passed), 1.0) for row in result.rows]
        for result in results
        if result.language in estimates
    }
    skipped = [f"{benchmark}, {result.language}: {result.skipped}" for result in results if result.skipped]
    return estimates, verdicts, skipped


def problem_name(benchmark: str, id_: str) -> str:
    """Returns what a problem is called in every language: ``17`` for ``Java/17`` of HumanEval-X, and so in MBXP."""
    return id_.rpartition("/")[2] if benchmark in _LANGUAGE_IN_ID else id_
