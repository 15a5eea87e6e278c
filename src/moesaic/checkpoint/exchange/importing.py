"""Imports PEFT adapters, exports made by moesaic, and fine-tuned checkpoints.

    adapters of one base          -> model folder     the adapters' bytes are kept
    an export made by moesaic     -> model folder     the folder in the export, after the export was compared with it
    checkpoints of one base       -> Mixtral          the bytes of each expert's MLP, everything else from the base; the
                                                      same tensors as those of mergekit-moe

``factoring`` turns full checkpoints into a model folder. Gates that are not given are zero. Zero gates send every token
to the same top_k experts and have to be trained (``moesaic gate``).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from moesaic.checkpoint.bases import find_base
from moesaic.checkpoint.companions import check_same_tokenizer, write_companions, write_config, write_export_card
from moesaic.checkpoint.description import DESCRIPTION, EXPERTS, ModelFolder
from moesaic.checkpoint.exchange.accounting import (
    changed_outside,
    check_numbers,
    config_problems,
    refuse_changes,
    routed,
)
from moesaic.checkpoint.exchange.gate_files import read_gates
from moesaic.checkpoint.exchange.merging import STORED_TYPES, Merge, MergeOnto, OutputType
from moesaic.checkpoint.exchange.mixtral import NATIVE, OPTIONS, verify_export
from moesaic.checkpoint.exchange.patterns import plain_adapter
from moesaic.checkpoint.exchange.preflight import (
    AdapterFactors,
    AttentionPolicy,
    adapter_problems,
    check_exportable,
    idle_experts,
    require,
)
from moesaic.checkpoint.formats import (
    FORMATS,
    PROJECTIONS,
    format_reasons,
    moe_config,
    read_config,
    split_layer_key,
)
from moesaic.checkpoint.native import read_model_folder, save_model_folder
from moesaic.checkpoint.sharding import SHARD_BYTES, Sink, Step, TensorWriter
from moesaic.checkpoint.streaming import TensorReader, TensorSpec, file_facts, torch_dtype
from moesaic.errors import CheckpointError, ModelError
from moesaic.files import read_json, read_json_object, space_errors, write_json
from moesaic.gates import ANCHOR, GateKind
from moesaic.model.stored import read_stored_config
from moesaic.progress import say

if TYPE_CHECKING:
    from torch import Tensor


def import_adapters(
    base: str,
    adapters: Mapping[str, Path],
    out: Path,
    *,
    kind: GateKind = "top_k",
    top_k: int = 2,
    gates: Path | None = None,
    attention: AttentionPolicy = "error",
) -> ModelFolder:
    """Makes a model folder from PEFT adapters.

    The files of the adapters are copied unchanged, except if an adapter has different ranks or scales in its modules
    (see ``patterns.plain_adapter``).

    Args:
        base: The base on which they were trained: a folder, a .gguf file, ``pypi:<package>`` or a hub id.
        adapters: Name of an expert -> its adapter folder, in the order of the gates' rows.
        out: The model folder to write.
        kind: Kind of the gates.
        top_k: Number of experts per token.
        gates: A safetensors file with the gates (see ``gate_files.read_gates``); without one, the gates are zero.
        attention: ``base`` accepts deltas on attention, which are left out; ``error`` refuses them.

    Raises:
        ModelError: ``out`` exists, an expert is called ``base``, or an adapter does not fit the base. The message lists
            all reasons.
        CheckpointError: A file is corrupt.
        SpaceError: The disk is full.
    """
    from moesaic.model.base_files import resolve_base
    from moesaic.model.lora import read_adapter

    _refuse_existing(out)
    refuse_average(attention)
    source = resolve_base(base)
    config = read_config(source.path)
    refuse_anchor_name(adapters)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moesaic-import-")))
        plain = {name: plain_adapter(folder, work / str(i)) for i, (name, folder) in enumerate(adapters.items())}
        experts = [read_adapter(folder, name) for name, folder in plain.items()]
        reader = stack.enter_context(TensorReader(source.path))
        opened = [AdapterFactors.open(plain[e.name], e.name) for e in experts]
        for adapter in opened:
            stack.enter_context(adapter.reader)
        problems = [p for name, folder in adapters.items() for p in _other_base(name, folder, source.digest)]
        problems += check_exportable(config, opened, attention)
        problems += [p for adapter in opened for p in adapter_problems(adapter, reader)]
        without_effect, notes = idle_experts(experts)
        require(problems or without_effect, "the import")
        for note in notes:
            say(note)
        return save_model_folder(
            out,
            base_spec={"model": base, "dtype": "auto", "quantize": "none"},
            base_digest=source.digest,
            experts=experts,
            router_tensors=read_gates(gates, config, len(experts), kind),
            kind=kind,
            top_k=min(top_k, len(experts)),
            reuse=plain,
        )


def refuse_anchor_name(names: Iterable[str]) -> None:
    """Refuses an expert with the anchor's name.

    Raises:
        ModelError: One of the experts would be called ``base``.
    """
    if ANCHOR in names:
        raise ModelError(f"an expert cannot be called {ANCHOR!r}, which is the name of the base itself: rename it")


def refuse_average(attention: AttentionPolicy) -> None:
    """Refuses ``average``, which is only for exports, because a model folder cannot contain merged attention.

    Raises:
        ModelError: ``attention`` is ``average``.
    """
    if attention == "average":
        raise ModelError(
            "--attention average is for exports; an import refuses such deltas (error) or leaves them out (base)"
        )


def _other_base(name: str, folder: Path, digest: str) -> list[str]:
    """Returns a line if files of moesaic show that an adapter has another base; PEFT itself stores only a name."""
    trained, model = folder / "training.json", folder.parent.parent / DESCRIPTION
    known = None
    if trained.is_file():  # an expert of a run
        known = read_json_object(trained).get("base_digest")
    elif folder.parent.name == EXPERTS and model.is_file():  # in a model folder
        known = read_model_folder(model.parent).base_digest
    if known in (None, digest):
        return []
    return [f"expert {name} was trained on another base (digest {known!s:.12}) than --base (digest {digest[:12]})"]


def is_export(checkpoint: Path) -> bool:
    """Returns whether a checkpoint was made by ``export_mixtral`` and contains its model folder."""
    return (checkpoint / NATIVE / OPTIONS).is_file()


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dtype: OutputType = "auto"
    merge_onto: MergeOnto = "trained"
    attention: AttentionPolicy = "error"


def read_options(export: Path) -> dict[str, Any]:
    """Reads the options with which an export was merged.

    Returns:
        ``dtype``, ``merge_onto`` and ``attention``, as ``Merge.open`` takes them.

    Raises:
        CheckpointError: The options are missing or not valid.
    """
    file = export / NATIVE / OPTIONS
    try:
        return _Options.model_validate(read_json_object(file)).model_dump()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise CheckpointError(f"{file}: {where:.120}: {problem['msg']}; copy the export again, whole") from error


def import_export(export: Path, out: Path, base: str | None = None) -> ModelFolder:
    """Extracts the model folder from an export made by moesaic. The experts are bit for bit those that were exported.

    First, a sample of the weights is recomputed from the model folder and compared with the export, because an export
    that was trained further is no longer the same model.

    Args:
        export: A folder made by ``export_mixtral``.
        out: The model folder to write.
        base: Place of the base, if it is not where the model folder says. The new folder names this place.

    Raises:
        ModelError: ``out`` exists, ``export`` was not made by moesaic, or its weights were changed.
        CheckpointError: A file is corrupt.
        SpaceError: The disk is full.
    """
    _refuse_existing(out)
    if not is_export(export):
        raise ModelError(
            f"{export} is not an export of moesaic: it has no {NATIVE}/{OPTIONS}. Its experts can be factored: "
            "'moesaic import --checkpoint ... --base ...'"
        )
    folder = read_model_folder(export / NATIVE)
    source = find_base(folder, base)
    with contextlib.ExitStack() as stack:
        merge = Merge.open(stack, folder, source.path, **read_options(export))
        try:
            verify_export(export, merge)
        except CheckpointError as error:
            raise ModelError(
                f"{export} was changed after the export ({error}). Factor its weights as they are now: "
                "'moesaic import --checkpoint ... --base ... --factor'"
            ) from error
    partial = out.with_name(f".{out.name}.partial")
    with space_errors(out):
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(folder.path, partial, ignore=shutil.ignore_patterns(OPTIONS))
        if base is not None and not folder.has_own_base:
            description = read_json(partial / DESCRIPTION)
            description["base"]["model"] = base
            write_json(partial / DESCRIPTION, description)
        partial.rename(out)
    return read_model_folder(out)


def import_models(
    base: Path,
    models: Mapping[str, Path],
    out: Path,
    *,
    top_k: int = 2,
    gates: Path | None = None,
    attention: AttentionPolicy = "error",
    shard_bytes: int = SHARD_BYTES,
) -> Path:
    """Makes a Mixtral (Qwen-MoE) checkpoint from fine-tuned checkpoints of one base, with unchanged MLP weights.

    Attention, norms and embeddings are those of the base, as in mergekit-moe. The kernel copies the bytes.

    Args:
        base: Checkpoint folder of the base.
        models: Name of an expert -> its checkpoint folder, in the order of the gates' rows.
        out: The folder of the new checkpoint.
        top_k: Number of experts per token.
        gates: A safetensors file with the gates; without one, the gates are zero.
        attention: ``base`` leaves out changes outside the MLP; ``error`` refuses a fine-tune with such changes.
        shard_bytes: Largest size of a shard in bytes.

    Returns:
        The folder.

    Raises:
        ModelError: Tokenizers, shapes or architectures differ. The message lists the differences.
        CheckpointError: A file is corrupt.
        SpaceError: There is not enough disk space.
    """
    config = check_same_shape(base, models)
    target = FORMATS[config["model_type"]]
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(TensorReader(base))
        experts = [stack.enter_context(TensorReader(model)) for model in models.values()]
        refuse_average(attention)
        for expert_name, opened in zip(models, experts, strict=True):
            changed = changed_outside(reader, opened, reader.names)
            if attention == "error":
                refuse_changes(expert_name, changed)
            for weight in (name for name in reader.names if routed(name)[1]):
                for piece in opened.read_rows(weight, 4096):
                    check_numbers(opened, weight, piece)
        router = read_gates(gates, config, len(experts), "top_k")
        stored = reader.spec("model.layers.0.mlp.gate_proj.weight").dtype
        steps: list[Step] = []
        for name in reader.names:
            layer, module = split_layer_key(name) or (-1, "")
            block, _, projection = module.rpartition(".")
            if name.endswith("rotary_emb.inv_freq") or (name == "lm_head.weight" and config.get("tie_word_embeddings")):
                continue
            if block != "mlp" or projection not in PROJECTIONS:
                steps.append(_copy_step(name, reader, reader.spec(name)))
                continue
            if projection == PROJECTIONS[0]:
                gate_ED = router[f"layers.{layer}.weight"]
                steps.append(_write_step(TensorSpec(target.gate(layer), stored, tuple(gate_ED.shape)), gate_ED))
                for zero, shape in target.zeros(layer, config["hidden_size"]).items():
                    steps.append(_write_step(TensorSpec(zero, stored, shape), None))
            for expert, each in enumerate(experts):
                spec = each.spec(name)
                output = TensorSpec(target.expert(layer, expert, projection), spec.dtype, spec.shape)
                steps.append(_copy_step(name, each, output))
        files = [file for each in (reader, *experts) for file in each.files]
        gate_facts = file_facts([gates]) if gates else None
        writer = TensorWriter(out, steps, ["import", file_facts(files), gate_facts, top_k], shard_bytes)
        writer.write()

        def finish(partial: Path) -> None:
            dtype = next((name for name, code in STORED_TYPES.items() if code == stored), "float32")
            write_companions(base, partial, config)
            names = ", ".join(f"{name} ({path.name})" for name, path in models.items())
            summary = [f"{target.architecture} of {len(models)} fine-tunes of one base, in order: {names}."]
            write_export_card(partial, out.name, summary, [f"vllm serve {out.name}"])
            write_config(partial, moe_config(config, len(models), min(top_k, len(models)), dtype))

        writer.publish(finish)
    return out


def check_same_shape(base: Path, models: Mapping[str, Path]) -> dict[str, Any]:
    """Checks that checkpoints can be experts of one model, and returns the configuration of the base.

    Raises:
        ModelError: A checkpoint differs from the base. The message lists the differences with both values.
        CheckpointError: A file is corrupt.
    """
    from moesaic.model.base_files import check_folder

    check_folder(base)
    config = read_config(base)
    problems = format_reasons(config)
    with TensorReader(base) as reader:
        for name, path in models.items():
            read_stored_config(path)
            different = config_problems(f"{name} ({path})", read_config(path), config)
            problems += different
            if not different:
                with TensorReader(path) as expert:
                    problems += _shape_problems(name, reader, expert)
    require(problems, "the import")
    for path in models.values():
        check_folder(path)
    check_same_tokenizer([base, *models.values()])
    return config


def _shape_problems(name: str, base: TensorReader, expert: TensorReader) -> list[str]:
    problems = []
    for tensor in base.names:
        projection = (split_layer_key(tensor) or (0, ""))[1].rpartition(".")[2]
        if projection not in PROJECTIONS:
            continue
        if tensor not in expert:
            problems.append(f"{name} ({expert.source}) lacks {tensor}; copy or download it again")
        elif expert.spec(tensor).shape != base.spec(tensor).shape:
            shapes = f"{expert.spec(tensor).shape}, the base has {base.spec(tensor).shape}"
            problems.append(f"{name} ({expert.source}): {tensor} is {shapes}; take fine-tunes of one base")
    return problems[:3]


def _copy_step(name: str, reader: TensorReader, output: TensorSpec) -> Step:
    return Step((output,), lambda sink: sink.copy(0, reader, name))


def _write_step(output: TensorSpec, tensor: Tensor | None) -> Step:
    import torch

    def run(sink: Sink) -> None:
        value = torch.zeros(output.shape) if tensor is None else tensor
        sink.write(0, value.to(torch_dtype(output.dtype)))

    return Step((output,), run)


def _refuse_existing(out: Path) -> None:
    if out.exists():
        raise ModelError(f"{out} exists already: give another folder, or remove it")
