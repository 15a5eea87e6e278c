"""Losses of a pico run, at full precision: what training and measuring give may not change unnoticed.

    python tests/test_golden.py        writes tests/golden/losses.json anew, where a change is meant

Processors round differently, so numbers within ``TOLERANCE`` count as the same. With PyTorch's plainest kernels
(``ATEN_CPU_CAPABILITY=default``) they differ from the AVX-512 ones by 3e-7 at most; a learning rate that is 1% higher
changes them by up to 5e-3.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from moesaic.files import read_json
from moesaic.progress import read_metrics

GOLDEN = Path(__file__).resolve().parent / "golden" / "losses.json"
TOLERANCE = 1e-5  # relative
_CURVES = ("experts/python", "experts/java", "gate/gates", "gate/joint")
_KEYS = ("step", "loss", "grad_norm", "validation_loss")


def losses(root: Path) -> dict[str, Any]:
    """Every step and validation of a run's training, and every system's test loss."""
    curves = {
        name: [{key: row[key] for key in _KEYS if key in row} for row in read_metrics(root / name / "metrics.jsonl")]
        for name in _CURVES
    }
    systems = read_json(root / "results.json")["systems"]
    tests = {
        f"{system}, {language}": estimate["value"]
        for system, metrics in systems.items()
        for language, estimate in metrics["loss"].items()
    }
    return {"training": curves, "test": tests}


def test_losses_are_those_of_before(finished):
    found, expected = losses(finished / "runs" / "toy"), json.loads(GOLDEN.read_text())
    assert found["training"].keys() == expected["training"].keys()
    for name, rows in expected["training"].items():
        assert len(found["training"][name]) == len(rows)
        for row, own in zip(rows, found["training"][name], strict=True):
            assert own == pytest.approx(row, rel=TOLERANCE), name
    assert found["test"] == pytest.approx(expected["test"], rel=TOLERANCE)


def test_the_comparison_notices_a_small_change():
    expected = json.loads(GOLDEN.read_text())["test"]
    assert {name: value * (1 + 3 * TOLERANCE) for name, value in expected.items()} != pytest.approx(
        expected, rel=TOLERANCE
    )


if __name__ == "__main__":
    import os
    import tempfile

    os.environ["OMP_NUM_THREADS"] = "1"  # as in tests
    from moesaic.pipeline.stages import Run
    from moesaic.recipe import load_recipe
    from test_pipeline import write_recipe

    with tempfile.TemporaryDirectory() as folder:
        Run(load_recipe(write_recipe(Path(folder))))()
        GOLDEN.write_text(json.dumps(losses(Path(folder) / "runs" / "toy"), indent=1) + "\n")
