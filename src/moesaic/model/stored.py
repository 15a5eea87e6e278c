"""Checks what a checkpoint folder stores before it is loaded: plain weights of a known architecture.

The names, shapes and types in the headers of the files must be exactly those that follow from the configuration. This
ensures three things: memory is allocated for a size in an untrusted ``config.json`` only if the files really have as
many bytes, a tensor that would be ignored is reported by name, and quantised weights, whose integers mean nothing
without their scales, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import safetensors
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import at_fault, read_json_object

CONFIG: Final = "config.json"
INDEX: Final = "model.safetensors.index.json"
PLAIN_TYPES: Final = ("F64", "F32", "F16", "BF16")
"""Types of weights that are not quantised."""

_QUANTIZED_KEY = re.compile(r"quanti[sz]ation(_config)?|quantize_config|compression_config")
_QUANTIZED_FILES: Final = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")
_QUANTIZED_NAMES: Final = {
    r".*\.(SCB|weight_format)": "bitsandbytes, 8 bits",
    r".*\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..*)": "bitsandbytes, 4 bits",
    r".*\.(qweight|qzeros|scales|g_idx)": "GPTQ or AWQ",
    r".*\.(W_q|W_nbits|zero|scale|meta|nbits|group_size)": "HQQ",
    r".*\.(weight_packed|weight_zero_point|weight_shape|weight_g_idx)": "compressed-tensors",
    r".*(_blocks|_scales)": "MXFP4",
    r".*\.?(weight_scale|input_scale|scale_inv|activation_scale|k_scale|v_scale)(_inv|_2)?": "fp8",
    r".*(_qdata|:_data|_zero_point|layout_tensor.*)": "torchao",
    r".*\.biases": "MLX",
}
_DERIVED = re.compile(r"model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq")
"""Names of tables that old checkpoints contain, although they follow from the configuration."""

_Size = Annotated[StrictInt, Field(ge=1, le=2**31)]
_Token = Annotated[StrictInt, Field(ge=-1, le=2**31)]
_Real = Annotated[StrictFloat, Field(allow_inf_nan=False)] | Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]


class _Rotary(BaseModel):
    """Rotary settings in either spelling."""

    rope_type: StrictStr | None = None
    type: StrictStr | None = None
    rope_theta: _Real | None = None
    factor: _Real | None = None
    partial_rotary_factor: _Real | None = None
    low_freq_factor: _Real | None = None
    high_freq_factor: _Real | None = None
    original_max_position_embeddings: _Size | None = None


class _Settings(BaseModel):
    """The settings on which sizes and numbers depend; ``families`` checks the others."""

    model_type: StrictStr
    vocab_size: _Size
    hidden_size: _Size
    intermediate_size: _Size
    num_hidden_layers: Annotated[StrictInt, Field(ge=1, le=4096)]
    num_attention_heads: _Size
    num_key_value_heads: _Size | None = None
    head_dim: _Size | None = None
    max_position_embeddings: _Size = 2048
    rms_norm_eps: _Real = 1e-6
    rope_theta: _Real | None = None
    rope_scaling: _Rotary | None = None
    rope_parameters: _Rotary | None = None
    sliding_window: StrictInt | None = None
    use_sliding_window: StrictBool | None = None
    attention_bias: StrictBool | None = None
    tie_word_embeddings: StrictBool | None = None
    bos_token_id: _Token | None = None
    eos_token_id: _Token | list[_Token] | None = None
    pad_token_id: _Token | None = None


_REQUIRED: Final = ("num_key_value_heads", "tie_word_embeddings")
"""Settings whose defaults differ between the families. Missing ones are taken from transformers."""


class Stored(NamedTuple):
    """The description of a tensor in a header: its type, as safetensors calls it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def weight_files(folder: Path) -> list[Path]:
    """Returns the safetensors files of a checkpoint folder. If there is an index, files that it lists may be missing.

    Raises:
        CheckpointError: The index is corrupt, or lists files outside the folder.
    """
    if not (folder / INDEX).is_file():
        return sorted(folder.glob("*.safetensors"))
    weights = read_json_object(folder / INDEX).get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise CheckpointError(f"{folder / INDEX} has no weight_map: copy the checkpoint again")
    names = list(weights.values())
    if odd := [n for n in names if not isinstance(n, str) or not re.fullmatch(r"[\w][\w.=+ -]*\.safetensors", n)]:
        raise CheckpointError(
            f"{folder / INDEX}: {odd[0]!r:.80} is not the name of a file in the same folder: copy the folder again"
        )
    return [folder / name for name in sorted(set(names))]


