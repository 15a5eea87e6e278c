"""Rewards in two processes: programs shared, judged and merged into the training of one, also after a kill."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from pathlib import Path

import pytest
import torch

from forked import Forked
from moesaic.progress import read_metrics

_PROGRAM = """
    import os, signal, sys
    from dataclasses import replace
    from pathlib import Path
    sys.path[:0] = {paths!r}
    import torch, torch.distributed as dist
    rank, count, kill_after = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "KILL_AFTER"))
    out, overlap, meeting = Path(sys.argv[1]), sys.argv[2] == "overlap", sys.argv[3]
    if count > 1:
        dist.init_process_group("gloo", init_method="file://" + meeting, rank=rank, world_size=count)
    import test_reward
    from moesaic.train import rows, sampler
    from moesaic.train.samples import Judgement, Measure

    original, calls = rows._add_up, []
    def killing(*arguments):
        calls.append(1)
        if rank == 1 and len(calls) == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    rows._add_up = killing

    generate = sampler.generate
    def ended(*arguments, **options):  # a pico model hardly ever writes the one token that ends a text
        return [replace(generation, stopped=True) for generation in generate(*arguments, **options)]
    sampler.generate = ended

    judged = []
    def judge(tasks, texts):
        judged.extend(texts)
        return [Judgement(0.2 + 0.7 * share, True, share)
                for share in test_reward.letters([(text,) for text in texts])]

    model = test_reward.composed()
    teacher = test_reward.listened(model, loss="kl", tolerance=9.0)
    tasks = [test_reward.measure_of(name=name) for name in ("codebleu", "tests")]
    measures = [Measure(own.name, own.training, own.validation[::2], judge, weight=1 + place)
                for place, own in enumerate(tasks)]
    result = test_reward.train_toy(model, out, measures=measures, teacher=teacher, rounds=3, prompts=5, evaluations=3,
                                   likelihood=0.3, overlap=overlap)
    torch.save((test_reward.state(model), vars(result), len(judged)), f"{{out}}-{{rank}}.pt")
"""


def start(folder: Path, name: str, ranks: int, mode: str, kill_after: int = 0) -> list[Forked]:
    here = Path(__file__).parent
    script = textwrap.dedent(_PROGRAM).format(paths=[str(here), str(here.parent)])
    meeting = str(folder / f"meeting-{time.monotonic_ns()}")
    return [
        Forked(
            ["-c", script, str(folder / name), mode, meeting],
            env={**os.environ, "RANK": str(rank), "KILL_AFTER": str(kill_after), "WORLD_SIZE": str(ranks)}
            | ({"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(ranks)} if ranks > 1 else {}),
        )
        for rank in range(ranks)
    ]


def finish(processes: list[Forked]) -> list[tuple[int, str]]:
    said = [process.communicate(timeout=800)[1] for process in processes]
    return [(process.returncode, errors) for process, errors in zip(processes, said, strict=True)]


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.fixture(scope="module", params=["on-policy", "overlap"])
def alone(request, tmp_path_factory) -> tuple[Path, str]:
    """A folder with the training of one process, ``one``, and how rounds follow each other in it."""
    folder = tmp_path_factory.mktemp("alone")
    ((code, errors),) = finish(start(folder, "one", 1, request.param))
    assert code == 0, errors
    return folder, request.param


@pytest.mark.slow
def test_two_processes_train_as_one(alone):
    folder, mode = alone
    for code, errors in finish(start(folder, "two", 2, mode)):
        assert code == 0, errors
    whole, first, second = (torch.load(folder / f"{name}.pt") for name in ("one-0", "two-0", "two-1"))
    assert largest_difference(first[0], second[0]) == 0
    assert largest_difference(whole[0], first[0]) < 1e-6
    assert whole[1]["rounds"] == first[1]["rounds"] == 3
    assert len(whole[1]["history"]) == len(first[1]["history"]) == 4
    for expected, *found in zip(whole[1]["history"], first[1]["history"], second[1]["history"], strict=True):
        for other in found:
            assert other == {key: pytest.approx(value, abs=1e-6) for key, value in expected.items()}
    # Programs are judged once, by one of the two, as evenly as it goes.
    assert first[2] + second[2] == whole[2]
    assert abs(first[2] - second[2]) <= whole[2] // 10
    logs = [read_metrics(folder / name / "metrics.jsonl") for name in ("one", "two")]
    times = ("seconds", "sampled_tokens_per_second", "idle")
    for row, other in zip(*logs, strict=True):
        assert {key: value for key, value in other.items() if key not in times} == {
            key: pytest.approx(value, abs=1e-5) for key, value in row.items() if key not in times
        }
    assert any(row.get("reward_tests") for row in logs[0])


@pytest.mark.slow
def test_one_process_goes_on_where_one_of_two_was_killed_in_a_round(alone):
    folder, mode = alone
    survivor, victim = finish(start(folder, "killed", 2, mode, kill_after=4))
    assert victim[0] == -signal.SIGKILL
    assert survivor[0] not in (0, -signal.SIGKILL)
    ((code, errors),) = finish(start(folder, "killed", 1, mode))
    assert code == 0, errors
    assert "resuming after round 1 of 3" in errors
    whole, resumed = (torch.load(folder / f"{name}-0.pt") for name in ("one", "killed"))
    assert largest_difference(whole[0], resumed[0]) < 1e-6
    assert resumed[1]["best_round"] == whole[1]["best_round"]
