"""Counts the steps and tokens of every training, for the plan and for fair baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.gates import ANCHOR
from moesaic.recipe import ExpertsRecipe, Optimisation, Recipe
from moesaic.train.objective import Kept
from moesaic.train.samples import Task

_WORTH_ANOTHER: Final = 1.05  # how much longer a schedule must be to be another one


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
    batches = PackedBatches(training, (*recipe.data.languages, ANCHOR), options.row_tokens, seed=recipe.seed)
    per_epoch = len(batches) / options.accumulation
    steps = max(1, math.ceil(options.epochs * per_epoch))
    steps = min(steps, options.max_steps or steps)
    return Stretch(name, len(training), batches.num_tokens, steps, batches.num_tokens * steps / per_epoch)


def expert_stretches(training: Sequence[EncodedExample], recipe: Recipe, kept: Kept | None = None) -> list[Stretch]:
    """Training of every expert on its share of the examples; with ``experts.keep`` on kept answers too.

    With ``experts.self_training`` on its share of the answers alone.
    """
    own = {name: [example for example in training if example.language == name] for name in recipe.data.languages}
    if kept is not None and recipe.experts.keep:
        own = {name: kept.mixed(examples) for name, examples in own.items()}
    if kept is not None and recipe.experts.self_training:
        answers = list(zip(kept.languages, kept.training, strict=True))
        own = {name: [answer for language, answer in answers if language == name] for name in own}
    nothing = {name: Stretch(f"experts/{name}", 0, 0, 0, 0) for name, examples in own.items() if not examples}
    return [
        nothing.get(name) or adapter_stretch(f"experts/{name}", examples, recipe, recipe.experts)
        for name, examples in own.items()
    ]


def gate_stretches(training: Sequence[EncodedExample], recipe: Recipe, kept: Kept | None = None) -> list[Stretch]:
    """Training of the gates, then of gates and experts together, on kept answers too where there are some."""
    options = recipe.gate
    training = training if kept is None else kept.mixed(training)
    batches = PackedBatches(training, (*recipe.data.languages, ANCHOR), options.row_tokens, seed=recipe.seed)
    per_step = options.accumulation * batches.num_tokens / len(batches)
    joint_steps = math.ceil(options.joint_epochs * len(batches) / options.accumulation)
    return [
        Stretch(f"gate: {name}", len(training), batches.num_tokens, steps, steps * per_step)
        for name, steps in (("gates", options.gate_steps), ("joint", joint_steps))
    ]


def reward_stretches(
    name: str, training: Sequence[Task], num_validation: int, recipe: Recipe, kept: Kept | None = None
) -> list[Stretch]:
    """Training on the model's own programs, and these; their tokens are the most that there can be.

    Args:
        name: Of the stage.
        training: Tasks that programs are sampled for.
        num_validation: Programs of one validation.
        recipe: The recipe.
        kept: Answers of the base that are trained on beside them.

    Returns:
        What is trained (its tokens processed) and what is generated (its tokens), or nothing without rounds.
    """
    options = recipe.reward
    if options.rounds == 0:
        return []
    tasks = options.rounds * options.prompts
    prompt = sum(len(task.prompt_ids) for task in training) / len(training)
    wanted = [task.reference for task in training if task.reference is not None and options.likelihood > 0]
    references = sum(len(reference.ids) for reference in wanted) / len(training)
    a_task = options.samples * (prompt + options.max_new_tokens) + references
    answers = 0.0
    if kept is not None:
        count = options.rounds * kept.count_beside(options.prompts)
        answers = count * sum(len(answer.ids) for answer in kept.training) / len(kept.training)
    every = math.ceil(options.rounds / options.evaluations)
    programs = tasks * options.samples + (1 + math.ceil(options.rounds / every)) * num_validation
    tokens = sum(len(task.prompt_ids) for task in training)
    return [
        Stretch(name, len(training), tokens, options.rounds * options.steps, tasks * a_task + answers),
        Stretch(f"{name}: programs", programs, programs * options.max_new_tokens, None, 0),
    ]


def dense_options(
    training: Sequence[EncodedExample], recipe: Recipe, kept: Kept | None = None, *, keeps: bool = False
) -> dict[str, ExpertsRecipe]:
    """Options of one adapter on all languages that is given no less than the whole Mixture-of-Experts, by schedule.

    Up to three schedules, of which the better one counts: the Mixture-of-Experts' whole token budget; one epoch, whose
    rate decays before the adapter overfits; and the joint stage's part of an epoch, where it is one, for the same
    reason: it, too, is trained on all languages. A schedule is left out where the next is shorter, or longer
    by at most 5%.

    Its rank is the sum of the experts' ranks: the experts' number of trainable parameters, at their alpha / rank and
    with their optimiser settings. With ``gate.shared_rank`` that rank comes on top and every linear layer gets an
    adapter, so that there is no layer where it trains fewer parameters. Rate, rows and the rest of the optimiser are
    then those of the joint stage, which trains on all languages as it does. The scale is 1, as of the shared delta,
    which starts from nothing at that rate as it does: under AdamW a delta moves at a pace that grows with scale and
    rank, so the experts' larger scale belongs to their smaller rank.

    A schedule is validated at least as often as an expert, in all and per pass, and as the joint stage, in all; what
    decides between its states is what decides there.

    Args:
        training: Encoded training examples of all languages.
        recipe: The recipe.
        kept: Answers of the base that the Mixture-of-Experts is trained on; they count in its budget.
        keeps: The adapter is trained on them too: its epochs are of programs and answers, at least one, so that it sees
            every program.

    Returns:
        ``joint_epochs`` and ``one_epoch``, where they are worth a training, and ``whole_budget``.
    """
    experts, gate = recipe.experts, recipe.gate
    stretches = expert_stretches(training, recipe, kept) + gate_stretches(training, recipe, kept)
    own = kept.mixed(training) if kept is not None and keeps else training
    epochs = sum(stretch.processed for stretch in stretches) / sum(len(example.ids) for example in own)
    epochs = max(1.0, epochs) if keeps else epochs
    rank = experts.rank * len(recipe.data.languages) + gate.shared_rank
    changes: dict[str, Any] = {"rank": rank, "alpha": rank * experts.alpha / experts.rank, "max_steps": None}
    changes |= {key: getattr(gate, key) for key in ("select", "select_programs")}
    if gate.shared_rank:
        changes |= {key: getattr(gate, key) for key in Optimisation.model_fields}
        changes |= {"learning_rate": gate.joint_learning_rate, "targets": "all", "alpha": float(rank)}
    lengths = {"joint_epochs": gate.joint_epochs, "one_epoch": 1.0, "whole_budget": epochs}
    longer = {"joint_epochs": min(1.0, epochs), "one_epoch": epochs}
    schedules = {
        name: length
        for name, length in lengths.items()
        if length > 0 and longer.get(name, math.inf) > _WORTH_ANOTHER * length
    }
    return {
        name: experts.model_copy(
            update={
                **changes,
                "epochs": length,
                "evaluations": max(
                    experts.evaluations, gate.evaluations, round(experts.evaluations * length / experts.epochs)
                ),
            }
        )
        for name, length in schedules.items()
    }
