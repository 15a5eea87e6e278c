"""The command ``score``: computes the scores of a file of predictions, with their guards."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from moesaic.evaluate.score import FileScore
    from moesaic.statistics import Estimate


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("score", help="Score predicted programs against references: CodeBLEU or BLEU, with guards.")(_score)


def _score(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="JSON Lines with prediction and reference (a string or several), optionally language and id.",
            metavar="PREDICTIONS",
        ),
    ],
    language: Annotated[str, typer.Option(help="Programming language; all: the one each line names.")],
    metric: Annotated[str, typer.Option(help="codebleu or bleu.")] = "codebleu",
    protocol: Annotated[str, typer.Option(help="Of CodeBLEU: strict, or reference (codebleu 0.7.0).")] = "strict",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    rows: Annotated[Path | None, typer.Option(help="File for one JSON line per pair.")] = None,
    detokenize: Annotated[
        bool | None,
        typer.Option(
            "--detokenize/--no-detokenize",
            help="Turn XLCoST token streams into source first. Default: yes, but never in the reference protocol.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap intervals.")] = 0,
) -> None:
    from moesaic.evaluate.score import score_file

    with _opened(rows, predictions) as file:
        result = score_file(
            predictions,
            language,
            metric=metric,
            protocol=protocol,
            detokenize=detokenize,
            workers=workers,
            seed=seed,
        )
        if file is not None:
            file.writelines(json.dumps(row) + "\n" for row in result.rows)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        _print(result)


@contextlib.contextmanager
def _opened(path: Path | None, predictions: Path) -> Iterator[TextIO | None]:
    """Opens the rows file before the work begins. If the work fails, an earlier file does not change."""
    from moesaic.errors import DataError
    from moesaic.files import replacing

    if path is None:
        yield None
        return
    if path.exists() and not path.is_file():
        raise DataError(f"--rows {path}: not a file to which rows can be written; choose another")
    if path.exists() and predictions.exists() and path.samefile(predictions):
        raise DataError(f"--rows {path}: would replace the predictions; choose another")
    try:
        with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise DataError(f"--rows {path}: cannot be written: {error.strerror}") from error


def _print(result: FileScore) -> None:
    from rich.console import Console

    console = Console()
    for table in (_score_table(result), _guard_table(result)):
        console.print(table)


def _score_table(result: FileScore) -> Table:
    from rich.table import Table

    protocol = f", protocol {result.protocol}" if result.protocol else ""
    table = Table(title=f"Mean over programs [95% interval]{protocol}", box=None, title_justify="left")
    names = list(next(iter(result.languages.values())).estimates)
    for name in ("language", "n", *reversed(names)):
        table.add_column(name, justify="left" if name == "language" else "right")
    for language, score in result.languages.items():
        cells = [_cell(score.estimates[name], with_interval=name == names[-1]) for name in reversed(names)]
        table.add_row(language, str(score.guards["n"]), *cells)
    return table


def _cell(estimate: Estimate, *, with_interval: bool) -> str:
    if estimate.value is None:
        return "-"
    interval = f" \\[{estimate.low:.3f}, {estimate.high:.3f}]" if with_interval else ""
    return f"{estimate.value:.3f}{interval}"


def _guard_table(result: FileScore) -> Table:
    from rich.table import Table

    table = Table(title="What the score cannot see: shares of the programs", box=None, title_justify="left")
    names = [name for name in next(iter(result.languages.values())).guards if name != "n"]
    for name in ("language", *names):
        table.add_column(name.replace("_", " "), justify="left" if name == "language" else "right")
    for language, score in result.languages.items():
        table.add_row(language, *(f"{score.guards[name]:.3f}" for name in names))
    return table
