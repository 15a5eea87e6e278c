"""Runs one new token per row through a decoder layer, with a cache of slots.

The tokens of a prompt are rows, too; for them only the attention between the two functions differs (``slots``).

The layer of transformers does the same with four times as many kernels, each of which takes longer to start than to
run. It also contains its index, so that every layer would be compiled separately. Here, a layer consists of two
functions of tensors, ``before_attention`` and ``after_attention``, with the attention between them. They are the same
code objects for all layers and all numbers of rows. They can be compiled on a GPU, and run uncompiled on a CPU.

Shapes: B rows, C cache columns, D model, H heads, G key-value heads (grouped-query attention), N = H / G heads that
share one, A head size.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.model.block import FactoredMoE
from moesaic.model.decode.routed import add_routed
from moesaic.model.stacks import Stack, products


def before_attention(
    layer: Any,
    hidden_BD: Tensor,
    cos_BA: Tensor,
    sin_BA: Tensor,
    keys_BGCA: Tensor,
    values_BGCA: Tensor,
    rows_B: Tensor,
    positions_B: Tensor,
    stack: Stack | None = None,
) -> Tensor:
    """Computes norm, projections and rotary embedding, and writes the tokens' keys and values to the cache.

    Args:
        layer: A decoder layer of one of ``families.FAMILIES``, composed or not.
        hidden_BD: Hidden states.
        cos_BA: Cosines of the rotary embedding at the rows' positions (Su et al. 2021, "RoFormer", section 3.4.2).
        sin_BA: Sines of the rotary embedding.
        keys_BGCA: The keys of the cache, which are changed in place.
        values_BGCA: The values of the cache, which are changed in place.
        rows_B: The slot of each row.
        positions_B: The column of each row's token.
        stack: The stack of the three projections; None if they are not stacked.

    Returns:
        The queries, ``(B, G, N, A)``, where heads that share a key are adjacent.
    """
    attention = layer.self_attn
    num_rows, num_groups, size = hidden_BD.shape[0], keys_BGCA.shape[1], keys_BGCA.shape[3]
    x_BD = layer.input_layernorm(hidden_BD)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    query, key, value = products(projections, stack, x_BD)
    query_BHA, key_BGA = query.view(num_rows, -1, size), key.view(num_rows, num_groups, size)
    if hasattr(attention, "q_norm"):  # see families.Family
        query_BHA, key_BGA = attention.q_norm(query_BHA), attention.k_norm(key_BGA)
    keys_BGCA[rows_B, :, positions_B] = rotated(key_BGA, cos_BA, sin_BA)
    values_BGCA[rows_B, :, positions_B] = value.view(num_rows, num_groups, size)
    return rotated(query_BHA, cos_BA, sin_BA).view(num_rows, num_groups, -1, size)


def rotated(x_BHA: Tensor, cos_BA: Tensor, sin_BA: Tensor) -> Tensor:
    """Applies the rotary embedding to one token per row, with pairs of the two halves as in the Llama family."""
    first_BHI, second_BHI = x_BHA.chunk(2, dim=-1)
    turned_BHA = torch.cat((-second_BHI, first_BHI), dim=-1)
    return x_BHA * cos_BA[:, None] + turned_BHA * sin_BA[:, None]


def attend(query_BGNA: Tensor, keys_BGCA: Tensor, values_BGCA: Tensor, mask_BC: Tensor, scaling: float) -> Tensor:
    """Computes the attention of one token per row to the tokens of its slot.

    The queries that share a key head are passed as rows of that head, so that the cache is read directly. Repeating the
    cache for every query head, which is usual, would move N times the bytes.

    Args:
        query_BGNA: Queries.
        keys_BGCA: Keys, including that of the new token.
        values_BGCA: Values.
        mask_BC: The mask that is added to the scores: 0 or minus infinity.
        scaling: The factor by which the scores are multiplied.

    Returns:
        The mixed values, ``(B, G, N, A)``.
    """
    mask_BGNC = mask_BC[:, None, None].expand(-1, 1, query_BGNA.shape[2], -1)  # fused kernels need the queries' shape
    return F.scaled_dot_product_attention(query_BGNA, keys_BGCA, values_BGCA, attn_mask=mask_BGNC, scale=scaling)


def after_attention(
    layer: Any, hidden_BD: Tensor, mixed_BGNA: Tensor, stack: Stack | None = None, kernels: bool = False
) -> Tensor:
    """Computes output projection, residual, norm, and MLP or routed block.

    Args:
        layer: The decoder layer.
        hidden_BD: Hidden states before the layer.
        mixed_BGNA: The mixed values of the attention.
        stack: The stack of the MLP's gate and up projection; None if they are not stacked.
        kernels: Whether to run a routed block with kernels of its own; ``routed.fits`` has to be true for it.

    Returns:
        The hidden states after the layer, ``(B, D)``.
    """
    mlp = layer.mlp
    attention_BD: Tensor = layer.self_attn.o_proj(mixed_BGNA.flatten(1))
    residual_BD = hidden_BD + attention_BD
    x_BD = layer.post_attention_layernorm(residual_BD)
    if kernels:
        return add_routed(mlp, x_BD, hidden_BD, attention_BD, stack)
    if stack is None:
        y_BD: Tensor = mlp(x_BD)
    elif isinstance(mlp, FactoredMoE):
        y_BD = mlp(x_BD, stack)
    else:
        gate_BF, up_BF = products((mlp.gate_proj, mlp.up_proj), stack, x_BD)
        y_BD = mlp.down_proj(mlp.act_fn(gate_BF) * up_BF)
    return residual_BD + y_BD
