"""A LoRA expert: low-rank deltas by module, read from and written to standard PEFT adapter folders.

    W' = W + scale * B A        A_RI: rank x in,  B_OR: out x rank

A folder contains ``adapter_config.json`` and ``adapter_model.safetensors``, and PEFT and vLLM can load it as it is.
Nothing is ever unpickled.

Source: Hu et al. 2021, "LoRA", section 4.1 (arXiv:2106.09685).

Shapes: R rank, I in, O out.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import read_json, replacing, space_errors, write_json
from moesaic.gates import ANCHOR
from moesaic.model.adapter_config import CONFIG_FILE, AdapterSettings, read_settings

WEIGHTS_FILE = "adapter_model.safetensors"
FACTOR_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_PREFIX = "base_model.model."


class LowRank(NamedTuple):
    """The two factors of a module's delta, A [R, I] and B [O, R], without the scale."""

    A_RI: Tensor
    B_OR: Tensor


@dataclass(frozen=True)
class LoraExpert:
    """One expert. It must not be changed after loading.

    Attributes:
        name: Name of the expert, usually a language.
        rank: Rank R of every delta; 0 for the anchor, which has no deltas.
        scale: The factor by which ``B A`` is multiplied (``lora_alpha / r`` in PEFT's terms).
        deltas: Path of a module in the base (such as ``model.layers.0.mlp.gate_proj``) -> its factors.
    """

    name: str
    rank: int
    scale: float
    deltas: Mapping[str, LowRank] = field(repr=False)

    def delta(self, path: str) -> Tensor:
        """Returns the full delta ``scale * B A`` of a module, shape ``(O, I)``, in float32 on the factors' device."""
        A_RI, B_OR = self.deltas[path]
        return self.scale * (B_OR.float() @ A_RI.float())

    @property
    def is_anchor(self) -> bool:
        """Whether this is the anchor, which is the base without any delta."""
        return self.rank == 0

    @property
    def paths_outside_mlp(self) -> list[str]:
        """Paths of the modules with a delta that are outside the MLP and cannot be routed, in order."""
        return [path for path in self.deltas if ".mlp." not in path]


def anchor_expert() -> LoraExpert:
    """Returns the anchor, an expert without deltas, as in Branch-Adapt-Route.

    Source: Branch-Adapt-Route, arXiv:2604.18473.
    """
    return LoraExpert(ANCHOR, 0, 1.0, {})


