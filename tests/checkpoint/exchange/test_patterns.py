"""Ranks and alphas by module come in as PEFT computes them."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from moesaic.checkpoint.exchange.importing import import_adapters
from moesaic.checkpoint.native import load_moe
from moesaic.errors import CheckpointError, ModelError
from moesaic.model.adapter_config import CONFIG_FILE
from pico import ATTENTION, MLP, pico_base, pico_llama, random_peft_adapter

IDS_1T = torch.arange(1, 41).view(1, -1) * 5 % 256


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def take_in(tmp_path: Path, **options):
    return import_adapters(
        str(pico_base(tmp_path / "base")), {"python": tmp_path / "adapter"}, tmp_path / "model", top_k=1, **options
    )


@pytest.mark.filterwarnings("ignore:The following rank_pattern keys did not match")
@pytest.mark.parametrize(
    "options",
    [
        {"rank_pattern": {"up_proj": 2}},
        {"rank_pattern": {"up_proj": 7, "layers.1.mlp.down_proj": 1}},
        {"rank_pattern": {"^model.layers.0.mlp.gate_proj": 3}},
        {"alpha_pattern": {"up_proj": 3.5}},
        {"alpha_pattern": {"down_proj": 0}, "rank_pattern": {"down_proj": 6}},
        {"rank_pattern": {"mlp.up_proj": 8, "up_proj": 2}, "alpha_pattern": {"up_proj": 1, "mlp.up_proj": 100}},
        {"rank_pattern": {"up_proj": 2}, "use_rslora": True},
        {"rank_pattern": {"up_proj": 2}, "layers_to_transform": [1]},
        {"rank_pattern": {"q_proj": 2}},
        {"rank_pattern": {"up_proj": 4}},
    ],
)
def test_patterns_are_honoured_as_in_peft(tmp_path: Path, options: dict) -> None:
    random_peft_adapter(pico_llama(), tmp_path / "adapter", **options)
    peft_model = PeftModel.from_pretrained(pico_llama(), str(tmp_path / "adapter")).eval()  # it sorts the patterns
    take_in(tmp_path)
    with torch.no_grad():
        expected, base = peft_model(IDS_1T).logits, pico_llama()(IDS_1T).logits
        torch.testing.assert_close(load_moe(tmp_path / "model")[0](IDS_1T).logits, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(expected, base, atol=1e-2)


def change(folder: Path, **values) -> None:
    file = folder / CONFIG_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"rank_pattern": {"up_proj": 8}}, CheckpointError, r"up_proj has A \(4, 32\), B \(48, 4\)"),
        ({"rank_pattern": {"up_proj": "8"}}, CheckpointError, "rank_pattern is"),
        ({"rank_pattern": {"up_proj": 0}}, CheckpointError, "rank_pattern is"),
        ({"alpha_pattern": {"up_proj": True}}, CheckpointError, "alpha_pattern is"),
        ({"alpha_pattern": {"up_proj": 10**299}}, CheckpointError, "beyond the range"),
        ({"alpha_pattern": {"(a+)+b": 8}}, ModelError, "alpha_pattern has .* only names of modules"),
        ({"alpha_pattern": {"up_proj": 8}, "use_dora": True}, ModelError, "use_dora is True"),
    ],
)
def test_patterns_that_cannot_be_honoured_are_named(tmp_path: Path, values: dict, error: type, says: str) -> None:
    random_peft_adapter(pico_llama(), tmp_path / "adapter")
    change(tmp_path / "adapter", **values)
    with pytest.raises(error, match=says):
        take_in(tmp_path)
    assert not (tmp_path / "model").exists()


def test_attention_of_a_rank_above_its_smaller_side_is_left_out_like_any_other(tmp_path: Path) -> None:
    random_peft_adapter(pico_llama(), tmp_path / "adapter", rank=20, targets=MLP + ATTENTION)  # k_proj has 16 outputs
    take_in(tmp_path, attention="base")
    assert (tmp_path / "model").exists()
