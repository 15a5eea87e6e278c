"""Splits the programs of benchmarks into chunks that several machines judge at the same time.

Each machine that gets a chunk judges it and returns the verdicts. These are appended to the rows file from which
``evaluate`` takes verdicts over, so no other part of ``evaluate`` has to know about the machines. Before, module
``nodes`` has checked that all machines have the same tools.
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
"""Number of problems per chunk. This is a few seconds of work, so that all machines are busy until the end."""


@dataclass(frozen=True)
class Chunk:
    """Some programs of one system in one language.

    Attributes:
        benchmark: Name of the benchmark.
        problems: The problems.
        completions: The system's completions of the problems.
        rows: File to which the command's own process appends the verdicts.
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
        session: A session whose stage ``predict`` is finished.
        folder: Folder of the stage ``evaluate``.

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

    Args:
        options: The recipe's section ``evaluate``.
        chunk: The programs.

    Returns:
        The verdicts; an empty list if tools are missing on this machine, which the stage ``evaluate`` reports itself.

    Raises:
        ConsentError: Running programs is not allowed.
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
