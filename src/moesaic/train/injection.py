"""Inserts PEFT adapters into the loaded base, removes them, or folds them into its weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from moesaic.errors import ModelError
from moesaic.files import read_json, write_json
from moesaic.model.adapter_config import CONFIG_FILE
from moesaic.model.backbone import Base
from moesaic.model.lora import check_expert, read_adapter
from moesaic.recipe import ATTENTION_TARGETS, MLP_TARGETS
from moesaic.train.trainable import adapter_parameters


@contextmanager
def adapted(base: Base, folder: Path) -> Iterator[Any]:
    """Adds a PEFT adapter to the base inside the context and removes it afterwards.

    Args:
        base: The base model. It is changed in place and restored afterwards.
        folder: The adapter's folder. Its factors are cast to the base's number format.

    Yields:
        The base's causal language model, which now computes with the adapter.

    Raises:
        CheckpointError: The adapter's files are corrupt.
        ModelError: The adapter is not a plain LoRA adapter for this base.
    """
    check_expert(read_adapter(folder), base.model)  # checked here, because PEFT's own errors would not name the file
    try:
        with quiet_peft():
            PeftModel.from_pretrained(base.model, str(folder), torch_device=str(base.model.device))
        cast_factors(base.model, base.model.dtype)
        yield base.model.eval()
    finally:
        take_out(base.model)


def put_in_again(base: Base, folder: Path) -> PeftModel:
    """Adds a stored PEFT adapter to the base in order to train it on. ``take_out`` removes it.

    Args:
        base: The base model. It is changed in place.
        folder: The adapter's folder.

    Returns:
        PEFT's model around the base, with float32 factors and without dropout. ``save_adapter`` writes its adapter.

    Raises:
        CheckpointError: The adapter's files are corrupt.
        ModelError: The adapter is not a plain LoRA adapter for this base.
    """
    check_expert(read_adapter(folder), base.model)
    with quiet_peft():
        config = LoraConfig.from_pretrained(str(folder))
        config.lora_dropout, config.inference_mode = 0.0, False
        model = get_peft_model(base.model, config)
    load_factors(adapter_parameters(model), folder)
    return model


def save_adapter(model: PeftModel, base: Base, folder: Path) -> None:
    """Writes the adapter of a PEFT model as a PEFT folder that names the base."""
    model.peft_config["default"].base_model_name_or_path = base.spec
    with quiet_peft():
        model.save_pretrained(folder)
    config = read_json(folder / CONFIG_FILE)
    config["target_modules"].sort()  # PEFT writes a set, whose order differs from process to process
    write_json(folder / CONFIG_FILE, config)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty template; the model folder has a real card


def put_in(
    model: Any, rank: int, targets: Sequence[str] = (*ATTENTION_TARGETS, *MLP_TARGETS)
) -> dict[str, nn.Parameter]:
    """Adds a trainable delta of scale 1 to linear layers of the decoder; it is zero at first.

    Args:
        model: A causal language model, composed or not. In a composed model, the base's projections in the blocks get
            the delta, so that all experts share it.
        rank: Rank of the deltas.
        targets: Names of the layers; all by default.

    Returns:
        The factors of the deltas, by PEFT's names.
    """
    with quiet_peft():
        adapted = get_peft_model(
            model, LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets), task_type="CAUSAL_LM")
        )
    return {name: parameter for name, parameter in adapted.named_parameters() if "lora_" in name}


@torch.no_grad()
def fold_in(model: Any) -> None:
    """Adds the deltas of all adapters to the base's weights and removes the adapters.

    The sums are computed in float32 and rounded once to the number format of the weights.
    """
    for module in model.modules():
        if isinstance(module, LoraLayer):
            weight = module.get_base_layer().weight
            for name in module.active_adapters:
                delta_OI = module.scaling[name] * (
                    module.lora_B[name].weight.float() @ module.lora_A[name].weight.float()
                )
                weight.copy_(weight.float() + delta_OI)
    take_out(model)


def take_out(model: Any) -> None:
    """Removes injected adapters.

    PEFT's ``unload`` does this, too, but only if the injection succeeded. Its older releases also leave the adapters'
    configurations on the model, so that the next injection skips adapters with the same names.
    """
    layers = {path: module for path, module in model.named_modules() if isinstance(module, LoraLayer)}
    for path, layer in layers.items():
        parent, _, attribute = path.rpartition(".")
        setattr(model.get_submodule(parent), attribute, layer.get_base_layer())
    vars(model).pop("peft_config", None)


@torch.no_grad()
def load_factors(parameters: Mapping[str, nn.Parameter], folder: Path) -> None:
    """Copies the factors of a stored adapter into an injected one.

    Args:
        parameters: Factors of the injected adapter, by PEFT's names. They are changed in place.
        folder: Folder of the stored adapter.

    Raises:
        CheckpointError: The stored adapter's files are corrupt.
        ModelError: The stored adapter has other modules or another rank.
    """
    expert = read_adapter(folder)
    stored = {
        f"base_model.model.{path}.lora_{factor}.default.weight": tensor
        for path, pair in expert.deltas.items()
        for factor, tensor in zip("AB", pair, strict=True)
    }
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    if shapes != {name: tuple(tensor.shape) for name, tensor in stored.items()}:
        raise ModelError(
            f"{folder} has rank {expert.rank} on {len(expert.deltas)} modules, which is not what is trained: give "
            "experts.rank and experts.targets of the adapter that is to be trained on"
        )
    for name, parameter in parameters.items():
        parameter.copy_(stored[name])


def cast_factors(model: Any, dtype: torch.dtype) -> None:
    """Casts the factors of all adapters in a model. PEFT creates them in float32, for training."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.lora_A.to(dtype)
            module.lora_B.to(dtype)


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Hides warnings of PEFT that do not apply here, where only adapters are trained, loaded and saved.

    They concern tied embeddings, base configurations, and names that transformers is going to change.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