def read_stored_config(folder: Path) -> dict[str, Any]:
    """Reads the ``config.json`` of a folder, without filling in defaults, and refuses quantised weights.

    Raises:
        ModelError: There is no ``config.json``, or the weights are quantised.
        CheckpointError: The file is corrupt.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise ModelError(f"{folder} is not a checkpoint folder: {CONFIG} is missing (base.model)")
    config = read_json_object(file)
    refuse_quantized_config(folder, config)
    return config


def check_settings(config: Mapping[str, Any], where: object) -> None:
    """Refuses a configuration with values that no model can have.

    Args:
        config: The content of a ``config.json``.
        where: Where it comes from, which begins the message of an error.

    Raises:
        ModelError: A value is not possible; the message names the first such setting.
    """
    try:
        _Settings.model_validate(config)
    except ValidationError as error:
        problem = error.errors()[0]
        raise ModelError(f"{where}: {at_fault(problem, config)}: {problem['msg']}; correct {CONFIG}") from error


def refuse_quantized_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses a checkpoint if its configuration or its files show that it is quantised.

    Raises:
        ModelError: The checkpoint is quantised; the message names the key or the file.
    """
    for key, value in config.items():
        if _QUANTIZED_KEY.fullmatch(key) and value:
            method = value.get("quant_method", "quantised") if isinstance(value, dict) else value
            raise ModelError(
                f"{folder}: {key} is set ({method!r:.40}): quantised weights are not read here. Take the checkpoint it "
                "was made from, or dequantise it with the library that made it; moesaic itself quantises with "
                "base.quantize: nf4"
            )
    for name in _QUANTIZED_FILES:
        if (folder / name).is_file():
            raise ModelError(
                f"{folder} holds {name}: quantised weights are not read here. Take the checkpoint it was made from"
            )


