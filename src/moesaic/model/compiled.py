"""Compiled training steps: decoder layers as fused kernels, launched as one CUDA graph.

    decoder = CompiledDecoder(model, row_tokens)
    hidden_TD = decoder(batch)

A decoder layer consists of a few matrix products and dozens of element-wise kernels, each of which reads and writes the
activations of a row. In a compiled layer, all operations between two products are one kernel. The layers share one code
object, so only the first one is compiled. The kernels are then so short that launching them takes longer than running
them; therefore the forward and the backward pass are captured as CUDA graphs. Both techniques need fixed shapes. Rows
are therefore padded to one length, the number of documents is rounded up by adding empty ones, and the length of the
longest document is rounded up.

Shapes: T tokens of the row, D documents (D1: D + 1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from moesaic.data.packing import IGNORED_LABEL, PackedBatch
from moesaic.model.loss import hidden_states

SPARE_DOCUMENTS, TOKENS_A_DOCUMENT = 8, 128
"""A row has room for ``SPARE_DOCUMENTS`` documents plus one per ``TOKENS_A_DOCUMENT`` tokens. A row with more documents
gets two or three times this room, which is another shape; no row of XLCoST has more. The room is limited because the
backward pass of the attention needs memory for every document, even if it is empty."""

LONGEST = 1024
"""Smallest length, in tokens, that is assumed for the longest document; attention needs only an upper bound."""


class CompiledLayers:
    """The compiled decoder layers of a model, which are used only within ``active``.

    Args:
        model: A causal language model, composed or with adapters. Its layers must not be replaced afterwards.
        backend: Backend of ``torch.compile``. Tests use one that needs no compiler.
    """

    def __init__(self, model: Any, backend: str = "inductor") -> None:
        self._layers = list(model.get_decoder().layers)
        self._compiled = [torch.compile(layer._call_impl, dynamic=False, backend=backend) for layer in self._layers]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Makes calls of the layers run compiled within the context. Hooks on the layers' modules are compiled, too.

        A layer that recomputes its activations also does so compiled. If this were left to the layer, the backward
        pass, which runs after the context, would call it uncompiled and not find the tensors that the compiled forward
        pass kept.
        """
        recomputes = [layer.gradient_checkpointing for layer in self._layers]
        for layer, compiled, again in zip(self._layers, self._compiled, recomputes, strict=True):
            layer._compiled_call_impl = _recomputed(layer, compiled) if again else compiled
            layer.gradient_checkpointing = False
        try:
            yield
        finally:
            for layer, again in zip(self._layers, recomputes, strict=True):
                layer._compiled_call_impl = None
                layer.gradient_checkpointing = again


