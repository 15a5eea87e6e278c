"""The one training loop: experts, gates, joint training and dense baselines all run here.

    rows -> loss -> backward -> clip -> AdamW -> log -> sometimes validate -> sometimes checkpoint

A step's loss is read when the next step is under way, so that a GPU never waits for the one who reads it.

The caller says what is trained (named parameters), on which rows, how a validation loss is found and for how many
steps. The loop keeps the state with the lowest validation loss, the untrained one included, so training never hurts.
Everything that decides the next step (parameters, moments, random state, place in the data) is in the checkpoint: a run
that is killed and started again ends with the same bits on a CPU.

Several processes (``accelerate launch``) take the rows of one step in turn and average gradients; one process with
``accumulation`` 2 and two processes with 1 take the same step, up to the order of summation.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from moesaic.data.packing import PackedBatch, PackedBatches
from moesaic.errors import MoesaicError
from moesaic.model.compiled import CompiledDecoder
from moesaic.model.loss import hidden_states, targets, token_losses
from moesaic.model.moe import record_routing
from moesaic.model.router import Routing
from moesaic.progress import Bar, MetricsLog, say
from moesaic.recipe import Optimisation
from moesaic.train.resume import CHECKPOINT, Progress, load_checkpoint, save_checkpoint

RoutingLoss = Callable[[dict[int, Routing], PackedBatch], Tensor]
PreparedRow = tuple[PackedBatch, Tensor, Tensor]
"""A row on the CPU, the positions that predict a trained token, and these tokens."""


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        steps: Optimiser steps taken (fewer than planned after early stopping).
        best_step: Step whose state was kept; 0 is the state before training.
        best_loss: Validation loss of that state.
        history: (step, validation loss) pairs.
    """

    steps: int
    best_step: int
    best_loss: float
    history: list[tuple[int, float]]


@dataclass(frozen=True)
class _Step:
    """A step that was taken: number, rate, tokens, and what waits for its loss, gradient norm and end."""

    step: int
    rate: float
    tokens: int
    outcome: Callable[[], tuple[list[float], float]]


