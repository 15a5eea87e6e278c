"""Exports load in transformers 4.57, in a virtual environment of its own, with the same logits."""

import json
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
import torch
from test_mixtral import TOKENS, logits, make_folder
from test_own_base import make_own

from moesaic.checkpoint.description import BASE
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.native import load_moe
from pico import pico_base

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(900)]

_PROGRAM = """
import json, sys, torch, transformers
model, info = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True, dtype="auto")
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
with torch.no_grad():
    logits = model(torch.tensor(json.loads(sys.argv[2]))).logits.float()
greedy = model.generate(torch.tensor(json.loads(sys.argv[2])), max_new_tokens=8, do_sample=False)
print(json.dumps({
    "version": transformers.__version__, "class": type(model).__name__, "missing": sorted(info["missing_keys"]),
    "unexpected": sorted(info["unexpected_keys"]), "logits": logits.tolist(), "ids": tokenizer("abc").input_ids,
    "greedy": greedy.tolist(),
}))
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transformers4")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "transformers==4.57.*"], check=True, capture_output=True)
    # torch is taken from this environment; everything that transformers pins comes from the new one.
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], check=True, capture_output=True
    )
    (Path(purelib.stdout.decode().strip()) / "torch.pth").write_text(sysconfig.get_paths()["purelib"])
    return python


def run_there(old_python: Path, checkpoint: Path) -> dict[str, Any]:
    """What the program above prints of a checkpoint."""
    done = subprocess.run(
        [old_python, "-c", _PROGRAM, str(checkpoint), json.dumps(TOKENS.tolist())],
        capture_output=True,
        text=True,
        check=False,
        cwd=checkpoint.parent,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["version"].startswith("4.57")
    return found


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"tie_word_embeddings": False, "head_dim": 16, "rms_norm_eps": 1e-3},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 777.0}},
        {"mistral": True, "sliding_window": 4},
    ],
)
def test_same_logits_and_tokens(
    tmp_path: Path, old_python: Path, sizes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    folder = make_folder(tmp_path, pico_base(tmp_path / "base", **sizes))  # type: ignore[arg-type]
    export_mixtral(folder.path, tmp_path / "out")
    found = run_there(old_python, tmp_path / "out")
    assert found["class"] == "MixtralForCausalLM"
    assert found["missing"] == []
    assert found["unexpected"] == []
    ours, tokenizer, _ = load_moe(folder.path)
    torch.testing.assert_close(torch.tensor(found["logits"]), logits(ours), atol=1e-4, rtol=1e-4)
    assert found["ids"] == tokenizer("abc").input_ids
    greedy = ours.generate(TOKENS, max_new_tokens=8, do_sample=False)
    assert found["greedy"] == greedy.tolist()


def test_a_base_of_the_model_s_own_has_the_same_logits(
    tmp_path: Path, old_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    folder, changed = make_own(tmp_path)  # with a rotary base frequency other than the default
    found = run_there(old_python, folder.path / BASE)
    assert (found["class"], found["missing"], found["unexpected"]) == ("LlamaForCausalLM", [], [])
    torch.testing.assert_close(torch.tensor(found["logits"]), changed, atol=1e-5, rtol=1e-5)
