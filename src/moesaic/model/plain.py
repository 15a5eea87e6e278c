"""A base that writes texts on a CPU without transformers, whose import takes as long as a hundred tokens.

Decoding uses only the modules of a model and computes the layers itself (``decode.step``). Therefore a model that only
writes texts can consist of these modules alone, with the names and attributes that they have in transformers, and with
the weights of the checkpoint. Bases with further properties (scaled rotary embeddings, windows that differ between
layers, quantised weights, another type than float32) have to be loaded with ``backbone.load_base``.

Shapes: T tokens, D model, V vocabulary, A head size, J = A / 2; of linear layers O out, I in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moesaic.errors import CheckpointError
from moesaic.files import read_json_object
from moesaic.model.backbone import Base, check_finite
from moesaic.model.base_files import BaseSource, stamp
from moesaic.model.stored import CONFIG, weight_files

_NEEDED = ("num_key_value_heads", "tie_word_embeddings", "max_position_embeddings", "rms_norm_eps", "head_dim")
"""Settings whose defaults differ between the families. A configuration that lacks one of them is not plain."""


@dataclass(frozen=True)
class PlainConfig:
    """The properties of a configuration that decoding reads; ``settings`` is the content of ``config.json``."""

    settings: Mapping[str, Any]

    @property
    def model_type(self) -> str:
        """The family of the model."""
        return str(self.settings["model_type"])

    @property
    def max_position_embeddings(self) -> int:
        """The context length in tokens."""
        return int(self.settings["max_position_embeddings"])

    @property
    def vocab_size(self) -> int:
        """The number of tokens in the vocabulary."""
        return int(self.settings["vocab_size"])

    @property
    def num_hidden_layers(self) -> int:
        """The number of layers."""
        return int(self.settings["num_hidden_layers"])

    @property
    def sliding_window(self) -> int | None:
        """The sliding window of Mistral in tokens; None if there is none, and for other families."""
        return self.settings.get("sliding_window") if self.model_type == "mistral" else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of ``config.json``."""
        return dict(self.settings)


class PlainModel(nn.Module):
    """The modules of a causal language model, for ``decode``. The model itself has no forward pass.

    Args:
        settings: The content of a ``config.json`` for which ``is_plain`` is true.
        tensors: The tensors of the checkpoint under the names of transformers, in the type in which they are used. They
            are not copied.
    """

    def __init__(self, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.config = PlainConfig(settings)
        self.model = _Decoder(settings, tensors)
        head = "model.embed_tokens" if settings["tie_word_embeddings"] else "lm_head"
        self.lm_head = _linear(tensors, head)

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.lm_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return self.model.norm.weight.dtype

    def get_decoder(self) -> nn.Module:
        """Returns the decoder: embedding, layers, final norm and rotary embedding."""
        return self.model

    def get_output_embeddings(self) -> nn.Module:
        """Returns the language-model head."""
        return self.lm_head


class _Decoder(nn.Module):
    def __init__(self, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        weight_VD = tensors["model.embed_tokens.weight"]
        self.embed_tokens = nn.Embedding(weight_VD.shape[0], weight_VD.shape[1], _weight=weight_VD, _freeze=True)
        paths = [f"model.layers.{index}" for index in range(settings["num_hidden_layers"])]
        self.layers = nn.ModuleList(_Layer(settings, tensors, path) for path in paths)
        self.norm = _Norm(tensors["model.norm.weight"], settings)
        self.rotary_emb = _Rotary(settings)


class _Layer(nn.Module):
    def __init__(self, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], path: str) -> None:
        super().__init__()
        self.self_attn = _Attention(settings, tensors, f"{path}.self_attn")
        self.mlp = _MLP(tensors, f"{path}.mlp")
        self.input_layernorm = _Norm(tensors[f"{path}.input_layernorm.weight"], settings)
        self.post_attention_layernorm = _Norm(tensors[f"{path}.post_attention_layernorm.weight"], settings)


class _Attention(nn.Module):
    sliding_window = None

    def __init__(self, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], path: str) -> None:
        super().__init__()
        self.head_dim = _head_size(settings)
        self.scaling = self.head_dim**-0.5
        self.q_proj, self.k_proj = _linear(tensors, f"{path}.q_proj"), _linear(tensors, f"{path}.k_proj")
        self.v_proj, self.o_proj = _linear(tensors, f"{path}.v_proj"), _linear(tensors, f"{path}.o_proj")
        if f"{path}.q_norm.weight" in tensors:
            self.q_norm = _Norm(tensors[f"{path}.q_norm.weight"], settings)
            self.k_norm = _Norm(tensors[f"{path}.k_norm.weight"], settings)


