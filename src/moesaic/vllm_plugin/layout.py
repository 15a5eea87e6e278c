"""The layout of an export for vLLM: names of architectures, settings and tensors. Needs neither torch nor vLLM.

    config.json                   the base's, with model_type and architectures of MODEL_TYPES and ARCHITECTURES, and
                                  the settings of the routed blocks under "moesaic"
    *.safetensors                 the base's weights under their own names
    moesaic-*.safetensors         per layer, below model.layers.<i>.mlp: the tensors of TENSORS

The model type is one of our own, so that a program without the plug-in refuses the folder; under the base's type it
would load the base and leave the experts out without a word.

Shapes: D model, F hidden, E experts (in factors: without the anchor), R greatest rank, P = 2 (gate and up projection).
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
"""Base's ``model_type`` -> class in ``vllm_plugin.models``."""

MODEL_TYPES: Final = {family: f"moesaic_{family}" for family in ARCHITECTURES}
"""Base's ``model_type`` -> that of the export."""

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
    """What the routed blocks of a model have in common.

    Attributes:
        experts: Names, in the order of the gates' rows; an anchor is last.
        scales: Factor on B A of each expert that has factors: of all, or of all but the anchor.
        rank: Greatest rank R, to which all factors are padded.
        top_k: Experts per token.
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
            ModelError: It is missing, of another layout, or its numbers do not fit each other.
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
