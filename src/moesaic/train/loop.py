"""The one training loop, which runs experts, gates, joint training, dense baselines and rewards.

    take a step -> log -> sometimes validate -> sometimes checkpoint

The caller's ``Steps`` defines what a step is and how states are compared: module ``rows`` trains on rows of data,
module ``rounds`` on programs that the model writes itself. Learning rate, optimiser, the choice of the state that is
kept, early stopping, checkpoints, logs and trackers are the same for all.

The loop keeps the state with the lowest validation loss. The untrained state is a candidate, too, so training never
makes the validation loss worse. A checkpoint contains everything that determines the next step (parameters, moments,
random state, place in the data). On a CPU, a run that is killed and started again ends with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from moesaic.errors import TrainingError
from moesaic.files import space_errors
from moesaic.progress import Bar, MetricsLog, say
from moesaic.recipe import Optimisation
from moesaic.train.resume import CHECKPOINT, Progress, load_checkpoint, save_checkpoint

Facts = dict[str, float]

BEST = "best.safetensors"
"""File with the trained parameters of the best state, written if training stops at a loss that is not finite."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

    Attributes:
        steps: Steps taken; fewer than planned after early stopping.
        best_step: Step whose state was kept; 0 is the state before training.
        best_loss: Validation loss of that state in nats per token, or the other measure that decided
            (``Optimisation.select``).
        history: (step, value of that measure) pairs, one per validation.
    """

    steps: int
    best_step: int
    best_loss: float
    history: list[tuple[int, float]]


class Update:
    """AdamW on the trained parameters, with a limit on the norm of their gradient.

    Args:
        parameters: Named trainable parameters.
        learning_rate: Initial learning rate.
        weight_decay: Decoupled weight decay.
        clip_norm: Largest norm of the gradient.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], learning_rate: float, weight_decay: float, clip_norm: float
    ) -> None:
        self._trainable = list(parameters.values())
        self._clip_norm = clip_norm
        self.optimizer = torch.optim.AdamW(self._trainable, lr=learning_rate, weight_decay=weight_decay, fused=True)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    @rate.setter
    def rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def __call__(self) -> Tensor:
        """Takes an optimiser step with the accumulated gradients and returns their norm before clipping."""
        norm = nn.utils.clip_grad_norm_(self._trainable, self._clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)  # CUDA graphs add to gradients at fixed addresses
        return norm


class Steps(Protocol):
    """The steps of a training: how one is taken, validated and logged.

    Attributes:
        unit: Name of a step for people.
        overlap: Whether a step may still be running when ``take`` returns. If so, the next step is started before the
            values of this one are read.
    """

    unit: str
    overlap: bool

    def take(self, number: int, update: Update, is_last: bool) -> Callable[[], Facts]:
        """Takes a step.

        Args:
            number: Number of the step, from 1.
            update: Takes an optimiser step at the step's learning rate.
            is_last: Whether this is the last planned step.

        Returns:
            A function that waits for the end of the step and returns its values for the log.
        """
        ...

    def validate(self, number: int) -> tuple[float, Facts]:
        """Returns the loss by which the state after step ``number`` is compared, and the values for the log."""
        ...

    def shown(self, facts: Mapping[str, float], progress: Progress) -> dict[str, float | str]:
        """Returns the values of a step that the progress bar shows."""
        ...

    def origin(self, number: int) -> str:
        """Says which training examples one of the last two steps was taken on; "" if that is unknown."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Returns, for JSON, the state on which the next step depends."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state that ``state_dict`` returned."""
        ...


def learning_rate_at(step: int, total: int, peak: float, warmup_fraction: float) -> float:
    """Returns the learning rate of a step: linear warm-up, then a cosine decay towards zero.

    Args:
        step: Number of the step, from 1.
        total: Number of planned steps.
        peak: Learning rate at the end of the warm-up.
        warmup_fraction: Share of the steps in the warm-up.
    """
    warmup = max(1, round(total * warmup_fraction))
    if step <= warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup + 1)))


