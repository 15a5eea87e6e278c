"""Decoding steps on a CPU for a few dozen rows, with weights that are packed once, not in every product.

A step multiplies every weight with as many rows as there are texts. MKL first packs a weight into an order of its own,
which for few rows takes longer than the product itself. Here, the weights are packed only once per generation, with the
operators that ``torch.compile`` uses to freeze models. These are private, so the module checks that they exist. The
sums are the same, but in another order. Packing needs a second copy of the weights during the generation, so it is
limited to ``PACKED_BYTES``. The other weights, or all if the operators are missing, are multiplied as ``(W x^T)^T``,
which reads them in their own order. This is slower than with packed weights, but for 8 to 56 rows faster than ``x W^T``
(docs/lab-log.md, 2026-11-24).
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
"""Numbers of rows for which a packed weight is used. They are fixed: if the faster way were measured and chosen at run
time, runs could give different texts."""

WEIGHT_FIRST_ROWS = range(8, 57)
"""Numbers of rows for which a weight that is not packed is multiplied as ``(W x^T)^T``."""

PACKED_BYTES = 2 * 1024**3
"""Largest number of bytes of weights that are packed, in the order of the model."""

_PACKED_FOR = 64
"""Number of rows for which weights are packed. Other numbers of rows can be multiplied, too; products with weights that
were packed for one row were slower."""


@contextmanager
def few_row_products(model: nn.Module, num_rows: int) -> Iterator[None]:
    """Makes the plain float32 linear layers of a model on a CPU multiply few rows faster within the context.

    Args:
        model: A model, whose weights must not change within the context.
        num_rows: Largest number of rows of a decoding step. For one row nothing is packed, because each weight is read
            only once in any order.
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
    # The operator uses the packed weight only if this states that it was packed for the actual number of rows.
    y: Tensor = torch.ops.mkl._mkl_linear(x, packed, layer.weight, layer.bias, num_rows)
    return y


def _weight_first(layer: nn.Linear, x: Tensor) -> Tensor:
    num_rows = x.numel() // x.shape[-1]
    if num_rows not in WEIGHT_FIRST_ROWS:
        return F.linear(x, layer.weight, layer.bias)
    y_TO = (layer.weight @ x.reshape(num_rows, -1).T).T.contiguous()
    return (y_TO if layer.bias is None else y_TO + layer.bias).view(*x.shape[:-1], -1)
