"""Decoding steps on a CPU: the products of a few dozen rows, in the order that the BLAS library is fast at.

A step multiplies every weight with as many rows as there are texts. As ``x W^T`` the library packs the weight for that,
which costs more than the product itself when there are few rows; as ``(W x^T)^T`` it reads the weight as it lies. Same
sums, other order. With MKL a product is up to twice as fast for 8 to 56 rows, and slower below and above
(docs/lab-log.md, 2026-11-24).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = range(8, 57)
"""Numbers of rows for which the weight goes first; a choice by the clock would change texts between runs."""


@contextmanager
def weight_first(model: nn.Module) -> Iterator[None]:
    """Inside the context the model's plain float32 linear layers on a CPU multiply few rows with the weight first."""
    layers = [module for module in model.modules() if type(module) is nn.Linear and _is_slow(module.weight)]
    for layer in layers:
        layer.forward = functools.partial(_product, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _is_slow(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32


def _product(layer: nn.Linear, x: Tensor) -> Tensor:
    num_rows = x.numel() // x.shape[-1]
    if num_rows not in ROWS:
        return F.linear(x, layer.weight, layer.bias)
    y_TO = (layer.weight @ x.reshape(num_rows, -1).T).T.contiguous()
    return (y_TO if layer.bias is None else y_TO + layer.bias).view(*x.shape[:-1], -1)
