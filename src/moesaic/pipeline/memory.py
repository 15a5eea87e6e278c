"""Says what to change when the memory of a GPU or of the machine is full: the keys that decide its use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from moesaic.errors import DeviceMemoryError
from moesaic.pipeline.inputs import reads_as
from moesaic.recipe import Recipe

_FREE: Final[Mapping[str, tuple[str, ...]]] = {
    "keep": ("predict.batch_size",),
    "experts": ("experts.gradient_checkpointing",),
    "compose": ("predict.row_tokens",),
    "gate": ("gate.selective_checkpointing", "gate.gradient_checkpointing"),
    "reward": ("reward.batch_size",),
    "baselines": ("experts.gradient_checkpointing", "gate.gradient_checkpointing", "predict.row_tokens"),
    "predict": ("predict.batch_size", "predict.row_tokens"),
}
"""Stage, as in ``reads_as`` -> keys that change no result, so that the stage continues from its checkpoint."""

_COSTLY: Final[Mapping[str, tuple[str, ...]]] = {
    "keep": ("keep.max_new_tokens",),
    "experts": ("experts.row_tokens",),
    "compose": (),
    "gate": ("gate.row_tokens",),
    "reward": ("reward.row_tokens", "reward.max_new_tokens"),
    "baselines": ("experts.row_tokens", "gate.row_tokens"),
    "predict": ("predict.max_new_tokens",),
}
"""Stage -> keys whose change starts the stage again."""


_SHARED: Final = ("keep", "experts", "compose", "gate", "predict")
"""Stages that can spread the base over several processes."""


@contextlib.contextmanager
def memory_errors(recipe: Recipe, name: str) -> Iterator[None]:
    """Turns a failed allocation in a stage into an error that names the keys to change.

    Args:
        recipe: The recipe.
        name: Name of the stage's folder, for example ``experts/python``.

    Raises:
        DeviceMemoryError: The memory is full.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        stage = reads_as(name)
        free, costly = (_advice(recipe, keys.get(stage, ())) for keys in (_FREE, _COSTLY))
        steps = [f"{free} (no result changes, and the stage goes on where it stopped)" if free else ""]
        steps += [f"{costly} (starts this stage again)" if costly else ""]
        if recipe.base.quantize == "none":
            can_shard = stage in _SHARED and not recipe.processes.shard
            steps += ["processes.shard: true on several GPUs (torchrun; no result changes)" if can_shard else ""]
            steps += ["set base.quantize: nf4 (trains everything again)"]
        reason = (str(error).strip() or "no more said").splitlines()[0]
        raise DeviceMemoryError(
            f"{name}: the memory is full ({reason}). "
            f"Finished stages and checkpoints are kept. Run again with one of: {'; '.join(filter(None, steps))}"
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error comes from a failed allocation, on a GPU or in the machine's memory.

    Native libraries report some of these errors only by their text.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


_SIGNS: Final = ("out of memory", "can't allocate memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed")


def _advice(recipe: Recipe, keys: tuple[str, ...]) -> str:
    """Says which keys to lower, or to switch on if they are off."""
    parts = []
    for key in keys:
        section, _, name = key.partition(".")
        value = getattr(getattr(recipe, section), name)
        if value is False:
            parts.append(f"{key}: true")
        elif value is not True:
            parts.append(f"a lower {key} (now {value:,})")
    return " or ".join(parts)
