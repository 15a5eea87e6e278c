"""The routed block when decoding on a GPU, with kernels of its own (``routed_kernels``).

It computes what ``FactoredMoE.forward`` computes, and adds the residuals. Between the products with the base's weights,
which cuBLAS does, there are one kernel for a token and two for several, where the block's own forward pass has ten:

    x -> gate, up, A x (one product) -> routed_hidden -> down product -> routed_output -> hidden states
      -> logits -----------------------^          +-- shares of A h --------^

The router's logits are written as sums over rows, one an expert, which a compiler computes in the kernel of the norm
before.

Shapes: T tokens, D model, F hidden, E experts, N = E times the greatest rank, P = 2 (gate and up projection), J tiles
of F.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.gates import GATES
from moesaic.model.block import FactoredMoE
from moesaic.model.router import Router
from moesaic.model.stacks import Stack, is_hooked, products

MOST_EXPERTS, MOST_CHOSEN, MOST_RANKS = 64, 8, 512
"""Experts, experts a token and ranks of all experts together up to which the kernels' tiles fit."""

_MOST_ROW_SUMS = 8
"""Experts up to which their logits are sums of rows; each sum lengthens the norm's kernel, a product is a new one."""


def fits(layer: Any) -> bool:
    """Whether a layer's block can be decoded by these kernels, and loads them; other blocks use their forward pass.

    Not on a CPU, not in float32, not as a forced expert, not with a kind of gate that routes otherwise than Mixtral's,
    and not while someone listens to the router or the block.

    Args:
        layer: A decoder layer, composed or not.
    """
    block = layer.mlp
    if not isinstance(block, FactoredMoE) or not _has_kernels(block.scale_E.device):
        return False
    if not GATES[block.router.kind].is_mixtral:  # the kernels choose experts themselves, in one way
        return False
    factors = (block.gate_up_A_PERD, block.gate_up_B_PERF, block.down_A_ERF, block.down_B_ERD)
    dtype = layer.post_attention_layernorm.weight.dtype
    fits = (
        dtype in (torch.bfloat16, torch.float16)
        and all(factor.dtype == dtype and factor.is_contiguous() for factor in factors)
        and block.forced is None
        and not (block.training or is_hooked(block) or is_hooked(block.router))
        and block.router.num_experts <= MOST_EXPERTS
        and block.router.top_k <= MOST_CHOSEN
        and block.down_A_ERF.shape[:2].numel() <= MOST_RANKS
    )
    if fits:
        import moesaic.model.decode.routed_kernels  # noqa: F401 - registers the operators
    return fits


def add_routed(
    block: FactoredMoE, x_TD: Tensor, residual_TD: Tensor, attention_TD: Tensor, stack: Stack | None
) -> Tensor:
    """The layer's input, its attention's and its routed block's output added up, ``(T, D)``; for a layer that ``fits``.

    The first two are taken apart: their sum, which the norm needs too, is not written anywhere if that is its only use.

    Args:
        block: The block.
        x_TD: Its input, after the norm.
        residual_TD: The layer's input.
        attention_TD: Its attention's output.
        stack: See ``FactoredMoE.forward``.
    """
    gate_TF, up_TF, *low = products((block.gate_proj, block.up_proj), stack, x_TD)
    low_TPN = low[0] if low else F.linear(x_TD, block.gate_up_A_PERD.flatten(0, 2))
    h_TF, shares_JTN = torch.ops.moesaic.routed_hidden(
        gate_TF,
        up_TF,
        low_TPN,
        _logits(block.router, x_TD),
        block.scale_E,
        block.gate_up_B_PERF.flatten(1, 2),
        block.down_A_ERF.flatten(0, 1),
        block.router.top_k,
    )
    if x_TD.shape[0] > 1:
        # For one token every program adds the shares again; for more that would be too much to read.
        shares_JTN = shares_JTN.sum(0, keepdim=True)
    out_TD: Tensor = torch.ops.moesaic.routed_output(
        block.down_proj(h_TF), residual_TD, attention_TD, shares_JTN, block.down_B_ERD.flatten(0, 1)
    )
    return out_TD


def _has_kernels(device: torch.device) -> bool:
    # bfloat16 products need compute capability 8.
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0) and bool(find_spec("triton"))


def _logits(router: Router, x_TD: Tensor) -> Tensor:
    """The router's logits in float32, ``(T, E)``; without noise, which is for training."""
    x_TD, weight_ED = x_TD.float(), router.weight_ED.float()
    if router.num_experts > _MOST_ROW_SUMS or not torch.compiler.is_compiling():
        return F.linear(x_TD, weight_ED)
    return torch.stack([(x_TD * weight_D).sum(-1) for weight_D in weight_ED.unbind()], dim=-1)
