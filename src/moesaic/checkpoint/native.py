"""Reads and writes a model folder: the parts of a Mixture-of-Experts that moesaic trained, without the base.

    MODEL/
        moesaic.json             format version, base and its digest, experts, kind of the gates, top_k, and the files
                                 with sizes and SHA-256
        experts/<name>/          a standard PEFT adapter: adapter_config.json, adapter_model.safetensors
                                 (the anchor, which is the base, has none: it is an entry of rank 0 in moesaic.json)
        router.safetensors       the gates: layers.<i>.weight [E, D], for noisy gates also layers.<i>.noise [E, D]
        base/                    only if training changed the base: its checkpoint in Hugging Face's format
        README.md                the model card, with scores as soon as they are known

Without ``base/``, the folder names the base as the recipe's ``base`` section does, and identifies it by its digest. The
folder is written under a temporary name, ``moesaic.json`` last, and then renamed, so a folder that can be opened is
complete. Nothing is unpickled.
"""

# T tokens, D model, E experts, L layers

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic import __version__
from moesaic.checkpoint.bases import check_base, find_base
from moesaic.checkpoint.card import CARD, write_card
from moesaic.checkpoint.description import (
    BASE,
    DESCRIPTION,
    EXPERTS,
    FORMAT_VERSIONS,
    ROUTER,
    ModelFolder,
    check_names,
    check_router,
    parse,
    read_description,
    sealed,
)
from moesaic.checkpoint.own_base import write_base
from moesaic.errors import CheckpointError, ModelError
from moesaic.files import link_or_copy, space_errors, write_json
from moesaic.gates import GateKind, experts_per_token

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from moesaic.model.backbone import Base, DType
    from moesaic.model.lora import LoraExpert

_IN_A_RUN: Final = ("model", "reward/model", "gate/model", "compose/model")

_MODEL_ROUTER_KEY = re.compile(r"(?:.*\.)?layers\.(\d+)\..*\brouter\.(weight|noise)_ED")


def save_model_folder(
    path: Path,
    *,
    base_spec: Mapping[str, Any],
    base_digest: str,
    experts: Sequence[LoraExpert],
    router_tensors: Mapping[str, Tensor],
    kind: GateKind,
    top_k: int,
    languages: Sequence[str] | None = None,
    reuse: Mapping[str, Path] | None = None,
    own_base: Base | Path | None = None,
) -> ModelFolder:
    """Writes a model folder, which appears complete or not at all and replaces an earlier one.

    Args:
        path: The folder.
        base_spec: The recipe's ``base`` section (model, dtype, quantize).
        base_digest: Digest of the base's weights.
        experts: The experts in the order of the gates' rows; an anchor is last.
        router_tensors: The gates' tensors, named as by ``model.moe.extract_router`` or as in files:
            ``layers.<i>.weight`` [E, D] and, for noisy gates, ``layers.<i>.noise`` [E, D].
        kind: Kind of the gates; see ``moesaic.gates``.
        top_k: Number of experts per token; ``softmax`` uses all experts.
        languages: One language per adapter; by default the names of the experts.
        reuse: Name of an expert -> folder of its adapter, whose files are copied, so that the bytes do not change.
        own_base: A base whose weights are no longer those of ``base_spec``. It is written into the folder, and its
            digest replaces ``base_digest``. If it is a path, the files of this folder are linked.

    Raises:
        ModelError: The experts' names, the kind, top_k or the gates' shapes are not valid.
        SpaceError: The disk is full; an earlier folder does not change.
    """
    from safetensors.torch import save_file

    from moesaic.model.adapter_config import CONFIG_FILE
    from moesaic.model.base_files import BaseSource
    from moesaic.model.lora import WEIGHTS_FILE, write_adapter

    names = [expert.name for expert in experts]
    check_names(names)
    top_k = experts_per_token(kind, top_k, len(names))
    router_tensors = {_disk_key(name): tensor for name, tensor in router_tensors.items()}
    check_router(router_tensors, len(names), kind, "the gates", ModelError)
    partial = path.with_name(f".{path.name}.partial")
    with space_errors(path):
        shutil.rmtree(partial, ignore_errors=True)
        (partial / EXPERTS).mkdir(parents=True)
        adapters_base = str(base_spec["model"])
        if own_base is not None:
            if isinstance(own_base, Path):
                shutil.copytree(own_base, partial / BASE, copy_function=link_or_copy)
            else:
                write_base(own_base, partial / BASE)
            base_digest, adapters_base = BaseSource(BASE, partial / BASE).digest, f"../../{BASE}"
            pins = ("sha256", "revision")  # these pin the base from which this one was made
            kept = {key: value for key, value in base_spec.items() if key not in pins}
            base_spec = {**kept, "model": BASE, "origin": base_spec["model"]}
        adapters = [expert for expert in experts if not expert.is_anchor]
        for expert in adapters:
            if reuse and expert.name in reuse:
                (partial / EXPERTS / expert.name).mkdir()
                for file in (CONFIG_FILE, WEIGHTS_FILE):
                    shutil.copyfile(reuse[expert.name] / file, partial / EXPERTS / expert.name / file)
            else:
                write_adapter(expert, partial / EXPERTS / expert.name, base=adapters_base)
        tensors = {name: tensor.detach().float().cpu().contiguous() for name, tensor in router_tensors.items()}
        save_file(tensors, partial / ROUTER, metadata={"format": "pt"})
        description = {
            "format_version": FORMAT_VERSIONS[len(adapters) < len(experts)],
            "moesaic": __version__,
            "base": {**base_spec, "digest": base_digest},
            "experts": [{"name": e.name, "rank": e.rank, "scale": e.scale} for e in experts],
            "router": {"kind": kind, "top_k": top_k},
            "languages": list(languages or (expert.name for expert in adapters)),
        }
        write_json(partial / DESCRIPTION, sealed(partial, description, _weight_files(partial)))
        write_card(parse(partial, description), None)
        _replace(partial, path)
    return read_model_folder(path)


