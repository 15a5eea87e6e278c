"""Writes a base whose weights were changed as a separate checkpoint, for moesaic and for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from moesaic.checkpoint.companions import write_companions, write_config
from moesaic.checkpoint.formats import both_spellings, read_config

if TYPE_CHECKING:
    from moesaic.model.backbone import Base


def write_base(base: Base, folder: Path) -> None:
    """Writes a base with its weights as they are in memory.

    Tokenizer, generation settings and licence are copied from the checkpoint that the base was loaded from.

    Args:
        base: The loaded base, decomposed and without adapters.
        folder: The folder of the new checkpoint, which is made.

    Raises:
        ModelError: The configuration of the base cannot be read.
    """
    from moesaic.model.base_files import quiet_transformers

    config, dtype = read_config(base.path), str(base.model.dtype).removeprefix("torch.")
    with quiet_transformers():
        base.model.save_pretrained(folder)
    write_companions(base.path, folder, config)
    write_config(folder, {**config, **both_spellings(config, dtype)})
