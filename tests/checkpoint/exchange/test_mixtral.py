"""Exports compute what moesaic computes, load with plain transformers, survive a kill, and refuse what is not exact."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import forked
from moesaic.checkpoint.description import ModelFolder
from moesaic.checkpoint.exchange import mixtral
from moesaic.checkpoint.exchange.importing import import_export
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.preflight import AdapterFactors, check_exportable
from moesaic.checkpoint.formats import format_reasons, moe_config, read_config
from moesaic.checkpoint.native import load_moe, save_model_folder
from moesaic.checkpoint.streaming import TensorReader
from moesaic.data.prompts import PromptFormat
from moesaic.errors import CheckpointError, ModelError
from moesaic.model.base_files import resolve_base
from moesaic.model.lora import anchor_expert
from pico import ATTENTION, MLP, pico_base, pico_tokenizer, random_expert

NAMES = ("python", "java", "javascript", "cpp")
TOKENS = torch.tensor([[5, 9, 200, 33, 7, 7, 120, 64], [1, 2, 3, 4, 250, 90, 17, 0]])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def make_folder(
    tmp_path: Path,
    base: Path,
    kind: str = "top_k",
    top_k: int = 2,
    targets: tuple[str, ...] = MLP,
    anchor: bool = False,
    **spec: str,
) -> ModelFolder:
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    config = model.config
    experts = [
        random_expert(model, name, rank=2 + i, seed=i, scale=[2.0, 0.5, 1.0, 1.5][i], targets=targets)
        for i, name in enumerate(NAMES)
    ]
    experts += [anchor_expert()] * anchor
    generator = torch.Generator().manual_seed(3)
    parts = ("weight", "noise") if kind == "noisy_top_k" else ("weight",)
    gates = {
        f"layers.{layer}.{part}": torch.randn(len(experts), config.hidden_size, generator=generator)
        for layer in range(config.num_hidden_layers)
        for part in parts
    }
    return save_model_folder(
        tmp_path / "moe",
        base_spec={"model": str(base), "dtype": "auto", "quantize": "none", **spec},
        base_digest=resolve_base(str(base)).digest,
        experts=experts,
        router_tensors=gates,
        kind=kind,  # type: ignore[arg-type]
        top_k=top_k,
    )


def logits(model: torch.nn.Module, tokens: torch.Tensor = TOKENS) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens).logits.float()


def load_strictly(path: Path, dtype: torch.dtype = torch.float32) -> transformers.PreTrainedModel:
    model, info = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    return model.eval()


@pytest.mark.parametrize("kind", ["top_k", "noisy_top_k"])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_same_logits_as_the_factored_model_and_after_import(tmp_path: Path, kind: str, top_k: int) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), kind, top_k)
    report = export_mixtral(folder.path, tmp_path / "out", verify=True)
    assert report.num_verified > 4
    assert report.base_shift is None
    ours, _, _ = load_moe(folder.path)
    exported = load_strictly(tmp_path / "out")
    assert type(exported) is transformers.MixtralForCausalLM
    assert (exported.config.num_experts_per_tok, exported.config.num_local_experts) == (top_k, 4)
    torch.testing.assert_close(logits(exported), logits(ours), atol=1e-5, rtol=1e-5)
    back, _, _ = load_moe(import_export(tmp_path / "out", tmp_path / "back").path)
    torch.testing.assert_close(logits(exported), logits(back), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("top_k", [1, 2, 5])
def test_the_anchor_is_exported_as_an_expert_equal_to_the_base(tmp_path: Path, top_k: int) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), top_k=top_k, anchor=True)
    export_mixtral(folder.path, tmp_path / "out", verify=True)
    exported = load_strictly(tmp_path / "out")
    assert (exported.config.num_experts_per_tok, exported.config.num_local_experts) == (top_k, 5)
    torch.testing.assert_close(logits(exported), logits(load_moe(folder.path)[0]), atol=1e-5, rtol=1e-5)
    stored = load_file(tmp_path / "out" / "model.safetensors")
    base = load_file(tmp_path / "base" / "model.safetensors")
    for name, ours in {"w1": "gate", "w3": "up", "w2": "down"}.items():
        written = stored[f"model.layers.1.block_sparse_moe.experts.4.{name}.weight"]
        assert torch.equal(written, base[f"model.layers.1.mlp.{ours}_proj.weight"])
    back = import_export(tmp_path / "out", tmp_path / "back")
    assert back.names == (*NAMES, "base")
    torch.testing.assert_close(logits(exported), logits(load_moe(back.path)[0]), atol=1e-5, rtol=1e-5)


def test_softmax_gates_use_all_experts(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), "softmax", 1)
    export_mixtral(folder.path, tmp_path / "out")
    exported = load_strictly(tmp_path / "out")
    assert exported.config.num_experts_per_tok == 4
    torch.testing.assert_close(logits(exported), logits(load_moe(folder.path)[0]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "stored"), [("bfloat16", torch.bfloat16), ("float16", torch.float16), ("float32", torch.float32)]
)
def test_weights_are_merged_in_float32_and_rounded_once(tmp_path: Path, dtype: str, stored: torch.dtype) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base)
    export_mixtral(folder.path, tmp_path / "out", dtype=dtype)  # type: ignore[arg-type]
    written = load_file(tmp_path / "out" / "model.safetensors")
    weights = load_file(base / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {stored}
    for e, expert in enumerate(folder.read_experts()):
        for projection, name in zip(MLP, ("w1", "w3", "w2"), strict=True):
            module = f"model.layers.1.mlp.{projection}"
            exact = weights[f"{module}.weight"].double() + expert.scale * (
                expert.deltas[module].B_OR.double() @ expert.deltas[module].A_RI.double()
            )
            found = written[f"model.layers.1.block_sparse_moe.experts.{e}.{name}.weight"]
            # Half a unit in the last place, and the last bits of a float32 sum.
            bound = torch.finfo(stored).eps / 2 * exact.abs() + 1e-6 * exact.abs().max()
            assert ((found.double() - exact).abs() <= bound).all()


@pytest.mark.parametrize("kind", ["top_k", "noisy_top_k", "softmax"])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_logits_in_bfloat16_are_within_one_rounding(tmp_path: Path, kind: str, top_k: int) -> None:
    """The export in bfloat16, run in float32, against the exact float32 model whose weights are rounded to bfloat16."""
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base, kind, top_k)
    export_mixtral(folder.path, tmp_path / "exact", dtype="float32")
    export_mixtral(folder.path, tmp_path / "out", dtype="bfloat16")
    exact = load_strictly(tmp_path / "exact")
    reference = logits(exact)
    with torch.no_grad():
        for parameter in exact.parameters():
            parameter.copy_(parameter.to(torch.bfloat16))
    rounded = logits(load_strictly(tmp_path / "out"))
    torch.testing.assert_close(rounded, logits(exact), atol=1e-5, rtol=1e-5)
    # Not a tight bound, but an error in the merge would be as large as the logits themselves.
    assert (rounded - reference).norm() / reference.norm() < 0.05


@pytest.mark.parametrize(
    "sizes",
    [
        {"tie_word_embeddings": False},
        {"head_dim": 16, "rms_norm_eps": 1e-3},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 777.0}},
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 5000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
        {"mistral": True},
        {"mistral": True, "sliding_window": 4},
    ],
)
def test_configuration_is_mapped(tmp_path: Path, sizes: dict[str, object]) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", **sizes))  # type: ignore[arg-type]
    export_mixtral(folder.path, tmp_path / "out")
    exported = load_strictly(tmp_path / "out")
    torch.testing.assert_close(logits(exported), logits(load_moe(folder.path)[0]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_qwen_bases_have_an_exact_form(tmp_path: Path, family: str) -> None:
    kinds = {
        "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
        "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    }
    config, architecture = kinds[family]
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 260}
    model = architecture(config(num_attention_heads=4, num_key_value_heads=2, **sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(tmp_path / "base")
    pico_tokenizer().save_pretrained(tmp_path / "base")
    folder = make_folder(tmp_path, tmp_path / "base")
    export_mixtral(folder.path, tmp_path / "out", verify=True)
    exported = load_strictly(tmp_path / "out")
    assert exported.config.model_type == f"{family}_moe"
    torch.testing.assert_close(logits(exported), logits(load_moe(folder.path)[0]), atol=1e-4, rtol=1e-4)


def test_routed_attention_is_refused_with_what_can_be_done(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"), targets=MLP + ATTENTION)
    with pytest.raises(ModelError, match="--attention base") as error:
        export_mixtral(folder.path, tmp_path / "out")
    assert "4 reasons" in str(error.value)
    export_mixtral(folder.path, tmp_path / "out", attention="base")
    with pytest.warns(UserWarning, match="left out"):
        ours = load_moe(folder.path)[0]
    torch.testing.assert_close(logits(load_strictly(tmp_path / "out")), logits(ours), atol=1e-5, rtol=1e-5)


def test_averaged_attention(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base, targets=(*MLP, "q_proj"))
    export_mixtral(folder.path, tmp_path / "out", attention="average", verify=True)
    name = "model.layers.1.self_attn.q_proj"
    mean = torch.stack([expert.delta(name) for expert in folder.read_experts()]).mean(0)
    expected = load_file(base / "model.safetensors")[f"{name}.weight"] + mean
    torch.testing.assert_close(load_file(tmp_path / "out" / "model.safetensors")[f"{name}.weight"], expected)


def test_biases_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", attention_bias=True))
    with pytest.raises(ModelError, match="attention_bias: Mixtral's attention has no biases"):
        export_mixtral(folder.path, tmp_path / "out")


def test_windows_that_qwen_s_routed_form_places_otherwise_are_refused(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base)
    config = {**read_config(base), "model_type": "qwen3", "use_sliding_window": True, "partial_rotary_factor": 0.5}
    config["rope_parameters"] = {"rope_theta": 1e4, "rope_type": "default", "partial_rotary_factor": 0.5}
    reasons = check_exportable(config, [])
    assert len(reasons) == 2
    assert "use_sliding_window: qwen3 and its routed form" in reasons[0]
    assert "partial_rotary_factor" in reasons[1]
    assert all("--format peft" in reason for reason in reasons)
    assert check_exportable(read_config(base), [AdapterFactors.open(folder.expert_path("java"), "java")]) == []


def test_another_base_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    other = pico_base(tmp_path / "other", seed=7)
    with pytest.raises(ModelError, match="other weights"):
        export_mixtral(folder.path, tmp_path / "out", base=str(other))


def test_merging_onto_the_base_of_training(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    folder = make_folder(tmp_path, base, dtype="bfloat16")
    trained = export_mixtral(folder.path, tmp_path / "trained", dtype="float32", verify=True)
    original = export_mixtral(folder.path, tmp_path / "original", dtype="float32", merge_onto="original")
    for report in (trained, original):
        assert report.base_shift is not None
        assert 0 < report.base_shift < 2**-8
    name = "model.layers.0.self_attn.v_proj.weight"
    stored = load_file(base / "model.safetensors")[name]
    assert torch.equal(load_file(tmp_path / "original" / "model.safetensors")[name], stored)
    assert torch.equal(load_file(tmp_path / "trained" / "model.safetensors")[name], stored.bfloat16().float())


def test_nf4_base_is_merged_as_it_was_trained(tmp_path: Path) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes", reason="the extra 'quant' is not installed")
    base = pico_base(tmp_path / "base", hidden_size=64, intermediate_size=128)
    folder = make_folder(tmp_path, base, dtype="float32", quantize="nf4")
    report = export_mixtral(folder.path, tmp_path / "out", dtype="float32", verify=True)
    assert report.base_shift is not None
    assert 0.02 < report.base_shift < 0.2
    name = "model.layers.0.self_attn.v_proj.weight"
    stored = load_file(base / "model.safetensors")
    quantized, state = bitsandbytes.functional.quantize_4bit(
        stored[name], blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    expected = bitsandbytes.functional.dequantize_4bit(quantized, state)
    written = load_file(tmp_path / "out" / "model.safetensors")
    torch.testing.assert_close(written[name], expected, atol=1e-6, rtol=1e-6)
    original = export_mixtral(folder.path, tmp_path / "original", dtype="float32", merge_onto="original")
    assert original.base_shift == pytest.approx(report.base_shift, rel=0.1)
    assert torch.equal(load_file(tmp_path / "original" / "model.safetensors")[name], stored[name])
    assert torch.equal(written["model.embed_tokens.weight"], stored["model.embed_tokens.weight"])


def test_small_shards_give_the_same_model(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    export_mixtral(folder.path, tmp_path / "whole")
    export_mixtral(folder.path, tmp_path / "shards", shard_bytes=20_000)
    shards = sorted((tmp_path / "shards").glob("model-*.safetensors"))
    assert len(shards) > 5
    merged = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    assert merged.keys() == whole.keys()
    assert all(torch.equal(merged[name], tensor) for name, tensor in whole.items())
    assert torch.equal(logits(load_strictly(tmp_path / "shards")), logits(load_strictly(tmp_path / "whole")))


def test_companions(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    (base / "LICENSE").write_text("Apache-2.0")
    (base / "generation_config.json").write_text('{"eos_token_id": 258, "temperature": 0.7, "repetition_penalty": 1.1}')
    folder = make_folder(tmp_path, base)
    export_mixtral(folder.path, tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    prompts = PromptFormat(pico_tokenizer())
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Add"}], add_generation_prompt=True)
    assert asked["input_ids"] == prompts.prompt_ids("Add", NAMES[0])
    assert tokenizer("abc").input_ids == pico_tokenizer()("abc").input_ids
    assert json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())["tokenizer_class"] == (
        "PreTrainedTokenizerFast"
    )
    settings = transformers.GenerationConfig.from_pretrained(tmp_path / "out")
    assert settings.eos_token_id == list(prompts.stop_ids)
    assert (settings.temperature, settings.do_sample) == (
        None,
        False,
    )
    card = (tmp_path / "out" / "README.md").read_text()
    assert prompts.prompt_text("Sum of the squares of a list", NAMES[0]) in card
    assert "<|im_end|>` (258)" in card
    assert (tmp_path / "out" / "Modelfile").read_text().count('PARAMETER stop "') == 2
    assert (tmp_path / "out" / "LICENSE").is_file()
    assert "vllm serve out" in (tmp_path / "out" / "README.md").read_text()
    for file in folder.path.rglob("*"):
        if file.is_file():
            copied = tmp_path / "out" / "moesaic" / file.relative_to(folder.path)
            assert copied.read_bytes() == file.read_bytes()


def test_generation_settings_are_there_even_if_the_base_has_none(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base")
    (base / "generation_config.json").unlink()
    export_mixtral(make_folder(tmp_path, base).path, tmp_path / "out")
    assert (tmp_path / "out" / "generation_config.json").is_file()
    settings = transformers.GenerationConfig.from_pretrained(tmp_path / "out")
    assert (settings.bos_token_id, settings.eos_token_id, settings.pad_token_id) == (256, [258], 259)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_input_byte_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    base = pico_base(tmp_path / "base", tie_word_embeddings=False, vocab_size=2**16)  # matrices of several pieces
    folder = make_folder(tmp_path, base)
    read: Counter[Path] = Counter()
    places = {}
    open_file, preadv, copy_range = os.open, os.preadv, os.copy_file_range

    def spy_open(path: Path, *arguments: int) -> int:
        descriptor = open_file(path, *arguments)
        places[descriptor] = Path(path)
        return descriptor

    def spy_preadv(descriptor: int, *arguments: Any) -> int:
        count = preadv(descriptor, *arguments)
        read[places[descriptor]] += count
        return count

    def spy_copy(source: int, *arguments: int) -> int:
        count = copy_range(source, *arguments)
        read[places[source]] += count
        return count

    monkeypatch.setattr(os, "open", spy_open)
    monkeypatch.setattr(os, "preadv", spy_preadv)
    monkeypatch.setattr(os, "copy_file_range", spy_copy)
    export_mixtral(folder.path, tmp_path / "out", dtype=dtype)  # type: ignore[arg-type]
    files = [base / "model.safetensors", *(folder.expert_path(name) / "adapter_model.safetensors" for name in NAMES)]
    assert set(read) == set(files)
    for file in files:
        with TensorReader(file) as reader:
            assert read[file] == reader.num_bytes


_PEAK = """
import sys, threading
from pathlib import Path
from moesaic.checkpoint.exchange.mixtral import export_mixtral

