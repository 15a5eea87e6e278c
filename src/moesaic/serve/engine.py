"""Continuous batching for a server: one thread owns the model, requests join and leave the running batch.

    submit -> queue -> [admitted: prompt runs, slot filled] -> a token a step -> finished, cancelled or cut

The slots are those of batched decoding (``model.decode.slots``). Every step serves all active requests, so a long
answer delays nobody. New prompts are run between steps, a bounded number of tokens at a time, so that they delay the
running ones only a little. The queue is bounded: a request that does not fit is refused at once (``EngineFullError``).
An answer does not depend on what runs beside it: sampling takes the request's own random numbers, one per token.

Listeners are called on the engine's thread and must not block.

Shapes: B slots, L layers, K top-k.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from moesaic.errors import ModelError
from moesaic.model.backbone import context_length
from moesaic.model.decode.cpu import few_row_products
from moesaic.model.decode.generate import fastest_step, routes_of
from moesaic.model.decode.sampling import sample_rows, uniform_numbers
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.moe import is_composed, record_routing

Reason = Literal["stop", "length", "cancelled", "error"]
Route = tuple[list[list[int]], list[list[float]]]
"""Experts and weights of one token, each by layer and slot."""

PREFILL_TOKENS = 2048
"""Most tokens of prompts between two steps, unless one prompt alone is longer."""


class EngineFullError(Exception):
    """The queue is full: try again later."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a request wants its tokens chosen.

    Attributes:
        max_new_tokens: Most tokens; less where the context ends before.
        temperature: 0 takes the likeliest token.
        top_p: Share of probability kept, in (0, 1].
        seed: Seed of the request's own random numbers.
        trace: Whether each token's experts are recorded.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    Attributes:
        id: The token.
        logprob: Log probability under the model, in nats, whatever the temperature.
        route: Its experts and their weights, when asked for.
    """

    id: int
    logprob: float
    route: Route | None = None


class Ticket:
    """A request on its way through the engine.

    Attributes:
        prompt: Its tokens.
        sampling: How its tokens are chosen.
        submitted, started, finished: Times on the monotonic clock, in seconds; 0 before they have come.
        num_tokens: Tokens so far.
        reason: Why it ended; None while it has not.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        on_token: Callable[[Token], None],
        on_end: Callable[[Reason], None],
    ) -> None:
        self.prompt, self.sampling = list(prompt), sampling
        self.submitted, self.started, self.finished = time.monotonic(), 0.0, 0.0
        self.num_tokens = 0
        self.reason: Reason | None = None
        self.on_token, self.on_end = on_token, on_end
        self.cancelled = threading.Event()
        self._uniforms = (
            uniform_numbers(sampling.seed, 0, sampling.max_new_tokens) if sampling.temperature > 0 else None
        )

    def uniform(self) -> float:
        """The random number of the next token."""
        return 0.0 if self._uniforms is None else self._uniforms[self.num_tokens]

    def cancel(self) -> None:
        """Asks the engine to drop the request; its slot is free before the next step."""
        self.cancelled.set()


@dataclass(slots=True)
class Statistics:
    """What the engine counts; read by the metrics page.

    Attributes:
        tokens: Generated tokens, ever.
        prompt_tokens: Tokens of prompts, ever.
        ended: Requests by reason, ever.
        steps: Decoding steps, ever; None where they are another program's.
        busy_seconds: Time in prompts and steps; None likewise.
    """

    tokens: int = 0
    prompt_tokens: int = 0
    steps: int | None = 0
    busy_seconds: float | None = 0.0
    ended: dict[str, int] = field(default_factory=dict)


