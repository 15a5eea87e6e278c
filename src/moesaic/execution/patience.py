"""Waits for tools on a busy machine, whose late answers must not become verdicts on programs.

Compilers are asked for their version, and once for what all programs share, before a program is judged. None of that is
foreign code, so it may take long, and is tried again; a tool that still does not answer is named, with the machine's
load.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from moesaic.errors import ToolchainError

__all__ = ["ATTEMPTS", "SECONDS", "ask", "no_answer"]

SECONDS = 300.0
"""How long a tool may take for what takes it some seconds of an idle processor."""

ATTEMPTS = 2


def ask(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command of this machine and returns its output, which is text.

    Raises:
        ToolchainError: It cannot be started, or did not answer, twice.
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
    """Returns the message for a tool that was late each time."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    return (
        f"{what} did not answer within {SECONDS:.0f} s, tried {ATTEMPTS} times (the load of the machine is {load:.1f} "
        f"on {processors} processors): run again when it has less to do, or with fewer workers"
    )