def private():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024

for model in sys.argv[1:]:
    peak, done = [0], threading.Event()
    def watch():
        while not done.wait(0.002):
            peak[0] = max(peak[0], private())
    thread = threading.Thread(target=watch)
    thread.start()
    export_mixtral(Path(model), Path(model + "-out"), shard_bytes=25_000_000)
    done.set()
    thread.join()
    print(peak[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's account of private memory")
def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    largest = 4 * 256 * 2048
    models = []
    for layers in (4, 16):
        folder = tmp_path / str(layers)
        base = pico_base(folder / "base", hidden_size=256, intermediate_size=2048, num_hidden_layers=layers)
        models.append(make_folder(folder, base).path)
    done = subprocess.run([sys.executable, "-c", _PEAK, *models], capture_output=True, text=True, check=True)
    for layers, model in zip((4, 16), models, strict=True):
        written = sum(file.stat().st_size for file in Path(f"{model}-out").glob("*.safetensors"))
        assert written > layers * 12 * largest
    shutil.rmtree(tmp_path)
    peaks = [int(line) for line in done.stdout.splitlines()]
    # Most of it is what the tokenizer's library needs, which writes the prompt into the export.
    assert max(peaks) < 350e6 + largest
    # Twelve more layers are 300 MB more of output; the plan of what goes where may grow, and the allocator's slack.
    assert peaks[1] - peaks[0] < 40e6


def test_verification_finds_a_flipped_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    verify = mixtral.verify_export

    def damage_then_verify(partial: Path, merge: mixtral.Merge) -> int:
        file = partial / "model.safetensors"
        tensors = load_file(file)
        for name, tensor in tensors.items():
            if "experts" in name:
                tensor[0, 0] *= 1.001
        save_file(tensors, file)
        return verify(partial, merge)

    monkeypatch.setattr(mixtral, "verify_export", damage_then_verify)
    with pytest.raises(CheckpointError, match="more than one rounding"):
        export_mixtral(folder.path, tmp_path / "out", verify=True)
    assert not (tmp_path / "out").exists()


def test_verification_does_not_rest_on_our_own_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale that we take for another one is written and recomputed alike; PEFT takes it as it is."""
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    scale = AdapterFactors.scale.fget
    monkeypatch.setattr(AdapterFactors, "scale", property(lambda adapter: 1.1 * scale(adapter)))
    export_mixtral(folder.path, tmp_path / "unverified")
    with pytest.raises(CheckpointError, match=r"experts\.\d+\.w\d\.weight differs from W \+ scale B A"):
        export_mixtral(folder.path, tmp_path / "out", verify=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_kill_in_the_middle_leaves_nothing_that_loads_and_resumes(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base", hidden_size=256, intermediate_size=1024, num_hidden_layers=8)
    folder = make_folder(tmp_path, base)
    # It kills itself when the third shard is about to get its name.
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from moesaic.checkpoint.exchange.mixtral import export_mixtral\n"
        "def watch(event, arguments):\n"
        "    if event == 'os.rename' and 'model-00003' in str(arguments[1]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(watch)\n"
        "export_mixtral(Path(sys.argv[1]), Path(sys.argv[2]), shard_bytes=4_000_000)\n"
    )
    killed = forked.run(["-c", program, str(folder.path), str(tmp_path / "out")])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    partial = tmp_path / ".out.partial"
    finished = {file.name: file.stat().st_mtime_ns for file in partial.glob("model-*.safetensors")}
    assert len(finished) >= 2
    assert not (tmp_path / "out").exists()
    for path in (tmp_path / "out", partial):
        with pytest.raises((OSError, ValueError)):
            transformers.AutoModelForCausalLM.from_pretrained(path)
    export_mixtral(folder.path, tmp_path / "out", shard_bytes=4_000_000)
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == changed for name, changed in finished.items())
    torch.testing.assert_close(
        logits(load_strictly(tmp_path / "out")), logits(load_moe(folder.path)[0]), atol=1e-4, rtol=1e-4
    )


def test_rotary_settings_are_written_in_both_spellings(tmp_path: Path) -> None:
    rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 777.0}
    config = moe_config(read_config(pico_base(tmp_path / "base", rope_parameters=rope)), 4, 2, "float32")
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 777.0
    assert config["rope_scaling"] == {"rope_type": "linear", "factor": 4.0}


LLAMA3 = {"rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [
        ("Llama", {}),
        ("Llama", {"rope_parameters": {**LLAMA3, "original_max_position_embeddings": 64}}),
        ("Mistral", {"sliding_window": 16}),
        ("Mistral", {"sliding_window": None, "rope_parameters": {"rope_type": "linear", "factor": 4.0}}),
        ("Qwen2", {}),
        ("Qwen3", {"head_dim": 24, "attention_bias": True}),
    ],
)
@pytest.mark.parametrize("missing", [None, "head_dim", "rms_norm_eps", "rope_parameters", "sliding_window"])
def test_configuration_is_read_as_transformers_reads_it(
    tmp_path: Path, architecture: str, sizes: dict[str, Any], missing: str | None
) -> None:
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    getattr(transformers, f"{architecture}Config")(**shape, **sizes).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    written.pop(missing or "", None)
    (tmp_path / "config.json").write_text(json.dumps(written))
    expected = transformers.AutoConfig.from_pretrained(tmp_path).to_dict()
    found = read_config(tmp_path)
    assert moe_config(found, 4, 2, "float32") == moe_config(expected, 4, 2, "float32")
    assert format_reasons(found) == format_reasons(expected)


@pytest.mark.untraced
@pytest.mark.process
def test_exports_read_the_tokenizer_and_load_no_model(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    program = "import sys; from pathlib import Path; from moesaic.checkpoint.exchange.mixtral import export_mixtral\n"
    program += "export_mixtral(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    program += "assert not {'transformers.models.llama.modeling_llama', 'peft'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program, str(folder.path), str(tmp_path / "out")], check=True)
    load_strictly(tmp_path / "out")
