"""Trains experts and gates on whole programs: the model writes some, and the better ones become likelier.

    draw tasks -> sample programs -> score them -> advantages -> a few optimiser steps -> sometimes validate

The likelihood of single tokens given a perfect beginning is what all other stages train, and is not what a model is
used for. Here the expected reward of the programs that it writes itself is raised by REINFORCE with a leave-one-out
baseline (``samples``), mixed with the likelihood of the reference programs, which keeps it from drifting (Edunov et al.
2018, arXiv:1711.04956, section 4).

What is kept is the state whose greedy programs on validation tasks have the highest mean reward, the one before the
training included, so that the stage never hurts by its own measure. Everything that decides the next round (parameters,
moments, the round's number) is in the checkpoint: tasks and samples are drawn from seed and round.

Shapes: N trained tokens of a row, D documents of a row.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from moesaic.data.examples import Example
from moesaic.data.packing import PackedBatch, PackedBatches
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.errors import MoesaicError, RecipeError
from moesaic.model.attention import packed_attention
from moesaic.model.compiled import CompiledDecoder
from moesaic.model.loss import hidden_states, targets, token_losses, validation_loss
from moesaic.progress import Bar, MetricsLog, say
from moesaic.recipe import RewardRecipe
from moesaic.train.experts import seed_of
from moesaic.train.loop import learning_rate_at, track_metrics
from moesaic.train.resume import CHECKPOINT, Progress, load_checkpoint, save_checkpoint
from moesaic.train.samples import (
    Sampler,
    Samples,
    Score,
    Task,
    drawn,
    tasks_of,
    trainable_parameters,
    weighted_documents,
)

_WARMUP_ROUNDS = 2


@dataclass(frozen=True)
class RewardResult:
    """What the training came to.

    Attributes:
        rounds: Rounds of sampling and training.
        best_round: Round whose state was kept; 0 is the state before training.
        best_reward: Validation reward of that state.
        history: Validations: ``round``, ``reward``, ``ended``, ``parses``, ``loss`` (nats a code token).
    """

    rounds: int
    best_round: int
    best_reward: float
    history: list[dict[str, float]]


def train_reward(
    accelerator: Accelerator,
    model: Any,
    prompt: PromptFormat,
    training: Sequence[Example],
    validation: Sequence[Example],
    languages: Sequence[str],
    score: Score,
    options: RewardRecipe,
    max_tokens: int,
    seed: int,
    folder: Path,
) -> RewardResult:
    """Trains the factors and gates of a composed model in place and leaves the best state in them.

    Args:
        accelerator: Device and precision; one process.
        model: A composed model whose factors are float32; its base stays as it is.
        prompt: Prompts and stop tokens.
        training: Tasks that programs are sampled for.
        validation: Tasks that decide; the first ``options.validation_programs`` a language are written, the loss is
            that of all.
        languages: All languages, in the order of the experts.
        score: CodeBLEU of programs; None for those that do not parse.
        options: Reward options.
        max_tokens: Longest prompt and program together; training tasks whose prompt leaves less than
            ``options.max_new_tokens`` of it are left out.
        seed: Seed of the run.
        folder: Holds the checkpoint and ``metrics.jsonl``.

    Raises:
        RecipeError: Several processes, or no training task that is short enough.
        MoesaicError: The loss is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    if accelerator.num_processes > 1:
        raise RecipeError(
            [f"reward.rounds: the stage runs in one process, not in {accelerator.num_processes}: start it alone"]
        )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    torch.manual_seed(seed_of(seed, "reward"))  # noisy gates draw from it
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=options.learning_rate, weight_decay=0.0, fused=True)
    restored = load_checkpoint(folder, parameters, optimizer)
    progress, best = restored if restored is not None else (Progress(cursor={"history": []}), {})
    if restored is not None:
        say(f"reward: resuming after round {progress.step} of {options.rounds}")
    log = MetricsLog(folder / "metrics.jsonl", resume_step=progress.step if restored else None)
    room = max_tokens - options.max_new_tokens
    tasks = [task for task in tasks_of(training, prompt) if task.encoded.num_prompt_tokens <= room]
    if not tasks:
        raise RecipeError(
            [
                f"reward.max_new_tokens: {options.max_new_tokens} leaves no training task enough of data.max_tokens, "
                f"{max_tokens}: lower the one or raise the other"
            ]
        )
    sampler = Sampler(model, prompt, score, options)
    judge = _Judge(accelerator, model, sampler, tasks_of(validation, prompt), languages, options)
    update = WeightedSteps(accelerator, model, list(parameters.values()), optimizer, languages, options)
    every = max(1, math.ceil(options.rounds / options.evaluations))
    history: list[dict[str, float]] = progress.cursor["history"]

    def validate() -> None:
        found = judge()
        history.append({"round": progress.step, **found})
        log.write(progress.step, **{f"validation_{key}": value for key, value in found.items()})
        lost = 1.0 - found["reward"]  # checkpoints know a loss
        progress.history.append((progress.step, lost))
        if lost < progress.best_loss:
            progress.best_loss, progress.best_step = lost, progress.step
            best.update({key: parameter.detach().clone() for key, parameter in parameters.items()})

    last_checkpoint = time.monotonic()
    with Bar("reward", options.rounds, "rounds") as bar:
        bar.advance(progress.step)
        if not history:
            validate()
        while progress.step < options.rounds:
            number = progress.step + 1
            rate = learning_rate_at(
                number, options.rounds, options.learning_rate, min(1.0, _WARMUP_ROUNDS / options.rounds)
            )
            chosen = [tasks[index] for index in drawn(len(tasks), options.prompts, seed, number)]
            samples = sampler.write(chosen, options.samples, options.temperature, seed_of(seed, f"round {number}"))
            norm = update(samples, chosen, prompt.stop_ids[0], rate, number)
            progress.step = number
            facts = {
                "reward": samples.reward,
                "ended": samples.ended,
                "parses": samples.parsing,
                "rate": rate,
                "grad_norm": norm,
                "sampled_tokens_per_second": round(samples.tokens_per_second),
            }
            log.write(number, **facts)
            if number % every == 0 or number == options.rounds:
                validate()
                facts["validation_reward"] = history[-1]["reward"]
            track_metrics(accelerator, "reward", number, facts)
            bar.advance(1, reward=samples.reward, val=history[-1]["reward"], ended=f"{samples.ended:.0%}")
            if time.monotonic() - last_checkpoint >= 60 * options.checkpoint_minutes:
                save_checkpoint(folder, progress, parameters, best, optimizer)
                last_checkpoint = time.monotonic()
    with torch.no_grad():
        for key, parameter in parameters.items():
            parameter.copy_(best[key])
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return RewardResult(progress.step, progress.best_step, max(entry["reward"] for entry in history), history)