def read_model_folder(path: Path) -> ModelFolder:
    """Opens a model folder and checks that it is complete. No weights are loaded.

    Args:
        path: The model folder, or the folder of a run or of a stage that contains one as ``model/``. For a run that is
            not finished, the model of its last finished stage is opened.

    Raises:
        ModelError: ``path`` is not a model folder.
        CheckpointError: A file is missing, truncated or changed, or the format version is unknown.
    """
    path = locate(path)
    if not (path / DESCRIPTION).is_file():
        what = "does not exist" if not path.exists() else f"holds no {DESCRIPTION}"
        raise ModelError(
            f"{path} is not a model folder: it {what}. Give the folder of a run whose stage compose is finished, or a "
            "model folder made by 'moesaic import'"
        )
    return read_description(path)


def locate(path: Path) -> Path:
    """Returns the model folder within the folder of a run or stage, or the path itself if there is none."""
    places = (path, *(path / part for part in _IN_A_RUN))
    return next((place for place in places if (place / DESCRIPTION).is_file()), path)


def load_moe(
    path: Path,
    device: str | torch.device = "cpu",
    dtype: DType = "auto",
    base: Base | str | Path | None = None,
    factor_dtype: torch.dtype | None = None,
) -> tuple[Any, Any, ModelFolder]:
    """Loads a base and composes it with the experts and gates of a model folder, for generation or training.

    Args:
        path: The model folder.
        device: Device of the model.
        dtype: ``float32``, ``bfloat16``, or ``auto`` for the type that the folder states.
        base: A base that is already loaded, whose model is changed in place; or the place of the base, if it is not
            where the folder says.
        factor_dtype: Type of the experts' factors: float32 for training, None for the base's type.

    Returns:
        The model in evaluation mode, the tokenizer, and the folder.

    Raises:
        ModelError: The base is not the one on which the experts were trained.
        CheckpointError: A file of the folder is corrupt.
    """
    from moesaic.model.backbone import Base, load_base

    folder = read_model_folder(path)
    if not isinstance(base, Base):
        source = find_base(folder, base)
        base = load_base(source, dtype_of(folder, dtype), device, folder.base.get("quantize", "none"))
    return composed(folder, base, factor_dtype), base.tokenizer, folder


def dtype_of(folder: ModelFolder, dtype: DType) -> DType:
    """Returns the type in which a model is computed: ``dtype``, or the type that the folder states for ``auto``."""
    found: DType = folder.base.get("dtype", "auto") if dtype == "auto" else dtype
    return found


def composed(folder: ModelFolder, base: Base, factor_dtype: torch.dtype | None) -> Any:
    """Composes a loaded base with the experts and gates of a model folder.

    Args:
        folder: The model folder.
        base: The base, whose model is changed in place.
        factor_dtype: Type of the experts' factors; None for the base's type.

    Returns:
        The model in evaluation mode.

    Raises:
        ModelError: The base is not the one on which the experts were trained.
        CheckpointError: A file of the folder is corrupt, or its gates do not fit the base.
    """
    from moesaic.model.moe import compose, extract_router, load_router

    check_base(folder, base)
    model = compose(base.model, folder.read_experts(), folder.kind, folder.top_k, dtype=factor_dtype, attention="base")
    gates = folder.read_router()
    names = {_disk_key(name): name for name in extract_router(model)}
    if names.keys() != gates.keys():
        raise CheckpointError(f"{folder.path / ROUTER} has {len(gates)} gate tensors, the base needs {len(names)}")
    load_router(model, {names[key]: tensor for key, tensor in gates.items()})
    return model.eval()


def _disk_key(name: str) -> str:
    found = _MODEL_ROUTER_KEY.fullmatch(name)
    return f"layers.{found[1]}.{found[2]}" if found else name


def _weight_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD)


def _replace(partial: Path, path: Path) -> None:
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    partial.rename(path)
    shutil.rmtree(old, ignore_errors=True)
