"""Exports a model folder as a Mixtral checkpoint (for Qwen bases: Qwen-MoE) that other programs load.

The result computes the same function, up to one rounding of the weights to the output type (``merging``) and up to the
gates, which moesaic computes in float32 and other programs in the type of the checkpoint. The noise of noisy gates is
used only in training and is not exported. ``softmax`` gates become top_k = E.

An export contains the model folder in ``moesaic/``, including the folder's own base if there is one; the adapters are a
few percent of the export. From it, ``moesaic import`` restores exactly the same experts, which is not possible from
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
"""Sub-folder of an export that contains the model folder from which it was made."""

OPTIONS: Final = "export.json"
"""File in that sub-folder with the options of the merge."""

_SAMPLED_TENSORS = 8


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        path: The folder.
        model_type: ``mixtral``, ``qwen2_moe`` or ``qwen3_moe``.
        dtype: Type of the weights.
        num_bytes: Size of all tensors in bytes.
        seconds: Wall time in seconds.
        base_shift: Relative Frobenius distance of the base as it was in training from the stored one. None if they are
            the same, if a resumed run had nothing left to compute, or, for ``original``, if bitsandbytes is missing.
        num_verified: Number of tensors that were recomputed and compared with the written files.
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
        out: The folder of the checkpoint, which appears when it is complete. A killed run resumes at the next shard.
        dtype: Type of the weights; ``auto`` is the type of the base's stored MLP weights.
        merge_onto: ``trained`` for the base as it was in training (rounded to its training type, or to NF4 if it was
            quantised), ``original`` for its stored weights.
        attention: What to do with deltas on attention; see ``preflight.check_exportable``.
        verify: Whether to recompute a sample of tensors, and a sample of layers only with transformers and PEFT
            (``reference``), and to compare them with the written files before the folder appears.
        shard_bytes: Largest size of a shard in bytes.
        base: Place of the base, if it is not where the model folder says.

    Raises:
        ModelError: The model has no exact form, or does not fit its base. The message lists all reasons.
        CheckpointError: A file is corrupt, or the verification failed.
        SpaceError: There is not enough disk space.
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
    """Recomputes a sample of tensors and compares them with the written ones.

    Args:
        export: The folder with the written shards.
        merge: The merge that was written.
        num_tensors: Number of the base's tensors to sample. Half of them are MLP weights, of which all experts are
            compared.
        seed: Seed of the sample.

    Returns:
        Number of tensors that were compared.

    Raises:
        CheckpointError: A written value differs by more than one rounding to its type.
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
