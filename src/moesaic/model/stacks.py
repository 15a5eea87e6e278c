"""Computes linear layers with the same input as one product, for decoding on a GPU.

A decoding step reads every weight once and multiplies only a few rows with it. A product therefore takes about as long
as reading its weight, plus the start of one or two kernels. This module makes query, key and value one product, and
also gate and up projection, together with their experts' factors A if the block is routed and the factors have the same
type. The weights are not stored twice: they are moved so that they are contiguous in memory, and the stack is a second
view of this memory. There is no other state than the addresses of the weights. Layers that are already stacked are
recognised by them, and layers that were replaced, adapted or moved to another device since are not.

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
"""Kernels load this number of bytes at a time, so weights have to start at multiples of it."""


class Stack(NamedTuple):
    """The weights of several linear layers as one matrix.

    Attributes:
        weight_OI: All rows of the first layer, then those of the next one, and so on; last, if included, the factors A
            of a routed block.
        bias_O: Their biases; None if the layers have none.
        sizes: Number of rows of each part.
    """

    weight_OI: Tensor
    bias_O: Tensor | None
    sizes: tuple[int, ...]


class LayerStacks(NamedTuple):
    """The stacks of a decoder layer. A stack is None if its layers cannot be computed as one product."""

    query_key_value: Stack | None = None
    gate_up: Stack | None = None


def stack_layer(layer: Any) -> LayerStacks:
    """Stacks the projections of a decoder layer in place, if they are plain. A second call returns the same stacks.

    The parameters remain the same objects with the same values, but at other addresses. A CUDA graph that was captured
    before must not be used any more.

    Args:
        layer: A decoder layer, composed or not.
    """
    attention, mlp = layer.self_attn, layer.mlp
    query_key_value = _stack([attention.q_proj, attention.k_proj, attention.v_proj])
    if is_hooked(mlp):  # with a stack, the MLP would not be called, and neither would its hooks
        return LayerStacks(query_key_value)
    layers, factors = [mlp.gate_proj, mlp.up_proj], getattr(mlp, "gate_up_A_PERD", None)
    with_factors = None if factors is None else _stack(layers, factors)
    return LayerStacks(query_key_value, with_factors or _stack(layers))


def products(layers: Sequence[nn.Module], stack: Stack | None, x_TI: Tensor) -> Sequence[Tensor]:
    """Returns the outputs of layers that have the same input.

    Args:
        layers: The layers.
        stack: Their stack, with which there is only one product; None to call each layer.
        x_TI: The input.

    Returns:
        One tensor ``(T, rows)`` per layer, and one more if the stack includes factors A.
    """
    if stack is None:
        return [layer(x_TI) for layer in layers]
    return torch.split(F.linear(x_TI, stack.weight_OI, stack.bias_O), list(stack.sizes), dim=-1)


def _stack(layers: Sequence[Any], *factors: Tensor) -> Stack | None:
    """Stacks layers, and factors ``(..., I)`` without a bias; returns None if that is not possible."""
    if not all(_is_plain(layer) for layer in layers):
        return None
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers if layer.bias is not None]
    weights += factors
    if len(biases) not in (0, len(weights)) or not _is_stackable(weights) or not _is_stackable(biases):
        return None
    weight_OI = _side_by_side(weights).view(-1, weights[0].shape[-1])
    bias_O = _side_by_side(biases) if biases else None
    sizes = tuple(weight.numel() // weight.shape[-1] for weight in weights)
    # Parameters, because the compiler treats their shapes as constants.
    return Stack(_constant(weight_OI), None if bias_O is None else _constant(bias_O), sizes)


def _is_plain(layer: Any) -> bool:
    """Returns whether calling a layer only multiplies by its weight: it is not quantised, adapted or hooked."""
    return type(layer) is nn.Linear and not is_hooked(layer)


def is_hooked(module: nn.Module) -> bool:
    """Returns whether a module has hooks or a ``forward`` of its own, so that calling it does more than its class."""
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


@torch.inference_mode(False)  # tensors that are made in inference mode cannot be trained afterwards
@torch.no_grad()
def _side_by_side(parameters: Sequence[Tensor]) -> Tensor:
    """Returns a flat view of all parameters, which are first moved if they are not contiguous in this order."""
    sizes, first = [parameter.numel() for parameter in parameters], parameters[0]
    if not all(_is_behind(parameter, before) for before, parameter in pairwise(parameters)):
        for parameter, part in zip(parameters, torch.split(first.new_empty(sum(sizes)), sizes), strict=True):
            parameter.data = part.view_as(parameter).copy_(parameter)
        if first.device.type == "cuda":
            torch.cuda.empty_cache()  # frees the old weights, each of which is too small to be reused for a stack
    return first.detach().as_strided((sum(sizes),), (1,), first.storage_offset())


@torch.inference_mode(False)
def _constant(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _is_behind(parameter: Tensor, before: Tensor) -> bool:
    return (
        parameter.untyped_storage().data_ptr() == before.untyped_storage().data_ptr()
        and parameter.data_ptr() == before.data_ptr() + before.nbytes
    )
