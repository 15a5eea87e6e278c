"""GGUF exports hold the same weights as Mixtral exports, and llama.cpp and transformers compute the same from them."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from test_mixtral import TOKENS, load_strictly, logits, make_folder
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from typer.testing import CliRunner

from moesaic.checkpoint.exchange.gguf import export_gguf, interleave_rotary, llama3_factors
from moesaic.checkpoint.exchange.gguf_vocabulary import merge_scores, pre_tokenizer_name, tokens_and_types
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.formats import read_config
from moesaic.checkpoint.native import load_moe
from moesaic.cli import app
from moesaic.data.prompts import PromptFormat
from moesaic.errors import ModelError
from pico import pico_base, pico_tokenizer

SIZES = {"hidden_size": 64, "intermediate_size": 96}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    return {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
        for tensor in reader.tensors
    }


def with_a_merge(base: Path) -> Path:
    """llama.cpp wants at least one merge; the pico tokenizer has none."""
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["ab"] = 260
    tokenizer["model"]["merges"] = [["a", "b"]]
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    return base


def qwen3_base(folder: Path, **changes: int) -> Path:
    torch.manual_seed(0)
    sizes = {
        "num_hidden_layers": 2,
        "vocab_size": 264,
        "head_dim": 32,
        "max_position_embeddings": 256,
        **SIZES,
        **changes,
    }
    model = transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(num_attention_heads=4, num_key_value_heads=2, **sizes)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    pico_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("quantize", "bound"), [("f16", 2**-11), ("q8_0", 1 / 254 + 2**-11)])
@pytest.mark.parametrize("anchor", [False, True])
def test_weights_are_those_of_the_mixtral_export(tmp_path: Path, quantize: str, bound: float, anchor: bool) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", **SIZES), anchor=anchor)
    export_mixtral(folder.path, tmp_path / "out")
    report = export_gguf(folder.path, tmp_path / "new" / "folder" / "out.gguf", quantize=quantize)  # type: ignore[arg-type]
    assert report.num_bytes == report.path.stat().st_size
    found = read_tensors(report.path)
    expected = load_file(tmp_path / "out" / "model.safetensors")

    def close(name: str, tensor: torch.Tensor) -> None:
        exact = tensor.numpy()
        assert found[name].shape == exact.shape
        limit = bound * np.abs(exact).max(axis=-1, keepdims=True) if exact.ndim > 1 else 1e-7
        assert (np.abs(found[name] - exact) <= limit).all()

    for layer in range(2):
        block = f"model.layers.{layer}.block_sparse_moe"
        for name, ours in {"w1": "gate", "w3": "up", "w2": "down"}.items():
            stacked = torch.stack([expected[f"{block}.experts.{expert}.{name}.weight"] for expert in range(4 + anchor)])
            close(f"blk.{layer}.ffn_{ours}_exps.weight", stacked)
        close(f"blk.{layer}.ffn_gate_inp.weight", expected[f"{block}.gate.weight"])
        close(f"blk.{layer}.attn_v.weight", expected[f"model.layers.{layer}.self_attn.v_proj.weight"])
        query = expected[f"model.layers.{layer}.self_attn.q_proj.weight"]
        close(f"blk.{layer}.attn_q.weight", interleave_rotary(query, 4))
        close(f"blk.{layer}.attn_norm.weight", expected[f"model.layers.{layer}.input_layernorm.weight"])
    close("token_embd.weight", expected["model.embed_tokens.weight"])
    assert len(found) == 2 * 10 + 2


def test_header(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", **SIZES), top_k=3, anchor=True)
    export_gguf(folder.path, tmp_path / "out.gguf")
    fields = gguf.GGUFReader(tmp_path / "out.gguf").fields
    assert fields["general.architecture"].contents() == "llama"
    assert fields["llama.expert_count"].contents() == 5
    assert fields["llama.expert_used_count"].contents() == 3
    assert fields["tokenizer.ggml.model"].contents() == "gpt2"
    assert fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    tokens = fields["tokenizer.ggml.tokens"].contents()
    tokenizer = pico_tokenizer()
    assert tokens == tokenizer.convert_ids_to_tokens(range(260))
    tokenizer.chat_template = fields["tokenizer.chat_template"].contents()
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Add in Java"}], add_generation_prompt=True)
    assert asked["input_ids"] == PromptFormat(pico_tokenizer()).prompt_ids("Add in Java", "java")
    assert fields["tokenizer.ggml.eos_token_id"].contents() == tokenizer.eos_token_id
    assert (tmp_path / "out.Modelfile").read_text().splitlines()[2] == "FROM ./out.gguf"
    assert "llama-server -m out.gguf" in (tmp_path / "out.README.md").read_text()


def test_all_stop_tokens_are_written_or_named(tmp_path: Path) -> None:
    base = pico_base(tmp_path / "base", **SIZES)
    folder = make_folder(tmp_path, base)
    (base / "generation_config.json").write_text('{"eos_token_id": [258, 259]}')
    assert export_gguf(folder.path, tmp_path / "two.gguf").notes == ()
    fields = gguf.GGUFReader(tmp_path / "two.gguf").fields
    assert (fields["tokenizer.ggml.eos_token_id"].contents(), fields["tokenizer.ggml.eot_token_id"].contents()) == (
        258,
        259,
    )
    (base / "generation_config.json").write_text('{"eos_token_id": [258, 259, 257, 256]}')
    assert "give <|bos|> as stop strings" in export_gguf(folder.path, tmp_path / "four.gguf").notes[0]


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", **SIZES))
    out = tmp_path / "new" / "model"
    done = CliRunner().invoke(app, ["export", str(folder.path), str(out), "--format", "gguf"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "model.gguf")
    assert sorted(path.name for path in out.iterdir()) == ["Modelfile", "README.md", "model.gguf"]
    assert "FROM ./model.gguf" in (out / "Modelfile").read_text()
    with pytest.raises(ModelError, match="exists already"):
        export_gguf(folder.path, out)
    monkeypatch.setattr("moesaic.checkpoint.exchange.gguf._write_texts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_gguf(folder.path, tmp_path / "other" / "model")
    assert list((tmp_path / "other").iterdir()) == []


def test_interleaved_rows_go_back_with_transformers_loader() -> None:
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    weight = torch.randn(24, 5)
    back = LlamaTensorProcessor()._reverse_permute_weights(interleave_rotary(weight, 3).numpy(), 3, 3)
    assert np.array_equal(back, weight.numpy())


def test_llama3_factors_are_those_of_transformers(tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    base = pico_base(tmp_path / "base", rope_parameters=rope, head_dim=32)
    config = transformers.AutoConfig.from_pretrained(base)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    plain = 500.0 ** -(torch.arange(0, 32, 2) / 32)
    torch.testing.assert_close(torch.tensor(llama3_factors(read_config(base))), plain / scaled)


def test_refusals(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base"))
    with pytest.raises(ModelError, match="intermediate_size 48 is not a multiple of 32"):
        export_gguf(folder.path, tmp_path / "out.gguf")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="file is a file"):
        export_gguf(folder.path, tmp_path / "file" / "out.gguf")
    (tmp_path / "old.gguf").touch()
    with pytest.raises(ModelError, match="exists already"):
        export_gguf(folder.path, tmp_path / "old.gguf")


def test_sliding_window_is_noted(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", mistral=True, sliding_window=8, **SIZES))
    report = export_gguf(folder.path, tmp_path / "out.gguf")
    assert "only to the last 8: results differ" in report.notes[0]


def test_byte_fallback_vocabulary() -> None:
    model = {
        "type": "BPE",
        "byte_fallback": True,
        "unk_token": "<unk>",
        "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "a": 3, "b": 4, "ab": 5, "aba": 6},
        "merges": [["a", "b"], ["ab", "a"]],
    }
    added = [{"id": 0, "content": "<unk>", "special": True}, {"id": 1, "content": "<s>", "special": True}]
    tokens, types = tokens_and_types({"model": model, "added_tokens": added}, 8)
    assert tokens == ["<unk>", "<s>", "<0x0A>", "a", "b", "ab", "aba", "[PAD7]"]
    assert types == [2, 3, 6, 1, 1, 1, 1, 5]
    scores = dict(zip(tokens, merge_scores(model, tokens), strict=True))
    assert scores["ab"] > scores["aba"] > scores["a"]


@pytest.mark.parametrize(
    ("pre_tokenizer", "name"),
    [
        ({"type": "ByteLevel", "use_regex": True}, "gpt-2"),
        (
            {
                "type": "Sequence",
                "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel"}],
            },
            "smollm",
        ),
        (
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?"}},
                    {"type": "ByteLevel"},
                ],
            },
            "llama-bpe",
        ),
        (
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?"}},
                    {"type": "ByteLevel"},
                ],
            },
            "qwen2",
        ),
    ],
)  # fmt: skip
def test_pre_tokenizers_are_recognised(pre_tokenizer: dict[str, object], name: str) -> None:
    assert pre_tokenizer_name(pre_tokenizer, Path("tokenizer.json")) == name


def test_unknown_pre_tokenizer_is_refused() -> None:
    with pytest.raises(ModelError, match="Whitespace"):
        pre_tokenizer_name({"type": "Whitespace"}, Path("tokenizer.json"))


@pytest.mark.slow
def test_transformers_reads_the_qwen3_form_back(tmp_path: Path) -> None:
    # transformers does not read expert_feed_forward_length: it takes its default, 768.
    folder = make_folder(tmp_path, qwen3_base(tmp_path / "base", intermediate_size=768))
    export_gguf(folder.path, tmp_path / "out.gguf")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="out.gguf", dtype=torch.float32
    ).eval()
    assert model.config.model_type == "qwen3_moe"
    reference = logits(load_moe(folder.path)[0])
    assert (logits(model) - reference).norm() / reference.norm() < 2e-3


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("family", ["llama", "llama3", "qwen3"])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_llama_cpp_computes_the_same(tmp_path: Path, llama_cpp: Path, family: str, top_k: int) -> None:
    if family == "qwen3":
        base = with_a_merge(qwen3_base(tmp_path / "base"))
    else:
        rope = {"rope_type": "default", "rope_theta": 1000.0}
        if family == "llama3":
            rope = {
                "rope_type": "llama3",
                "rope_theta": 500.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        base = with_a_merge(pico_base(tmp_path / "base", head_dim=32, vocab_size=264, rope_parameters=rope, **SIZES))
    folder = make_folder(tmp_path, base, top_k=top_k)
    export_gguf(folder.path, tmp_path / "out.gguf")
    export_mixtral(folder.path, tmp_path / "out", dtype="float16")
    prompts = [row[:length] for row in TOKENS.tolist() for length in range(1, len(row) + 1)]
    program = textwrap.dedent(
        """
        import json, sys, urllib.request, xllamacpp
        params = xllamacpp.CommonParams()
        params.model.path = sys.argv[1]
        params.n_ctx, params.warmup, params.sampling.temp = 256, False, 0.0
        server = xllamacpp.Server(params)
        answers = []
        for prompt in json.loads(sys.argv[2]):
            request = {"prompt": prompt, "n_predict": 1, "temperature": 0, "return_tokens": True, "n_probs": 300}
            reply = urllib.request.urlopen(f"{server.listening_address}/completion", json.dumps(request).encode())
            answer = json.loads(reply.read())
            # A byte that starts a longer character has no text yet, and then the server reports no probabilities.
            rows = answer.get("completion_probabilities", [])
            answers.append({"tokens": answer["tokens"], "probs": rows[0]["top_logprobs"] if rows else []})
        print("ANSWER", json.dumps(answers))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out.gguf"), json.dumps(prompts)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(llama_cpp)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("ANSWER")).removeprefix("ANSWER")
    )
    model = load_strictly(tmp_path / "out")
    num_compared = 0
    for prompt, answer in zip(prompts, answers, strict=True):
        ours = logits(model, torch.tensor([prompt]))[0, -1].log_softmax(-1)
        assert ours[answer["tokens"]] > ours.max() - 0.02
        for entry in answer["probs"]:
            assert entry["logprob"] == pytest.approx(ours[entry["id"]].item(), abs=0.02)
        num_compared += len(answer["probs"])
    assert num_compared > 4 * 260
