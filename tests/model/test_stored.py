"""Checkpoint folders: quantised, incomplete, over-complete and impossible ones are named before anything is loaded."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from moesaic.errors import CheckpointError, ModelError
from moesaic.model.backbone import load_base
from moesaic.model.base_files import resolve_base
from pico import pico_base

WEIGHT = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def base(tmp_path):
    return pico_base(tmp_path / "base")


def change_config(folder, **values):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return folder


def change_weights(folder, remove=(), **values):
    tensors = {key: value for key, value in load_file(folder / "model.safetensors").items() if key not in remove}
    save_file({**tensors, **values}, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


QUANTIZED = {
    "bitsandbytes, 8 bits": ("SCB",),
    "bitsandbytes, 4 bits": ("weight.absmax", "weight.quant_map", "weight.quant_state.bitsandbytes__nf4"),
    "GPTQ or AWQ": ("qweight", "qzeros", "scales", "g_idx"),
    "HQQ": ("W_q", "zero", "meta"),
    "compressed-tensors": ("weight_packed", "weight_shape", "weight_zero_point"),
    "fp8": ("weight_scale", "weight_scale_inv", "input_scale"),
    "MXFP4": ("weight_blocks", "weight_scales"),
    "torchao": ("weight_qdata",),
    "MLX": ("biases",),
}


@pytest.mark.parametrize(("method", "ending"), [(key, end) for key, ends in QUANTIZED.items() for end in ends])
def test_quantised_storage_is_refused_by_name(base, method, ending):
    name = f"model.layers.0.mlp.up_proj.{ending}"
    change_weights(base, **{name: torch.ones(48, dtype=torch.uint8)})
    with pytest.raises(ModelError, match=rf"up_proj\.{ending}.*quantised weights \({method}\)"):
        resolve_base(str(base))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_that_are_no_plain_numbers_are_refused(base, dtype):
    change_weights(base, **{WEIGHT: torch.ones(48, 32).to(dtype)})
    with pytest.raises(ModelError, match=r"up_proj\.weight has type .*quantised"):
        resolve_base(str(base))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quantization_config", {"quant_method": "bitsandbytes", "load_in_8bit": True}),
        ("quantization_config", {"quant_method": "fp8"}),
        ("quantization", {"group_size": 64, "bits": 4}),
        ("compression_config", {"format": "pack-quantized"}),
    ],
)
def test_a_configuration_that_says_quantised_is_refused(base, key, value):
    with pytest.raises(ModelError, match=f"{key} is set"):
        resolve_base(str(change_config(base, **{key: value})))


@pytest.mark.parametrize("name", ["quantize_config.json", "quant_config.json", "hf_quant_config.json"])
def test_a_quantiser_s_file_is_refused(base, name):
    (base / name).write_text("{}")
    with pytest.raises(ModelError, match=name):
        resolve_base(str(base))


@pytest.mark.parametrize(
    "name", ["model.layers.0.mlp.up_proj.bias", "model.layers.2.mlp.up_proj.weight", "score.weight"]
)
def test_a_tensor_that_would_be_left_out_is_named(base, name):
    with pytest.raises(ModelError, match=f"{name}.*no place for"):
        resolve_base(str(change_weights(base, **{name: torch.zeros(3)})))


def test_a_missing_tensor_is_named(base):
    with pytest.raises(CheckpointError, match=rf"lacks 1 tensors \(first: {WEIGHT}\)"):
        resolve_base(str(change_weights(base, remove=(WEIGHT,))))


def test_rotary_tables_and_the_copy_of_a_tied_head_are_no_surprise(base):
    embedding = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    change_weights(
        base,
        **{"model.layers.1.self_attn.rotary_emb.inv_freq": torch.ones(4), "lm_head.weight": embedding.clone()},
    )
    assert load_base(str(base)).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 10**9),
        ("num_hidden_layers", 3),
        ("hidden_size", 10**12),
        ("hidden_size", -32),
        ("hidden_size", "32"),
        ("hidden_size", True),
        ("vocab_size", 261),
        ("intermediate_size", [48]),
        ("num_attention_heads", 0),
        ("num_attention_heads", 3),
        ("num_key_value_heads", 3),
        ("head_dim", 16),
        ("rms_norm_eps", "tiny"),
        ("eos_token_id", {"a": 1}),
        ("tie_word_embeddings", "yes"),
        ("model_type", ["llama"]),
        ("model_type", {}),
    ],
)
def test_sizes_that_the_weights_do_not_have_are_refused(base, key, value):
    with pytest.raises((ModelError, CheckpointError)):
        resolve_base(str(change_config(base, **{key: value})))


@pytest.mark.parametrize(
    "names", [["../../x.safetensors"], ["/etc/passwd"], [7], [["a"]], [None], ["a/b.safetensors"], []]
)
def test_an_index_that_points_elsewhere_is_refused(base, names):
    index = {"weight_map": {f"t{number}": name for number, name in enumerate(names)}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="index"):
        resolve_base(str(base))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(base, value):
    weight = load_file(base / "model.safetensors")[WEIGHT]
    weight[1, 2] = value
    with pytest.raises(CheckpointError, match=rf"{WEIGHT} holds NaN or infinity"):
        load_base(str(change_weights(base, **{WEIGHT: weight})))