def train(
    accelerator: Accelerator,
    steps: Steps,
    parameters: dict[str, nn.Parameter],
    options: Optimisation,
    *,
    total_steps: int,
    learning_rate: float,
    rate_key: str,
    folder: Path,
    name: str,
) -> TrainingResult:
    """Trains ``parameters`` in place and leaves the best state in them.

    Args:
        accelerator: Device, precision and processes.
        steps: Takes and validates steps.
        parameters: Named trainable parameters; the caller has frozen all others.
        options: Optimiser settings.
        total_steps: Number of planned steps; 0 validates only.
        learning_rate: Peak learning rate.
        rate_key: Key of the recipe that sets the learning rate, for error messages.
        folder: Folder for the checkpoint and ``metrics.jsonl``. The caller keeps it until the stage is published.
        name: Name shown to people.

    Raises:
        TrainingError: A loss or a gradient is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    update = Update(parameters, learning_rate, options.weight_decay, options.clip_norm)
    restored = load_checkpoint(folder, parameters, update.optimizer)
    progress, best = restored if restored is not None else (Progress(), {})
    if restored is not None:
        steps.load_state_dict(progress.cursor)
        say(f"{name}: resuming after {steps.unit} {progress.step} of {total_steps}")
    log = None
    if accelerator.is_main_process:
        log = MetricsLog(folder / "metrics.jsonl", resume_step=progress.step if restored else None)
    every = max(1, math.ceil(total_steps / options.evaluations))

    def check(facts: Mapping[str, float], step: int) -> None:
        for key, value in facts.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"{name}: {key} is {value} at {steps.unit} {step}{_batch(steps, step)}; lower {rate_key} (now "
                    f"{learning_rate}) or clip_norm, then run again"
                    f"{_keep_best(folder, best, progress) if accelerator.is_main_process else ''}"
                )

    def validate() -> Facts:
        loss, found = steps.validate(progress.step)
        facts = {f"validation_{key}": value for key, value in found.items()}
        check(facts, progress.step)
        progress.history.append((progress.step, loss))
        if log is not None:
            log.write(progress.step, **facts)
        if loss < progress.best_loss:
            progress.best_loss, progress.best_step, progress.worse = loss, progress.step, 0
            best.update({key: parameter.detach().clone() for key, parameter in parameters.items()})
        else:
            progress.worse += 1
        return facts

    if not progress.history:
        validate()
    running: tuple[int, Callable[[], Facts]] | None = None
    last_checkpoint = time.monotonic()
    with Bar(name, total_steps, f"{steps.unit}s") as bar:
        bar.advance(progress.step)

        def read(step: int, outcome: Callable[[], Facts], due: bool = False) -> None:
            facts = outcome()
            check(facts, step)
            if log is not None:
                log.write(step, **facts)
            if due:
                facts |= validate()
            track_metrics(accelerator, name, step, facts)
            bar.advance(1, **steps.shown(facts, progress))

        while progress.step < total_steps and not _exhausted(progress, options):
            step = progress.step + 1
            update.rate = learning_rate_at(step, total_steps, learning_rate, options.warmup_fraction)
            outcome = steps.take(step, update, step == total_steps)
            progress.step = step
            if running is not None:
                read(*running)
            running = step, outcome
            is_due = step % every == 0 or step == total_steps
            saves = time.monotonic() - last_checkpoint >= 60 * options.checkpoint_minutes
            if is_due or saves or not steps.overlap:
                read(*running, is_due)
                running = None
            if saves and accelerator.is_main_process:
                progress.cursor = steps.state_dict()
                save_checkpoint(folder, progress, parameters, best, update.optimizer)
            if saves:
                last_checkpoint = time.monotonic()
    with torch.no_grad():
        for key, parameter in parameters.items():
            parameter.copy_(best[key])
    for file in (CHECKPOINT, BEST) if accelerator.is_main_process else ():
        (folder / file).unlink(missing_ok=True)
    return TrainingResult(progress.step, progress.best_step, progress.best_loss, progress.history)


def _batch(steps: Steps, step: int) -> str:
    origin = steps.origin(step) if step > 0 else ""
    return f" (its batch, counted from 1 in each language's training examples: {origin})" if origin else ""


def _keep_best(folder: Path, best: Mapping[str, Tensor], progress: Progress) -> str:
    """Writes the best state of a training that cannot continue, and returns a sentence that says where it is."""
    if not best:
        return ""
    with space_errors(folder):
        save_file({key: tensor.cpu().contiguous() for key, tensor in best.items()}, folder / BEST)
    return (
        f". The best state so far, of step {progress.best_step} with a validation loss of {progress.best_loss:.4g}, "
        f"is in {folder / BEST}"
    )


def track_metrics(accelerator: Accelerator, name: str, step: int, facts: Mapping[str, float]) -> None:
    """Sends the values of a step to the experiment trackers, with ``name`` as a prefix of their keys."""
    if not accelerator.is_main_process:
        return
    values = {f"{name}/{key}": value for key, value in {"step": step, **facts}.items()}
    for tracker in accelerator.trackers:
        # A tracker sees several trainings, each from step 1. wandb drops values whose step is not after its last one,
        # so it numbers the steps itself.
        tracker.log(values, step=None if tracker.name == "wandb" else step)


def _exhausted(progress: Progress, options: Optimisation) -> bool:
    return options.patience is not None and progress.worse >= options.patience
