"""Continuous batching: one thread owns the model, and requests join and leave the running batch.

    submit -> queue -> [admitted: prompt runs, slot filled] -> a token a step -> finished, cancelled or cut

The slots are those of batched decoding (``model.decode.slots``). Every step generates a token for each active request,
so that a long answer does not delay other requests. New prompts are processed between steps, a limited number of tokens
at a time, so that running requests are delayed only a little. The queue is limited, and a request that does not fit is
refused at once (``EngineFullError``). An answer does not depend on other requests, because sampling uses the request's
own random numbers, one per token.

A request may ask for the base alone, for comparison. Such requests have their own slots (``lanes``), and their steps
alternate with those of the others. If there is no memory for these slots, only such requests fail.

Listeners are called on the engine's thread and must not block.

Shape suffixes: L layers, K top-k, E experts.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from moesaic.errors import ModelError
from moesaic.model.backbone import context_length
from moesaic.model.decode.cpu import few_row_products
from moesaic.model.decode.sampling import uniform_numbers
from moesaic.model.moe import is_composed
from moesaic.serve.lanes import Lane

_log = logging.getLogger("moesaic.serve")

Reason = Literal["stop", "length", "cancelled", "error"]
Route = tuple[list[list[int]], list[list[float]]]
"""Experts and gate weights of one token, each ``(L, K)``."""

MOST_BASE_SLOTS = 4
"""Maximum number of requests that the base answers at the same time; few, because they need a second cache."""

PREFILL_TOKENS = 2048
"""Maximum number of prompt tokens that are processed between two steps, unless a single prompt is longer."""


class EngineFullError(Exception):
    """Raised if the queue is full or the server is shutting down."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling settings of a request.

    Attributes:
        max_new_tokens: Maximum number of tokens; there are fewer if the context ends before.
        temperature: Sampling temperature; 0 chooses the most likely token.
        top_p: Share of the probability from which tokens are sampled, in (0, 1].
        seed: Seed of the request's own random numbers.
        trace: Whether the experts of each token are recorded.
        as_base: Whether the base answers without the experts.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    trace: bool = False
    as_base: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    Attributes:
        id: Token id.
        logprob: Log probability of the token under the model in nats, independent of the temperature.
        route: The experts of the token and their weights, if the request asked for them, else None.
    """

    id: int
    logprob: float
    route: Route | None = None


class Ticket:
    """A request in the engine.

    Attributes:
        prompt: Token ids of the prompt.
        sampling: How tokens are chosen.
        submitted, started, finished: Times in seconds on the monotonic clock; 0 until the event happens.
        num_tokens: Number of tokens generated so far.
        reason: Why the request ended; None until it ends.
        on_token: Called with every token.
        on_end: Called once, with the reason.
        cancelled: Set if the request is to be dropped.
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
        """Returns the random number for the next token, in [0, 1); 0 if tokens are not sampled."""
        return 0.0 if self._uniforms is None else self._uniforms[self.num_tokens]

    def cancel(self) -> None:
        """Asks the engine to drop the request, whose slot becomes free before the next step."""
        self.cancelled.set()


@dataclass(slots=True)
class Statistics:
    """The counters of the engine, which the metrics page reads.

    Attributes:
        tokens: Number of generated tokens.
        prompt_tokens: Number of prompt tokens.
        steps: Number of decoding steps; None if another program runs them.
        busy_seconds: Time in prompts and steps in seconds; None if another program runs them.
        ended: Reason -> number of requests that ended for it.
        prompt_load_LE: Sums of the gate weights of prompt tokens, ``(L, E)``; None if no token was routed here.
    """

    tokens: int = 0
    prompt_tokens: int = 0
    steps: int | None = 0
    busy_seconds: float | None = 0.0
    ended: dict[str, int] = field(default_factory=dict)
    prompt_load_LE: list[list[float]] | None = None


