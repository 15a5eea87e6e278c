"""Tests as a reward: verdicts, what a failing program may be worth, how many were judged, and what is refused."""

from __future__ import annotations

import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from moesaic.errors import ConsentError, ToolchainError
from moesaic.execution import rewards
from moesaic.execution.grading import processors
from moesaic.execution.problems import Case, Problem
from moesaic.execution.rewards import ProgramRuns, Verdict, VerdictCount
from moesaic.execution.sandbox import Status

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")
DOUBLE = Problem("double", "python", text="Double.", cases=(Case("2\n", "4\n"), Case("3\n", "6\n"), Case("0\n", "0\n")))
ADD = Problem("add", "python", prompt="def add(x):\n", test="assert add(1) == 2")


@pytest.mark.parametrize(
    ("verdict", "partial", "reward"),
    [
        (Verdict(Status.PASSED, 1.0), 0.0, 1.0),
        (Verdict(Status.WRONG, 0.5), 0.0, 0.0),
        (Verdict(Status.WRONG, 0.5), 0.2, 0.15),
        (Verdict(Status.CRASHED, 0.0), 0.2, 0.1),
        (Verdict(Status.COMPILE_ERROR, 0.0), 0.2, 0.0),
        (Verdict(Status.TIMEOUT, 0.0), 0.2, 0.0),
        (Verdict(Status.TIMEOUT, 0.5), 0.2, 0.0),
        (Verdict(Status.MEMORY, 0.0), 0.2, 0.0),
    ],
)
def test_what_a_program_is_worth(verdict, partial, reward):
    assert verdict.reward(partial) == pytest.approx(reward)


@pytest.mark.toolchain
@needs_bubblewrap
def test_programs_are_judged_in_their_order_and_equal_ones_run_once():
    programs = [
        (DOUBLE, "print(2 * int(input()))\n"),
        (ADD, "def add(x):\n    return x + 1\n"),
        (DOUBLE, "print(4)\n"),
        (ADD, "def add(x):\n    return (\n"),
        (DOUBLE, "print(2 * int(input()))\n"),
        (ADD, "def add(x):\n    raise SystemExit(0)\n"),
    ]
    statuses = [Status.PASSED, Status.PASSED, Status.WRONG, Status.COMPILE_ERROR, Status.PASSED, Status.WRONG]
    for counts_cases, share in ((False, 0.0), (True, 1 / 3)):
        with ProgramRuns("bubblewrap", 2, ["python"], allow_code_execution=True, counts_cases=counts_cases) as run:
            found = run(programs)
            assert run([]) == []
            assert run.total["python"].verdicts == 5
            rates = run.take_rates()
            assert rates["python"] == pytest.approx(run.total_rates()["python"], abs=0.01)
            assert rates["python"] > 0
            assert run.take_rates() == {}
            assert "python" in run.versions
        assert [verdict.status for verdict in found] == statuses
        assert found[2].share == pytest.approx(share)


@pytest.mark.toolchain
@needs_bubblewrap
def test_a_program_that_does_not_end_is_worth_nothing_and_its_other_cases_do_not_run():
    with ProgramRuns("bubblewrap", 1, ["python"], allow_code_execution=True, counts_cases=True) as run:
        full, endless = run([(DOUBLE, "bytearray(8 << 30)\n"), (DOUBLE, "while True:\n    pass\n")])
    assert (full.status, full.share, full.reward(0.5)) == (Status.MEMORY, 0.0, 0.0)
    assert (endless.status, endless.share, endless.reward(0.5)) == (Status.TIMEOUT, 0.0, 0.0)