def _recomputed(layer: Any, compiled: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a compiled layer that keeps no activations and runs a second time in the backward pass."""

    def without_its_own(*args: Any, **options: Any) -> Any:
        before, layer.gradient_checkpointing = layer.gradient_checkpointing, False
        try:
            return compiled(*args, **options)
        finally:
            layer.gradient_checkpointing = before

    return partial(checkpoint, without_its_own, use_reentrant=False)


class CompiledDecoder:
    """Computes the final hidden states of packed rows, with gradients for the trainable parameters.

    Args:
        model: A causal language model on a GPU, composed or with adapters. It is called in packed attention.
        row_tokens: Largest number of tokens of a row.
        graphs: Whether to capture CUDA graphs. A graph permanently holds the activations of a row, and its parameters
            must stay at their addresses. Activation checkpointing and hooks that wait for other processes cannot be
            captured.
    """

    def __init__(self, model: Any, row_tokens: int, graphs: bool) -> None:
        self._model, self._row_tokens, self._graphs = model, row_tokens, graphs
        self._layers = CompiledLayers(model)
        self._captured: tuple[Any, Callable[..., Any]] | None = None
        self._trainable: list[nn.Parameter] = []

    def shrink(self, row_tokens: int) -> None:
        """Uses shorter rows from now on. Graphs for longer rows are freed, and new ones are captured."""
        self._row_tokens, self._captured = row_tokens, None

    def __call__(self, batch: PackedBatch) -> Tensor:
        """Returns the hidden states, ``(row_tokens, D)``. Those after the batch's own tokens are padding."""
        batch = fixed_shape(batch, self._row_tokens)
        # If autocast kept a cast from one call, the next graph would not contain it.
        with (
            self._layers.active(),
            torch.autocast(
                "cuda", torch.get_autocast_dtype("cuda"), cache_enabled=False, enabled=torch.is_autocast_enabled("cuda")
            ),
        ):
            if not self._graphs or not torch.is_grad_enabled():
                return hidden_states(self._model, batch)
            tensors = (batch.input_ids_1T, batch.position_ids_1T, batch.cu_seqlens_D1)
            shapes = (*(tensor.shape for tensor in tensors), batch.max_seqlen)
            trainable = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
            if [id(parameter) for parameter in trainable] != [id(parameter) for parameter in self._trainable]:
                self._captured, self._trainable = None, trainable
            if self._captured is None:
                self._captured = shapes, self._capture(batch, tensors)
            if self._captured[0] != shapes:  # memory for one graph is enough; rare shapes run without a graph
                return hidden_states(self._model, batch)
            hidden_TD: Tensor = self._captured[1](*tensors)
            return hidden_TD

    def _capture(self, batch: PackedBatch, tensors: tuple[Tensor, ...]) -> Callable[..., Any]:
        # Without its own memory, the first gradient would be an output of the graph, which every replay overwrites.
        for parameter in self._trainable:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        # A capture runs on a stream of its own, so torch warns that gradients come from another stream than they are
        # added on. This is intended, and torch waits for the one before it uses the other. Older releases do not warn.
        if hasattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch"):
            torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
        # The graph keeps its inputs, so it gets copies.
        inputs = tuple(tensor.clone() for tensor in tensors)
        return torch.cuda.make_graphed_callables(
            _HiddenStates(self._model, batch).train(), inputs, num_warmup_iters=2, allow_unused_input=True
        )


class _HiddenStates(nn.Module):
    """The decoder as a function of only the tensors of a row."""

    def __init__(self, model: Any, batch: PackedBatch) -> None:
        super().__init__()
        self._model, self._batch = model, batch

    def forward(self, input_ids_1T: Tensor, position_ids_1T: Tensor, cu_seqlens_D1: Tensor) -> Tensor:
        row = dataclasses.replace(
            self._batch, input_ids_1T=input_ids_1T, position_ids_1T=position_ids_1T, cu_seqlens_D1=cu_seqlens_D1
        )
        return hidden_states(self._model, row)


def document_room(row_tokens: int) -> int:
    """Returns the number to a multiple of which the number of documents in a row is rounded up."""
    return SPARE_DOCUMENTS + row_tokens // TOKENS_A_DOCUMENT


def fixed_shape(batch: PackedBatch, row_tokens: int) -> PackedBatch:
    """Pads a row so that rows have few different shapes. No document sees the padding.

    Args:
        batch: A packed row of at most ``row_tokens`` tokens.
        row_tokens: The number of tokens to pad to.

    Returns:
        The row, followed by documents of padding. ``max_seqlen`` is an upper bound of the length of all documents.
    """
    longest = max(LONGEST, 1 << (batch.max_seqlen - 1).bit_length())
    padding, device = row_tokens - batch.num_tokens, batch.input_ids_1T.device
    ends = [*range(batch.num_tokens + longest, row_tokens, longest), *([row_tokens] if padding else [])]
    ends += [row_tokens] * (-(len(batch.example_ids_D) + len(ends)) % document_room(row_tokens))
    boundaries = torch.tensor(ends, dtype=torch.int32)
    if device.type == "cuda":  # a copy from unpinned memory would wait until the GPU is idle
        boundaries = boundaries.pin_memory()
    boundaries = boundaries.to(device, non_blocking=True)
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
