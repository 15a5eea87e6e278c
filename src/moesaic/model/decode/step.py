"""Runs one new token per row through a decoder layer, with a cache of slots.

A prompt's tokens are rows, too: all that differs is the attention between the two functions (``slots``).

Transformers' own layer does the same with four times as many kernels, each of which takes longer to start than to run;
and it carries its number, so that compiling it compiles every layer anew. Here a layer is two functions with attention
between them, ``before_attention`` and ``after_attention``: tensors in, tensors out, the same code object for all layers
and all numbers of rows. On a GPU they can be compiled; on a CPU they run as they are.

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
    """Norm, projections and rotary embedding; writes the token's key and value into the cache.

    Args:
        layer: A decoder layer of one of ``families.FAMILIES``, composed or not.
        hidden_BD: Hidden states.
        cos_BA: Cosines of the rotary embedding at the rows' positions (Su et al. 2021, "RoFormer", section 3.4.2).
        sin_BA: Sines.
        keys_BGCA: The cache's keys; changed in place.
        values_BGCA: The cache's values; changed in place.
        rows_B: 0 .. B - 1.
        positions_B: Column of each row's token.
        stack: The three projections as one, where they are.

    Returns:
        Queries, ``(B, G, N, A)``: the heads that share a key lie side by side.
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
    """Rotary embedding of one token a row, halves paired as in the Llama family."""
    first_BHI, second_BHI = x_BHA.chunk(2, dim=-1)
    turned_BHA = torch.cat((-second_BHI, first_BHI), dim=-1)
    return x_BHA * cos_BA[:, None] + turned_BHA * sin_BA[:, None]


def attend(query_BGNA: Tensor, keys_BGCA: Tensor, values_BGCA: Tensor, mask_BC: Tensor, scaling: float) -> Tensor:
    """Attention of one token a row to its slot.

    The queries that share a key head are passed as rows of that head, so that the cache is read as it lies; repeating
    it for every query head, as is usual, moves N times the bytes.

    Args:
        query_BGNA: Queries.
        keys_BGCA: Keys, the new token's included.
        values_BGCA: Values.
        mask_BC: Added to the scores: 0 or minus infinity.
        scaling: Factor on the scores.

    Returns:
        Mixed values, ``(B, G, N, A)``.
    """
    mask_BGNC = mask_BC[:, None, None].expand(-1, 1, query_BGNA.shape[2], -1)  # fused kernels want the queries' shape
    return F.scaled_dot_product_attention(query_BGNA, keys_BGCA, values_BGCA, attn_mask=mask_BGNC, scale=scaling)


def after_attention(
    layer: Any, hidden_BD: Tensor, mixed_BGNA: Tensor, stack: Stack | None = None, kernels: bool = False
) -> Tensor:
    """Output projection, residual, norm and MLP or routed block; returns the layer's hidden states.

    Args:
        layer: The decoder layer.
        hidden_BD: Hidden states before the layer.
        mixed_BGNA: Mixed values.
        stack: The MLP's gate and up projection as one, where they are.
        kernels: Run a routed block with the kernels of its own, which it has to fit (``routed``).
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
