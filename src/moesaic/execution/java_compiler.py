"""Runs compiler servers for Java, so that one JVM per worker compiles all of its programs.

javac spends about a second and a half of CPU time on starting up, and a twentieth of that on a small program. The
server (``harnesses/CompileServer.java``) runs in the sandbox like the programs. It never loads the classes that it
compiles, and returns them over its stdout; this module checks their names and sizes before it stores them. If a source
text makes the compiler hang or use up its memory, the server is restarted.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal

from moesaic.errors import ToolchainError
from moesaic.execution import patience
from moesaic.execution.isolation import Isolation, Mount
from moesaic.execution.supervise import Limits, kill_tree, resident_bytes, start
from moesaic.execution.toolchains import Toolchain

__all__ = ["Compilation", "JavaCompiler", "Unit"]

_CLASS_NAME = re.compile(r"[\w$]{1,200}(/[\w$]{1,200}){0,8}\.class")
_MAX_NAME_BYTES = 255  # the usual limit of file systems
_MAX_CLASSES = 1000
_HARNESS = Path(__file__).with_name("harnesses") / "java"
_UNLIMITED_SECONDS = 10**8
_LOOK_SECONDS = 0.05  # between two checks of the server's memory


@dataclass(frozen=True, slots=True)
class Unit:
    """One source text.

    Attributes:
        file_name: Name under which the text is compiled, for example ``Main.java``.
        source: The source text.
        names: Simple names that mean classes of the platform, then a bar, then the packages to search for them.
    """

    file_name: str
    source: str
    names: str = ""


class _ServerStoppedError(Exception):
    """Raised if the server hung, died or broke the protocol."""

    def __init__(self, reason: Literal["time", "memory"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Compilation:
    """The result of one compilation.

    Attributes:
        succeeded: True if there are classes.
        messages: The compiler's error messages.
        stopped_by: "time" or "memory" if the server was stopped by that limit while it compiled, else "".
        seconds: Wall time in seconds, including a restart of the server.
    """

    succeeded: bool
    messages: str
    stopped_by: Literal["", "time", "memory"]
    seconds: float


class JavaCompiler:
    """One server process. Use it as a context manager, or call ``close``; do not share it between threads.

    Args:
        isolation: The isolation in which the server runs.
        toolchain: The tools of Java.
        limits: Limits on the server; ``wall_seconds`` applies to each compilation.
    """

    def __init__(self, isolation: Isolation, toolchain: Toolchain, limits: Limits) -> None:
        self._isolation, self._toolchain, self._limits = isolation, toolchain, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> JavaCompiler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def compile(self, units: Sequence[Unit], folder: Path) -> Compilation:
        """Compiles source texts together and stores their classes in a folder.

        Args:
            units: The source texts.
            folder: An existing folder to which no sandboxed program can write.

        Returns:
            The result. Texts that end the server, except by the time limit, are tried once more on a fresh server,
            because earlier texts may have used up its memory.

        Raises:
            ToolchainError: The server cannot be started, or does not compile moesaic's own test class.
        """
        began = time.monotonic()
        reason: Literal["", "time", "memory"] = ""
        for _ in range(2):
            try:
                succeeded, messages, classes = self._ask(units)
            except _ServerStoppedError as stop:
                self.close()
                reason = stop.reason
                if reason == "time":
                    break
                continue
            for name, content in classes.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return Compilation(succeeded, messages, "", time.monotonic() - began)
        return Compilation(False, "", reason, time.monotonic() - began)

    def close(self) -> None:
        """Ends the server if it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                kill_tree(self._process)
            for stream in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]  # both are pipes
            self._process.wait()
            self._process = None
        self._resources.close()

    def _start(self) -> subprocess.Popen[bytes]:
        # A server compiles many programs: its CPU time is not limited, but the time of each compilation is.
        limits = replace(self._limits, cpu_seconds=_UNLIMITED_SECONDS)
        harness = Mount(_HARNESS, "/harness")
        command = [
            self._toolchain.tools["java"],
            *self._toolchain.tools["flags"].split(),
            *("-XX:+ExitOnOutOfMemoryError", f"-Xmx{limits.memory_bytes >> 21}m", "-Xss8m"),
            f"{self._isolation.inside(harness)}/CompileServer.java",
        ]
        mounts = [harness, *(Mount(path, str(path)) for path in self._toolchain.folders)]
        launch = self._resources.enter_context(
            self._isolation.launch(command, limits, mounts, limit_address_space=False)
        )
        try:
            return start(launch, stderr=subprocess.DEVNULL)
        except OSError as error:
            raise ToolchainError(f"java: cannot start the compiler: {error}") from error

    def _ask(self, units: Sequence[Unit]) -> tuple[bool, str, dict[str, bytes]]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # bubblewrap ends with the thread that started it
        process = self._process or self._started()
        return self._exchange(process, units, time.monotonic() + self._limits.wall_seconds)

    def _started(self) -> subprocess.Popen[bytes]:
        """Starts the server and has it compile a class of moesaic, so that no program is blamed for a slow start."""
        for _ in range(patience.ATTEMPTS):
            self._process = self._start()
            try:
                succeeded, messages, _ = self._exchange(
                    self._process, [Unit("Ready.java", "class Ready { }")], time.monotonic() + patience.SECONDS
                )
            except _ServerStoppedError as stop:
                self.close()
                if stop.reason != "time":
                    raise ToolchainError(f"java: {self._toolchain.tools['java']} ended while it started") from stop
            else:
                if not succeeded:
                    raise ToolchainError(f"java: the compiler does not work: {messages.strip()[:200]}")
                return self._process
        raise ToolchainError(f"java: {patience.no_answer(self._toolchain.tools['java'])}")

    def _exchange(
        self, process: subprocess.Popen[bytes], units: Sequence[Unit], deadline: float
    ) -> tuple[bool, str, dict[str, bytes]]:
        assert process.stdin is not None
        try:
            process.stdin.write(struct.pack(">i", len(units)))
            for text in (text for unit in units for text in (unit.file_name, unit.source, unit.names)):
                data = text.encode("utf-8", "replace")
                process.stdin.write(struct.pack(">i", len(data)) + data)
            process.stdin.flush()
        except BrokenPipeError:
            raise _ServerStoppedError("memory") from None
        succeeded = self._read(process, 1, deadline) != b"\0"
        messages = self._read_block(process, deadline).decode("utf-8", "replace")
        count = self._read_length(process, deadline, _MAX_CLASSES)
        classes: dict[str, bytes] = {}
        for _ in range(count):
            name = self._read_block(process, deadline).decode("utf-8", "replace")
            longest = max(len(os.fsencode(part)) for part in name.split("/"))
            if not _CLASS_NAME.fullmatch(name) or longest > _MAX_NAME_BYTES:
                return False, f"class name not accepted: {name!r}", self._skip(process, count, len(classes), deadline)
            classes[name] = self._read_block(process, deadline)
        return succeeded, messages, classes

    def _skip(self, process: subprocess.Popen[bytes], count: int, done: int, deadline: float) -> dict[str, bytes]:
        """Reads and discards the rest of an answer, so that the next answer is read from its beginning."""
        self._read_block(process, deadline)
        for _ in range(2 * (count - done - 1)):
            self._read_block(process, deadline)
        return {}

    def _read_block(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        return self._read(process, self._read_length(process, deadline, self._limits.file_bytes), deadline)

    def _read_length(self, process: subprocess.Popen[bytes], deadline: float, allowed: int) -> int:
        (length,) = struct.unpack(">i", self._read(process, 4, deadline))
        if not 0 <= length <= allowed:
            raise _ServerStoppedError("memory")
        return int(length)

    def _read(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        assert process.stdout is not None
        descriptor, data = process.stdout.fileno(), bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _ServerStoppedError("time")
            if not select.select([descriptor], [], [], min(left, _LOOK_SECONDS))[0]:
                if resident_bytes(process.pid) > self._limits.memory_bytes:
                    raise _ServerStoppedError("memory")
                continue
            part = os.read(descriptor, size - len(data))
            if not part:
                raise _ServerStoppedError("memory")
            data += part
        return bytes(data)
