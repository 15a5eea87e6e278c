"""Writes a loaded model back to a folder and keeps the bytes of everything that did not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.checkpoint.card import CARD
from moesaic.checkpoint.description import BASE, DESCRIPTION, ModelFolder
from moesaic.checkpoint.native import save_model_folder
from moesaic.errors import ModelError

if TYPE_CHECKING:
    from moesaic.model.lora import LoraExpert


def save_loaded(model: Any, folder: ModelFolder, path: Path) -> Path:
    """Writes a composed model as a model folder; it appears under its name whole or not at all.

    Args:
        model: The composed model, as ``load_moe`` gave it or changed since.
        folder: Where it was loaded from.
        path: The folder to make; an earlier model there is replaced.

    Raises:
        ModelError: Something other than a model is in the way.
        SpaceError: The disk is full; nothing is changed.
    """
    from moesaic.model.moe import extract_experts, extract_router

    if path.exists() and not (path / DESCRIPTION).is_file() and (path.is_file() or any(path.iterdir())):
        raise ModelError(f"{path} exists and is not a model folder: choose another name, or remove it")
    router, gates = extract_router(model), folder.read_router()
    stored = {expert.name: expert for expert in folder.read_experts()}
    experts = [_changed(expert, stored[expert.name]) for expert in extract_experts(model)]
    same = {expert.name: folder.expert_path(expert.name) for expert in experts if expert is stored[expert.name]}
    is_same = len(same) == len(experts) and all(gate.cpu().equal(gates[name]) for name, gate in router.items())
    # The scores are those of the model that was loaded.
    card = (folder.path / CARD).read_bytes() if is_same and (folder.path / CARD).is_file() else None
    base = {key: value for key, value in folder.base.items() if key != "origin"} | {"model": folder.base_title}
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = save_model_folder(
        path,
        base_spec=base,
        base_digest=folder.base_digest,
        experts=experts,
        router_tensors=router,
        kind=folder.kind,
        top_k=folder.top_k,
        languages=folder.languages,
        reuse=same,
        own_base=folder.path / BASE if folder.has_own_base else None,
    )
    if card is not None:
        (saved.path / CARD).write_bytes(card)
    return saved.path


def _changed(expert: LoraExpert, stored: LoraExpert) -> LoraExpert:
    """What is stored, if an expert is that as far as the type in memory can tell; otherwise with its new factors.

    Factors of modules that are not stored are zero when they are loaded, and stored ones outside the MLP are left out.
    """
    for module, factors in expert.deltas.items():
        kept = stored.deltas.get(module)
        if any(
            factor.any() if kept is None else not factor.cpu().equal(kept[index].to(factor.dtype))
            for index, factor in enumerate(factors)
            if kept is not None or index == 1  # without B there is no delta
        ):
            return replace(expert, deltas={**stored.deltas, **expert.deltas})
    return stored
