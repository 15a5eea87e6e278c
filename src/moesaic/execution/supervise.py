"""Runs one command with limits on time, memory and output, and leaves no process behind.

Kernel limits (``prlimit``) hold each process; what they cannot hold is watched from outside: the time on the wall, the
resident memory of all descendants together (64 processes of 1 GiB each would pass any limit per process, and the
address space of the JVM and of Node.js is far larger than what they use), and the bytes written to stdout and stderr,
which are read while the program runs and never stored beyond the cap.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

__all__ = ["Launch", "Limits", "Outcome", "descendants", "kill_tree", "resident_bytes", "start", "supervise"]

_POLL_SECONDS = 0.02  # two cores fill about 100 MB of memory in this time
_CHUNK_BYTES = 1 << 16
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MAX_TREE = 4096  # processes looked at per poll


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use.

    Attributes:
        wall_seconds: Time on the clock; then everything is killed.
        cpu_seconds: CPU time of each process, rounded up to a second; None: the wall time.
        memory_bytes: Resident memory of all processes together, and address space of each where the run-time bears it.
        processes: Processes and threads at a time.
        file_bytes: Size of any one file.
        disk_bytes: Size of the private /tmp, all files together.
        files: Files and folders in the private /tmp.
        output_bytes: Bytes of stdout, and of stderr.
    """

    wall_seconds: float = 10.0
    cpu_seconds: float | None = None
    memory_bytes: int = 1 << 30
    processes: int = 64
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    files: int = 4096
    output_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Launch:
    """A command made ready by an isolation: what ``subprocess.Popen`` needs.

    Attributes:
        command: Program and arguments.
        environment: The whole environment.
        folder: Working folder, or None for the caller's.
        user: User and group id to switch to before the start, or None.
        descriptors: File descriptors that the command inherits; closed here after the start.
        private_tmp: The command's first child sees a /tmp of its own of exactly ``Limits.disk_bytes``.
        stream_owner: User that its pipes belong to, or None for the caller: only the owner of a pipe may open it again,
            as ``/dev/stdin`` does.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: int | None = None
    descriptors: tuple[int, ...] = ()
    private_tmp: bool = False
    stream_owner: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes:
        exit_code: Exit status, 128 + n for signal n.
        stdout: First bytes of standard output, at most the limit.
        stderr: First bytes of standard error, at most the limit.
        seconds: Time on the wall.
        peak_memory_bytes: Largest resident memory seen; 0 for a program too short to be sampled.
        stopped_by: The limit that ended it from outside, or "".
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak_memory_bytes: int
    stopped_by: Literal["", "time", "memory", "output", "files"]


def start(launch: Launch, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Starts a command in a process group of its own with pipes to all three streams."""
    identity: dict[str, Any] = {}
    if launch.user is not None:
        identity = {"user": launch.user, "group": launch.user, "extra_groups": []}
    with contextlib.ExitStack() as ours_on_failure, contextlib.ExitStack() as theirs:
        for descriptor in launch.descriptors:
            theirs.callback(os.close, descriptor)
        ends = {}
        for name in ("stdin", "stdout", "stderr"):
            if name == "stderr" and stderr != subprocess.PIPE:
                continue
            reading, writing = os.pipe()
            ours, other = (writing, reading) if name == "stdin" else (reading, writing)
            theirs.callback(os.close, other)
            ours_on_failure.callback(os.close, ours)
            if launch.stream_owner is not None:
                os.fchown(other, launch.stream_owner, launch.stream_owner)
            ends[name] = (ours, other)
        process = subprocess.Popen(
            list(launch.command),
            stdin=ends["stdin"][1],
            stdout=ends["stdout"][1],
            stderr=ends["stderr"][1] if "stderr" in ends else stderr,
            env=dict(launch.environment),
            cwd=launch.folder,
            pass_fds=launch.descriptors,
            start_new_session=True,
            **identity,
        )
        ours_on_failure.pop_all()
        for name, (ours, _) in ends.items():
            setattr(process, name, os.fdopen(ours, "wb" if name == "stdin" else "rb"))
    return process


def supervise(launch: Launch, limits: Limits, stdin: bytes = b"") -> Outcome:
    """Runs a command to its end or to its first limit, then kills whatever it left.

    Args:
        launch: The command.
        limits: What it may use; the caller's isolation has already applied those of the kernel.
        stdin: Bytes for standard input, which is then closed.

    Returns:
        The outcome.

    Raises:
        OSError: The command cannot be started at all.
    """
    began = time.monotonic()
    process = start(launch)
    stopped_by: Literal["", "time", "memory", "output", "files"] = ""
    peak = 0
    with _Streams(process, stdin, limits.output_bytes) as streams:
        next_sample = began
        while not stopped_by and not _has_ended(process):
            streams.pump()
            now = time.monotonic()
            if now >= next_sample:
                peak = max(peak, resident_bytes(process.pid))
                if launch.private_tmp and _files_in_tmp(process.pid, limits.disk_bytes) > limits.files:
                    stopped_by = "files"
                next_sample = now + _POLL_SECONDS
            if peak > limits.memory_bytes:
                stopped_by = "memory"
            elif streams.overflowed:
                stopped_by = "output"
            elif now - began > limits.wall_seconds:
                stopped_by = "time"
        kill_tree(process)
        code = process.wait()
        streams.drain()
        if not stopped_by and streams.overflowed:
            stopped_by = "output"
        stdout, stderr = (bytes(output[: limits.output_bytes]) for output in streams.outputs)
    seconds = time.monotonic() - began
    return Outcome(128 - code if code < 0 else code, stdout, stderr, seconds, peak, stopped_by)


