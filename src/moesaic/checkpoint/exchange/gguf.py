"""Exports a model folder as one GGUF file for llama.cpp, as Mixtral (architecture ``llama``) or ``qwen3moe``.

All experts of a projection form one tensor, such as ``blk.<i>.ffn_gate_exps`` [E, F, D]. Norms and gates stay in
float32. llama.cpp applies rotary embeddings to interleaved pairs, transformers to halves, so the rows of Llama's query
and key weights are reordered. All tensors are streamed as in ``merging``; only query and key matrices are held in
memory as a whole.

Q8_0 stores blocks of 32 values with one float16 scale; the error of a weight is at most 0.45% of the largest value of
its block.

Shapes: E experts, D model, F hidden, I in, O out, H heads.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.companions import write_export_card
from moesaic.checkpoint.description import ModelFolder
from moesaic.checkpoint.exchange.chat import MODELFILE, Chat
from moesaic.checkpoint.exchange.gguf_vocabulary import END_TOKENS, add_vocabulary
from moesaic.checkpoint.exchange.merging import Merge, MergeOnto
from moesaic.checkpoint.exchange.preflight import AttentionPolicy, require
from moesaic.checkpoint.formats import PROJECTIONS, rotary
from moesaic.checkpoint.native import read_model_folder
from moesaic.checkpoint.sharding import Sink
from moesaic.errors import ModelError
from moesaic.files import replacing, require_space, space_errors, write_text
from moesaic.progress import Bar

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from torch import Tensor

GgufType = Literal["f16", "q8_0"]

_ARCHITECTURES: Final = {"llama": "llama", "mistral": "llama", "qwen3": "qwen3moe"}
_ALIGNMENT = 32
_BLOCK_VALUES, _BLOCK_BYTES = 32, 34
_EXPERTS = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}


@dataclass(frozen=True, slots=True)
class GgufReport:
    """The result of an export.

    Attributes:
        path: The file.
        num_bytes: Size of the file in bytes.
        seconds: Wall time in seconds.
        notes: Sentences that a user should know before running the file.
    """

    path: Path
    num_bytes: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tensor of the file, which consists of equal parts, one per expert, or of a single part."""

    name: str
    shape: tuple[int, ...]
    kind: str
    num_parts: int
    pieces: Callable[[], Iterator[list[Tensor]]]

    @property
    def num_bytes(self) -> int:
        count = math.prod(self.shape)
        return {"F32": 4 * count, "F16": 2 * count, "Q8_0": count // _BLOCK_VALUES * _BLOCK_BYTES}[self.kind]


def export_gguf(
    model: Path,
    out: Path,
    *,
    quantize: GgufType = "f16",
    merge_onto: MergeOnto = "trained",
    attention: AttentionPolicy = "error",
    base: str | None = None,
) -> GgufReport:
    """Writes a model folder as a GGUF file, which appears when it is complete.

    Args:
        model: The model folder.
        out: A new file whose name ends in ``.gguf``, or a new folder for it. Model card and Modelfile are written
            beside the file.
        quantize: Type of the matrices: ``f16`` or ``q8_0``.
        merge_onto: Whether to use the base as in training or as stored; see ``mixtral.export_mixtral``.
        attention: What to do with deltas on attention; see ``preflight.check_exportable``.
        base: Place of the base, if it is not where the model folder says.

    Raises:
        ModelError: llama.cpp has no exact form of the model, ``out`` exists, or the base's chat template cannot be
            used. The message lists all reasons.
        CheckpointError: A file is corrupt.
        SpaceError: There is not enough disk space.
    """
    started = time.monotonic()
    is_file = out.suffix == ".gguf"
    if out.exists() and (is_file or not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} exists already: give the name of a new .gguf file, or of a new folder")
    if existing := next((place for place in out.absolute().parents if place.exists() and not place.is_dir()), None):
        raise ModelError(f"{out} cannot be made: {existing} is a file; give the name of a new .gguf file in a folder")
    folder = read_model_folder(model)
    source = find_base(folder, base)
    chat = Chat.of(folder, source)
    with contextlib.ExitStack() as stack:
        merge = Merge.open(stack, folder, source.path, "auto", merge_onto, attention)
        require(_reasons(merge.config), f"the GGUF export of {folder.path}")
        entries = _entries(merge, quantize)
        size = sum(entry.num_bytes for entry in entries)
        require_space(out, size + 2**24, f"writing {out}")
        # A folder appears when it is complete; a single file appears after the texts beside it.
        partial = out.absolute().parent if is_file else out.absolute().with_name(f".{out.absolute().name}.partial")
        file = partial / (out.name if is_file else f"{out.absolute().name}.gguf")
        with space_errors(out):
            if not is_file:
                shutil.rmtree(partial, ignore_errors=True)
                stack.callback(shutil.rmtree, partial, ignore_errors=True)
            partial.mkdir(parents=True, exist_ok=True)
            with replacing(file) as written:
                _write(written, entries, merge, source.path, folder, quantize, chat)
                _write_texts(file, f"{file.stem}." if is_file else "", folder, chat)
            if not is_file:
                if out.exists():
                    out.rmdir()
                partial.rename(out.absolute())
                file = out / file.name
    notes = []
    window = merge.config.get("sliding_window")
    if _ARCHITECTURES[merge.config["model_type"]] == "llama" and window:
        notes.append(
            f"llama.cpp's Mixtral attends to all tokens, this base only to the last {window}: results differ for "
            "longer "
            "inputs"
        )
    if len(chat.prompts.stop_ids) > len(END_TOKENS):
        left = [chat.prompts.text_of([token]) for token in chat.prompts.stop_ids[len(END_TOKENS) :]]
        notes.append(
            f"a GGUF file can name three tokens that end an answer; give {', '.join(left)} as stop strings, too"
        )
    path = out if is_file else file
    return GgufReport(path, path.stat().st_size, time.monotonic() - started, tuple(notes))


def _reasons(config: dict[str, Any]) -> list[str]:
    reasons = []
    kind = config["model_type"]
    if kind not in _ARCHITECTURES:
        reasons.append(f"{kind}: llama.cpp's routed form does not renormalise the top-k weights; use --format mixtral")
    rope = rotary(config)[1]["rope_type"]
    if rope not in ("default", "linear", "llama3"):
        reasons.append(f"rotary type {rope!r} is not written here; export --format mixtral and convert it")
    for key in ("hidden_size", "intermediate_size"):
        if config[key] % _BLOCK_VALUES:
            reasons.append(f"{key} {config[key]} is not a multiple of {_BLOCK_VALUES}, which GGUF's kernels need")
    return reasons


def _entries(merge: Merge, quantize: GgufType) -> list[_Entry]:
    import gguf
    import torch

    config = merge.config
    architecture = _ARCHITECTURES[config["model_type"]]
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config["num_hidden_layers"])
    gates = merge.folder.read_router()
    matrix = quantize.upper()
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    entries: list[_Entry] = []
    for name in merge.names():
        shape = merge.reader.spec(name).shape
        layer, projection = merge.routed(name)
        if projection:
            if projection == PROJECTIONS[0]:
                gate_ED = gates[f"layers.{layer}.weight"]
                entries.append(_single(f"blk.{layer}.ffn_gate_inp.weight", gate_ED.shape, "F32", _just(gate_ED)))
            entries.append(
                _Entry(
                    f"blk.{layer}.{_EXPERTS[projection]}.weight",
                    (merge.num_experts, *shape),
                    matrix,
                    merge.num_experts,
                    lambda name=name: merge.expert_rows(name),  # type: ignore[misc]
                )
            )
            continue
        stem, _, suffix = name.rpartition(".")
        target = names.get_name(stem)
        if target is None:
            raise ModelError(f"{name} has no name in GGUF's {architecture}: the base has an unknown tensor")
        kind = matrix if len(shape) == 2 else "F32"
        num_heads = heads.get(stem.rpartition(".")[2], 0) if architecture == "llama" else 0
        entries.append(_single(f"{target}.{suffix}", shape, kind, _shared(merge, name, num_heads)))
    if rotary(config)[1]["rope_type"] == "llama3":
        factors = llama3_factors(config)
        entries.append(_single("rope_freqs.weight", (len(factors),), "F32", _just(torch.tensor(factors))))
    return entries


