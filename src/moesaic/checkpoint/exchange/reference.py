"""Recomputes blocks of an export with transformers and PEFT alone, from the files that it was made from.

``mixtral.verify_export`` recomputes tensors with the same code that wrote them, so it finds errors of the disk or the
memory. This module finds errors of that code. transformers loads a decoder layer of the base, PEFT adds each adapter to
it, and the resulting weights are compared with the written ones, which the safetensors library reads. One layer at a
time is in memory.

Shapes: E experts, D model, I in, O out.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch

from moesaic.checkpoint.exchange.merging import STORED_TYPES, Merge
from moesaic.checkpoint.formats import ATTENTION, PROJECTIONS
from moesaic.checkpoint.streaming import torch_dtype
from moesaic.errors import CheckpointError
from moesaic.model.base_files import quiet_transformers
from moesaic.model.stored import weight_files

if TYPE_CHECKING:
    from torch import Tensor

_SAMPLED_LAYERS = 2


def verify_with_peft(export: Path, base: Path, merge: Merge, num_layers: int = _SAMPLED_LAYERS, seed: int = 0) -> int:
    """Compares a sample of an export's layers with the weights that transformers and PEFT compute.

    Args:
        export: The folder with the written shards.
        base: The checkpoint folder of the base.
        merge: The merge that was written, which states experts, output architecture and options.
        num_layers: Number of layers to sample.
        seed: Seed of the sample.

    Returns:
        Number of tensors that were compared.

    Raises:
        CheckpointError: A written value differs by more than one rounding to its type.
    """
    count = int(merge.config["num_hidden_layers"])
    compared = 0
    for layer in sorted(random.Random(seed).sample(range(count), min(num_layers, count))):
        gates = merge.folder.read_router()
        expected = {merge.target.gate(layer): gates[f"layers.{layer}.weight"]}
        for name, weight_OI in _layer_weights(base, merge, layer):
            expected[name] = weight_OI
        written = _tensors(export, list(expected))
        for name, exact in expected.items():
            check_rounding(name, written.get(name), exact.float())
        compared += len(expected)
    return compared


def check_rounding(name: str, found: Tensor | None, exact: Tensor) -> None:
    """Compares a written tensor, or some rows of it, with exact values.

    Args:
        name: Name of the tensor, for the message.
        found: The written values; None if the tensor is missing.
        exact: The expected values, in float32.

    Raises:
        CheckpointError: The tensor is missing, has another shape, or differs by more than one rounding to its type.
    """
    allowed = torch.finfo(found.dtype).eps * exact.abs() + 1e-6 * exact.abs().max() if found is not None else None
    # "Not all within" rather than "any beyond": a NaN must fail, too.
    if (
        found is None
        or allowed is None
        or found.shape != exact.shape
        or not bool(((found.float() - exact).abs() <= allowed).all())
    ):
        raise CheckpointError(
            f"verification failed: {name} differs from W + scale B A by more than one rounding. The disk or memory may "
            "be at fault: remove the partial folder and export again"
        )


def _layer_weights(base: Path, merge: Merge, layer: int) -> Iterator[tuple[str, Tensor]]:
    """Yields the names and exact values, in float32, of the weights that an export must contain of one layer."""
    from peft import PeftConfig, get_peft_model, load_peft_weights, set_peft_model_state_dict
    from peft.utils.integrations import dequantize_module_weight

    model = _one_layer(base, merge, layer)
    decoder = model.get_decoder().layers[0]
    linear = {f"mlp.{name}": getattr(decoder.mlp, name) for name in PROJECTIONS}
    linear |= {f"self_attn.{name}": getattr(decoder.self_attn, name) for name in ATTENTION}
    weights = {name: dequantize_module_weight(module).detach().float() for name, module in linear.items()}
    deltas: dict[str, list[Tensor]] = {name: [] for name in linear}
    for adapter in merge.folder.adapters:
        folder = merge.folder.expert_path(adapter.name)
        config = PeftConfig.from_pretrained(str(folder))
        config.base_model_name_or_path = None
        config.layers_to_transform = None  # there is only one layer; it has a delta if there are factors for it
        factors = load_peft_weights(str(folder), device="cpu")
        pattern = re.compile(rf"\blayers\.{layer}\.")
        factors = {pattern.sub("layers.0.", name): value for name, value in factors.items() if pattern.search(name)}
        with quiet_transformers():
            adapted = get_peft_model(copy.deepcopy(model), config)
            set_peft_model_state_dict(adapted, factors)
        found = adapted.base_model.model.get_decoder().layers[0]
        for name, values in deltas.items():
            block, _, projection = name.rpartition(".")
            module = getattr(getattr(found, block), projection)
            with torch.no_grad():
                delta = module.get_delta_weight("default").float() if hasattr(module, "get_delta_weight") else None
            values.append(torch.zeros_like(weights[name]) if delta is None else delta)
    for name, weight_OI in weights.items():
        block, _, projection = name.rpartition(".")
        if block == "mlp":
            anchor = [torch.zeros_like(weight_OI)] * merge.folder.has_anchor
            for expert, delta_OI in enumerate([*deltas[name], *anchor]):
                yield merge.target.expert(layer, expert, projection), weight_OI + delta_OI
        else:
            mean_OI = torch.stack(deltas[name]).sum(0) / merge.num_experts if merge.attention == "average" else 0.0
            yield f"model.layers.{layer}.{name}.weight", weight_OI + mean_OI


def _one_layer(base: Path, merge: Merge, layer: int) -> Any:
    """Returns a model of transformers whose only layer is a layer of the base, as it was in training."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    config.num_hidden_layers = 1
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[layer]]
    prefix = f"model.layers.{layer}."
    names = [name for name in merge.reader.names if name.startswith(prefix)]
    tensors = {name.replace(prefix, "model.layers.0."): value for name, value in _tensors(base, names).items()}
    section = merge.folder.base
    is_original = merge.merge_onto == "original"
    is_nf4 = section.get("quantize") == "nf4" and not is_original
    wanted = "bfloat16" if is_nf4 and section.get("dtype", "auto") == "auto" else section.get("dtype", "auto")
    stored = tensors[f"model.layers.0.mlp.{PROJECTIONS[0]}.weight"].dtype
    dtype = stored if is_original or wanted in ("auto", "float32") else torch_dtype(STORED_TYPES[wanted])
    options: dict[str, Any] = {}
    if is_nf4:
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    with quiet_transformers():
        return transformers.MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].from_pretrained(
            None, config=config, state_dict=tensors, dtype=dtype, **options
        )


def _tensors(folder: Path, names: list[str]) -> dict[str, Tensor]:
    """Reads tensors of a checkpoint folder with the safetensors library. Missing tensors are left out."""
    wanted, found = set(names), {}
    for file in weight_files(folder):
        with safetensors.safe_open(file, framework="pt") as opened:
            for name in wanted & set(opened.keys()):
                found[name] = opened.get_tensor(name)
    return found
