"""The same tokens in real vLLM: the plug-in, the Mixtral export, and the adapters by multi-LoRA.

vLLM lives in an environment of its own (`scripts/vllm-environment`), whose python MOESAIC_VLLM_PYTHON names.
"""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import torch
import transformers
from test_mixtral import make_folder

from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.vllm import export_vllm
from moesaic.checkpoint.native import load_moe
from moesaic.model.decode.generate import generate
from moesaic.model.moe import force_expert
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
    """moesaic as vLLM's python sees it: this source tree, and the entry points that pyproject.toml declares."""
    folder = tmp_path_factory.mktemp("installed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = folder / f"moesaic-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: moesaic\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{folder}", "OMP_NUM_THREADS": "1"}


def ask(environment, folder, *jobs):
    """The tokens that vLLM generates for each job."""
    jobs = [{"prompts": PROMPTS, "tokens": NUM_TOKENS, "ranks": 1, **job} for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [PYTHON, str(ROOT / "tests/vllm_plugin/ask_vllm.py"), str(folder / "jobs.json"), str(folder / "out.json")],
        env=environment, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads((folder / "out.json").read_text())


def make(folder, family, **options):
    """A model folder on a base whose heads are as wide as vLLM's kernels for processors want them."""
    torch.manual_seed(0)
    config = CONFIGS[family](
        vocab_size=260, hidden_size=128, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=128, tie_word_embeddings=family == "llama",
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


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two ranks need two cores")
def test_two_ranks(tmp_path, environment):
    folder = make(tmp_path, "llama")
    export_vllm(folder.path, tmp_path / "out")
    (found,) = ask(environment, tmp_path, {"folder": str(tmp_path / "out"), "ranks": 2})
    assert found == ours(load_moe(folder.path)[0])
