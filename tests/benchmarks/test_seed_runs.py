"""Seeds and variants side by side: what they share, what they train, what is archived, what is not done again."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import seed_runs
from seed_runs import fewest, jobs_of, main, prepare, run_all

from forked import Forked
from moesaic.checkpoint.native import read_model_folder
from moesaic.files import read_json
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from test_pipeline import REWARD, write_recipe


class Process:
    """What the script asks of ``multiprocessing``, forked from a process that has the libraries."""

    def __init__(self, target, args):
        self._work = pickle.dumps((target, args))

    def start(self):
        program = f"import pickle, sys; sys.path[:0] = {sys.path!r}; target, args = pickle.loads({self._work!r})"
        self._process = Forked(["-c", f"{program}; target(*args)"])

    def is_alive(self):
        return self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    @property
    def exitcode(self):
        return self._process.poll()

    def terminate(self):
        self._process.terminate()

    def join(self, timeout):
        self._process.wait(timeout)


@pytest.fixture(scope="module", autouse=True)
def _processes_are_forked():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "seed_runs.multiprocessing", SimpleNamespace(get_context=lambda _: SimpleNamespace(Process=Process))
        )
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    recipe = write_recipe(folder)
    jobs = jobs_of(recipe, ["predict.benchmarks={}"], (0, 1), [["softmax", "gate.kind=softmax"]])
    assert run_all(*jobs, 1, folder / "all.tar.gz", ("0", "1")) == []
    return folder, recipe, jobs


def test_seeds_share_data_and_variants_the_experts_too(finished):
    folder, _, _ = finished
    first, second, variant = (folder / "runs" / f"toy-{name}" for name in ("seed0", "seed1", "softmax"))

    def files(name):
        return [read_json(root / name / "manifest.json")["sha256"] for root in (first, second, variant)]

    data, experts, gates = files("data"), files("experts/java"), files("gate")
    assert data[0] == data[1] == data[2]
    assert experts[0] == experts[2] != experts[1]
    assert gates[0] != gates[2]
    kinds = [read_model_folder(root / "gate" / "model").kind for root in (first, variant)]
    assert kinds == ["top_k", "softmax"]


def test_the_archive_has_all_but_the_weights(finished):
    with tarfile.open(finished[0] / "all.tar.gz") as tar:
        names = tar.getnames()
    assert {"toy-seed1/predict/losses/moe.jsonl", "toy-softmax/gate/manifest.json", "toy-seed0/recipe.yaml"} < {*names}
    assert not [name for name in names if name.endswith((".safetensors", ".pt"))]


def test_what_is_archived_can_be_judged_elsewhere(finished, tmp_path):
    folder, recipe, _ = finished
    with tarfile.open(folder / "all.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    elsewhere = ["predict.benchmarks={}", "seed=1", "name=toy-seed1", f"output={tmp_path}"]
    Run(load_recipe(recipe, elsewhere))(("predict", "evaluate", "report"))
    results = read_json(tmp_path / "toy-seed1" / "results.json")
    assert {"base", "moe", "expert:java"} <= {*results["systems"]}
    assert results["seconds"]["gate"] > 0
    assert (tmp_path / "toy-seed1" / "report.html").exists()
    assert not (tmp_path / "toy-seed1" / "model").exists()


def test_what_is_finished_is_not_done_again(finished, monkeypatch, capsys):
    _, recipe, _ = finished
    arguments = [str(recipe), "predict.benchmarks={}", "--seeds", "0", "1", "--variant", "softmax", "gate.kind=softmax"]
    monkeypatch.setattr(sys, "argv", ["seed_runs.py", *arguments])
    assert main() == 0
    assert "started" not in capsys.readouterr().err


def test_what_the_first_seed_has_not_is_waited_for_and_a_wrong_recipe_refused(tmp_path, monkeypatch, capsys):
    recipe = write_recipe(tmp_path)
    (first, second), _ = jobs_of(recipe, [], (0, 1), [])
    assert prepare(second, first) == ["data"]
    monkeypatch.setattr(sys, "argv", ["seed_runs.py", str(recipe), "gate.kind=sofmax"])
    assert main() == 2
    assert "gate.kind" in capsys.readouterr().err


def test_jobs_that_nobody_would_run_or_two_would_are_refused(tmp_path, monkeypatch, capsys):
    recipe = str(write_recipe(tmp_path))
    for options in (("--seeds", "1", "1"), ("--seeds", "1", "--variant", "seed1", "gate.top_k=2")):
        monkeypatch.setattr(sys, "argv", ["seed_runs.py", recipe, *options])
        assert main() == 2
        assert "toy-seed1 would be two jobs in one workspace" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["seed_runs.py", recipe, "--at-once", "0"])
    with pytest.raises(SystemExit, match="2"):
        main()


def test_a_job_goes_to_the_gpu_that_has_the_fewest():
    assert fewest([], ("0", "1")) == ("0", 0)
    assert fewest(["0", "1", "0"], ("0", "1")) == ("1", 1)
    assert fewest([None, None], (None,)) == (None, 2)


def test_experts_that_are_rewarded_alone_are_trained_once_and_before_they_are_joined(tmp_path):
    changes = [*REWARD, "reward.alone=[java]", "experts.max_steps=0", "gate.joint_epochs=0", "predict.limit=0"]
    variants = [["softmax", "gate.kind=softmax"], ["plain", "reward.rounds=0", "reward.alone=[]"]]
    jobs, others = jobs_of(write_recipe(tmp_path), changes, (0,), variants)
    assert run_all(jobs, others, 1, None) == []
    assert all(job.is_done for job in (*jobs, *others))
    first, softmax, plain = (
        tmp_path / "runs" / f"toy-{name}" / "expert_rewards/java" for name in ("seed0", "softmax", "plain")
    )
    assert (first / "manifest.json").samefile(softmax / "manifest.json"), "it was linked, not trained again"
    assert not plain.exists()
    composed = [(folder.parents[1] / "compose" / "manifest.json") for folder in (first, plain)]
    assert not composed[0].samefile(composed[1]), "its expert is another one"


STOPPED = """
import multiprocessing, runpy, sys
sys.path[:0], sys.argv = {path!r}, {arguments!r}
fork = multiprocessing.get_context("fork")  # a process that has the libraries starts at once
multiprocessing.get_context = lambda kind=None: fork
runpy.run_path({script!r}, run_name="__main__")
"""


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_jobs_too(tmp_path, number, code):
    recipe = write_recipe(tmp_path)
    arguments = [seed_runs.__file__, str(recipe), "experts.max_steps=1000000", "experts.epochs=1000000", "--seeds", "0"]
    program = STOPPED.format(path=sys.path, arguments=arguments, script=seed_runs.__file__)
    process, jobs = Forked(["-c", program]), []
    try:
        ends = time.monotonic() + 60
        while not (tmp_path / "runs" / "toy-seed0" / "data" / "manifest.json").exists():
            assert time.monotonic() < ends, process.said()
            time.sleep(0.05)
        jobs = children(process.pid)
        assert len(jobs) == 1, process.said()
        process.send_signal(number)
        _, said = process.communicate(60)
        assert process.returncode == code, said
        assert "stopped; run the same command" in said
        assert "Traceback" not in said
        assert not Path(f"/proc/{jobs[0]}").exists()
    finally:
        process.kill()
        for job in jobs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(job, signal.SIGKILL)
