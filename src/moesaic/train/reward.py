"""Trains experts and gates on programs that the model writes: better ones become more likely.

    draw tasks -> sample programs -> judge them -> advantages -> a few optimiser steps

That is a round, a step of the training loop (``rounds``). What it is made of is in ``samples``; what programs are worth
is said by judges (``judges``): likeness to a reference, or passing tests.

The likelihood of single tokens given a perfect beginning is what all other stages train, and is not what a model is
used for. Here the expected reward of the programs that it writes itself is raised by REINFORCE with a leave-one-out
baseline, mixed with the likelihood of the reference programs, which keeps it from drifting (Edunov et al. 2018,
arXiv:1711.04956, section 4).

What is kept is the state whose greedy programs on validation tasks score highest, the one before the training included,
so that the stage never hurts by its own measure. Tasks and samples are drawn from seed and round, so that a round
depends on nothing that is not in the loop's checkpoints.

With answers of the base to be kept (``data.keep``) a round trains on some of them, too, and a state in which their loss
has risen by more than ``keep.tolerance`` is not kept, whatever its reward: a reward cannot say what is lost beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.errors import RecipeError
from moesaic.progress import say
from moesaic.recipe import RewardRecipe
from moesaic.train.experts import seed_of
from moesaic.train.loop import train
from moesaic.train.objective import Teacher
from moesaic.train.rounds import RewardRounds, optimisation
from moesaic.train.samples import Measure, Sampler, trainable_parameters
from moesaic.train.trainable import factor_parameters


@dataclass(frozen=True)
class RewardResult:
    """The result of the training.

    Attributes:
        rounds: Rounds of sampling and training.
        best_round: Round whose state was kept; 0 is the state before training.
        best_reward: Validation reward of that state.
        history: Validations: ``round``, ``reward``, ``ended``, ``parses``, ``loss`` (nats a code token), and where
            answers are kept ``answers``, their loss; with several measures ``reward_`` with the name of each.
    """

    rounds: int
    best_round: int
    best_reward: float
    history: list[dict[str, float]]


def train_reward(
    accelerator: Accelerator,
    model: Any,
    prompt: PromptFormat,
    measures: Sequence[Measure],
    programs: Sequence[EncodedExample],
    languages: Sequence[str],
    options: RewardRecipe,
    max_tokens: int,
    seed: int,
    folder: Path,
    teacher: Teacher | None = None,
    rates: Callable[[], Mapping[str, float]] = dict,
    *,
    trains_gates: bool = True,
) -> RewardResult:
    """Trains the factors and gates of a composed model in place and leaves the best state in them.

    Args:
        accelerator: Device, precision and processes, which share what is written, judged and trained on.
        model: A composed model whose factors are float32; its base stays as it is.
        prompt: Prompts and stop tokens.
        measures: What programs are rewarded for, with tasks to train on and tasks that decide, of which the first
            ``options.validation_programs`` a language are written. Training tasks whose prompt leaves less than
            ``options.max_new_tokens`` of ``max_tokens`` are left out.
        programs: Encoded validation programs, whose loss is measured beside the reward.
        languages: All languages, in the order of the experts.
        options: Reward options.
        max_tokens: Longest prompt and program together.
        seed: Seed of the run.
        folder: Holds the checkpoint and ``metrics.jsonl``.
        teacher: What the base says to the answers that are to be kept; it ran before anything was trained.
        rates: Returns language -> verdicts a second since it was last asked.
        trains_gates: False for a model that is forced to be one of its experts.

    Raises:
        RecipeError: No training task is short enough.
        MoesaicError: A gradient or the validation loss is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    parameters = trainable_parameters(model) if trains_gates else factor_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    measures = [_short_enough(measure, options, max_tokens) for measure in measures]
    torch.manual_seed(seed_of(seed, "reward"))  # noisy gates draw from it
    sampler = Sampler(model, prompt, options)
    rounds = RewardRounds(accelerator, model, sampler, measures, programs, languages, options, seed, teacher, rates)
    try:
        result = train(
            accelerator,
            rounds,
            parameters,
            optimisation(options),
            total_steps=options.rounds,
            learning_rate=options.learning_rate,
            rate_key="reward.learning_rate",
            folder=folder,
            name="reward",
        )
    finally:
        rounds.close()
    best_reward = next(entry["reward"] for entry in rounds.history if entry["round"] == result.best_step)
    passed_over = [entry for entry in rounds.history if entry["reward"] > best_reward]
    if passed_over and teacher is not None:
        say(
            f"reward: {len(passed_over)} states with a higher reward were not taken: the loss of the kept answers had "
            f"risen by more than keep.tolerance, {teacher.kept.options.tolerance} nats a token"
        )
    return RewardResult(result.steps, result.best_step, best_reward, rounds.history)


def _short_enough(measure: Measure, options: RewardRecipe, max_tokens: int) -> Measure:
    room = max_tokens - options.max_new_tokens
    training = [task for task in measure.training if len(task.prompt_ids) <= room]
    if not training:
        raise RecipeError(
            [
                f"reward.max_new_tokens: {options.max_new_tokens} leaves no training task enough of data.max_tokens, "
                f"{max_tokens}: lower the one or raise the other"
            ]
        )
    return replace(measure, training=training)
