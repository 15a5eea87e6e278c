"""Reads and writes a model folder: the parts of a Mixture-of-Experts that moesaic trained, without the base.

    MODEL/
        moesaic.json             format version, base and its digest, experts, router kind, top_k, the files
                                 with sizes and SHA-256
        experts/<name>/          a standard PEFT adapter: adapter_config.json, adapter_model.safetensors
                                 (none for the anchor, which is the base: an entry of rank 0 in moesaic.json)
        router.safetensors       layers.<i>.weight [E, D], for noisy gates layers.<i>.noise [E, D]
        base/                    only where training changed the base: a Hugging Face checkpoint of it
        README.md                the model card, with scores once they are known

Otherwise the base is not in the folder: it is named by the recipe's ``base`` section and recognised by its digest. The
folder is made under another name and renamed, with ``moesaic.json`` written last, so one that can be opened is whole.
Nothing is unpickled.
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
        experts: In the order of the gates' rows, an anchor last.
        router_tensors: As ``model.moe.extract_router`` gives them, or by their names on disk: ``layers.<i>.weight``
            [E, D] and, when noisy, ``layers.<i>.noise`` [E, D].
        kind: See ``moesaic.gates``.
        top_k: Experts per token; ``softmax`` uses all of them.
        languages: One per adapter; the experts' names by default.
        reuse: Expert name -> adapter folder to copy file by file, so that an unchanged expert keeps its bytes.
        own_base: A base whose weights are no longer those of ``base_spec``: it is written into the folder, and
            ``base_digest`` is replaced by its digest. A path is a folder that holds it, whose files are linked.

    Raises:
        ModelError: Names, kind, top_k or the gates' shapes do not fit each other.
        SpaceError: The disk is full; nothing is published.
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
            pins = ("sha256", "revision")  # of the base that this one was made from
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
    """Opens a model folder and checks that it is whole; reads no weights.

    Args:
        path: The folder, or the folder of a run or of one of its stages, which hold one as ``model/``. Of a run that
            is not finished, the model of the last stage that is.

    Raises:
        ModelError: ``path`` is no model folder.
        CheckpointError: A file is missing, truncated or of an unknown format version.
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
    """The model folder in a run's or a stage's folder; the path itself where there is none."""
    places = (path, *(path / part for part in _IN_A_RUN))
    return next((place for place in places if (place / DESCRIPTION).is_file()), path)


def load_moe(
    path: Path,
    device: str | torch.device = "cpu",
    dtype: DType = "auto",
    base: Base | str | Path | None = None,
    factor_dtype: torch.dtype | None = None,
) -> tuple[Any, Any, ModelFolder]:
    """Loads a model folder composed on its base, ready to generate or to train.

    Args:
        path: The model folder.
        device: Where the model goes.
        dtype: ``auto`` (as the folder's base section says), ``float32`` or ``bfloat16``.
        base: A base that is loaded already, whose model is composed in place; or where the base is now, if that is not
            where the folder says.
        factor_dtype: Type of the experts' factors: float32 for training, None for the base's own.

    Returns:
        Model in evaluation mode, tokenizer, folder.

    Raises:
        ModelError: The base is not the one the experts were trained on.
        CheckpointError: A file of the folder is corrupt.
    """
    from moesaic.model.backbone import Base, load_base

    folder = read_model_folder(path)
    if not isinstance(base, Base):
        source = find_base(folder, base)
        base = load_base(source, dtype_of(folder, dtype), device, folder.base.get("quantize", "none"))
    return composed(folder, base, factor_dtype), base.tokenizer, folder


def dtype_of(folder: ModelFolder, dtype: DType) -> DType:
    """What a model is computed in: as it is asked for, or as its folder says."""
    found: DType = folder.base.get("dtype", "auto") if dtype == "auto" else dtype
    return found


def composed(folder: ModelFolder, base: Base, factor_dtype: torch.dtype | None) -> Any:
    """Puts a folder's experts and gates on its base."""
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
