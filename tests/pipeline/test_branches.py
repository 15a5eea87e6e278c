"""A run on a Ray cluster of several raylets: the bytes of a local run, also when one is lost in mid-training."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pickle
import platform
import shutil
import time
from pathlib import Path

import pytest

import forked
from moesaic.errors import RecipeError
from moesaic.files import file_digest, read_json
from moesaic.pipeline.predict import system_groups
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.workspace import is_alive
from object_server import added, objects, s3_server
from test_pipeline import numbers, write_recipe

ray = pytest.importorskip("ray")
LONGER = ("experts.epochs=4",)
# Every Python of the cluster reads this when it starts: an expert's training stops at its first checkpoint for a while.
_PAUSES = """
import os, pathlib, time
replace, folder = os.replace, pathlib.Path({folder!r})
def pausing(source, target, **options):
    replace(source, target, **options)
    target = pathlib.Path(target)
    training = target.parent.name.strip(".").removesuffix(".partial")
    if target.match("experts/.*.partial/checkpoint.safetensors") and not list(folder.glob(training + ".*.paused")):
        (folder / (training + "." + str(os.getpid()) + ".paused")).touch()
        while not (folder / "go").exists():
            time.sleep(0.05)
os.replace = pausing
"""


@pytest.fixture
def pauses(tmp_path, monkeypatch):
    """A folder in which paused trainings and their processes are named; they go on when there is a file ``go``."""
    (tmp_path / "pauses").mkdir()
    (tmp_path / "pauses" / "sitecustomize.py").write_text(_PAUSES.format(folder=str(tmp_path / "pauses")))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'pauses'}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"))
    return tmp_path / "pauses"


@pytest.fixture
def cluster(pauses, monkeypatch):
    """A head without processors and two machines with one each, all on this one."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": quick},
        shutdown_at_exit=False,
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, include_dashboard=False)
    yield cluster
    cluster.shutdown()


def command(recipe: Path, output: Path, *more: str) -> list[str]:
    return ["-m", "moesaic", "run", str(recipe), f"output={output}", *more]


def adapters(output: Path) -> dict[str, str]:
    root = output / "toy"
    return {str(path.relative_to(root)): file_digest(path) for path in sorted(root.rglob("*.safetensors"))}


@pytest.mark.slow
@pytest.mark.untraced
def test_a_cluster_leaves_the_bytes_of_a_local_run_though_a_machine_is_lost(tmp_path, pauses, cluster):
    recipe = write_recipe(tmp_path)
    environment = {**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    spread = forked.Forked(command(recipe, tmp_path / "spread", *LONGER, "--ray", cluster.address), env=environment)
    while len(paused := list(pauses.glob("*.paused"))) < 2:
        assert spread.poll() is None, spread.said()
        time.sleep(0.05)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    # The process of a task outlives its raylet by seconds, and would end its training in less if it went on.
    processes = {language: int(pid) for language, pid, _ in (path.name.split(".") for path in paused)}
    while not (lost := [language for language, pid in processes.items() if not is_alive(pid)]):
        assert spread.poll() is None, spread.said()
        time.sleep(0.05)
    (pauses / "go").touch()
    cluster.add_node(num_cpus=1, include_dashboard=False)
    assert spread.wait(timeout=800) == 0, spread.said()
    said = spread.said()
    assert "expert java: on " in said
    assert f"{lost[0]}: resuming after step 1 of 8" in said
    local = forked.run(command(recipe, tmp_path / "local", *LONGER))
    assert local.returncode == 0, local.stderr
    assert adapters(tmp_path / "spread") == adapters(tmp_path / "local")
    assert numbers(tmp_path, "spread") == numbers(tmp_path, "local")


def test_every_system_is_measured_by_one_task(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path), ["compare=[linear, arrow]", "reward.rounds=1"])
    assert system_groups(recipe) == [
        ("base", "expert:python", "expert:java"), ("moe:likelihood",), ("moe",), ("linear",), ("arrow",)
    ]  # fmt: skip


