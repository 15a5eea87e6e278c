"""Other programs that read exports, each outside of this environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on PYTHONPATH, with llama.cpp as a Python module."""
    folder = tmp_path_factory.mktemp("llama_cpp")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:", "--target", folder]
    done = subprocess.run([*command, "xllamacpp"], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no xllamacpp: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="session")
def vllm() -> str:
    """A Python that can import vLLM; vLLM pins its own torch, so it has an environment of its own."""
    python = os.environ.get("MOESAIC_VLLM_PYTHON")
    if python is None:
        pytest.skip("no vLLM: scripts/vllm-environment FOLDER, MOESAIC_VLLM_PYTHON names its python")
    return python