class _Streams:
    """The three pipes of a process: feeds stdin, collects stdout and stderr up to one byte past the cap."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, cap: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._stdin, self._readers = process.stdin, (process.stdout, process.stderr)
        self._rest = memoryview(stdin)
        self._cap = cap
        self.outputs = (bytearray(), bytearray())
        self._selector = selectors.DefaultSelector()
        for stream, output in zip(self._readers, self.outputs, strict=True):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, output)
        if stdin:
            os.set_blocking(self._stdin.fileno(), False)
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        else:
            self._stdin.close()

    def __enter__(self) -> _Streams:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for stream in (self._stdin, *self._readers):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    @property
    def overflowed(self) -> bool:
        return any(len(output) > self._cap for output in self.outputs)

    def pump(self) -> None:
        """Moves what is ready, waiting a moment for it."""
        if not self._selector.get_map():  # all pipes are closed, the process goes on
            time.sleep(_POLL_SECONDS / 10)
        for key, _ in self._selector.select(_POLL_SECONDS):
            open_still = self._feed() if key.fileobj is self._stdin else self._read(key.fd, key.data)
            if not open_still:
                self._selector.unregister(key.fileobj)
                if key.fileobj is self._stdin:
                    self._stdin.close()

    def drain(self) -> None:
        """Reads what the pipes still hold; one held open by a process that got away is not waited for."""
        for stream, output in zip(self._readers, self.outputs, strict=True):
            size = -1
            while size < len(output):
                size = len(output)
                self._read(stream.fileno(), output)

    def _read(self, descriptor: int, output: bytearray) -> bool:
        try:
            data = os.read(descriptor, min(_CHUNK_BYTES, self._cap + 1 - len(output)))
        except BlockingIOError:
            return True
        output += data
        return bool(data)

    def _feed(self) -> bool:
        try:
            self._rest = self._rest[os.write(self._stdin.fileno(), self._rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """True once the command is a zombie: its id and its process group's are still its own, so both can be killed."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kills the command, its process group and all its descendants; the command must not have been waited for yet.

    Under bubblewrap the first child is the init of the namespace: its death takes every process of the namespace along,
    however they were daemonised.
    """
    for pid in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _files_in_tmp(pid: int, size_bytes: int) -> int:
    """Counts the files in the /tmp and the /dev/shm of a command's first child: a tmpfs limits its bytes only.

    While the sandbox is being set up these paths are still the machine's own, told apart by the size of /tmp.
    """
    with contextlib.suppress(OSError, IndexError):
        root = f"/proc/{descendants(pid)[0]}/root"
        usage = [os.statvfs(f"{root}/{folder}") for folder in ("tmp", "dev/shm")]
        if usage[0].f_blocks * usage[0].f_frsize == -(-size_bytes // _PAGE_BYTES) * _PAGE_BYTES:
            return sum(one.f_files - one.f_ffree for one in usage)
    return 0


def descendants(pid: int) -> list[int]:
    """Returns the ids of all living descendants of a process, parents before children."""
    found: list[int] = []
    queue = [pid]
    while queue and len(found) < _MAX_TREE:
        parent = queue.pop(0)
        try:
            tasks = os.listdir(f"/proc/{parent}/task")  # noqa: PTH208
        except OSError:
            continue
        for task in tasks:
            with contextlib.suppress(OSError), open(f"/proc/{parent}/task/{task}/children") as file:  # noqa: PTH123
                children = [int(child) for child in file.read().split()]
                found += children
                queue += children
    return found


def resident_bytes(pid: int) -> int:
    """Returns the resident memory of a process and all its descendants; shared pages count once for each."""
    pages = 0
    for member in [pid, *descendants(pid)]:
        with contextlib.suppress(OSError):
            # A process whose first thread has ended shows no memory of its own; its other threads still do.
            tasks = f"/proc/{member}/task"
            pages += _resident_pages(f"/proc/{member}") or max(
                (_resident_pages(f"{tasks}/{task}") for task in os.listdir(tasks)),  # noqa: PTH208
                default=0,
            )
    return pages * _PAGE_BYTES


def _resident_pages(folder: str) -> int:
    """Pages in memory and, on a machine with swap, those that were moved out of it."""
    with open(f"{folder}/statm") as file:  # noqa: PTH123
        pages = int(file.read().split()[1])
    if _has_swap():
        with open(f"{folder}/status") as file:  # noqa: PTH123
            swapped = next((line.split()[1] for line in file if line.startswith("VmSwap:")), "0")
        pages += int(swapped) * 1024 // _PAGE_BYTES
    return pages


@cache
def _has_swap() -> bool:
    with open("/proc/swaps") as file:  # noqa: PTH123
        return len(file.readlines()) > 1
