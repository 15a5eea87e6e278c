"""Computes linear layers with the same input as one product, for decoding on a GPU.

A decoding step reads every weight once and multiplies few rows with it, so that a product takes about as long as its
weight takes to read, plus the start of a kernel or two. Query, key and value are one product here, and so are gate, up
and, in a routed block whose factors are of the same type, the experts' A of both. The weights are not kept twice: they
are moved to lie one behind the other in memory, and their stack is a second view of it. Where they lie is all the state
there is: layers that were moved once are found that way, and layers that were replaced, adapted or moved to another
device since are not.

Shapes: T tokens, I in, O out of all layers together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_ALIGNMENT = 16
"""Kernels load this many bytes at a time, so weights start at multiples of it."""


class Stack(NamedTuple):
    """The weights of some linear layers as one.

    Attributes:
        weight_OI: All rows of the first layer, then those of the next; last a routed block's factors A.
        bias_O: Their biases, None for layers without.
        sizes: Rows of each.
    """

    weight_OI: Tensor
    bias_O: Tensor | None
    sizes: tuple[int, ...]


class LayerStacks(NamedTuple):
    """The stacks of one decoder layer, None where the layers have to keep their own products."""

    query_key_value: Stack | None = None
    gate_up: Stack | None = None


def stack_layer(layer: Any) -> LayerStacks:
    """Stacks a decoder layer's projections in place, where they are plain; a second call finds the same stacks.

    Parameters stay the same objects with the same values. What holds their old addresses, such as a captured CUDA
    graph, must not be used any more.

    Args:
        layer: A decoder layer, composed or not.
    """
    attention, mlp = layer.self_attn, layer.mlp
    query_key_value = _stack([attention.q_proj, attention.k_proj, attention.v_proj])
    if is_hooked(mlp):  # a hook is for the call of the MLP, which a stack does without
        return LayerStacks(query_key_value)
    layers, factors = [mlp.gate_proj, mlp.up_proj], getattr(mlp, "gate_up_A_PERD", None)
    with_factors = None if factors is None else _stack(layers, factors)
    return LayerStacks(query_key_value, with_factors or _stack(layers))


def products(layers: Sequence[nn.Module], stack: Stack | None, x_TI: Tensor) -> Sequence[Tensor]:
    """The layers' outputs for one input, and what else is in their stack: one product with it, else one a layer."""
    if stack is None:
        return [layer(x_TI) for layer in layers]
    return torch.split(F.linear(x_TI, stack.weight_OI, stack.bias_O), list(stack.sizes), dim=-1)


def _stack(layers: Sequence[Any], *factors: Tensor) -> Stack | None:
    """The layers, and factors without a bias, ``(..., I)``, as one; None where that cannot be."""
    if not all(_is_plain(layer) for layer in layers):
        return None
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers if layer.bias is not None]
    weights += factors
    if len(biases) not in (0, len(weights)) or not _is_stackable(weights) or not _is_stackable(biases):
        return None
    weight_OI = _side_by_side(weights).view(-1, weights[0].shape[-1])
    bias_O = _side_by_side(biases) if biases else None
    sizes = tuple(weight.numel() // weight.shape[-1] for weight in weights)
    # Parameters, since their shapes are constants for the compiler.
    return Stack(_constant(weight_OI), None if bias_O is None else _constant(bias_O), sizes)


def _is_plain(layer: Any) -> bool:
    """Whether calling the layer is the product with its weight and nothing else: not quantised, adapted or hooked."""
    return type(layer) is nn.Linear and not is_hooked(layer)


def is_hooked(module: nn.Module) -> bool:
    """Whether calling the module does more than its class says: hooks, or a forward pass of the object's own."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def _is_stackable(tensors: Sequence[Tensor]) -> bool:
    return all(
        tensor.is_contiguous()
        and not tensor.is_inference()
        and (tensor.dim() == 1 or tensor.shape[-1] == tensors[0].shape[-1])
        and (tensor.device, tensor.dtype) == (tensors[0].device, tensors[0].dtype)
        and tensor.nbytes % _ALIGNMENT == 0
        for tensor in tensors
    )


@torch.inference_mode(False)  # tensors made in it could not be trained afterwards
@torch.no_grad()
def _side_by_side(parameters: Sequence[Tensor]) -> Tensor:
    """A flat view of all parameters one behind the other; moves them first where they do not lie so."""
    sizes, first = [parameter.numel() for parameter in parameters], parameters[0]
    if not all(_is_behind(parameter, before) for before, parameter in pairwise(parameters)):
        for parameter, part in zip(parameters, torch.split(first.new_empty(sum(sizes)), sizes), strict=True):
            parameter.data = part.view_as(parameter).copy_(parameter)
        if first.device.type == "cuda":
            torch.cuda.empty_cache()  # the old weights, else kept for reuse, are each too small for the next stack
    return first.detach().as_strided((sum(sizes),), (1,), first.storage_offset())


@torch.inference_mode(False)
def _constant(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _is_behind(parameter: Tensor, before: Tensor) -> bool:
    return (
        parameter.untyped_storage().data_ptr() == before.untyped_storage().data_ptr()
        and parameter.data_ptr() == before.data_ptr() + before.nbytes
    )
