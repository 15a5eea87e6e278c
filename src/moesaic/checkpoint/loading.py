"""Loads a model for use: finds or downloads it, and returns it with its prompts, on a device and in a type.

``api.Model`` is made with ``open_model``. A process that only writes programs does not need transformers; see
``docs/decisions/0024-writing-without-transformers.md``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.native import composed, dtype_of, load_moe, read_model_folder
from moesaic.data.prompts import PromptFormat
from moesaic.errors import ModelError
from moesaic.model.options import check_dtype, chosen_device

if TYPE_CHECKING:
    import torch

    from moesaic.checkpoint.description import ModelFolder
    from moesaic.model.backbone import DType


def open_model(
    path: str | Path,
    device: str | torch.device | None,
    dtype: str | torch.dtype,
    revision: str | None,
    base: str | Path | None,
    *,
    to_write: bool,
) -> tuple[Any, PromptFormat, ModelFolder]:
    """Loads a model with its prompts. ``api.Model.from_pretrained`` explains the arguments further.

    Args:
        path: A model folder, the folder of a run, or ``owner/name`` on the hub.
        device: Device of the model; None for a GPU if there is one.
        dtype: Type of the weights.
        revision: Commit, branch or tag on the hub.
        base: Place of the base, if it is not where the folder says.
        to_write: Whether the model will only write programs; see ``api.Model.to_write``.

    Returns:
        The model in evaluation mode, its prompts, and its folder.

    Raises:
        ModelError: There is no model at ``path``, it was made on another base, or the device or type is unknown.
        CheckpointError: A file is corrupt.
    """
    wanted: Any = str(dtype).removeprefix("torch.")
    check_dtype(wanted)
    place = chosen_device(device)
    is_int8 = wanted == "int8"
    if is_int8 and place.type != "cpu":
        raise ModelError(f"dtype is 'int8', which is for a CPU, and device is {str(place)!r}: use bfloat16 there")
    computed: DType = "float32" if is_int8 else wanted
    found = fetched(path, revision)
    loaded = _load_to_write(found, computed, base) if to_write and place.type == "cpu" else None
    if loaded is None:
        model, tokenizer, folder = load_moe(found, place, computed, base)
        loaded = model, PromptFormat(tokenizer), folder
    model, prompts, folder = loaded
    if is_int8:
        from moesaic.model.int8 import to_int8

        to_int8(model)
    if base is not None and not folder.has_own_base:
        spec = str(Path(base).absolute()) if Path(base).exists() else str(base)
        folder = replace(folder, base={**folder.base, "model": spec, "revision": None})
    return model, prompts, folder


def _load_to_write(path: Path, dtype: DType, base: str | Path | None) -> tuple[Any, PromptFormat, ModelFolder] | None:
    """Loads a model folder on the CPU without transformers.

    Returns:
        None if ``load_moe`` is needed, because the base is not plain (see ``model.plain``), is quantised, or has
        another type than float32.
    """
    from moesaic.data.kept_prompts import keep_prompts, kept_prompts
    from moesaic.model.backbone import load_tokenizer
    from moesaic.model.plain import load_plain

    folder = read_model_folder(path)
    if dtype_of(folder, dtype) not in ("auto", "float32") or folder.base.get("quantize", "none") != "none":
        return None
    source = find_base(folder, base)
    loaded = load_plain(source)
    if loaded is None:
        return None
    prompts = kept_prompts(source.path)
    if prompts is None:
        prompts = PromptFormat(load_tokenizer(source))
        keep_prompts(source.path, prompts)
    return composed(folder, loaded, None), prompts, folder


def fetched(path: str | Path, revision: str | None) -> Path:
    """Returns a local folder for a path or a name on the hub, and downloads it if needed.

    Args:
        path: A local path, or ``owner/name`` on the hub.
        revision: Commit, branch or tag on the hub; if it is given, ``path`` is taken as a name on the hub.

    Raises:
        ModelError: The model cannot be downloaded; see ``exchange.publishing.fetch``.
    """
    if revision is None and Path(path).exists():
        return Path(path)
    from moesaic.checkpoint.exchange.publishing import fetch

    return fetch(path, revision)