class Engine:
    """Owns a model and answers requests with it, many at a time.

    Args:
        model: A causal language model in evaluation mode, composed or not.
        stop_ids: Tokens that end an answer.
        num_slots: Most requests that run at the same time.
        capacity: Most tokens of a request, prompt and answer together; at most the model's context.
        queue_size: Most requests that wait.
        compile: Compile the decoding step on a GPU.
    """

    traces = True
    """Whether tokens can come with their experts."""

    def __init__(
        self,
        model: Any,
        stop_ids: Sequence[int],
        num_slots: int = 8,
        capacity: int = 2048,
        queue_size: int = 64,
        compile: bool = False,
    ) -> None:
        self.capacity = min(capacity, context_length(model))
        self.num_slots, self.queue_size = num_slots, queue_size
        self.statistics = Statistics()
        self._model, self._stop_ids, self._compile = model, frozenset(stop_ids), compile
        self._waiting: deque[Ticket] = deque()
        self._active: list[Ticket] = []
        self._changed = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="moesaic-engine", daemon=True)
        self._thread.start()

    @property
    def num_active(self) -> int:
        """Requests that are running."""
        return len(self._active)

    @property
    def num_waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def is_alive(self) -> bool:
        """False once the engine was closed or has failed."""
        return self._thread.is_alive() and self._failure is None

    def submit(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        on_token: Callable[[Token], None],
        on_end: Callable[[Reason], None],
    ) -> Ticket:
        """Queues a request.

        Args:
            prompt: Token ids, at least one, fewer than ``capacity``.
            sampling: How tokens are chosen.
            on_token: Called with every token, on the engine's thread.
            on_end: Called once, with the reason, on the engine's thread.

        Raises:
            ModelError: The prompt is empty, or leaves no room for an answer.
            EngineFullError: The queue is full, or the engine is closing.
        """
        if not 0 < len(prompt) < self.capacity:
            raise ModelError(f"the prompt has {len(prompt):,} tokens; 1 to {self.capacity - 1:,} are allowed here")
        ticket = Ticket(prompt, sampling, on_token, on_end)
        with self._changed:
            if self._closing or not self.is_alive:
                raise EngineFullError("the server is shutting down")
            if len(self._waiting) >= self.queue_size:
                raise EngineFullError(f"{len(self._waiting)} requests are waiting already")
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self, timeout: float | None = None) -> None:
        """Takes no more requests, ends when those that were accepted are answered.

        Args:
            timeout: After so many seconds the rest is cancelled.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._thread.is_alive():
            with self._changed:
                for ticket in (*self._waiting, *self._active):
                    ticket.cancel()
                self._changed.notify()
            self._thread.join()

    def _run(self) -> None:
        try:
            with torch.inference_mode(), few_row_products(self._model, self.num_slots):
                batch = _Batch(self._model, self.num_slots, self.capacity, self._compile)
                fast = fastest_step(batch)
                steps, busy = 0, 0.0
                while self._wait():
                    started = time.monotonic()
                    self._drop_cancelled(batch)
                    if not self._admit(batch) and self._active:
                        self._step(batch, fast)
                        steps += 1
                    busy += time.monotonic() - started
                    self.statistics.steps, self.statistics.busy_seconds = steps, busy
        except BaseException as error:  # whoever waits has to be told, whatever went wrong
            self._failure = error
            with self._changed:
                tickets = [*self._active, *self._waiting]
                self._active.clear()
                self._waiting.clear()
            for ticket in tickets:
                self._end(ticket, "error")
            raise

    def _wait(self) -> bool:
        """Sleeps while there is nothing to do; False when the engine has to end."""
        with self._changed:
            while not self._waiting and not self._active:
                if self._closing:
                    return False
                self._changed.wait()
        return True

    def _drop_cancelled(self, batch: _Batch) -> None:
        with self._changed:
            dropped = [ticket for ticket in self._waiting if ticket.cancelled.is_set()]
            for ticket in dropped:
                self._waiting.remove(ticket)
        for ticket in dropped:
            self._end(ticket, "cancelled")
        for slot in reversed(range(len(self._active))):
            if self._active[slot].cancelled.is_set():
                self._free(batch, slot, "cancelled")

    def _admit(self, batch: _Batch) -> bool:
        """Runs the prompts that come next, oldest first; False when there is no slot or nobody waits."""
        new: list[Ticket] = []
        num_tokens = 0
        with self._changed:
            while self._waiting and len(self._active) + len(new) < self.num_slots:
                length = len(self._waiting[0].prompt)
                if new and num_tokens + length > PREFILL_TOKENS:
                    break
                new.append(self._waiting.popleft())
                num_tokens += length
        if not new:
            return False
        slots = range(len(self._active), len(self._active) + len(new))
        self._active.extend(new)
        batch.set_rows(self._active)
        self.statistics.prompt_tokens += num_tokens
        recording: Any = self._recording()
        with recording as routing:
            ends = batch.admit(slots, [ticket.prompt for ticket in new])
        now = time.monotonic()
        for ticket in new:
            ticket.started = now
        self._hand_out(batch, slots, routing, ends)
        return True

    def _step(self, batch: _Batch, fast: Callable[[int, int], None]) -> None:
        batch.set_rows(self._active)
        longest = max(len(ticket.prompt) + ticket.num_tokens for ticket in self._active)
        recording: Any = self._recording()
        with recording as routing:
            # Recording keeps what passes through Python, which a captured graph does not.
            is_captured = routing is not None and batch.device.type == "cuda"
            (batch.step if is_captured else fast)(len(self._active), longest)
        slots = range(len(self._active))
        self._hand_out(batch, slots, routing, list(slots))

    def _recording(self) -> Any:
        wanted = any(ticket.sampling.trace for ticket in self._active) and is_composed(self._model)
        return record_routing(self._model) if wanted else nullcontext(None)

    def _hand_out(self, batch: _Batch, slots: range, routing: Any, positions: Sequence[int]) -> None:
        """Gives every request its token and frees the slots of those that are through."""
        ids, logprobs = batch.tokens(slots)
        routes = None if routing is None else routes_of(routing, positions)
        for row in reversed(range(len(slots))):
            ticket = self._active[slots[row]]
            if ids[row] in self._stop_ids:
                self._free(batch, slots[row], "stop")
                continue
            ticket.num_tokens += 1
            self.statistics.tokens += 1
            route = routes[row] if routes is not None and ticket.sampling.trace else None
            ticket.on_token(Token(ids[row], logprobs[row], route))
            room = self.capacity - len(ticket.prompt)
            if ticket.num_tokens >= min(ticket.sampling.max_new_tokens, room):
                self._free(batch, slots[row], "length")

    def _free(self, batch: _Batch, slot: int, reason: Reason) -> None:
        """Ends a request; the last active one takes its slot."""
        ticket, last = self._active[slot], self._active[-1]
        batch.move(len(self._active) - 1, slot, len(last.prompt) + last.num_tokens)
        self._active[slot] = last
        self._active.pop()
        self._end(ticket, reason)

    def _end(self, ticket: Ticket, reason: Reason) -> None:
        ticket.reason, ticket.finished = reason, time.monotonic()
        self.statistics.ended[reason] = self.statistics.ended.get(reason, 0) + 1
        ticket.on_end(reason)


class _Batch(SlotBatch):
    """Slots whose rows choose their tokens each in its own way.

    Attributes:
        kind: What the rows need at most; see ``sample_rows``. A captured step is of one kind.
    """

    def __init__(self, model: Any, num_slots: int, capacity: int, compile: bool) -> None:
        super().__init__(model, num_slots, capacity, 0.0, 1.0, compile)
        self.temperature_B = torch.zeros(num_slots, device=self.device)
        self.top_p_B = torch.ones(num_slots, device=self.device)
        self.kind = "greedy"
        self._choose_rows = torch.compile(sample_rows) if self._compiles else sample_rows

    def set_rows(self, tickets: Sequence[Ticket]) -> None:
        """Sets temperature, ``top_p`` and the next random number of the first rows."""
        asked = [ticket.sampling for ticket in tickets]
        nucleus = any(sampling.temperature > 0 and sampling.top_p < 1 for sampling in asked)
        plain = any(sampling.temperature > 0 for sampling in asked)
        self.kind = "nucleus" if nucleus else "plain" if plain else "greedy"
        if not plain:
            return
        rows = slice(0, len(tickets))
        self.temperature_B[rows] = torch.tensor([sampling.temperature for sampling in asked], device=self.device)
        # A row that keeps everything must not lose its last tokens to rounding because another row's are cut.
        top_p = [sampling.top_p if sampling.top_p < 1 else math.inf for sampling in asked]
        self.top_p_B[rows] = torch.tensor(top_p, device=self.device)
        self.set_uniforms(range(len(tickets)), [ticket.uniform() for ticket in tickets])

    def sample_rows(self, hidden_BD: Tensor, rows: slice) -> None:
        logits_BV, uniforms_B = self.head(hidden_BD), self.uniforms_B[rows]
        temperature_B, top_p_B = self.temperature_B[rows], self.top_p_B[rows]
        self._mark((0,), logits_BV, uniforms_B, temperature_B, top_p_B)
        self.ids_B[rows], self.logprobs_B[rows] = self._choose_rows(
            logits_BV, uniforms_B, temperature_B, top_p_B, self.kind
        )
