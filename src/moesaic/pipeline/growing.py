"""Runs that grow a finished model (``grow.model``): checks the recipe and makes the grown model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from moesaic.checkpoint.description import BASE, DESCRIPTION, ModelFolder
from moesaic.checkpoint.native import read_model_folder
from moesaic.errors import RecipeError
from moesaic.files import digest_of, file_digest, read_json_object, write_json
from moesaic.gates import ANCHOR, GATES
from moesaic.progress import say
from moesaic.recipe import Recipe

if TYPE_CHECKING:
    from moesaic.data.examples import Example
    from moesaic.data.prompts import EncodedExample
    from moesaic.pipeline.session import Session

GROWTH: Final = "growth.json"


def starting_model(recipe: Recipe) -> ModelFolder | None:
    """Returns the model that a run grows from, after checking it against the recipe; None if the run does not grow one.

    Raises:
        RecipeError: The recipe does not fit the model; the message lists every problem.
        ModelError: There is no model at ``grow.model``.
        CheckpointError: The model is damaged.
    """
    if recipe.grow.model is None:
        return None
    place = recipe.grow.model.expanduser()
    folder = read_model_folder(place)
    problems = growth_problems(recipe, folder)
    if problems:
        raise RecipeError(problems)
    return folder


def growth_problems(recipe: Recipe, folder: ModelFolder) -> list[str]:
    """Returns a message for each part of a recipe that does not fit the model to grow, with the key to change."""
    problems = []
    if folder.path.resolve().is_relative_to(recipe.workspace.resolve()):
        problems.append(
            f"name: the model in {folder.path} lies in this run's own folder, {recipe.workspace}, where it would be "
            f"overwritten: give the run another name (name={recipe.name}-{'-'.join(recipe.grow.languages)})"
        )
    had = [expert.name for expert in folder.adapters]
    wanted = [*had, *(name for name in recipe.data.languages if name not in had)]
    if list(recipe.data.languages) != wanted:
        problems.append(
            f"data.languages: it is {', '.join(recipe.data.languages)}, but the model's experts, in this order, come "
            f"first: data.languages=[{', '.join(wanted)}]"
        )
    new = [name for name in recipe.data.languages if name not in had]
    if missing := [name for name in new if name not in recipe.grow.languages]:
        problems.append(
            f"grow.languages: the model has no expert of {', '.join(missing)}: add it, or take it out of data.languages"
        )
    if not set(had) - set(recipe.grow.languages):
        problems.append(
            f"grow.languages: all of the model's experts ({', '.join(had)}) would be replaced, which is a new model: "
            "leave grow.model out"
        )
    gate = recipe.gate
    if gate.kind != folder.kind:
        problems.append(f"gate.kind: it is {gate.kind}, but the model's gates are {folder.kind}")
    elif not GATES[gate.kind].mixes_all and gate.top_k != folder.top_k:
        problems.append(f"gate.top_k: it is {gate.top_k}, but the model uses {folder.top_k} experts per token")
    if gate.anchor != folder.has_anchor:
        has = f"has an anchor ({ANCHOR})" if folder.has_anchor else "has no anchor"
        problems.append(f"gate.anchor: it is {str(gate.anchor).lower()}, but the model {has}")
    if gate.shared_rank and recipe.trains_gates:
        problems.append(
            f"gate.shared_rank: it is {gate.shared_rank}, which changes the base under the experts that are to stay: "
            "set it to 0"
        )
    return problems


def model_digest(folder: ModelFolder) -> str:
    """Returns a digest of everything that a model's output depends on: base, experts in their order, gates."""
    files = read_json_object(folder.path / DESCRIPTION)["files"]
    own = sorted(name for name in files if not name.startswith(f"{BASE}/"))
    contents = [[name, file_digest(folder.path / name)] for name in own]
    return digest_of([folder.base_digest, folder.kind, folder.top_k, list(folder.names), contents])


def grow(session: Session, start: ModelFolder, programs: dict[str, list[EncodedExample]], folder: Path) -> None:
    """Makes the grown model and writes ``growth.json``: the kept and new experts, and each language's losses.

    Args:
        session: The run, whose new experts are trained.
        start: The model that grows.
        programs: Expert name -> encoded training programs.
        folder: Folder of the stage ``compose``.

    Raises:
        CheckpointError: A file of the model or of an adapter is corrupt.
        DataError: A language has no programs.
        ModelError: An expert was trained on another base.
    """
    from moesaic.train.growth import grow_folder

    recipe, adapters = session.recipe, session.trained_experts()
    languages, limit = recipe.data.languages, recipe.gate.init_programs
    validation = [example for name in languages for example in session.examples(name, "validation")[:limit]]
    growth = grow_folder(
        session.accelerator,
        session.base,
        session.base_spec(),
        start,
        {name: adapters[name] for name in recipe.trained_languages},
        languages,
        programs,
        _answers(session),
        [session.prompt.encode(example) for example in validation],
        recipe.predict.row_tokens,
        folder / "model",
    )
    write_json(folder / GROWTH, {"model": str(start.path), **growth.to_dict()})
    say(growth.summary())
    for line in growth.warnings(recipe.keep.tolerance):
        say(line)


def _answers(session: Session) -> dict[str, tuple[list[EncodedExample], list[EncodedExample]]]:
    """Returns the base's answers in the new languages; none without an anchor, which would have to give them."""
    recipe, limit = session.recipe, session.recipe.gate.init_programs
    if recipe.data.keep is None or not recipe.gate.anchor:
        return {}
    splits = [session.kept_examples(split, recipe.trained_languages) for split in ("train", "validation")]
    return {
        name: (_encoded(session, training, limit), _encoded(session, validation, limit))
        for name in recipe.trained_languages
        if (training := splits[0][name]) and (validation := splits[1][name])
    }


def _encoded(session: Session, examples: list[Example], limit: int) -> list[EncodedExample]:
    """Encodes at most ``limit`` examples at regular intervals, because answers to the same prompt are neighbours."""
    step = max(1, len(examples) // limit)
    return [session.prompt.encode(example) for example in examples[::step][:limit]]
