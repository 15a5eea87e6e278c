"""The commands that add experts to a finished model and remove them: ``grow`` and ``drop``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moesaic.cli.exchange import ModelPath
from moesaic.cli.output import LogFile, Quiet
from moesaic.cli.stages import Overrides, RecipePath
from moesaic.errors import DataError, RecipeError
from moesaic.languages import get_language
from moesaic.progress import say

if TYPE_CHECKING:
    from moesaic.recipe import Recipe

_GROW = """Add languages to a finished model. The files of its other experts and their gates do not change.

RECIPE names all languages, the model's own first, and says where their programs are. For each new language, an expert
is trained and its row of each gate is fitted in closed form, on `gate.init_programs` programs of every language.
Nothing else is trained. The result is written to the workspace of RECIPE, which must not be that of MODEL. For example:

`moesaic grow runs/quickstart recipes/quickstart.yaml name=five data.languages=[python,java,javascript,cpp,ruby]`

`grow.languages=[java]` replaces the expert that MODEL has of Java. `grow.train_gates=true` trains all gates afterwards,
as the section `gate` says, and with `gate.joint_epochs` above 0 all experts. The same command goes on with a growth
that was stopped. To measure the result: `moesaic run runs/five/recipe.yaml`."""

_DROP = """Remove experts from a model. The files of the other experts and their gates do not change.

The logits of the other experts stay the same, so a model from which an added language is removed answers as it did
before that language was added. For example: `moesaic drop runs/five four ruby`."""


def register(app: typer.Typer) -> None:
    """Adds the commands to the app."""
    app.command("grow", help=_GROW)(_grow)
    app.command("drop", help=_DROP)(_drop)


def _grow(
    model: ModelPath,
    recipe: RecipePath,
    overrides: Overrides = None,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    from moesaic.checkpoint.native import locate
    from moesaic.pipeline.stages import Run

    run = Run(load_growth(model, recipe, overrides or []))
    run(("data", "keep", "experts", "expert_rewards", "compose", "gate", "reward"))
    typer.echo(str(locate(run.workspace.root)))


def load_growth(model: Path, path: Path, overrides: list[str]) -> Recipe:
    """Reads a recipe and sets ``grow.model``, and ``grow.languages`` if the recipe does not.

    Args:
        model: Path of the model that grows.
        path: The recipe file.
        overrides: Overrides such as ``experts.rank=8``.

    Raises:
        RecipeError: The recipe has problems, which the message lists, or no language is new.
        ModelError: There is no model.
        CheckpointError: The model is damaged.
    """
    from moesaic.checkpoint.native import read_model_folder
    from moesaic.recipe import DataRecipe, load_recipe, read_tree

    folder = read_model_folder(model)
    growth = [*overrides, f"grow.model={json.dumps(str(model), ensure_ascii=False)}"]
    tree, _ = read_tree(path, overrides)
    if "languages" in _section(tree, "grow"):
        return load_recipe(path, growth)
    languages = _section(tree, "data").get("languages")
    if not isinstance(languages, list) or not all(isinstance(name, str) for name in languages):
        languages = DataRecipe.model_fields["languages"].default
    new = [name for name in map(_known_name, languages) if name not in folder.names]
    if not new:
        raise RecipeError(
            [
                f"data.languages: the model in {folder.path} has experts of all of {', '.join(languages)}: name a "
                "further language, or with grow.languages the ones whose experts are to be replaced"
            ],
            str(path),
        )
    return load_recipe(path, [*growth, f"grow.languages={json.dumps(new)}"])


def _section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, dict) else {}


def _known_name(name: str) -> str:
    """Returns the name of a language for an alias, and an unknown name as it is; the recipe's checks refuse that."""
    try:
        return get_language(name).name
    except DataError:
        return name


def _drop(
    model: ModelPath,
    out: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    experts: Annotated[list[str], typer.Argument(help="Experts to leave out, by name.", metavar="EXPERT")],
) -> None:
    from moesaic.checkpoint.dropping import drop_experts

    folder = drop_experts(model, out, experts)
    say(f"experts that are left: {', '.join(folder.names)}")
    typer.echo(str(out))
