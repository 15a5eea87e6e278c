"""What others made comes in unchanged, or with a report of the loss, or is refused with the place of the difference."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_mixtral import NAMES, load_strictly, logits, make_folder
from typer.testing import CliRunner

from moesaic.checkpoint.exchange.factoring import import_factored
from moesaic.checkpoint.exchange.importing import import_adapters, import_export, import_models
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.native import load_moe
from moesaic.cli import app
from moesaic.errors import CheckpointError, ModelError
from pico import ATTENTION, MLP, pico_base, random_peft_adapter


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return pico_base(tmp_path / "base")


def fine_tunes(base: Path, folder: Path, rank: int | None = None, names: tuple[str, ...] = NAMES) -> dict[str, Path]:
    """Checkpoints whose MLP weights differ from the base's by a random matrix (of a given rank)."""
    paths = {}
    for seed, name in enumerate(names):
        generator = torch.Generator().manual_seed(seed)
        shutil.copytree(base, folder / name)
        weights = load_file(base / "model.safetensors")
        for key, weight in weights.items():
            if ".mlp." in key:
                if rank is None:
                    change = torch.randn(weight.shape, generator=generator)
                else:
                    left = torch.randn(weight.shape[0], rank, generator=generator)
                    change = left @ torch.randn(rank, weight.shape[1], generator=generator)
                weights[key] = weight + 0.05 * change
        save_file(weights, folder / name / "model.safetensors", metadata={"format": "pt"})
        paths[name] = folder / name
    return paths


def random_gate_file(path: Path, num_experts: int = 4) -> Path:
    generator = torch.Generator().manual_seed(5)
    save_file({f"layers.{i}.weight": torch.randn(num_experts, 32, generator=generator) for i in range(2)}, path)
    return path


@pytest.mark.parametrize("kind", ["top_k", "noisy_top_k", "softmax"])
def test_export_and_import_give_the_same_bytes(tmp_path: Path, base: Path, kind: str) -> None:
    folder = make_folder(tmp_path, base, kind)
    export_mixtral(folder.path, tmp_path / "out", dtype="bfloat16")
    back = import_export(tmp_path / "out", tmp_path / "back")
    files = sorted(file.relative_to(folder.path) for file in folder.path.rglob("*") if file.is_file())
    assert sorted(file.relative_to(back.path) for file in back.path.rglob("*") if file.is_file()) == files
    for file in files:
        assert (back.path / file).read_bytes() == (folder.path / file).read_bytes()
    assert torch.equal(logits(load_moe(back.path)[0]), logits(load_moe(folder.path)[0]))


