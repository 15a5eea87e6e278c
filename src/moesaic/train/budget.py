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

_WORTH_ANOTHER: Final = 1.05  # a schedule is tried only if the next one is more than this many times as long


@dataclass(frozen=True)
class Stretch:
    """One stretch of work on one device, usually one call of the training loop.

    Attributes:
        name: Name shown to people.
        examples: Number of training examples.
        tokens: Tokens in one pass over the examples.
        steps: Planned optimiser steps; None if nothing is trained.
        processed: Tokens that go through the model in all.
    """

    name: str
    examples: int
    tokens: int
    steps: int | None
    processed: float


def adapter_stretch(name: str, training: Sequence[EncodedExample], recipe: Recipe, options: ExpertsRecipe) -> Stretch:
    """Returns the training of one adapter by ``train_adapter``.

    Args:
        name: Name shown to people.
        training: Encoded training examples.
        recipe: The recipe.
        options: Hyperparameters of the adapter.
    """
    batches = PackedBatches(training, (*recipe.data.languages, ANCHOR), options.row_tokens, seed=recipe.seed)
    per_epoch = len(batches) / options.accumulation
    steps = max(1, math.ceil(options.epochs * per_epoch))
    steps = steps if options.max_steps is None else min(steps, options.max_steps)
    return Stretch(name, len(training), batches.num_tokens, steps, batches.num_tokens * steps / per_epoch)


def expert_stretches(training: Sequence[EncodedExample], recipe: Recipe, kept: Kept | None = None) -> list[Stretch]:
    """Returns the training of each expert on the examples of its language.

    With ``experts.keep``, an expert is also trained on kept answers. With ``experts.self_training``, it is trained on
    the kept answers in its language only.

    Args:
        training: Encoded training examples of all languages.
        recipe: The recipe.
        kept: The kept answers; None if there are none.
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
    """Returns the training of the gates and the joint training, both also on the kept answers if there are any.

    Args:
        training: Encoded training examples of all languages.
        recipe: The recipe.
        kept: The kept answers; None if there are none.
    """
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
    """Returns training on rewards and the generation of its programs, as if each program had the greatest length.

    Args:
        name: Name of the stage.
        training: Tasks that programs are sampled for.
        num_validation: Number of programs per validation.
        recipe: The recipe.
        kept: The kept answers that are also trained on.

    Returns:
        Two stretches, or none without rounds. The tokens of training are in ``processed`` of the first, the tokens
        of generation in ``tokens`` of the second.
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
    """Returns the options of a dense LoRA on all languages that gets at least the means of the Mixture-of-Experts.

    Up to three schedules are tried, and the best one counts:

    - ``joint_epochs``: as many epochs as joint training, which also trains on all languages.
    - ``one_epoch``: one epoch. Like ``joint_epochs``, it lets the learning rate decay before the adapter overfits.
    - ``whole_budget``: all tokens on which the Mixture-of-Experts is trained.

    A schedule is left out if the next one in this list is shorter, or longer by at most 5%. If neither experts nor
    gates are trained on the data, there is only ``whole_budget``, without a step: the adapter then equals the base.

    The rank of the adapter is the sum of the experts' ranks, which gives it their number of trainable parameters. Its
    alpha / rank and its optimiser settings are those of the experts. With ``gate.shared_rank``, that rank is added and
    every linear layer gets an adapter, so that the adapter has at least as many parameters as the Mixture-of-Experts
    in every layer. Its learning rate, rows and other optimiser settings are then those of joint training, which also
    trains on all languages. Its scale is then 1, like that of the shared delta, which also starts from zero at this
    learning rate: under AdamW, the pace at which a delta changes grows with scale and rank, so the larger scale of the
    experts belongs to their smaller rank.

    A schedule is validated at least as often as an expert, both in total and per epoch, and at least as often in total
    as joint training. The state is chosen by the same measure as in joint training.

    Args:
        training: Encoded training examples of all languages.
        recipe: The recipe.
        kept: The kept answers that the Mixture-of-Experts is trained on; they count towards its budget.
        keeps: True if the adapter is trained on the kept answers, too. An epoch then consists of programs and answers,
            and there is at least one epoch, so that the adapter sees every program.

    Returns:
        Schedule -> options.
    """
    experts, gate = recipe.experts, recipe.gate
    stretches = expert_stretches(training, recipe, kept) + gate_stretches(training, recipe, kept)
    own = kept.mixed(training) if kept is not None and keeps else training
    epochs = sum(stretch.processed for stretch in stretches) / sum(len(example.ids) for example in own)
    epochs = max(1.0, epochs) if keeps else epochs
    rank = experts.rank * len(recipe.data.languages) + gate.shared_rank
    changes: dict[str, Any] = {"rank": rank, "alpha": rank * experts.alpha / experts.rank, "max_steps": None}
    changes |= {key: getattr(gate, key) for key in ("select", "select_programs")}
    if epochs == 0:
        return {"whole_budget": experts.model_copy(update={**changes, "max_steps": 0})}
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
