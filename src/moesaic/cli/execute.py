"""The command ``execute``: runs programs against a benchmark's tests in a sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from moesaic.execution.grading import BenchmarkResult


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("execute", help="Run programs against a benchmark's tests, in a sandbox.")(_execute)


def _execute(
    benchmark: Annotated[str, typer.Argument(help="humaneval-x, mbxp, corpus (embedded) or own (docs/execution.md).")],
    problems: Annotated[
        Path | None, typer.Argument(help="The benchmark's file or folder; none, or -, for corpus.")
    ] = None,
    completions: Annotated[
        Path | None,
        typer.Argument(
            help="JSON Lines with task_id and completion, prediction or program; none: grade the gold solutions."
        ),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Only this language.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list instead of a table.")] = False,
    rows: Annotated[
        Path | None, typer.Option(help="File for one JSON line per program; an existing one resumes.")
    ] = None,
    allow_code_execution: Annotated[
        bool, typer.Option("--allow-code-execution", help="Consent to running the programs; without it nothing runs.")
    ] = False,
    sandbox: Annotated[str, typer.Option(help="bubblewrap, or rlimit (much weaker).")] = "bubblewrap",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs at a time; as many as processors by default.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that a program may run.")] = 10.0,
) -> None:
    from moesaic.execution.grading import execute, read_completions
    from moesaic.execution.problems import read_problems
    from moesaic.execution.sandbox import Limits, Sandbox, check_mode
    from moesaic.progress import say

    path = None if problems == Path("-") else problems  # "-" takes the place of a path, which the corpus does not have
    found = read_problems(benchmark, path, language)
    samples = None if completions is None else read_completions(completions)
    limits = Limits(wall_seconds=timeout)
    with Sandbox(check_mode(sandbox), allow_code_execution=allow_code_execution, limits=limits) as box:
        results = execute(benchmark, found, samples, sandbox=box, workers=workers, rows=rows)
    for result in results:
        if result.skipped:
            say(f"{result.language} skipped: {result.skipped}")
    if as_json:
        typer.echo(json.dumps([result.to_dict() for result in results]))
    else:
        _print_table(results)


def _print_table(results: list[BenchmarkResult]) -> None:
    from rich.console import Console
    from rich.table import Table

    ks = sorted({k for result in results for k in result.pass_at_k})
    statuses = list(next((result.status for result in results if result.status), {}))
    table = Table(box=None)
    for name in (
        "language",
        "total",
        *(status.replace("_", " ") for status in statuses),
        *(f"pass@{k}" for k in ks),
        "seconds",
    ):
        table.add_column(name, justify="left" if name == "language" else "right")
    for result in results:
        if result.skipped:
            table.add_row(result.language, str(result.total), "skipped")
            continue
        estimates = [f"{result.pass_at_k[k].value:.3f}" if k in result.pass_at_k else "" for k in ks]
        counts = [str(result.status[status]) for status in statuses]
        table.add_row(result.language, str(result.total), *counts, *estimates, f"{result.seconds:.1f}")
    Console(highlight=False).print(table)
