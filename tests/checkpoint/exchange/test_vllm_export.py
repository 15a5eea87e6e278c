"""Exports for vLLM: the base as it is, factors and gates beside it, and a folder that other programs refuse."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file
from test_mixtral import NAMES, make_folder
from typer.testing import CliRunner

from moesaic.checkpoint.exchange.vllm import cached_export, export_vllm, vllm_config
from moesaic.checkpoint.native import load_moe
from moesaic.checkpoint.streaming import TensorReader
from moesaic.cli import app
from moesaic.errors import ModelError
from moesaic.model.moe import moe_blocks
from moesaic.model.stored import INDEX
from moesaic.vllm_plugin.layout import TENSORS, RoutedSettings, tensor_name
from pico import ATTENTION, MLP, pico_base


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("anchor", [False, True])
def test_it_holds_the_base_and_every_block(tmp_path, anchor):
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base, anchor=anchor)
    report = export_vllm(folder.path, tmp_path / "out")
    assert report.linked
    assert report.base_shift is None
    out = tmp_path / "out"
    assert (out / "model.safetensors").samefile(base / "model.safetensors")
    config = json.loads((out / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("moesaic_llama", ["MoesaicLlamaForCausalLM"])
    settings = RoutedSettings.read(config["moesaic"])
    assert settings == RoutedSettings((*NAMES, *["base"] * anchor), (2.0, 0.5, 1.0, 1.5), 5, 2)
    model, _, _ = load_moe(folder.path)
    with TensorReader(out) as stored:
        assert set(load_file(base / "model.safetensors")) < set(stored.names)
        for layer, block in enumerate(moe_blocks(model).values()):
            ours = {"router_ED": block.router.weight_ED, **dict(block.named_parameters())}
            for name in TENSORS:
                assert torch.equal(stored.read(tensor_name(layer, name)), ours[name])
    assert "## Ask it" in (tmp_path / "out" / "README.md").read_text()
    assert {"tokenizer.json", "generation_config.json", "README.md", "chat_template.jinja"} <= {
        file.name for file in out.iterdir()
    }


def test_other_programs_refuse_it(tmp_path):
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    export_vllm(folder.path, tmp_path / "out")
    with pytest.raises(ValueError, match="moesaic_llama"):
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")


def test_a_base_in_shards_and_in_another_type(tmp_path):
    base = pico_base(tmp_path / "base")
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    model.save_pretrained(base, max_shard_size="50KB")
    (base / "model.safetensors").unlink(missing_ok=True)
    folder = make_folder(tmp_path, base)
    assert export_vllm(folder.path, tmp_path / "linked").linked
    report = export_vllm(folder.path, tmp_path / "out", dtype="bfloat16", shard_bytes=40_000)
    assert not report.linked
    own = sorted(file.name for file in (tmp_path / "out").glob("*.safetensors"))
    assert own[0] == f"moesaic-00001-of-{len(own):05d}.safetensors"
    assert len(own) > 1
    index = json.loads((tmp_path / "out" / INDEX).read_text())["weight_map"]
    assert set(index.values()) == set(own)
    with TensorReader(tmp_path / "out") as stored, TensorReader(tmp_path / "linked") as linked:
        assert stored.names == linked.names
        for name in stored.names:
            expected = linked.read(name)
            is_ours = name.rpartition(".")[2] in TENSORS
            assert torch.equal(stored.read(name), expected if is_ours else expected.bfloat16())
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"


def test_the_mean_of_deltas_goes_into_the_attention_and_nowhere_else(tmp_path):
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), targets=(*MLP, *ATTENTION))
    with pytest.raises(ModelError, match="--attention base"):
        export_vllm(folder.path, tmp_path / "out")
    assert export_vllm(folder.path, tmp_path / "left", attention="base").linked
    assert not export_vllm(folder.path, tmp_path / "mean", attention="average").linked
    with TensorReader(tmp_path / "left") as left, TensorReader(tmp_path / "mean") as mean:
        changed = {name for name in left.names if not torch.equal(left.read(name), mean.read(name))}
        assert changed == {name for name in left.names if name.rpartition(".weight")[0].endswith(ATTENTION)}


def test_a_killed_export_goes_on(tmp_path, monkeypatch):
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("moesaic.checkpoint.exchange.vllm.write_config", killed)
        with pytest.raises(KeyboardInterrupt):
            export_vllm(folder.path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export_vllm(folder.path, tmp_path / "out")
    assert (tmp_path / "out" / "config.json").is_file()
    assert not list(tmp_path.glob(".out*"))


def test_an_export_killed_at_any_file_that_it_adds_holds_its_experts(tmp_path, monkeypatch):
    from moesaic.checkpoint.exchange import vllm

    model = make_folder(tmp_path, pico_base(tmp_path / "base")).path
    whole = export_vllm(model, tmp_path / "whole").path
    files = {file.name: file.read_bytes() for file in whole.glob("*.safetensors")}

    def killed_behind(function):
        def run(*arguments):
            function(*arguments)
            raise KeyboardInterrupt

        return run

    for name in ("link_or_copy", "write_json", "write_companions"):
        with monkeypatch.context() as patch:
            patch.setattr(vllm, name, killed_behind(getattr(vllm, name)))
            with pytest.raises(KeyboardInterrupt):
                export_vllm(model, tmp_path / name)
        again = export_vllm(model, tmp_path / name).path
        assert {file.name: file.read_bytes() for file in again.glob("*.safetensors")} == files


def test_settings_that_vllm_takes_otherwise_are_left_out_or_refused(tmp_path):
    settings = RoutedSettings(("java",), (1.0,), 4, 1)
    config = {"model_type": "llama", "sliding_window": 4, "layer_types": [], "rope_theta": 1e4}
    config["rope_scaling"] = {"rope_type": "dynamic", "factor": 2.0}
    written = vllm_config(config, settings, "float32")
    assert not {"sliding_window", "layer_types"} & set(written)
    assert written["rope_parameters"] == {"rope_type": "default", "rope_theta": 1e4}
    assert vllm_config({"model_type": "mistral", "sliding_window": 4}, settings, "float32")["sliding_window"] == 4

    yarn = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32, "rope_theta": 1e4}
    long = {"model_type": "llama", "max_position_embeddings": 128, "rope_parameters": yarn}
    assert vllm_config(long, settings, "float32")["max_position_embeddings"] == 64
    assert vllm_config(long | {"max_position_embeddings": 48}, settings, "float32")["max_position_embeddings"] == 48

    base = pico_base(tmp_path / "base")
    config = transformers.Qwen2Config(
        **{**json.loads((base / "config.json").read_text()), "head_dim": 12, "model_type": "qwen2"}
    )
    transformers.Qwen2ForCausalLM(config).save_pretrained(base)
    with pytest.raises(ModelError, match="head_dim is 12: vLLM's Qwen2 has heads of 8"):
        export_vllm(make_folder(tmp_path, base).path, tmp_path / "out")
    config = transformers.Qwen3Config(**{**config.to_dict(), "attention_bias": True, "model_type": "qwen3"})
    transformers.Qwen3ForCausalLM(config).save_pretrained(base)
    with pytest.raises(ModelError, match="vLLM's Qwen3 has no bias on o_proj"):
        export_vllm(make_folder(tmp_path, base).path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_cached_export_is_made_once(tmp_path):
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), targets=(*MLP, *ATTENTION))
    entry = cached_export(folder.path)
    made = (entry / "config.json").stat().st_mtime_ns
    assert cached_export(folder.path) == entry
    assert (entry / "config.json").stat().st_mtime_ns == made
    other = make_folder(tmp_path, tmp_path / "base", top_k=1)
    assert cached_export(other.path) != entry


def test_the_command_says_how_to_serve_it(tmp_path):
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["export", str(folder.path), str(out), "--format", "vllm"])
    assert result.exit_code == 0, result.output
    assert f"vllm serve {out}" in result.output
    assert "moesaic[vllm]" in result.output
    again = CliRunner().invoke(app, ["export", str(folder.path), str(out), "--format", "vllm"])
    assert isinstance(again.exception, ModelError)
    assert "exists already" in str(again.exception)
