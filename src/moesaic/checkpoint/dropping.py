"""Removes experts from a model folder without changing the files of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moesaic.checkpoint.description import BASE, DESCRIPTION, ModelFolder
from moesaic.checkpoint.native import read_model_folder, save_model_folder
from moesaic.errors import ModelError
from moesaic.gates import GATES, experts_per_token
from moesaic.languages import suggest
from moesaic.progress import say


def drop_experts(path: Path, out: Path, names: Sequence[str]) -> ModelFolder:
    """Writes a copy of a model folder without some of its experts and without their rows of the gates.

    The logits of the other experts do not change. If the model had been grown by the dropped experts, it computes again
    exactly what it did before it was grown.

    Args:
        path: The model folder, or the folder of a run.
        out: The folder to write. An earlier model in it is replaced.
        names: The experts to leave out.

    Raises:
        ModelError: There is no such expert, no expert would be left, or ``out`` exists and is not a model folder.
        CheckpointError: A file of the model is corrupt.
        SpaceError: The disk is full; ``out`` does not change.
    """
    folder = read_model_folder(path)
    had = [expert.name for expert in folder.adapters]
    for name in names:
        if name not in had:
            raise ModelError(f"{folder.path} has no expert {name!r}: {suggest(name, had)}")
    if not set(had) - set(names):
        raise ModelError(f"{folder.path} has only the experts {', '.join(had)}: at least one must be left")
    if out.resolve() == folder.path.resolve():
        raise ModelError(f"{out} is the model from which experts are removed: choose another folder")
    if out.exists() and not (out / DESCRIPTION).is_file() and (out.is_file() or any(out.iterdir())):
        raise ModelError(f"{out} exists and is not a model folder: choose another name, or remove it")
    experts = [expert for expert in folder.read_experts() if expert.name not in names]
    rows = [folder.names.index(expert.name) for expert in experts]
    top_k = experts_per_token(folder.kind, min(folder.top_k, len(experts)), len(experts))
    if top_k < folder.top_k and not GATES[folder.kind].mixes_all:
        say(f"note: {top_k} instead of {folder.top_k} experts per token: there are no more")
    base = {key: value for key, value in folder.base.items() if key != "origin"} | {"model": folder.base_title}
    out.parent.mkdir(parents=True, exist_ok=True)
    return save_model_folder(
        out,
        base_spec=base,
        base_digest=folder.base_digest,
        experts=experts,
        router_tensors={name: tensor[rows] for name, tensor in folder.read_router().items()},
        kind=folder.kind,
        top_k=top_k,
        languages=[
            language
            for language, expert in zip(folder.languages, folder.adapters, strict=True)
            if expert.name not in names
        ],
        reuse={expert.name: folder.expert_path(expert.name) for expert in experts if not expert.is_anchor},
        own_base=folder.path / BASE if folder.has_own_base else None,
    )
