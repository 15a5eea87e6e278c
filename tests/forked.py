"""Python processes that start in some milliseconds: forked from one that has imported the libraries.

A command of moesaic spends seconds on importing torch and transformers, more than a pico run takes. What is started
here is a process of its own all the same, with its own exit code, signals, output and end. What a test says of imports
or of the installed command it says of a process that ``subprocess`` started.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NoReturn

HERE = Path(__file__).parent
LIBRARIES = ("accelerate", "peft", "sacrebleu", "torch.distributed", "transformers.models.llama.modeling_llama")
# Where coverage finds what to measure in a process that a measured one starts.
TRACED = "COVERAGE_PROCESS_CONFIG"
_AT_START = {name: value for name, value in os.environ.items() if name == TRACED}  # some tests take it away
_LENGTH = 16  # of a number on its way
PATIENCE = 800.0
"""Seconds for what takes a second or two of an idle processor."""
# What moesaic sets when it starts, before the libraries read it.
QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}


class Forked:
    """A process that was started; used as a ``subprocess.Popen`` with text pipes is.

    Attributes:
        args: What was started.
        pid: The number of the process.
        returncode: Minus the signal that ended it; None while it runs.
    """

    def __init__(
        self,
        arguments: list[str],
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        log: IO[bytes] | None = None,
    ) -> None:
        """Starts a program.

        Args:
            arguments: ``-m MODULE``, ``-c CODE`` or ``script FILE``, and the program's own.
            cwd: Folder to run in; this process's if None.
            env: The whole environment; this process's if None.
            log: File for both stdout and stderr; they are kept for ``communicate`` if None.
        """
        self.args, self.returncode = arguments, None
        # wait closes them
        self._files = [tempfile.TemporaryFile() for _ in range(2)] if log is None else []  # noqa: SIM115
        self._ends, theirs = socket.socketpair()
        request = {
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
        }
        with tempfile.TemporaryFile() as said, theirs:
            said.write(json.dumps(request).encode())
            said.seek(0)
            descriptors = [file.fileno() for file in (said, *(self._files or (log, log)), theirs)]
            socket.send_fds(_server()[0], [b"!"], descriptors)
        self.pid = self._answer(PATIENCE)  # the first one waits for the libraries

    def _answer(self, seconds: float | None) -> int:
        self._ends.settimeout(seconds)
        try:
            answer = self._ends.recv(_LENGTH)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(self.args, seconds or 0.0, stderr=self.said()) from error
        assert answer, "the process that forks processes is gone"
        return int(answer)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once there is one."""
        if self.returncode is None:
            self.returncode = self._answer(timeout)
            self._ends.close()
            self._texts = [_text(file) for file in self._files]
            for file in self._files:
                file.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, None if it still runs."""
        if self.returncode is None and select.select([self._ends], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and to stderr, once it has ended."""
        self.wait(timeout)
        output, errors = self._texts
        return output, errors

    def said(self) -> str:
        """What it has written to stderr so far."""
        return _text(self._files[1]) if self.returncode is None else self._texts[1]

    def send_signal(self, number: int) -> None:
        """Sends a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


def run(
    arguments: list[str], cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, for at most so many seconds.

    Raises:
        subprocess.TimeoutExpired: It was killed.
    """
    process = Forked(arguments, cwd, env)
    try:
        output, errors = process.communicate(timeout)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.wait(), output, errors)


def import_all(names: Iterable[str]) -> None:
    """Imports modules without telling coverage of their lines: that would take as long again."""
    tracer = sys.gettrace()
    sys.settrace(None)
    for name in names:
        importlib.import_module(name)
    sys.settrace(tracer)


def _text(file: IO[bytes]) -> str:
    # The processes share the position of the file, so that it is not moved.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks, and the socket that it is asked through; it ends when that is closed."""
    ours, theirs = socket.socketpair()
    environment = {**os.environ, **_AT_START, **QUIET, "OMP_NUM_THREADS": "1"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", f"import forked; forked._play(forked._serve({theirs.fileno()}))"],
            cwd=HERE, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip
    return ours, process


def end() -> None:
    """Ends the process that forks, and whatever of its own still runs; the tests are over."""
    if _server.cache_info().currsize:
        ours, process = _server()
        ours.close()
        process.wait(60)
        _server.cache_clear()


def _serve(descriptor: int) -> int:
    """Forks a process for every request, until the other end of the socket closes.

    A request is one byte and four descriptors: a file that says what to run, stdout, stderr, and a socket that is told
    the number of the process and, when it has ended, the exit code.

    Returns:
        In a process that was forked: the descriptor of what to run.
    """
    import moesaic

    modules = [module.name for module in pkgutil.walk_packages(moesaic.__path__, "moesaic.")]
    left_out = ("moesaic.vllm_plugin", "moesaic.__main__")
    import_all([*LIBRARIES, *(name for name in modules if not name.startswith(left_out))])
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    gc.freeze()
    requests, running = socket.socket(fileno=descriptor), {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            for pid in list(running):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    with running.pop(pid) as asker:
                        _tell(asker, os.waitstatus_to_exitcode(status))
        if requests in ready:
            message, descriptors, _, _ = socket.recv_fds(requests, 1, 4)
            if not message:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                _leave(0)
            said, output, errors, answer = descriptors
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.dup2(output, 1)
                os.dup2(errors, 2)
                for number in (output, errors, answer, woken, wakes):
                    os.close(number)
                for other in (requests, *running.values()):
                    other.close()
                return said
            for number in (said, output, errors):
                os.close(number)
            running[child] = socket.socket(fileno=answer)
            _tell(running[child], child)


def _tell(asker: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
        asker.send(str(number).encode().ljust(_LENGTH))


def _play(descriptor: int) -> None:
    """Becomes what a request says, to the end."""
    with open(descriptor, "rb") as file:
        request = json.load(file)
    os.environ.clear()
    os.environ.update(request["env"])
    if TRACED not in os.environ:
        sys.settrace(None)
        threading.settrace(None)
    os.chdir(request["cwd"])
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    kind, program, *arguments = request["arguments"]
    sys.argv = [kind, *arguments]
    code = 0
    try:
        if kind == "-m":
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        elif kind == "script":
            sys.argv[0], sys.path[0] = program, str(Path(program).parent)
            runpy.run_path(program, run_name="__main__")
        else:
            exec(compile(program, "<string>", "exec"), sys.modules["__main__"].__dict__)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if not isinstance(ended.code, int | None):
            print(ended.code, file=sys.stderr)
    except BaseException:
        code = 1
        traceback.print_exc()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    _leave(code)


def _leave(code: int) -> NoReturn:
    atexit._run_exitfuncs()  # coverage writes what it has
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # to take the libraries apart would take seconds
