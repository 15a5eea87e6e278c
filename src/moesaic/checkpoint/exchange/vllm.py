"""Exports a model folder for vLLM in factored form: the base's weights once, each expert's factors, the gates.

If no weight of the base changes, its files are linked, so that an export takes a few percent of the base's space; they
are copied if the file system has no links. A base that was 4-bit in training, or whose attention gets the mean of the
experts' deltas, is written anew (``merging``).

    OUT/config.json                    see vllm_plugin.layout
    OUT/model*.safetensors             the base, if it is linked; otherwise it is in the next files
    OUT/moesaic-00001-of-0000N.safetensors   gates and factors in float32; vLLM rounds them to the type in which it runs
    OUT/model.safetensors.index.json   which tensor is in which file

Shapes: E experts (in the factors without the anchor), R greatest LoRA rank, D model, F hidden, I in, O out, P = 2 (gate
and up projection).
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from moesaic import __version__
from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.companions import write_companions, write_config, write_export_card
from moesaic.checkpoint.description import DESCRIPTION
from moesaic.checkpoint.exchange.chat import Chat
from moesaic.checkpoint.exchange.merging import Merge, MergeOnto, OutputType
from moesaic.checkpoint.exchange.preflight import AttentionPolicy, require
from moesaic.checkpoint.formats import PROJECTIONS, both_spellings, rotary
from moesaic.checkpoint.native import read_model_folder
from moesaic.checkpoint.sharding import SHARD_BYTES, Sink, Step, TensorWriter
from moesaic.checkpoint.streaming import TensorSpec, read_header
from moesaic.files import cache_folder, digest_of, file_digest, link_or_copy, space_errors, write_json
from moesaic.model.stored import INDEX
from moesaic.vllm_plugin.layout import ARCHITECTURES, LAYOUT_VERSION, MODEL_TYPES, SETTINGS, RoutedSettings, tensor_name

_INSTALL: Final = "pip install 'moesaic[vllm]'"
_STEM: Final = "moesaic"  # differs from the names of a base's files, since a resumed run skips shards whose files exist


@dataclass(frozen=True, slots=True)
class VllmExport:
    """The result of an export.

    Attributes:
        path: The folder.
        num_bytes: Size in bytes of the tensors that were written.
        linked: Whether the files of the base were linked or copied, and not written anew.
        seconds: Wall time in seconds.
        base_shift: See ``mixtral.ExportReport``.
    """

    path: Path
    num_bytes: int
    linked: bool
    seconds: float
    base_shift: float | None


def export_vllm(
    model: Path,
    out: Path,
    *,
    dtype: OutputType = "auto",
    merge_onto: MergeOnto = "trained",
    attention: AttentionPolicy = "error",
    shard_bytes: int = SHARD_BYTES,
    base: str | None = None,
) -> VllmExport:
    """Writes a model folder as a checkpoint that vLLM serves with moesaic's plug-in.

    Args:
        model: The model folder.
        out: The folder of the checkpoint, which appears when it is complete. A killed run resumes at the next shard.
        dtype: Type of the base's weights; ``auto`` is the stored type.
        merge_onto: ``trained`` for the base as it was in training (rounded to its training type, or to NF4 if it was
            quantised), ``original`` for its stored weights.
        attention: What to do with deltas on attention; see ``preflight.check_exportable``.
        shard_bytes: Largest size in bytes of a shard that is written.
        base: Place of the base, if it is not where the model folder says.

    Raises:
        ModelError: vLLM cannot compute the same as the model, or the model does not fit its base. The message lists all
            reasons.
        CheckpointError: A file is corrupt.
        SpaceError: There is not enough disk space.
    """
    started = time.monotonic()
    folder = read_model_folder(model)
    source = find_base(folder, base)
    chat = Chat.of(folder, source)
    with contextlib.ExitStack() as stack:
        merge = Merge.open(stack, folder, source.path, dtype, merge_onto, attention)
        require(_reasons(merge.config), f"the export of {folder.path}")
        linked = all(merge.is_stored(name) for name in merge.names())
        steps = _routed_steps(merge)
        if not linked:
            steps = [*(merge.shared_step(name) for name in merge.names()), *steps]
        writer = TensorWriter(out, steps, ["vllm", *merge.identity()], shard_bytes, _STEM)
        writer.write(0 if not linked else merge.reader.num_bytes)

        def finish(partial: Path) -> None:
            files = [writer.path(number) for number in range(len(writer.shards))]
            if linked:
                for file in merge.reader.files:
                    (partial / file.name).unlink(missing_ok=True)  # left by a run that was killed here
                    link_or_copy(file, partial / file.name)
                    files.append(partial / file.name)
            places = {name: file.name for file in files for name in read_header(file)[0]}
            total = writer.num_bytes + (merge.reader.num_bytes if linked else 0)
            write_json(partial / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))})
            write_companions(source.path, partial, merge.config)
            chat.write_settings(partial, merge.config)
            launch = [_INSTALL, f"vllm serve {out.name}"]
            write_export_card(partial, out.name, _summary(merge), launch, chat.card(out.name))
            write_config(partial, vllm_config(merge.config, _settings(merge), merge.dtype))

        writer.publish(finish)
    return VllmExport(out, writer.num_bytes, linked, time.monotonic() - started, merge.shift.relative)


def cached_export(model: Path, base: str | None = None) -> Path:
    """Returns an export of a model folder in moesaic's cache, which is made if it is missing.

    Deltas on attention are left out, so the export computes the same as moesaic.

    Args:
        model: The model folder.
        base: Place of the base, if it is not where the model folder says.

    Raises:
        ModelError: See ``export_vllm``.
        CheckpointError: See ``export_vllm``.
        SpaceError: See ``export_vllm``.
    """
    folder = read_model_folder(model)
    facts = [__version__, LAYOUT_VERSION, file_digest(folder.path / DESCRIPTION), find_base(folder, base).digest]
    entry = cache_folder() / "vllm" / digest_of(facts)[:24]
    with space_errors(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with entry.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another server may be making the same export
            if not entry.is_dir():
                export_vllm(folder.path, entry, attention="base", base=base)
    return entry


def vllm_config(config: Mapping[str, Any], settings: RoutedSettings, dtype: str) -> dict[str, Any]:
    """Returns the content of an export's ``config.json``.

    Args:
        config: The base's configuration with all defaults filled in (``formats.read_config``).
        settings: Settings of the routed blocks.
        dtype: Type of the base's weights.
    """
    family = config["model_type"]
    without_effect = {"llama": ("sliding_window", "layer_types"), "mistral": ("layer_types",)}.get(family, ())
    values = {key: value for key, value in config.items() if key not in without_effect}  # they have an effect in vLLM
    rope = rotary(config)[1]
    if rope["rope_type"] == "dynamic":  # transformers scales only beyond the context's length, vLLM always
        config = {**config, "rope_scaling": None, "rope_parameters": {"rope_theta": rotary(config)[0]}}
    if rope["rope_type"] == "yarn" and "original_max_position_embeddings" in rope:
        # vLLM computes the rotary angles of only so many positions.
        known = int(rope["factor"] * rope["original_max_position_embeddings"])
        values["max_position_embeddings"] = min(known, config["max_position_embeddings"])
    return {
        **values,
        **both_spellings(config, dtype),
        "architectures": [ARCHITECTURES[family]],
        "model_type": MODEL_TYPES[family],
        SETTINGS: settings.as_json(),
    }


def _reasons(config: Mapping[str, Any]) -> list[str]:
    """Returns the reasons why vLLM's model of the base computes something else than transformers."""
    if config["model_type"] == "qwen3" and config.get("attention_bias"):
        return ["attention_bias: vLLM's Qwen3 has no bias on o_proj; use --format peft"]
    width = config["hidden_size"] // config["num_attention_heads"]
    if config["model_type"] == "qwen2" and config.get("head_dim") not in (None, width):
        return [f"head_dim is {config['head_dim']}: vLLM's Qwen2 has heads of {width}; use --format mixtral or peft"]
    return []


