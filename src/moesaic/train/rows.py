"""Training steps on packed rows, and the loss of a row.

    for each row of the step: loss -> backward pass; then one optimiser step

The loss of a step is read while the next step is running, so that a GPU never waits for the host to read it.

Several processes (``torchrun``) share the ``accumulation`` rows of a step and add up their gradients once, after the
last backward pass. A step therefore does not depend on the number of processes, up to the order of summation, and
backward passes need no communication.

Shapes: T tokens of a row, N trained tokens among them, D model, V vocabulary.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from moesaic.data.packing import PackedBatch, PackedBatches
from moesaic.model.compiled import CompiledDecoder
from moesaic.model.loss import hidden_states, targets, token_losses
from moesaic.model.moe import record_routing
from moesaic.model.router import Routing
from moesaic.model.sharded import is_sharded
from moesaic.progress import say
from moesaic.ranks import Ranks
from moesaic.recipe import Optimisation
from moesaic.train.loop import Facts, Update
from moesaic.train.pieces import Pieces, PreparedRow
from moesaic.train.resume import Progress

RoutingLoss = Callable[[dict[int, Routing], PackedBatch], Tensor]


class PackedLoss(nn.Module):
    """Loss of a causal language model on one packed row.

    Args:
        model: The ``...ForCausalLM`` module, with its adapters or MoE blocks.
        options: ``compile`` says whether layers run compiled, and ``row_tokens`` for which length of rows.
        routing_loss: Returns a scalar computed from the ``Routing`` of every layer. If given, layers are not compiled,
            because recording the routing would make the graph of each layer different.
    """

    def __init__(self, model: nn.Module, options: Optimisation, routing_loss: RoutingLoss | None = None) -> None:
        super().__init__()
        self.model = model
        self._routing_loss = routing_loss
        self._compiled: CompiledDecoder | None = None
        if options.compile:
            if next(model.parameters()).is_cuda and routing_loss is None and not is_sharded(model):
                # The gradients of several processes are added up after the graphs, which therefore do not communicate.
                self._compiled = CompiledDecoder(model, options.row_tokens, not options.gradient_checkpointing)
            else:
                reason = "this is not a GPU" if routing_loss is None else "routing losses need every layer's gates"
                reason = "the base is sharded (processes.shard)" if is_sharded(model) else reason
                say(f"note: compile: true has no effect here: {reason}")

    def forward(
        self,
        batch: PackedBatch,
        positions_N: Tensor,
        labels_N: Tensor,
        weights_N: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Returns the summed token loss and the routing loss of the row.

        Args:
            batch: The row, on the model's device.
            positions_N: Positions that predict a trained token.
            labels_N: The tokens they predict.
            weights_N: Weight of each token's loss; 1 if None.
        """
        hidden_TD, extra = self.run_layers(batch)
        losses_N = token_losses(hidden_TD[positions_N], self.head, labels_N, compiled=self.is_compiled)
        if weights_N is not None:
            losses_N = losses_N * weights_N
        return losses_N.sum(), extra

    @property
    def head(self) -> Tensor:
        """The weight of the language-model head, (V, D)."""
        weight: Tensor = self.model.lm_head.weight  # type: ignore[union-attr, assignment]
        return weight

    @property
    def is_compiled(self) -> bool:
        """Whether layers and loss run compiled."""
        return self._compiled is not None

    def shrink(self, row_tokens: int) -> None:
        """Lowers the limit on the length of rows."""
        if self._compiled is not None:
            self._compiled.shrink(row_tokens)

    def run_layers(self, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        """Returns the row's final hidden states, (T, D), and its routing loss, a scalar."""
        if self._routing_loss is None:
            hidden_TD = hidden_states(self.model, batch) if self._compiled is None else self._compiled(batch)
            return hidden_TD, hidden_TD.new_zeros((), dtype=torch.float)
        with record_routing(self.model) as routings:
            hidden_TD = hidden_states(self.model, batch)
        return hidden_TD, self._routing_loss(routings, batch)


def add_gradients(
    accelerator: Accelerator, module: nn.Module, rows: Sequence[PreparedRow], pieces: Pieces | None = None
) -> Tensor:
    """Adds the gradients of one step: of the mean loss over all trained tokens, and of the mean routing loss over rows.

    With several processes, each row gets its own random state, which dropout and noisy gates draw from. Afterwards all
    processes continue from the same random state, the one that a checkpoint stores.

    Args:
        accelerator: Device, precision and processes.
        module: A ``PackedLoss`` whose gradients are zero or None.
        rows: The rows of all processes; each process takes its share.
        pieces: Cuts rows into pieces. If the memory of a GPU is full, it makes the pieces shorter, and the step starts
            again.

    Returns:
        The mean token loss of the step, a scalar in float64.

    Raises:
        torch.OutOfMemoryError: The memory is full, and there are no ``pieces`` or they cannot be made shorter.
    """
    ranks = ranks_of(accelerator)
    seed = int(torch.randint(2**48, ())) if ranks.count > 1 else None
    state = torch.get_rng_state()
    while (loss_sum := _own_gradients(accelerator, module, rows, pieces, ranks, seed)) is None:
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        torch.set_rng_state(state)
    if ranks.count > 1:
        torch.set_rng_state(state)
        loss_sum = _add_up(ranks, [parameter for parameter in module.parameters() if parameter.requires_grad], loss_sum)
    return loss_sum.double() / max(1, sum(row.num_labels for row in rows))


def _own_gradients(
    accelerator: Accelerator,
    module: nn.Module,
    rows: Sequence[PreparedRow],
    pieces: Pieces | None,
    ranks: Ranks,
    seed: int | None,
) -> Tensor | None:
    """Adds the gradients of this process's rows and returns their summed loss, or None to repeat in shorter pieces."""
    total_labels = sum(row.num_labels for row in rows)
    loss_sum = torch.zeros((), device=accelerator.device)
    own = ranks.share(range(len(rows)))
    sharded = is_sharded(module.model)
    try:
        for number in own:
            if seed is not None:
                torch.manual_seed(seed + number)
            whole = rows[number]
            for row in [whole] if pieces is None else pieces.of(whole):
                tensors_N = [tensor.to(accelerator.device, non_blocking=True) for tensor in row.tensors_N]
                with accelerator.autocast():
                    summed, extra = module(row.batch.to(accelerator.device), *tensors_N)
                parts = len(rows) * whole.batch.num_tokens / row.batch.num_tokens
                accelerator.backward(summed / total_labels + extra / parts)
                loss_sum += summed.detach()
        if sharded and len(own) < -(-len(rows) // ranks.count):
            _pass_along(accelerator, module, rows[0])
    except torch.OutOfMemoryError as error:
        # With sharded layers, the other processes wait in the middle of the step, so it cannot be started again.
        if sharded or pieces is None or not pieces.halve():
            raise
        reason = str(error).strip().splitlines()[0]
    else:
        return loss_sum
    # After the handler, because an exception keeps the activations alive while it is being handled.
    say(
        f"note: the memory is full ({reason}): rows are run in pieces of at most {pieces.most_tokens:,} tokens from "
        "now on; a step is made of the same rows as before"
    )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _pass_along(accelerator: Accelerator, module: nn.Module, row: PreparedRow) -> None:
    """Runs a row with weight zero, because sharded layers need all processes in every pass."""
    tensors_N = [tensor.to(accelerator.device) for tensor in row.tensors_N]
    with accelerator.autocast():
        summed, extra = module(row.batch.to(accelerator.device), *tensors_N)
    accelerator.backward(0 * (summed + extra))


def ranks_of(accelerator: Accelerator) -> Ranks:
    """Returns the processes of a run, as an accelerator describes them."""
    return Ranks(accelerator.process_index, accelerator.num_processes)


def _add_up(ranks: Ranks, parameters: Sequence[nn.Parameter], loss_sum: Tensor) -> Tensor:
    """Adds up the gradients over all processes in one message and returns the sum of their losses.

    A parameter that has no gradient in any process keeps none, so that the optimiser skips it.
    """
    missing = [parameter.grad is None for parameter in parameters]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    there = ranks.add(torch.tensor([not gone for gone in missing], dtype=torch.int32))  # on the hosts; no GPU waits
    pieces = [*(gradient.flatten() for gradient in gradients), loss_sum[None]]
    total = ranks.add(torch.cat(pieces))
    *sums, losses = torch.split(total, [piece.numel() for piece in pieces])
    for parameter, gradient, found, value in zip(parameters, gradients, there.tolist(), sums, strict=True):
        if found:
            gradient.copy_(value.view_as(gradient))
        else:
            parameter.grad = None
    return losses[0]


DECIDES = "decides"
"""Key of the measure that decides between states, if that is not the validation loss."""


class PackedSteps:
    """Steps of the training loop on rows of data.

    Args:
        accelerator: Device, precision and processes.
        loss_module: Computes the loss of one row.
        batches: The training data as rows.
        validate: Returns the validation ``loss`` in nats per token, and other values for the log. The value of
            ``DECIDES`` decides between states; without it, the loss does.
        options: ``accumulation`` is the number of rows per step, ``row_tokens`` their greatest length.
        known_loss: The loss that ``validate`` would return before the first step, if it is known.
        prepare: Returns the further arguments of a row's loss.
    """

    unit = "step"

    def __init__(
        self,
        accelerator: Accelerator,
        loss_module: PackedLoss,
        batches: PackedBatches,
        validate: Callable[[], Facts],
        options: Optimisation,
        known_loss: float | None = None,
        prepare: Callable[[PackedBatch], tuple[Tensor, ...]] = targets,
    ) -> None:
        self._accelerator = accelerator
        self._module = loss_module
        self._batches, self._validate, self._known_loss = batches, validate, known_loss
        self._rows, self._prepare = _endless(batches), prepare
        self._rows_a_step = options.accumulation
        self._pieces = Pieces(batches, prepare, options.row_tokens, loss_module.shrink)
        if (count := accelerator.num_processes) > 1 and options.accumulation % count:
            say(
                f"note: accumulation is {options.accumulation}: {count} processes share the rows of a step evenly if "
                f"it is a multiple of {count} (this changes the training)"
            )
        self._upcoming: list[PreparedRow] = []
        self._origins: dict[int, list[int]] = {}  # step -> its examples, for the last two steps
        self._cursor = batches.state_dict()
        self._last_end = _now(accelerator.device)
        self.overlap = accelerator.device.type == "cuda"

    def take(self, number: int, update: Update, is_last: bool) -> Callable[[], Facts]:
        """See ``Steps``."""
        rows = self._upcoming or self._next_rows()
        self._module.train()
        loss = add_gradients(self._accelerator, self._module, rows, self._pieces)
        outcome = _copied(torch.stack([loss, update().double()]))
        self._cursor = self._batches.state_dict()
        recent = {step: indices for step, indices in self._origins.items() if step == number - 1}
        self._origins = recent | {number: [i for row in rows for i in row.batch.example_ids_D.tolist() if i >= 0]}
        # Preparing the rows of the next step costs no time now, because a GPU is still running this step.
        self._upcoming = [] if is_last else self._next_rows()
        rate, tokens = update.rate, sum(row.batch.num_tokens for row in rows)

        def read() -> Facts:
            (loss, norm), end = outcome()
            speed = round(tokens / max(1e-9, _seconds(self._last_end, end)))
            self._last_end = end
            return {"loss": loss, "rate": rate, "grad_norm": norm, "tokens_per_second": speed}

        return read

    def validate(self, number: int) -> tuple[float, Facts]:
        """See ``Steps``."""
        known = self._known_loss if number == 0 else None
        facts = self._validate() if known is None else {"loss": known}
        self._last_end = _now(self._accelerator.device)  # validation does not count towards the time of the next step
        return facts.get(DECIDES, facts["loss"]), facts

    def shown(self, facts: Mapping[str, float], progress: Progress) -> dict[str, float | str]:
        """See ``Steps``."""
        validation = {"val": progress.history[-1][1], "best": progress.best_loss}
        return {"loss": facts["loss"], **validation, "tok_s": facts["tokens_per_second"]}

    def state_dict(self) -> dict[str, Any]:
        """See ``Steps``."""
        return self._cursor

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``Steps``."""
        self._batches.load_state_dict(state)
        self._cursor = state

    def origin(self, number: int) -> str:
        """See ``Steps``."""
        places: dict[str, list[int]] = {}
        for index in sorted(self._origins.get(number, ())):
            language = self._batches.examples[index].language
            before = sum(example.language == language for example in self._batches.examples[:index])
            places.setdefault(language, []).append(before + 1)
        return "; ".join(f"{language} {', '.join(map(str, numbers))}" for language, numbers in places.items())

    def _next_rows(self) -> list[PreparedRow]:
        rows = [PreparedRow(row, self._prepare(row)) for row in itertools.islice(self._rows, self._rows_a_step)]
        return [row.pin_memory() for row in rows] if self.overlap else rows


_Moment = float | torch.cuda.Event
"""A wall-clock time in seconds, or for a GPU an event in its queue, whose time is known once the GPU has reached it.

The host may read a step long after the GPU has finished it, or several steps at once, so the host's clock cannot time
them.
"""


def _now(device: torch.device) -> _Moment:
    if device.type != "cuda":
        return time.monotonic()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


def _seconds(start: _Moment, end: _Moment) -> float:
    """Returns the seconds between two moments that have passed."""
    if isinstance(start, torch.cuda.Event):
        return float(start.elapsed_time(cast("torch.cuda.Event", end))) / 1000
    return cast("float", end) - start


def _copied(values: Tensor) -> Callable[[], tuple[list[float], _Moment]]:
    """Starts copying values to the host.

    Returns:
        A function that waits for this copy only, not for later work of the GPU, and returns the values and the moment
        when they were copied.
    """
    if values.device.type != "cuda":
        there = cast("list[float]", values.tolist()), _now(values.device)
        return lambda: there
    host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    host.copy_(values, non_blocking=True)
    event = cast("torch.cuda.Event", _now(values.device))

    def wait() -> tuple[list[float], _Moment]:
        event.synchronize()
        return cast("list[float]", host.tolist()), event

    return wait


def _endless(batches: PackedBatches) -> Iterator[PackedBatch]:
    while True:
        yield from batches
