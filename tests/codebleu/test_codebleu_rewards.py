"""CodeBLEU as a reward: which processes do the work, and what becomes of them."""

import pytest

from moesaic.codebleu import rewards
from moesaic.codebleu.rewards import CodeBleuScores

PROGRAMS = [("x = 1\n", "x = 1\n", "python")] * 20


class Pool:
    """Stands in for the pool of processes and keeps what it was told."""

    def __init__(self, workers, *, mp_context, initializer):
        self.workers, self.start_method, self.initializer = workers, mp_context.get_start_method(), initializer
        self.chunks, self.shut_down = [], None

    def map(self, function, chunks):
        self.chunks += [len(chunk) for chunk in chunks]
        return map(function, chunks)

    def shutdown(self, *, cancel_futures):
        self.shut_down = cancel_futures


@pytest.fixture
def pools(monkeypatch):
    made = []

    def make(*args, **options):
        made.append(Pool(*args, **options))
        return made[-1]

    monkeypatch.setattr(rewards, "ProcessPoolExecutor", make)
    return made


def test_one_worker_is_the_caller_itself(pools):
    with CodeBleuScores(1) as score:
        assert score(PROGRAMS) == [1.0] * 20
    assert not pools


def test_more_workers_are_spawned_end_with_their_parent_and_drop_what_waits(pools):
    with CodeBleuScores(2) as score:
        assert score(PROGRAMS) == [1.0] * 20
        (pool,) = pools
        assert pool.shut_down is None
    assert (pool.workers, pool.start_method) == (2, "spawn")
    assert pool.initializer is rewards._end_with_parent
    assert sum(pool.chunks) == 20
    assert len(pool.chunks) > 1
    assert pool.shut_down is True
