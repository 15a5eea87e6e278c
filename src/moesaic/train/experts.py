"""Trains one LoRA expert on one language with PEFT.

The result is a standard PEFT adapter folder, which PEFT and vLLM can use on its own. The base is loaded once for all
languages: the adapter of each expert is injected, trained, saved and removed again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from peft import LoraConfig, get_peft_model

from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import Base
from moesaic.progress import say
from moesaic.recipe import MLP_TARGETS, ExpertsRecipe
from moesaic.train.checkpointing import checkpointed_activations
from moesaic.train.injection import load_factors, quiet_peft, save_adapter, take_out
from moesaic.train.loop import TrainingResult, train
from moesaic.train.objective import Kept, Objective
from moesaic.train.rows import PackedSteps, ranks_of
from moesaic.train.selection import Programs


def train_adapter(
    accelerator: Accelerator,
    base: Base,
    name: str,
    training: Sequence[EncodedExample],
    validation: Sequence[EncodedExample],
    languages: Sequence[str],
    options: ExpertsRecipe,
    seed: int,
    folder: Path,
    kept: Kept | None = None,
    start: Path | None = None,
    programs: Programs | None = None,
) -> TrainingResult:
    """Trains one adapter and writes it to ``folder`` as a PEFT adapter.

    Args:
        accelerator: Device and precision; the base is on its device.
        base: The base model. It is changed in place and restored afterwards.
        name: Name of the expert. It also seeds the adapter, so that an expert does not depend on the other experts.
        training: Encoded training examples, of one language for an expert and of all for a dense baseline.
        validation: Encoded validation examples.
        languages: All languages of the run.
        options: Hyperparameters.
        seed: Seed of the run.
        folder: Folder for the adapter, the metrics and the checkpoint.
        kept: The kept answers, if the adapter is trained on them.
        start: Folder of an adapter to continue from, with the same rank and modules. If None, a new adapter is made.
        programs: Tasks whose greedy programs decide between states. If None, the validation loss decides.

    Raises:
        DataError: There is no training or no validation example.
        ModelError: ``start`` has other modules or another rank.
        CheckpointError: The files of ``start``, or a checkpoint to resume from, are corrupt.
        TrainingError: A loss or a gradient is not finite.
    """
    if not training or not validation:
        raise DataError(
            f"expert {name!r} has {len(training)} training and {len(validation)} validation examples: both are needed "
            "(data.source, data.max_tokens, data.train_limit, data.validation_limit)"
        )
    modules = options.target_modules()
    beyond = sorted(set(modules) - set(MLP_TARGETS))
    if beyond and name in languages:  # a dense baseline is not routed
        say(f"note: experts.targets trains {', '.join(beyond)}, which a Mixtral export cannot route")
    ranks = ranks_of(accelerator)
    objective = Objective(base.model, training, validation, languages, options, accelerator.autocast, kept, ranks)
    batches = objective.batches(seed)
    total_steps = max(1, math.ceil(options.epochs * len(batches) / options.accumulation))
    if options.max_steps is not None:
        total_steps = min(total_steps, options.max_steps)
    torch.manual_seed(seed_of(seed, name))
    with quiet_peft():
        peft_model = get_peft_model(
            base.model,
            LoraConfig(
                r=options.rank,
                lora_alpha=options.alpha,
                lora_dropout=options.dropout,
                target_modules=list(modules),
                task_type="CAUSAL_LM",
                base_model_name_or_path=base.spec,
            ),
        )
    try:
        parameters = {key: value for key, value in peft_model.named_parameters() if value.requires_grad}
        if start is not None:
            load_factors(parameters, start)
        validate = objective.validate
        if programs is not None:
            validate = programs.deciding(base.model, validate, kept.options.weight if kept is not None else 0.0)
        with packed_attention(base.model), checkpointed_activations(base.model, options.gradient_checkpointing):
            result = train(
                accelerator,
                PackedSteps(
                    accelerator,
                    objective.loss(),
                    batches,
                    validate,
                    options,
                    prepare=objective.prepare,
                ),
                parameters,
                options,
                total_steps=total_steps,
                learning_rate=options.learning_rate,
                rate_key="experts.learning_rate" if name in languages else "the learning rate",
                folder=folder,
                name=name,
            )
        if accelerator.is_main_process:
            save_adapter(peft_model, base, folder)
    finally:
        take_out(base.model)
    return result


def seed_of(seed: int, name: str) -> int:
    """Returns the seed of one named part of a run, which does not depend on the other parts."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:6])
