"""Makes the baselines of the table: other models made of the same experts or the same data.

    linear, ties, dare_ties   the experts merged into one adapter (module ``merges``)
    dense_lora                one adapter trained on all languages, with at least as many parameters and tokens as the
                              Mixture-of-Experts
    dense_lora_keep           the same, also trained on the kept answers that the Mixture-of-Experts is trained on
    dense_lora_reward         one of both, then trained on rewards (``moesaic.pipeline.rewards.reward_dense``)
    moe_gates                 the Mixture-of-Experts as it was before joint training
    hidden_gates              the Mixture-of-Experts with mergekit's hidden-state gates, untrained
    arrow                     the experts routed by their own deltas (module ``arrow``)

The folder of a baseline contains an adapter, a model folder or the routed adapters, and ``baseline.json``, which says
how to run the baseline and which choices were made. All choices use the validation split; nothing here reads the test
split.
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
"""File that says what a baseline's folder contains (``kind``) and how it was made."""

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
    """Makes one baseline.

    Args:
        name: The baseline's name in the recipe (``compare``).
        accelerator: Device and precision; the base is on its device.
        base: The base model. It is changed in place and restored afterwards.
        adapters: Expert name -> adapter folder of the stage ``experts``, in the recipe's order.
        training: Encoded training examples of all languages.
        validation: Encoded validation examples of all languages.
        recipe: The recipe.
        folder: Folder to write to; ``baseline_model`` reads it.
        kept: The kept answers; None without ``data.keep``.
        gate: Folder of the stage ``gate``, required for ``moe_gates``.
        programs: Tasks whose greedy programs decide between the states of a dense LoRA. If None, the validation loss
            decides.

    Returns:
        The content of ``baseline.json``.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base.
        DataError: A dense LoRA has no training or no validation example.
        TrainingError: A loss or a gradient of a dense LoRA is not finite.
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
    """Trains one adapter on all languages with each schedule and keeps the best state of all.

    Args:
        accelerator: Device and precision.
        base: The base model. It is changed in place and restored afterwards.
        training: Encoded training examples of all languages.
        validation: Encoded validation examples of all languages.
        languages: All languages of the run.
        schedules: Schedule -> hyperparameters, which differ only in the length of training (``dense_options``).
        seed: Seed of the run.
        folder: Folder for the adapter, with a subfolder ``<schedule>/`` for the metrics of each schedule. A training
            that was killed continues from its checkpoint there, and a finished one is not repeated.
        kept: The kept answers, if the adapter is trained on them.
        programs: Tasks whose greedy programs decide between states. If None, the validation loss decides.

    Returns:
        Facts for ``baseline.json``: the hyperparameters, all schedules with their results, and the chosen one.

    Raises:
        DataError: There is no training or no validation example.
        TrainingError: A loss or a gradient is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
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
            elif source.exists():  # a run that was killed here may have moved the file already
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
    """Writes the Mixture-of-Experts with gates made of mean hidden states (``gate.init: prompts``) to ``folder/model``.

    Args:
        accelerator: Precision of the forward passes.
        base: The base model. It is changed in place and restored afterwards.
        adapters: Expert name -> adapter folder.
        training: Encoded training examples; the first ``gate.init_programs`` of each language are used.
        recipe: The recipe.
        folder: The baseline's folder.

    Returns:
        Facts for ``baseline.json``.

    Raises:
        CheckpointError: An adapter's files are corrupt.
        ModelError: An adapter does not fit the base.
    """
    count = recipe.gate.init_programs
    # The anchor is left out, because mergekit's method has no prompts for it.
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
    """Writes the Mixture-of-Experts as it was after its gates were trained and before joint training.

    Args:
        base: The base model.
        adapters: Expert name -> adapter folder.
        gate: Folder of the stage ``gate``, which contains the gates of that state.
        recipe: The recipe.
        folder: The baseline's folder; the model folder is ``folder/model``.

    Returns:
        Facts for ``baseline.json``.

    Raises:
        CheckpointError: An adapter's files are corrupt.
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
    """Copies the adapters for Arrow. Its prototypes are computed from them when the baseline is loaded.

    Args:
        adapters: Expert name -> adapter folder.
        top_k: Experts per token.
        seed: Seed of the run.
        folder: The baseline's folder; each adapter is copied to ``experts/<name>/``.

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
    """Makes the base compute as a baseline inside the context, for measuring and generating.

    Args:
        base: The base model that the baseline was made on. It is changed in place and restored afterwards.
        folder: The baseline's folder.

    Yields:
        The base's causal language model, which computes as the baseline does.

    Raises:
        CheckpointError: The folder does not contain a baseline, or its files are corrupt.
        ModelError: The baseline was made on another base.
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
