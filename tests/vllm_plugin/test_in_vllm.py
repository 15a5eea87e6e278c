"""The same tokens in real vLLM: the plug-in, the Mixtral export, and the adapters by multi-LoRA.

vLLM lives in an environment of its own (`scripts/vllm-environment`), whose python MOESAIC_VLLM_PYTHON names.
"""

import json
import os
import re
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_mixtral import make_folder

import moesaic
from as_installed import as_installed
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.vllm import export_vllm
from moesaic.checkpoint.native import load_moe
from moesaic.data.prompts import PromptFormat
from moesaic.languages import LANGUAGES
from moesaic.model.decode.generate import generate
from moesaic.model.moe import force_base, force_expert
from moesaic.model.stored import INDEX
from pico import pico_tokenizer

PYTHON = os.environ.get("MOESAIC_VLLM_PYTHON")
ROOT = Path(__file__).parents[2]
PROMPTS = [[5, 9, 200, 33, 7, 7, 120, 64], [1, 2, 3, 4, 250, 90, 17, 0, 11]]
NUM_TOKENS = 64
CONFIGS = {
    "llama": transformers.LlamaConfig,
    "mistral": transformers.MistralConfig,
    "qwen2": transformers.Qwen2Config,
    "qwen3": transformers.Qwen3Config,
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(PYTHON is None, reason="no vLLM: scripts/vllm-environment FOLDER, MOESAIC_VLLM_PYTHON names it"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    temporary = tmp_path_factory.mktemp("tmp")  # the sockets of engines that are killed stay behind
    path = as_installed(tmp_path_factory.mktemp("installed"))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}


def ask(environment, folder, *jobs):
    """The tokens that vLLM generates for each job."""
    jobs = [{"prompts": PROMPTS, "tokens": NUM_TOKENS, "ranks": 1, **job} for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [PYTHON, str(ROOT / "tests/vllm_plugin/ask_vllm.py"), str(folder / "jobs.json"), str(folder / "out.json")],
        env=environment, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-20000:]
    return json.loads((folder / "out.json").read_text())


def make(folder, family, context=128, hidden=128, **options):
    """A model folder on a base whose heads are as wide as vLLM's kernels for processors want them."""
    torch.manual_seed(0)
    config = CONFIGS[family](
        vocab_size=260, hidden_size=hidden, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=context, tie_word_embeddings=family == "llama",
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # large enough that greedy texts are not one token for ever
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter.mul_(14.0 if "embed" in name or "lm_head" in name else 6.0)
            elif "bias" in name:
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder / "base")
    pico_tokenizer().save_pretrained(folder / "base")
    return make_folder(folder, folder / "base", **options)


def ours(model, prompts=PROMPTS):
    texts = [found.ids for found in generate(model, prompts, NUM_TOKENS, ())]
    assert all(len(set(text)) > 5 for text in texts), "a text that says nothing proves nothing"
    return texts


@pytest.mark.parametrize(("family", "top_k", "anchor"), [("mistral", 2, False), ("qwen2", 5, True), ("qwen3", 1, True)])
def test_other_families(tmp_path, environment, family, top_k, anchor):
    folder = make(tmp_path, family, top_k=top_k, anchor=anchor)
    export_vllm(folder.path, tmp_path / "out")
    (found,) = ask(environment, tmp_path, {"folder": str(tmp_path / "out")})
    assert found == ours(load_moe(folder.path)[0])


def test_plug_in_mixtral_and_multi_lora(tmp_path, environment):
    folder = make(tmp_path, "llama", anchor=True)
    export_vllm(folder.path, tmp_path / "plugin")
    export_mixtral(folder.path, tmp_path / "mixtral")
    experts = ["java", "cpp"]
    plugin, mixtral, adapters = ask(
        environment,
        tmp_path,
        {"folder": str(tmp_path / "plugin")},
        {"folder": str(tmp_path / "mixtral")},
        {"folder": str(tmp_path / "base"), "adapters": [str(folder.expert_path(name)) for name in experts]},
    )
    model, _, _ = load_moe(folder.path)
    expected = ours(model)
    assert plugin == expected
    assert mixtral == expected
    for name, prompt, found in zip(experts, PROMPTS, adapters, strict=True):
        with force_expert(model, name):
            (alone,) = ours(model, [prompt])
        assert found == alone
        assert found not in expected


def test_further_adapters_are_refused(tmp_path, environment):
    folder = make(tmp_path, "llama")
    export_vllm(folder.path, tmp_path / "out")
    with pytest.raises(AssertionError, match="a model of routed experts does not support further adapters"):
        ask(environment, tmp_path, {"folder": str(tmp_path / "out"), "adapters": [str(folder.expert_path("java"))] * 2})


def quantise(out):
    """Rounds the base of an export to int8, a scale a row, as llm-compressor writes it; returns the scales."""
    stored = load_file(out / "model.safetensors")
    (out / "model.safetensors").unlink()  # it is the base's own file
    scales = {}
    for name in [name for name in stored if name.endswith("_proj.weight")]:
        scale_O1 = stored[name].abs().amax(dim=1, keepdim=True) / 127
        scales[name.removesuffix(".weight")] = stored[f"{name}_scale"] = scale_O1
        stored[name] = (stored[name] / scale_O1).round().to(torch.int8)
    save_file(stored, out / "model.safetensors")
    index = json.loads((out / INDEX).read_text())
    index["weight_map"] |= dict.fromkeys(stored, "model.safetensors")
    (out / INDEX).write_text(json.dumps(index))
    config = json.loads((out / "config.json").read_text())
    eight = {"num_bits": 8, "type": "int", "symmetric": True}
    config["quantization_config"] = {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "ignore": ["lm_head"],
        "config_groups": {
            "all": {
                "targets": ["Linear"],
                "weights": eight | {"strategy": "channel", "dynamic": False},
                "input_activations": eight | {"strategy": "token", "dynamic": True},
            }
        },
    }
    (out / "config.json").write_text(json.dumps(config))
    return scales


def as_in_int8(layer, scale_O1):
    """The product of int8 weights and of inputs that are rounded to int8, a scale a token."""
    weight_OI = (layer.weight / scale_O1).round() * scale_O1

    def forward(x):
        scale = x.abs().amax(dim=-1, keepdim=True) / 127
        return torch.nn.functional.linear((x / scale).round() * scale, weight_OI)

    layer.forward = forward


@torch.no_grad()
def greedy(model, prompt, num_tokens):
    """Token after token, each from the whole text: no path of decoding that knows of weights of its own."""
    ids = list(prompt)
    for _ in range(num_tokens):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_a_base_that_vllm_has_in_int8(tmp_path, environment):
    folder = make(tmp_path, "llama", hidden=120, anchor=True)  # multiples of 32 go to kernels that want bfloat16
    export_vllm(folder.path, tmp_path / "out")
    model, _, _ = load_moe(folder.path)
    modules = dict(model.named_modules())
    prompts = [torch.randint(256, (9,), generator=torch.Generator().manual_seed(n)).tolist() for n in (0, 2, 4, 9, 12)]
    exact = [greedy(model, prompt, 32) for prompt in prompts]
    for name, scale_O1 in quantise(tmp_path / "out").items():
        as_in_int8(modules[name], scale_O1)
    expected = [greedy(model, prompt, 32) for prompt in prompts]
    with force_base(model):
        base = [greedy(model, prompt, 32) for prompt in prompts]
    (found,) = ask(environment, tmp_path, {"folder": str(tmp_path / "out"), "prompts": prompts, "tokens": 32})
    # An input that lies between two of its 255 values is rounded to either side, and decides for the rest of its text.
    same = [in_common(one, other) for one, other in zip(found, expected, strict=True)]
    assert sorted(same)[2] == 32, same
    assert min(same) >= 8, same
    assert all(one != other for one, other in zip(expected, exact, strict=True))
    assert max(in_common(one, other) for one, other in zip(expected, base, strict=True)) < 8


def in_common(one, other):
    """How many tokens two texts have in common at their beginning."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two ranks need two cores")
def test_two_ranks(tmp_path, environment):
    folder = make(tmp_path, "llama")
    export_vllm(folder.path, tmp_path / "out")
    (found,) = ask(environment, tmp_path, {"folder": str(tmp_path / "out"), "ranks": 2})
    assert found == ours(load_moe(folder.path)[0])


def test_the_server_in_front_of_vllm(tmp_path, environment):
    """`moesaic serve --engine vllm`: the page, the prompts and the answers of the built-in engine; it ends with 0."""
    if subprocess.run([PYTHON, "-c", "import moesaic.serve.app, moesaic.cli"], env=environment).returncode:
        pytest.skip("moesaic's own requirements are not in vLLM's environment: scripts/vllm-environment")
    folder = make(tmp_path, "llama", context=512)
    environment = environment | {"MOESAIC_CACHE": str(tmp_path / "cache"), "VLLM_CPU_KVCACHE_SPACE": "1"}
    server = subprocess.Popen(
        [PYTHON, "-m", "moesaic", "serve", str(folder.path), "--engine", "vllm", "--port", "0", "--slots", "2"],
        env=environment | {"COLUMNS": "300"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = []
    try:
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"at (http://\S+),", line):
                break
        assert found, said[-30:]
        thread = threading.Thread(target=lambda: said.extend(server.stderr))
        thread.start()
        model = moesaic.load(folder.path)
        prompts = PromptFormat(model.tokenizer)
        for language in ("java", "cpp"):
            body = {"model": "moe", "language": language, "max_tokens": NUM_TOKENS, "logprobs": True}
            answer = ask_server(found[1], body | {"messages": [{"role": "user", "content": "Sum of a list"}]})
            (choice,) = answer["choices"]
            ids = prompts.prompt_ids("Sum of a list", language)
            expected = generate(model.model, [ids], NUM_TOKENS, prompts.stop_ids)[0]
            assert [each["logprob"] for each in choice["logprobs"]["content"]] == pytest.approx(
                expected.logprobs, abs=2e-3
            )
            text = prompts.text_of(expected.ids)
            assert choice["message"]["content"].startswith(f"```{LANGUAGES[language].fence}\n{text[:-1]}")
            assert choice["finish_reason"] == ("stop" if expected.stopped else "length")
        with urllib.request.urlopen(found[1], timeout=60) as page:
            assert b"does not say which expert writes what" in page.read()
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0, said[-30:]
        thread.join(10)
        assert "Traceback" not in "".join(said)
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def ask_server(address, body):
    request = urllib.request.Request(
        f"{address}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)
