"""Steps and tokens of every stretch of training: what a plan shows and what a fair competitor may spend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.recipe import ExpertsRecipe, Recipe


@dataclass(frozen=True)
class Stretch:
    """One stretch of work on one device, mostly a call of the training loop.

    Attributes:
        name: Its name for people.
        examples: Training examples.
        tokens: Tokens of one pass over them.
        steps: Optimiser steps planned; None where nothing is trained.
        processed: Tokens that go through the model.
    """

    name: str
    examples: int
    tokens: int
    steps: int | None
    processed: float


def adapter_stretch(name: str, training: Sequence[EncodedExample], recipe: Recipe, options: ExpertsRecipe) -> Stretch:
    """Training of one adapter by ``train_adapter``."""
    batches = PackedBatches(training, recipe.data.languages, options.row_tokens, seed=recipe.seed)
    per_epoch = len(batches) / options.accumulation
    steps = max(1, math.ceil(options.epochs * per_epoch))
    steps = min(steps, options.max_steps or steps)
    return Stretch(name, len(training), batches.num_tokens, steps, batches.num_tokens * steps / per_epoch)


def expert_stretches(training: Sequence[EncodedExample], recipe: Recipe) -> list[Stretch]:
    """Training of every expert on its share of the examples."""
    own = {name: [example for example in training if example.language == name] for name in recipe.data.languages}
    return [adapter_stretch(f"experts/{name}", examples, recipe, recipe.experts) for name, examples in own.items()]


def gate_stretches(training: Sequence[EncodedExample], recipe: Recipe) -> list[Stretch]:
    """Training of the gates, then of gates and experts together."""
    options = recipe.gate
    batches = PackedBatches(training, recipe.data.languages, options.row_tokens, seed=recipe.seed)
    per_step = options.accumulation * batches.num_tokens / len(batches)
    joint_steps = math.ceil(options.joint_epochs * len(batches) / options.accumulation)
    return [
        Stretch(f"gate: {name}", len(training), batches.num_tokens, steps, steps * per_step)
        for name, steps in (("gates", options.gate_steps), ("joint", joint_steps))
    ]


def dense_options(training: Sequence[EncodedExample], recipe: Recipe) -> ExpertsRecipe:
    """Options of one adapter on all languages that costs what the whole Mixture-of-Experts costs.

    Its rank is the sum of the experts' ranks, so it has exactly their number of trainable parameters; alpha / rank,
    learning rate and the other options are the experts'. It sees as many tokens as experts and gates together, and is
    validated as often per pass as an expert, so that the best state is not missed.

    Args:
        training: Encoded training examples of all languages.
        recipe: The recipe.
    """
    budget = sum(stretch.processed for stretch in expert_stretches(training, recipe) + gate_stretches(training, recipe))
    epochs = budget / sum(len(example.ids) for example in training)
    experts = recipe.experts
    return experts.model_copy(
        update={
            "rank": experts.rank * len(recipe.data.languages),
            "alpha": experts.alpha * len(recipe.data.languages),
            "epochs": epochs,
            "max_steps": None,
            "evaluations": max(1, round(experts.evaluations * epochs / experts.epochs)),
        }
    )
