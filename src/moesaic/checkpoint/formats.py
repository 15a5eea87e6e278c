"""Says which published Mixture-of-Experts architecture fits which base: tensor names and configuration.

    base              checkpoint      exact because
    llama, mistral    mixtral         same attention; softmax over the top-k logits = softmax over all, renormalised
    qwen2             qwen2_moe       the same with norm_topk_prob; its shared expert is there with zero weights
    qwen3             qwen3_moe       the same with norm_topk_prob; no shared expert

The names are those on disk (``block_sparse_moe.experts.0.w1.weight``), which transformers 4 and vLLM expect and
transformers 5 converts while loading. The fused names that transformers 5 has in memory load nowhere else: transformers
4 would leave such experts at random values. Likewise the rotary settings are written in both spellings
(``rope_theta``/``rope_scaling`` and ``rope_parameters``).
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
"""Width of qwen2_moe's shared expert, all zeros. Zero would do in transformers, but not in every kernel elsewhere."""

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
"""Settings beyond the common ones that decide about the form of a base."""
_OPTIONAL: Final = ("bos_token_id", "eos_token_id", "pad_token_id", "sliding_window")
"""Settings whose value may be none."""


@dataclass(frozen=True, slots=True)
class MoEFormat:
    """A published architecture: how its checkpoint names a routed block.

    Attributes:
        model_type: In ``config.json``.
        architecture: Class in transformers.
        block: Name of the routed block below ``model.layers.<i>``.
        projections: Names of an expert's gate, up and down projection.
        extra: More entries of the configuration.
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
        """Returns names and shapes of a layer's tensors that must be there and are zero."""
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
"""Base's ``model_type`` -> the architecture that computes the same."""


def read_config(folder: Path) -> dict[str, Any]:
    """Reads a checkpoint's configuration with all defaults of its class filled in.

    What transformers 5 has written leaves no default to fill in, and is read as it is: loading transformers' classes
    takes seconds, as long as all the rest of a small export.

    Raises:
        ModelError: There is none, or transformers does not know it.
    """
    written = read_stored_config(folder)
    if _is_complete(written):
        check_settings(written, folder)
        return written
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        values: dict[str, Any] = config.to_dict()
    except Exception as error:  # what it raises depends on which value is wrong
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{folder} has no usable config.json: {reason}") from error
    check_settings(values, folder)
    return values


def _is_complete(config: Mapping[str, Any]) -> bool:
    """True when no setting of a base that matters here is left to a default of its class."""
    wanted = (*_COMMON, "rope_parameters", *_COMPLETE.get(str(config.get("model_type")), ("model_type of a base",)))
    return all(key in config and (config[key] is not None or key in _OPTIONAL) for key in wanted)


def format_reasons(config: Mapping[str, Any]) -> list[str]:
    """Returns why a base with this configuration has no exact published MoE form; empty when it has one."""
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
    """Returns base frequency and the other rotary settings, whichever spelling the configuration uses."""
    rope = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    theta = rope.pop("rope_theta", config.get("rope_theta", 10000.0))
    rope["rope_type"] = rope.pop("type", None) or rope.get("rope_type", "default")
    return float(theta), rope


def moe_config(config: Mapping[str, Any], num_experts: int, top_k: int, dtype: str) -> dict[str, Any]:
    """Returns ``config.json`` of the routed form of a base.

    Args:
        config: The base's configuration with all defaults filled in (``read_config``).
        num_experts: Number of experts.
        top_k: Experts per token.
        dtype: ``bfloat16``, ``float16`` or ``float32``.
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
    """Returns rotary settings and number format under the names of transformers 4 and of transformers 5."""
    theta, rope = rotary(config)
    return {
        "rope_theta": theta,
        "rope_scaling": None if rope["rope_type"] == "default" else rope,
        "rope_parameters": {**rope, "rope_theta": theta},
        "dtype": dtype,
        "torch_dtype": dtype,
    }


def split_layer_key(name: str) -> tuple[int, str] | None:
    """Splits ``model.layers.3.mlp.gate_proj.weight`` into 3 and ``mlp.gate_proj``; None for other tensors."""
    found = _LAYER_KEY.fullmatch(name)
    return (int(found[1]), found[2]) if found else None


def required_names(config: Mapping[str, Any], projections: Sequence[str] = PROJECTIONS) -> list[str]:
    """Returns the names of all MLP weights that a base with this configuration must have."""
    layers = range(config["num_hidden_layers"])
    return [f"model.layers.{layer}.mlp.{projection}.weight" for layer in layers for projection in projections]
