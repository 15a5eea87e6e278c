"""Isolates a command from the machine in one of two ways: bubblewrap, or the much weaker rlimit mode.

Both turn a command into a :class:`~moesaic.execution.supervise.Launch`. ``moesaic.execution.sandbox`` lists what each
of them stops.

    bubblewrap   The command gets new namespaces (PID, mount, network, IPC, UTS, cgroup, and user unless started as
                 root), a root that holds only read-only system folders, a /tmp in memory, a seccomp filter, and the
                 limits of ``prlimit``. If moesaic was started as root, ``setpriv`` changes the command to an
                 unprivileged user instead, because inside a user namespace it would still own root's files.
    rlimit       The command gets only the limits of ``prlimit`` and a fresh folder; as root, an unprivileged user, too.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moesaic.errors import ToolchainError
from moesaic.execution import patience
from moesaic.execution.seccomp import build_filter
from moesaic.execution.supervise import Launch, Limits

__all__ = ["Bubblewrap", "Isolation", "Mount", "RlimitOnly"]

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
_TMP = "/tmp"  # noqa: S108  # of the sandbox, not of the machine
_SEMAPHORE_BYTES = 1 << 20  # size of /dev/shm, where pools of processes and threads keep their locks
_OPEN_FILES = 128
_MAX_COPIED_FILES = 64  # each is an open file of this process while the command starts
_FIRST_USER, _NUM_USERS = 61184, 4096  # inside the range that systemd keeps for short-lived services
_INSTALL_HINT = (
    "install bubblewrap 0.6 or later (Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap), "
    "or accept weaker protection with --sandbox rlimit"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that the command sees.

    Attributes:
        source: Path of the folder on this machine.
        target: Path under which the command finds the folder with bubblewrap.
        writable: True if the command may write to the folder.
        copied: True if its files are copied into the sandbox, as long as they are few. A mount would show its path on
            this machine (``/proc/self/mountinfo``).
    """

    source: Path
    target: str
    writable: bool = False
    copied: bool = False


class Isolation(Protocol):
    """A way to run a command isolated from the machine."""

    name: str

    def inside(self, mount: Mount) -> str:
        """Returns the path under which the command finds a mount."""
        ...

    def launch(
        self,
        command: Sequence[str],
        limits: Limits,
        mounts: Sequence[Mount] = (),
        environment: Mapping[str, str] | None = None,
        limit_address_space: bool = True,
        hidden: Sequence[Path] = (),
    ) -> contextlib.AbstractContextManager[Launch]:
        """Prepares a command; the files that it needs exist as long as the context is open.

        Args:
            command: Program and arguments, with paths as seen from inside the sandbox.
            limits: Limits on the command. Those that the kernel can enforce are applied here; ``supervise`` enforces
                the rest.
            mounts: Folders that the command sees in addition to the system's.
            environment: Variables that are added to a minimal environment. The caller's environment is not inherited.
            limit_address_space: False for run-times that reserve far more address space than they use.
            hidden: Folders that appear empty to the command if the isolation has namespaces.
        """
        ...


