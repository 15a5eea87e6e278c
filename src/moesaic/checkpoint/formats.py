"""Says which published Mixture-of-Experts architecture fits which base: tensor names and configuration.

    base              checkpoint      why it is exact
    llama, mistral    mixtral         same attention; softmax over the top-k logits = renormalised softmax over all
    qwen2             qwen2_moe       the same, with norm_topk_prob; the shared expert is stored with zero weights
    qwen3             qwen3_moe       the same, with norm_topk_prob; there is no shared expert

Tensors are stored under the names that files have (``block_sparse_moe.experts.0.w1.weight``). transformers 4 and vLLM
expect these, and transformers 5 converts them while it loads. The fused names that transformers 5 uses in memory can be
loaded only by transformers 5; version 4 would leave such experts at random values. For the same reason, the rotary
settings are written in both spellings (``rope_theta``/``rope_scaling`` and ``rope_parameters``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from moesaic.errors import ModelError
from moesaic.model.stored import check_settings, read_stored_config

PROJECTIONS: Final = ("gate_proj", "up_proj", "down_proj")
ATTENTION: Final = ("q_proj", "k_proj", "v_proj", "o_proj")
SHARED_EXPERT_SIZE: Final = 64
"""Width of qwen2_moe's shared expert, whose weights are zero. transformers would accept a width of 0, some kernels of
other programs would not."""

_LAYER_KEY = re.compile(r"model\.layers\.(\d+)\.(.+)\.weight")

_COMMON = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "use_cache",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "tie_word_embeddings",
    "attention_dropout",
)
_COMPLETE: Final[Mapping[str, Sequence[str]]] = {
    "llama": ("attention_bias", "mlp_bias"),
    "mistral": ("sliding_window",),
    "qwen2": ("use_sliding_window",),
    "qwen3": ("use_sliding_window", "attention_bias"),
}
"""Settings of each family, besides the common ones, on which the architecture of a base depends."""
_OPTIONAL: Final = ("bos_token_id", "eos_token_id", "pad_token_id", "sliding_window")
"""Settings whose value may be None."""


@dataclass(frozen=True, slots=True)
class MoEFormat:
    """A published Mixture-of-Experts architecture and the names in its checkpoints.

    Attributes:
        model_type: The entry ``model_type`` of ``config.json``.
        architecture: Name of the class in transformers.
        block: Name of the routed block below ``model.layers.<i>``.
        projections: Names of an expert's gate, up and down projection.
        extra: Further entries of the configuration.
    """

    model_type: str
    architecture: str
    block: str
    projections: tuple[str, str, str]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def gate(self, layer: int) -> str:
        """Returns the stored name of a layer's gate."""
        return f"model.layers.{layer}.{self.block}.gate.weight"

    def expert(self, layer: int, expert: int, projection: str) -> str:
        """Returns the stored name of an expert's ``gate_proj``, ``up_proj`` or ``down_proj``."""
        name = self.projections[PROJECTIONS.index(projection)]
        return f"model.layers.{layer}.{self.block}.experts.{expert}.{name}.weight"

    def zeros(self, layer: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Returns the names and shapes of the tensors of a layer that the architecture requires and that are zero."""
        if self.model_type != "qwen2_moe":
            return {}
        block, size = f"model.layers.{layer}.{self.block}", SHARED_EXPERT_SIZE
        return {
            f"{block}.shared_expert.gate_proj.weight": (size, hidden_size),
            f"{block}.shared_expert.up_proj.weight": (size, hidden_size),
            f"{block}.shared_expert.down_proj.weight": (hidden_size, size),
            f"{block}.shared_expert_gate.weight": (1, hidden_size),
        }


_MIXTRAL = MoEFormat(
    "mixtral",
    "MixtralForCausalLM",
    "block_sparse_moe",
    ("w1", "w3", "w2"),
    {"output_router_logits": False, "router_aux_loss_coef": 0.001, "router_jitter_noise": 0.0},
)
_QWEN = {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [], "use_sliding_window": False}
_QWEN2 = MoEFormat(
    "qwen2_moe",
    "Qwen2MoeForCausalLM",
    "mlp",
    PROJECTIONS,
    {**_QWEN, "shared_expert_intermediate_size": SHARED_EXPERT_SIZE, "qkv_bias": True},
)
_QWEN3 = MoEFormat("qwen3_moe", "Qwen3MoeForCausalLM", "mlp", PROJECTIONS, _QWEN)

FORMATS: Final[Mapping[str, MoEFormat]] = {"llama": _MIXTRAL, "mistral": _MIXTRAL, "qwen2": _QWEN2, "qwen3": _QWEN3}
"""``model_type`` of the base -> the architecture that computes the same."""


def read_config(folder: Path) -> dict[str, Any]:
    """Reads the configuration of a checkpoint, with the defaults of its class filled in.

    A configuration that transformers 5 has written has no defaults to fill in, so transformers is not imported for it.
    The import takes seconds, as long as everything else in a small export.

    Raises:
        ModelError: There is no configuration, or transformers does not know it.
    """
    written = read_stored_config(folder)
    if _is_complete(written):
        check_settings(written, folder)
        return written
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        values: dict[str, Any] = config.to_dict()
    except Exception as error:  # the kind of exception depends on which value is wrong
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{folder} has no usable config.json: {reason}") from error
    check_settings(values, folder)
    return values


def _is_complete(config: Mapping[str, Any]) -> bool:
    """Returns whether a configuration states all settings that are needed, so that no default has to be filled in."""
    wanted = (*_COMMON, "rope_parameters", *_COMPLETE.get(str(config.get("model_type")), ("model_type of a base",)))
    return all(key in config and (config[key] is not None or key in _OPTIONAL) for key in wanted)


def format_reasons(config: Mapping[str, Any]) -> list[str]:
    """Returns the reasons why a base with this configuration has no exact published MoE form; empty if it has one."""
    kind = config.get("model_type")
    if kind not in FORMATS:
        return [f"architecture {kind!r} has no published MoE form that is known here; known: {', '.join(FORMATS)}"]
    reasons = []
    if config.get("hidden_act", "silu") != "silu":
        reasons.append(f"hidden_act is {config['hidden_act']!r}; the routed form of {kind} knows 'silu'")
    if config.get("mlp_bias"):
        reasons.append("mlp_bias: experts of the routed form have no biases")
    if kind in ("llama", "mistral") and config.get("attention_bias"):
        reasons.append("attention_bias: Mixtral's attention has no biases")
    if kind in ("qwen2", "qwen3") and config.get("use_sliding_window"):
        reasons.append(
            f"use_sliding_window: {kind} and its routed form choose the windowed layers differently; set it to false "
            "in the base's config.json if no input is longer than the window"
        )
    rope = rotary(config)[1]
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        reasons.append("partial_rotary_factor: the routed form rotates whole heads")
    return reasons


def rotary(config: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    """Returns the base frequency (theta) and the other rotary settings, from either spelling of a configuration."""
    rope = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    theta = rope.pop("rope_theta", config.get("rope_theta", 10000.0))
    rope["rope_type"] = rope.pop("type", None) or rope.get("rope_type", "default")
    return float(theta), rope


def moe_config(config: Mapping[str, Any], num_experts: int, top_k: int, dtype: str) -> dict[str, Any]:
    """Returns the content of ``config.json`` for the routed form of a base.

    Args:
        config: The base's configuration with all defaults filled in (``read_config``).
        num_experts: Number of experts.
        top_k: Number of experts per token.
        dtype: Type of the weights: ``bfloat16``, ``float16`` or ``float32``.
    """
    target = FORMATS[config["model_type"]]
    values: dict[str, Any] = {"architectures": [target.architecture], "model_type": target.model_type}
    values |= {key: config[key] for key in _COMMON if key in config}
    if values.get("head_dim") is None:
        values["head_dim"] = config["hidden_size"] // config["num_attention_heads"]
    values |= both_spellings(config, dtype)
    values["num_experts_per_tok"] = top_k
    values |= target.extra
    if target is _MIXTRAL:
        values["num_local_experts"] = num_experts
        values["sliding_window"] = config.get("sliding_window")
    else:
        values["num_experts"] = num_experts
        values["moe_intermediate_size"] = config["intermediate_size"]
    if target is _QWEN3:
        values["attention_bias"] = bool(config.get("attention_bias"))
    return values


def both_spellings(config: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Returns the rotary settings and the type of the weights under the names of transformers 4 and 5."""
    theta, rope = rotary(config)
    return {
        "rope_theta": theta,
        "rope_scaling": None if rope["rope_type"] == "default" else rope,
        "rope_parameters": {**rope, "rope_theta": theta},
        "dtype": dtype,
        "torch_dtype": dtype,
    }


def split_layer_key(name: str) -> tuple[int, str] | None:
    """Splits ``model.layers.3.mlp.gate_proj.weight`` into 3 and ``mlp.gate_proj``; returns None for other names."""
    found = _LAYER_KEY.fullmatch(name)
    return (int(found[1]), found[2]) if found else None


def required_names(config: Mapping[str, Any], projections: Sequence[str] = PROJECTIONS) -> list[str]:
    """Returns the names of all MLP weights that a base with this configuration must have."""
    layers = range(config["num_hidden_layers"])
    return [f"model.layers.{layer}.mlp.{projection}.weight" for layer in layers for projection in projections]
