"""llama.cpp and vLLM, asked a plain user message at their chat endpoints, write what ``moesaic generate`` writes."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from test_plain_transformers import smollm2_moe

from as_installed import as_installed
from moesaic.api import Model
from moesaic.checkpoint.exchange.gguf import export_gguf
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.exchange.vllm import export_vllm
from moesaic.data.prompts import PromptFormat

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(1200)]

NEW_TOKENS = 48
ASKED = [  # what the user says, what the request says, the language that follows
    ("Print the sum of apples and pears times 4", None, "python"),
    ("Print the sum of apples and pears times 4, in Java", None, "java"),
    ("Largest of three numbers", "cpp", "cpp"),
    ("Read n; print the squares from 1 to n as a JavaScript program", None, "javascript"),
]


@pytest.fixture(scope="module")
def moe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return smollm2_moe(tmp_path_factory.mktemp("moe") / "smollm2").path


@pytest.fixture(scope="module")
def expected(moe: Path) -> list[tuple[str, int]]:
    """Text up to the fence that ends the program, and tokens of the prompt."""
    model = Model.from_pretrained(moe, device="cpu", dtype="float32")
    prompts = PromptFormat(model.tokenizer)
    found = []
    for text, _, language in ASKED:
        answer = model.generate(text, language=language, max_new_tokens=NEW_TOKENS)
        found.append((answer.completion.partition("\n```")[0], len(prompts.prompt_ids(text, language))))
    assert len({text for text, _ in found}) == len(ASKED)
    return found


def requests() -> list[dict[str, Any]]:
    """The requests of the model card."""
    rows = []
    for text, language, _ in ASKED:
        row = {
            "model": "smollm2",
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": NEW_TOKENS,
            "stop": ["\n```"],
        }
        rows.append({**row, "chat_template_kwargs": {"language": language}} if language else row)
    return rows


def compare(answers: list[dict[str, Any]], expected: list[tuple[str, int]]) -> None:
    for answer, (text, num_prompt_tokens), (asked, _, _) in zip(answers, expected, ASKED, strict=True):
        assert answer["usage"]["prompt_tokens"] == num_prompt_tokens, asked
        assert answer["choices"][0]["message"]["content"].rstrip() == text.rstrip(), asked


def test_llama_cpp(moe: Path, expected: list[tuple[str, int]], llama_cpp: Path, tmp_path: Path) -> None:
    file = export_gguf(moe, tmp_path / "gguf" / "smollm2").path
    program = textwrap.dedent(
        """
        import json, sys, urllib.request, xllamacpp
        params = xllamacpp.CommonParams()
        params.model.path = sys.argv[1]
        params.n_ctx, params.warmup = 512, False
        server = xllamacpp.Server(params)
        url = f"{server.listening_address}/v1/chat/completions"
        for request in json.loads(sys.argv[2]):
            headers = {"Content-Type": "application/json"}
            asked = urllib.request.Request(url, json.dumps(request).encode(), headers)
            print("ANSWER", urllib.request.urlopen(asked).read().decode())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file), json.dumps(requests())],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(llama_cpp)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    compare([json.loads(line.removeprefix("ANSWER")) for line in lines], expected)


@pytest.mark.parametrize("form", ["mixtral", "plug-in"])
def test_vllm(
    form: str,
    moe: Path,
    expected: list[tuple[str, int]],
    vllm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))  # vLLM's sockets, short enough for their names
    if form == "mixtral":
        export_mixtral(moe, tmp_path / "smollm2", dtype="float32")
    else:
        export_vllm(moe, tmp_path / "smollm2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [vllm, "-m", "vllm.entrypoints.openai.api_server", "--port", str(port)]
    command += ["--model", str(tmp_path / "smollm2")]
    command += ["--host", "127.0.0.1", "--served-model-name", "smollm2", "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", "512", "--max-num-seqs", "2"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    environment.pop("PYTHONPATH", None)
    if form == "plug-in":
        environment["PYTHONPATH"] = as_installed(tmp_path_factory.mktemp("installed"))
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=environment)
    try:
        answers = []
        url = f"http://127.0.0.1:{port}"
        while not _is_up(f"{url}/health"):
            assert server.poll() is None, (tmp_path / "log").read_text()[-3000:]
            time.sleep(2)
        for request in requests():
            data, headers = json.dumps(request).encode(), {"Content-Type": "application/json"}
            asked = urllib.request.Request(f"{url}/v1/chat/completions", data, headers)
            with urllib.request.urlopen(asked) as reply:
                answers.append(json.loads(reply.read()))
    finally:
        server.terminate()
        server.wait(60)
    compare(answers, expected)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False