def test_export_that_was_trained_further_is_not_taken_for_its_folder(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path, base)
    export_mixtral(folder.path, tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    changed = {name: tensor * 1.01 if "w2" in name else tensor for name, tensor in weights.items()}
    save_file(changed, tmp_path / "out" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="changed after the export") as refused:
        import_export(tmp_path / "out", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    # What the message offers works, and takes the weights as they are now.
    assert "--checkpoint ... --base ... --factor" in str(refused.value)
    arguments = ["--checkpoint", str(tmp_path / "out"), "--base", str(base), "--factor", "--error", "1e-3"]
    done = CliRunner().invoke(app, ["import", str(tmp_path / "back"), *arguments])
    assert done.exit_code == 0, done.output
    model = load_moe(tmp_path / "back")[0]
    torch.testing.assert_close(logits(model), logits(load_strictly(tmp_path / "out")), atol=1e-2, rtol=1e-2)


def test_import_of_an_export_finds_the_base_where_it_is_now(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path, base)
    reference = logits(load_moe(folder.path)[0])
    export_mixtral(folder.path, tmp_path / "out")
    moved = base.rename(tmp_path / "moved")
    command = ["import", str(tmp_path / "back"), "--checkpoint", str(tmp_path / "out")]
    assert isinstance(CliRunner().invoke(app, command).exception, ModelError)
    done = CliRunner().invoke(app, [*command, "--base", str(moved)])
    assert done.exit_code == 0, done.output
    assert torch.equal(logits(load_moe(tmp_path / "back")[0]), reference)
    for name in NAMES:
        for file in folder.expert_path(name).iterdir():
            assert (tmp_path / "back" / "experts" / name / file.name).read_bytes() == file.read_bytes()


def test_foreign_folder_is_no_export(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ModelError, match="not an export of moesaic"):
        import_export(base, tmp_path / "back")


def test_adapters_keep_their_bytes_and_work(tmp_path: Path, base: Path) -> None:
    adapters = {}
    for seed, name in enumerate(("python", "java")):
        model = transformers.AutoModelForCausalLM.from_pretrained(base)
        reference = random_peft_adapter(model, tmp_path / name, rank=3 + seed, seed=seed)
        adapters[name] = tmp_path / name
    gates = random_gate_file(tmp_path / "gates.safetensors", 2)
    folder = import_adapters(str(base), adapters, tmp_path / "moe", top_k=1, gates=gates)
    for name, path in adapters.items():
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            assert (folder.expert_path(name) / file).read_bytes() == (path / file).read_bytes()
    assert [expert.rank for expert in folder.experts] == [3, 4]
    assert folder.read_router().keys() == load_file(gates).keys()
    # Gates that choose one expert give that expert: the same as PEFT itself.
    only_java = {f"layers.{i}.weight": torch.zeros(2, 32) for i in range(2)}
    save_file(only_java, tmp_path / "zero.safetensors")
    swapped = {"java": adapters["java"], "python": adapters["python"]}
    folder = import_adapters(str(base), swapped, tmp_path / "first", top_k=1, gates=tmp_path / "zero.safetensors")
    torch.testing.assert_close(logits(load_moe(folder.path)[0]), logits(reference), atol=1e-5, rtol=1e-5)


def test_adapters_without_gates_get_zero_ones(tmp_path: Path, base: Path) -> None:
    random_peft_adapter(transformers.AutoModelForCausalLM.from_pretrained(base), tmp_path / "a")
    folder = import_adapters(str(base), {"python": tmp_path / "a"}, tmp_path / "moe", kind="noisy_top_k")
    router = folder.read_router()
    assert set(router) == {f"layers.{i}.{part}" for i in range(2) for part in ("weight", "noise")}
    assert not any(tensor.any() for tensor in router.values())
    with pytest.raises(ModelError, match="exists already"):
        import_adapters(str(base), {"python": tmp_path / "a"}, tmp_path / "moe")


def test_adapters_known_to_be_of_another_base_are_refused(tmp_path: Path, base: Path) -> None:
    adapter = tmp_path / "run" / "java"
    random_peft_adapter(transformers.AutoModelForCausalLM.from_pretrained(base), adapter, targets=MLP)
    (adapter / "training.json").write_text('{"base_digest": "0123456789abcdef"}')
    with pytest.raises(ModelError, match=r"expert java was trained on another base \(digest 0123456789ab\)"):
        import_adapters(str(base), {"java": adapter}, tmp_path / "moe")
    (adapter / "training.json").unlink()
    model = import_adapters(str(base), {"java": adapter}, tmp_path / "moe").path
    other = pico_base(tmp_path / "other", seed=1)  # the same shapes
    with pytest.raises(ModelError, match="expert java was trained on another base"):
        import_adapters(str(other), {"java": model / "experts" / "java"}, tmp_path / "again")
    assert import_adapters(str(base), {"java": model / "experts" / "java"}, tmp_path / "again").names == ("java",)


def test_adapters_that_do_not_fit_are_refused(tmp_path: Path, base: Path) -> None:
    wide = transformers.AutoModelForCausalLM.from_pretrained(pico_base(tmp_path / "wide", intermediate_size=96))
    random_peft_adapter(wide, tmp_path / "wide_adapter", targets=MLP)
    plain = transformers.AutoModelForCausalLM.from_pretrained(base)
    random_peft_adapter(plain, tmp_path / "attention", targets=MLP + ATTENTION)
    with pytest.raises(ModelError) as error:
        import_adapters(
            str(base), {"python": tmp_path / "wide_adapter", "java": tmp_path / "attention"}, tmp_path / "moe"
        )
    assert "expert python does not fit model.layers.0.mlp" in str(error.value)
    assert "expert java: 8 deltas on attention" in str(error.value)
    with pytest.raises(ModelError, match="these experts need"):
        import_adapters(
            str(base),
            {"java": tmp_path / "attention"},
            tmp_path / "moe",
            attention="base",
            gates=random_gate_file(tmp_path / "gates.safetensors"),
        )
    assert not (tmp_path / "moe").exists()


def test_checkpoints_are_kept_exactly(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models")
    gates = random_gate_file(tmp_path / "gates.safetensors")
    import_models(base, models, tmp_path / "out", top_k=2, gates=gates, shard_bytes=50_000)
    model = load_strictly(tmp_path / "out")
    assert type(model) is transformers.MixtralForCausalLM
    written = {n: t for file in (tmp_path / "out").glob("*.safetensors") for n, t in load_file(file).items()}
    shared = load_file(base / "model.safetensors")
    for index, path in enumerate(models.values()):
        weights = load_file(path / "model.safetensors")
        for projection, name in zip(MLP, ("w1", "w3", "w2"), strict=True):
            stored = written[f"model.layers.1.block_sparse_moe.experts.{index}.{name}.weight"]
            assert torch.equal(stored, weights[f"model.layers.1.mlp.{projection}.weight"])
    for name, tensor in shared.items():
        if ".mlp." not in name:
            assert torch.equal(written[name], tensor)
    assert torch.equal(written["model.layers.0.block_sparse_moe.gate.weight"], load_file(gates)["layers.0.weight"])


def test_factoring_finds_the_rank_and_is_exact_there(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models", rank=3)
    gates = random_gate_file(tmp_path / "gates.safetensors")
    folder, losses = import_factored(str(base), models, tmp_path / "moe", error=1e-3, gates=gates)
    assert [loss.rank for loss in losses] == [3] * 4
    assert all(loss.mlp_error < 1e-3 and loss.left_out == 0 for loss in losses)
    import_models(base, models, tmp_path / "exact", gates=gates)
    factored = logits(load_moe(folder.path)[0])
    torch.testing.assert_close(factored, logits(load_strictly(tmp_path / "exact")), atol=1e-4, rtol=1e-4)


def test_factoring_reports_the_error_that_is_left(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models", names=("python",))
    with torch.no_grad():
        weights = load_file(models["python"] / "model.safetensors")
        weights["model.layers.0.self_attn.q_proj.weight"] += 1.0
        save_file(weights, models["python"] / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"python changes 1 tensors outside the MLP \(model.layers.0.self_attn.q_proj"):
        import_factored(str(base), models, tmp_path / "moe", error=0.5)
    folder, (loss,) = import_factored(str(base), models, tmp_path / "moe", error=0.5, attention="base")
    expert = folder.read_experts()[0]
    shared = load_file(base / "model.safetensors")
    lost = total = worst = 0.0
    for module in expert.deltas:
        change = (weights[f"{module}.weight"] - shared[f"{module}.weight"]).double()
        rest = (change - expert.delta(module).double()).square().sum().item()
        lost, total = lost + rest, total + change.square().sum().item()
        worst = max(worst, (rest / change.square().sum().item()) ** 0.5)
    assert loss.mlp_error == pytest.approx((lost / total) ** 0.5, rel=1e-4)
    assert loss.worst_error == pytest.approx(worst, rel=1e-4)
    assert worst <= 0.5
    assert loss.left_out > 0.01
    with pytest.raises(ModelError, match=r"needs rank \d+; with --max-rank 2 it is 0\.\d+"):
        import_factored(str(base), models, tmp_path / "again", error=0.5, max_rank=2, attention="base")


def test_mixtral_of_others_is_factored_on_its_base(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models", rank=2)
    gates = random_gate_file(tmp_path / "gates.safetensors")
    import_models(base, models, tmp_path / "foreign", gates=gates)
    folder, losses = import_factored(str(base), {"expert": tmp_path / "foreign"}, tmp_path / "moe", error=1e-3)
    assert folder.names == ("expert0", "expert1", "expert2", "expert3")
    assert [loss.rank for loss in losses] == [2] * 4
    assert torch.equal(folder.read_router()["layers.1.weight"], load_file(gates)["layers.1.weight"])
    reference = logits(load_strictly(tmp_path / "foreign"))
    torch.testing.assert_close(logits(load_moe(folder.path)[0]), reference, atol=1e-4, rtol=1e-4)


def test_the_base_as_the_last_expert_of_others_is_the_anchor(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models", rank=2)
    models["last"] = base
    gates = random_gate_file(tmp_path / "gates.safetensors", 5)
    import_models(base, models, tmp_path / "foreign", gates=gates)
    folder, losses = import_factored(str(base), {"expert": tmp_path / "foreign"}, tmp_path / "moe", error=1e-3)
    assert folder.names == (*(f"expert{index}" for index in range(4)), "base")
    assert folder.has_anchor
    assert losses[-1].mlp_change == 0
    reference = logits(load_strictly(tmp_path / "foreign"))
    torch.testing.assert_close(logits(load_moe(folder.path)[0]), reference, atol=1e-4, rtol=1e-4)


def test_other_shapes_are_refused_with_model_and_key(tmp_path: Path, base: Path) -> None:
    models = {"python": base, "java": pico_base(tmp_path / "other", intermediate_size=64)}
    for call in (
        lambda: import_models(base, models, tmp_path / "out"),
        lambda: import_factored(str(base), models, tmp_path / "out"),
    ):
        with pytest.raises(ModelError, match=r"java \(.*other\): intermediate_size is 64, the base has 48"):
            call()


def test_other_rotary_settings_are_refused(tmp_path: Path, base: Path) -> None:
    rope = {"rope_type": "default", "rope_theta": 777.0}
    models = {"python": base, "java": pico_base(tmp_path / "other", rope_parameters=rope)}
    with pytest.raises(ModelError, match=r"java \(.*other\): rotary settings are .*777\.0.*, the base has .*10000\.0"):
        import_models(base, models, tmp_path / "out")


def test_mixtral_of_another_base_is_refused(tmp_path: Path, base: Path) -> None:
    wide = pico_base(tmp_path / "wide", intermediate_size=64, vocab_size=264)
    import_models(wide, {"python": wide, "java": wide}, tmp_path / "foreign")
    with pytest.raises(ModelError) as error:
        import_factored(str(base), {"expert": tmp_path / "foreign"}, tmp_path / "moe")
    assert "vocab_size is 264, the base has 260" in str(error.value)
    assert "intermediate_size is 64, the base has 48" in str(error.value)
    import_models(base, {"python": base, "java": base}, tmp_path / "renamed")
    tokenizer = json.loads((tmp_path / "renamed" / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    (tmp_path / "renamed" / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="another tokenizer"):
        import_factored(str(base), {"expert": tmp_path / "renamed"}, tmp_path / "moe")


def test_other_tokenizers_are_refused_with_the_token(tmp_path: Path, base: Path) -> None:
    other = pico_base(tmp_path / "other")
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match=r"another tokenizer than .* \(token \d+ is 'b' instead of 'a'\)"):
        import_models(base, {"python": base, "java": other}, tmp_path / "out")


def test_settings_that_older_programs_write_unset_are_no_difference(tmp_path: Path, base: Path) -> None:
    tuned = fine_tunes(base, tmp_path / "tuned", rank=2, names=("python",))
    config = tuned["python"] / "config.json"
    written = json.loads(config.read_text()) | {"is_decoder": False, "pruned_heads": {}, "sep_token_id": None}
    config.write_text(json.dumps(written))
    import_factored(str(base), tuned, tmp_path / "model", top_k=1)
    config.write_text(json.dumps(written | {"is_decoder": True, "vocab_size": 264}))
    with pytest.raises(ModelError, match="is_decoder is True, the base has None") as error:
        import_factored(str(base), tuned, tmp_path / "other", top_k=1)
    assert "vocab_size is 264, the base has 260; its embedding was resized" in str(error.value)


def test_settings_and_weights_of_a_fine_tune_are_accounted_for(tmp_path: Path, base: Path) -> None:
    models = fine_tunes(base, tmp_path / "models", names=("python",))
    config = json.loads((models["python"] / "config.json").read_text())
    calls = [
        lambda: import_models(base, models, tmp_path / "out"),
        lambda: import_factored(str(base), models, tmp_path / "out", error=0.9),
    ]
    for key, value in [("eos_token_id", 7), ("rms_norm_eps", 1e-5), ("max_position_embeddings", 512)]:
        (models["python"] / "config.json").write_text(json.dumps({**config, key: value}))
        for call in calls:
            with pytest.raises(ModelError, match=rf"python \(.*\): {key} is {value}, the base has"):
                call()
    (models["python"] / "config.json").write_text(json.dumps({**config, "use_cache": False, "pad_token_id": 3}))
    weights = load_file(models["python"] / "model.safetensors")
    for name, message in [
        ("model.norm.weight", r"changes 1 tensors outside the MLP \(model\.norm\.weight by"),
        ("model.layers.1.mlp.up_proj.SCB", "quantised weights"),
        ("model.layers.1.mlp.up_proj.bias", "no place for"),
    ]:
        changed = {**weights, name: weights.get(name, torch.zeros(48)) + 0.5}
        save_file(changed, models["python"] / "model.safetensors", metadata={"format": "pt"})
        for call in calls:
            with pytest.raises(ModelError, match=message):
                call()
    half = {name: value.bfloat16() if ".mlp." not in name else value for name, value in weights.items()}
    save_file(half, models["python"] / "model.safetensors", metadata={"format": "pt"})
    import_models(base, models, tmp_path / "out", top_k=1)  # rounded is not changed
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(weights, models["python"] / "model.safetensors", metadata={"format": "pt"})
    for call in calls:
        with pytest.raises((ModelError, CheckpointError), match=r"NaN or infinity|exists already"):
            call()


def test_a_fine_tune_that_does_nothing_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ModelError, match="python does nothing"):
        import_factored(str(base), {"python": base}, tmp_path / "out")


def test_experts_that_do_nothing_are_named(tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = transformers.AutoModelForCausalLM.from_pretrained(base)
    random_peft_adapter(plain, tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({key: value * ("lora_A" in key) for key, value in load_file(file).items()}, file)
    import_adapters(str(base), {"python": tmp_path / "adapter"}, tmp_path / "idle")
    assert "expert python does nothing (in every module A or B is all zeros)" in capsys.readouterr().err
    plain = transformers.AutoModelForCausalLM.from_pretrained(base)
    random_peft_adapter(plain, tmp_path / "attention", targets=ATTENTION)
    with pytest.raises(ModelError, match="changes nothing that is routed"):
        import_adapters(str(base), {"python": tmp_path / "attention"}, tmp_path / "out", attention="base")
    with pytest.raises(ModelError, match="--attention average is for exports"):
        import_adapters(str(base), {"python": tmp_path / "attention"}, tmp_path / "out", attention="average")
    assert not (tmp_path / "out").exists()
