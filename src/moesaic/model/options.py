"""Checks options for loading and running a model before torch is imported and weights are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesaic.errors import ModelError

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "bfloat16", "int8")
"""Types of the weights that can be requested."""


def chosen_device(device: str | torch.device | None) -> torch.device:
    """Returns the requested device; by default the first GPU, or the CPU if there is none.

    Raises:
        ModelError: There is no such device.
    """
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"device is {device!r}: allowed: cpu, cuda, cuda:0 and so on") from error
    count = torch.cuda.device_count()
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        raise ModelError(f"device is {str(device)!r}, but there are {count} CUDA devices: leave it out, or use cpu")
    return chosen


def check_dtype(dtype: str) -> None:
    """Checks the name of a type of weights.

    Raises:
        ModelError: There is no such type.
    """
    if dtype not in DTYPES:
        raise ModelError(f"dtype is {dtype!r}: allowed: {', '.join(DTYPES)}")


def check_sampling(max_new_tokens: int, temperature: float, top_p: float) -> None:
    """Checks the settings of sampling.

    Args:
        max_new_tokens: Largest number of new tokens, at least 1.
        temperature: Temperature, at least 0 and finite; 0 is greedy.
        top_p: Threshold of nucleus sampling, above 0 and at most 1.

    Raises:
        ModelError: A setting is out of range.
    """
    if max_new_tokens < 1:
        raise ModelError(f"max_new_tokens is {max_new_tokens}: allowed: 1 or more")
    if not 0 <= temperature < float("inf"):
        raise ModelError(f"temperature is {temperature}: allowed: 0 (greedy) or more")
    if not 0 < top_p <= 1:
        raise ModelError(f"top_p is {top_p}: allowed: above 0, at most 1")
