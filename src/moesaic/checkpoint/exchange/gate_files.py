"""Reads gates for imported experts from a model folder or a checkpoint, or makes gates that are zero."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.checkpoint.description import ROUTER
from moesaic.checkpoint.formats import split_layer_key
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import ModelError
from moesaic.gates import GATES, GateKind

if TYPE_CHECKING:
    from torch import Tensor


def read_gates(file: Path | None, config: Mapping[str, Any], num_experts: int, kind: GateKind) -> dict[str, Tensor]:
    """Reads gates, or makes gates that are zero.

    Args:
        file: A model folder or its ``router.safetensors`` (``layers.<i>.weight``), or any checkpoint whose gates are
            named ``...layers.<i>.<block>.gate.weight``; None for gates that are zero.
        config: The base's configuration.
        num_experts: Number of experts E.
        kind: Kind of the gates. The noise of noisy gates is zero if the file has none.

    Returns:
        ``layers.<i>.weight`` and, for noisy gates, ``layers.<i>.noise``, each [E, D] in float32, where D is the base's
        hidden size.

    Raises:
        ModelError: The file lacks a layer, has another shape, or holds NaN or infinity.
        CheckpointError: The file is corrupt.
    """
    import torch

    shape = (num_experts, config["hidden_size"])
    gates = {
        f"layers.{layer}.{part}": torch.zeros(shape)
        for layer in range(config["num_hidden_layers"])
        for part in GATES[kind].tensors
    }
    if file is None:
        return gates
    with TensorReader(file / ROUTER if (file / ROUTER).is_file() else file) as reader:
        stored = {_gate_key(name): name for name in reader.names}
        for key in gates:
            if key in stored:
                gates[key] = reader.read(stored[key]).float()
            elif key.endswith("weight"):
                raise ModelError(f"{file} has no gate for {key.removesuffix('.weight')} (--gates)")
            if tuple(gates[key].shape) != shape:
                raise ModelError(f"{file}: {key} is {tuple(gates[key].shape)}, these experts need {shape} (--gates)")
            if not bool(gates[key].isfinite().all()):
                raise ModelError(f"{file}: {key} holds NaN or infinity (--gates)")
    return gates


def _gate_key(name: str) -> str:
    if name.endswith(".gate.weight"):
        layer, module = split_layer_key(name) or (-1, "")
        return f"layers.{layer}.weight" if module.endswith(".gate") else name
    return name
