"""Trains experts and gates, or one adapter, on programs that the model writes: better ones become more likely.

    draw tasks -> sample programs -> judge them -> compute advantages -> take a few optimiser steps

This is one round, which is a step of the training loop (module ``rounds``). Module ``samples`` defines tasks, samples
and advantages; module ``judges`` defines the rewards: likeness to a reference, or passing tests.

All other stages train the likelihood of single tokens after a correct beginning, but a model is used to write whole
programs. Here, REINFORCE with a leave-one-out baseline raises the expected reward of the programs that the model writes
itself. The likelihood of the reference programs is added to the objective, which keeps the model from drifting (Edunov
et al. 2018, arXiv:1711.04956, section 4).

The state whose greedy programs for validation tasks score highest is kept. The state before training is a candidate,
too, so the stage never makes its own measure worse. Tasks and samples are drawn from the seed and the number of the
round, so a round depends only on what is in the loop's checkpoints.

With kept answers (``data.keep``), a round also trains on some of them. A state in which their loss has risen by more
than ``keep.tolerance`` is not kept, whatever its reward, because a reward does not show what the model loses elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.progress import say
from moesaic.recipe import RewardRecipe
from moesaic.train.experts import seed_of
from moesaic.train.loop import train
from moesaic.train.objective import Teacher
from moesaic.train.room import has_room, require_room
from moesaic.train.rounds import RewardRounds, optimisation
from moesaic.train.sampler import Sampler
from moesaic.train.samples import Measure


@dataclass(frozen=True)
class RewardResult:
    """The result of the training.

    Attributes:
        rounds: Number of rounds of sampling and training.
        best_round: Round whose state was kept; 0 is the state before training.
        best_reward: Validation reward of that state.
        history: One entry per validation: ``round``, ``reward``, ``ended`` and ``parses`` (shares), ``loss`` (nats per
            code token); with kept answers also ``answers`` (their loss in nats per token), and with several measures
            ``reward_<name>`` for each.
    """

    rounds: int
    best_round: int
    best_reward: float
    history: list[dict[str, float]]


def train_reward(
    accelerator: Accelerator,
    model: Any,
    prompt: PromptFormat,
    parameters: dict[str, nn.Parameter],
    measures: Sequence[Measure],
    programs: Sequence[EncodedExample],
    languages: Sequence[str],
    options: RewardRecipe,
    max_tokens: int,
    seed: int,
    folder: Path,
    teacher: Teacher | None = None,
    rates: Callable[[], Mapping[str, float]] = dict,
) -> RewardResult:
    """Trains factors, and the gates of a composed model, in place and leaves the best state in them.

    Args:
        accelerator: Device, precision and processes. The processes share generation, judging and training.
        model: A composed model, or one with a PEFT adapter, whose factors are float32; its base does not change.
        prompt: Prompts and stop tokens.
        parameters: What is trained, by name: gates and factors of a composed model, its factors alone if the model is
            forced to run one expert, or the factors of the adapter (module ``trainable``).
        measures: The rewards, each with its training and validation tasks. Programs are written for the first
            ``options.validation_programs`` validation tasks per language. Tasks whose prompt leaves less than
            ``options.max_new_tokens`` of ``max_tokens`` are left out.
        programs: Encoded validation programs whose loss is measured in addition to the reward.
        languages: All languages, in the order of the experts.
        options: Reward options.
        max_tokens: Largest number of tokens of a prompt and its program together.
        seed: Seed of the run.
        folder: Folder for the checkpoint and ``metrics.jsonl``.
        teacher: The base's distribution on the kept answers, computed before any training; None without kept answers.
        rates: Returns, for each language, the verdicts per second since its last call.

    Raises:
        RecipeError: No training task or no validation task is short enough.
        TrainingError: A gradient or the validation loss is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    measures = [_short_enough(measure, options, max_tokens) for measure in measures]
    torch.manual_seed(seed_of(seed, "reward"))  # for the noise of noisy gates
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
    found = {}
    for name, tasks in (("training", measure.training), ("validation", measure.validation)):
        require_room((len(task.prompt_ids) for task in tasks), f"{name} task", options, max_tokens)
        found[name] = [task for task in tasks if has_room(len(task.prompt_ids), options, max_tokens)]
    return replace(measure, training=found["training"], validation=found["validation"])
