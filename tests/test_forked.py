"""What is forked ends, says and sees what a process that Python starts does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from forked import Forked, run


@pytest.mark.parametrize(
    "program",
    [
        "import sys; print('text', sys.argv[1:]); print('more', file=sys.stderr); sys.exit(3)",
        "import sys; sys.exit('a message')",
        "import sys; sys.exit()",
        "import os, signal; print('lost'); os.kill(os.getpid(), signal.SIGKILL)",
        "import atexit; atexit.register(print, 'last'); print(__name__, input.__name__)",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()",
        "import os, json; print(json.dumps([os.getcwd(), os.environ['COLUMNS'], 'HOME' in os.environ]))",
        "import signal; print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))",
        "import os; print(os.read(0, 1), sorted(int(name) for name in os.listdir('/proc/self/fd'))[:3])",
    ],
)
def test_a_program_does_as_in_a_process_of_its_own(tmp_path, program):
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "77"}
    expected = subprocess.run(
        [sys.executable, "-c", program, "an argument"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        cwd=tmp_path, env=environment, check=False, preexec_fn=_interruptible,
    )  # fmt: skip
    found = run(["-c", program, "an argument"], tmp_path, environment)
    assert (found.returncode, found.stdout, found.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def _interruptible() -> None:
    """What a shell starts in the background ignores SIGINT, and so do its children; what is forked never does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_error_ends_with_1_and_its_traceback():
    done = run(["-c", "1 / 0"])
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_several_run_at_once_and_are_signalled_and_waited_for(tmp_path):
    program = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(100)"
    with (tmp_path / "log").open("ab") as log:
        one, two = Forked(["-c", program]), Forked(["-c", program], log=log)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.2)
    assert one.poll() is None
    two.terminate()
    assert two.wait(60) == -signal.SIGTERM
    one.kill()
    output, _ = one.communicate(60)
    assert (one.poll(), int(output)) == (-signal.SIGKILL, one.pid)


def test_the_libraries_are_there_when_a_program_starts():
    program = "import sys, json; print(json.dumps(['torch' in sys.modules, 'moesaic.pipeline.stages' in sys.modules]))"
    assert json.loads(run(["-c", program]).stdout) == [True, True]