class _MLP(nn.Module):
    act_fn = staticmethod(F.silu)

    def __init__(self, tensors: Mapping[str, Tensor], path: str) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = _linear(tensors, f"{path}.gate_proj"), _linear(tensors, f"{path}.up_proj")
        self.down_proj = _linear(tensors, f"{path}.down_proj")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return y


class _Norm(nn.Module):
    """RMSNorm (Zhang and Sennrich 2019, section 3)."""

    def __init__(self, weight: Tensor, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.variance_epsilon = float(settings["rms_norm_eps"])

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))
        return normed


class _Rotary(nn.Module):
    """Cosines and sines of the rotary embedding (Su et al. 2021, section 3.4.2), for pairs of the two halves."""

    frequency_J: Tensor

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        size = _head_size(settings)
        exponent_J = torch.arange(0, size, 2, dtype=torch.float) / size
        self.register_buffer("frequency_J", 1.0 / ((_theta(settings) or 0.0) ** exponent_J), persistent=False)

    def forward(self, x_TD: Tensor, positions_T: Tensor) -> tuple[Tensor, Tensor]:
        angle_TJ = positions_T[..., None].float() * self.frequency_J
        angle_TA = torch.cat((angle_TJ, angle_TJ), dim=-1)
        return angle_TA.cos().to(x_TD.dtype), angle_TA.sin().to(x_TD.dtype)


def _linear(tensors: Mapping[str, Tensor], path: str) -> nn.Linear:
    """Makes a linear layer of existing weights."""
    weight_OI, bias_O = tensors[f"{path}.weight"], tensors.get(f"{path}.bias")
    layer = nn.Linear(1, 1, bias=bias_O is not None)  # small, because its own random weights are replaced
    layer.out_features, layer.in_features = weight_OI.shape
    layer.weight = nn.Parameter(weight_OI, requires_grad=False)
    if bias_O is not None:
        layer.bias = nn.Parameter(bias_O, requires_grad=False)
    return layer


def is_plain(settings: Mapping[str, Any]) -> bool:
    """Returns whether this module supports a configuration.

    Args:
        settings: The content of a ``config.json`` that ``stored`` and ``families`` accept.
    """
    needed = _NEEDED if settings["model_type"] == "qwen3" else _NEEDED[:-1]
    rotary = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    return (
        all(settings.get(key) is not None for key in needed)
        and rotary.get("rope_type", rotary.get("type", "default")) == "default"
        and _theta(settings) is not None
        and (settings["model_type"] == "mistral" or not settings.get("use_sliding_window"))
        and (settings["model_type"] != "mistral" or "sliding_window" in settings)
    )


def load_plain(source: BaseSource) -> Base | None:
    """Loads a base's modules in float32 on the CPU.

    Args:
        source: A base whose files were checked (``base_files.check_folder``).

    Returns:
        The base without a tokenizer, with its model in evaluation mode and without gradients; None if its configuration
        is not plain.

    Raises:
        CheckpointError: A tensor holds NaN or infinity, or a file is corrupt.
        ModelError: The files were changed while they were read.
    """
    settings = read_json_object(source.path / CONFIG)
    if not is_plain(settings):
        return None
    read_from = stamp(source.path)
    tensors: dict[str, Tensor] = {}
    for file in weight_files(source.path):
        try:
            tensors |= safetensors.torch.load_file(file)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(f"{file} is corrupt or half-written ({error}): download it again") from error
    if not any(name.startswith("model.") for name in tensors):  # saved without the head around the decoder
        tensors = {name if name == "lm_head.weight" else f"model.{name}": each for name, each in tensors.items()}
    model = PlainModel(settings, {name: tensor.float() for name, tensor in tensors.items()}).eval()
    check_finite(model, source.path)
    base = Base(model, None, source.digest, source.spec, source.path, source.revision, read_from)
    base.check_unchanged()
    return base


def _head_size(settings: Mapping[str, Any]) -> int:
    return int(settings.get("head_dim") or settings["hidden_size"] // settings["num_attention_heads"])


def _theta(settings: Mapping[str, Any]) -> float | None:
    rotary = settings.get("rope_parameters") or {}
    theta = rotary.get("rope_theta", settings.get("rope_theta"))
    return None if theta is None else float(theta)
