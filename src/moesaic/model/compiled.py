"""Compiled training steps: the decoder layers as fused kernels, one graph for all layers and all rows.

    with CompiledLayers(model).active():
        hidden_states(model, fixed_shape(batch, row_tokens))

A decoder layer is a few matrix products among dozens of element-wise kernels, each of which reads and writes a row's
activations; compiled, what lies between two products is one kernel. Layers share one code object, so the first one's
graph serves all. A graph has fixed shapes, so rows are brought to one: the length is padded, the number of documents
rounded up with empty ones, the length of the longest document rounded up too.

Shapes: T tokens of the row, D documents (D1: D + 1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.data.packing import IGNORED_LABEL, PackedBatch

DOCUMENTS = 256
"""The number of documents is rounded up to a multiple of this."""

LONGEST = 1024
"""The longest document counts as at least this long: attention needs no more than an upper bound."""


class CompiledLayers:
    """The compiled forms of a model's decoder layers, in use only where asked for.

    Args:
        model: A causal language model, composed or with adapters; its layers must not be replaced afterwards.
        backend: Of ``torch.compile``; tests take one that needs no compiler.
    """

    def __init__(self, model: Any, backend: str = "inductor") -> None:
        self._layers = list(model.get_decoder().layers)
        self._compiled = [torch.compile(layer._call_impl, dynamic=False, backend=backend) for layer in self._layers]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside the context, calls of the layers run compiled; hooks on the layers' modules are compiled in."""
        for layer, compiled in zip(self._layers, self._compiled, strict=True):
            layer._compiled_call_impl = compiled
        try:
            yield
        finally:
            for layer in self._layers:
                layer._compiled_call_impl = None


def fixed_shape(batch: PackedBatch, row_tokens: int) -> PackedBatch:
    """Pads a row so that rows have few distinct shapes; no document sees the padding.

    Args:
        batch: A packed row of at most ``row_tokens`` tokens.
        row_tokens: Length to pad to.

    Returns:
        The row with documents of padding after its own, and ``max_seqlen`` an upper bound on the length of all.
    """
    longest = max(LONGEST, 1 << (batch.max_seqlen - 1).bit_length())
    padding, device = row_tokens - batch.num_tokens, batch.input_ids_1T.device
    ends = [*range(batch.num_tokens + longest, row_tokens, longest), *([row_tokens] if padding else [])]
    ends += [row_tokens] * (-(len(batch.example_ids_D) + len(ends)) % DOCUMENTS)
    boundaries = torch.tensor(ends, dtype=torch.int32, device=device)
    positions_P = torch.arange(padding, device=device) % longest

    def padded(values_1T: Tensor, value: int) -> Tensor:
        return F.pad(values_1T, (0, padding), value=value)

    return dataclasses.replace(
        batch,
        input_ids_1T=padded(batch.input_ids_1T, 0),
        position_ids_1T=torch.cat([batch.position_ids_1T, positions_P[None]], dim=1),
        labels_1T=padded(batch.labels_1T, IGNORED_LABEL),
        code_mask_1T=F.pad(batch.code_mask_1T, (0, padding), value=False),
        language_ids_1T=padded(batch.language_ids_1T, -1),
        cu_seqlens_D1=torch.cat([batch.cu_seqlens_D1, boundaries]),
        max_seqlen=longest,
        example_ids_D=F.pad(batch.example_ids_D, (0, len(ends)), value=-1),
    )
