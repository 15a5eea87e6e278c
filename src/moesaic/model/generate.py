"""Batched decoding with a cache of slots, one sequence a slot.

A sequence's keys and values fill its slot from column 0, so rows of one batch may have any lengths and any age: a
finished row's slot is taken by the last active row (one row is copied, the batch gets smaller) and free slots by new
prompts. Prompts run packed in one row. So nothing is computed for padding or for finished rows.

    slot 0   p p p p p p g g g .        p prompt, g generated, . free
    slot 1   p p g g g g g . . .
    slot 2   p p p p g . . . . .

A decoding step has fixed tensors as inputs and outputs, so that on CUDA it is replayed as a graph (``generate_cuda``).
Sampling takes one uniform number a token from the prompt's own stream, so that results do not depend on the batch.

Shapes: B slots, C cache columns, G key-value heads, A head size, V vocabulary, L layers, K top-k.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from moesaic.errors import ModelError
from moesaic.model.attention import packed_attention, slot_attention
from moesaic.model.backbone import context_length
from moesaic.model.generate_cpu import weight_first
from moesaic.model.moe import is_composed, record_routing
from moesaic.model.router import Routing

PREFILL_TOKENS = 16_384
"""Most tokens of prompts in one forward pass, unless one alone is longer."""


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """One generated token and the experts that produced it, that is, at the position before it.

    Attributes:
        token_id: The token.
        text: What it adds to the text; empty while a character is incomplete.
        logprob: Log probability under the model, in nats, whatever the temperature.
        experts_LK: Experts chosen in each layer; empty for a model without gates or with a forced expert.
        weights_LK: Their weights.
    """

    token_id: int
    text: str
    logprob: float
    experts_LK: list[list[int]]
    weights_LK: list[list[float]]


@dataclass(slots=True)
class Generation:
    """What was generated for one prompt.

    Attributes:
        ids: The new tokens, without the stop token.
        logprobs: Log probability of each, in nats.
        stopped: Whether a stop token came; otherwise the length ran out.
        trace: One entry a token, when asked for.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    stopped: bool = False
    trace: list[TokenTrace] | None = None


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: Sequence[int],
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_size: int = 32,
    on_progress: Callable[[int], None] | None = None,
    on_step: Callable[[int], None] | None = None,
    trace: bool = False,
    tokenizer: Any = None,
) -> list[Generation]:
    """Continues prompts, several at a time; each as if it were alone.

    Args:
        model: A causal language model, composed or not; not in packed attention.
        prompts: Token ids, none empty.
        max_new_tokens: Most tokens a prompt; less where the context ends before.
        stop_ids: Tokens that end a text.
        temperature: 0 takes the likeliest token.
        top_p: Samples from the fewest tokens that hold this share of probability (Holtzman et al. 2020, section 3.1).
        seed: Seed of sampling; prompt i has its own stream.
        batch_size: Most prompts at a time.
        on_progress: Called with the number of prompts that finished since the last call.
        on_step: Called after every step with the number of tokens it made.
        trace: Record the experts of each token; slower.
        tokenizer: Gives the trace its text.

    Returns:
        One ``Generation`` a prompt, in their order.

    Raises:
        ModelError: An empty prompt, or one that fills the context.
    """
    limit = context_length(model)
    for index, prompt in enumerate(prompts):
        if not 0 < len(prompt) < limit:
            raise ModelError(
                f"prompt {index} has {len(prompt):,} tokens; the model's context allows 1 to {limit - 1:,}"
            )
    results = [Generation(trace=[] if trace else None) for _ in prompts]
    if not prompts or max_new_tokens < 1:
        return results
    lengths = [min(max_new_tokens, limit - len(prompt)) for prompt in prompts]
    uniforms = [_uniforms(seed, index, length) for index, length in enumerate(lengths)] if temperature > 0 else None
    num_slots = min(batch_size, len(prompts))
    capacity = max(len(prompt) + length for prompt, length in zip(prompts, lengths, strict=True))
    # The longest are popped first: those that are started last, when rows run dry, are the cheapest.
    queue = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    active: list[int] = []
    was_training = model.training
    model.eval()
    recording: Any = record_routing(model) if trace and is_composed(model) else nullcontext({})
    with torch.inference_mode(), slot_attention(model), weight_first(model), recording as routing:
        batch = SlotBatch(model, num_slots, capacity, temperature, top_p)
        step = batch.step if trace else fastest_step(batch)
        while queue or active:
            free = num_slots - len(active)
            if queue and (free >= max(1, num_slots // 4) or not active):
                new = _take(queue, free, prompts)
                slots = range(len(active), len(active) + len(new))
                active += new
                if uniforms is not None:
                    batch.set_uniforms(slots, [uniforms[index][0] for index in new])
                positions = batch.admit(slots, [prompts[index] for index in new])
            else:
                slots = range(len(active))
                if uniforms is not None:
                    batch.set_uniforms(slots, [uniforms[index][len(results[index].ids)] for index in active])
                step(len(active), max(len(prompts[index]) + len(results[index].ids) for index in active))
                positions = list(slots)
            ids, logprobs = batch.tokens(slots)
            routes = _routes(routing, positions) if trace else None
            num_active = len(active)
            for row in reversed(range(len(slots))):
                slot, result = slots[row], results[active[slots[row]]]
                result.stopped = ids[row] in stop_ids
                if not result.stopped:
                    result.ids.append(ids[row])
                    result.logprobs.append(logprobs[row])
                    if result.trace is not None and routes is not None:
                        result.trace.append(TokenTrace(ids[row], "", logprobs[row], *routes[row]))
                if result.stopped or len(result.ids) == lengths[active[slot]]:
                    last = active[-1]
                    batch.move(len(active) - 1, slot, len(prompts[last]) + len(results[last].ids))
                    active[slot] = active[-1]
                    active.pop()
            if on_step is not None:
                on_step(len(slots))
            if on_progress is not None and len(active) < num_active:
                on_progress(num_active - len(active))
    model.train(was_training)
    return [_with_text(result, tokenizer) for result in results] if trace and tokenizer is not None else results


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, ``(B, G, C, A)``; a new one is written at its row's own position."""

    def __init__(self, keys_BGCA: Tensor, values_BGCA: Tensor, positions_B: Tensor) -> None:
        super().__init__()
        self.keys, self.values, self.positions_B = keys_BGCA, values_BGCA, positions_B
        self.rows_B = torch.arange(len(positions_B), device=positions_B.device)
        self.is_initialized = True
        self.num_rows, self.num_columns = 0, 0

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any) -> tuple[Tensor, Tensor]:
        """Writes one token a row; returns the active part of the cache, without a copy."""
        rows_B, positions_B = self.rows_B[: self.num_rows], self.positions_B[: self.num_rows]
        self.keys[rows_B, :, positions_B] = key_states[:, :, 0]
        self.values[rows_B, :, positions_B] = value_states[:, :, 0]
        return self.keys[: self.num_rows, :, : self.num_columns], self.values[: self.num_rows, :, : self.num_columns]


class SlotBatch:
    """The slots' tensors, prefill of new rows, and one decoding step over the first rows.

    Args:
        model: The model.
        num_slots: Most rows.
        capacity: Most tokens a row.
        temperature: See ``generate``.
        top_p: See ``generate``.
    """

    def __init__(self, model: Any, num_slots: int, capacity: int, temperature: float, top_p: float) -> None:
        self.model, self.decoder, self.head = model, model.get_decoder(), model.get_output_embeddings()
        self.cache_argument = cache_argument(self.decoder)
        self.window = sliding_window(model.config)
        self.num_slots, self.capacity = num_slots, capacity
        self.temperature, self.top_p = temperature, top_p
        self.device: torch.device = self.head.weight.device
        self.dtype: torch.dtype = self.decoder.embed_tokens.weight.dtype
        self.ids_B = torch.zeros(num_slots, dtype=torch.long, device=self.device)
        self.positions_B = torch.zeros_like(self.ids_B)
        self.logprobs_B = torch.zeros(num_slots, device=self.device)
        self.uniforms_B = torch.zeros(num_slots, dtype=torch.double, device=self.device)
        self.cache = Cache(layers=[])

    def admit(self, slots: range, prompts: Sequence[Sequence[int]]) -> list[int]:
        """Runs prompts as one packed row, fills the slots with their keys and values, samples their first tokens.

        Returns:
            Place of each prompt's last token in the row.
        """
        lengths = [len(prompt) for prompt in prompts]
        ends_N = torch.tensor(lengths).cumsum(0)
        filled = DynamicCache()
        with packed_attention(self.model):
            hidden_1TD = self.decoder(
                input_ids=torch.tensor([[token for prompt in prompts for token in prompt]], device=self.device),
                position_ids=torch.cat([torch.arange(length) for length in lengths])[None].to(self.device),
                cu_seqlens=F.pad(ends_N, (1, 0)).int().to(self.device),
                max_seqlen=max(lengths),
                use_cache=True,
                **{self.cache_argument: filled},
            ).last_hidden_state
        if not self.cache.layers:
            self.cache.layers.extend(self._new_layer(layer.keys, layer.values) for layer in filled.layers)
        for layer, source in zip(self.cache.layers, filled.layers, strict=True):
            for target, new in ((layer.keys, source.keys), (layer.values, source.values)):
                for slot, rows_GTA in zip(slots, torch.split(new[0], lengths, dim=1), strict=True):
                    target[slot, :, : rows_GTA.shape[1]] = rows_GTA
        new_rows = slice(slots.start, slots.stop)
        self.positions_B[new_rows] = torch.tensor(lengths, device=self.device)
        last_N = ends_N - 1
        self._sample(hidden_1TD[0, last_N.to(self.device)], new_rows)
        return last_N.tolist()

    def step(self, num_rows: int, num_columns: int) -> None:
        """Feeds the last token of the first rows and puts the next one in its place.

        Args:
            num_rows: Rows; more than are active does no harm.
            num_columns: Columns of the cache that are read: at least the greatest position + 1.
        """
        rows = slice(0, num_rows)
        positions_B1 = self.positions_B[rows, None]
        columns_C = torch.arange(num_columns, device=self.device)
        mask_BC = columns_C <= positions_B1
        if self.window is not None:
            mask_BC = mask_BC & (columns_C > positions_B1 - self.window)
        for layer in self.cache.layers:
            layer.num_rows, layer.num_columns = num_rows, num_columns
        # Added to the scores: made once here, where a mask of truth values is converted anew in every layer.
        added_BC = torch.zeros_like(mask_BC, dtype=self.dtype).masked_fill_(~mask_BC, float("-inf"))
        hidden_B1D = self.decoder(
            input_ids=self.ids_B[rows, None],
            attention_mask=added_BC[:, None, None],
            position_ids=positions_B1,
            use_cache=True,
            **{self.cache_argument: self.cache},
        ).last_hidden_state
        # Rows that are not active stay inside the cache, however often they are run.
        self.positions_B[rows] = (self.positions_B[rows] + 1).clamp(max=self.capacity - 1)
        self._sample(hidden_B1D[:, 0], rows)

    def tokens(self, slots: range) -> tuple[list[int], list[float]]:
        """The last sampled tokens of some slots and their log probabilities."""
        rows = slice(slots.start, slots.stop)
        return self.ids_B[rows].tolist(), self.logprobs_B[rows].tolist()

    def set_uniforms(self, slots: range, uniforms: Sequence[float]) -> None:
        """Sets the random numbers of the next sampling."""
        self.uniforms_B[slots.start : slots.stop] = torch.tensor(uniforms, dtype=torch.double)

    def move(self, source: int, target: int, num_columns: int) -> None:
        """Copies the first columns of a row, and its state, to another slot."""
        if source == target:
            return
        for layer in self.cache.layers:
            layer.keys[target, :, :num_columns] = layer.keys[source, :, :num_columns]
            layer.values[target, :, :num_columns] = layer.values[source, :, :num_columns]
        for row_state in (self.ids_B, self.positions_B):
            row_state[target] = row_state[source]

    def _new_layer(self, keys: Tensor, values: Tensor) -> SlotLayer:
        # Zeros, not whatever lies in memory: a masked value still meets a weight of 0, and 0 * NaN is NaN.
        shape = (self.num_slots, keys.shape[1], self.capacity)
        return SlotLayer(
            keys.new_zeros(*shape, keys.shape[3]), values.new_zeros(*shape, values.shape[3]), self.positions_B
        )

    def _sample(self, hidden_BD: Tensor, rows: slice) -> None:
        logits_BV = self.head(hidden_BD).float()
        self.ids_B[rows], self.logprobs_B[rows] = sample(logits_BV, self.uniforms_B[rows], self.temperature, self.top_p)


def sample(logits_BV: Tensor, uniforms_B: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Chooses a token a row by inverting the cumulative distribution; the likeliest when the temperature is 0.

    Args:
        logits_BV: Logits in float32.
        uniforms_B: Uniform numbers in [0, 1), float64.
        temperature: Divides the logits.
        top_p: Share of probability kept, in (0, 1].

    Returns:
        Tokens and their log probabilities before temperature and ``top_p``, both ``(B,)``.
    """
    if temperature == 0:
        ids_B = logits_BV.argmax(dim=-1)
    else:
        probs_BV, order_BV = (logits_BV / temperature).double().softmax(dim=-1), None
        if top_p < 1:
            probs_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
            probs_BV = torch.where(probs_BV.cumsum(dim=-1) - probs_BV < top_p, probs_BV, 0.0)
        cumulative_BV = probs_BV.cumsum(dim=-1)
        # right: the first whose cumulative sum is greater, so that a token of probability 0 is never taken.
        places_B1 = torch.searchsorted(cumulative_BV, uniforms_B[:, None] * cumulative_BV[:, -1:], right=True)
        places_B1 = places_B1.clamp(max=logits_BV.shape[-1] - 1)
        ids_B = (places_B1 if order_BV is None else order_BV.gather(1, places_B1)).squeeze(1)
    return ids_B, logits_BV.gather(1, ids_B[:, None]).squeeze(1) - logits_BV.logsumexp(dim=-1)


def cache_argument(decoder: Any) -> str:
    """Name under which a decoder takes its cache: ``cache`` in newer transformers, ``past_key_values`` before."""
    names = inspect.signature(type(decoder).forward).parameters
    return "cache" if "cache" in names else "past_key_values"


def sliding_window(config: Any) -> int | None:
    """The sliding window that all layers share, in tokens, or None.

    Raises:
        ModelError: Layers with and without a window in one model.
    """
    kinds = set(getattr(config, "layer_types", None) or ())
    if len(kinds) > 1:
        raise ModelError(
            f"layers of several kinds ({', '.join(sorted(kinds))}) cannot be decoded here: use another base"
        )
    window: int | None = getattr(config, "sliding_window", None)
    return None if kinds == {"full_attention"} else window


def fastest_step(batch: SlotBatch) -> Callable[[int, int], None]:
    """The batch's own step, or on CUDA the same one replayed as graphs."""
    if batch.device.type != "cuda":
        return batch.step
    from moesaic.model.generate_cuda import GraphedStep

    return GraphedStep(batch)


def _take(queue: list[int], free: int, prompts: Sequence[Sequence[int]]) -> list[int]:
    """Pops prompts for one forward pass."""
    new = [queue.pop()]
    num_tokens = len(prompts[new[0]])
    while queue and len(new) < free and num_tokens + len(prompts[queue[-1]]) <= PREFILL_TOKENS:
        new.append(queue.pop())
        num_tokens += len(prompts[new[-1]])
    return new


def _uniforms(seed: int, index: int, length: int) -> list[float]:
    generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    uniforms: list[float] = torch.rand(length, generator=generator, dtype=torch.double).tolist()
    return uniforms


def _routes(routing: dict[int, Routing], positions: Sequence[int]) -> list[tuple[list[list[int]], list[list[float]]]]:
    """Experts and weights, each by layer and slot, of some tokens of the last forward pass."""
    if not routing:
        return [([], []) for _ in positions]
    experts_NLK = torch.stack([route.experts_TK[positions] for route in routing.values()], dim=1)
    weights_NLK = torch.stack([route.weights_TK[positions] for route in routing.values()], dim=1)
    return list(zip(experts_NLK.tolist(), weights_NLK.tolist(), strict=True))


def _with_text(result: Generation, tokenizer: Any) -> Generation:
    """Gives each token of the trace what it adds to the text; bytes of one character go to the token that ends it."""
    trace, before = [], ""
    for count, token in enumerate(result.trace or (), start=1):
        text = tokenizer.decode(result.ids[:count])
        whole = not text.endswith("\N{REPLACEMENT CHARACTER}")
        trace.append(replace(token, text=text[len(before) :] if whole else ""))
        before = text if whole else before
    return replace(result, trace=trace)
