"""Weight-only int8 for decoding on a CPU: linear layers whose weights are read as bytes.

The time of a decoding step on a CPU is that of reading the weights, which have four bytes each in float32 and one in
int8. Each output channel has a symmetric scale, and its weights are rounded to nearest:

    q = round(W / s),   s = max |W| of the channel / 127, rounded to bfloat16       so that W ~ s q

The scale is rounded before the weights are divided by it, so its own rounding adds no error. Few rows are multiplied by
torch's kernel for packed int8, whose input and output are in bfloat16. For many rows, as in a prompt, the weights are
first converted back to the type of the rows, because most of the time is then spent on multiplying and not on reading.

Shapes: O out, I in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL_ROWS = 16
"""Largest number of rows for which the int8 kernel is used, since it reads the weights once for every few rows."""

KERNEL_COLUMNS = 16
"""The size of a row has to be a multiple of this; otherwise the kernel of torch 2.13 reads beyond its end."""


class Int8Linear(nn.Module):
    """A linear layer with weights in int8.

    Args:
        weight_OI: The weights in floating point.
        bias_O: The bias; None if there is none.

    Attributes:
        weight: The rounded weights q, ``(O, I)``, int8.
        scale_O: The scale s of each output channel, bfloat16.
    """

    weight: Tensor
    scale_O: Tensor

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight_OI.shape
        weight_OI = weight_OI.detach()
        scale_O = (weight_OI.abs().amax(dim=1).float() / 127).clamp_(min=1e-30).bfloat16()
        rounded_OI = (weight_OI.float() / scale_O.float()[:, None]).round_().clamp_(-127, 127)
        self.register_buffer("weight", rounded_OI.to(torch.int8))
        self.register_buffer("scale_O", scale_O)
        self.bias = None if bias_O is None else nn.Parameter(bias_O.detach().clone(), requires_grad=False)

    def extra_repr(self) -> str:
        """Returns the text that ``print(model)`` shows."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def forward(self, x: Tensor) -> Tensor:
        """Multiplies rows of any leading shape, ``(..., I)``, and returns ``(..., O)`` in their type."""
        if x.numel() > KERNEL_ROWS * self.in_features:
            return F.linear(x, self.restored(x.dtype), self.bias)
        y = self.few(x.reshape(-1, self.in_features)).to(x.dtype).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias

    def few(self, x_TI: Tensor) -> Tensor:
        """Multiplies few rows and returns ``(T, O)`` without the bias, in bfloat16 if the kernel can be used."""
        if self.in_features % KERNEL_COLUMNS:
            return F.linear(x_TI, self.restored(x_TI.dtype))
        return torch._weight_int8pack_mm(x_TI.bfloat16(), self.weight, self.scale_O)

    def restored(self, dtype: torch.dtype) -> Tensor:
        """Returns the weights s q in floating point, ``(O, I)``."""
        return self.weight.to(dtype).mul_(self.scale_O.to(dtype)[:, None])


def to_int8(model: nn.Module) -> nn.Module:
    """Replaces the linear layers of a model by int8 layers, in place. Factors, gates and embeddings do not change.

    A head that shares its weights with the embedding gets a rounded copy, a quarter as large as a float32 embedding.

    Args:
        model: A causal language model, composed or not, on a CPU.

    Returns:
        The same model.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, Int8Linear(child.weight, child.bias))
    return model


@torch.inference_mode(False)
def side_by_side(layers: Sequence[Int8Linear]) -> tuple[Tensor, Tensor]:
    """Returns the weights and scales of several layers as one matrix and one vector.

    The layers' own weights and scales become views of them, so nothing is stored twice.
    """
    weight_OI, scale_O = layers[0].weight, layers[0].scale_O
    ends = list(accumulate(layer.out_features for layer in layers))
    starts = [layer.weight.data_ptr() - weight_OI.data_ptr() for layer in layers]
    if starts == [(end - layer.out_features) * layer.in_features for end, layer in zip(ends, layers, strict=True)]:
        is_one = weight_OI.untyped_storage().nbytes() >= ends[-1] * layers[0].in_features
        if is_one and scale_O.untyped_storage().nbytes() >= 2 * ends[-1]:
            return (
                weight_OI.as_strided((ends[-1], layers[0].in_features), (layers[0].in_features, 1)),
                scale_O.as_strided((ends[-1],), (1,)),
            )
    weight_OI = torch.cat([layer.weight for layer in layers])
    scale_O = torch.cat([layer.scale_O for layer in layers])
    for layer, end in zip(layers, ends, strict=True):
        rows = slice(end - layer.out_features, end)
        layer.weight, layer.scale_O = weight_OI[rows], scale_O[rows]
    return weight_OI, scale_O
