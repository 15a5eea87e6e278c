"""Reads a PEFT ``adapter_config.json`` and checks that the adapter is a plain low-rank delta.

An expert is ``W + scale B A`` on the base's own weights. PEFT has many options with which an adapter computes something
else. Therefore every key of ``LoraConfig`` is in one of three tables: keys that are read, keys without effect on a
stored adapter, and keys that are refused unless they have a neutral value. Any other key was added by a later PEFT and
is refused by name as soon as it is set.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import at_fault, read_json_object

CONFIG_FILE: Final = "adapter_config.json"

PLAIN_STARTS: Final = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of ``init_lora_weights`` that do not change the base's weights, so that the factors contain all changes."""

CHANGED_BASE: Final = ("pissa", "olora", "corda", "lora_ga", "loftq")
"""Beginnings of values of ``init_lora_weights`` that change the base's weights when the factors are initialised."""

NO_EFFECT: Final = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",  # this and the next three apply only to certain values of ``init_lora_weights``
        "eva_config",
        "loftq_config",
        "lora_ga_config",
        "inference_mode",
        "layers_pattern",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
    }
)
"""Keys that state where an adapter comes from or how it was trained, and do not affect what it computes."""

NEUTRAL: Final[Mapping[str, tuple[Any, str]]] = {
    "alora_invocation_tokens": (None, "the delta would apply only after certain tokens"),
    "alpha_pattern": ({}, "one alpha for the whole adapter is expected"),
    "arrow_config": (None, "routing between adapters is what moesaic's gates do"),
    "bias": ("none", "bias terms are not low-rank deltas"),
    "ensure_weight_tying": (False, "tied embeddings cannot differ between experts"),
    "fan_in_fan_out": (False, "weights stored input-first belong to architectures that are not supported"),
    "kasa_config": (None, "KaSA truncates the base's weights, which all experts share"),
    "layer_replication": (None, "repeated layers are another base"),
    "lora_bias": (False, "bias terms are not low-rank deltas"),
    "megatron_config": (None, "tensor-parallel adapters have to be gathered first"),
    "modules_to_save": (None, "fully trained modules would differ between experts outside the routed blocks"),
    "monteclora_config": (None, "sampled factors are not one low-rank delta"),
    "rank_pattern": ({}, "one rank for the whole adapter is expected"),
    "target_parameters": (None, "deltas on bare parameters cannot be placed on a module"),
    "trainable_token_indices": (None, "trained embeddings cannot differ between experts"),
    "use_bdlora": (None, "block-diagonal factors are stored in another form"),
    "use_dora": (False, "DoRA rescales the whole weight, which is not a low-rank delta"),
    "use_qalora": (False, "QALoRA pools the inputs, which is not a low-rank delta of the weight"),
    "velora_config": (None, "VeLoRA is a variant that was not compared with PEFT"),
}
"""Keys that can change what an adapter computes -> the value that does not, and why other values are refused."""

_HUGE = 2**20


class _Config(BaseModel):
    """The keys that are read; all other keys are looked up in the tables."""

    model_config = ConfigDict(extra="allow", frozen=True)

    peft_type: Literal["LORA"]
    task_type: Literal["CAUSAL_LM"] | None = None
    r: Annotated[StrictInt, Field(ge=1, le=_HUGE)]
    lora_alpha: StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    use_rslora: StrictBool | None = False
    init_lora_weights: StrictBool | StrictStr | None = True
    target_modules: list[StrictStr] | StrictStr | None = None
    exclude_modules: list[StrictStr] | StrictStr | None = None
    layers_to_transform: list[StrictInt] | StrictInt | None = None


