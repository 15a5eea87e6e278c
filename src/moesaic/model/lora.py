"""A LoRA expert: low-rank deltas by module, read from and written to standard PEFT adapter folders.

    W' = W + scale * B A        A_RI: rank x in,  B_OR: out x rank

Hu et al. 2021, "LoRA", section 4.1 (arXiv:2106.09685). A folder has ``adapter_config.json`` and
``adapter_model.safetensors`` and loads in PEFT or vLLM as it is; nothing is ever unpickled.

Shapes: R rank, I in, O out.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor, nn

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import read_json, replacing, write_json
from moesaic.gates import ANCHOR

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_UNSUPPORTED = {
    "use_dora": "DoRA rescales the whole weight, which is not a low-rank delta",
    "modules_to_save": "fully trained modules would differ between experts outside the routed blocks",
    "rank_pattern": "one rank for the whole adapter is expected",
    "alpha_pattern": "one alpha for the whole adapter is expected",
    "lora_bias": "bias terms are not low-rank deltas",
    "fan_in_fan_out": "weights stored input-first belong to architectures that are not supported",
    "target_parameters": "deltas on bare parameters cannot be placed on a module",
    "megatron_config": "tensor-parallel adapters have to be gathered first",
}


class LowRank(NamedTuple):
    """The two factors of one module's delta, without the scale."""

    A_RI: Tensor
    B_OR: Tensor


@dataclass(frozen=True)
class LoraExpert:
    """One expert; not to be changed after loading.

    Attributes:
        name: Name of the expert, usually a language.
        rank: Rank R of every delta; 0 for the anchor, which has none.
        scale: Factor on ``B A`` (``lora_alpha / r`` in PEFT's terms).
        deltas: Factors by module path in the base model, e.g. ``model.layers.0.mlp.gate_proj``.
    """

    name: str
    rank: int
    scale: float
    deltas: Mapping[str, LowRank] = field(repr=False)

    def delta(self, path: str) -> Tensor:
        """The full delta ``scale * B A`` of a module in float32, shape ``(O, I)``; on the factors' device."""
        A_RI, B_OR = self.deltas[path]
        return self.scale * (B_OR.float() @ A_RI.float())

    @property
    def is_anchor(self) -> bool:
        """Whether this is the base itself, without any delta."""
        return self.rank == 0

    @property
    def paths_outside_mlp(self) -> list[str]:
        """Modules with a delta that the MoE cannot route, in order."""
        return [path for path in self.deltas if ".mlp." not in path]


def anchor_expert() -> LoraExpert:
    """The anchor: an expert without deltas, as every expert of Branch-Adapt-Route is trained beside.

    Source: Branch-Adapt-Route, arXiv:2604.18473.
    """
    return LoraExpert(ANCHOR, 0, 1.0, {})


