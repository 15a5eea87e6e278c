"""The command ``generate``: prints the program for a task while it is written, or answers a file of tasks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moesaic.cli.colours import coloured, legend_of
from moesaic.cli.naming import default_language, resolve_language
from moesaic.errors import DataError
from moesaic.progress import Bar, say

if TYPE_CHECKING:
    from moesaic.api import Answer, Model

CUT = 3
"""Exit code if a program was cut off at the limit of its tokens."""


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("generate", help="Write a program with a model, shown as it is written.")(_generate)


def _generate(
    model: Annotated[
        Path, typer.Argument(help="A model folder, a run's folder, or owner/name on the hub.", metavar="MODEL")
    ],
    text: Annotated[str | None, typer.Argument(help="The task, in words; - reads it from stdin.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Programming language or domain to write in; by default the model's first.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the task from this file instead.")] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines with a task per line, `text` and perhaps `language`; each comes back with `prediction`, "
            "`stopped` and `num_tokens`."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the formatted source, or the rows, to this file.")
    ] = None,
    stream: Annotated[
        bool, typer.Option(help="Show the program as it is written; --no-stream shows it formatted, at the end.")
    ] = True,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest program, in tokens.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="Temperature of sampling; 0 is greedy.")] = 0.0,
    top_p: Annotated[
        float, typer.Option(help="Nucleus sampling: share of the probability that tokens are sampled from.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Colour each token by the expert that weighed most.")] = False,
    base: Annotated[str | None, typer.Option(help="Where the base is now, if not where the model folder says.")] = None,
    dtype: Annotated[str, typer.Option(help="Type of the weights: auto, float32, bfloat16; int8 on a CPU.")] = "auto",
) -> None:
    from moesaic.model.options import check_dtype, check_sampling

    name = None if language is None else resolve_language(language, model)
    check_sampling(max_new_tokens, temperature, top_p)
    check_dtype(dtype)
    rows = _rows(text, file, batch, model, name)
    _check_output(output, trace, batch)
    if any(row["language"] is None for row in rows):
        first = default_language(model)
        rows = [{**row, "language": row["language"] or first} for row in rows]
    loaded = _load(model, base, dtype)
    settings = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
    if batch is not None:
        cut = _write_batch(loaded, rows, settings, output)
    elif trace or output is not None or not stream:
        cut = _write_one(loaded, rows[0], settings, trace, output)
    else:
        cut = _stream(loaded, rows[0], settings)
    if cut:
        what = "the program was" if batch is None else f"{cut} of {len(rows)} programs were"
        say(f"warning: {what} cut at {max_new_tokens} tokens, or where the context ends; --max-new-tokens allows more")
        raise typer.Exit(CUT)


def _rows(
    text: str | None, file: Path | None, batch: Path | None, model: Path, language: str | None
) -> list[dict[str, Any]]:
    """Returns the tasks with their text and language, before the model is loaded.

    The language is None if neither the command nor the row names one.

    Raises:
        DataError: There is no task or more than one source of tasks, or a task is empty or not UTF-8.
    """
    from moesaic.files import read_json_lines, read_text

    sources = [source for source in (text, file, batch) if source is not None]
    if len(sources) != 1:
        found = "none" if not sources else f"{len(sources)} of them"
        raise DataError(f"a task is needed as TEXT (- for stdin), by --file or by --batch: there is {found}")
    if batch is None:
        try:
            task = read_text(file) if file is not None else sys.stdin.read() if text == "-" else str(text)
        except ValueError as error:
            raise DataError(f"{file or 'stdin'}: cannot be read as UTF-8 text ({error})") from error
        return [{"text": _checked(task, "the task"), "language": language}]
    rows, resolved = [], {None: None, language: language}
    for number, row in read_json_lines(batch):
        where = f"{batch}, line {number}"
        if not isinstance(row.get("text"), str):
            raise DataError(f"{where}: text is {row.get('text')!r}: it has to be the task, in words")
        own = row.get("language", language)
        if "language" in row and not isinstance(own, str):
            raise DataError(f"{where}: language is {own!r}: it has to be the name of one")
        try:
            if own is not None and own not in resolved:
                resolved[own] = resolve_language(own, model)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        rows.append({**row, "text": _checked(row["text"], where), "language": resolved[own]})
    if not rows:
        raise DataError(f"{batch} has no rows")
    return rows


def _checked(task: str, where: str) -> str:
    if task != task.encode("utf-8", "replace").decode():
        raise DataError(f"{where}: {task[:60]!r} is not UTF-8: write it in a terminal whose encoding is UTF-8")
    if not task.strip():
        raise DataError(f"{where} is empty: say in words what the program should do")
    return task


def _check_output(output: Path | None, trace: bool, batch: Path | None) -> None:
    if trace and (output is not None or batch is not None):
        raise DataError("--trace is for one program on a terminal: leave out --output and --batch")
    if output is None:
        return
    if output.is_dir() or not output.parent.is_dir():
        raise DataError(f"--output {output}: not a file in an existing folder; choose another")
    if batch is not None and output.exists() and output.samefile(batch):
        raise DataError(f"--output {output}: would replace the tasks; choose another")


def _load(path: Path, base: str | None, dtype: str) -> Model:
    from moesaic.api import Model

    loaded = Model.to_write(path, base=base, dtype=dtype)
    if loaded.folder.path not in (path, path / "model") and path.exists():
        say(f"{path} is not finished: this is the model of its stage {loaded.folder.path.parent.name}")
    return loaded


def _write_batch(loaded: Model, rows: list[dict[str, Any]], settings: dict[str, Any], output: Path | None) -> int:
    from moesaic.files import dump_json, write_json_lines

    texts, languages = [row["text"] for row in rows], [row["language"] for row in rows]
    with _notes(), Bar("writing", None, "tokens") as bar:
        answers = loaded.generate(texts, language=languages, on_token=bar.advance, **settings)
    made = [
        {**row, "prediction": answer.code, "stopped": answer.stopped, "num_tokens": answer.num_tokens}
        for row, answer in zip(rows, answers, strict=True)
    ]
    if output is not None:
        write_json_lines(output, made)
    else:
        for row in made:
            typer.echo(dump_json(row))
    return sum(not answer.stopped for answer in answers)


def _write_one(loaded: Model, row: dict[str, Any], settings: dict[str, Any], trace: bool, output: Path | None) -> bool:
    from moesaic.files import write_text

    with _notes(), Bar("writing", None, "tokens") as bar:
        answer: Answer = loaded.generate(
            row["text"], language=row["language"], trace=trace, on_token=bar.advance, **settings
        )
    if trace and answer.trace is not None:
        _print_trace(answer, loaded.experts)
    elif output is not None:
        write_text(output, answer.code)
    else:
        typer.echo(answer.code, nl=False)
    return not answer.stopped


def _stream(loaded: Model, row: dict[str, Any], settings: dict[str, Any]) -> bool:
    with _notes():
        pieces = loaded.stream(row["text"], language=row["language"], **settings)
    last = "\n"
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        last = piece
    if not last.endswith("\n"):
        typer.echo()
    return not pieces.stopped


@contextmanager
def _notes() -> Iterator[None]:
    """Prints Python warnings as notes."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", UserWarning)
        yield
    for note in notes:
        say(f"note: {note.message}")


def _print_trace(answer: Answer, experts: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.text import Text

    text = Text()
    for token in answer.trace or ():
        text.append_text(coloured(token.text, token.experts_LK, token.weights_LK, len(experts)))
    console = Console()
    console.print(text)
    console.print(legend_of(experts))
