"""Choosing a token from logits.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


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


def uniform_numbers(seed: int, index: int, length: int) -> list[float]:
    """Uniform numbers in [0, 1) for the tokens of one prompt, whatever runs beside it.

    Args:
        seed: Seed of the whole generation.
        index: Place of the prompt among all.
        length: How many.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    uniforms: list[float] = torch.rand(length, generator=generator, dtype=torch.double).tolist()
    return uniforms
