"""The routed block when decoding on a GPU, with kernels of its own (``routed_kernels``).

It computes the same as ``FactoredMoE.forward``, and adds the residuals. cuBLAS computes the products with the base's
weights. Between them, the block's own forward pass has ten kernels; here there is one kernel for a single token, and
two for several tokens:

    x -> gate, up, A x (one product) -> routed_hidden -> down product -> routed_output -> hidden states
      -> logits -----------------------^          +-- shares of A h --------^

The logits of the gate are computed as one sum per expert, which a compiler fuses with the kernel of the preceding norm.

Shapes: T tokens, D model, F hidden, E experts, N = E times the greatest LoRA rank, P = 2 (gate and up projection), J
tiles of F.
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
"""Largest numbers of experts, of experts per token, and of the ranks of all experts together that fit into the tiles of
the kernels."""

_MOST_ROW_SUMS = 8
"""Largest number of experts for which logits are computed as sums, which lengthen the norm's kernel. For more, they are
a product, which is a kernel of its own."""


def fits(layer: Any) -> bool:
    """Returns whether the kernels support the block of a layer; if so, they are loaded.

    They do not support CPUs, float32, forced experts, gates without Mixtral's form, and hooks on the gate or the block.
    Such blocks use their own forward pass.

    Args:
        layer: A decoder layer, composed or not.
    """
    block = layer.mlp
    if not isinstance(block, FactoredMoE) or not _has_kernels(block.scale_E.device):
        return False
    if not GATES[block.router.kind].is_mixtral:  # the kernels choose the experts, and only in this way
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
    """Returns the output of a layer: the sum of its input, its attention's output and its block's output, ``(T, D)``.

    The first two are separate arguments: the norm needs their sum, too, and if nothing else does, the sum does not have
    to be written to memory.

    Args:
        block: The block of a layer that ``fits``.
        x_TD: The input of the block, after the norm.
        residual_TD: The input of the layer.
        attention_TD: The output of the attention.
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
        # For one token, every program sums the shares itself; for more tokens, this would read too much.
        shares_JTN = shares_JTN.sum(0, keepdim=True)
    out_TD: Tensor = torch.ops.moesaic.routed_output(
        block.down_proj(h_TF), residual_TD, attention_TD, shares_JTN, block.down_B_ERD.flatten(0, 1)
    )
    return out_TD


def _has_kernels(device: torch.device) -> bool:
    # Products in bfloat16 need compute capability 8.
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0) and bool(find_spec("triton"))


def _logits(router: Router, x_TD: Tensor) -> Tensor:
    """Returns the logits of the gate in float32, ``(T, E)``, without noise, which is used only in training."""
    x_TD, weight_ED = x_TD.float(), router.weight_ED.float()
    if router.num_experts > _MOST_ROW_SUMS or not torch.compiler.is_compiling():
        return F.linear(x_TD, weight_ED)
    return torch.stack([(x_TD * weight_D).sum(-1) for weight_D in weight_ED.unbind()], dim=-1)
