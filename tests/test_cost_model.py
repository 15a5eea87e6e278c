"""The page about cost shows what its script computes, from figures that a benchmark has."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "cost_model.py"


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("cost_model", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_measured_figures_are_those_of_the_benchmark(model):
    text = (ROOT / "benchmarks" / "speed_h100_202611.md").read_text()
    for figure in ("16,551", "**14,213**", "4,329", "**287**", "**230**", "26 s (518,620 tokens)", "24.1 GB"):
        assert figure in text
    assert [f"{rate / 1000:.1f}" in text for rate in model.MEASURED["train_tokens_s"].values()] == [True, True]
    assert [f"{step}" in text for step in model.MEASURED["decode_step_ms"].values()] == [True, True]


def test_what_was_measured_comes_out_as_it_was_measured(model):
    mistral = model.MEASURED_SHAPE
    assert model.joint_gigabytes(mistral, 4, 2.0) == pytest.approx(24.1)
    assert model.slowdown(model.MEASURED["decode_step_ms"], 32) == pytest.approx(2.36 / 2.23)
    assert mistral.expert == 3 * 32 * 16 * (4096 + 14336)
    alone, _ = model.training_hours(mistral, 4)
    assert alone == pytest.approx(4 * 3.6e6 / 16_551 / 3600)
