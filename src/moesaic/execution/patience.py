"""Waits for tools on a busy machine, whose late answers must not become verdicts on programs.

Before a program is judged, compilers are asked for their version and compile once what all programs share. This code
does not come from a model, so it may take long and is tried again. If a tool still does not answer, the error names it
and gives the load of the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from moesaic.errors import ToolchainError

__all__ = ["ATTEMPTS", "SECONDS", "ask", "no_answer"]

SECONDS = 300.0
"""Wall time that a tool may take for work that takes a few seconds on an idle processor."""

ATTEMPTS = 2


def ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command on this machine and returns its result, with the output as text.

    Raises:
        ToolchainError: The command cannot be started, or did not answer in any of ``ATTEMPTS`` attempts.
    """
    for _ in range(ATTEMPTS):
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            continue
        except OSError as error:
            raise ToolchainError(f"cannot start {command[0]}: {error.strerror or error}") from error
    raise ToolchainError(no_answer(" ".join(command)))


def no_answer(what: str) -> str:
    """Returns the error message for a tool that did not answer in time in any attempt."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    return (
        f"{what} did not answer within {SECONDS:.0f} s, tried {ATTEMPTS} times (the load of the machine is {load:.1f} "
        f"on {processors} processors): run again when it has less to do, or with fewer workers"
    )
