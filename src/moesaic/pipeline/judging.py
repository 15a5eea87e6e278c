"""Splits the programs of benchmarks into chunks that several machines judge at the same time.

A chunk is judged where it is sent; its verdicts come back and are appended to the rows file that ``evaluate`` takes
verdicts over from, so that nothing else of it knows. Every machine was asked for the same tools before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from moesaic.errors import DataError, ToolchainError
from moesaic.execution.grading import Completion, execute, read_completions
from moesaic.execution.problems import Problem
from moesaic.execution.rows import Row, known_rows
from moesaic.execution.sandbox import Sandbox
from moesaic.recipe import EvaluateRecipe

if TYPE_CHECKING:
    from moesaic.pipeline.session import Session

PROBLEMS: Final = 32
"""Of a chunk: seconds of work, so that all machines are busy to the end."""


@dataclass(frozen=True)
class Chunk:
    """Some programs of one system in one language.

    Attributes:
        benchmark: Its name.
        problems: Problems.
        completions: What the system wrote for them.
        rows: The file that verdicts go to, where the command was given.
    """

    benchmark: str
    problems: Sequence[Problem]
    completions: Sequence[Completion]
    rows: Path

    def __str__(self) -> str:
        return f"{self.benchmark} {self.rows.parent.name} {self.problems[0].language} from {self.problems[0].id}"


def open_chunks(session: Session, folder: Path) -> Iterator[Chunk]:
    """Yields the programs of all systems and benchmarks that have no verdict yet.

    Args:
        session: With the finished stage ``predict``.
        folder: Of the stage ``evaluate``.

    Raises:
        DataError: A file of completions cannot be read.
    """
    options = session.recipe.evaluate
    if not options.allow_code_execution:
        return
    for benchmark, problems in session.benchmarks().items():
        for file in sorted((session.workspace.path("predict") / "benchmarks" / benchmark).glob("*/*.jsonl")):
            rows = folder / "rows" / file.parent.name / f"{benchmark}.jsonl"
            rows.parent.mkdir(parents=True, exist_ok=True)
            known = known_rows(rows)
            completions: dict[str, list[Completion]] = {}
            for completion in read_completions(file):
                completions.setdefault(completion.id, []).append(completion)
            group = [problem for problem in problems[file.stem] if problem.id in completions]
            group = [problem for problem in group if (problem.language, problem.id, 0) not in known]
            for start in range(0, len(group), PROBLEMS):
                some = group[start : start + PROBLEMS]
                yield Chunk(benchmark, some, [text for problem in some for text in completions[problem.id]], rows)


def judge_chunk(options: EvaluateRecipe, chunk: Chunk) -> list[Row]:
    """Runs the programs of a chunk, one at a time.

    Returns:
        Their verdicts; none where the tools are missing, which ``evaluate`` says itself.
    """
    language = chunk.problems[0].language
    try:
        with Sandbox(options.sandbox, allow_code_execution=options.allow_code_execution) as sandbox:
            results = execute(
                chunk.benchmark, {language: chunk.problems}, chunk.completions, sandbox=sandbox, workers=1
            )
    except (DataError, ToolchainError):
        return []
    return [row for result in results for row in result.rows]
