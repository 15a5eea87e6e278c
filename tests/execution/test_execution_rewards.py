"""Tests as a reward: verdicts, what a failing program may be worth, how many were judged, and what is refused."""

from __future__ import annotations

import shutil

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
        (verdict,) = run([(DOUBLE, "bytearray(8 << 30)\n")])
    assert (verdict.status, verdict.reward(0.5)) == (Status.MEMORY, 0.0)


def test_without_consent_nothing_is_opened():
    with pytest.raises(ConsentError):
        ProgramRuns("rlimit", 1, ["python"])


def test_a_language_without_tools_is_named(monkeypatch):
    monkeypatch.setattr(rewards, "find_toolchains", lambda names: ({}, {"java": "java: javac is not on PATH"}))
    with pytest.raises(ToolchainError, match=r"data\.tasks: java: javac is not on PATH; install .* data\.languages"):
        ProgramRuns("rlimit", 1, ["java"], allow_code_execution=True)


def test_a_rate_is_that_of_all_workers():
    assert VerdictCount(10, 5.0).rate(4) == 8.0
    assert processors() >= 1
