"""Runs whose output is an object store: begun on one machine, killed, and finished on another with the same bytes."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from killing import run_killed
from moesaic.cli import main
from moesaic.errors import RecipeError
from moesaic.files import read_json
from moesaic.pipeline.stages import Run
from moesaic.ranks import Ranks
from moesaic.recipe import load_recipe
from object_server import objects
from test_pipeline import write_recipe

SMALL = ["experts.epochs=8", "data.languages=[python]", "predict.limit=1", "predict.max_new_tokens=2"]
_KILLED = """
import moesaic.stores.snapshots as snapshots
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
snapshots.LOOK_SECONDS = 0.01
Run(load_recipe(Path({recipe!r}), {options!r}))(("data", "experts"))
"""


@pytest.mark.slow
@pytest.mark.untraced
def test_a_run_killed_on_one_machine_is_finished_on_another(tmp_path, machine, capsys):
    recipe, options = write_recipe(tmp_path), [*SMALL, "output=s3://runs/killed"]
    Run(load_recipe(recipe, options))(("data",))
    # The first snapshot has no checkpoint yet, and others may come before it.
    work = _KILLED.format(recipe=str(recipe), options=options)
    ended = run_killed(work, "moesaic.stores.snapshots", "Snapshots.take", 4)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    left = objects("killed/toy")
    assert b"checkpoint.safetensors" in left[".partial/experts/python/snapshot.json"]
    assert "experts/python/manifest.json" not in left
    assert "lock.json" in left

    machine("second")
    capsys.readouterr()
    run = Run(load_recipe(recipe, options))
    run()  # the lock is that of a process of this machine which is gone: it is taken over at once
    said = capsys.readouterr().err
    assert "did not end normally; taking s3://runs/killed/toy over" in said
    assert "data: fetched from s3://runs/killed/toy" in said
    assert "experts/python: continuing from the snapshot" in said
    assert "resuming after step" in said
    kept = objects("killed/toy")
    assert not [key for key in kept if key.startswith((".", "lock"))]
    assert {"recipe.yaml", "report.html", "results.json", "model/moesaic.json"} <= set(kept)

    local = Run(load_recipe(recipe, [*SMALL, f"output={tmp_path / 'local'}"]))
    local()
    tensors = {path.relative_to(local.workspace.root).as_posix(): path for path in local.workspace.root.rglob("*.sa*")}
    assert len(tensors) > 4
    for name, path in tensors.items():
        assert kept[name] == path.read_bytes(), name
    assert json.loads(kept["results.json"])["systems"] == read_json(local.workspace.root / "results.json")["systems"]

    machine("third")
    capsys.readouterr()
    again = Run(load_recipe(recipe, options))
    again()
    said = capsys.readouterr().err
    for name in again.stage_names():
        assert f"{name}: finished earlier, skipped" in said


def test_a_place_that_cannot_be_used_is_one_message(tmp_path, machine, monkeypatch, capsys):
    for output, says in (
        ("s3://nowhere/x", "there is no bucket 'nowhere'"),
        ("s3:/runs", "is not a place for runs"),
    ):
        monkeypatch.setattr(sys, "argv", ["moesaic", "data", str(write_recipe(tmp_path)), f"output={output}"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert says in capsys.readouterr().err


def test_processes_of_several_machines_need_a_folder(tmp_path, machine, monkeypatch):
    run = Run(load_recipe(write_recipe(tmp_path), ["output=s3://runs/far"]))
    monkeypatch.setattr(run, "ranks", Ranks(0, 2, count_here=1))
    with pytest.raises(RecipeError, match=r"output: s3://runs/far is worked on in a folder of each machine.*--ray"):
        run(("data",))
