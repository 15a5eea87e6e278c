"""Attention over packed rows: no document sees another, and no mask with T x T entries is needed.

    with packed_attention(model):
        model(input_ids_1T, position_ids=position_ids_1T, cu_seqlens=cu_seqlens_D1, max_seqlen=n, use_cache=False)

On CUDA in half precision, one variable-length kernel computes it (``torch.nn.attention.varlen`` of newer torch). On a
CPU, a loop over the documents does not compute anything for padding. In all other cases (CUDA in float32, older torch),
a block-diagonal mask is used. A sliding window (Mistral) is applied within each document.

Shapes: T tokens of the row, D documents (D1: D + 1), H heads, G key-value heads (grouped-query attention), A head size.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moesaic.errors import ModelError

IMPLEMENTATION = "moesaic_packed"
"""Name under which this attention is registered in transformers, without a mask function, so that no mask is built."""

_WITHOUT_EFFECT = frozenset(
    {"position_ids", "cache_position", "use_cache", "is_causal", "num_items_in_batch", "output_attentions"}
    | {"output_hidden_states", "output_router_logits", "return_dict"}
)
"""Further arguments of attention functions in transformers, which do not change the result here."""


_kernel: tuple[Callable[..., Any], frozenset[str]] | None = None
"""The variable-length kernel and the names of its arguments. ``packed_attention`` sets it where there is a GPU.

This is a variable and not a cached function, because torch's compiler warns of a cached function in what it compiles.
"""


def _find_kernel() -> tuple[Callable[..., Any], frozenset[str]] | None:
    """Returns what ``_kernel`` contains; None before torch 2.10 or without windows.

    The kernel is imported only when it is needed, because its module imports all of torch's compiler.
    """
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    names = frozenset(inspect.signature(varlen_attn).parameters)
    return (varlen_attn, names) if "window_size" in names else None


def attend_packed(
    module: nn.Module,
    query_1HTA: Tensor,
    key_1GTA: Tensor,
    value_1GTA: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    cu_seqlens: Tensor | None = None,
    max_seqlen: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Computes causal attention within each document of one row. The signature is that of transformers.

    Args:
        module: The attention module, which is not used.
        query_1HTA: Queries.
        key_1GTA: Keys.
        value_1GTA: Values.
        attention_mask: Must be None, because a packed row has no padding.
        scaling: The factor by which the scores are multiplied.
        dropout: Probability of dropout, which must be 0.
        sliding_window: Number of tokens that a token sees, including itself; None for all tokens before it.
        cu_seqlens: Document boundaries, shape ``(D + 1,)``, int32, from 0 to T, on the device of the queries.
        max_seqlen: Length of the longest document, or an upper bound of it.
        others: Further arguments of transformers. Arguments that would change the result are refused.

    Returns:
        The mixed values, shape ``(1, T, H, A)``, and None in place of the attention weights.

    Raises:
        ValueError: There are no document boundaries, several rows, or a mask.
        ModelError: The base's attention has a property that packed attention does not support.
    """
    if cu_seqlens is None or max_seqlen is None or query_1HTA.shape[0] != 1:
        raise ValueError("packed attention takes one row and its cu_seqlens and max_seqlen")
    if attention_mask is not None:
        raise ValueError("packed attention takes no attention mask: the row has no padding")
    if dropout:
        raise ModelError(
            f"the base's attention_dropout is {dropout}, which packed attention does not have: set it to 0 in its "
            "config.json"
        )
    unknown = [name for name, value in others.items() if value is not None and name not in _WITHOUT_EFFECT]
    if unknown:
        raise ModelError(
            f"the base's attention has {', '.join(unknown)}, which packed attention does not support: use another base"
        )
    window = sliding_window if sliding_window is not None and sliding_window < max_seqlen else None
    if query_1HTA.device.type == "cpu":
        return _by_document(query_1HTA, key_1GTA, value_1GTA, scaling, window, cu_seqlens), None
    is_half = query_1HTA.is_cuda and query_1HTA.dtype in (torch.bfloat16, torch.float16)
    if is_half and _kernel is not None:
        varlen_attn, names = _kernel
        is_grouped = query_1HTA.shape[1] != key_1GTA.shape[1]
        # Earlier releases of torch accept grouped queries without this argument.
        grouping: dict[str, Any] = {"enable_gqa": True} if is_grouped and "enable_gqa" in names else {}
        mixed_THA: Any = varlen_attn(
            query_1HTA[0].transpose(0, 1),
            key_1GTA[0].transpose(0, 1),
            value_1GTA[0].transpose(0, 1),
            cu_seqlens,
            cu_seqlens,
            max_seqlen,
            max_seqlen,
            scale=scaling,
            window_size=(-1 if window is None else window - 1, 0),
            **grouping,
        )
        return mixed_THA[None], None
    mask_TT = block_diagonal_mask(cu_seqlens, query_1HTA.shape[2], window)
    mixed_1HTA = F.scaled_dot_product_attention(
        query_1HTA, key_1GTA, value_1GTA, attn_mask=mask_TT, scale=scaling, enable_gqa=True
    )
    return mixed_1HTA.transpose(1, 2), None


def block_diagonal_mask(cu_seqlens: Tensor, num_tokens: int, window: int | None = None) -> Tensor:
    """Returns which tokens (columns) each token (row) sees: itself and the earlier ones of its document.

    Args:
        cu_seqlens: Document boundaries, shape ``(D + 1,)``, from 0 to T.
        num_tokens: Number of tokens T.
        window: Number of tokens that a token sees, including itself; None for no limit.

    Returns:
        Truth values, shape ``(T, T)``.
    """
    position_T = torch.arange(num_tokens, device=cu_seqlens.device)
    document_T = torch.bucketize(position_T, cu_seqlens[1:], right=True)
    distance_TT = position_T[:, None] - position_T
    mask_TT = (document_T[:, None] == document_T) & (distance_TT >= 0)
    return mask_TT if window is None else mask_TT & (distance_TT < window)


@contextmanager
def packed_attention(model: Any) -> Iterator[None]:
    """Makes the model treat the input of every forward pass in the context as one packed row."""
    from transformers import AttentionInterface  # imported here, because decoding uses this module without transformers

    global _kernel
    if _kernel is None and torch.cuda.is_available():
        _kernel = _find_kernel()
    AttentionInterface.register(IMPLEMENTATION, attend_packed)
    before = model.config._attn_implementation
    model.set_attn_implementation(IMPLEMENTATION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _by_document(
    query_1HTA: Tensor, key_1GTA: Tensor, value_1GTA: Tensor, scaling: float, window: int | None, cu_seqlens: Tensor
) -> Tensor:
    """Computes the attention one document after the other; returns the shape ``(1, T, H, A)``."""
    # Split, not sliced: the gradient of each slice would be a tensor of zeros as long as the whole row.
    lengths = cu_seqlens.diff().tolist()
    mixed = []
    for query, key, value in zip(
        *(torch.split(x, lengths, dim=2) for x in (query_1HTA, key_1GTA, value_1GTA)), strict=True
    ):
        length, mask_LL = query.shape[2], None
        if window is not None and window < length:
            mask_LL = block_diagonal_mask(torch.tensor([0, length]), length, window)
        mixed.append(
            F.scaled_dot_product_attention(
                query, key, value, attn_mask=mask_LL, is_causal=mask_LL is None, scale=scaling, enable_gqa=True
            )
        )
    return torch.cat(mixed, dim=2).transpose(1, 2)