def test_an_address_without_a_cluster_is_named(tmp_path, monkeypatch):
    from ray._private import services

    from moesaic.pipeline.branches import SpreadRun

    # Another test's cluster may run on this machine at the same time, and "auto" would find it.
    monkeypatch.setattr(services, "find_bootstrap_address", lambda *_: None)
    monkeypatch.setattr(services, "find_gcs_addresses", functools.cache(frozenset))
    run = SpreadRun(load_recipe(write_recipe(tmp_path)), (), "auto")
    with pytest.raises(RecipeError, match="--ray: no cluster at 'auto'"):
        run(("data",))
    assert not (tmp_path / "runs" / "toy" / "data").exists()


@pytest.mark.slow
def test_tasks_of_other_machines_share_an_object_store_in_place_of_a_folder(tmp_path, monkeypatch):
    """Jobs as tasks do them, one after the other and each on a machine of its own; Ray only carries them."""
    from moesaic.pipeline import branches

    done = []

    def elsewhere(run, jobs, keep=None, on_gpus=True):
        for number, job in enumerate(jobs):
            done.append(job[0])
            with added({"MOESAIC_CACHE": str(tmp_path / f"machine {len(done)}")}):
                carried = pickle.loads(
                    pickle.dumps((run.recipe.model_dump(mode="json"), run.only, str(Path.cwd()), job))
                )
                result = branches._work(*carried)
            if keep is not None:
                keep(number, pickle.loads(pickle.dumps(result)))

    monkeypatch.setattr(branches.SpreadRun, "_spread", elsewhere)
    monkeypatch.setattr(branches, "_connected", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(branches, "check_nodes", lambda *_: None)
    small = ["data.languages=[python]", "experts.epochs=1", "predict.limit=2", "predict.max_new_tokens=2"]
    recipe = write_recipe(tmp_path)
    with s3_server() as environment, added({**environment, "MOESAIC_CACHE": str(tmp_path / "driver")}):
        spread = branches.SpreadRun(load_recipe(recipe, [*small, "output=s3://runs/ray"]), (), "nowhere")
        spread()
        kept = objects("ray/toy")
    assert done[:3] == ["expert", "compose", "gate"]
    assert done.count("measure_part") == len(system_groups(spread.recipe))
    assert ("judge_chunk" in done) == (shutil.which("bwrap") is not None)
    assert not [key for key in kept if key.startswith((".", "lock")) or ".parts" in key]
    local = Run(load_recipe(recipe, [*small, f"output={tmp_path / 'local'}"]))
    local()
    found = adapters(tmp_path / "local")
    assert {key: hashlib.sha256(kept[key]).hexdigest() for key in found} == found
    results = read_json(local.workspace.root / "results.json")
    assert json.loads(kept["results.json"])["systems"] == results["systems"]


def test_what_a_machine_lacks_is_named(tmp_path, monkeypatch):
    from moesaic.pipeline import nodes

    monkeypatch.setattr(nodes, "find_spec", lambda _: None)

    settings = load_recipe(write_recipe(tmp_path), ["base.quantize=nf4"]).model_dump(mode="json")
    settings["base"]["model"] = str(tmp_path / "nowhere")
    before = Path.cwd()
    tools = {"the sandbox": "another one", "tools of python": {"python": "0.1"}, "tools of java": "missing: javac"}
    lacking, found = nodes.look_here(settings, str(tmp_path / "gone"), str(tmp_path / "mark"), tools)
    assert Path.cwd() == before
    assert [text.partition(" ")[0] for text in lacking[:4]] == ["the", "the", "base.model:", "base.quantize:"]
    assert "in which the command was started, is not there" in lacking[0]
    assert "give output a folder that all machines share, or s3:// or gs://" in lacking[1]
    assert "on the machine of the command it is {'python': '0.1'}" in "".join(lacking[4:])
    assert "java" not in "".join(lacking[4:])  # the command's machine lacks it, too
    assert found["python"] == platform.python_version()
