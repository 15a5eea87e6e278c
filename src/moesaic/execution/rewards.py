"""Tests as a reward: runs programs as they are written, in a sandbox that stays open during a training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from moesaic.errors import ToolchainError
from moesaic.execution.grading import grade
from moesaic.execution.judges import find_toolchains
from moesaic.execution.problems import Problem
from moesaic.execution.sandbox import ExecutionResult, Limits, Program, Sandbox, SandboxMode, Status

__all__ = ["LIMITS", "ProgramRuns", "Verdict", "VerdictCount"]

LIMITS = Limits(cpu_seconds=3.0)
"""Limits on a run. Most programs that reach the usual limit of 10 seconds are endless loops. A training meets some in
every round and waits for them, so they end after 3 seconds of processor time, however busy the machine is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of running a program.

    Attributes:
        status: How the program ended.
        share: Share of the cases that the program passed, between 0 and 1. If cases were not counted, 1 if it passed,
            else 0.
    """

    status: Status
    share: float

    @property
    def passed(self) -> bool:
        """True if every test passed."""
        return self.status is Status.PASSED

    @property
    def compiles(self) -> bool:
        """True if a compiler or an interpreter's parser accepted the program, and no time or memory limit ended it."""
        return self.status not in (Status.COMPILE_ERROR, Status.TIMEOUT, Status.MEMORY)

    def reward(self, partial: float) -> float:
        """Returns the reward, between 0 and 1.

        It is 1 for a program that passes. Otherwise it is 0 if the program does not compile, else ``partial`` times the
        mean of 1, for compiling, and the share of cases that passed.
        """
        return 1.0 if self.passed else partial * (self.compiles + self.share) / 2 if self.compiles else 0.0


@dataclass(slots=True)
class VerdictCount:
    """Counts what was judged.

    Attributes:
        verdicts: Number of programs that ran. Of equal programs for one problem, only one runs.
        seconds: Sum of the programs' wall times in seconds, over all workers.
    """

    verdicts: int = 0
    seconds: float = 0.0

    def rate(self, workers: int) -> float:
        """Returns the verdicts per second that all workers reach together when they work on this language."""
        return self.verdicts * workers / max(1e-9, self.seconds)


class ProgramRuns:
    """Runs programs against the tests of their problems. Use it as a context manager.

    Args:
        mode: Mode of the sandbox; see ``sandbox``.
        workers: Number of programs that run at the same time.
        languages: Languages whose tools are required.
        allow_code_execution: The consent without which nothing runs.
        counts_cases: Run all cases of a problem instead of stopping at the first that fails, so that the share of cases
            that pass is known.

    Attributes:
        versions: Language -> tool -> version.
        counts: Language -> what was judged since the last call of ``take_rates``.
        total: Language -> what was judged in total.

    Raises:
        ConsentError: ``allow_code_execution`` is not True.
        ToolchainError: The sandbox does not work here, or the tools of a language are missing.
    """

    def __init__(
        self,
        mode: SandboxMode,
        workers: int,
        languages: Sequence[str],
        *,
        allow_code_execution: bool = False,
        counts_cases: bool = False,
    ) -> None:
        found, missing = find_toolchains(languages)
        self._sandbox = Sandbox(mode, allow_code_execution=allow_code_execution, limits=LIMITS)
        if missing:
            self._sandbox.close()
            raise ToolchainError(
                "programs cannot be rewarded for passing tests in every language of data.tasks: "
                f"{'; '.join(missing.values())}; install what is missing, or take the language out of data.languages"
            )
        self.versions = {name: toolchain.versions for name, toolchain in found.items()}
        self._workers, self._counts_cases = workers, counts_cases
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="moesaic-tests")
        self.counts: dict[str, VerdictCount] = {}
        self.total: dict[str, VerdictCount] = {}

    def __enter__(self) -> ProgramRuns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the running programs and removes the sandbox."""
        self._pool.shutdown(cancel_futures=True)
        self._sandbox.close()

    def __call__(self, programs: Sequence[tuple[Problem, str]]) -> list[Verdict]:
        """Returns the verdict on each program; equal programs for a problem run once."""
        running: dict[tuple[str, str, str], Future[tuple[Verdict, float]]] = {}
        keys = [(problem.language, problem.id, source) for problem, source in programs]
        for key, (problem, source) in zip(keys, programs, strict=True):
            if key not in running:
                running[key] = self._pool.submit(self._verdict, problem, source)
        for (language, *_), future in running.items():
            _, seconds = future.result()
            for counts in (self.counts, self.total):
                count = counts.setdefault(language, VerdictCount())
                count.verdicts += 1
                count.seconds += seconds
        return [running[key].result()[0] for key in keys]

    def take_rates(self) -> dict[str, float]:
        """Returns language -> verdicts per second since the last call, if all workers worked on that language."""
        counts, self.counts = self.counts, {}
        return {name: count.rate(self._workers) for name, count in counts.items()}

    def total_rates(self) -> dict[str, float]:
        """Returns language -> verdicts per second in total, if all workers worked on that language."""
        return {name: round(count.rate(self._workers), 2) for name, count in self.total.items()}

    def _verdict(self, problem: Problem, source: str) -> tuple[Verdict, float]:
        started = time.monotonic()
        if self._counts_cases and len(problem.cases) > 1:
            verdict = self._all_cases(problem, source)
        else:
            result = grade(problem, source, self._sandbox)
            verdict = Verdict(result.status, float(result.status is Status.PASSED))
        return verdict, time.monotonic() - started

    def _all_cases(self, problem: Problem, source: str) -> Verdict:
        """Runs every case, but stops after a case that reached the limit of time or memory."""
        worst: ExecutionResult | None = None
        passed = 0
        with self._sandbox.build(Program(problem.language, source, "", problem.defined)) as build:
            for case in problem.cases:
                result = self._sandbox.execute(build, case.input)
                if result.status in (Status.COMPILE_ERROR, Status.TIMEOUT, Status.MEMORY):
                    return Verdict(result.status, 0.0)
                if result.status is Status.PASSED and case.accepts(result.stdout):
                    passed += 1
                else:
                    worst = worst or result
        if worst is None:
            return Verdict(Status.PASSED, 1.0)
        status = Status.WRONG if worst.status is Status.PASSED else worst.status
        return Verdict(status, passed / len(problem.cases))