class Engine:
    """Owns a model and answers many requests with it at the same time.

    Args:
        model: A causal language model in evaluation mode, composed or not.
        stop_ids: Ids of tokens that end an answer.
        num_slots: Maximum number of requests that run at the same time.
        capacity: Maximum number of tokens of a request, prompt and answer together; limited by the model's context.
        queue_size: Maximum number of waiting requests.
        compile: Whether the decoding step is compiled on a GPU.

    Attributes:
        compares: Whether the base can answer, too. This needs a composed model, and memory for the base's slots.
        statistics: The counters.
    """

    traces = True
    """Whether tokens can be returned with their experts."""

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
        self.compares = is_composed(model)
        self._model, self._stop_ids, self._compile = model, frozenset(stop_ids), compile
        self._waiting: deque[Ticket] = deque()
        self._lanes: dict[bool, Lane] = {}  # the key is True for the base's lane
        self._changed = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="moesaic-engine", daemon=True)
        self._thread.start()

    @property
    def num_active(self) -> int:
        """Number of running requests."""
        return sum(len(lane.active) for lane in tuple(self._lanes.values()))

    @property
    def num_waiting(self) -> int:
        """Number of requests in the queue."""
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
            prompt: Token ids, at least one and fewer than ``capacity``.
            sampling: How tokens are chosen.
            on_token: Called with every token on the engine's thread.
            on_end: Called once with the reason on the engine's thread.

        Raises:
            ModelError: The prompt is empty or leaves no room for an answer, or the base cannot answer.
            EngineFullError: The queue is full, or the engine is closing.
        """
        if not 0 < len(prompt) < self.capacity:
            raise ModelError(f"the prompt has {len(prompt):,} tokens; 1 to {self.capacity - 1:,} are allowed here")
        if sampling.as_base and not self.compares:
            raise ModelError("the base alone does not answer here: the model has no experts, or its memory is full")
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
        """Stops accepting requests, and returns when all accepted requests are answered.

        Args:
            timeout: Time in seconds after which the remaining requests are cancelled; None to wait for all.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._thread.is_alive():
            with self._changed:
                for ticket in (*self._waiting, *self._running()):
                    ticket.cancel()
                self._changed.notify()
            self._thread.join()

    def _run(self) -> None:
        try:
            with torch.inference_mode(), few_row_products(self._model, self.num_slots):
                self._lane(False)
                steps, busy = 0, 0.0
                while self._wait():
                    started = time.monotonic()
                    self._drop_cancelled()
                    if not self._admit():
                        for lane in (lane for lane in self._lanes.values() if lane.active):
                            self._hand_out(lane, 0, *lane.step())
                            steps += 1
                    busy += time.monotonic() - started
                    self.statistics.steps, self.statistics.busy_seconds = steps, busy
        except BaseException as error:  # all waiting clients have to be told
            self._failure = error
            with self._changed:
                tickets = [*self._running(), *self._waiting]
                self._lanes.clear()
                self._waiting.clear()
            for ticket in tickets:
                self._end(ticket, "error")
            raise

    def _running(self) -> list[Ticket]:
        return [ticket for lane in tuple(self._lanes.values()) for ticket in lane.active]

    def _lane(self, as_base: bool) -> Lane:
        if as_base not in self._lanes:
            num_slots = min(self.num_slots, MOST_BASE_SLOTS) if as_base else self.num_slots
            self._lanes[as_base] = Lane(self._model, num_slots, self.capacity, self._compile, as_base)
        return self._lanes[as_base]

    def _wait(self) -> bool:
        """Sleeps while there is nothing to do; returns False if the engine has to end."""
        with self._changed:
            while not self._waiting and not self.num_active:
                if self._closing:
                    return False
                self._changed.wait()
        return True

    def _drop_cancelled(self) -> None:
        with self._changed:
            dropped = [ticket for ticket in self._waiting if ticket.cancelled.is_set()]
            for ticket in dropped:
                self._waiting.remove(ticket)
        for ticket in dropped:
            self._end(ticket, "cancelled")
        for lane in self._lanes.values():
            for slot in reversed(range(len(lane.active))):
                if lane.active[slot].cancelled.is_set():
                    self._end(lane.free(slot), "cancelled")

    def _admit(self) -> bool:
        """Runs the next prompts, oldest first; returns False if there is no slot or no waiting request."""
        new = self._next()
        for as_base in (False, True):
            tickets = [ticket for ticket in new if ticket.sampling.as_base is as_base]
            if not tickets:
                continue
            lane = self._lane(as_base)
            self.statistics.prompt_tokens += sum(len(ticket.prompt) for ticket in tickets)
            first = len(lane.active) - len(tickets)
            answers = lane.admit(len(tickets))
            if lane.load_LE is not None:
                self.statistics.prompt_load_LE = lane.load_LE.tolist()
            now = time.monotonic()
            for ticket in tickets:
                ticket.started = now
            self._hand_out(lane, first, *answers)
        return bool(new)

    def _next(self) -> list[Ticket]:
        """Moves requests from the queue to their lanes; a request that waits for the base does not block others."""
        new: list[Ticket] = []
        num_tokens = 0
        with self._changed:
            wants_base = any(ticket.sampling.as_base for ticket in self._waiting)
        free_base = self._free_base() if wants_base else 0
        free = self.num_slots - self.num_active
        with self._changed:
            for ticket in tuple(self._waiting):
                is_known = any(ticket.prompt == other.prompt for other in new)  # run once
                length = 0 if is_known else len(ticket.prompt)
                if not free or (new and num_tokens + length > PREFILL_TOKENS):
                    break
                if ticket.sampling.as_base:
                    if not free_base:
                        continue
                    free_base -= 1
                free -= 1
                num_tokens += length
                new.append(ticket)
                self._waiting.remove(ticket)
        for ticket in new:
            self._lane(ticket.sampling.as_base).active.append(ticket)
        return new

    def _free_base(self) -> int:
        """Returns the number of free slots for the base; if none can be made, ends the requests that wait for one."""
        try:
            return min(self.num_slots, MOST_BASE_SLOTS) - len(self._lane(True).active)
        except RuntimeError as error:  # other requests have their slots and must not fail because of a comparison
            if "memory" not in str(error):  # in torch's messages for GPUs and CPUs
                raise
            _log.error(json.dumps({"error": "no memory for the base's slots", "kind": type(error).__name__}))
        with self._changed:
            self.compares = False
            lost = [ticket for ticket in self._waiting if ticket.sampling.as_base]
            for ticket in lost:
                self._waiting.remove(ticket)
        for ticket in lost:
            self._end(ticket, "error")
        return 0

    def _hand_out(
        self, lane: Lane, first: int, ids: Sequence[int], logprobs: Sequence[float], routes: Sequence[Route] | None
    ) -> None:
        """Passes tokens to the requests from slot ``first`` on, and frees the slots of requests that have ended."""
        for row in reversed(range(len(ids))):
            slot = first + row
            ticket = lane.active[slot]
            if ids[row] in self._stop_ids:
                self._end(lane.free(slot), "stop")
                continue
            ticket.num_tokens += 1
            self.statistics.tokens += 1
            route = routes[row] if routes is not None and ticket.sampling.trace else None
            ticket.on_token(Token(ids[row], logprobs[row], route))
            room = self.capacity - len(ticket.prompt)
            if ticket.num_tokens >= min(ticket.sampling.max_new_tokens, room):
                self._end(lane.free(slot), "length")

    def _end(self, ticket: Ticket, reason: Reason) -> None:
        ticket.reason, ticket.finished = reason, time.monotonic()
        self.statistics.ended[reason] = self.statistics.ended.get(reason, 0) + 1
        ticket.on_end(reason)
