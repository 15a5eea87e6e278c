"""Exports the experts alone: PEFT adapters as they are, for vLLM's multi-LoRA and everything else that reads them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.description import BASE
from moesaic.checkpoint.exchange.preflight import AdapterFactors
from moesaic.checkpoint.native import read_model_folder
from moesaic.errors import ModelError
from moesaic.files import read_json, space_errors, write_json


@dataclass(frozen=True, slots=True)
class AdapterExport:
    """Exported adapters.

    Attributes:
        path: The folder; one sub-folder per expert.
        launch: A command line that serves the base with all of them.
    """

    path: Path
    launch: str


def export_peft(model: Path, out: Path) -> AdapterExport:
    """Copies the adapters of a model folder byte by byte, and its base if it has one of its own.

    The gates stay behind: each adapter is one expert, and the base without any is the anchor. With a copied base, the
    configurations name where it is now.

    Args:
        model: The model folder.
        out: A new folder; it appears when everything is copied.

    Raises:
        ModelError: ``out`` exists, or ``model`` is no model folder.
        SpaceError: The disk is full.
    """
    from moesaic.model.adapter_config import CONFIG_FILE

    folder = read_model_folder(model)
    if out.exists():
        raise ModelError(f"{out} exists already: give another folder, or remove it")
    for expert in folder.adapters:
        AdapterFactors.open(folder.expert_path(expert.name), expert.name).reader.close()
    if folder.has_own_base:
        find_base(folder)
    partial = out.with_name(f".{out.name}.partial")
    with space_errors(out):
        shutil.rmtree(partial, ignore_errors=True)
        names = [expert.name for expert in folder.adapters]
        for name in names:
            shutil.copytree(folder.expert_path(name), partial / name)
        if folder.has_own_base:
            shutil.copytree(folder.path / BASE, partial / BASE)
            for name in names:
                config = read_json(partial / name / CONFIG_FILE)
                # PEFT takes a relative path for a name on the hub.
                write_json(
                    partial / name / CONFIG_FILE, {**config, "base_model_name_or_path": str(out.absolute() / BASE)}
                )
        partial.rename(out)
    modules = " ".join(f"{name}={out / name}" for name in names)
    rank = max(expert.rank for expert in folder.experts)
    base = out / BASE if folder.has_own_base else folder.base["model"]
    launch = f"vllm serve {base} --enable-lora --max-lora-rank {_vllm_rank(rank)} --lora-modules {modules}"
    return AdapterExport(out, launch)


def _vllm_rank(rank: int) -> int:
    """Returns the smallest rank limit that vLLM accepts and that is large enough."""
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), 512)
