"""Saves memory in training: recomputes activations in the backward pass instead of storing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moesaic.model.moe import moe_blocks


@contextmanager
def checkpointed_activations(model: Any, wanted: bool) -> Iterator[None]:
    """Recomputes whole decoder layers in the backward pass inside the context, if wanted."""
    if not wanted:
        yield
        return
    # The method was renamed during transformers 5. The old name works until the end of 5, but warns.
    name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(model, f"{name}_checkpointing_disable")()


@contextmanager
def checkpointed_slots(model: Any, wanted: bool) -> Iterator[None]:
    """Recomputes the activations of each token's top-k experts in the backward pass inside the context, if wanted.

    This is selective activation recomputation (Korthikanti et al. 2022, section 5). The hidden activations of the k
    experts are k times as large as those of the base and most of what a layer stores, but the low-rank products that
    recompute them are cheap.

    Args:
        model: A composed model.
        wanted: Whether to recompute.
    """
    blocks = list(moe_blocks(model).values()) if wanted else []
    for block in blocks:
        block.recompute = True
    try:
        yield
    finally:
        for block in blocks:
            block.recompute = False
