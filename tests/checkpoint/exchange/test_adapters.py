"""PEFT exports name a base that is there, bring it along when asked to, and say what the prompt was."""

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file
from test_mixtral import NAMES, logits, make_folder
from typer.testing import CliRunner

from moesaic.checkpoint.exchange import adapters
from moesaic.checkpoint.exchange.adapters import export_peft
from moesaic.checkpoint.native import load_moe, read_model_folder
from moesaic.cli import app
from moesaic.data.prompts import PromptFormat
from moesaic.errors import ModelError
from moesaic.model.moe import force_expert
from pico import pico_base, pico_tokenizer


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def expert_logits(path: Path, name: str) -> torch.Tensor:
    model, _, _ = load_moe(path)
    with force_expert(model, name):
        return logits(model)


def test_a_base_beside_the_adapters_can_be_moved_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    expected = expert_logits(folder.path, "java")
    out = tmp_path / "new" / "out"
    done = CliRunner().invoke(app, ["export", str(folder.path), str(out), "--format", "peft", "--with-base"])
    assert done.exit_code == 0, done.output
    assert "note" not in done.stderr
    assert done.stdout.startswith(f"vllm serve {out / 'base'} --enable-lora --max-lora-rank 8 --lora-modules python=")
    shutil.rmtree(tmp_path / "base")
    shutil.move(out, tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert json.loads(Path("java/adapter_config.json").read_text())["base_model_name_or_path"] == "./base"
    adapted = peft.AutoPeftModelForCausalLM.from_pretrained("./java").eval()
    torch.testing.assert_close(logits(adapted), expected, atol=1e-5, rtol=1e-5)
    tokenizer = transformers.AutoTokenizer.from_pretrained("base")
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Add"}], add_generation_prompt=True)
    assert asked["input_ids"] == PromptFormat(pico_tokenizer()).prompt_ids("Add", NAMES[0])
    card = Path("README.md").read_text()
    assert "library_name: peft" in card
    assert 'from_pretrained("./base"), "python")' in card
    assert "--lora-modules python=python" in card
    assert not list(tmp_path.rglob("*.partial"))


def test_the_base_is_what_it_was_in_training(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), dtype="bfloat16")
    export_peft(folder.path, tmp_path / "out", with_base=True)
    stored = load_file(tmp_path / "base" / "model.safetensors")
    written = load_file(tmp_path / "out" / "base" / "model.safetensors")
    assert written.keys() == stored.keys()
    for name, tensor in stored.items():
        expected = tensor.bfloat16().float() if tensor.dim() == 2 else tensor
        assert torch.equal(written[name], expected), name
    assert not all(torch.equal(written[name], tensor) for name, tensor in stored.items())


def test_a_base_that_is_nowhere_else_is_named_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = pico_base(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    folder = make_folder(tmp_path, Path("base"))
    expected = expert_logits(folder.path, "cpp")
    done = CliRunner().invoke(app, ["export", str(folder.path), "out", "--format", "peft"])
    assert done.exit_code == 0, done.output
    assert "--with-base writes it beside" in done.stderr.replace("\n", " ")
    assert f"vllm serve {base} " in done.stdout
    assert "--chat-template out/chat_template.jinja --generation-config out" in done.stdout
    settings = transformers.GenerationConfig.from_pretrained("out")
    assert settings.eos_token_id == list(PromptFormat(pico_tokenizer()).stop_ids)
    monkeypatch.chdir("/")
    adapted = peft.AutoPeftModelForCausalLM.from_pretrained(str(tmp_path / "out" / "cpp")).eval()
    torch.testing.assert_close(logits(adapted), expected, atol=1e-5, rtol=1e-5)
    assert "--format peft --with-base` writes both" in (folder.path / "README.md").read_text()


def test_the_base_may_be_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    shutil.move(tmp_path / "base", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(ModelError, match="--base"):
        export_peft(folder.path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    command = ["export", str(folder.path), str(tmp_path / "out"), "--format", "peft"]
    done = CliRunner().invoke(app, [*command, "--base", str(tmp_path / "elsewhere")])
    assert done.exit_code == 0, done.output
    config = json.loads((tmp_path / "out" / "java" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "elsewhere")


def test_what_a_killed_export_left_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    with monkeypatch.context() as patch:
        patch.setattr(adapters, "write_export_card", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_peft(folder.path, tmp_path / "out", with_base=True)
    assert (tmp_path / ".out.partial" / "base").is_dir()
    export_peft(folder.path, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == sorted(NAMES)


def test_with_base_is_for_adapters(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    done = CliRunner().invoke(app, ["export", str(folder.path), str(tmp_path / "out"), "--with-base"])
    assert isinstance(done.exception, ModelError)
    assert "--with-base is only for --format peft" in str(done.exception)
    assert read_model_folder(folder.path).path == folder.path


@pytest.mark.parametrize(
    ("format_", "options", "said"),
    [
        ("peft", ["--merge-onto", "original"], "--merge-onto is only for --format mixtral or gguf or vllm"),
        ("peft", ["--attention", "average"], "--attention is only for"),
        ("mixtral", ["--quantize", "q8_0"], "--quantize is only for --format gguf: leave it out for --format mixtral"),
        ("gguf", ["--dtype", "bfloat16"], "--dtype is only for --format mixtral or vllm"),
        ("gguf", ["--shard-size", "7"], "--shard-size is only for"),
        ("vllm", ["--verify"], "--verify is only for --format mixtral"),
    ],
)
def test_an_option_of_another_format_is_refused(tmp_path, format_, options, said):
    command = ["export", str(tmp_path), str(tmp_path / "out"), "--format", format_, *options]
    done = CliRunner().invoke(app, command)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()
