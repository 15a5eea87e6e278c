"""What inspect, push, the PEFT export, pre-flight and the 4-bit check say."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from test_mixtral import NAMES, load_strictly, logits, make_folder
from typer.testing import CliRunner

from moesaic.checkpoint.card import write_card
from moesaic.checkpoint.exchange.adapters import export_peft
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.preflight import AdapterFactors, preflight
from moesaic.checkpoint.exchange.publishing import push
from moesaic.checkpoint.exchange.quantization import assert_experts_quantized
from moesaic.checkpoint.formats import read_config
from moesaic.checkpoint.inspection import inspect_model
from moesaic.checkpoint.native import load_moe, read_model_folder, save_model_folder
from moesaic.checkpoint.streaming import TensorReader
from moesaic.cli import app
from moesaic.errors import ModelError
from moesaic.model.base_files import resolve_base
from moesaic.model.lora import LoraExpert, LowRank, write_adapter
from pico import pico_base, random_expert


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def test_parameters_are_those_of_the_loaded_models(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), top_k=1)
    export_mixtral(folder.path, tmp_path / "out")
    facts = inspect_model(folder.path)
    assert facts.mixtral_parameters == load_strictly(tmp_path / "out").num_parameters()
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert facts.base_parameters == base.num_parameters()
    factors = [sum(p.A_RI.numel() + p.B_OR.numel() for p in e.deltas.values()) for e in folder.read_experts()]
    gates = 2 * 4 * 32
    assert facts.total_parameters == base.num_parameters() + gates + sum(factors)
    assert facts.active_parameters == base.num_parameters() + gates + max(factors)
    assert [facts.experts[name]["rank"] for name in NAMES] == [2, 3, 4, 5]
    assert not facts.warnings
    assert all(1 <= condition < 100 for condition in facts.gate_conditions)


def test_the_anchor_is_shown_and_costs_its_gates_alone(tmp_path: Path) -> None:
    plain = inspect_model(make_folder(tmp_path, pico_base(tmp_path / "base"), top_k=2).path)
    folder = make_folder(tmp_path, tmp_path / "base", top_k=2, anchor=True)
    facts = inspect_model(folder.path)
    assert facts.experts["base"] == {"rank": 0, "parameters": 0, "bytes": 0}
    assert facts.total_parameters == plain.total_parameters + 2 * 32
    export_mixtral(folder.path, tmp_path / "out")
    assert facts.mixtral_parameters == load_strictly(tmp_path / "out").num_parameters()
    export = export_peft(folder.path, tmp_path / "peft")
    assert sorted(path.name for path in export.path.iterdir() if path.is_dir()) == sorted(NAMES)
    assert "base=" not in export.launch


@pytest.mark.parametrize("gate", ["zero", "equal rows"])
def test_degenerate_gates_are_named(tmp_path: Path, gate: str) -> None:
    base = pico_base(tmp_path / "base")
    experts = [random_expert(transformers.AutoModelForCausalLM.from_pretrained(base), name) for name in NAMES]
    rows = torch.randn(4, 32)
    bad = torch.zeros(4, 32) if gate == "zero" else rows[[0, 1, 2, 2]]
    folder = save_model_folder(
        tmp_path / "moe",
        base_spec={"model": str(base), "dtype": "auto", "quantize": "none"},
        base_digest=resolve_base(str(base)).digest,
        experts=experts,
        router_tensors={"layers.0.weight": rows, "layers.1.weight": bad},
        kind="top_k",
        top_k=2,
    )
    facts = inspect_model(folder.path)
    assert "degenerate gates in 1 of 2 layers (first: layer 1" in facts.warnings[0]
    assert json.loads(json.dumps(facts.as_json(), allow_nan=False))["gate_conditions"][1] is None


def test_scores_of_the_card_are_shown(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    cell = {"value": 0.5, "n": 10, "low": 0.4, "high": 0.6}
    write_card(folder, {"systems": {"moe": {"codebleu": {"java": cell}, "pass@1 own": {"c": cell, "java": cell}}}})
    score = "0.500 [0.400, 0.600] n=10"
    assert inspect_model(folder.path).scores == [
        ("system", "metric", "c | java"),
        ("moe", "codebleu", f" | {score}"),
        ("moe", "pass@1 own", f"{score} | {score}"),
    ]
    result = CliRunner().invoke(app, ["inspect", str(folder.path)])
    assert result.exit_code == 0
    assert f"codebleu:  | {score}" in result.stdout
    assert "4 experts on" in result.stdout


def test_a_runs_folder_stands_for_its_model(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", pico_base(tmp_path / "base"))
    folder.path.rename(tmp_path / "run" / "model")
    assert read_model_folder(tmp_path / "run").path == tmp_path / "run" / "model"
    assert inspect_model(tmp_path / "run") == inspect_model(tmp_path / "run" / "model")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "run"), str(tmp_path / "out"), "--format", "peft"])
    assert result.exit_code == 0


def test_peft_export_works_in_peft_as_it_is(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base)
    result = CliRunner().invoke(app, ["export", str(folder.path), str(tmp_path / "out"), "--format", "peft"])
    assert result.exit_code == 0
    assert f"vllm serve {base} --enable-lora --max-lora-rank 8" in result.stdout
    assert f"java={tmp_path / 'out' / 'java'}" in result.stdout
    for name in NAMES:
        weights = f"{name}/adapter_model.safetensors"
        assert (tmp_path / "out" / weights).read_bytes() == (folder.path / "experts" / weights).read_bytes()
    adapted = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(base), str(tmp_path / "out" / "java")
    ).eval()
    model, _, _ = load_moe(folder.path)
    from moesaic.model.moe import force_expert

    with force_expert(model, "java"):
        torch.testing.assert_close(logits(adapted), logits(model), atol=1e-5, rtol=1e-5)
    with pytest.raises(ModelError, match="exists already"):
        export_peft(folder.path, tmp_path / "out")


def test_commands_export_and_import(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base", hidden_size=64, intermediate_size=64)
    folder = make_folder(tmp_path, base)
    run = CliRunner()
    done = run.invoke(app, ["export", str(folder.path), str(tmp_path / "out"), "--verify", "--dtype", "bfloat16"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "out")
    done = run.invoke(app, ["import", str(tmp_path / "back"), "--checkpoint", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    torch.testing.assert_close(logits(load_moe(tmp_path / "back")[0]), logits(load_moe(folder.path)[0]))
    done = run.invoke(app, ["export", str(folder.path), str(tmp_path / "m.gguf"), "--format", "gguf"])
    assert done.exit_code == 0, done.output
    adapters = [f"--expert={name}={folder.expert_path(name)}" for name in NAMES]
    done = run.invoke(app, ["import", str(tmp_path / "new"), "--base", str(base), *adapters])
    assert done.exit_code == 0, done.output
    assert "gates are zero" in done.stderr
    factor = ["import", str(tmp_path / "factored"), "--base", str(base), "--checkpoint", str(tmp_path / "out")]
    done = run.invoke(app, [*factor, "--error", "0.05", "--factor"])
    assert done.exit_code == 0, done.output
    assert "of the MLP's change lost" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "b"], "give either --expert"),
        (["--expert", "python=x"], "needs --base"),
        (["--expert", "python", "--base", "b"], "write NAME=FOLDER"),
        (["--checkpoint", "c", "--factor"], "--factor needs --checkpoint"),
    ],
)
def test_import_says_what_is_missing(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["import", str(tmp_path / "out"), *arguments])
    assert isinstance(result.exception, ModelError)
    assert message in str(result.exception)


class FakeHub:
    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def create_repo(self, repo_id: str, **options: Any) -> None:
        self.calls.append(("create_repo", {"repo_id": repo_id, **options}))

    def upload_folder(self, **options: Any) -> str:
        self.calls.append(("upload_folder", options))
        return "https://hub/commit"


def test_push_uploads_a_whole_folder_once(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    hub = FakeHub()
    assert push(folder.path, "me/moe", private=True, api=hub) == "https://hub/commit"
    assert [name for name, _ in hub.calls] == ["create_repo", "upload_folder"]
    assert hub.calls[0][1] == {"repo_id": "me/moe", "private": True, "exist_ok": True, "repo_type": "model"}
    assert hub.calls[1][1]["folder_path"] == folder.path
    (folder.path / "router.safetensors").write_bytes(b"")
    with pytest.raises(Exception, match="truncated"):
        push(folder.path, "me/moe", api=hub)
    with pytest.raises(ModelError, match="neither a model folder"):
        push(tmp_path, "me/moe", api=hub)
    assert len(hub.calls) == 2


def test_push_turns_the_hub_s_refusal_into_a_message(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))

    class Refusing(FakeHub):
        def create_repo(self, repo_id: str, **options: Any) -> None:
            raise OSError("401: who are you?\nlong story")

    with pytest.raises(ModelError, match=r"'me/moe': 401: who are you\?\. The name is owner/name"):
        push(folder.path, "me/moe", api=Refusing())


def test_preflight_lists_all_problems(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base)
    config = json.loads((base / "config.json").read_text())
    config |= {"vocab_size": 300, "tie_word_embeddings": False, "hidden_act": "gelu", "attention_bias": True}
    config["rope_parameters"] = {"rope_type": "spiral", "rope_theta": 1.0}
    (base / "tokenizer.json").unlink()
    (base / "tokenizer_config.json").unlink()
    other = random_expert(
        transformers.AutoModelForCausalLM.from_pretrained(pico_base(tmp_path / "wide", intermediate_size=64)), "wide"
    )
    save_model_folder(
        tmp_path / "wide_moe",
        base_spec=folder.base,
        base_digest="",
        experts=[other],
        router_tensors={f"layers.{i}.weight": torch.zeros(1, 32) for i in range(2)},
        kind="top_k",
        top_k=1,
    )
    with TensorReader(base) as reader:
        adapter = AdapterFactors.open(tmp_path / "wide_moe" / "experts" / "wide", "wide")
        problems = preflight(base, reader, config, [adapter])
    text = "\n".join(problems)
    for part in (
        "hidden_act is 'gelu'",
        "attention_bias",
        "260 rows, config.json says vocab_size 300",
        "lm_head.weight is missing",
        "no tokenizer files",
        "rotary type 'spiral'",
        "expert wide does not fit model.layers.0.mlp.down_proj: 32 x 64, the base has 32 x 48",
        "expert wide: 3 more like these",
    ):
        assert part in text


def test_preflight_names_foreign_modules_too_large_ranks_tokens_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = pico_base(tmp_path / "base")
    deltas = {
        "model.layers.0.mlp.gate_proj": LowRank(torch.zeros(40, 32), torch.zeros(48, 40)),
        "model.layers.9.mlp.up_proj": LowRank(torch.zeros(40, 32), torch.zeros(48, 40)),
        "model.layers.0.input_layernorm": LowRank(torch.zeros(40, 32), torch.zeros(48, 40)),
    }
    write_adapter(LoraExpert("odd", 40, 1.0, deltas), tmp_path / "odd")
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["added_tokens"][-1]["id"] = 300
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    monkeypatch.setattr("moesaic.checkpoint.exchange.preflight._available_memory", lambda: 2**20)
    with TensorReader(base) as reader:
        adapter = AdapterFactors.open(tmp_path / "odd", "odd")
        text = "\n".join(preflight(base, reader, read_config(base), [adapter]))
    for part in (
        "expert odd: rank 40 of model.layers.0.mlp.gate_proj exceeds its smaller side 32",
        "expert odd changes model.layers.9.mlp.up_proj, which the base lacks",
        "1 deltas on neither MLP nor attention (first: model.layers.0.input_layernorm)",
        "the tokenizer has token 300, the embedding 260 rows",
        "MiB of memory are needed, 1 MiB are available",
    ):
        assert part in text


def test_experts_in_full_precision_are_noticed(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    export_mixtral(folder.path, tmp_path / "out")
    model = load_strictly(tmp_path / "out")
    with pytest.raises(ModelError, match=r"4 expert weights are in full precision \(model\.layers\.0\.mlp\.experts"):
        assert_experts_quantized(model)
    packed = torch.nn.ParameterDict({"w": torch.nn.Parameter(torch.zeros(2, dtype=torch.uint8), requires_grad=False)})
    assert_experts_quantized(torch.nn.ModuleDict({"block": torch.nn.ModuleDict({"experts": packed})}))
    with pytest.raises(ModelError, match="has no experts"):
        assert_experts_quantized(torch.nn.Linear(2, 2))


def test_four_bit_loading_leaves_fused_experts_in_full_precision_and_is_noticed(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra 'quant' is not installed")
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", hidden_size=64, intermediate_size=128))
    export_mixtral(folder.path, tmp_path / "out", dtype="bfloat16")
    options = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", quantization_config=options)
    parameters = dict(model.named_parameters())
    assert parameters["model.layers.0.self_attn.q_proj.weight"].dtype == torch.uint8
    experts = parameters["model.layers.0.mlp.experts.gate_up_proj"]
    if experts.is_floating_point():  # what transformers 5 does; a release that packs them has to pass
        with pytest.raises(ModelError, match=r"experts\.gate_up_proj: torch\.bfloat16"):
            assert_experts_quantized(model)
    else:
        assert_experts_quantized(model)