def _single(name: str, shape: Sequence[int], kind: str, pieces: Callable[[], Iterator[Tensor]]) -> _Entry:
    return _Entry(name, tuple(shape), kind, 1, lambda: ([piece] for piece in pieces()))


def _just(tensor: Tensor) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter([tensor])


def _shared(merge: Merge, name: str, num_heads: int) -> Callable[[], Iterator[Tensor]]:
    def pieces() -> Iterator[Tensor]:
        import torch

        if num_heads:
            yield interleave_rotary(torch.cat(list(merge.shared_rows(name))), num_heads)
        else:
            yield from merge.shared_rows(name)

    return pieces


def interleave_rotary(weight_OI: Tensor, num_heads: int) -> Tensor:
    """Reorders the rows of each head from two halves (transformers) to interleaved pairs (llama.cpp).

    Args:
        weight_OI: Weight of a query or key projection.
        num_heads: Number of heads that the rows belong to.
    """
    halves = weight_OI.view(num_heads, 2, weight_OI.shape[0] // num_heads // 2, -1)
    return halves.transpose(1, 2).reshape(weight_OI.shape)


def llama3_factors(config: dict[str, Any]) -> list[float]:
    """Returns the divisors of the rotary frequencies in Llama 3.1, one for each pair of a head's values."""
    theta, rope = rotary(config)
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    factor, low, high = rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]
    trained = rope["original_max_position_embeddings"]
    factors = []
    for index in range(0, size, 2):
        wavelength = 2 * math.pi * theta ** (index / size)
        smooth = min(max((trained / wavelength - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - smooth) / factor + smooth))
    return factors


