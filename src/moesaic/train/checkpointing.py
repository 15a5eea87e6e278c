"""Saves memory in training: recomputes activations in the backward pass instead of storing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moesaic.model.moe import moe_blocks


@contextmanager
def checkpointed_activations(model: Any, wanted: bool) -> Iterator[None]:
    """Recomputes whole decoder layers in the backward pass while the context lasts, if wanted."""
    if not wanted:
        yield
        return
    # Renamed during transformers 5; the old name is there to the end of 5, but warns.
    name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(model, f"{name}_checkpointing_disable")()


@contextmanager
def checkpointed_slots(model: Any, wanted: bool) -> Iterator[None]:
    """Recomputes what a token's top-k slots hold while the context lasts, if wanted.

    Selective activation recomputation (Korthikanti et al. 2022, section 5): the slots' hidden activations are K times
    as large as the base's and most of what a layer keeps, but the products that make them are thin.

    Args:
        model: A composed model.
        wanted: Whether to do it.
    """
    blocks = list(moe_blocks(model).values()) if wanted else []
    for block in blocks:
        block.recompute = True
    try:
        yield
    finally:
        for block in blocks:
            block.recompute = False
