"""GPU kernels of the routed block, in Triton, for everything except products with the base's weights.

For a few tokens, the masks, low-rank products and additions of ``FactoredMoE`` are about ten kernels, each of which
takes longer to start than to run. Here they are two kernels. ``routed_hidden`` chooses the experts. For a tile of F and
all slots, it computes the products with B of gate and up, the activation, the weighted sum over slots, and the tile's
share of the product with A of down. Each tile writes its own share, and the shares are summed afterwards in a fixed
order, because atomic additions would make runs differ in their last bits. ``routed_output`` sums the shares, multiplies
the sum with B of down, and adds the product to the base's output and the residual.

    grid of routed_hidden        tiles of F  x  blocks of tokens; the rows of a block are its slots, K per token
    grid of routed_output        tiles of D  x  blocks of tokens

This module needs Triton, which comes with torch for CUDA, so it must be imported only if Triton is installed. The
operators are opaque to ``torch.compile``, so the same code runs with and without it.

Shapes: T tokens, D model, F hidden, E experts, K top-k, S slots of a block of tokens (K per token), R LoRA rank,
N = E R, P = 2 (gate and up projection), J tiles of F.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE_F, TILE_D, TILE_N = 128, 64, 64
"""Numbers of columns of F, D and N that a program processes at a time."""

ROWS = 64
"""Number of slots of a program of ``routed_hidden``, and of tokens of one of ``routed_output``, for several tokens."""

WARPS = 4
"""Number of warps of a program."""

_LEAST = 16
"""Smallest size of the operands of a matrix product in Triton."""


@triton.jit
def _chosen(logits_TE_ptr, t_S, k_S, is_token_S, E: tl.constexpr, TOP_K: tl.constexpr, BLOCK_E: tl.constexpr):
    """Returns each slot's expert and weight: the k greatest logits; of equal ones the lower index (``top_experts``)."""
    e_E = tl.arange(0, BLOCK_E)
    logits_SE = tl.load(logits_TE_ptr + t_S[:, None] * E + e_E, mask=is_token_S[:, None] & (e_E < E), other=0.0)
    logits_SE = tl.where(e_E < E, logits_SE.to(tl.float32), float("-inf"))
    greatest_S = tl.max(logits_SE, 1)
    expert_S, weight_S, total_S = k_S * 0 - 1, greatest_S * 0.0, greatest_S * 0.0
    for k in tl.static_range(TOP_K):
        best_S = tl.max(logits_SE, 1)
        at_S = tl.min(tl.where(logits_SE == best_S[:, None], e_E, BLOCK_E), 1)
        exp_S = tl.exp(best_S - greatest_S)
        total_S += exp_S
        expert_S, weight_S = tl.where(k_S == k, at_S, expert_S), tl.where(k_S == k, exp_S, weight_S)
        logits_SE = tl.where(e_E == at_S[:, None], float("-inf"), logits_SE)
    return expert_S, weight_S / total_S


@triton.jit
def _factors(factors_NF_ptr, start, f_F, size_N, size_F, BLOCK_N: tl.constexpr):
    """Loads the rows of BLOCK_N ranks of the experts' factors; ranks after the last one get zeros."""
    n_N = start + tl.arange(0, BLOCK_N)
    is_in_NF = (n_N < size_N)[:, None] & (f_F < size_F)
    return tl.load(factors_NF_ptr + n_N[:, None] * size_F + f_F, mask=is_in_NF, other=0.0)


@triton.jit
def _masked_low(low_TN_ptr, start, t_S, low_stride, expert_S, scale_S, RANK: tl.constexpr, BLOCK_N: tl.constexpr):
    """Loads BLOCK_N ranks of the slots' scaled low-rank activations; ranks of other experts than the slot's get 0."""
    n_N = start + tl.arange(0, BLOCK_N)
    is_chosen_SN = n_N // RANK == expert_S[:, None]
    low_SN = tl.load(low_TN_ptr + t_S[:, None] * low_stride + n_N, mask=is_chosen_SN, other=0.0)
    return low_SN.to(tl.float32) * scale_S[:, None]


