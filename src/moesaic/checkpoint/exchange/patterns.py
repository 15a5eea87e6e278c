"""Rewrites adapters whose modules have different ranks and scales as equal adapters with one of each.

PEFT's ``rank_pattern`` and ``alpha_pattern`` give modules a rank and an alpha of their own, whereas an expert has only
one of each. The factors are therefore rewritten with the scale 1 and the largest rank:

    scale_m * B_m A_m  =  1 * [scale_m * B_m, 0] [A_m; 0]

The scale is multiplied in float32, and the zeros add nothing, so both adapters compute the same.

Shapes: R rank, I in, O out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StrictFloat, StrictInt, ValidationError

from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import CheckpointError, ModelError
from moesaic.files import at_fault, read_json_object, write_json
from moesaic.model.adapter_config import CONFIG_FILE, read_settings
from moesaic.model.lora import WEIGHTS_FILE, adapter_modules, check_factors, factor_key

_PATTERNS: Final = ("rank_pattern", "alpha_pattern")
_NAME: Final = re.compile(r"\^?[\w.]+\$?")  # PEFT accepts any regular expression, but some never end


class _Patterns(BaseModel):
    rank_pattern: dict[str, Annotated[StrictInt, Field(ge=1, le=2**20)]] | None = None
    alpha_pattern: dict[str, StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]] | None = None


def plain_adapter(folder: Path, out: Path) -> Path:
    """Returns an adapter folder with one rank and one scale that computes the same as the given one.

    Args:
        folder: A PEFT adapter folder.
        out: The folder to write, if the adapter has patterns.

    Returns:
        ``folder`` if the adapter has no patterns, else ``out``.

    Raises:
        ModelError: Another setting of the adapter is not supported, or a pattern is not the name of a module. The
            message names the key.
        CheckpointError: A file is corrupt, or the factors do not have the ranks that the patterns state.
    """
    file = folder / CONFIG_FILE
    if not file.is_file() or not re.search(rb'_pattern"\s*:\s*\{\s*"', file.read_bytes()[: 2**20]):
        return folder  # without patterns, or unreadable, which the next reader of the file reports
    values = read_json_object(file)
    ranks, alphas = _read_patterns(values, file)
    out.mkdir(parents=True)
    write_json(out / CONFIG_FILE, {**values, **{key: {} for key in _PATTERNS}})
    usual = read_settings(out)
    weights = folder / WEIGHTS_FILE
    with TensorReader(weights) as reader:
        shapes = {key: reader.spec(key).shape for key in reader.names}
        factors = {}
        for path in dict.fromkeys(_module(key) for key in shapes):
            rank = ranks.get(_pattern_of(path, ranks), usual.rank)
            alpha = alphas.get(_pattern_of(path, alphas), values["lora_alpha"])
            scale = alpha / (math.sqrt(rank) if values.get("use_rslora") else rank)
            pair = {key: shape for key, shape in shapes.items() if _module(key) == path}
            adapter_modules(weights, pair, replace(usual, rank=rank))
            A_RI, B_OR = (reader.read(factor_key(path, factor)) for factor in "AB")
            check_factors(weights, path, A_RI, B_OR, scale)
            factors[path] = A_RI.float(), B_OR.float() * scale
    if not factors:
        raise CheckpointError(f"{weights} holds no LoRA factors")
    largest = max(A_RI.shape[0] for A_RI, _ in factors.values())
    _write(factors, largest, out)
    plain = {**values, "r": largest, "lora_alpha": largest, "use_rslora": False, **{key: {} for key in _PATTERNS}}
    write_json(out / CONFIG_FILE, plain)
    return out


def _read_patterns(values: Mapping[str, Any], file: Path) -> tuple[dict[str, int], dict[str, int | float]]:
    try:
        patterns = _Patterns.model_validate({key: values.get(key) for key in _PATTERNS})
    except ValidationError as error:
        problem = error.errors()[0]
        raise CheckpointError(f"{file}: {at_fault(problem, values)}: {problem['msg']}") from error
    for key in _PATTERNS:
        for name in getattr(patterns, key) or ():
            if not _NAME.fullmatch(name):
                raise ModelError(f"{file}: {key} has {name!r:.80}, which is not supported: only names of modules are")
    return patterns.rank_pattern or {}, patterns.alpha_pattern or {}


def _pattern_of(path: str, patterns: Mapping[str, Any]) -> str:
    """Returns the first pattern that matches a module, as PEFT's ``get_pattern_key`` does; "" if none matches."""
    return next((name for name in patterns if re.match(rf"(.*\.)?({name})$", path)), "")


def _module(key: str) -> str:
    return key.removeprefix("base_model.model.").rpartition(".lora_")[0]


def _write(factors: Mapping[str, tuple[Any, Any]], rank: int, out: Path) -> None:
    from safetensors.torch import save_file
    from torch.nn.functional import pad

    tensors = {}
    for path, (A_RI, B_OR) in factors.items():
        more = rank - A_RI.shape[0]
        tensors[factor_key(path, "A")] = pad(A_RI, (0, 0, 0, more)).contiguous()
        tensors[factor_key(path, "B")] = pad(B_OR, (0, more)).contiguous()
    save_file(tensors, out / WEIGHTS_FILE, metadata={"format": "pt"})