class WeightedSteps:
    """Optimiser steps on documents of which each has a weight, negative ones included.

    A step's loss is the sum of each document's weight times its negative log likelihood, over the step's tokens.

    Args:
        accelerator: Device and precision.
        model: The composed model.
        trainable: What is trained.
        optimizer: Their optimiser.
        languages: All languages.
        options: Steps, length of rows, greatest norm, ``compile``.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: Any,
        trainable: list[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        languages: Sequence[str],
        options: RewardRecipe,
    ) -> None:
        self._accelerator, self._model, self._trainable, self._optimizer = accelerator, model, trainable, optimizer
        self._languages, self._options = languages, options
        self._compiled: CompiledDecoder | None = None
        if options.compile and accelerator.device.type == "cuda":
            self._compiled = CompiledDecoder(model, options.row_tokens, graphs=True)
        elif options.compile:
            say("note: compile: true has no effect here: this is not a GPU")

    def __call__(self, samples: Samples, tasks: Sequence[Task], stop_id: int, rate: float, number: int) -> float:
        """Takes a round's steps and returns the mean norm of their gradients.

        Args:
            samples: The round's programs.
            tasks: Its tasks.
            stop_id: Token that ends a program.
            rate: Learning rate.
            number: Number of the round, which seeds the packing.

        Raises:
            MoesaicError: The loss is not finite.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        documents, weights, temperatures = weighted_documents(samples, tasks, self._options, stop_id)
        rows = list(PackedBatches(documents, self._languages, self._options.row_tokens, seed=number))
        steps = min(self._options.steps, len(rows))
        bounds = [len(rows) * step // steps for step in range(steps + 1)]
        norms = []
        with packed_attention(self._model):
            for start, end in itertools.pairwise(bounds):
                loss = self.backward(rows[start:end], weights, temperatures)
                norm = float(nn.utils.clip_grad_norm_(self._trainable, self._options.clip_norm))
                if not math.isfinite(loss) or not math.isfinite(norm):
                    raise MoesaicError(
                        f"reward: the loss is {loss} and its gradient {norm} in round {number}; lower "
                        f"reward.learning_rate (now {self._options.learning_rate}) or clip_norm, then run again"
                    )
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=False)  # CUDA graphs add to gradients that stay where they are
                norms.append(norm)
        return sum(norms) / len(norms)

    def backward(self, rows: Sequence[PackedBatch], weights: Tensor, temperatures: Tensor) -> float:
        """Adds the gradients of one step's rows; the model is in packed attention.

        Args:
            rows: Rows on the CPU.
            weights: Weight of each document.
            temperatures: Divides the logits of each document.

        Returns:
            The step's loss.
        """
        self._model.eval()  # as it sampled: in training, noisy gates are another policy
        device, head = self._accelerator.device, self._model.lm_head.weight
        prepared = [(row, *targets(row)) for row in rows]
        total = sum(len(labels_N) for _, _, labels_N in prepared)
        loss = torch.zeros((), device=device)
        for row, positions_N, labels_N in prepared:
            own_N = row.examples_at(positions_N + 1)
            weights_N, scales_N = weights[own_N].to(device), (1 / temperatures[own_N]).to(device)
            with self._accelerator.autocast():
                on_device = row.to(device)
                hidden_TD = (
                    hidden_states(self._model, on_device) if self._compiled is None else self._compiled(on_device)
                )
                hidden_ND = hidden_TD[positions_N.to(device)]
                # The head is linear, so this divides the logits.
                scaled_ND = hidden_ND * scales_N[:, None].to(hidden_ND.dtype)
                losses_N = token_losses(scaled_ND, head, labels_N.to(device), compiled=self._compiled is not None)
            weighted = (losses_N * weights_N).sum() / total
            weighted.backward()  # type: ignore[no-untyped-call]
            loss += weighted.detach()
        return float(loss)