@triton.jit
def _store_share(
    share_TN_ptr,
    h_SF,
    A_NF,
    start,
    t_T,
    expert_S,
    scale_S,
    num_tokens,
    size_N,
    RANK: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Stores BLOCK_N ranks of the tile's share of the product with A of down, masked like the activations."""
    n_N = start + tl.arange(0, BLOCK_N)
    low_SN = tl.dot(h_SF, tl.trans(A_NF), input_precision="ieee") * scale_S[:, None]
    low_SN = tl.where(n_N // RANK == expert_S[:, None], low_SN, 0.0)
    low_TN = tl.sum(tl.reshape(low_SN, (BLOCK_T, BLOCK_K, BLOCK_N)), 1)
    is_in_TN = (t_T < num_tokens)[:, None] & (n_N < size_N)
    tl.store(share_TN_ptr + t_T[:, None] * size_N + n_N, low_TN, mask=is_in_TN)


@triton.jit(do_not_specialize=["num_tokens"])
def _hidden_kernel(
    gate_TF_ptr,
    up_TF_ptr,
    low_TPN_ptr,
    logits_TE_ptr,
    scale_E_ptr,
    B_PNF_ptr,
    A_NF_ptr,
    h_TF_ptr,
    shares_JTN_ptr,
    num_tokens,
    gate_stride,
    up_stride,
    low_stride,
    size_F,
    size_N: tl.constexpr,
    E: tl.constexpr,
    RANK: tl.constexpr,
    TOP_K: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_F: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    dtype = h_TF_ptr.dtype.element_ty
    tile, first_t = tl.program_id(0), tl.program_id(1) * BLOCK_T
    f_F = tile * BLOCK_F + tl.arange(0, BLOCK_F)
    # Most of the read bytes are factors. They are requested first, so that they are loaded while experts are chosen.
    up_B_NF_ptr = B_PNF_ptr + size_N * size_F
    gate_B_NF = _factors(B_PNF_ptr, 0, f_F, size_N, size_F, BLOCK_N)
    up_B_NF = _factors(up_B_NF_ptr, 0, f_F, size_N, size_F, BLOCK_N)
    A_NF = _factors(A_NF_ptr, 0, f_F, size_N, size_F, BLOCK_N)
    slot_S = tl.arange(0, BLOCK_T * BLOCK_K)
    t_S, k_S = first_t + slot_S // BLOCK_K, slot_S % BLOCK_K
    is_token_S = t_S < num_tokens
    is_in_SF = is_token_S[:, None] & (f_F < size_F)
    gate_SF = tl.load(gate_TF_ptr + t_S[:, None] * gate_stride + f_F, mask=is_in_SF, other=0.0).to(tl.float32)
    up_SF = tl.load(up_TF_ptr + t_S[:, None] * up_stride + f_F, mask=is_in_SF, other=0.0).to(tl.float32)
    expert_S, weight_S = _chosen(logits_TE_ptr, t_S, k_S, is_token_S, E, TOP_K, BLOCK_E)
    # Slots that only fill the block, slots of the anchor, which has no factors, and slots without an expert, because a
    # logit is NaN, use no ranks.
    expert_S = tl.where(is_token_S & (expert_S < size_N // RANK), expert_S, -1)
    # Values are rounded to the type of the factors at the same places as in the block's own forward pass.
    scale_S = tl.load(scale_E_ptr + expert_S, mask=expert_S >= 0, other=0.0).to(dtype).to(tl.float32)
    weight_S = weight_S.to(dtype).to(tl.float32)
    low_SN = _masked_low(low_TPN_ptr, 0, t_S, low_stride, expert_S, scale_S, RANK, BLOCK_N)
    gate_SF = tl.dot(low_SN.to(dtype), gate_B_NF, gate_SF, input_precision="ieee")
    low_SN = _masked_low(low_TPN_ptr + size_N, 0, t_S, low_stride, expert_S, scale_S, RANK, BLOCK_N)
    up_SF = tl.dot(low_SN.to(dtype), up_B_NF, up_SF, input_precision="ieee")
    for start in range(BLOCK_N, size_N, BLOCK_N):
        gate_B_NF = _factors(B_PNF_ptr, start, f_F, size_N, size_F, BLOCK_N)
        up_B_NF = _factors(up_B_NF_ptr, start, f_F, size_N, size_F, BLOCK_N)
        low_SN = _masked_low(low_TPN_ptr, start, t_S, low_stride, expert_S, scale_S, RANK, BLOCK_N)
        gate_SF = tl.dot(low_SN.to(dtype), gate_B_NF, gate_SF, input_precision="ieee")
        low_SN = _masked_low(low_TPN_ptr + size_N, start, t_S, low_stride, expert_S, scale_S, RANK, BLOCK_N)
        up_SF = tl.dot(low_SN.to(dtype), up_B_NF, up_SF, input_precision="ieee")
    h_SF = gate_SF * tl.sigmoid(gate_SF) * up_SF * weight_S[:, None]
    h_TF = tl.sum(tl.reshape(h_SF, (BLOCK_T, BLOCK_K, BLOCK_F)), 1)
    t_T = first_t + tl.arange(0, BLOCK_T)
    is_in_TF = (t_T < num_tokens)[:, None] & (f_F < size_F)
    tl.store(h_TF_ptr + t_T[:, None] * size_F + f_F, h_TF.to(dtype), mask=is_in_TF)
    h_SF = h_SF.to(dtype)
    share_TN_ptr = shares_JTN_ptr + tile * num_tokens * size_N
    _store_share(
        share_TN_ptr, h_SF, A_NF, 0, t_T, expert_S, scale_S, num_tokens, size_N, RANK, BLOCK_T, BLOCK_K, BLOCK_N
    )
    for start in range(BLOCK_N, size_N, BLOCK_N):
        A_NF = _factors(A_NF_ptr, start, f_F, size_N, size_F, BLOCK_N)
        _store_share(
            share_TN_ptr, h_SF, A_NF, start, t_T, expert_S, scale_S, num_tokens, size_N, RANK, BLOCK_T, BLOCK_K, BLOCK_N
        )


@triton.jit
def _token_output_kernel(
    y_D_ptr,
    residual_D_ptr,
    attention_D_ptr,
    shares_JN_ptr,
    B_ND_ptr,
    out_D_ptr,
    size_D,
    num_tiles: tl.constexpr,
    size_N: tl.constexpr,
    BLOCK_J: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    dtype = out_D_ptr.dtype.element_ty
    d_D = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    is_in_D = d_D < size_D
    out_D = tl.load(y_D_ptr + d_D, mask=is_in_D, other=0.0).to(tl.float32)
    out_D += tl.load(residual_D_ptr + d_D, mask=is_in_D, other=0.0).to(tl.float32)
    out_D += tl.load(attention_D_ptr + d_D, mask=is_in_D, other=0.0).to(tl.float32)
    for start in tl.static_range(0, size_N, BLOCK_N):
        n_N = start + tl.arange(0, BLOCK_N)
        is_in_N = n_N < size_N
        B_ND = tl.load(B_ND_ptr + n_N[:, None] * size_D + d_D, mask=is_in_N[:, None] & is_in_D, other=0.0)
        low_N = tl.zeros((BLOCK_N,), tl.float32)
        for first in tl.static_range(0, num_tiles, BLOCK_J):
            j_J = first + tl.arange(0, BLOCK_J)
            is_in_JN = (j_J < num_tiles)[:, None] & is_in_N
            low_N += tl.sum(tl.load(shares_JN_ptr + j_J[:, None] * size_N + n_N, mask=is_in_JN, other=0.0), 0)
        low_N = low_N.to(dtype).to(tl.float32)
        out_D += tl.sum(low_N[:, None] * B_ND.to(tl.float32), 0)
    tl.store(out_D_ptr + d_D, out_D.to(dtype), mask=is_in_D)


@triton.jit(do_not_specialize=["num_tokens"])
def _rows_output_kernel(
    y_TD_ptr,
    residual_TD_ptr,
    attention_TD_ptr,
    low_TN_ptr,
    B_ND_ptr,
    out_TD_ptr,
    num_tokens,
    size_D,
    size_N: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    dtype = out_TD_ptr.dtype.element_ty
    d_D = tl.program_id(0) * BLOCK_D + tl.arange(0, BLOCK_D)
    t_T = tl.program_id(1) * BLOCK_T + tl.arange(0, BLOCK_T)
    is_in_D, is_token_T = d_D < size_D, t_T < num_tokens
    is_in_TD = is_token_T[:, None] & is_in_D
    at_TD = t_T[:, None] * size_D + d_D
    out_TD = tl.load(y_TD_ptr + at_TD, mask=is_in_TD, other=0.0).to(tl.float32)
    out_TD += tl.load(residual_TD_ptr + at_TD, mask=is_in_TD, other=0.0).to(tl.float32)
    out_TD += tl.load(attention_TD_ptr + at_TD, mask=is_in_TD, other=0.0).to(tl.float32)
    for start in tl.static_range(0, size_N, BLOCK_N):
        n_N = start + tl.arange(0, BLOCK_N)
        is_in_N = n_N < size_N
        low_TN = tl.load(low_TN_ptr + t_T[:, None] * size_N + n_N, mask=is_token_T[:, None] & is_in_N, other=0.0)
        B_ND = tl.load(B_ND_ptr + n_N[:, None] * size_D + d_D, mask=is_in_N[:, None] & is_in_D, other=0.0)
        out_TD = tl.dot(low_TN.to(dtype), B_ND, out_TD, input_precision="ieee")
    tl.store(out_TD_ptr + at_TD, out_TD.to(dtype), mask=is_in_TD)


@torch.library.custom_op("moesaic::routed_hidden", mutates_args=())
def routed_hidden(
    gate_TF: Tensor,
    up_TF: Tensor,
    low_TPN: Tensor,
    logits_TE: Tensor,
    scale_E: Tensor,
    B_PNF: Tensor,
    A_NF: Tensor,
    top_k: int,
) -> tuple[Tensor, Tensor]:
    """Computes the weighted sum of the chosen experts' hidden activations, and shares of their product with A of down.

    Args:
        gate_TF: The base's gate projection. Its rows need not be contiguous, as in a slice of a stacked product.
        up_TF: The base's up projection, whose rows need not be contiguous either.
        low_TPN: Product of the tokens with A of gate and up of all experts, ``(T, 2 N)``; rows as above.
        logits_TE: The gate's logits, float32. With an anchor, which is last, E is one more than in the factors.
        scale_E: The scales of the experts that have factors.
        B_PNF: B of gate and up of all experts, in the type of the activations.
        A_NF: A of down of all experts.
        top_k: Number of experts per token.

    Returns:
        The sum, ``(T, F)``, in the type of the activations, and the shares, ``(J, T, N)``, in float32, whose sum over J
        is the product.
    """
    (num_tokens, size_F), num_experts, size_N = gate_TF.shape, logits_TE.shape[1], A_NF.shape[0]
    h_TF = gate_TF.new_empty(num_tokens, size_F)
    num_tiles = triton.cdiv(size_F, TILE_F)
    shares_JTN = gate_TF.new_empty(num_tiles, num_tokens, size_N, dtype=torch.float32)
    block_K = triton.next_power_of_2(top_k)
    block_T = max(1, (_LEAST if num_tokens == 1 else ROWS) // block_K)
    with torch.cuda.device_of(gate_TF):
        _hidden_kernel[num_tiles, triton.cdiv(num_tokens, block_T)](
            gate_TF,
            up_TF,
            low_TPN,
            logits_TE,
            scale_E,
            B_PNF,
            A_NF,
            h_TF,
            shares_JTN,
            num_tokens,
            gate_TF.stride(0),
            up_TF.stride(0),
            low_TPN.stride(0),
            size_F,
            size_N=size_N,
            E=num_experts,
            RANK=size_N // scale_E.shape[0],
            TOP_K=top_k,
            BLOCK_E=max(2, triton.next_power_of_2(num_experts)),
            BLOCK_K=block_K,
            BLOCK_T=block_T,
            BLOCK_F=TILE_F,
            BLOCK_N=_block_n(size_N),
            num_warps=WARPS,
        )
    return h_TF, shares_JTN


@routed_hidden.register_fake
def _(
    gate_TF: Tensor,
    up_TF: Tensor,
    low_TPN: Tensor,
    logits_TE: Tensor,
    scale_E: Tensor,
    B_PNF: Tensor,
    A_NF: Tensor,
    top_k: int,
) -> tuple[Tensor, Tensor]:
    (num_tokens, size_F), size_N = gate_TF.shape, A_NF.shape[0]
    shares_JTN = gate_TF.new_empty(-(-size_F // TILE_F), num_tokens, size_N, dtype=torch.float32)
    return gate_TF.new_empty(num_tokens, size_F), shares_JTN


@torch.library.custom_op("moesaic::routed_output", mutates_args=())
def routed_output(y_TD: Tensor, residual_TD: Tensor, attention_TD: Tensor, shares_JTN: Tensor, B_ND: Tensor) -> Tensor:
    """Returns ``residual + attention + y + (sum of the shares) B``, ``(T, D)``, rounded once.

    Args:
        y_TD: The base's down projection of the hidden activations, contiguous.
        residual_TD: The input of the layer, contiguous.
        attention_TD: The output of its attention, contiguous.
        shares_JTN: The shares of ``routed_hidden``; for several tokens, their sum, with J = 1.
        B_ND: B of down of all experts.
    """
    (num_tokens, size_D), (num_tiles, _, size_N) = y_TD.shape, shares_JTN.shape
    out_TD = torch.empty_like(y_TD)
    block_N = _block_n(size_N)
    with torch.cuda.device_of(y_TD):
        if num_tokens == 1:
            _token_output_kernel[(triton.cdiv(size_D, TILE_D),)](
                y_TD,
                residual_TD,
                attention_TD,
                shares_JTN,
                B_ND,
                out_TD,
                size_D,
                num_tiles=num_tiles,
                size_N=size_N,
                BLOCK_J=min(128, triton.next_power_of_2(num_tiles)),
                BLOCK_D=TILE_D,
                BLOCK_N=block_N,
                num_warps=WARPS,
            )
        else:
            assert num_tiles == 1
            _rows_output_kernel[triton.cdiv(size_D, TILE_D), triton.cdiv(num_tokens, ROWS)](
                y_TD,
                residual_TD,
                attention_TD,
                shares_JTN,
                B_ND,
                out_TD,
                num_tokens,
                size_D,
                size_N=size_N,
                BLOCK_T=ROWS,
                BLOCK_D=TILE_D,
                BLOCK_N=block_N,
                num_warps=WARPS,
            )
    return out_TD


@routed_output.register_fake
def _(y_TD: Tensor, residual_TD: Tensor, attention_TD: Tensor, shares_JTN: Tensor, B_ND: Tensor) -> Tensor:
    return torch.empty_like(y_TD)


def _block_n(size_N: int) -> int:
    return min(TILE_N, max(_LEAST, int(triton.next_power_of_2(size_N))))
