"""Makes the baselines of the table: other models made of the same experts or the same data.

    linear, ties, dare_ties   the experts merged into one adapter                    ``merges``
    dense_lora                one adapter on all languages, no fewer parameters and tokens than the Mixture-of-Experts
    dense_lora_keep           the same, trained on the base's answers that the Mixture-of-Experts keeps, too
    moe_gates                 the Mixture-of-Experts as it was before gates and experts were trained together
    hidden_gates              the Mixture-of-Experts under mergekit's hidden-state gates, not trained
    arrow                     the experts routed by their own deltas                 ``arrow``

A baseline's folder holds an adapter, a model folder or the routed adapters, and ``baseline.json``, which says how to
run it and what was chosen on the way. Nothing here reads the test split: choices fall on validation.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from safetensors.torch import load_file

from moesaic.checkpoint.native import load_moe, save_model_folder
from moesaic.data.prompts import EncodedExample
from moesaic.errors import CheckpointError
from moesaic.files import read_json, write_json
from moesaic.gates import experts_per_token
from moesaic.model.adapter_config import CONFIG_FILE
from moesaic.model.backbone import Base
from moesaic.model.lora import WEIGHTS_FILE, anchor_expert, read_adapter
from moesaic.model.moe import decompose
from moesaic.recipe import Baseline, ExpertsRecipe, Recipe
from moesaic.train.arrow import arrow_model
from moesaic.train.budget import dense_options
from moesaic.train.composition import compose_folder
from moesaic.train.experts import seed_of, train_adapter
from moesaic.train.gate import GATES
from moesaic.train.injection import adapted
from moesaic.train.merges import merge_linear, merge_tuned
from moesaic.train.objective import Kept
from moesaic.train.rows import ranks_of
from moesaic.train.selection import Programs

NOTE = "baseline.json"
"""Says of a baseline's folder what it holds (``kind``) and how it came about."""

Kind = Literal["adapter", "model", "arrow"]


def make_baseline(
    name: Baseline,
    accelerator: Accelerator,
    base: Base,
    adapters: Mapping[str, Path],
    training: Sequence[EncodedExample],
    validation: Sequence[EncodedExample],
    recipe: Recipe,
    folder: Path,
    kept: Kept | None = None,
    gate: Path | None = None,
    programs: Programs | None = None,
) -> dict[str, Any]:
    """Makes a baseline by its name in the recipe.

    Args:
        name: Which.
        accelerator: Device and precision; the base is on its device.
        base: The base model; the same object, unchanged, afterwards.
        adapters: Expert name -> adapter folder of the stage ``experts``, in the recipe's order.
        training: Encoded training examples of all languages.
        validation: Encoded validation examples of all languages.
        recipe: The recipe.
        folder: Where it goes; ``baseline_model`` reads it.
        kept: The base's answers to be kept; None without ``data.keep``.
        gate: Folder of the stage ``gate``; ``moe_gates`` needs it.
        programs: Whose programs decide between the states of a dense LoRA; None: the validation loss does.

    Returns:
        What ``baseline.json`` says.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base.
        DataError: No training or validation example, where they are needed.
    """
    languages, seed = recipe.data.languages, recipe.seed
    kind: Kind = "adapter"
    match name:
        case "linear":
            facts = merge_linear(base, adapters, folder)
        case "ties" | "dare_ties":
            rows = recipe.gate.row_tokens
            facts = merge_tuned(name, accelerator, base, adapters, validation, languages, rows, seed, folder)
        case "dense_lora" | "dense_lora_keep":
            keeps = name == "dense_lora_keep"
            schedules = dense_options(training, recipe, kept, keeps=keeps)
            own = kept if keeps else None
            parts = (accelerator, base, training, validation, languages)
            facts = train_dense(*parts, schedules, seed, folder, own, programs)
        case "moe_gates":
            assert gate is not None
            kind = "model"
            facts = copy_before_joint(base, adapters, gate, recipe, folder)
        case "hidden_gates":
            kind = "model"
            facts = compose_hidden_gates(accelerator, base, adapters, training, recipe, folder)
        case "arrow":
            kind = "arrow"
            top_k = experts_per_token(recipe.gate.kind, min(recipe.gate.top_k, len(adapters)), len(adapters))
            facts = copy_arrow(adapters, top_k, seed, folder)
    note = {"baseline": name, "kind": kind, **facts}
    if accelerator.is_main_process:
        write_json(folder / NOTE, note)
    return note


