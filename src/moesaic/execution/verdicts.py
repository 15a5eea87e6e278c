"""Derives the verdict on a run and its reason from exit code, pipes and limits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from moesaic.execution.harness import Program
from moesaic.execution.judges import find_judge
from moesaic.execution.supervise import Limits, Outcome

__all__ = ["ExecutionResult", "Status", "ending", "judge_compilation", "judge_run", "ran_out_of_time", "reason"]

# An assertion as the last words of a program: the language's own, and the exceptions that MBXP's tests throw.
_ASSERTION = re.compile(
    r"^AssertionError|Uncaught AssertionError|^Exception in thread .*AssertionError"
    r"|Assertion .*failed|AssertionError \[ERR_ASSERTION\]"
    r"|Exception --+ test case \d+ (did not pass|failed to pass)|Error at \d+th assert statement",
    re.MULTILINE,
)
_MEMORY = re.compile(
    r"^MemoryError|std::bad_alloc|java\.lang\.OutOfMemoryError|JavaScript heap out of memory"
    r"|Array buffer allocation failed|virtual memory exhausted|out of memory allocating|Cannot allocate memory"
    r"|Allowed memory size|\(NoMemoryError\)|runtime: out of memory|runtime: cannot allocate memory",
    re.MULTILINE,
)
_TELLING = re.compile(
    r"\berror: |^(\w+\.)*\w*(Error|Exception)\b|^Exception in thread|what\(\):|: Assertion |Error at "
    r"|\(\S*(Error|Exception)\)$|\[ERROR\] |^panic: |^fatal error: |\.go:\d+:\d+: |^\S*lua\S*: "
)
_TAIL_BYTES = 8192
_SIGXCPU_CODE, _SIGKILL_CODE = 128 + 24, 128 + 9


class Status(StrEnum):
    """How a program ended."""

    PASSED = "passed"
    WRONG = "wrong"
    COMPILE_ERROR = "compile_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """One run of a program, or its failed compilation.

    Attributes:
        status: ``passed`` means: exit code 0 and, where there is a test, that it ran to its end. Comparing output is
            the caller's.
        stage: Where it ended.
        stdout: What it wrote.
        stderr: What it wrote; the compiler's messages for ``compile_error``.
        exit_code: 128 + n for signal n.
        seconds: Time on the wall.
        peak_memory_bytes: Largest resident memory seen.
        detail: The reason in one line; "" when it passed.
    """

    status: Status
    stage: Literal["compile", "run"]
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    detail: str = ""


def judge_run(program: Program, outcome: Outcome, limits: Limits, secret: str) -> ExecutionResult:
    """Returns the verdict on one run.

    Args:
        program: What was run.
        outcome: How it ended.
        limits: What it was allowed.
        secret: What its launcher writes after the test; "" where there is no test.
    """
    if outcome.stopped_by == "memory" or _ran_out_of_memory(outcome, limits):
        status = Status.MEMORY
    elif ran_out_of_time(outcome, limits):
        status = Status.TIMEOUT
    elif outcome.stopped_by:
        status = Status.CRASHED
    elif outcome.exit_code == 0:
        reached_end = not program.test or (bool(secret) and f"\n{secret}\n".encode() in outcome.stdout)
        status = Status.PASSED if reached_end else Status.WRONG
    elif _is_syntax_error(program, outcome):
        status = Status.COMPILE_ERROR
    else:
        status = Status.WRONG if _is_assertion(outcome) else Status.CRASHED
    return _result(status, "run", outcome, secret)


def judge_compilation(outcome: Outcome, limits: Limits) -> ExecutionResult:
    """Returns the verdict on a compilation that failed."""
    status = Status.COMPILE_ERROR
    if outcome.stopped_by == "memory" or _ran_out_of_memory(outcome, limits):
        status = Status.MEMORY
    elif ran_out_of_time(outcome, limits):
        status = Status.TIMEOUT
    return _result(status, "compile", outcome)


def _ran_out_of_memory(outcome: Outcome, limits: Limits) -> bool:
    """True where memory is the cause, even if the clock or the kernel ended the program in the end."""
    if outcome.exit_code == 0 and not outcome.stopped_by:
        return False
    killed_by_kernel = outcome.exit_code == _SIGKILL_CODE and not outcome.stopped_by
    return _is_memory_error(outcome) or (killed_by_kernel and outcome.peak_memory_bytes > limits.memory_bytes // 2)


def _is_syntax_error(program: Program, outcome: Outcome) -> bool:
    pattern = find_judge(program.language).syntax_error
    return pattern is not None and bool(pattern.search(_tail(outcome)))


def ran_out_of_time(outcome: Outcome, limits: Limits) -> bool:
    """Returns whether the clock ended a command, or its limit of CPU time."""
    allowed = limits.wall_seconds if limits.cpu_seconds is None else limits.cpu_seconds
    # SIGKILL is the kernel's second warning, for a program that ignores SIGXCPU; threads use CPU time faster than time.
    killed_by_clock = outcome.exit_code == _SIGKILL_CODE and outcome.seconds * (os.cpu_count() or 1) >= allowed
    late = outcome.stopped_by == "time" or outcome.exit_code == _SIGXCPU_CODE
    return late or (killed_by_clock and not outcome.stopped_by)


def _result(status: Status, stage: Literal["compile", "run"], outcome: Outcome, secret: str = "") -> ExecutionResult:
    stdout = outcome.stdout.decode("utf-8", "replace")
    if secret:
        stdout = stdout.replace(f"\n{secret}\n", "", 1)
    detail = ""
    if outcome.stopped_by:
        detail = f"stopped: over the limit of {outcome.stopped_by}"
    elif status is Status.WRONG and outcome.exit_code == 0:
        detail = "ended before its tests did"
    elif status is not Status.PASSED:
        detail = reason(outcome) or f"exit code {outcome.exit_code}"
    return ExecutionResult(
        status=status,
        stage=stage,
        stdout=stdout,
        stderr=outcome.stderr.decode("utf-8", "replace"),
        exit_code=outcome.exit_code,
        seconds=outcome.seconds,
        peak_memory_bytes=outcome.peak_memory_bytes,
        detail=detail,
    )


def _is_assertion(outcome: Outcome) -> bool:
    """True when a program was ended by a failed assertion."""
    return bool(_ASSERTION.search(_tail(outcome)))


def _is_memory_error(outcome: Outcome) -> bool:
    """True when a program was ended by a failed allocation."""
    return bool(_MEMORY.search(_tail(outcome)))


def reason(outcome: Outcome) -> str:
    """Returns the line of stderr that says best why a program failed, shortened; "" when there is none."""
    lines = [line.strip() for line in _tail(outcome).splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling[0] if telling else lines[-1])[:200] if lines else ""


def ending(outcome: Outcome) -> str:
    """Returns how a command of ours failed, in words: never an empty text."""
    if outcome.stopped_by:
        return f"ended at the limit of {outcome.stopped_by}"
    return reason(outcome) or f"exit code {outcome.exit_code} without a message"


def _tail(outcome: Outcome) -> str:
    return outcome.stderr[-_TAIL_BYTES:].decode("utf-8", "replace")