class FakeSandbox:
    """Runs programs that are lists of statuses, one a case; each run of a passing one prints twice its input."""

    def __init__(self, mode=None, *, allow_code_execution=False, limits=None):
        self.mode, self.limits, self.ran, self.is_closed = mode, limits, [], False

    def close(self):
        self.is_closed = True

    def build(self, program):
        self.program = program
        return nullcontext(iter(program.source.split()))

    def execute(self, build, text):
        status = Status[next(build)]
        self.ran.append(text)
        output = f"{2 * int(text)}\n" if status is Status.PASSED else ""
        return SimpleNamespace(status=status, stdout=output)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(rewards, "Sandbox", FakeSandbox)
    monkeypatch.setattr(rewards, "grade", lambda problem, source, sandbox: SimpleNamespace(status=Status.CRASHED))
    monkeypatch.setattr(rewards, "find_toolchains", lambda names: ({}, {}))
    return partial(ProgramRuns, "rlimit", 1, ["python"], allow_code_execution=True)


@pytest.mark.parametrize(
    ("source", "status", "share", "cases"),
    [
        ("PASSED PASSED PASSED", Status.PASSED, 1.0, 3),
        ("CRASHED PASSED PASSED", Status.CRASHED, 2 / 3, 3),
        ("PASSED WRONG CRASHED", Status.WRONG, 1 / 3, 3),
        ("PASSED TIMEOUT PASSED", Status.TIMEOUT, 0.0, 2),
    ],
)
def test_every_case_counts(fake, source, status, share, cases):
    with fake(counts_cases=True) as run:
        (verdict,) = run([(DOUBLE, source)])
    assert (verdict.status, verdict.share) == (status, pytest.approx(share))
    assert run._sandbox.ran == [case.input for case in DOUBLE.cases[:cases]]


def test_cases_are_counted_only_where_that_is_asked_for_and_there_are_several(fake):
    two, one = (replace(DOUBLE, cases=DOUBLE.cases[:number]) for number in (2, 1))
    with fake() as run:
        assert run([(DOUBLE, "PASSED PASSED PASSED")])[0].status is Status.CRASHED, "graded as benchmarks are"
    with fake(counts_cases=True) as run:
        assert run([(two, "PASSED CRASHED")])[0].share == 0.5
        assert run([(one, "PASSED")])[0].status is Status.CRASHED
        run([(replace(two, prompt="def double(x):\n"), "PASSED PASSED")])
        assert run._sandbox.program.defined == {"double"}


def test_time_is_that_of_every_verdict(fake, monkeypatch):
    monkeypatch.setattr(rewards.time, "monotonic", itertools.count(5.0, 3.0).__next__)
    with fake(counts_cases=True) as run:
        run([(DOUBLE, "PASSED PASSED PASSED"), (DOUBLE, "PASSED CRASHED PASSED")])
        assert run.counts["python"] == run.total["python"] == VerdictCount(2, 6.0)
        assert run.total_rates() == {"python": 0.33}


def test_what_runs_programs_is_as_asked_for_and_ends_with_them(fake, monkeypatch):
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers, **options):
            super().__init__(workers, **options)
            self.workers = workers
            pools.append(self)

        def shutdown(self, **options):
            super().shutdown(**options)
            self.options = options

    monkeypatch.setattr(rewards, "ThreadPoolExecutor", Pool)
    with fake() as run:
        assert run._sandbox.mode == "rlimit"
        assert run._sandbox.limits.cpu_seconds == 3.0  # an endless loop ends before the usual 10 seconds
        assert not run._sandbox.is_closed
    assert (pools[0].workers, pools[0].options) == (1, {"cancel_futures": True})
    assert run._sandbox.is_closed


def test_without_consent_nothing_is_opened():
    with pytest.raises(ConsentError):
        ProgramRuns("rlimit", 1, ["python"])


def test_a_language_without_tools_is_named(monkeypatch):
    missing = {"java": "java: javac is not on PATH", "go": "go: no go"}
    monkeypatch.setattr(rewards, "find_toolchains", lambda names: ({}, missing))
    with pytest.raises(
        ToolchainError, match=r"tasks: java: javac is not on PATH; go: no go; install .* data\.languages"
    ):
        ProgramRuns("rlimit", 1, ["java"], allow_code_execution=True)


def test_a_rate_is_that_of_all_workers():
    assert VerdictCount(10, 5.0).rate(4) == 8.0
    assert VerdictCount(3, 0.5).rate(2) == 12.0
    assert VerdictCount().rate(2) == 0.0
    assert processors() >= 1
