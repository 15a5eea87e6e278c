"""Exports a model folder as a Mixtral checkpoint (for Qwen bases: Qwen-MoE) that other programs load.

The result is the same function up to one rounding of the weights to the output type (``merging``), and of the gates:
moesaic computes them in float32, other programs in the checkpoint's type. Noise of noisy gates belongs to training and
is dropped; ``softmax`` gates become top_k = E.

An export carries the model folder itself in ``moesaic/`` (the adapters are a few percent of it; a base of the folder's
own comes with them): ``moesaic import`` gives back the very same experts, which could not be recovered exactly from
rounded sums.

Shapes: E experts, D model, R rank, I in, O out.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.companions import write_companions, write_config, write_export_card
from moesaic.checkpoint.description import EXPERTS, ModelFolder
from moesaic.checkpoint.exchange.chat import MODELFILE, Chat
from moesaic.checkpoint.exchange.merging import Merge, MergeOnto, OutputType
from moesaic.checkpoint.exchange.preflight import AttentionPolicy
from moesaic.checkpoint.exchange.reference import check_rounding, verify_with_peft
from moesaic.checkpoint.formats import moe_config
from moesaic.checkpoint.native import read_model_folder
from moesaic.checkpoint.sharding import SHARD_BYTES, TensorWriter
from moesaic.checkpoint.streaming import TensorReader
from moesaic.files import write_json, write_text

NATIVE: Final = "moesaic"
"""Sub-folder of an export with the model folder it was made from."""

OPTIONS: Final = "export.json"
"""File in that sub-folder with the options of the merge."""

_SAMPLED_TENSORS = 8


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        path: The folder.
        model_type: ``mixtral``, ``qwen2_moe`` or ``qwen3_moe``.
        dtype: Output type.
        num_bytes: Size of all tensors.
        seconds: Wall time.
        base_shift: Relative Frobenius distance of the base as it was in training from the stored one; None when they
            are the same, a resumed run had nothing left to compute, or (``original``) bitsandbytes is missing.
        num_verified: Tensors that were recomputed and compared with the written files.
    """

    path: Path
    model_type: str
    dtype: str
    num_bytes: int
    seconds: float
    base_shift: float | None
    num_verified: int


def export_mixtral(
    model: Path,
    out: Path,
    *,
    dtype: OutputType = "auto",
    merge_onto: MergeOnto = "trained",
    attention: AttentionPolicy = "error",
    verify: bool = False,
    shard_bytes: int = SHARD_BYTES,
    base: str | None = None,
) -> ExportReport:
    """Writes a model folder as a sharded checkpoint with configuration, tokenizer, generation settings and card.

    Args:
        model: The model folder.
        out: The checkpoint's folder; it appears when everything is written. A killed run resumes by shard.
        dtype: Output type; ``auto`` is the type of the base's stored MLP weights.
        merge_onto: ``trained``: the base as the experts saw it (rounded to its training type, NF4 if quantised);
            ``original``: its stored weights.
        attention: What to do with deltas on attention; see ``preflight.check_exportable``.
        verify: Recompute sampled tensors, and sampled layers with transformers and PEFT alone (``reference``), and
            compare them with the written files before the folder appears.
        shard_bytes: Largest shard.
        base: Where the base is now, if not where the model folder says.

    Raises:
        ModelError: The model has no exact form, or does not fit its base; lists all reasons.
        CheckpointError: A file is corrupt, or verification failed.
        SpaceError: Not enough disk space.
    """
    started = time.monotonic()
    folder = read_model_folder(model)
    source = find_base(folder, base)
    chat = Chat.of(folder, source)
    num_verified = 0
    with contextlib.ExitStack() as stack:
        merge = Merge.open(stack, folder, source.path, dtype, merge_onto, attention)
        writer = TensorWriter(out, merge.steps(), merge.identity(), shard_bytes)
        writer.write(sum(file.stat().st_size for file in folder.path.rglob("*") if file.is_file()))

        def finish(partial: Path) -> None:
            nonlocal num_verified
            if verify:
                num_verified = verify_export(partial, merge) + verify_with_peft(partial, source.path, merge)
            write_companions(source.path, partial, merge.config)
            chat.write_settings(partial, merge.config)
            write_text(partial / MODELFILE, chat.modelfile("."))
            shutil.copytree(folder.path, partial / NATIVE, dirs_exist_ok=True)
            options = {"dtype": merge.dtype, "merge_onto": merge.merge_onto, "attention": merge.attention}
            write_json(partial / NATIVE / OPTIONS, options)
            write_export_card(
                partial, out.name, _summary(folder, merge), [f"vllm serve {out.name}"], chat.card(out.name)
            )
            write_config(partial, moe_config(merge.config, len(folder.experts), folder.top_k, merge.dtype))

        writer.publish(finish)
    return ExportReport(
        path=out,
        model_type=merge.target.model_type,
        dtype=merge.dtype,
        num_bytes=writer.num_bytes,
        seconds=time.monotonic() - started,
        base_shift=merge.shift.relative,
        num_verified=num_verified,
    )


def verify_export(export: Path, merge: Merge, num_tensors: int = _SAMPLED_TENSORS, seed: int = 0) -> int:
    """Recomputes sampled tensors and compares them with what was written.

    Args:
        export: The folder with the written shards.
        merge: The merge they came from.
        num_tensors: Base tensors to sample; all experts of each are compared. Half of them are MLP weights.
        seed: Seed of the sample.

    Returns:
        Number of tensors compared.

    Raises:
        CheckpointError: A written value is further away than one rounding to the output type.
    """
    names = merge.names()
    routed = [name for name in names if merge.routed(name)[1]]
    shared = [name for name in names if not merge.routed(name)[1]]
    choice = random.Random(seed)
    compared = 0
    with TensorReader(export) as written:
        for name in choice.sample(routed, min(num_tensors // 2, len(routed))):
            layer, projection = merge.routed(name)
            stored = [merge.target.expert(layer, expert, projection) for expert in range(merge.num_experts)]
            first = 0
            for pieces in merge.expert_rows(name):
                for expert, expected_RI in zip(stored, pieces, strict=True):
                    check_rounding(expert, written.read_slice(expert, first, len(expected_RI)), expected_RI.float())
                first += len(pieces[0])
            compared += len(stored)
        for name in choice.sample(shared, min(num_tensors // 2, len(shared))):
            first = 0
            for piece in merge.shared_rows(name):
                check_rounding(name, written.read_slice(name, first, len(piece)), piece.float())
                first += len(piece)
            compared += 1
    return compared


def _summary(folder: ModelFolder, merge: Merge) -> list[str]:
    base = folder.base_title
    onto = "the base as it was in training" if merge.merge_onto == "trained" else "the stored base"
    return [
        f"{merge.target.architecture} with {len(folder.experts)} experts on `{base}`, {folder.top_k} per token; "
        f"experts, in order: {', '.join(folder.names)}.",
        "",
        f"Exported by moesaic: W + scale B A on {onto} in float32, rounded once to {merge.dtype}. The factored model"
        + (" with its base" if folder.has_own_base else ", a few percent of this one beside its base,")
        + f" is in `{NATIVE}/`; each folder in `{NATIVE}/{EXPERTS}/` is a PEFT adapter.",
    ]
