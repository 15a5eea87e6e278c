"""A process that kills itself after so many calls of a function, at the place that a test chooses."""

from __future__ import annotations

import subprocess
from pathlib import Path

from forked import run

_SCRIPT = """
import os, signal, sys
sys.path[:0] = {paths!r}
import torch
from pathlib import Path
import {module} as module
original, calls = module.{function}, []
def killing(*arguments, **options):
    result = original(*arguments, **options)
    calls.append(1)
    if len(calls) == {kill_after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
module.{function} = killing
{work}
"""


def run_killed(work: str, module: str, function: str, kill_after: int) -> subprocess.CompletedProcess[str]:
    """Runs lines of Python in a process of its own; SIGKILL comes when a call of the function has returned.

    Args:
        work: The lines; ``Path`` and ``torch`` are there, and the folders of the tests can be imported from.
        module: Module of the function, in which it is replaced.
        function: Its name.
        kill_after: The call that is the last; none with -1.
    """
    here = Path(__file__).parent
    script = _SCRIPT.format(
        paths=[str(here), str(here / "train")], module=module, function=function, kill_after=kill_after, work=work
    )
    return run(["-c", script])
