"""Exports only the experts, as PEFT adapters, for vLLM's multi-LoRA and other programs that read them.

    OUT/<expert>/              an adapter, whose configuration names the base
    OUT/base/                  the base as it was in training, if it was requested or is contained in the model folder
    OUT/chat_template.jinja    the prompt of training, which is also in base/
    OUT/README.md              how to load and serve the adapters and send requests

A base that is not on the hub is named by its path on this machine. ``base/`` is named by the relative path ``./base``,
which PEFT resolves from the current folder, so that the export can be moved.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.companions import write_companions, write_config, write_export_card
from moesaic.checkpoint.description import BASE, ModelFolder
from moesaic.checkpoint.exchange.chat import TEMPLATE, Chat
from moesaic.checkpoint.exchange.merging import Merge
from moesaic.checkpoint.exchange.preflight import AdapterFactors
from moesaic.checkpoint.formats import both_spellings, read_config
from moesaic.checkpoint.native import read_model_folder
from moesaic.checkpoint.sharding import TensorWriter
from moesaic.errors import ModelError
from moesaic.files import read_json, space_errors, write_json
from moesaic.model.base_files import BaseSource

_NAMED_BASE: Final = f"./{BASE}"


@dataclass(frozen=True, slots=True)
class AdapterExport:
    """The result of an export.

    Attributes:
        path: The folder, with one sub-folder per expert.
        launch: A command that serves the base with all adapters.
        notes: Sentences that a user should know before loading the adapters.
    """

    path: Path
    launch: str
    notes: tuple[str, ...] = ()


def export_peft(model: Path, out: Path, *, with_base: bool = False, base: str | None = None) -> AdapterExport:
    """Copies the adapters of a model folder with unchanged weights, adds the prompt, and the base if wanted.

    The gates are not exported. Each adapter is one expert; an anchor is the base without an adapter.

    Args:
        model: The model folder.
        out: A new folder, which appears when it is complete.
        with_base: Whether to write the base, too, as it was in training: dequantised and rounded to its type. A base
            that the model folder contains is always written.
        base: Place of the base, if it is not where the model folder says.

    Raises:
        ModelError: ``out`` exists, ``model`` is not a model folder, or its base is not found.
        CheckpointError: A file is corrupt.
        DependencyError: The base was 4-bit in training, and bitsandbytes is not installed.
        SpaceError: The disk is full.
    """
    folder = read_model_folder(model)
    if out.exists():
        raise ModelError(f"{out} exists already: give another folder, or remove it")
    for expert in folder.adapters:
        AdapterFactors.open(folder.expert_path(expert.name), expert.name).reader.close()
    source = find_base(folder, base)
    chat = Chat.of(folder, source)
    with_base = with_base or folder.has_own_base
    partial = out.absolute().with_name(f".{out.absolute().name}.partial")
    with space_errors(out):
        _clear(partial)
        if with_base:
            _write_base(folder, source, partial / BASE, chat)
        for expert in folder.adapters:
            _copy_adapter(folder.expert_path(expert.name), partial / expert.name, source, with_base)
        chat.write_settings(partial, read_config(source.path))
        place = _NAMED_BASE if with_base else _place(source)
        write_export_card(
            partial,
            out.name,
            _summary(folder, place),
            [_launch(folder, place, Path())],
            chat.card(folder.adapters[0].name),
            library="peft",
        )
        shutil.rmtree(partial / f".{BASE}.partial", ignore_errors=True)  # left by an export with another base
        partial.rename(out.absolute())
    launch = _launch(folder, str(out / BASE) if with_base else _place(source), out)
    notes = []
    if not with_base and source.revision is None:
        notes.append(
            f"the base {folder.base_title} is {source.path}, which exists only on this machine; --with-base writes it "
            "beside the "
            "adapters"
        )
    return AdapterExport(out, launch, tuple(notes))


def _clear(partial: Path) -> None:
    """Empties the folder of an export that was killed, except for the shards of its base, which are resumed."""
    partial.mkdir(parents=True, exist_ok=True)
    for left in partial.iterdir():
        if left.name == f".{BASE}.partial":
            continue
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _write_base(folder: ModelFolder, source: BaseSource, out: Path, chat: Chat) -> None:
    with contextlib.ExitStack() as stack:
        merge = Merge.of_base(stack, folder, source.path)
        writer = TensorWriter(out, [merge.shared_step(name) for name in merge.names()], merge.identity())
        writer.write(sum(path.stat().st_size for path in folder.path.rglob("*.safetensors")))

        def finish(partial: Path) -> None:
            write_companions(source.path, partial, merge.config)
            chat.write_settings(partial, merge.config)
            write_config(partial, {**merge.config, **both_spellings(merge.config, merge.dtype)})

        writer.publish(finish)


def _copy_adapter(adapter: Path, out: Path, source: BaseSource, with_base: bool) -> None:
    from moesaic.model.adapter_config import CONFIG_FILE

    shutil.copytree(adapter, out)
    if with_base or source.revision is None:
        name = _NAMED_BASE if with_base else _place(source)
        write_json(out / CONFIG_FILE, {**read_json(out / CONFIG_FILE), "base_model_name_or_path": name})


def _place(source: BaseSource) -> str:
    """Returns the name of the base for PEFT and vLLM: its name on the hub, or its folder on this machine."""
    return source.spec if source.revision is not None else str(source.path.absolute())


def _summary(folder: ModelFolder, base: str) -> Sequence[str]:
    name = folder.adapters[0].name
    return [
        f"LoRA adapters, one expert each, on `{folder.base_title}`: "
        f"{', '.join(expert.name for expert in folder.adapters)}. Exported by moesaic, without the gates that choose "
        "between them.",
        "",
        *(
            [f"The base is in `{BASE}/`, as it was in training; names are relative to this folder.", ""]
            if base == _NAMED_BASE
            else []
        ),
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "{name}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{base}")',
        *(
            []
            if base == _NAMED_BASE
            else ["from pathlib import Path", f'tokenizer.chat_template = Path("{TEMPLATE}").read_text()']
        ),
        "```",
    ]


def _launch(folder: ModelFolder, base: str, out: Path) -> str:
    """Returns a command that serves all adapters. ``base/`` has template and stop tokens; other bases need options."""
    modules = " ".join(f"{expert.name}={out / expert.name}" for expert in folder.adapters)
    rank = _vllm_rank(max(expert.rank for expert in folder.experts))
    own = base in (_NAMED_BASE, str(out / BASE))
    prompt = "" if own else f" --chat-template {out / TEMPLATE} --generation-config {out}"
    return f"vllm serve {base} --enable-lora --max-lora-rank {rank}{prompt} --lora-modules {modules}"


def _vllm_rank(rank: int) -> int:
    """Returns the smallest rank limit that vLLM accepts and that is large enough."""
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), 512)
