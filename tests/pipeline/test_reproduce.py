"""A finished run, run again: the same, or what differs and why."""

from __future__ import annotations

import json
import shutil

import pytest

from moesaic.errors import CheckpointError
from moesaic.pipeline.reproduce import compare_runs, recipe_of
from moesaic.pipeline.stages import Run


@pytest.mark.slow
def test_the_same_machine_reproduces_a_run_and_a_difference_is_named(finished, tmp_path):
    run = finished / "runs" / "toy"
    recipe = recipe_of(run, tmp_path)
    Run(recipe)()
    comparison = compare_runs(run, recipe)
    *_, last = lines = list(comparison.lines())
    assert comparison.is_same, lines
    assert comparison.num_files > 20
    assert comparison.num_numbers > 50
    assert last.startswith(f"{comparison.num_files:,} of {comparison.num_files:,} files")

    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    results = json.loads((changed / "results.json").read_text())
    loss = results["systems"]["moe"]["loss"]["python"]["value"]
    results["systems"]["moe"]["loss"]["python"]["value"] = loss + 1
    (changed / "results.json").write_text(json.dumps(results))
    manifest = json.loads((changed / "gate" / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.0"
    manifest["inputs"]["seed"] = 7
    manifest["sha256"]["model/router.safetensors"] = "0" * 64
    (changed / "gate" / "manifest.json").write_text(json.dumps(manifest))
    comparison = compare_runs(changed, recipe)
    assert not comparison.is_same
    lines = list(comparison.lines())
    assert any(line.startswith("other surroundings: torch 1.0 before, ") for line in lines)
    assert "gate: made from another seed" in lines
    assert "gate: other bytes in model/router.safetensors" in lines
    assert f"systems.moe.loss.python.value: {loss + 1} before, {loss} now" in lines


def test_what_is_no_finished_run_is_named(finished, tmp_path):
    with pytest.raises(CheckpointError, match="holds no finished run"):
        recipe_of(tmp_path, tmp_path / "out")
    with pytest.raises(CheckpointError, match=r"--out: .* contains the run"):
        recipe_of(finished / "runs" / "toy", finished / "runs")
