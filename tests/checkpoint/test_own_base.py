"""A model folder with a base of its own needs no other: it loads, moves, is inspected, pushed, exported, imported."""

import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file
from test_gguf import SIZES, read_tensors
from test_inspection import FakeHub
from test_mixtral import NAMES, load_strictly, logits
from transformers import modeling_utils
from typer.testing import CliRunner

from moesaic.api import load
from moesaic.checkpoint import sharding
from moesaic.checkpoint.companions import tokenizer_digest
from moesaic.checkpoint.description import BASE, ModelFolder
from moesaic.checkpoint.exchange.adapters import export_peft
from moesaic.checkpoint.exchange.gguf import export_gguf
from moesaic.checkpoint.exchange.importing import import_export
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.publishing import push
from moesaic.checkpoint.formats import read_config, rotary
from moesaic.checkpoint.inspection import inspect_model
from moesaic.checkpoint.native import load_moe, read_model_folder, save_model_folder
from moesaic.cli import app
from moesaic.errors import CheckpointError, ModelError, SpaceError
from moesaic.model.backbone import DType, load_base
from moesaic.model.moe import force_base, force_expert
from moesaic.train.injection import fold_in, put_in
from pico import pico_base, random_expert


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def make_own(tmp_path: Path, dtype: DType = "float32", path: str = "moe") -> tuple[ModelFolder, torch.Tensor]:
    """A folder whose base got a random delta, and the changed base's logits; the base it was made from is gone."""
    original = pico_base(tmp_path / "original", rope_parameters={"rope_type": "default", "rope_theta": 5000.0}, **SIZES)
    (original / "LICENSE").write_text("as you like")
    base = load_base(str(original), dtype)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in put_in(base.model, 3).values():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    fold_in(base.model)
    folder = save_model_folder(
        tmp_path / path,
        base_spec={"model": str(original), "dtype": dtype, "quantize": "none"},
        base_digest=base.digest,
        experts=[random_expert(base.model, name, rank=2 + i, seed=i) for i, name in enumerate(NAMES)],
        router_tensors={f"layers.{layer}.weight": torch.randn(4, 64, generator=generator) for layer in range(2)},
        kind="top_k",
        top_k=2,
        own_base=base,
    )
    shutil.rmtree(original)
    return folder, logits(base.model)


def test_the_changed_base_is_in_the_folder_and_found_wherever_that_lies(tmp_path: Path) -> None:
    folder, changed = make_own(tmp_path)
    assert folder.has_own_base
    assert folder.base_title == str(tmp_path / "original")
    model, _, _ = load_moe(folder.path)
    before = logits(model)
    with force_base(model):
        assert torch.equal(logits(model), changed)
    shutil.move(folder.path, tmp_path / "elsewhere")
    model, _, moved = load_moe(tmp_path / "elsewhere")
    assert moved.base["model"] == str(tmp_path / "elsewhere" / BASE)
    assert torch.equal(logits(model), before)
    answer = load(tmp_path / "elsewhere", device="cpu").generate("Add 3", language="java", max_new_tokens=4)
    assert answer.num_tokens <= 4


def test_the_base_is_a_checkpoint_that_older_readers_understand(tmp_path: Path) -> None:
    folder, changed = make_own(tmp_path)
    base = folder.path / BASE
    assert torch.equal(logits(load_strictly(base)), changed)
    config = json.loads((base / "config.json").read_text())
    assert config["rope_theta"] == 5000.0  # of transformers 4
    assert rotary(read_config(base))[0] == 5000.0
    assert (config["dtype"], config["torch_dtype"]) == ("float32", "float32")
    assert (base / "LICENSE").read_text() == "as you like"
    assert json.loads((base / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert tokenizer_digest(base) == tokenizer_digest(pico_base(tmp_path / "again", **SIZES))
    assert transformers.AutoTokenizer.from_pretrained(base).chat_template is not None


def test_weights_keep_the_type_they_were_trained_in(tmp_path: Path) -> None:
    folder, _ = make_own(tmp_path, "bfloat16")
    stored = load_file(folder.path / BASE / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    assert json.loads((folder.path / BASE / "config.json").read_text())["torch_dtype"] == "bfloat16"
    assert export_mixtral(folder.path, tmp_path / "out", verify=True).dtype == "bfloat16"


def test_a_base_that_was_touched_or_given_is_refused(tmp_path: Path) -> None:
    folder, _ = make_own(tmp_path)
    original = pico_base(tmp_path / "original", **SIZES)
    with pytest.raises(ModelError, match=r"other weights\. Use the one in .*base \(no --base\)"):
        inspect_model(folder.path, str(original))
    weights = folder.path / BASE / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="other weights"):
        load_moe(folder.path)
    weights.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match=r"base/model\.safetensors has .* truncated"):
        read_model_folder(folder.path)


def test_a_folder_without_one_has_no_base(tmp_path: Path) -> None:
    original = pico_base(tmp_path / "original", **SIZES)
    base = load_base(str(original))
    folder = save_model_folder(
        tmp_path / "moe",
        base_spec={"model": str(original), "dtype": "float32", "quantize": "none"},
        base_digest=base.digest,
        experts=[random_expert(base.model)],
        router_tensors={f"layers.{layer}.weight": torch.zeros(1, 64) for layer in range(2)},
        kind="top_k",
        top_k=1,
    )
    assert not folder.has_own_base
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "README.md", "experts", "moesaic.json", "router.safetensors",
    ]  # fmt: skip


