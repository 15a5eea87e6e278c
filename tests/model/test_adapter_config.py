"""Every key of PEFT's LoraConfig is honoured exactly or refused by name."""

import dataclasses
import json
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from moesaic.errors import CheckpointError, ModelError
from moesaic.model.adapter_config import (
    CHANGED_BASE,
    CONFIG_FILE,
    NEUTRAL,
    NO_EFFECT,
    PLAIN_STARTS,
    READ,
    read_settings,
)
from moesaic.model.lora import WEIGHTS_FILE, read_adapter
from moesaic.model.moe import compose
from pico import pico_llama, random_peft_adapter

IDS_1T = torch.arange(1, 41).view(1, -1) * 5 % 256
DEFAULTS = {
    field.name: field.default_factory() if field.default is dataclasses.MISSING else field.default
    for field in dataclasses.fields(peft.LoraConfig)
}


def adapter(folder: Path, **options) -> Path:
    random_peft_adapter(pico_llama(), folder, **options)
    return folder


def change(folder: Path, **values) -> Path:
    file = folder / CONFIG_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    return folder


def test_the_tables_name_every_key_of_peft_once():
    assert set(DEFAULTS) == READ | NO_EFFECT | set(NEUTRAL)
    assert not READ & NO_EFFECT
    assert not (READ | NO_EFFECT) & set(NEUTRAL)


@pytest.mark.parametrize("key", sorted(NEUTRAL))
def test_the_neutral_value_is_pefts_default(key):
    assert NEUTRAL[key][0] == DEFAULTS[key]


@pytest.mark.parametrize("key", sorted(NEUTRAL))
def test_another_value_is_refused_by_name(tmp_path, key):
    change(adapter(tmp_path), **{key: "lora_only" if key == "bias" else {"set": 1}})
    with pytest.raises(ModelError, match=rf"{key} is .* not supported"):
        read_settings(tmp_path)


def test_a_key_that_was_invented_later_is_refused_once_it_is_set(tmp_path):
    change(adapter(tmp_path), use_something_new=False, new_config=None, new_list=[])
    assert read_settings(tmp_path).rank == 4
    change(tmp_path, use_something_new=True)
    with pytest.raises(ModelError, match=r"use_something_new is True.*unknown"):
        read_settings(tmp_path)


@pytest.mark.parametrize("start", [*CHANGED_BASE, "pissa_niter_4", "mica", "invented"])
def test_starts_that_change_the_base_are_refused(tmp_path, start):
    with pytest.raises(ModelError, match="init_lora_weights"):
        read_settings(change(adapter(tmp_path), init_lora_weights=start))


@pytest.mark.parametrize("start", PLAIN_STARTS)
def test_other_starts_are_only_a_start(tmp_path, start):
    assert read_settings(change(adapter(tmp_path), init_lora_weights=start)).scale == 2.0


@pytest.mark.parametrize("options", [{"use_rslora": True}, {"layers_to_transform": [1]}, {"lora_alpha": -3}])
def test_what_is_honoured_gives_pefts_numbers(tmp_path, options):
    trained = random_peft_adapter(pico_llama(), tmp_path, **options)
    model = compose(pico_llama(), [read_adapter(tmp_path, "python")], "top_k", 1)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS_1T).logits, trained(IDS_1T).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:PiSSA changes the base weights:UserWarning")
def test_a_converted_pissa_adapter_is_plain(tmp_path):
    model = peft.get_peft_model(
        pico_llama(),
        peft.LoraConfig(r=4, target_modules=["up_proj"], task_type="CAUSAL_LM", init_lora_weights="pissa"),
    )
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(tmp_path / "start")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
        trained = model(IDS_1T).logits
    model.peft_config["default"].init_lora_weights = "pissa"
    model.save_pretrained(tmp_path / "plain", path_initial_model_for_weight_conversion=str(tmp_path / "start"))
    composed = compose(pico_llama(), [read_adapter(tmp_path / "plain", "python")], "top_k", 1)
    with torch.no_grad():
        torch.testing.assert_close(composed(IDS_1T).logits, trained, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("r", 0),
        ("r", True),
        ("r", 2.0),
        ("r", 10**30),
        ("lora_alpha", "16"),
        ("lora_alpha", 10**200),
        ("lora_alpha", True),
        ("use_rslora", "yes"),
        ("target_modules", {"a": 1}),
        ("target_modules", [1]),
        ("layers_to_transform", "1"),
        ("init_lora_weights", 7),
    ],
)
def test_values_of_another_type_are_refused_by_name(tmp_path, key, value):
    with pytest.raises((CheckpointError, ModelError), match=key):
        read_settings(change(adapter(tmp_path), **{key: value}))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_an_alpha_that_is_no_number_is_refused(tmp_path, value):
    file = adapter(tmp_path) / CONFIG_FILE
    file.write_text(file.read_text().replace('"lora_alpha": 8', f'"lora_alpha": {value}'))
    with pytest.raises(CheckpointError, match="beyond the range" if "999" in value else f"lora_alpha is {value}"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    "options", [{"target_modules": ["up_proj"]}, {"exclude_modules": ["down_proj"]}, {"layers_to_transform": 0}]
)
def test_factors_that_peft_would_ignore_are_refused(tmp_path, options):
    with pytest.raises(ModelError, match="does not name"):
        read_adapter(change(adapter(tmp_path), **options))


@pytest.mark.parametrize("factor", ["A", "B"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_factors_that_are_no_numbers_are_refused_by_name(tmp_path, factor, value):
    key = f"base_model.model.model.layers.1.mlp.up_proj.lora_{factor}.weight"
    tensors = load_file(adapter(tmp_path) / WEIGHTS_FILE)
    tensors[key][1, 1] = value
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match=key):
        read_adapter(tmp_path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.bool])
def test_factors_of_another_kind_of_number_are_refused(tmp_path, dtype):
    key = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    tensors = load_file(adapter(tmp_path) / WEIGHTS_FILE)
    save_file({**tensors, key: tensors[key].to(dtype)}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match=r"lora_A\.weight has type"):
        read_adapter(tmp_path)


def test_a_delta_beyond_float32_is_refused(tmp_path):
    tensors = load_file(adapter(tmp_path) / WEIGHTS_FILE)
    save_file({key: tensor.sign() * 1e25 for key, tensor in tensors.items()}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="range of float32"):
        read_adapter(tmp_path)
