"""A run on a Ray cluster of several raylets: the bytes of a local run, also when one is lost in mid-training."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import forked
from moesaic.errors import RecipeError
from moesaic.files import file_digest
from moesaic.pipeline.predict import system_groups
from moesaic.recipe import load_recipe
from test_pipeline import numbers, write_recipe

ray = pytest.importorskip("ray")
LONGER = ("experts.epochs=24",)


@pytest.fixture
def cluster(monkeypatch):
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
@pytest.mark.timeout(900)
def test_a_cluster_leaves_the_bytes_of_a_local_run_though_a_machine_is_lost(tmp_path, cluster):
    recipe = write_recipe(tmp_path)
    environment = {**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    spread = forked.Forked(command(recipe, tmp_path / "spread", *LONGER, "--ray", cluster.address), env=environment)
    partial = tmp_path / "spread" / "toy" / "experts" / ".java.partial" / "checkpoint.safetensors"
    deadline = time.monotonic() + 400
    while not partial.exists():
        assert spread.poll() is None, spread.said()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    cluster.add_node(num_cpus=1, include_dashboard=False)
    assert spread.wait(timeout=600) == 0, spread.said()
    said = spread.said()
    assert "expert java: on " in said
    assert "resuming after step" in said or said.count("expert ") > 2
    local = forked.run(command(recipe, tmp_path / "local", *LONGER))
    assert local.returncode == 0, local.stderr
    assert adapters(tmp_path / "spread") == adapters(tmp_path / "local")
    assert numbers(tmp_path, "spread") == numbers(tmp_path, "local")


def test_every_system_is_measured_by_one_task(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path), ["compare=[linear, arrow]", "reward.rounds=1"])
    assert system_groups(recipe) == [
        ("base", "expert:python", "expert:java"), ("moe:likelihood",), ("moe",), ("linear",), ("arrow",)
    ]  # fmt: skip


def test_an_address_without_a_cluster_is_named(tmp_path):
    from moesaic.pipeline.branches import SpreadRun

    run = SpreadRun(load_recipe(write_recipe(tmp_path)), (), "auto")
    with pytest.raises(RecipeError, match="--ray: no cluster at 'auto'"):
        run(("data",))
    assert not (tmp_path / "runs" / "toy" / "data").exists()
