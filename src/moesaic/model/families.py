"""The families of base models, one row each, with the differences of their decoder layers from Llama's.

Decoding has its own implementation of the layers (``decode.step``), and packed attention replaces that of the model.
Both are correct only for layers as the rows describe them. Therefore a model is compared with its row, and a setting or
a module that the row does not know is refused by name, so that it cannot be ignored silently.

A new family needs a row in this module, a row in ``checkpoint.formats`` for its export, and its variants in
``tests/model/test_families.py``, which compares training, decoding and generation with transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from moesaic.errors import ModelError

_PROJECTIONS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
_NORMED = _PROJECTIONS | {"q_norm", "k_norm"}
_LAYER = frozenset({"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"})
_DECODER = frozenset({"embed_tokens", "layers", "norm", "rotary_emb"})


@dataclass(frozen=True, slots=True)
class Family:
    """The differences of one ``model_type`` from Llama.

    Attributes:
        attention: Names of the modules of its attention. ``q_norm`` and ``k_norm`` are applied to each head before the
            rotary embedding.
        window: Where the sliding window is stated. ``none``: there is no window, and a setting with this name has no
            effect; ``model``: in the configuration, for all layers; ``layer``: in each layer.
    """

    attention: frozenset[str] = _PROJECTIONS
    window: Literal["none", "model", "layer"] = "none"


FAMILIES: Final[Mapping[str, Family]] = {
    "llama": Family(),
    "mistral": Family(window="model"),
    "qwen2": Family(window="layer"),
    "qwen3": Family(attention=_NORMED, window="layer"),
}

ROTARY_TYPES: Final = ("default", "linear", "dynamic", "llama3", "yarn")
"""Types of rotary embeddings whose frequencies, up to the context length, do not depend on the rest of a batch."""


def check_equations(config: Mapping[str, Any], where: object) -> None:
    """Refuses settings with which a layer computes something that moesaic does not support.

    Args:
        config: The content of a ``config.json``, with either spelling of the rotary settings.
        where: Where the settings come from, which begins the message of an error.

    Raises:
        ModelError: A setting is not supported; the message names it.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(
            f"{where}: architecture {kind!r:.80} cannot carry routed experts: allowed: {', '.join(FAMILIES)}"
        )
    if config.get("hidden_act", "silu") != "silu":
        raise ModelError(
            f"{where}: hidden_act is {config['hidden_act']!r}, a routed MLP needs 'silu': use another base"
        )
    if config.get("mlp_bias"):
        raise ModelError(f"{where}: mlp_bias is set, which a routed MLP cannot carry: use another base")
    rotary = config.get("rope_scaling") or config.get("rope_parameters") or {}
    rotary = rotary if isinstance(rotary, Mapping) else {}
    by_layer = any(isinstance(value, Mapping) for value in rotary.values())
    rotary_type = "one for each kind of layer" if by_layer else rotary.get("rope_type") or rotary.get("type", "default")
    if rotary_type not in ROTARY_TYPES:
        raise ModelError(
            f"{where}: rotary type {rotary_type!r} cannot be decoded in batches: allowed: {', '.join(ROTARY_TYPES)}; "
            "use another base"
        )
    factors = (rotary.get("partial_rotary_factor"), config.get("partial_rotary_factor"))
    if any(factor not in (None, 1, 1.0) for factor in factors):
        raise ModelError(f"{where}: partial_rotary_factor is set, but {kind} rotates whole heads: use another base")


def check_modules(model: Any) -> None:
    """Refuses a model whose layers have other modules than those of its family.

    Args:
        model: A causal language model, which may be composed, quantised or have adapters.

    Raises:
        ModelError: A module is unknown or missing; the message names it.
    """
    kind, decoder = model.config.model_type, model.get_decoder()
    groups = [("a decoder", [decoder], _DECODER), ("a layer", decoder.layers, _LAYER)]
    groups.append(("an attention", [layer.self_attn for layer in decoder.layers], FAMILIES[kind].attention))
    for what, modules, expected in groups:
        for module in modules:
            odd = sorted({name for name, _ in module.named_children()} ^ expected)
            if odd:
                raise ModelError(
                    f"{what} of this {kind} does not have the expected modules (additional or missing: "
                    f"{', '.join(odd)}): use "
                    "another base, or a release of transformers that moesaic was tested with"
                )


def windows(model: Any) -> list[int | None]:
    """Returns the sliding window of each layer, in tokens; None for a layer that sees all tokens before a token."""
    family, layers = FAMILIES[model.config.model_type], model.get_decoder().layers
    if family.window == "none":
        return [None] * len(layers)
    if family.window == "model":
        return [model.config.sliding_window] * len(layers)
    return [layer.self_attn.sliding_window for layer in layers]