def read_adapter(folder: str | os.PathLike[str], name: str | None = None) -> LoraExpert:
    """Reads a PEFT LoRA adapter folder onto the CPU.

    Rank-stabilised LoRA (``use_rslora``) is read as its scale, ``alpha / sqrt(r)``.

    Args:
        folder: The adapter folder.
        name: Name of the expert; the folder's name by default.

    Raises:
        ModelError: Not a LoRA adapter, or a variant that is not a plain low-rank delta.
        CheckpointError: A file is missing, corrupt or half-written, or tensors do not match the configuration.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"adapter folder {folder} does not exist")
    config = _read_config(folder / CONFIG_FILE)
    rank, scale = _check_config(config, folder)
    tensors = _read_tensors(folder / WEIGHTS_FILE)
    factors: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        path, dot, factor = key.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        if not (key.startswith(_PREFIX) and key.endswith(".weight") and dot and factor in ("lora_A", "lora_B")):
            raise ModelError(
                f"{folder / WEIGHTS_FILE} holds {key!r}, which is not a plain LoRA factor of a linear module"
            )
        factors.setdefault(path, {})[factor] = tensor
    deltas = {}
    for path in sorted(factors, key=_natural_key):
        pair = factors[path]
        if len(pair) != 2:
            raise CheckpointError(f"{folder / WEIGHTS_FILE}: {path} has only {next(iter(pair))}: half an adapter")
        A_RI, B_OR = pair["lora_A"], pair["lora_B"]
        if A_RI.dim() != 2 or B_OR.dim() != 2 or A_RI.shape[0] != rank or B_OR.shape[1] != rank:
            found = f"A {tuple(A_RI.shape)}, B {tuple(B_OR.shape)}"
            raise CheckpointError(f"{folder / WEIGHTS_FILE}: {path} has {found}, but {CONFIG_FILE} says r = {rank}")
        deltas[path] = LowRank(A_RI, B_OR)
    if not deltas:
        raise CheckpointError(f"{folder / WEIGHTS_FILE} holds no LoRA factors")
    return LoraExpert(name or folder.name, rank, scale, deltas)


def write_adapter(expert: LoraExpert, folder: str | os.PathLike[str], base: str | None = None) -> None:
    """Writes an expert as a PEFT adapter folder; the same expert always gives the same bytes.

    Each file appears by rename, the configuration last, so that a folder with both files is whole.

    Args:
        expert: The expert.
        folder: Created if it does not exist.
        base: Name or path of the base model, noted for other programs.

    Raises:
        SpaceError: The disk is full.
    """
    folder = Path(folder)
    tensors = {}
    for path, (A_RI, B_OR) in expert.deltas.items():
        tensors[f"{_PREFIX}{path}.lora_A.weight"] = A_RI.detach().cpu().contiguous()
        tensors[f"{_PREFIX}{path}.lora_B.weight"] = B_OR.detach().cpu().contiguous()
    alpha = expert.scale * expert.rank
    config = {
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": expert.rank,
        "target_modules": sorted({path.rpartition(".")[2] for path in expert.deltas}),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS_FILE) as partial:
        safetensors.torch.save_file(tensors, partial, metadata={"format": "pt"})
    write_json(folder / CONFIG_FILE, config)


def check_expert(expert: LoraExpert, model: nn.Module) -> None:
    """Checks that every delta of an expert fits a linear module of the base model.

    Raises:
        ModelError: A target is missing in the base, is not linear, or has another shape: an adapter of another base.
    """
    modules = dict(model.named_modules())
    for path, (A_RI, B_OR) in expert.deltas.items():
        module = modules.get(path)
        inputs, outputs = getattr(module, "in_features", None), getattr(module, "out_features", None)
        if inputs is None or outputs is None:
            raise ModelError(
                f"expert {expert.name!r} changes {path}, which is not a linear module of this base: "
                "was the adapter trained on another one?"
            )
        if (B_OR.shape[0], A_RI.shape[1]) != (outputs, inputs):
            found = f"{B_OR.shape[0]} x {A_RI.shape[1]}"
            raise ModelError(
                f"expert {expert.name!r} does not fit {path}: its delta is {found}, the base has {outputs} x {inputs}: "
                "was the adapter trained on another base?"
            )


def _check_config(config: Mapping[str, Any], folder: Path) -> tuple[int, float]:
    """Rank and scale of an adapter configuration, or the reason it cannot be used."""
    file = folder / CONFIG_FILE
    if config.get("peft_type") != "LORA":
        raise ModelError(f"{file}: peft_type is {config.get('peft_type')!r}; only LORA adapters can be experts")
    for key, reason in _UNSUPPORTED.items():
        if config.get(key):
            raise ModelError(f"{file}: {key} is {config[key]!r}, which is not supported: {reason}; retrain without it")
    if config.get("bias", "none") != "none":
        raise ModelError(f"{file}: bias is {config['bias']!r}, which is not supported: retrain with bias 'none'")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise CheckpointError(
            f"{file}: r is {rank!r} and lora_alpha {alpha!r}; a positive integer and a number are expected"
        )
    return rank, alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _read_config(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ModelError(f"{file.parent} is not a PEFT adapter folder: {file.name} is missing")
    config = read_json(file)
    if not isinstance(config, dict):
        raise CheckpointError(f"{file} is not a JSON object: corrupt, or not written by PEFT")
    return config


def _read_tensors(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        pickled = file.with_suffix(".bin")
        hint = (
            f"; {pickled.name} is a pickle, which is never loaded: save it again as safetensors"
            if pickled.is_file()
            else ""
        )
        raise CheckpointError(f"{file} is missing{hint}")
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(file)
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{file} is corrupt or half-written ({error}); copy the adapter again, or train it again"
        ) from error
    return tensors


def _natural_key(path: str) -> list[tuple[int, str]]:
    """Orders layer 2 before layer 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in path.split(".")]
