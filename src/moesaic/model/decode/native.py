"""Decodes one text on a CPU in compiled code: the step of ``single`` as one call of ``one_row.cpp``.

If the weights can be represented exactly in bfloat16, which is the case if the checkpoint was in bfloat16, a copy of
them in bfloat16 is kept in addition to the model's own float32. A step then reads half of the bytes and computes the
same sums in float32, in another order. Weights in int8 are used directly, and the rows that they are multiplied with
are not rounded to bfloat16, as they are for torch's product.

If the routing is recorded, the compiled code returns the inputs of all routed blocks, and the gates are called again
with them, which takes a small part of a step.

Shapes: L layers, D model, E experts with factors, R rank, F hidden, A head size, V vocabulary.
"""

from __future__ import annotations

import ctypes
import weakref
from ctypes import POINTER, Structure, c_double, c_int64, c_void_p
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from moesaic.gates import GATES
from moesaic.model.block import FactoredMoE
from moesaic.model.decode.compiler import library
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.int8 import Int8Linear

WORTH_BYTES: Final = 2**26
"""Size of a model's weights, in bytes, below which compiling is not worthwhile. The models of tests are a hundredth of
it."""

_PROJECTIONS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_TYPES: Final = {torch.float32: 0, torch.bfloat16: 1, torch.int8: 2}
_ROUTED: Final = -2
"""The value of ``forced`` with which the compiled code routes. ``one_row.cpp`` explains it and the structures below."""


class _Matrix(Structure):
    _fields_ = (
        ("weight", c_void_p),
        ("bias", c_void_p),
        ("scales", c_void_p),
        ("outputs", c_int64),
        ("inputs", c_int64),
        ("type", c_int64),
    )


class _Norm(Structure):
    _fields_ = (("weight", c_void_p), ("epsilon", c_double))


class _Layer(Structure):
    _fields_ = (
        *((name, _Norm) for name in ("norm", "mlp_norm", "query_norm", "key_norm")),
        *((name, _Matrix) for name in ("query", "key", "value", "output", "gate", "up", "down")),
        *((name, c_void_p) for name in ("router", "gate_up_A", "gate_up_B", "down_A", "down_B", "scales")),
        *((name, c_void_p) for name in ("keys", "values")),
        ("window", c_int64),
        ("scaling", c_double),
    )


class _Model(Structure):
    _fields_ = (
        *((name, c_int64) for name in ("hidden", "heads", "groups", "head_size", "inner", "experts", "choices")),
        *((name, c_int64) for name in ("top_k", "rank", "capacity", "num_layers")),
        ("layers", POINTER(_Layer)),
        ("norm", _Norm),
        ("head", _Matrix),
    )


class NativeStep:
    """The step of one row, in compiled code.

    Args:
        batch: A batch that ``fits`` and whose prompt was admitted. The weights of its model must not change.
        code: The compiled library.
    """

    def __init__(self, batch: SlotBatch, code: ctypes.CDLL) -> None:
        self._batch, self._run = batch, code.moesaic_step
        self._run.argtypes = [POINTER(_Model), c_void_p, c_void_p, c_int64, c_int64, *(3 * [c_void_p]), c_int64]
        self._run.restype = None
        self._kept: list[Tensor] = []  # the tensors to which the structures point
        decoder, first = batch.decoder, batch.decoder.layers[0]
        self._blocks = [layer.mlp for layer in decoder.layers if isinstance(layer.mlp, FactoredMoE)]
        layers = [self._layer(*each) for each in zip(decoder.layers, batch.windows, batch.cache, strict=True)]
        keys_BGCA = batch.cache[0][0]
        block = self._blocks[0] if self._blocks else None
        attention = first.self_attn
        self._layers = (_Layer * len(layers))(*layers)
        self._model = _Model(
            hidden=decoder.norm.weight.numel(),
            heads=attention.q_proj.out_features // attention.head_dim,
            groups=keys_BGCA.shape[1],
            head_size=attention.head_dim,
            inner=first.mlp.gate_proj.out_features,
            experts=len(block.scale_E) if block is not None else 0,
            choices=block.router.num_experts if block is not None else 0,
            top_k=block.router.top_k if block is not None else 0,
            rank=block.down_A_ERF.shape[1] if block is not None else 0,
            capacity=keys_BGCA.shape[2],
            num_layers=len(layers),
            layers=self._layers,
            norm=self._norm(decoder.norm),
            head=self._matrix(batch.head),
        )
        self._logits_1V = torch.empty(1, batch.head.out_features)
        self._inputs_LD = torch.empty(len(layers), decoder.norm.weight.numel())

    def __call__(self) -> None:
        """Feeds the last token of the first row to the model, and replaces it by the next token."""
        batch = self._batch
        position = int(batch.positions_B[0])
        hidden_1D = batch.decoder.embed_tokens(batch.ids_B[:1])
        cos_11A, sin_11A = batch.decoder.rotary_emb(hidden_1D, batch.positions_B[:1, None])
        forced = self._blocks[0].forced if self._blocks else None
        listens = forced is None and any(block.router._forward_hooks for block in self._blocks)
        self._run(
            ctypes.byref(self._model),
            cos_11A.data_ptr(),
            sin_11A.data_ptr(),
            position,
            _ROUTED if forced is None else forced,
            hidden_1D.data_ptr(),
            self._logits_1V.data_ptr(),
            self._inputs_LD.data_ptr() if listens else None,
            torch.get_num_threads(),
        )
        if listens:
            for block, x_1D in zip(self._blocks, self._inputs_LD[:, None].unbind(), strict=True):
                block.router(x_1D)
        batch.positions_B[0] = min(position + 1, batch.capacity - 1)
        batch.choose(self._logits_1V, slice(0, 1))

    def _layer(self, layer: Any, window: int | None, cache: tuple[Tensor, Tensor]) -> _Layer:
        attention, mlp = layer.self_attn, layer.mlp
        filled = _Layer(
            norm=self._norm(layer.input_layernorm),
            mlp_norm=self._norm(layer.post_attention_layernorm),
            query_norm=self._norm(getattr(attention, "q_norm", None)),
            key_norm=self._norm(getattr(attention, "k_norm", None)),
            query=self._matrix(attention.q_proj),
            key=self._matrix(attention.k_proj),
            value=self._matrix(attention.v_proj),
            output=self._matrix(attention.o_proj),
            gate=self._matrix(mlp.gate_proj),
            up=self._matrix(mlp.up_proj),
            down=self._matrix(mlp.down_proj),
            keys=self._address(cache[0]),
            values=self._address(cache[1]),
            window=window or 0,
            scaling=attention.scaling,
        )
        if isinstance(mlp, FactoredMoE):
            filled.router = self._address(mlp.router.weight_ED)
            filled.gate_up_A, filled.gate_up_B = self._address(mlp.gate_up_A_PERD), self._address(mlp.gate_up_B_PERF)
            filled.down_A, filled.down_B = self._address(mlp.down_A_ERF), self._address(mlp.down_B_ERD)
            filled.scales = self._address(mlp.scale_E)
        return filled

    def _address(self, tensor: Tensor) -> int:
        self._kept.append(tensor)
        return tensor.data_ptr()

    def _norm(self, norm: Any) -> _Norm:
        return _Norm() if norm is None else _Norm(self._address(norm.weight), norm.variance_epsilon)

    def _matrix(self, layer: nn.Linear | Int8Linear) -> _Matrix:
        bias = None if layer.bias is None else self._address(layer.bias)
        scales = None
        if isinstance(layer, Int8Linear):
            weight_OI, scales = layer.weight, self._address(layer.scale_O.float())
        else:
            weight_OI = _small(layer)
        return _Matrix(self._address(weight_OI), bias, scales, *weight_OI.shape, _TYPES[weight_OI.dtype])


