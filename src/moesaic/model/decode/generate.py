"""Batched decoding, with one sequence per slot of the cache (``slots``).

When a row is finished, the last active row is copied to its slot, so that the batch becomes smaller. Free slots get new
prompts, which run packed in one row. So nothing is computed for padding or for finished rows. For each token, sampling
takes one uniform number from the prompt's own stream, so that results do not depend on the batch.

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
"""Largest number of tokens of prompts in a forward pass, unless a single prompt is longer."""


@dataclass(frozen=True, slots=True)
class TokenTrace:
    """A generated token, and the experts that were chosen at the position before it, which predicts it.

    Attributes:
        token_id: The token.
        text: The text that the token adds; empty if its last character is still incomplete.
        logprob: Log-probability under the model in nats, without temperature.
        experts_LK: Indices of the experts chosen in each layer; empty for a model without gates or with a forced
            expert.
        weights_LK: The weights of these experts.
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
        logprobs: Log-probability of each token, in nats.
        stopped: Whether the text ended with a stop token, and not because of its length.
        trace: One entry per token; None unless it was requested.
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
        model: A causal language model, composed or not, which is not in packed attention.
        prompts: Token ids of the prompts, none of which may be empty.
        max_new_tokens: Largest number of new tokens per prompt; there are fewer if the context ends before.
        stop_ids: Tokens that end a text.
        temperature: Temperature of sampling; 0 always chooses the most probable token.
        top_p: Sampling uses only the smallest set of tokens with this share of the probability (Holtzman et al. 2020,
            section 3.1).
        seed: Seed of sampling.
        batch_size: Largest number of prompts that are decoded at the same time.
        compile: Whether to compile the decoding step on a GPU, which takes seconds once per process. It has no effect
            with ``trace``.
        on_progress: Called with the number of prompts that were finished since the last call.
        on_step: Called after every step with the number of tokens that it generated.
        trace: Whether to record the experts of each token, which is slower.
        tokenizer: Needed for the texts in the trace.
        streams: The number of the random stream of each prompt; by default the index of the prompt.

    Returns:
        One ``Generation`` per prompt, in the order of the prompts.

    Raises:
        ModelError: A prompt is empty, or fills the context.
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
    # The longest prompts are popped first, so that those that start last, when slots become empty, are the cheapest.
    queue = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    active: list[int] = []
    was_training = model.training
    model.eval()
    recording: Any = record_routing(model) if trace and is_composed(model) else nullcontext({})
    faster: Any = nullcontext() if is_sharded(model) else few_row_products(model, num_slots)
    with torch.inference_mode(), faster, recording as routing:
        batch = SlotBatch(model, num_slots, capacity, temperature, top_p, compile and not trace)
        # Routing is recorded by hooks in Python, which a captured graph does not call.
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
    """Takes part in the passes of the processes that share the model's layers if this process has no prompts."""
    with torch.inference_mode():
        while max_new_tokens > 0 and is_anyone_busy(model, False):
            idle_pass(model)


def check_prompts(model: Any, prompts: Sequence[Sequence[int]]) -> int:
    """Checks the lengths of prompts, and returns the model's context length in tokens.

    Raises:
        ModelError: A prompt is empty, or fills the context.
    """
    limit = context_length(model)
    for index, prompt in enumerate(prompts):
        if not 0 < len(prompt) < limit:
            raise ModelError(
                f"prompt {index} has {len(prompt):,} tokens; the model's context allows 1 to {limit - 1:,}"
            )
    return limit


def fastest_step(batch: SlotBatch) -> Callable[[int, int], None]:
    """Returns the fastest step for a batch: CUDA graphs on a GPU, on a CPU a special step for a single row."""
    if batch.is_sharded:
        return batch.step
    if batch.device.type != "cuda":
        from moesaic.model.decode import single

        return single.SingleStep(batch) if single.fits(batch) else batch.step
    from moesaic.model.decode.cuda import GraphedStep

    return GraphedStep(batch)


def _take(queue: list[int], free: int, prompts: Sequence[Sequence[int]]) -> list[int]:
    """Pops the prompts for one forward pass from the queue."""
    new = [queue.pop()]
    num_tokens = len(prompts[new[0]])
    while queue and len(new) < free and num_tokens + len(prompts[queue[-1]]) <= PREFILL_TOKENS:
        new.append(queue.pop())
        num_tokens += len(prompts[new[-1]])
    return new


def routes_of(routing: dict[int, Routing], positions: Sequence[int]) -> list[tuple[list[list[int]], list[list[float]]]]:
    """Returns the experts and weights of some tokens of the last forward pass.

    Args:
        routing: The routing of each layer (``record_routing``).
        positions: Positions of the tokens in that pass.

    Returns:
        For each token, its experts and its weights as nested lists over layers and top-k; empty lists without routing.
    """
    if not routing:
        return [([], []) for _ in positions]
    experts_NLK = torch.stack([route.experts_TK[positions] for route in routing.values()], dim=1)
    weights_NLK = torch.stack([route.weights_TK[positions] for route in routing.values()], dim=1)
    return list(zip(experts_NLK.tolist(), weights_NLK.tolist(), strict=True))


def _with_text(result: Generation, tokenizer: Any) -> Generation:
    """Adds the texts of the tokens to the trace. A character of several tokens belongs to the last of them."""
    trace, before = [], ""
    for count, token in enumerate(result.trace or (), start=1):
        text = tokenizer.decode(result.ids[:count])
        whole = not text.endswith("\N{REPLACEMENT CHARACTER}")
        trace.append(replace(token, text=text[len(before) :] if whole else ""))
        before = text if whole else before
    return replace(result, trace=trace)
