"""Several processes of one run on a CPU: the same bytes as one, one voice, and what follows when one is lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import textwrap
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

import forked
from forked import Forked
from moesaic.files import file_digest, read_json
from test_pipeline import REWARD, numbers, write_recipe

_PROGRAM = """
    import os, signal, sys
    sys.path[:0] = {paths!r}
    import torch, torch.distributed as dist
    rank = int(os.environ.get("RANK", "0"))
    if "MEETING" in os.environ:
        dist.init_process_group("gloo", init_method="file://" + os.environ["MEETING"], rank=rank,
                                world_size=int(os.environ["WORLD_SIZE"]))
    victim, module, function, when = (os.environ.get("KILLED", "-1 moesaic.cli main 0")).split()
    if rank == int(victim):
        import importlib
        module = importlib.import_module(module)
        original, calls = getattr(module, function), []
        def dying(*arguments, **options):
            calls.append(1)
            if len(calls) == int(when):
                os.kill(os.getpid(), int(os.environ.get("SIGNAL", signal.SIGKILL)))
            return original(*arguments, **options)
        setattr(module, function, dying)
    from moesaic.cli import main
    main()
"""
SHARED = ("experts.accumulation=2", "gate.accumulation=2")


def start(folder: Path, arguments: list[str], ranks: int, **environment: str) -> list[Forked]:
    """Starts the command line in so many processes, which meet at a file."""
    here = Path(__file__).parent.parent
    script = textwrap.dedent(_PROGRAM).format(paths=[str(here)])
    meeting = folder / f"meeting-{time.monotonic_ns()}"
    common = {**os.environ, **environment}
    if ranks > 1:
        common |= {"MEETING": str(meeting), "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks)}
    return [
        Forked(
            ["-c", script, *arguments],
            env=common | ({"RANK": str(rank), "LOCAL_RANK": str(rank)} if ranks > 1 else {}),
        )
        for rank in range(ranks)
    ]


def finish(processes: list[Forked]) -> list[tuple[int, str, str]]:
    """Waits for all: exit code, stdout and stderr of each."""
    said = [process.communicate(timeout=800) for process in processes]
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def artifacts(root: Path) -> dict[str, str]:
    """Digest of every file whose bytes depend on nothing but what was computed."""
    kinds = (".safetensors", ".jsonl", ".json")
    paths = sorted(path for path in root.rglob("*") if path.suffix in kinds)
    left_out = ("manifest.json", "metrics.jsonl", "results.json", "evaluate/rows/*/own.jsonl")  # they hold times
    return {
        str(path.relative_to(root)): file_digest(path)
        for path in paths
        if not any(path.match(pattern) for pattern in left_out)
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """A folder with ``toy.yaml`` and its finished run in one process, ``one/toy``."""
    folder = tmp_path_factory.mktemp("alone")
    recipe = write_recipe(folder)
    ((code, _, errors),) = finish(start(folder, ["run", str(recipe), f"output={folder / 'one'}", *SHARED], 1))
    assert code == 0, errors
    return folder


@pytest.mark.slow
def test_two_processes_leave_the_files_of_one_and_only_the_first_talks(alone):
    arguments = ["run", str(alone / "toy.yaml"), f"output={alone / 'two'}", *SHARED]
    first, second = finish(start(alone, arguments, 2))
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert second[1:] == ("", "")
    assert "MoE loss" in first[1]
    one, two = alone / "one" / "toy", alone / "two" / "toy"
    assert artifacts(two) == artifacts(one)
    assert numbers(alone, "two") == numbers(alone, "one")
    assert not (two / ".ranks").exists()
    assert all(read_json(two / name / "manifest.json")["processes"] == 2 for name in ("experts/python", "gate"))

    ((code, _, said),) = finish(start(alone, arguments, 1))  # what two have finished is finished for one
    assert code == 0, said
    assert "gate: finished earlier, skipped" in said
    assert "predict: finished earlier, skipped" in said


@pytest.mark.slow
def test_a_base_spread_over_two_processes_leaves_the_files_of_one(alone):
    options = ("experts.gradient_checkpointing=true", "gate.gradient_checkpointing=true", "processes.shard=true")
    arguments = ["run", str(alone / "toy.yaml"), f"output={alone / 'sharded'}", *SHARED, *options]
    first, second = finish(start(alone, arguments, 2))
    assert first[0] == second[0] == 0, first[2] + second[2]
    assert "torch.float32, over 2 processes" in first[2]
    assert second[1:] == ("", "")
    assert artifacts(alone / "sharded" / "toy") == artifacts(alone / "one" / "toy")
    assert numbers(alone, "sharded") == numbers(alone, "one")
    assert not (alone / "sharded" / "toy" / "gate" / "model" / "base").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "made", "log", "more"),
    [
        ("reward", "reward", "training.json", ()),
        ("reward", "expert_rewards/python", "training.json", ("reward.alone=[python]",)),
        ("baselines", "baselines/dense_lora_reward", "baseline.json", ("compare=[dense_lora,dense_lora_reward]",)),
    ],
)
def test_rewards_are_trained_in_two_processes_as_in_one(alone, tmp_path, command, made, log, more):
    found = []
    for ranks in (1, 2):
        root = tmp_path / str(ranks)
        shutil.copytree(alone / "one" / "toy", root / "toy")
        arguments = [
            command,
            str(alone / "toy.yaml"),
            f"output={root}",
            *SHARED,
            *REWARD,
            "reward.overlap=true",
            *more,
        ]
        said = finish(start(tmp_path, arguments, ranks))
        assert all(code == 0 for code, _, _ in said), said
        assert all(stdout == stderr == "" for _, stdout, stderr in said[1:])
        stage = root / "toy" / made
        assert read_json(stage / "manifest.json").get("processes", 1) == ranks
        adapter = stage if more else stage / "model" / "experts" / "python"
        training = read_json(stage / log)
        found.append((training.get("training", training), load_file(adapter / "adapter_model.safetensors")))
    (one, adapter), (two, other) = found
    assert one["rounds"] == two["rounds"] == 1
    for expected, history in zip(one["history"], two["history"], strict=True):
        assert history == {key: pytest.approx(value, abs=1e-6) for key, value in expected.items()}
    assert adapter.keys() == other.keys()
    assert all((adapter[key] - other[key]).abs().max() < 1e-6 for key in adapter)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killed", "resumed", "more"),
    [
        ("1 moesaic.train.rows _add_up 6", "gates: resuming after step 1 of 2", ("processes.shard=true",)),
        ("1 moesaic.train.rows _add_up 2", "python: resuming after step 1 of 2", ()),
        ("0 moesaic.train.rows _add_up 8", "joint: resuming after step 1 of 2", ()),
    ],
)
def test_a_killed_process_ends_the_others_and_one_goes_on(alone, tmp_path, killed, resumed, more):
    arguments = ["run", str(alone / "toy.yaml"), f"output={tmp_path}", *SHARED, *more]
    processes = start(tmp_path, arguments, 2, KILLED=killed)
    victim = int(killed[0])
    assert processes[victim].wait(timeout=800) == -signal.SIGKILL
    survivor = finish(processes)[1 - victim]  # left alone it would wait for two hours
    assert survivor[0] == 5
    assert f"process {victim} of 2 (pid {processes[victim].pid} on " in survivor[2]
    assert "is gone: it was killed" in survivor[2]
    assert "Traceback" not in survivor[2]
    ((code, _, said),) = finish(start(tmp_path, arguments, 1))
    assert code == 0, said
    assert resumed in said
    expected, found = artifacts(alone / "one" / "toy"), artifacts(tmp_path / "toy")
    assert found == expected


@pytest.mark.slow
def test_a_process_that_fails_says_why_in_the_first_ones_words_too(alone, tmp_path):
    arguments = ["experts", str(alone / "toy.yaml"), f"output={tmp_path}", *SHARED]
    shutil.copytree(alone / "one" / "toy" / "data", tmp_path / "toy" / "data")
    first, second = finish(start(tmp_path, arguments, 2, KILLED="1 moesaic.train.rows _add_up 1", SIGNAL="15"))
    assert second[0] == 143
    assert "process 1: note: stopped; run the same command" in second[2]
    assert first[0] == 5
    assert re.search(r"error: process 1 of 2 \(pid \d+ on \S+\) has ended: SIGTERM", first[2])


@pytest.mark.slow
def test_an_uneven_share_and_idle_processes_give_the_same_adapter(alone, tmp_path):
    # Three rows in two processes, and a step of one row, of which the second process has none.
    for accumulation in (3, 1):
        found = []
        for ranks in (1, 2):
            output = tmp_path / f"{accumulation}-{ranks}"
            arguments = [
                "experts", str(alone / "toy.yaml"), "only=python", f"output={output}", "experts.row_tokens=600",
                f"experts.accumulation={accumulation}",
            ]  # fmt: skip
            shutil.copytree(alone / "one" / "toy" / "data", output / "toy" / "data")
            for code, _, said in finish(start(tmp_path, arguments, ranks)):
                assert code == 0, said
            found.append(load_file(output / "toy" / "experts" / "python" / "adapter_model.safetensors"))
        one, two = found
        assert one.keys() == two.keys()
        assert all((one[key] - two[key]).abs().max() < 1e-6 for key in one)


@pytest.mark.slow
@pytest.mark.untraced
def test_torchrun_starts_a_run(alone, tmp_path):
    arguments = [str(alone / "toy.yaml"), f"output={tmp_path}", *SHARED]
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "moesaic"]
    shutil.copytree(alone / "one" / "toy" / "data", tmp_path / "toy" / "data")
    done = forked.run([*command, "experts", *arguments])  # what torchrun starts is not forked
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("experts/python: done") == 1
    name = "experts/python/adapter_model.safetensors"
    assert file_digest(tmp_path / "toy" / name) == file_digest(alone / "one" / "toy" / name)
    assert read_json(tmp_path / "toy" / "experts" / "python" / "manifest.json")["processes"] == 2


@pytest.mark.slow
def test_commands_that_do_not_share_their_work_run_once(alone):
    for arguments in (["validate", str(alone / "toy.yaml"), "--json"], ["run", str(alone / "toy.yaml"), "--dry-run"]):
        first, second = finish(start(alone, arguments, 2))
        assert first[0] == second[0] == 0, first[2] + second[2]
        assert first[1]
        assert second[1:] == ("", "")
        if "--json" in arguments:
            assert json.loads(first[1])["valid"]