def read_adapter(folder: str | os.PathLike[str], name: str | None = None) -> LoraExpert:
    """Reads a PEFT LoRA adapter folder to the CPU.

    Rank-stabilised LoRA (``use_rslora``) gets the scale ``alpha / sqrt(r)``.

    Args:
        folder: The adapter folder.
        name: Name of the expert; by default the name of the folder.

    Raises:
        ModelError: The folder is not a LoRA adapter, or a variant that is not a plain low-rank delta.
        CheckpointError: A file is missing, corrupt or half-written, or the tensors do not match the configuration or
            hold NaN or infinity.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"adapter folder {folder} does not exist")
    settings = read_settings(folder)
    file = folder / WEIGHTS_FILE
    tensors = _read_tensors(file)
    deltas = {}
    for path in adapter_modules(file, {key: tuple(tensor.shape) for key, tensor in tensors.items()}, settings):
        A_RI, B_OR = (tensors[factor_key(path, factor)] for factor in "AB")
        check_factors(file, path, A_RI, B_OR, settings.scale)
        deltas[path] = LowRank(A_RI, B_OR)
    return LoraExpert(name or folder.name, settings.rank, settings.scale, deltas)


def factor_key(path: str, factor: str) -> str:
    """Returns the stored name of factor ``A`` or ``B`` of a module."""
    return f"{_PREFIX}{path}.lora_{factor}.weight"


def adapter_modules(file: Path, shapes: Mapping[str, tuple[int, ...]], settings: AdapterSettings) -> list[str]:
    """Returns the modules that an adapter's tensors change, in natural order.

    Args:
        file: The file of the adapter's weights, for messages.
        shapes: Name -> shape of every tensor in the file.
        settings: The settings of the adapter.

    Raises:
        ModelError: A tensor is not a factor, or belongs to a module that the configuration does not name.
        CheckpointError: There are no factors, a factor of a pair is missing, or factors have another rank than the
            configuration.
    """
    factors: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        path, dot, factor = key.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        if not (key.startswith(_PREFIX) and key.endswith(".weight") and dot and factor in ("lora_A", "lora_B")):
            raise ModelError(f"{file} holds {key!r:.120}, which is not a plain LoRA factor of a linear module")
        if not settings.covers(path):
            raise ModelError(
                f"{file} holds factors of {path:.120}, which {CONFIG_FILE} does not name (target_modules, "
                "exclude_modules, layers_to_transform): PEFT would ignore them"
            )
        factors.setdefault(path, {})[factor] = shape
    for path, pair in factors.items():
        if len(pair) != 2:
            raise CheckpointError(f"{file}: {path} has only {next(iter(pair))}: half an adapter")
        A_shape, B_shape = pair["lora_A"], pair["lora_B"]
        if len(A_shape) != 2 or len(B_shape) != 2 or A_shape[0] != settings.rank or B_shape[1] != settings.rank:
            raise CheckpointError(
                f"{file}: {path} has A {A_shape}, B {B_shape}, but {CONFIG_FILE} says r = {settings.rank}"
            )
    if not factors:
        raise CheckpointError(f"{file} holds no LoRA factors")
    return sorted(factors, key=_natural_key)


def check_factors(file: Path, path: str, A_RI: Tensor, B_OR: Tensor, scale: float) -> None:
    """Checks the values of a module's factors.

    Args:
        file: The file of the adapter's weights, for messages.
        path: Path of the module.
        A_RI: Factor A.
        B_OR: Factor B.
        scale: The factor by which ``B A`` is multiplied.

    Raises:
        CheckpointError: The factors are not floating-point numbers of at least 16 bits, they hold NaN or infinity, or
            their product may be beyond the range of float32.
    """
    largest = abs(scale) * A_RI.shape[0]
    for factor, tensor in (("A", A_RI), ("B", B_OR)):
        if tensor.dtype not in FACTOR_TYPES:
            raise CheckpointError(
                f"{file}: {factor_key(path, factor)} has type {tensor.dtype}: factors are stored as floating-point "
                "numbers of 16 bits or more; a quantised adapter cannot be read"
            )
        if tensor.numel():
            low, high = torch.aminmax(tensor.float())
            largest *= max(abs(float(low)), abs(float(high)))
            if not math.isfinite(float(low)) or not math.isfinite(float(high)):
                raise CheckpointError(
                    f"{file}: {factor_key(path, factor)} holds NaN or infinity: training diverged, or the file is "
                    "damaged; take an earlier checkpoint or copy it again"
                )
    if not largest < 3e38:  # float32's range
        raise CheckpointError(f"{file}: the delta of {path} is beyond the range of float32; train the adapter again")


def write_adapter(expert: LoraExpert, folder: str | os.PathLike[str], base: str | None = None) -> None:
    """Writes an expert as a PEFT adapter folder. The same expert always gives the same bytes.

    Each file appears by rename, the configuration last, so that a folder with both files is complete.

    Args:
        expert: The expert.
        folder: The folder, which is made if it does not exist.
        base: Name or path of the base model, which is stored for other programs.

    Raises:
        SpaceError: The disk is full.
    """
    from peft import LoraConfig  # the import takes seconds and is needed only for writing

    folder = Path(folder)
    tensors = {}
    for path, (A_RI, B_OR) in expert.deltas.items():
        tensors[f"{_PREFIX}{path}.lora_A.weight"] = A_RI.detach().cpu().contiguous()
        tensors[f"{_PREFIX}{path}.lora_B.weight"] = B_OR.detach().cpu().contiguous()
    alpha = expert.scale * expert.rank
    config = LoraConfig(
        r=expert.rank,
        lora_alpha=int(alpha) if alpha.is_integer() else alpha,
        target_modules=sorted({path.rpartition(".")[2] for path in expert.deltas}),
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=base,
    )
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS_FILE) as partial:
        safetensors.torch.save_file(tensors, partial, metadata={"format": "pt"})
    with space_errors(folder), tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as temporary:
        config.save_pretrained(temporary)
        written = read_json(Path(temporary) / CONFIG_FILE)
    written["target_modules"].sort()  # PEFT writes a set, whose order differs between processes
    write_json(folder / CONFIG_FILE, written)


def check_expert(expert: LoraExpert, model: nn.Module) -> None:
    """Checks that every delta of an expert fits a linear module of the base model.

    Raises:
        ModelError: The base lacks a module of the expert, or the module is not linear or has another shape. The expert
            then belongs to another base.
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
    """Returns a key that sorts layer 2 before layer 10."""
    return [(int(part), "") if re.fullmatch(r"[0-9]{1,9}", part) else (-1, part) for part in path.split(".")]
