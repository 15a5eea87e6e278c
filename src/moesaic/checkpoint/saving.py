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
    """Writes a composed model as a model folder, which appears complete or not at all.

    Args:
        model: The composed model from ``load_moe``, which may have been changed since.
        folder: The model folder from which it was loaded.
        path: The folder to write. An earlier model in it is replaced.

    Returns:
        The folder.

    Raises:
        ModelError: ``path`` exists and is not a model folder.
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
    # The scores in the card are valid only if the model has not changed since it was loaded.
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
    """Returns the stored expert if its factors, rounded to the type in memory, have not changed, else the changed one.

    Modules that are not stored get zero factors when a model is loaded, and stored factors outside the MLP are not
    loaded; so only zeros are expected in the former, and the latter are taken from the stored expert.
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