def train_dense(
    accelerator: Accelerator,
    base: Base,
    training: Sequence[EncodedExample],
    validation: Sequence[EncodedExample],
    languages: Sequence[str],
    schedules: Mapping[str, ExpertsRecipe],
    seed: int,
    folder: Path,
    kept: Kept | None = None,
    programs: Programs | None = None,
) -> dict[str, Any]:
    """Trains an adapter on all languages by each schedule; the best state of all is kept.

    Args:
        accelerator: Device and precision.
        base: The base model; the same object, unchanged, afterwards.
        training: Encoded training examples of all languages.
        validation: Encoded validation examples of all languages.
        languages: All languages of the run.
        schedules: Schedule -> hyperparameters, which differ in the schedule alone (``dense_options``).
        seed: Seed of the run.
        folder: Gets the adapter, and ``<schedule>/`` with the metrics of each; a killed training goes on from its
            checkpoint there, and a finished one is not repeated.
        kept: Answers of the base to be kept.
        programs: Whose programs decide between states; None: the validation loss does.

    Returns:
        Facts for ``baseline.json``: the hyperparameters, every schedule tried, and the one that was chosen.
    """
    ranks, tried = ranks_of(accelerator), []
    for schedule, options in schedules.items():
        own = folder / schedule
        finished = own / "training.json"
        if not ranks.first(finished.exists()):
            if ranks.is_first:
                own.mkdir(exist_ok=True)
            name = f"dense_lora/{schedule}"
            parts = (accelerator, base, name, training, validation, languages, options, seed, own, kept)
            result = train_adapter(*parts, programs=programs)
            if ranks.is_first:
                write_json(finished, asdict(result))
        trained = ranks.first(read_json(finished) if ranks.is_first else None)
        tried.append({"schedule": schedule, "epochs": options.epochs, "training": trained})
    chosen = min(tried, key=lambda row: row["training"]["best_loss"])["schedule"]
    for schedule in schedules if ranks.is_first else ():
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            source = folder / schedule / file
            if schedule != chosen:
                source.unlink(missing_ok=True)
            elif source.exists():  # a killed run may have moved it
                source.replace(folder / file)
    common = {key: getattr(schedules[chosen], key) for key in ("rank", "alpha", "learning_rate")}
    return {**common, "targets": schedules[chosen].target_modules(), "chosen": chosen, "tried": tried}


def compose_hidden_gates(
    accelerator: Accelerator,
    base: Base,
    adapters: Mapping[str, Path],
    training: Sequence[EncodedExample],
    recipe: Recipe,
    folder: Path,
) -> dict[str, Any]:
    """Writes the composed model with gates of mean hidden states (``gate.init: prompts``) to ``folder/model``.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model; the same object, unchanged, afterwards.
        adapters: Expert name -> adapter folder.
        training: Encoded training examples; of each language the first ``gate.init_programs`` count.
        recipe: The recipe.
        folder: The baseline's folder.

    Returns:
        Facts for ``baseline.json``.
    """
    count = recipe.gate.init_programs
    # Without an anchor, which mergekit has no prompts for.
    options = recipe.gate.model_copy(update={"anchor": False, "top_k": min(recipe.gate.top_k, len(adapters))})
    programs = {name: [example for example in training if example.language == name][:count] for name in adapters}
    compose_folder(
        accelerator,
        base,
        recipe.base.model_dump(mode="json"),
        adapters,
        programs,
        options,
        "prompts",
        recipe.predict.row_tokens,
        folder / "model",
    )
    return {"gates": "prompts", "programs": {name: len(items) for name, items in programs.items()}}


def copy_before_joint(
    base: Base, adapters: Mapping[str, Path], gate: Path, recipe: Recipe, folder: Path
) -> dict[str, Any]:
    """Writes the model as it was when its gates were trained and its experts not yet with them, to ``folder/model``.

    Args:
        base: The base model.
        adapters: Expert name -> adapter folder.
        gate: Folder of the stage ``gate``.
        recipe: The recipe.
        folder: The baseline's folder.

    Returns:
        Facts for ``baseline.json``.
    """
    experts = [read_adapter(path, name) for name, path in adapters.items()]
    experts += [anchor_expert()] if recipe.gate.anchor else []
    save_model_folder(
        folder / "model",
        base_spec=recipe.base.model_dump(mode="json", exclude_none=True),
        base_digest=base.digest,
        experts=experts,
        router_tensors=load_file(gate / "gates" / GATES),
        kind=recipe.gate.kind,
        top_k=experts_per_token(recipe.gate.kind, recipe.gate.top_k, len(experts)),
        reuse=adapters,
    )
    return {"gates": "trained alone"}


def copy_arrow(adapters: Mapping[str, Path], top_k: int, seed: int, folder: Path) -> dict[str, Any]:
    """Keeps what Arrow needs, the adapters themselves: its prototypes follow from them when they are loaded.

    Args:
        adapters: Expert name -> adapter folder.
        top_k: Experts a token.
        seed: Seed of the run.
        folder: Gets ``experts/<name>/``.

    Returns:
        Facts for ``baseline.json``.
    """
    for name, path in adapters.items():
        (folder / "experts" / name).mkdir(parents=True, exist_ok=True)
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            shutil.copyfile(path / file, folder / "experts" / name / file)
    return {"top_k": top_k, "seed": seed_of(seed, "arrow"), "experts": list(adapters)}


@contextmanager
def baseline_model(base: Base, folder: Path) -> Iterator[Any]:
    """The base made into a baseline, ready to be measured and to generate; put back afterwards.

    Args:
        base: The base model that the baseline was made on.
        folder: The baseline's folder.

    Yields:
        The base's causal language model, which computes as the baseline does.

    Raises:
        CheckpointError: The folder is no baseline's, or its files are corrupt.
        ModelError: It was made on another base.
    """
    note = read_json(folder / NOTE)
    match note.get("kind"):
        case "adapter":
            with adapted(base, folder) as model:
                yield model
        case "model":
            model, _, _ = load_moe(folder / "model", base=base, factor_dtype=base.model.dtype)
            try:
                yield model
            finally:
                decompose(model)
        case "arrow":
            adapters = [folder / "experts" / name for name in note["experts"]]
            with arrow_model(base, adapters, note["top_k"], note["seed"]) as model:
                yield model
        case kind:
            raise CheckpointError(
                f"{folder / NOTE}: kind is {kind!r}; delete {folder} and run moesaic baselines RECIPE"
            )