def _settings(merge: Merge) -> RoutedSettings:
    return RoutedSettings(
        experts=merge.folder.names,
        scales=tuple(adapter.scale for adapter in merge.adapters),
        rank=_greatest_rank(merge),
        top_k=merge.folder.top_k,
    )


def _greatest_rank(merge: Merge) -> int:
    """Returns the greatest LoRA rank of all routed modules."""
    ranks = [
        adapter.shape(module)[2]
        for adapter in merge.adapters
        for module in adapter.modules
        if module.rpartition(".")[2] in PROJECTIONS
    ]
    return max(ranks)


def _routed_steps(merge: Merge) -> list[Step]:
    """Returns the steps that write gates and factors, two steps per layer."""
    gates = merge.folder.read_router()
    hidden, intermediate = merge.config["hidden_size"], merge.config["intermediate_size"]
    num_adapted, rank = len(merge.adapters), _greatest_rank(merge)
    shapes: dict[str, tuple[tuple[str, ...], int, int]] = {  # projections, index of the factor in its pair, size
        "gate_up_A_PERD": (PROJECTIONS[:2], 0, hidden),
        "gate_up_B_PERF": (PROJECTIONS[:2], 1, intermediate),
        "down_A_ERF": (PROJECTIONS[2:], 0, intermediate),
        "down_B_ERD": (PROJECTIONS[2:], 1, hidden),
    }

    def gate(layer: int) -> Step:
        gate_ED = gates[f"layers.{layer}.weight"]
        spec = TensorSpec(tensor_name(layer, "router_ED"), "F32", tuple(gate_ED.shape))
        return Step((spec,), lambda sink: sink.write(0, gate_ED.float()))

    def factors(layer: int) -> Step:
        outer = {name: (2, num_adapted) if len(shapes[name][0]) > 1 else (num_adapted,) for name in shapes}
        specs = tuple(
            TensorSpec(tensor_name(layer, name), "F32", (*outer[name], rank, size))
            for name, (_, _, size) in shapes.items()
        )

        def run(sink: Sink) -> None:
            import torch

            for output, (projections, factor, size) in enumerate(shapes.values()):
                stack = torch.zeros(len(projections), num_adapted, rank, size)
                for p, projection in enumerate(projections):
                    for e, adapter in enumerate(merge.adapters):
                        pair = adapter.read(f"model.layers.{layer}.mlp.{projection}")
                        if pair is not None:
                            own_RI = pair[0] if factor == 0 else pair[1].T
                            stack[p, e, : len(own_RI)] = own_RI
                sink.write(output, stack)

        return Step(specs, run)

    layers = range(merge.config["num_hidden_layers"])
    return [step(layer) for layer in layers for step in (gate, factors)]


def _summary(merge: Merge) -> list[str]:
    folder = merge.folder
    return [
        f"{len(folder.experts)} experts on `{folder.base_title}`, {folder.top_k} per token, for vLLM with moesaic's "
        f"plug-in; experts, in order: {', '.join(folder.names)}.",
        "",
        "The base's weights are here once; an expert is a low-rank change of its MLPs, added while it runs. Other "
        "programs refuse the folder: `moesaic export --format mixtral` writes one for them.",
    ]