class PackedLoss(nn.Module):
    """Loss of a causal language model on one packed row.

    Args:
        model: The ``...ForCausalLM`` module; adapters or MoE blocks are already inside it.
        options: ``compile`` and ``row_tokens`` say whether layers run compiled, and at which length of rows.
        routing_loss: Adds a scalar computed from every layer's ``Routing``; the layers are not compiled then, since
            what is recorded in one layer would make its graph differ from the next one's.
    """

    def __init__(self, model: nn.Module, options: Optimisation, routing_loss: RoutingLoss | None = None) -> None:
        super().__init__()
        self.model = model
        self._routing_loss = routing_loss
        self._compiled: CompiledDecoder | None = None
        if options.compile:
            if next(model.parameters()).is_cuda and routing_loss is None:
                alone = not (torch.distributed.is_available() and torch.distributed.is_initialized())
                graphs = alone and not options.gradient_checkpointing
                self._compiled = CompiledDecoder(model, options.row_tokens, graphs)
            else:
                reason = "this is not a GPU" if routing_loss is None else "routing losses need every layer's gates"
                say(f"note: compile: true has no effect here: {reason}")

    def forward(self, batch: PackedBatch, positions_N: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the summed token loss and the routing loss of the row.

        Args:
            batch: The row, on the model's device.
            positions_N: Positions that predict a trained token.
            labels_N: The tokens they predict.
        """
        if self._routing_loss is None:
            hidden_TD = hidden_states(self.model, batch) if self._compiled is None else self._compiled(batch)
            extra = hidden_TD.new_zeros((), dtype=torch.float)
        else:
            with record_routing(self.model) as routings:
                hidden_TD = hidden_states(self.model, batch)
            extra = self._routing_loss(routings, batch)
        head: Tensor = self.model.lm_head.weight  # type: ignore[union-attr, assignment]
        losses_N = token_losses(hidden_TD[positions_N], head, labels_N, compiled=self._compiled is not None)
        return losses_N.sum(), extra


def learning_rate_at(step: int, total: int, peak: float, warmup_fraction: float) -> float:
    """Linear warm-up, then a cosine to a tenth of nothing: the rate of step 1 .. total."""
    warmup = max(1, round(total * warmup_fraction))
    if step <= warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup + 1)))


def train(
    accelerator: Accelerator,
    loss_module: PackedLoss,
    parameters: dict[str, nn.Parameter],
    batches: PackedBatches,
    validate: Callable[[], float],
    options: Optimisation,
    *,
    total_steps: int,
    learning_rate: float,
    folder: Path,
    name: str,
    known_loss: float | None = None,
) -> TrainingResult:
    """Trains ``parameters`` in place and leaves the best state in them.

    Args:
        accelerator: Device, precision and processes.
        loss_module: Loss of one row.
        parameters: What is trained, by name; everything else is frozen by the caller.
        batches: Rows of the training data; its cursor is restored on resume.
        validate: Returns the loss that decides, in nats a token.
        options: Optimiser settings.
        total_steps: Steps planned; 0 validates only.
        learning_rate: Peak rate.
        folder: Holds the checkpoint and ``metrics.jsonl``; kept by the caller until the stage is published.
        name: Shown to people.
        known_loss: What ``validate`` would return before the first step, if that is known.

    Raises:
        MoesaicError: The loss is not finite.
        CheckpointError: A checkpoint to resume from is corrupt.
    """
    module = accelerator.prepare_model(loss_module) if accelerator.num_processes > 1 else loss_module
    trainable = list(parameters.values())
    optimizer = torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=options.weight_decay, fused=True)
    restored = load_checkpoint(folder, parameters, optimizer)
    progress, best = restored if restored is not None else (Progress(), {})
    if restored is not None:
        batches.load_state_dict(progress.cursor)
        say(f"{name}: resuming after step {progress.step} of {total_steps}")
    log = MetricsLog(folder / "metrics.jsonl", resume_step=progress.step if restored else None)
    every = max(1, math.ceil(total_steps / options.evaluations))
    if not progress.history:
        _record_validation(progress, validate() if known_loss is None else known_loss, best, parameters, log)
    rows = _endless(batches)
    rows_a_step = options.accumulation * accelerator.num_processes
    pin = accelerator.device.type == "cuda"
    upcoming: list[PreparedRow] = []
    running: _Step | None = None
    last_checkpoint = last_end = time.monotonic()
    with Bar(name, total_steps, "steps") as bar:
        bar.advance(progress.step)

        def read(taken: _Step, due: bool = False) -> None:
            nonlocal last_end
            (loss, norm), end = taken.outcome()
            if not math.isfinite(loss):
                raise MoesaicError(
                    f"{name}: the loss is {loss} at step {taken.step}; lower the learning rate (now {learning_rate}) "
                    "or clip_norm, then run again"
                )
            speed = round(taken.tokens / max(1e-9, end - last_end))
            facts = {"loss": loss, "rate": taken.rate, "grad_norm": norm, "tokens_per_second": speed}
            log.write(taken.step, **facts)
            if due:
                _record_validation(progress, validate(), best, parameters, log)
                facts["validation_loss"] = progress.history[-1][1]
            track_metrics(accelerator, name, taken.step, facts)
            bar.advance(1, loss=loss, val=progress.history[-1][1], best=progress.best_loss, tok_s=speed)
            last_end = time.monotonic() if due else end  # a validation is no part of the next step

        while progress.step < total_steps and not _exhausted(progress, options):
            step = progress.step + 1
            rate = learning_rate_at(step, total_steps, learning_rate, options.warmup_fraction)
            for group in optimizer.param_groups:
                group["lr"] = rate
            group_rows = upcoming or _next_rows(rows, rows_a_step, pin)
            outcome = _copied(_step(accelerator, module, trainable, optimizer, group_rows, options.clip_norm))
            progress.step, progress.cursor = step, batches.state_dict()
            # A GPU is still at work on this step: the next one's rows cost no time now.
            upcoming = _next_rows(rows, rows_a_step, pin) if step < total_steps else []
            if running is not None:
                read(running)
            running = _Step(step, rate, sum(row.num_tokens for row, _, _ in group_rows), outcome)
            is_due = step % every == 0 or step == total_steps
            saves = time.monotonic() - last_checkpoint >= 60 * options.checkpoint_minutes
            if is_due or saves:
                read(running, is_due)
                running = None
            if saves and accelerator.is_main_process:
                save_checkpoint(folder, progress, parameters, best, optimizer)
            if saves:
                last_checkpoint = time.monotonic()
    with torch.no_grad():
        for key, parameter in parameters.items():
            parameter.copy_(best[key])
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return TrainingResult(progress.step, progress.best_step, progress.best_loss, progress.history)


def _step(
    accelerator: Accelerator,
    module: nn.Module,
    trainable: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    rows: list[PreparedRow],
    clip_norm: float,
) -> Tensor:
    """One optimiser step on the rows of all processes; returns the mean token loss of this process and the norm."""
    total_labels = sum(len(labels_N) for _, _, labels_N in rows)
    own = range(accelerator.process_index, len(rows), accelerator.num_processes)
    loss_sum = torch.zeros((), device=accelerator.device)
    own_labels = 0
    module.train()
    for index in own:
        row, *prepared = rows[index]
        positions_N, labels_N = (tensor.to(accelerator.device, non_blocking=True) for tensor in prepared)
        with accelerator.autocast():
            summed, extra = module(row.to(accelerator.device), positions_N, labels_N)
        # DDP averages over processes: the factor makes it the sum over all rows of the step.
        objective = (summed / total_labels + extra / len(rows)) * accelerator.num_processes
        accelerator.backward(objective)
        loss_sum += summed.detach()
        own_labels += len(labels_N)
    norm = nn.utils.clip_grad_norm_(trainable, clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)  # CUDA graphs add to gradients that stay where they are
    return torch.stack([loss_sum.double() / max(1, own_labels), norm.double()])


def _copied(values: Tensor) -> Callable[[], tuple[list[float], float]]:
    """Starts to copy values to the host; what it returns waits for that copy, not for what a GPU was given after it.

    It gives the values and the time when they were there.
    """
    if values.device.type != "cuda":
        there = cast("list[float]", values.tolist()), time.monotonic()
        return lambda: there
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()

    def wait() -> tuple[list[float], float]:
        event.synchronize()
        return cast("list[float]", host.tolist()), time.monotonic()

    return wait


def _next_rows(rows: Iterator[PackedBatch], count: int, pin: bool) -> list[PreparedRow]:
    prepared = [(row, *targets(row)) for row in itertools.islice(rows, count)]
    if not pin:
        return prepared
    # From other memory a copy would wait for all that the GPU has to do before.
    return [
        (row.pin_memory(), positions_N.pin_memory(), labels_N.pin_memory()) for row, positions_N, labels_N in prepared
    ]


def _record_validation(
    progress: Progress, loss: float, best: dict[str, Tensor], parameters: dict[str, nn.Parameter], log: MetricsLog
) -> None:
    if not math.isfinite(loss):
        raise MoesaicError(f"the validation loss is {loss} at step {progress.step}: lower the learning rate")
    progress.history.append((progress.step, loss))
    log.write(progress.step, validation_loss=loss)
    if loss < progress.best_loss:
        progress.best_loss, progress.best_step, progress.worse = loss, progress.step, 0
        best.update({key: parameter.detach().clone() for key, parameter in parameters.items()})
    else:
        progress.worse += 1


def track_metrics(accelerator: Accelerator, name: str, step: int, facts: dict[str, float]) -> None:
    """Sends a step's values to the experiment trackers, under the stretch's name."""
    if not accelerator.is_main_process:
        return
    values = {f"{name}/{key}": value for key, value in {"step": step, **facts}.items()}
    for tracker in accelerator.trackers:
        # One tracker sees every stretch from step 1; wandb drops what is not after its last step, so it counts itself.
        tracker.log(values, step=None if tracker.name == "wandb" else step)


def _exhausted(progress: Progress, options: Optimisation) -> bool:
    return options.patience is not None and progress.worse >= options.patience


def _endless(batches: PackedBatches) -> Iterator[PackedBatch]:
    while True:
        yield from batches