class _Judge:
    """What a state is worth: mean over languages of the mean reward of greedy programs; and its loss, for the record.

    The loss is measured in the first tree, whose factors are the float32 ones.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: Any,
        sampler: Sampler,
        tasks: Sequence[Task],
        languages: Sequence[str],
        options: RewardRecipe,
    ) -> None:
        self._accelerator, self._model, self._sampler = accelerator, model, sampler
        self._languages, self._options = languages, options
        self._encoded: list[EncodedExample] = [task.encoded for task in tasks]
        self._tasks: list[Task] = []
        for language in languages:
            own = [task for task in tasks if task.example.language == language]
            self._tasks += own[: options.validation_programs]

    def __call__(self) -> dict[str, float]:
        # Programs first: on a GPU the first sampling moves the base's weights, see ``Sampler``.
        samples = self._sampler.write(self._tasks, 1, 0.0, 0)
        with packed_attention(self._model):
            loss = validation_loss(
                self._model, self._encoded, self._languages, self._options.row_tokens, self._accelerator.autocast
            )
        return {
            "reward": self._mean_reward(samples),
            "ended": samples.ended,
            "parses": samples.parsing,
            "loss": loss,
        }

    def _mean_reward(self, samples: Samples) -> float:
        means = []
        for language in dict.fromkeys(task.example.language for task in self._tasks):
            own = [sample.reward for sample in samples.programs if sample.task.example.language == language]
            means.append(sum(own) / len(own))
        return sum(means) / len(means)
