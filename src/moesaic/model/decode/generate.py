"""Batched decoding, with one sequence per slot of the cache (``slots``).

A finished row's slot is taken by the last active row (one row is copied, the batch gets smaller) and free slots by new
prompts, which run packed in one row. So nothing is computed for padding or for finished rows. Sampling takes one
uniform number a token from the prompt's own stream, so that results do not depend on the batch.

Shapes: L layers, K top-k, N rows of the last pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from moesaic.errors import ModelError
from moesaic.model.backbone import context_length
from moesaic.model.decode.cpu import few_row_products
from moesaic.model.decode.sampling import uniform_numbers
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.moe import is_composed, record_routing
from moesaic.model.router import Routing
from moesaic.model.sharded import idle_pass, is_anyone_busy, is_sharded

PREFILL_TOKENS = 16_384
"""Most tokens of prompts in one forward pass, unless one alone is longer."""


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """One generated token, and the experts that produced it at the position before it.

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
    """The tokens that were generated for one prompt.

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
    compile: bool = False,
    on_progress: Callable[[int], None] | None = None,
    on_step: Callable[[int], None] | None = None,
    trace: bool = False,
    tokenizer: Any = None,
    streams: Sequence[int] | None = None,
) -> list[Generation]:
    """Continues prompts in batches. Results do not depend on how prompts are batched.

    Args:
        model: A causal language model, composed or not; not in packed attention.
        prompts: Token ids, none empty.
        max_new_tokens: Most tokens a prompt; less where the context ends before.
        stop_ids: Tokens that end a text.
        temperature: 0 takes the likeliest token.
        top_p: Samples from the fewest tokens that hold this share of probability (Holtzman et al. 2020, section 3.1).
        seed: Seed of sampling; prompt i has its own stream.
        batch_size: Most prompts at a time.
        compile: Compile the decoding step on a GPU, which takes seconds, once a process; not with ``trace``.
        on_progress: Called with the number of prompts that finished since the last call.
        on_step: Called after every step with the number of tokens it made.
        trace: Record the experts of each token; slower.
        tokenizer: Gives the trace its text.
        streams: Number of each prompt's stream; the prompts' own numbers if None.

    Returns:
        One ``Generation`` a prompt, in their order.

    Raises:
        ModelError: An empty prompt, or one that fills the context.
    """
    limit = check_prompts(model, prompts)
    results = [Generation(trace=[] if trace else None) for _ in prompts]
    if not prompts or max_new_tokens < 1:
        _follow(model, max_new_tokens)
        return results
    lengths = [min(max_new_tokens, limit - len(prompt)) for prompt in prompts]
    uniforms = (
        [
            uniform_numbers(seed, stream, length)
            for stream, length in zip(streams or range(len(prompts)), lengths, strict=True)
        ]
        if temperature > 0
        else None
    )
    num_slots = min(batch_size, len(prompts))
    capacity = max(len(prompt) + length for prompt, length in zip(prompts, lengths, strict=True))
    # The longest are popped first: those that are started last, when rows run dry, are the cheapest.
    queue = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    active: list[int] = []
    was_training = model.training
    model.eval()
    recording: Any = record_routing(model) if trace and is_composed(model) else nullcontext({})
    faster: Any = nullcontext() if is_sharded(model) else few_row_products(model, num_slots)
    with torch.inference_mode(), faster, recording as routing:
        batch = SlotBatch(model, num_slots, capacity, temperature, top_p, compile and not trace)
        # Recording keeps what passes through Python, which a captured graph does not.
        step = batch.step if trace and batch.device.type == "cuda" else fastest_step(batch)
        while is_anyone_busy(model, bool(queue or active)):
            if not queue and not active:
                idle_pass(model)
                continue
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
            routes = routes_of(routing, positions) if trace else None
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


def _follow(model: Any, max_new_tokens: int) -> None:
    """Without prompts of its own, takes part in the passes of the processes that share the model's layers."""
    with torch.inference_mode():
        while max_new_tokens > 0 and is_anyone_busy(model, False):
            idle_pass(model)


def check_prompts(model: Any, prompts: Sequence[Sequence[int]]) -> int:
    """Returns the model's context length in tokens.

    Raises:
        ModelError: An empty prompt, or one that fills the context.
    """
    limit = context_length(model)
    for index, prompt in enumerate(prompts):
        if not 0 < len(prompt) < limit:
            raise ModelError(
                f"prompt {index} has {len(prompt):,} tokens; the model's context allows 1 to {limit - 1:,}"
            )
    return limit


def fastest_step(batch: SlotBatch) -> Callable[[int, int], None]:
    """Returns the batch's own step; on a CPU a shorter one for a single row, on CUDA one that is replayed as graphs."""
    if batch.is_sharded:
        return batch.step
    if batch.device.type != "cuda":
        from moesaic.model.decode import single

        return single.SingleStep(batch) if single.fits(batch) else batch.step
    from moesaic.model.decode.cuda import GraphedStep

    return GraphedStep(batch)


def _take(queue: list[int], free: int, prompts: Sequence[Sequence[int]]) -> list[int]:
    """Pops prompts for one forward pass."""
    new = [queue.pop()]
    num_tokens = len(prompts[new[0]])
    while queue and len(new) < free and num_tokens + len(prompts[queue[-1]]) <= PREFILL_TOKENS:
        new.append(queue.pop())
        num_tokens += len(prompts[new[-1]])
    return new


def routes_of(routing: dict[int, Routing], positions: Sequence[int]) -> list[tuple[list[list[int]], list[list[float]]]]:
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