def _write_texts(file: Path, prefix: str, folder: ModelFolder, chat: Chat) -> None:
    summary = [
        f"{len(folder.experts)} experts on `{folder.base_title}`, {folder.top_k} per token, in one file for llama.cpp: "
        f"`{file.name}`. Experts, in order: {', '.join(folder.names)}. Exported by moesaic."
    ]
    launch = [f"llama-server -m {file.name} --port 8000", f"ollama create {file.stem} -f {prefix}{MODELFILE}"]
    write_text(file.parent / f"{prefix}{MODELFILE}", chat.modelfile(f"./{file.name}"))
    write_export_card(file.parent / f"{prefix}README.md", file.stem, summary, launch, chat.card(file.stem))


def _write(
    partial: Path,
    entries: Sequence[_Entry],
    merge: Merge,
    base: Path,
    folder: ModelFolder,
    quantize: GgufType,
    chat: Chat,
) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(partial, _ARCHITECTURES[merge.config["model_type"]])
    _add_header(writer, merge, folder, quantize)
    add_vocabulary(writer, base, merge.config["vocab_size"], chat)
    for entry in entries:
        kind = gguf.GGMLQuantizationType[entry.kind]
        writer.add_tensor_info(entry.name, entry.shape, np.dtype(np.float32), entry.num_bytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with partial.open("r+b") as file:
        position = _padded(file.seek(0, os.SEEK_END))
        with Bar(f"writing {partial.name.strip('.')}", sum(entry.num_bytes for entry in entries) / 1e6, "MB") as bar:
            for entry in entries:
                part = entry.num_bytes // entry.num_parts
                starts = [position + part * index for index in range(entry.num_parts)]
                sink = Sink(file.fileno(), starts, [start + part for start in starts])
                for pieces in entry.pieces():
                    for index, piece in enumerate(pieces):
                        sink.write(index, _encode(piece, entry.kind))
                sink.check()
                position = _padded(position + entry.num_bytes)
                bar.advance(entry.num_bytes / 1e6)
        file.truncate(position)
        os.fsync(file.fileno())


def _add_header(writer: GGUFWriter, merge: Merge, folder: ModelFolder, quantize: GgufType) -> None:
    import gguf

    config = merge.config
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    theta, rope = rotary(config)
    writer.add_type("model")
    writer.add_name(folder.path.name)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(theta)
    writer.add_rope_dimension_count(head_size)
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    writer.add_expert_count(len(folder.experts))
    writer.add_expert_used_count(folder.top_k)
    if config["model_type"] == "qwen3":
        writer.add_expert_feed_forward_length(config["intermediate_size"])
    kinds = {"f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
    writer.add_file_type(kinds[quantize])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _encode(piece: Tensor, kind: str) -> Tensor:
    import torch

    if kind != "Q8_0":
        return piece.to(torch.float32 if kind == "F32" else torch.float16)
    import gguf

    return torch.from_numpy(gguf.quantize(piece.float().numpy(), gguf.GGMLQuantizationType.Q8_0))


def _padded(position: int) -> int:
    return (position + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT
