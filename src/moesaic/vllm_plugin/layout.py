"""The layout of an export for vLLM: names of architectures, settings and tensors. Needs neither torch nor vLLM.

    config.json                   that of the base, with model_type and architectures of MODEL_TYPES and ARCHITECTURES,
                                  and the settings of the routed blocks under "moesaic"
    *.safetensors                 the base's weights under their original names
    moesaic-*.safetensors         per layer, below model.layers.<i>.mlp: the tensors of TENSORS

The model type is known only to the plug-in, so that a program without the plug-in refuses the folder. Under the base's
own type, such a program would load the base and silently ignore the experts.

Shapes: D model, F hidden, E experts (in the factors without the anchor), R greatest LoRA rank, P = 2 (gate and up
projection).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moesaic.errors import ModelError
from moesaic.gates import experts_per_token

ARCHITECTURES: Final = {
    "llama": "MoesaicLlamaForCausalLM",
    "mistral": "MoesaicMistralForCausalLM",
    "qwen2": "MoesaicQwen2ForCausalLM",
    "qwen3": "MoesaicQwen3ForCausalLM",
}
"""``model_type`` of the base -> class in ``vllm_plugin.models``."""

MODEL_TYPES: Final = {family: f"moesaic_{family}" for family in ARCHITECTURES}
"""``model_type`` of the base -> ``model_type`` of the export."""

SETTINGS: Final = "moesaic"
"""Key of ``config.json`` with the settings of the routed blocks."""

LAYOUT_VERSION: Final = 1

TENSORS: Final = ("router_ED", "gate_up_A_PERD", "gate_up_B_PERF", "down_A_ERF", "down_B_ERD")
"""Tensors of a routed block: the gate, and the factors stacked over experts and padded with zeros to rank R."""


def tensor_name(layer: int, tensor: str) -> str:
    """Returns the stored name of a routed block's tensor."""
    return f"model.layers.{layer}.mlp.{tensor}"


@dataclass(frozen=True, slots=True)
class RoutedSettings:
    """The settings that all routed blocks of a model share.

    Attributes:
        experts: Names of the experts, in the order of the gates' rows. An anchor is last.
        scales: Factors by which the products B A are multiplied, one for each expert except an anchor.
        rank: The greatest LoRA rank R, to which all factors are padded.
        top_k: Number of experts per token.
    """

    experts: tuple[str, ...]
    scales: tuple[float, ...]
    rank: int
    top_k: int

    def as_json(self) -> dict[str, Any]:
        """Returns the entry of ``config.json``."""
        return {
            "layout": LAYOUT_VERSION,
            "experts": list(self.experts),
            "scales": list(self.scales),
            "rank": self.rank,
            "top_k": self.top_k,
        }

    @classmethod
    def read(cls, settings: Any) -> RoutedSettings:
        """Reads the entry of ``config.json``.

        Raises:
            ModelError: The entry is missing, has another layout version, or is inconsistent.
        """
        again = "export the model again (moesaic export --format vllm)"
        if not isinstance(settings, Mapping) or settings.get("layout") != LAYOUT_VERSION:
            found = settings.get("layout") if isinstance(settings, Mapping) else None
            raise ModelError(
                f"config.json: {SETTINGS}.layout is {found!r:.80}, this moesaic reads {LAYOUT_VERSION}: {again}"
            )
        try:
            read = cls(
                tuple(str(name) for name in settings["experts"]),
                tuple(float(scale) for scale in settings["scales"]),
                int(settings["rank"]),
                int(settings["top_k"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"config.json: {SETTINGS} is damaged ({type(error).__name__} {error}): {again}") from error
        if not 0 <= len(read.experts) - len(read.scales) <= 1 or read.rank < 1:
            raise ModelError(
                f"config.json: {SETTINGS} has {len(read.scales)} scales for {len(read.experts)} experts and rank "
                f"{read.rank}: {again}"
            )
        experts_per_token("top_k", read.top_k, len(read.experts))
        return read