READ: Final = frozenset(_Config.model_fields)


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The settings of an adapter that are needed to interpret its factors.

    Attributes:
        rank: Rank of every delta.
        scale: The factor by which ``B A`` is multiplied: ``alpha / r``, or ``alpha / sqrt(r)`` with ``use_rslora``.
        targets: Names of the modules that have a delta; None if the configuration gives a regular expression.
        excluded: Names of modules that have no delta.
        layers: Indices of the layers that have deltas; None for all layers.
    """

    rank: int
    scale: float
    targets: tuple[str, ...] | None
    excluded: tuple[str, ...]
    layers: frozenset[int] | None

    def covers(self, path: str) -> bool:
        """Returns whether PEFT would put a delta on the linear module with this path.

        A regular expression is not evaluated, because matching one from outside may never end. It counts as matching
        every path.
        """
        found = re.search(r"\blayers\.(\d+)\.", path)
        in_layers = self.layers is None or (found is not None and int(found[1]) in self.layers)
        return in_layers and (self.targets is None or _ends(path, self.targets)) and not _ends(path, self.excluded)


def read_settings(folder: Path) -> AdapterSettings:
    """Reads the configuration of an adapter folder.

    Raises:
        ModelError: There is no configuration, the adapter is not a LoRA adapter, or a key has a value that is not
            supported. The message names the key.
        CheckpointError: The configuration is corrupt, or a value has a type or a size that no adapter has.
    """
    file = folder / CONFIG_FILE
    if not file.is_file():
        raise ModelError(f"{folder} is not a PEFT adapter folder: {CONFIG_FILE} is missing")
    try:
        values = read_json_object(file)
    except CheckpointError as error:
        # PEFT writes NaN as Python does, which is not JSON. A message that names the key helps more than that.
        if odd := re.search(rb'"(\w{1,40})"\s*:\s*(NaN|-?Infinity)', file.read_bytes()[: 2**20]):
            key, number = (part.decode() for part in odd.groups())
            raise CheckpointError(f"{file}: {key} is {number}: a number is expected; save the adapter again") from error
        raise
    _refuse_other_types(values, file)
    try:
        config = _Config.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["loc"][:1] in (("r",), ("lora_alpha",)):
            raise CheckpointError(
                f"{file}: r is {values.get('r')!r:.80} and lora_alpha {values.get('lora_alpha')!r:.80}; a positive "
                "integer and a number are expected"
            ) from error
        raise CheckpointError(
            f"{file}: {at_fault(problem, values)}: {problem['msg']}; save the adapter again"
        ) from error
    _refuse_unplain(values, config, file)
    root = math.sqrt(config.r) if config.use_rslora else config.r
    try:
        scale = config.lora_alpha / root
    except OverflowError:
        scale = math.inf
    if not abs(scale) < 3e38:  # float32's range
        raise CheckpointError(f"{file}: lora_alpha is {config.lora_alpha!r:.80}, beyond the range of numbers")
    return AdapterSettings(
        rank=config.r,
        scale=scale,
        targets=_names(config.target_modules),
        excluded=_names(config.exclude_modules) or (),
        layers=_layers(config.layers_to_transform),
    )


def _refuse_other_types(values: Mapping[str, Any], file: Path) -> None:
    if values.get("peft_type") != "LORA":
        raise ModelError(f"{file}: peft_type is {values.get('peft_type')!r:.80}; only LORA adapters can be experts")
    if values.get("task_type") not in ("CAUSAL_LM", None):
        raise ModelError(
            f"{file}: task_type is {values['task_type']!r:.80}; only adapters of causal language models (CAUSAL_LM) "
            "can be experts"
        )


def _refuse_unplain(values: Mapping[str, Any], config: _Config, file: Path) -> None:
    for key, value in sorted(values.items()):
        if key in READ or key in NO_EFFECT or _is_unset(value):
            continue
        neutral, reason = NEUTRAL.get(key, (None, "it is unknown here and may change what the adapter computes"))
        if key not in NEUTRAL or value != neutral:
            raise ModelError(f"{file}: {key} is {value!r:.80}, which is not supported: {reason}; retrain without it")
    start = config.init_lora_weights
    if start in PLAIN_STARTS:
        return
    if isinstance(start, str) and start.startswith(CHANGED_BASE):
        raise ModelError(
            f"{file}: init_lora_weights is {start!r}, which is not supported: such an adapter changes the base's "
            "weights too. Convert it to plain LoRA: in PEFT, save it with "
            "save_pretrained(..., path_initial_model_for_weight_conversion=<adapter before training>)"
        )
    allowed = ", ".join(map(repr, PLAIN_STARTS))
    raise ModelError(f"{file}: init_lora_weights is {start!r:.80}, which is not supported: allowed: {allowed}")


def _is_unset(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _names(given: list[str] | str | None) -> tuple[str, ...] | None:
    """Returns the names in a list; None if nothing or a regular expression is given."""
    return tuple(given) if isinstance(given, list) else None


def _layers(given: list[int] | int | None) -> frozenset[int] | None:
    if given is None or given == []:
        return None
    return frozenset([given] if isinstance(given, int) else given)


def _ends(path: str, names: Iterable[str]) -> bool:
    return any(path == name or path.endswith(f".{name}") for name in names)