def test_inspect_tells_the_base_s_bytes_from_the_folder_s(tmp_path: Path) -> None:
    folder, _ = make_own(tmp_path)
    facts = inspect_model(folder.path)
    files = {path: path.stat().st_size for path in folder.path.rglob("*") if path.is_file()}
    own = sum(size for path, size in files.items() if path.is_relative_to(folder.path / BASE))
    assert facts.folder_bytes == sum(files.values()) - own
    assert (facts.own_base, facts.base) == (True, str(tmp_path / "original"))
    parameters = load_strictly(folder.path / BASE).num_parameters()
    assert (facts.base_parameters, facts.base_bytes) == (parameters, 4 * parameters)
    shown = CliRunner().invoke(app, ["inspect", str(folder.path)])
    assert shown.exit_code == 0, shown.output
    assert f"on a base made from {tmp_path / 'original'}" in shown.stdout
    assert "which are in the folder" in shown.stdout
    card = (folder.path / "README.md").read_text()
    assert "are in `base/`" in card
    assert "works on its own, on `base/`." in card


def test_push_uploads_the_base_too_and_notices_when_it_is_missing(tmp_path: Path) -> None:
    folder, _ = make_own(tmp_path)
    hub = FakeHub()
    push(folder.path, "me/moe", api=hub)
    sent = hub.calls[1][1]
    assert (sent["folder_path"] / BASE / "model.safetensors").is_file()
    assert not [pattern for pattern in sent["ignore_patterns"] if (folder.path / BASE).match(pattern)]
    (folder.path / BASE / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"base/model\.safetensors is missing"):
        push(folder.path, "me/moe", api=hub)


def test_mixtral_export_and_the_way_back(tmp_path: Path) -> None:
    folder, _ = make_own(tmp_path)
    factored = logits(load_moe(folder.path)[0])
    report = export_mixtral(folder.path, tmp_path / "out", verify=True)
    assert (report.dtype, report.base_shift) == ("float32", None)
    torch.testing.assert_close(logits(load_strictly(tmp_path / "out")), factored, atol=1e-5, rtol=1e-5)
    written = {path.relative_to(folder.path): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    shutil.rmtree(folder.path)
    shutil.move(tmp_path / "out", tmp_path / "moved")
    back = import_export(tmp_path / "moved", tmp_path / "back")
    shutil.rmtree(tmp_path / "moved")
    assert {
        path.relative_to(back.path): path.read_bytes() for path in back.path.rglob("*") if path.is_file()
    } == written
    assert back.base["model"] == str(tmp_path / "back" / BASE)
    assert torch.equal(logits(load_moe(back.path)[0]), factored)


def test_mixtral_export_asks_for_the_base_s_room_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = make_own(tmp_path)
    asked: list[int] = []
    monkeypatch.setattr(sharding, "require_space", lambda _folder, size, _purpose: asked.append(size))
    report = export_mixtral(folder.path, tmp_path / "out")
    carried = sum(path.stat().st_size for path in (tmp_path / "out" / "moesaic").rglob("*") if path.is_file())
    assert asked[0] >= report.num_bytes + carried


@pytest.mark.parametrize("quantize", ["f16", "q8_0"])
def test_gguf_export_is_of_the_changed_base(tmp_path: Path, quantize: str) -> None:
    folder, _ = make_own(tmp_path)
    export_mixtral(folder.path, tmp_path / "out")
    export_gguf(folder.path, tmp_path / "out.gguf", quantize=quantize)  # type: ignore[arg-type]
    expected, found = load_file(tmp_path / "out" / "model.safetensors"), read_tensors(tmp_path / "out.gguf")
    for ours, theirs in (("block_sparse_moe.experts.2.w1", "ffn_gate_exps"), ("self_attn.v_proj", "attn_v")):
        exact = expected[f"model.layers.1.{ours}.weight"]
        tensor = torch.from_numpy(found[f"blk.1.{theirs}.weight"].copy())
        tensor = tensor[2] if tensor.dim() == 3 else tensor
        assert (tensor - exact).abs().max() <= (1 / 254 + 2**-11) * exact.abs().max()


def test_peft_export_brings_the_base_that_the_adapters_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = make_own(tmp_path)
    model, _, _ = load_moe(folder.path)
    with force_expert(model, "java"):
        expected = logits(model)
    weights = folder.expert_path("java") / "adapter_model.safetensors"
    content = weights.read_bytes()
    export = export_peft(folder.path, tmp_path / "out")
    shutil.rmtree(folder.path)
    assert export.launch.startswith(f"vllm serve {tmp_path / 'out' / BASE} --enable-lora")
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == sorted([*NAMES, BASE])
    assert (tmp_path / "out" / "java" / weights.name).read_bytes() == content
    shutil.move(tmp_path / "out", tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")  # the base is named from there
    adapted = peft.AutoPeftModelForCausalLM.from_pretrained("./java").eval()
    torch.testing.assert_close(logits(adapted), expected, atol=1e-5, rtol=1e-5)


def test_a_full_disk_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = modeling_utils.safe_save_file

    def full(tensors: dict[str, torch.Tensor], path: Path, **options: object) -> None:
        write(tensors, path, **options)
        if Path(path).parent.name == BASE:
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(modeling_utils, "safe_save_file", full)
    with pytest.raises(SpaceError, match="free some"):
        make_own(tmp_path)
    assert not (tmp_path / "moe").exists()
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "original")
    assert make_own(tmp_path)[0].has_own_base
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
