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

# Messages of a program that a failed assertion ended: those of the language, and those of exceptions in MBXP's tests.
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
    """The result of one run of a program, or of its failed compilation.

    Attributes:
        status: How the program ended. ``passed`` means that the exit code was 0 and that the test, if there is one, ran
            to its end. The caller compares outputs.
        stage: Whether it ended while it was compiled or while it ran.
        stdout: Standard output of the program.
        stderr: Standard error of the program; the compiler's messages for ``compile_error``.
        exit_code: Exit status; 128 + n for signal n.
        seconds: Wall time in seconds.
        peak_memory_bytes: Largest resident memory that was sampled.
        detail: The reason in one line; "" if the program passed.
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
        program: The program that ran.
        outcome: How it ended.
        limits: The limits on the run.
        secret: The text that the launcher writes after the test; "" if there is no test.
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
    """Returns True if lack of memory is the cause, even if the time limit or the kernel ended the program."""
    if outcome.exit_code == 0 and not outcome.stopped_by:
        return False
    killed_by_kernel = outcome.exit_code == _SIGKILL_CODE and not outcome.stopped_by
    return _is_memory_error(outcome) or (killed_by_kernel and outcome.peak_memory_bytes > limits.memory_bytes // 2)


def _is_syntax_error(program: Program, outcome: Outcome) -> bool:
    pattern = find_judge(program.language).syntax_error
    return pattern is not None and bool(pattern.search(_tail(outcome)))


def ran_out_of_time(outcome: Outcome, limits: Limits) -> bool:
    """Returns whether the limit of wall time or of CPU time ended a command."""
    allowed = limits.wall_seconds if limits.cpu_seconds is None else limits.cpu_seconds
    # The kernel sends SIGKILL if a program ignores SIGXCPU. Several threads use CPU time faster than wall time.
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
    """Returns True if a failed assertion ended the program."""
    return bool(_ASSERTION.search(_tail(outcome)))


def _is_memory_error(outcome: Outcome) -> bool:
    """Returns True if a failed allocation ended the program."""
    return bool(_MEMORY.search(_tail(outcome)))


def reason(outcome: Outcome) -> str:
    """Returns the line of stderr that best explains a failure, cut to 200 characters, or "" if stderr is empty."""
    lines = [line.strip() for line in _tail(outcome).splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling[0] if telling else lines[-1])[:200] if lines else ""


def ending(outcome: Outcome) -> str:
    """Returns how one of moesaic's own commands failed, in words; the text is never empty."""
    if outcome.stopped_by:
        return f"ended at the limit of {outcome.stopped_by}"
    return reason(outcome) or f"exit code {outcome.exit_code} without a message"


def _tail(outcome: Outcome) -> str:
    return outcome.stderr[-_TAIL_BYTES:].decode("utf-8", "replace")