class Bubblewrap:
    """Isolates commands in namespaces that bubblewrap makes.

    Raises:
        ToolchainError: bubblewrap, ``prlimit`` or (as root) ``setpriv`` is missing, or the kernel refuses namespaces.
    """

    name = "bubblewrap"

    def __init__(self) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise ToolchainError(f"the sandbox needs bubblewrap, and bwrap is not on PATH: {_INSTALL_HINT}")
        _require_process_tree()
        self._program = program
        self._prlimit = _require("prlimit")
        self._setpriv = _require("setpriv") if os.geteuid() == 0 else ""
        self.filter = build_filter()
        problem = self._probe()
        if problem and self.filter is not None:
            self.filter, with_filter = None, self.filter
            if self._probe():
                self.filter = with_filter  # the filter was not the cause
            else:
                problem = ""
        if problem:
            raise ToolchainError(f"bubblewrap cannot make a sandbox here ({problem}): {_INSTALL_HINT}")
        if self.filter is None:
            from moesaic.progress import say  # the sandbox itself runs without any package

            say("sandbox: no seccomp filter on this machine: kernel interfaces and hidden memory are open to programs")

    def inside(self, mount: Mount) -> str:
        """Returns the mount's target."""
        return mount.target

    @contextlib.contextmanager
    def launch(
        self,
        command: Sequence[str],
        limits: Limits,
        mounts: Sequence[Mount] = (),
        environment: Mapping[str, str] | None = None,
        limit_address_space: bool = True,
        hidden: Sequence[Path] = (),
    ) -> Iterator[Launch]:
        """See :class:`Isolation`."""
        user = _unprivileged_user()
        drop: list[str] = []
        if user is None:
            identity = ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        else:
            identity = []
            drop = [self._setpriv, f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
            drop += ["--bounding-set=-all", "--inh-caps=-all"]
        descriptors: list[int] = []
        seccomp: list[str] = []
        if self.filter is not None:
            descriptors.append(_pipe_holding(self.filter))
            seccomp = ["--seccomp", str(descriptors[0])]
        copies, mounts = _copies(mounts, descriptors)
        yield Launch(
            command=[
                self._program,
                *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
                *identity,
                *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
                *_root(mounts),
                *copies,
                *(option for path in hidden for option in ("--tmpfs", str(path), "--remount-ro", str(path))),
                *("--perms", "1777", "--size", str(limits.disk_bytes), "--tmpfs", _TMP),
                *("--perms", "1777", "--size", str(_SEMAPHORE_BYTES), "--tmpfs", "/dev/shm"),  # noqa: S108
                *_writable_binds(mounts, user),
                *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", _TMP),
                *seccomp,
                "--",
                *drop,
                *_prlimit(self._prlimit, limits, limits.processes, limit_address_space),
                *command,
            ],
            environment=_environment(environment, _TMP),
            descriptors=tuple(descriptors),
            private_tmp=True,
            stream_owner=user,
        )

    def _probe(self) -> str:
        """Runs an empty command in a sandbox and returns what went wrong, or "".

        Raises:
            ToolchainError: The sandbox did not answer.
        """
        for _ in range(patience.ATTEMPTS):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._probe_once()
        raise ToolchainError(patience.no_answer("bubblewrap's sandbox"))

    def _probe_once(self) -> str:
        with self.launch(["/bin/true"], Limits()) as launch:
            try:
                done = subprocess.run(
                    launch.command,
                    env=dict(launch.environment),
                    pass_fds=launch.descriptors,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=patience.SECONDS,
                    check=False,
                )
            finally:
                for descriptor in launch.descriptors:
                    os.close(descriptor)
        return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


class RlimitOnly:
    """Applies kernel limits per process and nothing else, for machines without namespaces.

    Raises:
        ToolchainError: ``prlimit``, or the kernel interface that the watchdog needs, is missing.
    """

    name = "rlimit"

    def __init__(self) -> None:
        _require_process_tree()
        self._prlimit = _require("prlimit")

    def inside(self, mount: Mount) -> str:
        """Returns the mount's source: the command sees the machine's own files."""
        return str(mount.source)

    @contextlib.contextmanager
    def launch(
        self,
        command: Sequence[str],
        limits: Limits,
        mounts: Sequence[Mount] = (),
        environment: Mapping[str, str] | None = None,
        limit_address_space: bool = True,
        hidden: Sequence[Path] = (),
    ) -> Iterator[Launch]:
        """See :class:`Isolation`."""
        user = _unprivileged_user()
        # The kernel counts all processes of the user, not only those of this command.
        processes = limits.processes + (_count_own_tasks() if user is None else 0)
        _writable_binds(mounts, user)
        with tempfile.TemporaryDirectory(prefix="moesaic-scratch-", ignore_cleanup_errors=True) as scratch:
            if user is not None:
                os.chown(scratch, user, user)
            yield Launch(
                command=[*_prlimit(self._prlimit, limits, processes, limit_address_space), *command],
                environment=_environment(environment, scratch),
                folder=Path(scratch),
                user=user,
                stream_owner=user,
            )


def _root(mounts: Sequence[Mount]) -> list[str]:
    """Returns the options for read-only system folders, /proc and /dev; nothing else of the machine exists inside."""
    options = ["--ro-bind", "/usr", "/usr"]
    for folder in _SYSTEM_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            options += ["--ro-bind", folder, folder]
    # Parents that bubblewrap makes by itself are closed to other users.
    parents = {str(parent) for mount in mounts for parent in Path(mount.target).parents} | {"/etc"}
    for parent in sorted(parents - {"/", "/usr"}):
        if not parent.startswith(("/usr/", *(f"{folder}/" for folder in _SYSTEM_FOLDERS))):
            options += ["--perms", "0755", "--dir", parent]
    for file in _SYSTEM_FILES:
        options += ["--ro-bind-try", file, file]
    # A shared mapping of /dev/zero is memory that the watchdog does not see. As a bind mount
    # without access to devices, it cannot be opened.
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", "/dev/null", "/dev/zero"]
    for mount in mounts:
        if not mount.writable and not mount.target.startswith("/usr/"):
            options += ["--ro-bind", str(mount.source), mount.target]
    return options


def _copies(mounts: Sequence[Mount], descriptors: list[int]) -> tuple[list[str], list[Mount]]:
    """Opens the files of mounts that are copied; returns the options that copy them, and the mounts that remain."""
    options: list[str] = []
    left: list[Mount] = []
    for mount in mounts:
        files = sorted(mount.source.rglob("*")) if mount.copied else []
        files = [path for path in files if path.is_file() and not path.is_symlink()]
        if not mount.copied or len(files) > _MAX_COPIED_FILES:
            left.append(mount)
            continue
        folders = {mount.source} | {folder for path in files for folder in path.parents if folder != mount.source}
        inside = sorted(folder for folder in folders if folder.is_relative_to(mount.source))
        for folder in inside:
            options += ["--perms", "0755", "--dir", f"{mount.target}/{folder.relative_to(mount.source)}".rstrip("/.")]
        for path in files:
            descriptors.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
            mode = "0755" if os.access(path, os.X_OK) else "0644"
            options += [
                "--perms",
                mode,
                "--file",
                str(descriptors[-1]),
                f"{mount.target}/{path.relative_to(mount.source)}",
            ]
    return options, left


def _writable_binds(mounts: Sequence[Mount], user: int | None) -> list[str]:
    """Returns the options that bind the writable mounts, and makes the command's user their owner."""
    options: list[str] = []
    for mount in mounts:
        if mount.writable:
            if user is not None:
                os.chown(mount.source, user, user)
            options += ["--bind", str(mount.source), mount.target]
    return options


def _require(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise ToolchainError(f"the sandbox needs {tool}, which is not on PATH: install util-linux")
    return path


def _require_process_tree() -> None:
    """Checks that the memory watchdog can find a command's processes through /proc."""
    if not Path(f"/proc/self/task/{threading.get_native_id()}/children").exists():
        raise ToolchainError("the sandbox needs Linux with /proc/<pid>/task/<tid>/children, which this kernel lacks")


_users = itertools.count(os.getpid())


def _unprivileged_user() -> int | None:
    """Returns a user id for one command if started as root, else None.

    Each command gets a different id, because the kernel counts processes by user, and processes of the last command may
    still be ending when the next one starts.
    """
    return _FIRST_USER + next(_users) % _NUM_USERS if os.geteuid() == 0 else None


def _count_own_tasks() -> int:
    count = 0
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and folder.stat().st_uid == os.geteuid():
                count += sum(1 for _ in (folder / "task").iterdir())
    return count


def _prlimit(program: str, limits: Limits, processes: int, limit_address_space: bool) -> list[str]:
    wall = limits.wall_seconds if limits.cpu_seconds is None else limits.cpu_seconds
    seconds = max(1, math.ceil(wall))
    options = [
        f"--cpu={seconds}:{seconds + 1}",  # SIGXCPU, a second later SIGKILL
        f"--nproc={processes}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={_OPEN_FILES}",
        "--core=0",
    ]
    if limit_address_space:
        options.append(f"--as={limits.memory_bytes}")
    return [program, *options]


def _environment(extra: Mapping[str, str] | None, home: str) -> dict[str, str]:
    # PYTHONHASHSEED is fixed, because the order of a set must not decide whether a program passes. Go, which also means
    # esbuild, starts threads by the number of cores, and on a large machine more than ``Limits.processes``.
    minimal = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "TZ": "UTC"}
    fixed = {"PYTHONHASHSEED": "0", "GOMAXPROCS": "2", "OPENSSL_CONF": "/dev/null"}
    return {**minimal, **fixed, **(extra or {})}


def _pipe_holding(data: bytes) -> int:
    """Returns the reading end of a pipe that holds the data; launches would share the position of a file."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(data)
    return reading
