"""Finds the trainable parameters of a model by name: gates, experts, adapters."""

from __future__ import annotations

from typing import Any

from torch import nn

from moesaic.model.moe import moe_blocks

FACTORS = ("_PERD", "_PERF", "_ERF", "_ERD")
"""Shape suffixes of the experts' factors."""


def gate_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Returns the parameters of the gates of a composed model."""
    return {
        f"{path}.router.{key}": parameter
        for path, block in moe_blocks(model).items()
        for key, parameter in block.router.named_parameters()
    }


def factor_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Returns the factors of all experts of a composed model."""
    return {
        f"{path}.{key}": parameter
        for path, block in moe_blocks(model).items()
        for key, parameter in block.named_parameters()
        if key.endswith(FACTORS)
    }


def trainable_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Returns the gates and the experts' factors of a composed model, by name."""
    return gate_parameters(model) | factor_parameters(model)


def adapter_parameters(model: Any) -> dict[str, nn.Parameter]:
    """Returns the factors of the PEFT adapters in a model."""
    return {name: parameter for name, parameter in model.named_parameters() if ".lora_" in name}
