"""PEFT adapters inside the loaded base: put in for a while, taken out again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from moesaic.model.backbone import Base
from moesaic.model.lora import check_expert, read_adapter


@contextmanager
def adapted(base: Base, folder: Path) -> Iterator[Any]:
    """The base with a PEFT adapter on it, wherever its deltas are; taken out afterwards.

    Args:
        base: The base model; the same object, unchanged, afterwards.
        folder: The adapter; its factors are used in the base's number format.

    Yields:
        The base's causal language model, which now computes with the adapter.

    Raises:
        CheckpointError: The adapter's files are corrupt.
        ModelError: It is no plain LoRA adapter of this base.
    """
    check_expert(read_adapter(folder), base.model)  # before PEFT touches the base: a broken adapter must not stay in it
    with quiet_peft():
        peft_model = PeftModel.from_pretrained(base.model, str(folder), torch_device=str(base.model.device))
    try:
        cast_factors(base.model, base.model.dtype)
        yield base.model.eval()
    finally:
        peft_model.unload()


def cast_factors(model: Any, dtype: torch.dtype) -> None:
    """Casts the factors of all adapters in a model, which PEFT keeps in float32 for training."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.lora_A.to(dtype)
            module.lora_B.to(dtype)


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Hides hints that do not apply: only adapters are trained, loaded and saved here.

    They are about tied embeddings, base configurations and names that transformers is about to change.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield
