"""Chooses a token from logits.

A token is drawn by inverting the cumulative distribution in two steps: first a block of the vocabulary is drawn from
the sums of the blocks, then a token of this block. With V = 151,936 and hundreds of rows, a cumulative sum over the
whole vocabulary in float64 would read and write more bytes than all layers of a small model.

Shapes: B rows, V vocabulary, N blocks, C tokens of a block.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 512
"""Number of tokens of a block."""


def sample(logits_BV: Tensor, uniforms_B: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Draws a token for each row, or chooses the most probable one if the temperature is 0.

    Args:
        logits_BV: Logits, which are converted to float32.
        uniforms_B: Uniform numbers in [0, 1), float64.
        temperature: The logits are divided by it.
        top_p: Share of the probability from which tokens are drawn, in (0, 1].

    Returns:
        The tokens, and their log-probabilities in nats without temperature and ``top_p``, both ``(B,)``.
    """
    logits_BV = logits_BV.float()
    if temperature == 0:
        ids_B = logits_BV.argmax(dim=-1)
    else:
        weights_BV = ((logits_BV - logits_BV.amax(dim=-1, keepdim=True)) / max(temperature, 1e-30)).exp()
        if top_p < 1:
            weights_BV = _nucleus(weights_BV, top_p)
        ids_B = _drawn(weights_BV, uniforms_B[:, None]).squeeze(1)
    return ids_B, logits_BV.gather(1, ids_B[:, None]).squeeze(1) - logits_BV.logsumexp(dim=-1)


def sample_rows(
    logits_BV: Tensor, uniforms_B: Tensor, temperature_B: Tensor, top_p_B: Tensor, kind: str
) -> tuple[Tensor, Tensor]:
    """Chooses a token for each row as ``sample`` does, with separate settings for each row.

    Args:
        logits_BV: Logits, which are converted to float32.
        uniforms_B: Uniform numbers in [0, 1), float64.
        temperature_B: The logits are divided by it; 0 chooses the most probable token.
        top_p_B: Share of the probability from which tokens are drawn, in (0, 1].
        kind: The most that any row needs: ``greedy``, ``plain`` (a temperature) or ``nucleus`` (a ``top_p`` below 1,
            for which the vocabulary is sorted).

    Returns:
        The tokens, and their log-probabilities in nats without temperature and ``top_p``, both ``(B,)``.
    """
    logits_BV = logits_BV.float()
    ids_B = logits_BV.argmax(dim=-1)
    if kind != "greedy":
        divisor_B1 = temperature_B.masked_fill(temperature_B == 0, 1.0)[:, None]
        weights_BV = ((logits_BV - logits_BV.amax(dim=-1, keepdim=True)) / divisor_B1).exp()
        if kind == "nucleus":
            weights_BV = _nucleus(weights_BV, top_p_B[:, None])
        drawn_B = _drawn(weights_BV, uniforms_B[:, None]).squeeze(1)
        ids_B = torch.where(temperature_B == 0, ids_B, drawn_B)
    return ids_B, logits_BV.gather(1, ids_B[:, None]).squeeze(1) - logits_BV.logsumexp(dim=-1)


def _nucleus(weights_BV: Tensor, top_p: float | Tensor) -> Tensor:
    """Sets the weights outside of the smallest set of tokens that has the share ``top_p`` to 0.

    The weights stay in the order of the vocabulary, so that a row with ``top_p`` = 1 draws the same token with and
    without this function.
    """
    sorted_BV, order_BV = weights_BV.sort(dim=-1, descending=True, stable=True)
    before_BV = sorted_BV.cumsum(dim=-1, dtype=torch.double) - sorted_BV
    kept_BV = before_BV < top_p * sorted_BV.sum(dim=-1, keepdim=True)
    kept_BV[:, 0] = True  # the most probable token is always kept, because a small share may be 0 in float32
    return weights_BV * torch.zeros_like(kept_BV).scatter(1, order_BV, kept_BV)


def _drawn(weights_BV: Tensor, uniforms_B1: Tensor) -> Tensor:
    """Draws a place per row, ``(B, 1)``, with probabilities proportional to the weights."""
    blocks_BNC = F.pad(weights_BV, (0, -weights_BV.shape[-1] % _BLOCK)).view(len(weights_BV), -1, _BLOCK)
    sums_BN = blocks_BNC.sum(dim=-1, dtype=torch.double)
    cumulative_BN = sums_BN.cumsum(dim=-1)
    block_B1, start_B1 = _first_above(cumulative_BN, uniforms_B1 * cumulative_BN[:, -1:])
    block_BC = blocks_BNC.gather(1, block_B1[:, :, None].expand(-1, -1, _BLOCK)).squeeze(1)
    place_B1, _ = _first_above(block_BC.cumsum(dim=-1, dtype=torch.double), start_B1)
    return block_B1 * _BLOCK + place_B1


def _first_above(cumulative_BN: Tensor, wanted_B1: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the first place whose cumulative sum is greater than the wanted number.

    Because the sum has to be greater, and not only equal, a token of weight 0 is never chosen. Rounding may make the
    wanted number equal to the last sum, so it is first limited to a number below it.

    Returns:
        The place, and the wanted number minus the cumulative sum before this place, both ``(B, 1)``.
    """
    last_B1 = cumulative_BN[:, -1:]
    wanted_B1 = torch.minimum(wanted_B1, torch.nextafter(last_B1, torch.zeros_like(last_B1)))
    place_B1 = torch.searchsorted(cumulative_BN, wanted_B1, right=True).clamp(max=cumulative_BN.shape[1] - 1)
    before_BN = F.pad(cumulative_BN, (1, 0))
    return place_B1, wanted_B1 - before_BN.gather(1, place_B1)


def uniform_numbers(seed: int, index: int, length: int) -> list[float]:
    """Returns uniform numbers in [0, 1) for the tokens of one prompt, which do not depend on other prompts.

    Args:
        seed: Seed of the whole generation.
        index: Number of the prompt's random stream, usually the index of the prompt.
        length: How many numbers to return.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    uniforms: list[float] = torch.rand(length, generator=generator, dtype=torch.double).tolist()
    return uniforms
