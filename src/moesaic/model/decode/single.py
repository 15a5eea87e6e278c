"""Decodes one text on a CPU, with as few operators per step as possible.

For one row, the time of a product is that of reading its weights, and the step of ``slots`` spends half of its time on
starting the operators between the products. Here, the position and the chosen experts are Python numbers, so nothing
has to be masked, gathered or padded: the cache is read up to the position, and only the chosen experts are computed.
The sums are the same, but in another order.

If there is a C++ compiler, ``native`` computes the same in compiled code and is called instead.

This step supports float32 and the layers of ``families``, dense or routed. In all other cases (several rows, a forced
expert, another kind of gate), the batch's own step or the block's own forward pass is used.

Shapes: D model, H heads, G key-value heads, N = H / G, A head size, C columns up to the token, F hidden, E experts, R
LoRA rank, P = 2 (gate and up projection), X all heads of query, key and value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from moesaic.gates import GATES
from moesaic.model.block import FactoredMoE
from moesaic.model.decode.native import NativeStep, code_for
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.int8 import KERNEL_COLUMNS, Int8Linear, side_by_side

Product = Callable[[Tensor], Tensor]


class SingleStep:
    """The step of a batch, with few operators if there is one row.

    Args:
        batch: A batch that ``fits``. The weights of its model must not change any more.
    """

    def __init__(self, batch: SlotBatch) -> None:
        self._batch = batch
        self._layers = [
            _Layer(layer, window) for layer, window in zip(batch.decoder.layers, batch.windows, strict=True)
        ]
        self._code = code_for(batch)
        self._native: NativeStep | None = None

    def __call__(self, num_rows: int, num_columns: int) -> None:
        """Runs a step over the first rows; see ``SlotBatch.step``."""
        batch = self._batch
        if num_rows > 1:
            batch.step(num_rows, num_columns)
            return
        if self._code is not None and self._native is None:  # only now, because the cache is made with the first prompt
            self._native = NativeStep(batch, self._code)
        if self._native is not None:
            self._native()
            return
        position = int(batch.positions_B[0])
        hidden_1D = batch.decoder.embed_tokens(batch.ids_B[:1])
        cos_11A, sin_11A = batch.decoder.rotary_emb(hidden_1D, batch.positions_B[:1, None])
        cos_A, sin_A = cos_11A[0, 0], sin_11A[0, 0]
        turn_A = torch.cat((-sin_A[: len(sin_A) // 2], sin_A[len(sin_A) // 2 :]))  # for exchanged halves
        for layer, (keys_BGCA, values_BGCA) in zip(self._layers, batch.cache, strict=True):
            hidden_1D = layer(hidden_1D, cos_A, turn_A, keys_BGCA[0], values_BGCA[0], position)
        batch.positions_B[0] = min(position + 1, batch.capacity - 1)
        batch.sample_rows(batch.decoder.norm(hidden_1D), slice(0, 1))


class _Layer:
    """A decoder layer for one row. Everything that is the same in each step is prepared once."""

    def __init__(self, layer: Any, window: int | None) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._window, self._scaling = window, attention.scaling
        self._size = attention.head_dim
        self._query_key_value = _joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self._output, self._down = _product(attention.o_proj), _product(mlp.down_proj)
        self._gate_up = _joined([mlp.gate_proj, mlp.up_proj])
        self._norm, self._mlp_norm = _row_norm(layer.input_layernorm), _row_norm(layer.post_attention_layernorm)
        self._query_norm = _norm(attention.q_norm) if hasattr(attention, "q_norm") else None
        self._key_norm = _norm(attention.k_norm) if hasattr(attention, "k_norm") else None
        self._mlp = mlp
        self._routed = _Routed(mlp) if isinstance(mlp, FactoredMoE) and GATES[mlp.router.kind].is_mixtral else None

    def __call__(
        self, hidden_1D: Tensor, cos_A: Tensor, turn_A: Tensor, keys_GCA: Tensor, values_GCA: Tensor, position: int
    ) -> Tensor:
        num_groups, size = keys_GCA.shape[0], self._size
        heads_XA = self._query_key_value(self._norm(hidden_1D)).view(-1, size)
        num_heads = len(heads_XA) - 2 * num_groups
        both_XA = heads_XA[: num_heads + num_groups]
        if self._query_norm is not None and self._key_norm is not None:
            both_XA = torch.cat((self._query_norm(both_XA[:num_heads]), self._key_norm(both_XA[num_heads:])))
        both_XA = torch.addcmul(both_XA * cos_A, both_XA.roll(size // 2, 1), turn_A)
        keys_GCA[:, position] = both_XA[num_heads:]
        values_GCA[:, position] = heads_XA[num_heads + num_groups :]
        first = 0 if self._window is None else max(0, position + 1 - self._window)
        query_GNA = both_XA[:num_heads].view(num_groups, -1, size)
        scores_GNC = torch.bmm(query_GNA, keys_GCA[:, first : position + 1].transpose(1, 2)).mul_(self._scaling)
        mixed_GNA = torch.bmm(scores_GNC.softmax(-1), values_GCA[:, first : position + 1])
        hidden_1D = hidden_1D + self._output(mixed_GNA.view(1, -1))
        return self._after(hidden_1D)

    def _after(self, hidden_1D: Tensor) -> Tensor:
        """Computes the norm and the MLP or routed block, and adds the result to the states."""
        x_1D = self._mlp_norm(hidden_1D)
        if isinstance(self._mlp, FactoredMoE) and (self._routed is None or self._mlp.forced is not None):
            y_1D: Tensor = self._mlp(x_1D)
            return hidden_1D + y_1D
        gate_up_P1F = self._gate_up(x_1D).view(2, 1, -1)
        if self._routed is None:
            return hidden_1D + self._down(F.silu(gate_up_P1F[0]).mul_(gate_up_P1F[1]))
        hidden_1F, lows = self._routed(x_1D, gate_up_P1F)
        hidden_1D = hidden_1D + self._down(hidden_1F)
        for low_1R, B_RD, factor in lows:
            hidden_1D.addmm_(low_1R, B_RD, alpha=factor)
        return hidden_1D


class _Routed:
    """The low-rank part of a routed block for one row."""

    def __init__(self, block: FactoredMoE) -> None:
        self._router, self._top_k = block.router, block.router.top_k
        self._A_ND = block.gate_up_A_PERD.flatten(0, 2)
        self._shape = block.gate_up_A_PERD.shape[:3]
        self._scales = [scale for scale, rank in zip(block.scales, block.ranks, strict=True) if rank]
        self._gate_up_B = list(block.gate_up_B_PERF.unbind(1))
        self._down_A, self._down_B = list(block.down_A_ERF.unbind()), list(block.down_B_ERD.unbind())

    def __call__(self, x_1D: Tensor, gate_up_P1F: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor, float]]]:
        """Computes the chosen experts.

        Args:
            x_1D: The input of the block.
            gate_up_P1F: The base's gate and up projection of it.

        Returns:
            The weighted sum of the activations, ``(1, F)``; and for each chosen expert with factors, the product of its
            activations with A of down, its B of down, and the factor of their product.
        """
        if self._router._forward_hooks:  # hooks that record the routing need a call of the gate
            self._router(x_1D)
        logits: list[float] = F.linear(x_1D, self._router.weight_ED)[0].tolist()
        chosen = sorted(range(len(logits)), key=lambda e: -logits[e])[: self._top_k]  # stable: of equal ones the first
        exponentials = [math.exp(logits[e] - logits[chosen[0]]) for e in chosen]
        low_PER = F.linear(x_1D, self._A_ND).view(self._shape)
        total_1F, lows = None, []
        for e, exponential in zip(chosen, exponentials, strict=True):
            weight = exponential / sum(exponentials)
            own_P1F = gate_up_P1F
            if e < len(self._scales):
                scale = self._scales[e]
                own_P1F = torch.baddbmm(gate_up_P1F, low_PER[:, e : e + 1], self._gate_up_B[e], alpha=scale)
            gate_1F, up_1F = own_P1F.unbind()
            hidden_1F = F.silu(gate_1F).mul_(up_1F)
            if e < len(self._scales):
                lows.append((F.linear(hidden_1F, self._down_A[e]), self._down_B[e], scale * weight))
            total_1F = hidden_1F * weight if total_1F is None else total_1F.add_(hidden_1F, alpha=weight)
        assert total_1F is not None
        return total_1F, lows


def fits(batch: SlotBatch) -> bool:
    """Returns whether ``SingleStep`` supports a batch: it has to be on a CPU and in float32."""
    return batch.device.type == "cpu" and batch.dtype == torch.float32


def _norm(norm: Any) -> Product:
    weight, epsilon = norm.weight, norm.variance_epsilon

    def normed(x: Tensor) -> Tensor:
        y: Tensor = F.rms_norm(x, weight.shape, weight, epsilon)
        return y

    return normed


def _row_norm(norm: Any) -> Product:
    """Returns the same as ``_norm`` for one row, with three operators instead of seven."""
    weight_D, epsilon, size = norm.weight, norm.variance_epsilon, norm.weight.numel()

    def normed(x_1D: Tensor) -> Tensor:
        row_D = x_1D[0]
        y_1D: Tensor = x_1D * weight_D
        return y_1D.mul_(1 / math.sqrt(float(row_D.dot(row_D)) / size + epsilon))

    return normed


def _product(layer: Any) -> Product:
    if type(layer) is not Int8Linear or layer.bias is not None:
        return layer  # type: ignore[no-any-return]
    return lambda x_1I: layer.few(x_1I).float()


def _joined(layers: list[Any]) -> Product:
    """Returns a function that computes the outputs of layers with the same input, concatenated."""
    if not all(type(layer) is Int8Linear and layer.in_features % KERNEL_COLUMNS == 0 for layer in layers):
        return lambda x_1I: torch.cat([layer(x_1I) for layer in layers], dim=1)
    weight_OI, scale_O = side_by_side(layers)
    biases = [layer.bias for layer in layers]
    if all(bias is None for bias in biases):
        return lambda x_1I: torch._weight_int8pack_mm(x_1I.bfloat16(), weight_OI, scale_O).float()
    bias_O = torch.cat(biases)
    return lambda x_1I: torch._weight_int8pack_mm(x_1I.bfloat16(), weight_OI, scale_O).float() + bias_O
