"""The command ``generate``: a task in, formatted source out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moesaic.errors import DataError
from moesaic.languages import get_language
from moesaic.progress import Bar, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moesaic.model.decode.generate import TokenTrace

_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_cyan", "bright_yellow")


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("generate", help="Write a program with a model: formatted source on stdout.")(_generate)


def _generate(
    model: Annotated[
        Path, typer.Argument(help="A model folder, a run's folder, or owner/name on the hub.", metavar="MODEL")
    ],
    text: Annotated[str, typer.Argument(help="The task, in words.")],
    language: Annotated[str, typer.Option(help="Programming language to write in.")] = "python",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest program, in tokens.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Colour each token by the expert that weighed most.")] = False,
    base: Annotated[str | None, typer.Option(help="Where the base is now, if not where the model folder says.")] = None,
) -> None:
    row = get_language(language)
    if not text.isascii() and text != text.encode("utf-8", "replace").decode():
        raise DataError(f"the task {text[:60]!r} is not UTF-8: write it in a terminal whose encoding is UTF-8")
    from moesaic.api import load

    loaded = load(model, base=base)
    if loaded.folder.path not in (model, model / "model") and model.exists():
        say(f"{model} is not finished: this is the model of its stage {loaded.folder.path.parent.name}")
    with warnings.catch_warnings(record=True) as notes, Bar("writing", None, "tokens") as bar:
        warnings.simplefilter("always", UserWarning)
        answer = loaded.generate(
            text,
            language=row.name,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            trace=trace,
            on_token=bar.advance,
        )
    for note in notes:
        say(f"note: {note.message}")
    if trace and answer.trace is not None:
        _print_trace(answer.trace, loaded.experts)
    else:
        typer.echo(answer.code, nl=False)


def _print_trace(trace: Sequence[TokenTrace], experts: Sequence[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    text = Text()
    for token in trace:
        weights = [0.0] * len(experts)
        for chosen_K, weights_K in zip(token.experts_LK, token.weights_LK, strict=True):
            for expert, weight in zip(chosen_K, weights_K, strict=True):
                weights[int(expert)] += float(weight)
        text.append(token.text, style=_COLOURS[weights.index(max(weights)) % len(_COLOURS)])
    console = Console()
    console.print(text)
    legend = Text("experts: ")
    for index, name in enumerate(experts):
        legend.append(f"{name} ", style=_COLOURS[index % len(_COLOURS)])
    console.print(legend)