def code_for(batch: SlotBatch) -> ctypes.CDLL | None:
    """Returns the compiled step, which is compiled if needed.

    Returns:
        None if the batch does not fit (``fits``), there is no compiler (``library``), or there is too little memory.
    """
    enough = sum(layer.weight.nbytes for layer in _projections(batch))
    return library() if fits(batch) and _available_bytes() >= enough else None


def fits(batch: SlotBatch) -> bool:
    """Returns whether the compiled step supports the model of a batch.

    The model has to be on a CPU and in float32, its layers all dense or all routed, its gates of a kind with Mixtral's
    form, and its linear layers plain, or in int8 with a multiple of four inputs, which are read as one word. It also
    has to have ``WORTH_BYTES`` of weights.
    """
    blocks = [layer.mlp for layer in batch.decoder.layers if isinstance(layer.mlp, FactoredMoE)]
    tensors = [*batch.model.parameters(), *(block.scale_E for block in blocks)]
    projections = _projections(batch)
    return (
        batch.device.type == "cpu"
        and all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in tensors)
        and all(type(layer) in (nn.Linear, Int8Linear) for layer in projections)
        and all(layer.in_features % 4 == 0 for layer in projections if type(layer) is Int8Linear)
        and all(type(each) is nn.Linear for each in batch.model.modules() if isinstance(each, nn.Linear))
        and sum(layer.weight.nbytes for layer in projections) >= WORTH_BYTES
        and len(blocks) in (0, len(batch.decoder.layers))
        and all(GATES[block.router.kind].is_mixtral for block in blocks)
    )


def _projections(batch: SlotBatch) -> list[Any]:
    """Returns the linear layers of a step, without the experts' factors."""
    parts = [part for layer in batch.decoder.layers for part in (layer.self_attn, layer.mlp)]
    return [*(getattr(part, name) for part in parts for name in _PROJECTIONS if hasattr(part, name)), batch.head]


_SMALL: weakref.WeakKeyDictionary[nn.Linear, tuple[tuple[int, int], Tensor]] = weakref.WeakKeyDictionary()
"""Layer -> state of its weights and the weights as they are multiplied. Without this cache, they would be converted
again for every answer of a conversation."""


def _small(layer: nn.Linear) -> Tensor:
    """Returns a layer's weights in bfloat16 if this is exact and the number of inputs is even, else unchanged."""
    weight_OI = layer.weight.detach()
    state = (weight_OI.data_ptr(), -1 if weight_OI.is_inference() else weight_OI._version)
    kept = _SMALL.get(layer)
    if kept is None or kept[0] != state:
        small_OI = weight_OI.bfloat16()
        is_all = layer.in_features % 2 == 0 and bool((small_OI.float() == weight_OI).all())
        kept = _SMALL[layer] = (state, small_OI if is_all else weight_OI)
    return kept[1]


def _available_bytes() -> int:
    """Returns the available memory in bytes; 0 if it is unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
