"""Runs one disturbed attempt at a command in a process of its own, and reads what it left.

The process is forked, so that torch is imported only once. In it, an audit hook of the interpreter counts the file
operations below the run's folder, and the disturbance happens at a given one. A moment is therefore, for example,
"before the 12th file operation of the stage", and can be repeated. Native code writes between two moments.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from moesaic import cli
from moesaic.files import file_digest

TIMES = frozenset(
    {
        "finished",
        "idle", "started", "hardware", "versions",
        "output_digest", "digest", "sha256", "files", "processes", "inputs", "recipe", "recipe_digest", "output",
    }
)  # fmt: skip
"""Keys in written files whose values are times, or digests of files that contain times.

Keys with seconds are handled separately.
"""

_EVENTS = (
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.truncate",
    "os.listdir",
    "os.scandir",
)

Spoiler = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        code: Exit code, or minus the signal that killed the process.
        said: Text that it wrote to stderr.
        moments: The file operations that were counted, each with its path.
    """

    code: int
    said: str
    moments: list[str]

    @property
    def is_defect(self) -> bool:
        """Returns whether an attempt ended as it does only after a defect."""
        return "this is a bug" in self.said or "Traceback" in self.said or self.code == 1


@dataclass(frozen=True)
class Strike:
    """A disturbance in an attempt, and its time.

    Attributes:
        spoiler: The disturbance, which runs inside the process.
        moment: The counted file operation before which it happens; None for the start, before anything is read.
        delay: Seconds that it waits, in a thread, so that native code is disturbed as well.
    """

    spoiler: Spoiler
    moment: int | None = None
    delay: float = 0.0


def kill() -> None:
    """Ends the process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def attempt(arguments: list[str], counted: list[Path], strike: Strike | None = None) -> Ended:
    """Runs the command line in a forked process.

    Args:
        arguments: Arguments of ``moesaic``.
        counted: Paths below which file operations are counted.
        strike: The disturbance.
    """
    notes = Path(os.environ.get("TMPDIR", "/tmp")) / f"soak-{os.getpid()}"
    notes.mkdir(exist_ok=True)
    said, seen = notes / "said", notes / "seen"
    for file in (said, seen):
        file.write_bytes(b"")
    child = os.fork()
    if child == 0:
        _play(arguments, [str(path) for path in counted], strike, said, seen)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(FileNotFoundError):
        _import_for_all(notes / "modules")
    moments = seen.read_text(errors="replace").splitlines()
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), moments)


def _play(arguments: list[str], counted: list[str], strike: Strike | None, said: Path, seen: Path) -> None:
    """Runs the attempt in the child process; never returns."""
    code = 1
    try:
        for number, target in ((1, "/dev/null"), (2, str(said))):
            os.dup2(os.open(target, os.O_WRONLY | os.O_APPEND), number)
        sys.argv = ["moesaic", *arguments]
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for programs in the background
        torch.set_num_threads(1)
        log = os.open(seen, os.O_WRONLY | os.O_APPEND)
        if strike is not None and strike.moment is None:
            strike.spoiler()
        sys.addaudithook(_counting(counted, strike, log))
        cli.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if strike is None:
            (said.parent / "modules").write_text("\n".join(sorted(sys.modules)))
    finally:
        sys.stderr.flush()
        os._exit(code)


def _import_for_all(names: Path) -> None:
    """Imports the modules that an undisturbed attempt imported, so that later attempts need not import them again."""
    for name in names.read_text().splitlines():
        if name not in sys.modules and name.partition(".")[0] not in ("__main__", "__mp_main__"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    names.unlink()


def _counting(counted: list[str], strike: Strike | None, log: int) -> Callable[[str, tuple[Any, ...]], None]:
    number, busy = 0, False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal number, busy
        if busy or event not in _EVENTS or not arguments or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        path = os.fsdecode(arguments[0])
        if not any(path.startswith(place) for place in counted):
            return
        number += 1
        busy = True
        os.write(log, f"{event} {path}\n".encode(errors="replace"))
        if strike is not None and number == strike.moment:
            if strike.delay:
                threading.Timer(strike.delay, strike.spoiler).start()
            else:
                strike.spoiler()
        busy = False

    return hook


def chosen_moments(count: int, wanted: int, generator: random.Random) -> list[int]:
    """Returns a random choice of the moments 1 to ``count``, in order."""
    return sorted(generator.sample(range(1, count + 1), min(wanted, count)))


def fingerprint(folder: Path) -> dict[str, str]:
    """Returns file -> digest of the content, without times, of all files of a stage or an export."""
    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    found = {}
    for path in paths:
        if path.suffix in (".html", ".yaml") or ".partial" in str(path):
            continue
        name = str(path.relative_to(folder))
        if path.suffix == ".jsonl" or path.name in ("manifest.json", "results.json"):
            rows = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            found[name] = json.dumps([_without_times(json.loads(row)) for row in rows], sort_keys=True)
        else:
            found[name] = file_digest(path)
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in TIMES and "second" not in key}
        return {key: _without_times(item) for key, item in kept.items()}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Callable[[int | None], None]]:
    """Mounts a file system in memory; yields a function that sets its free bytes (None: plenty; -1: read-only).

    Raises:
        PermissionError: Mounting is not allowed here.
    """
    import subprocess

    def mount(*options: str) -> None:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PermissionError(done.stderr.strip())

    place.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", "size=1g", "tmpfs")

    def leave(free: int | None) -> None:
        if free is None:
            mount("-o", "remount,rw,size=1g")
        elif free < 0:
            mount("-o", "remount,ro")
        else:
            used = shutil.disk_usage(place).used
            mount("-o", f"remount,size={used + free}")

    try:
        yield leave
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def clock_jumps_back() -> None:
    """Sets the clock back by a day for all Python code of this process."""
    now, gmtime, local = time.time, time.gmtime, time.localtime
    time.time = lambda: now() - 86400
    time.gmtime = lambda seconds=None: gmtime(now() - 86400 if seconds is None else seconds)
    time.localtime = lambda seconds=None: local(now() - 86400 if seconds is None else seconds)


if __name__ == "__main__":
    raise SystemExit("soak_attempts.py is a part of other scripts: run soak.py")
