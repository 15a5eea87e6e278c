"""Chooses a token from logits.

A token is drawn by inverting the cumulative distribution in two levels: first the block of the vocabulary, from the
blocks' sums, then the token in it. With V = 151,936 and hundreds of rows, a running sum over the whole vocabulary in
float64 reads and writes more than all layers of a small model.

Shapes: B rows, V vocabulary, N blocks, C tokens of a block.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 512
"""Tokens of a block."""


def sample(logits_BV: Tensor, uniforms_B: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Chooses a token per row by inverting the cumulative distribution, or the likeliest if the temperature is 0.

    Args:
        logits_BV: Logits; computed with in float32.
        uniforms_B: Uniform numbers in [0, 1), float64.
        temperature: Divides the logits.
        top_p: Share of probability kept, in (0, 1].

    Returns:
        Tokens and their log probabilities before temperature and ``top_p``, both ``(B,)``.
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
        logits_BV: Logits; computed with in float32.
        uniforms_B: Uniform numbers in [0, 1), float64.
        temperature_B: Divides the logits; 0 takes the likeliest token.
        top_p_B: Share of probability kept, in (0, 1].
        kind: What the rows need at most: ``greedy``, ``plain`` (a temperature) or ``nucleus`` (a ``top_p`` below 1,
            which sorts the vocabulary).

    Returns:
        Tokens and their log probabilities before temperature and ``top_p``, both ``(B,)``.
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
    """The weights, 0 outside of the fewest tokens that hold ``top_p`` of them.

    They stay in the order of the vocabulary, so that a row draws the same token whether or not this was done for it.
    """
    sorted_BV, order_BV = weights_BV.sort(dim=-1, descending=True, stable=True)
    before_BV = sorted_BV.cumsum(dim=-1, dtype=torch.double) - sorted_BV
    kept_BV = before_BV < top_p * sorted_BV.sum(dim=-1, keepdim=True)
    kept_BV[:, 0] = True  # the likeliest stays, however small the share: in float32 it may be nothing
    return weights_BV * torch.zeros_like(kept_BV).scatter(1, order_BV, kept_BV)


def _drawn(weights_BV: Tensor, uniforms_B1: Tensor) -> Tensor:
    """Places, ``(B, 1)``, drawn with probabilities in proportion to the weights."""
    blocks_BNC = F.pad(weights_BV, (0, -weights_BV.shape[-1] % _BLOCK)).view(len(weights_BV), -1, _BLOCK)
    sums_BN = blocks_BNC.sum(dim=-1, dtype=torch.double)
    cumulative_BN = sums_BN.cumsum(dim=-1)
    block_B1, start_B1 = _first_above(cumulative_BN, uniforms_B1 * cumulative_BN[:, -1:])
    block_BC = blocks_BNC.gather(1, block_B1[:, :, None].expand(-1, -1, _BLOCK)).squeeze(1)
    place_B1, _ = _first_above(block_BC.cumsum(dim=-1, dtype=torch.double), start_B1)
    return block_B1 * _BLOCK + place_B1


def _first_above(cumulative_BN: Tensor, wanted_B1: Tensor) -> tuple[Tensor, Tensor]:
    """The first place whose running sum is above what is wanted, and how far into it that lies.

    Above, not at least: a token of weight 0 is never taken. Rounding may leave the last sum at what is wanted, which is
    therefore kept below it.
    """
    last_B1 = cumulative_BN[:, -1:]
    wanted_B1 = torch.minimum(wanted_B1, torch.nextafter(last_B1, torch.zeros_like(last_B1)))
    place_B1 = torch.searchsorted(cumulative_BN, wanted_B1, right=True).clamp(max=cumulative_BN.shape[1] - 1)
    before_BN = F.pad(cumulative_BN, (1, 0))
    return place_B1, wanted_B1 - before_BN.gather(1, place_B1)


def uniform_numbers(seed: int, index: int, length: int) -> list[float]:
    """Returns uniform numbers in [0, 1) for the tokens of one prompt, independent of other prompts.

    Args:
        seed: Seed of the whole generation.
        index: Place of the prompt among all.
        length: How many.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    uniforms: list[float] = torch.rand(length, generator=generator, dtype=torch.double).tolist()
    return uniforms
