"""Yields the tokens of one text while they are generated; they are the same as those of ``generate``."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Any

import torch

from moesaic.model.decode.cpu import few_row_products
from moesaic.model.decode.generate import check_prompts, fastest_step
from moesaic.model.decode.sampling import uniform_numbers
from moesaic.model.decode.slots import SlotBatch


def stream_ids(
    model: Any,
    prompt: Sequence[int],
    max_new_tokens: int,
    stop_ids: Sequence[int],
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Generator[int, None, None]:
    """Continues one prompt and yields each token when it is generated, without the stop token.

    The model must not be used for anything else until the iterator is exhausted or closed.

    Args:
        model: A causal language model; ``generate`` explains the arguments further.
        prompt: Token ids of the prompt.
        max_new_tokens: Largest number of new tokens; there are fewer if the context ends before.
        stop_ids: Tokens that end the text.
        temperature: Temperature of sampling; 0 always chooses the most probable token.
        top_p: Share of the probability from which tokens are drawn.
        seed: Seed of sampling.

    Raises:
        ModelError: The prompt is empty, or fills the context.
    """
    length = min(max_new_tokens, check_prompts(model, [prompt]) - len(prompt))
    uniforms = uniform_numbers(seed, 0, length) if temperature > 0 else None
    was_training = model.training
    model.eval()
    try:
        batch = step = None
        for count in range(length):
            with _decoding(model):  # not around the yield, because the caller's code must not run in these contexts
                if batch is None or step is None:
                    batch = SlotBatch(model, 1, len(prompt) + length, temperature, top_p)
                    step = fastest_step(batch)
                if uniforms is not None:
                    batch.set_uniforms(range(1), [uniforms[count]])
                if count == 0:
                    batch.admit(range(1), [prompt])
                else:
                    step(1, len(prompt) + count)
                (token,), _ = batch.tokens(range(1))
            if token in stop_ids:
                return
            yield token
    finally:
        model.train(was_training)


def _decoding(model: Any) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(torch.inference_mode())
    stack.enter_context(few_row_products(model, 1))
    return stack
