"""Adapters: PEFT reads what we write, we read what PEFT writes, and what does not fit is named."""

import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from moesaic.errors import CheckpointError, ModelError
from moesaic.model.adapter_config import CONFIG_FILE
from moesaic.model.lora import WEIGHTS_FILE, LoraExpert, LowRank, check_expert, read_adapter, write_adapter
from pico import ATTENTION, MLP, pico_llama, random_expert, random_peft_adapter


def tokens():
    return torch.arange(20)[None] * 7 % 256


def test_delta_is_scale_b_a():
    expert = LoraExpert(
        "java", 1, 3.0, {"m": LowRank(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0], [0.0], [-1.0]]))}
    )
    assert expert.delta("m").tolist() == [[3.0, 6.0], [0.0, 0.0], [-3.0, -6.0]]
    half = LoraExpert("java", 1, 3.0, {"m": LowRank(*(factor.bfloat16() for factor in expert.deltas["m"]))})
    assert half.delta("m").dtype == torch.float32


@pytest.mark.parametrize("targets", [MLP, MLP + ATTENTION, ("down_proj",)])
def test_peft_loads_what_we_write(tmp_path, targets):
    expert = random_expert(pico_llama(), "java", rank=3, scale=1.5, targets=targets)
    write_adapter(expert, tmp_path / "java", base="some/base")
    model = pico_llama()
    for path in expert.deltas:
        model.get_submodule(path).weight.data += expert.delta(path)
    peft_model = PeftModel.from_pretrained(pico_llama(), str(tmp_path / "java")).eval()
    with torch.no_grad():
        torch.testing.assert_close(peft_model(tokens()).logits, model(tokens()).logits, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(pico_llama()(tokens()).logits, model(tokens()).logits, atol=1e-2)
    assert json.loads((tmp_path / "java" / CONFIG_FILE).read_text())["base_model_name_or_path"] == "some/base"


@pytest.mark.parametrize("rslora", [False, True])
def test_we_read_what_peft_writes(tmp_path, rslora):
    peft_model = random_peft_adapter(pico_llama(), tmp_path / "cpp", rank=4, use_rslora=rslora)
    expert = read_adapter(tmp_path / "cpp")
    assert (expert.name, expert.rank, expert.scale) == ("cpp", 4, 4.0 if rslora else 2.0)
    assert list(expert.deltas)[:4] == [
        *(f"model.layers.0.mlp.{p}" for p in sorted(MLP)),
        "model.layers.1.mlp.down_proj",
    ]
    merged = peft_model.merge_and_unload()
    for path in expert.deltas:
        weight = pico_llama().get_submodule(path).weight + expert.delta(path)
        torch.testing.assert_close(merged.get_submodule(path).weight, weight)


def test_writing_is_reproducible_and_keeps_every_bit(tmp_path):
    expert = random_expert(pico_llama(), "python", rank=2, scale=0.7, targets=MLP + ATTENTION)
    write_adapter(expert, tmp_path / "a")
    targets = json.loads((tmp_path / "a" / CONFIG_FILE).read_text())["target_modules"]
    assert targets == sorted(MLP + ATTENTION)  # PEFT writes a set, in another order in every process
    again = read_adapter(tmp_path / "a", "python")
    assert again.scale == pytest.approx(expert.scale, rel=1e-15)
    write_adapter(LoraExpert("python", 2, expert.scale, again.deltas), tmp_path / "b")
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for path, (A_RI, B_OR) in expert.deltas.items():
        assert torch.equal(again.deltas[path].A_RI, A_RI)
        assert torch.equal(again.deltas[path].B_OR, B_OR)
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]


def test_layers_are_in_natural_order(tmp_path):
    deltas = {f"model.layers.{i}.mlp.up_proj": LowRank(torch.ones(1, 2), torch.ones(2, 1)) for i in (10, 2, 0)}
    write_adapter(LoraExpert("x", 1, 1.0, deltas), tmp_path)
    assert [path.split(".")[2] for path in read_adapter(tmp_path).deltas] == ["0", "2", "10"]


def change_config(folder, **changes):
    file = folder / CONFIG_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"use_dora": True}, ModelError, "use_dora is True, which is not supported: DoRA"),
        ({"modules_to_save": ["lm_head"]}, ModelError, r"modules_to_save is \['lm_head'\]"),
        ({"rank_pattern": {"up_proj": 8}}, ModelError, "rank_pattern"),
        ({"alpha_pattern": {"up_proj": 8}}, ModelError, "alpha_pattern"),
        ({"bias": "all"}, ModelError, "bias is 'all'"),
        ({"peft_type": "IA3"}, ModelError, "peft_type is 'IA3'; only LORA"),
        ({"r": 0}, CheckpointError, "r is 0"),
        ({"lora_alpha": None}, CheckpointError, "lora_alpha None"),
        ({"r": 5}, CheckpointError, r"model.layers.0.mlp.down_proj has A \(4, 48\), B \(32, 4\).*r = 5"),
    ],
)
def test_configurations_that_are_refused(tmp_path, changes, error, message):
    write_adapter(random_expert(pico_llama()), tmp_path)
    change_config(tmp_path, **changes)
    with pytest.raises(error, match=message):
        read_adapter(tmp_path)


def test_damaged_folders_are_refused(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        read_adapter(tmp_path / "nothing")
    with pytest.raises(ModelError, match="not a PEFT adapter folder"):
        read_adapter(tmp_path)
    write_adapter(random_expert(pico_llama()), tmp_path)
    weights = tmp_path / WEIGHTS_FILE
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"adapter_model.safetensors is corrupt or half-written"):
        read_adapter(tmp_path)
    weights.unlink()
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match=r"adapter_model.safetensors is missing; adapter_model.bin is a pickle"):
        read_adapter(tmp_path)
    weights.write_bytes(whole)
    (tmp_path / CONFIG_FILE).write_text('{"peft_type": ')
    with pytest.raises(CheckpointError, match=CONFIG_FILE):
        read_adapter(tmp_path)


def test_odd_tensors_are_refused(tmp_path):
    write_adapter(random_expert(pico_llama()), tmp_path)
    file = tmp_path / WEIGHTS_FILE
    tensors = load_file(file)
    save_file({**tensors, "base_model.model.lm_head.weight": torch.ones(1)}, file)
    with pytest.raises(ModelError, match=r"'base_model.model.lm_head.weight', which is not a plain LoRA factor"):
        read_adapter(tmp_path)
    del tensors["base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"]
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"model.layers.1.mlp.up_proj has only lora_A: half an adapter"):
        read_adapter(tmp_path)
    save_file({}, file)
    with pytest.raises(CheckpointError, match="holds no LoRA factors"):
        read_adapter(tmp_path)


def test_check_expert():
    expert = random_expert(pico_llama(), "java")
    check_expert(expert, pico_llama())
    with pytest.raises(ModelError, match=r"'java' does not fit model.layers.0.mlp.gate_proj: its delta is 48 x 32"):
        check_expert(expert, pico_llama(hidden_size=64))
    with pytest.raises(ModelError, match=r"'java' changes model.layers.1.mlp.gate_proj, which is not a linear module"):
        check_expert(expert, pico_llama(num_hidden_layers=1))
