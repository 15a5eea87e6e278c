"""Runs one command with limits on time, memory and output, and leaves no process behind.

Kernel limits (``prlimit``) apply to each process. Three things are watched from outside:

- the wall time;
- the resident memory of all descendants together, because 64 processes of 1 GiB each would pass any limit per process,
  and the address space of the JVM and of Node.js is far larger than what they use;
- the bytes that are written to stdout and stderr, which are read while the program runs and never stored beyond the
  limit.
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
_MAX_TREE = 4096  # processes that are looked at per poll


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one command.

    Attributes:
        wall_seconds: Wall time in seconds, after which all processes are killed.
        cpu_seconds: CPU time of each process in seconds, rounded up to a whole second; None for the wall time.
        memory_bytes: Resident memory of all processes together, and address space of each process unless the run-time
            reserves far more than it uses.
        processes: Number of processes and threads at the same time.
        file_bytes: Size of a single file.
        disk_bytes: Size of all files in the private /tmp together.
        files: Number of files and folders in the private /tmp.
        output_bytes: Number of bytes of stdout, and of stderr.
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
    """A command that an isolation has prepared, as ``subprocess.Popen`` needs it.

    Attributes:
        command: Program and arguments.
        environment: The whole environment.
        folder: Working folder; None for the caller's.
        user: User and group id to switch to before the start; None to keep the caller's.
        descriptors: File descriptors that the command inherits. They are closed in this process after the start.
        private_tmp: True if the command's first child has its own /tmp of exactly ``Limits.disk_bytes``.
        stream_owner: User that owns the command's pipes; None for the caller. Only the owner of a pipe can open it
            again, for example as ``/dev/stdin``.
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
        exit_code: Exit status; 128 + n for signal n.
        stdout: First bytes of standard output, up to the limit.
        stderr: First bytes of standard error, up to the limit.
        seconds: Wall time in seconds.
        peak_memory_bytes: Largest resident memory that was sampled; 0 for a program that ended before the first sample.
        stopped_by: The limit at which the command was ended from outside; "" if it was not.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak_memory_bytes: int
    stopped_by: Literal["", "time", "memory", "output", "files"]


def start(launch: Launch, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Starts a command in its own process group, with pipes to all three streams.

    Args:
        launch: The command. Its descriptors are closed in this process.
        stderr: Where standard error goes; ``subprocess.PIPE`` makes a pipe.

    Raises:
        OSError: The command cannot be started.
    """
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
    """Runs a command until it ends or reaches a limit, then kills all processes that it left behind.

    Args:
        launch: The command.
        limits: Limits on the command. The caller's isolation has already applied those that the kernel enforces.
        stdin: Bytes for standard input, which is closed afterwards.

    Returns:
        How the command ended.

    Raises:
        OSError: The command cannot be started.
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
    """The three pipes of a process: feeds stdin and collects stdout and stderr, up to one byte past the limit."""

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
        """Transfers the bytes that are ready; waits a moment if there are none."""
        if not self._selector.get_map():  # all pipes are closed, but the process is still running
            time.sleep(_POLL_SECONDS / 10)
        for key, _ in self._selector.select(_POLL_SECONDS):
            open_still = self._feed() if key.fileobj is self._stdin else self._read(key.fd, key.data)
            if not open_still:
                self._selector.unregister(key.fileobj)
                if key.fileobj is self._stdin:
                    self._stdin.close()

    def drain(self) -> None:
        """Reads what is left in the pipes, without waiting for a pipe that an escaped process keeps open."""
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
    """Returns True once the command is a zombie, whose id and process group are still its own and can be killed."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kills the command, its process group and all its descendants. The command must not have been waited for yet.

    With bubblewrap, the first child is the init process of the namespace. When it ends, the kernel ends every process
    of the namespace, including daemons.
    """
    for pid in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _files_in_tmp(pid: int, size_bytes: int) -> int:
    """Counts the files in /tmp and /dev/shm of a command's first child, because a tmpfs limits only its bytes.

    While the sandbox is being set up, these paths are still those of the machine, which is recognised by the size of
    /tmp. The count is then 0.
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
    """Returns the resident memory of a process and all its descendants in bytes; each counts shared pages again."""
    pages = 0
    for member in [pid, *descendants(pid)]:
        with contextlib.suppress(OSError):
            # A process whose first thread has ended shows no memory, but its other threads do.
            tasks = f"/proc/{member}/task"
            pages += _resident_pages(f"/proc/{member}") or max(
                (_resident_pages(f"{tasks}/{task}") for task in os.listdir(tasks)),  # noqa: PTH208
                default=0,
            )
    return pages * _PAGE_BYTES


def _resident_pages(folder: str) -> int:
    """Returns the number of pages in memory and, on a machine with swap, in swap."""
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