def expected_tensors(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of all tensors of a model with this configuration.

    Args:
        config: A configuration that ``check_settings`` accepts, with the defaults that differ between families filled
            in.
    """
    kind, hidden, inner = config["model_type"], config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or hidden // heads
    rows = {"q": heads * size, "k": (config.get("num_key_value_heads") or heads) * size}
    rows["v"] = rows["k"]
    layer: dict[str, tuple[int, ...]] = {
        f"self_attn.{name}_proj.weight": (count, hidden) for name, count in rows.items()
    }
    layer["self_attn.o_proj.weight"] = (hidden, rows["q"])
    if kind == "qwen2" or config.get("attention_bias"):
        layer |= {f"self_attn.{name}_proj.bias": (count,) for name, count in rows.items()}
    if kind != "qwen2" and config.get("attention_bias"):
        layer["self_attn.o_proj.bias"] = (hidden,)
    if kind == "qwen3":
        layer |= {"self_attn.q_norm.weight": (size,), "self_attn.k_norm.weight": (size,)}
    layer |= {"mlp.gate_proj.weight": (inner, hidden), "mlp.up_proj.weight": (inner, hidden)}
    layer |= {"mlp.down_proj.weight": (hidden, inner)}
    layer |= {"input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,)}
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for index in range(config["num_hidden_layers"]):
        tensors |= {f"model.layers.{index}.{name}": shape for name, shape in layer.items()}
    tensors["model.norm.weight"] = (hidden,)
    if not config.get("tie_word_embeddings"):
        tensors["lm_head.weight"] = (config["vocab_size"], hidden)
    return tensors


def check_stored(folder: Path, config: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Checks that the files of a checkpoint contain the tensors that follow from its configuration.

    Only the headers of the files are read.

    Args:
        folder: The checkpoint, for messages.
        config: Its configuration, which must be of a known family.
        files: Its safetensors files.

    Raises:
        ModelError: A setting is impossible, or a tensor is unknown, quantised or has another shape. The message names
            it.
        CheckpointError: A file is corrupt, or a tensor is missing.
    """
    complete = _complete(config, folder)
    check_settings(complete, folder)
    heads, groups = complete["num_attention_heads"], complete.get("num_key_value_heads") or 1
    if heads % groups or (complete.get("head_dim") is None and complete["hidden_size"] % heads):
        raise ModelError(
            f"{folder}: {heads} attention heads do not divide into {groups} (num_key_value_heads) or do not divide "
            f"hidden_size {complete['hidden_size']}; correct {CONFIG}"
        )
    stored: dict[str, Stored] = {}
    for file in files:
        try:
            with safetensors.safe_open(file, framework="np") as opened:
                for name in opened.keys():  # noqa: SIM118  # no mapping
                    view = opened.get_slice(name)
                    stored[name] = Stored(view.get_dtype(), tuple(view.get_shape()))
        except (safetensors.SafetensorError, OSError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(f"{file} is corrupt or half-written ({reason}): download it again") from error
    check_tensors(str(folder), stored, expected_tensors(complete), bool(complete.get("tie_word_embeddings")))


def check_tensors(
    where: str, stored: Mapping[str, Stored], expected: Mapping[str, tuple[int, ...]], is_tied: bool
) -> None:
    """Compares the stored tensors with the expected ones.

    Args:
        where: The checkpoint, for messages.
        stored: Name -> type and shape of each stored tensor.
        expected: Name -> shape of each expected tensor.
        is_tied: Whether the head is the embedding, so that a stored copy of the head is ignored.

    Raises:
        ModelError: A tensor is quantised, unknown, or has another shape.
        CheckpointError: A tensor is missing.
    """
    if not any(name.startswith("model.") for name in stored):  # saved without the head around the decoder
        stored = {name if name == "lm_head.weight" else f"model.{name}": spec for name, spec in stored.items()}
    for name, spec in stored.items():
        if name in expected and spec.dtype not in PLAIN_TYPES:
            raise ModelError(
                f"{where}: {name} has type {spec.dtype}: quantised weights are not read here (read are "
                f"{', '.join(PLAIN_TYPES)}). Take the checkpoint it was made from"
            )
    for name in stored:
        if name not in expected and not _DERIVED.fullmatch(name) and not (is_tied and name == "lm_head.weight"):
            method = next((how for pattern, how in _QUANTIZED_NAMES.items() if re.fullmatch(pattern, name)), None)
            raise ModelError(
                f"{where} holds the tensor {name!r:.120}, which belongs to quantised weights ({method}): they are not "
                "read here. Take the checkpoint it was made from"
                if method
                else f"{where} holds the tensor {name!r:.120}, which {CONFIG} has no place for: it would be left out. "
                "It is another architecture, or an adapter that was not merged"
            )
    if missing := [name for name in expected if name not in stored]:
        raise CheckpointError(
            f"{where} lacks {len(missing)} tensors (first: {missing[0]}): download or copy it again, whole"
        )
    for name, shape in expected.items():
        if stored[name].shape != shape:
            raise ModelError(
                f"{where}: {name} is {' x '.join(map(str, stored[name].shape))}, {CONFIG} says "
                f"{' x '.join(map(str, shape))}: they do not belong together"
            )


def _complete(config: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Fills in the defaults of missing settings on which names and shapes depend."""
    needed = (*_REQUIRED, "head_dim") if config.get("model_type") == "qwen3" else _REQUIRED
    if all(config.get(key) is not None for key in needed):
        return config
    import transformers

    try:
        defaults = transformers.AutoConfig.for_model(**config).to_dict()
    except Exception as error:  # the kind of exception depends on which value is wrong
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{folder} has no usable {CONFIG}: {reason}") from error
    return {**defaults, **{key: value for key, value in config.items() if value is not None}}
