"""Decoding steps on a CPU for a few dozen rows, with weights that are packed once, not in every product.

A step multiplies every weight with as many rows as there are texts. MKL first packs a weight into an order of its own,
which for few rows takes longer than the product itself. Here that is done once a generation, by the operators that
``torch.compile`` freezes models with; they are private, so they are looked up before they are used. Same sums, other
order. The price is a second copy of the weights while texts are generated, so it stops at ``PACKED_BYTES``. Weights
beyond, and all of them without those operators, are multiplied as ``(W x^T)^T``, which reads them as they lie: slower
than packed, faster than ``x W^T`` for 8 to 56 rows (docs/lab-log.md, 2026-11-24).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PACKED_ROWS = range(2, 129)
"""Numbers of rows for which a packed weight is used; a choice by the clock would change texts between runs."""

WEIGHT_FIRST_ROWS = range(8, 57)
"""Numbers of rows for which a weight that is not packed goes first."""

PACKED_BYTES = 2 * 1024**3
"""Most bytes of weights that are packed, in the model's order."""

_PACKED_FOR = 64
"""Number of rows that weights are packed for. Any other may be multiplied; packed for one, products were slower."""


@contextmanager
def few_row_products(model: nn.Module, num_rows: int) -> Iterator[None]:
    """Makes the plain float32 linear layers of a model on a CPU multiply few rows faster inside the context.

    Args:
        model: A model; its weights must not change inside the context.
        num_rows: Most rows of a decoding step. Nothing is packed for one, which reads each weight once in any order.
    """
    layers = [module for module in model.modules() if type(module) is nn.Linear and _is_slow(module.weight)]
    bytes_left = PACKED_BYTES if num_rows > 1 and _can_pack() else 0
    products: list[Any] = []
    for layer in layers:
        if layer.weight.nbytes > bytes_left:
            products.append(partial(_weight_first, layer))
        else:
            bytes_left -= layer.weight.nbytes
            packed = torch.ops.mkl._mkl_reorder_linear_weight(layer.weight, _PACKED_FOR)
            products.append(partial(_packed, layer, packed))
    for layer, product in zip(layers, products, strict=True):
        layer.forward = product  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_slow(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32


def _can_pack() -> bool:
    names = ("_mkl_reorder_linear_weight", "_mkl_linear")
    has_mkl: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return has_mkl and all(hasattr(torch.ops.mkl, name) for name in names)


def _packed(layer: nn.Linear, packed: Tensor, x: Tensor) -> Tensor:
    num_rows = x.numel() // x.shape[-1]
    if num_rows not in PACKED_ROWS:
        return F.linear(x, layer.weight, layer.bias)
    # The operator takes the packed weight if told that it was packed for as many rows as there are.
    y: Tensor = torch.ops.mkl._mkl_linear(x, packed, layer.weight, layer.bias, num_rows)
    return y


def _weight_first(layer: nn.Linear, x: Tensor) -> Tensor:
    num_rows = x.numel() // x.shape[-1]
    if num_rows not in WEIGHT_FIRST_ROWS:
        return F.linear(x, layer.weight, layer.bias)
    y_TO = (layer.weight @ x.reshape(num_rows, -1).T).T.contiguous()
    return (y_TO if layer.bias is None else y_TO + layer.bias).view(*x.shape[:-1], -1)
