"""The two ways in which requests run the model: as the Mixture-of-Experts, or as the base alone.

A decoding step runs all its rows in one way. Each way therefore has its own slots, and the engine runs the steps of the
two ways one after the other. Both use the same model. The base needs a second cache, which is made when a request first
asks for the base.

Shape suffixes: B slots, D model, V vocabulary, L layers, E experts, T tokens, K top-k, S = T K, N new requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from moesaic.model.decode.generate import fastest_step, routes_of
from moesaic.model.decode.sampling import sample_rows
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.moe import force_base, is_composed, record_routing

if TYPE_CHECKING:
    from moesaic.model.router import Routing
    from moesaic.serve.engine import Route, Ticket

New = tuple[list[int], list[float], "list[Route] | None"]
"""The result of a step: token ids, log probabilities in nats and, if a request asked for them, routes; one per row."""


class Lane:
    """The requests that run in one way, and their slots.

    Args:
        model: The engine's model.
        num_slots: Maximum number of requests in this lane.
        capacity: Maximum number of tokens of a request.
        compile: Whether the decoding step is compiled on a GPU.
        as_base: Whether the model runs as its base.

    Attributes:
        active: The requests; the index of a request is its slot.
        load_LE: Sums of the gate weights of all prompt tokens so far, ``(L, E)``; None if nothing was routed.
    """

    def __init__(self, model: Any, num_slots: int, capacity: int, compile: bool, as_base: bool = False) -> None:
        self.active: list[Ticket] = []
        self._model, self._as_base = model, as_base
        self._is_routed = is_composed(model) and not as_base
        self.load_LE: Tensor | None = None
        with self._way():
            self._batch = RowBatch(model, num_slots, capacity, compile)
            self._fast = fastest_step(self._batch)

    def admit(self, num_new: int) -> New:
        """Runs the prompts of the last ``num_new`` active requests, and returns their first tokens."""
        slots = range(len(self.active) - num_new, len(self.active))
        self._batch.set_rows(self.active)
        with self._way(), self._recording(self._is_routed) as routing:
            ends = self._batch.admit(slots, [ticket.prompt for ticket in self.active[slots.start :]])
        if routing is not None:
            new_LE = load_of(routing)
            self.load_LE = new_LE if self.load_LE is None else self.load_LE + new_LE
        return self._new(slots, routing, ends)

    def step(self) -> New:
        """Runs one decoding step, and returns the next token of every active request."""
        self._batch.set_rows(self.active)
        longest = max(len(ticket.prompt) + ticket.num_tokens for ticket in self.active)
        with self._way(), self._recording(self._is_routed and self._has_traces()) as routing:
            # Routing is recorded in Python code, which does not run when a captured graph is replayed.
            is_captured = routing is not None and self._batch.device.type == "cuda"
            (self._batch.step if is_captured else self._fast)(len(self.active), longest)
        slots = range(len(self.active))
        return self._new(slots, routing, list(slots))

    def free(self, slot: int) -> Ticket:
        """Removes and returns a request; the last active request is moved to its slot."""
        ticket, last = self.active[slot], self.active[-1]
        self._batch.move(len(self.active) - 1, slot, len(last.prompt) + last.num_tokens)
        self.active[slot] = last
        self.active.pop()
        return ticket

    def _way(self) -> AbstractContextManager[None]:
        return force_base(self._model) if self._as_base else nullcontext()

    def _has_traces(self) -> bool:
        return any(ticket.sampling.trace for ticket in self.active)

    def _recording(self, wanted: bool) -> AbstractContextManager[Any]:
        return record_routing(self._model) if wanted else nullcontext(None)

    def _new(self, slots: range, routing: Any, positions: Sequence[int]) -> New:
        routes = None if routing is None or not self._has_traces() else routes_of(routing, positions)
        return *self._batch.tokens(slots), routes


def load_of(routing: Mapping[int, Routing]) -> Tensor:
    """Returns the sums of the gate weights over the tokens of a forward pass, ``(L, E)``."""
    experts_LS = torch.stack([route.experts_TK.flatten() for route in routing.values()])
    weights_LS = torch.stack([route.weights_TK.flatten() for route in routing.values()])
    num_experts = next(iter(routing.values())).probs_TE.shape[1]
    return weights_LS.new_zeros(len(routing), num_experts).scatter_add_(1, experts_LS, weights_LS).cpu()


class RowBatch(SlotBatch):
    """Slots in which each row has its own sampling settings.

    Attributes:
        temperature_B: Temperature of each row, ``(B,)``.
        top_p_B: ``top_p`` of each row, ``(B,)``.
        kind: The most general kind of sampling that any row needs; see ``sample_rows``. A captured step is of one kind.
    """

    def __init__(self, model: Any, num_slots: int, capacity: int, compile: bool) -> None:
        super().__init__(model, num_slots, capacity, 0.0, 1.0, compile)
        self.temperature_B = torch.zeros(num_slots, device=self.device)
        self.top_p_B = torch.ones(num_slots, device=self.device)
        self.kind = "greedy"
        self._choose_rows = torch.compile(sample_rows) if self._compiles else sample_rows

    def admit(self, slots: range, prompts: Sequence[Sequence[int]]) -> list[int]:
        """Like ``SlotBatch.admit``, but equal prompts, as those of a request's choices, run once and are copied."""
        known = {prompt: number for number, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        last_ND, places = self._fill(range(slots.start, slots.start + len(known)), list(known))
        numbers = [known[tuple(prompt)] for prompt in prompts]
        for place in reversed(range(len(prompts))):  # a prompt's number is at most its place, so none is overwritten
            self.move(slots.start + numbers[place], slots.start + place, len(prompts[place]))
        self.sample_rows(last_ND[numbers], slice(slots.start, slots.stop))
        return [places[number] for number in numbers]

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
        # If other rows use top_p, rounding must not remove the last tokens of a row that keeps all tokens.
        top_p = [sampling.top_p if sampling.top_p < 1 else math.inf for sampling in asked]
        self.top_p_B[rows] = torch.tensor(top_p, device=self.device)
        self.set_uniforms(range(len(tickets)), [ticket.uniform() for ticket in tickets])

    def choose(self, logits_BV: Tensor, rows: slice) -> None:
        """Chooses the next tokens of some rows, with the sampling settings of each row."""
        uniforms_B = self.uniforms_B[rows]
        temperature_B, top_p_B = self.temperature_B[rows], self.top_p_B[rows]
        self._mark((0,), logits_BV, uniforms_B, temperature_B, top_p_B)
        self.ids_B[rows], self.logprobs_B[rows] = self._choose_rows(
            logits_BV, uniforms_B, temperature_B, top_p_B, self.kind
        )
