"""Runs benchmarks inside a run: makes prompts, cuts answers at their end, computes pass@1.

A problem's prompt is code to be continued. The answer is opened with this code, so that the model continues it. The
answer is cut where the definition that the prompt began ends (``execution.completions``), because a main program that
the model adds would collide with the benchmark's tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.data.fences import extract_code
from moesaic.data.mbxp import split_of
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError
from moesaic.execution.completions import cut_completion
from moesaic.execution.problems import Problem, read_problems
from moesaic.recipe import EvaluateRecipe, Recipe

if TYPE_CHECKING:
    from moesaic.statistics import Estimate, Sample

_LANGUAGE_IN_ID = ("humaneval-x", "mbxp")


def problem_ids(prompt: PromptFormat, problem: Problem) -> list[int]:
    """Returns the prompt of a problem as token ids: the task, and an answer that is opened with the problem's code."""
    return prompt.task_ids(problem.text, problem.prompt, problem.language)


def read_benchmark(recipe: Recipe, name: str, path: Path) -> dict[str, list[Problem]]:
    """Returns language -> problems of one benchmark of a recipe, in the recipe's languages.

    Raises:
        DataError: The benchmark's file is missing or malformed.
    """
    problems = read_problems(name, path)
    if name == "mbxp" and recipe.data.trains_on_mbxp:
        problems = held_out(problems, recipe.predict.split)
    return {language: group for language, group in problems.items() if language in recipe.data.languages}


def read_benchmarks(recipe: Recipe) -> dict[str, dict[str, list[Problem]]]:
    """Returns benchmark -> language -> problems; empty if no programs are generated.

    Raises:
        DataError: A benchmark's file is missing or malformed.
    """
    if recipe.predict.limit == 0:
        return {}
    return {name: read_benchmark(recipe, name, path) for name, path in recipe.predict.benchmarks.items()}


def benchmark_problems(recipe: Recipe, prompt: PromptFormat, context: int) -> list[str]:
    """Finds benchmarks that would end the stage ``predict``: their file cannot be read, or a prompt is too long.

    Args:
        recipe: The recipe.
        prompt: Prompts of the base's tokenizer.
        context: Length of the base's context in tokens. A prompt has to leave room for one token.

    Returns:
        One line per benchmark.
    """
    lines = []
    for name, path in recipe.predict.benchmarks.items() if recipe.predict.limit != 0 else ():
        try:
            problems = [problem for group in read_benchmark(recipe, name, path).values() for problem in group]
        except DataError as error:
            lines.append(f"predict.benchmarks.{name}: {error}")
            continue
        lengths = [(problem, len(problem_ids(prompt, problem))) for problem in problems]
        if long := [(problem, length) for problem, length in lengths if length >= context]:
            problem, length = long[0]
            others = f" ({len(long) - 1:,} more prompts are too long)" if len(long) > 1 else ""
            lines.append(
                f"predict.benchmarks.{name}: the prompt of problem {problem.id!r} in {problem.language} has {length:,} "
                f"tokens, but the context of {recipe.base.model} allows at most {context - 1:,}{others}: take such "
                f"problems out of {path}, leave the benchmark out, or use a base with a longer context"
            )
    return lines


def held_out(problems: Mapping[str, Sequence[Problem]], split: str) -> dict[str, list[Problem]]:
    """Returns the problems of MBXP in a split from which no training example was made.

    Args:
        problems: Language -> problems.
        split: ``validation`` or ``test``, as ``data.mbxp`` splits MBXP.
    """
    return {name: [problem for problem in group if split_of(problem.id) == split] for name, group in problems.items()}


def completion_row(problem: Problem, text: str, num_tokens: int, stopped: bool) -> dict[str, Any]:
    """Returns one line of a completions file, in the form that ``moesaic execute`` reads."""
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
        benchmark: Name of the benchmark.
        problems: Language -> problems.
        files: Completions files.
        options: Sandbox, consent and number of workers.
        rows: File of verdicts, from which a stopped grading is continued.

    Returns:
        Language -> pass@1 with its interval; language -> the verdict on each completion (1 if it passed) with the name
        of the problem, which is the same in every language; and the reasons why languages were skipped.

    Raises:
        ConsentError: The options do not allow code execution.
        DataError: A completions file or the file of verdicts cannot be used.
        ToolchainError: The sandbox does not work here.
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
    """Returns the name of a problem without its language: ``17`` for ``Java/17`` of HumanEval-X; likewise for MBXP."""
    return id_.rpartition("/")[2] if benchmark in _LANGUAGE_IN_ID else id_
