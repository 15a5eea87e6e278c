"""Notices when another process of a run is lost, and says which one.

Each process holds a lock on its own file in the workspace. The operating system releases the lock when the process
ends, however it ends and on whichever machine it runs. A process that ends in an orderly way first writes so into its
file. The loss of a process is noticed by another one that waits for it, or within seconds by a thread that checks the
files, independently of how the GPUs' backend reacts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from moesaic.errors import MoesaicError, ProcessError
from moesaic.progress import say
from moesaic.ranks import Ranks

FOLDER: Final = ".ranks"
"""Folder in the workspace with a file for each process."""

_EVERY: Final = 0.5  # seconds between two checks
_GRACE: Final = 10.0  # seconds that a process has to unwind before it is ended


@contextlib.contextmanager
def watching(root: Path, ranks: Ranks) -> Iterator[None]:
    """Ends this process soon after another process of the run was lost.

    Args:
        root: Folder of the workspace.
        ranks: The processes. A single process is not watched.

    Raises:
        ProcessError: Another process is lost; the message names it.
    """
    if ranks.is_first:
        shutil.rmtree(root / FOLDER, ignore_errors=True)  # left by an earlier run that was killed
    if ranks.count == 1:
        yield
        return
    watch = Watch(root / FOLDER, ranks)
    try:
        ranks.first()
        watch.start()
        yield
        ranks.gather(None)  # no process leaves before all are done
    except BaseException as error:  # includes signals: torchrun stops the others as soon as one process is lost
        reason = str(error).strip() or type(error).__name__
        watch.end(reason)
        if isinstance(error, MoesaicError):
            # All processes can find the same error at the same time, for example a loss that is not finite. Then only
            # the first process reports it.
            lost = None if ranks.is_first else watch.lost(wait=2.0)
            if lost is not None and lost.reason == reason:
                lost.is_said, lost.exit_code = True, error.exit_code
                raise lost from error
            raise
        lost = watch.lost(wait=3.0 if isinstance(error, RuntimeError) else 0.0)
        if lost is not None and (lost.reason is None or watch.stopped_this or isinstance(error, RuntimeError)):
            raise lost from error
        raise
    watch.end("")


class Watch:
    """Watches the files of a run's processes in a thread.

    Args:
        folder: Folder of the files.
        ranks: The processes.

    Attributes:
        stopped_this: Whether the thread has sent a signal to end this process.
    """

    def __init__(self, folder: Path, ranks: Ranks) -> None:
        self._folder, self._ranks = folder, ranks
        self._file: TextIO | None = None
        self._over = threading.Event()
        self.stopped_this = False

    def start(self) -> None:
        """Locks this process's file, waits for the other processes, and starts the thread."""
        path = self._path(self._ranks.index)
        self._folder.mkdir(exist_ok=True)
        self._file = path.open("w")
        # If files cannot be locked, a lost process is noticed only by one that waits for it.
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._write({"pid": os.getpid(), "host": platform.node()})
        self._ranks.gather(None)
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def end(self, reason: str) -> None:
        """Stops the thread and records that this process ends.

        Args:
            reason: Reason for the end; "" if the process has finished its work.
        """
        self._over.set()
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                if reason:
                    self._write({"pid": os.getpid(), "host": platform.node(), "ended": reason})
                else:
                    self._path(self._ranks.index).unlink(missing_ok=True)
                    self._folder.rmdir()  # succeeds only in the last process
            self._file.close()

    def lost(self, wait: float = 0.0) -> ProcessError | None:
        """Returns an error that describes a lost process; None if no process is lost.

        Args:
            wait: Seconds to wait for one, because a connection can break before the lock is released.
        """
        deadline = time.monotonic() + wait
        while True:
            gone = {index: facts for index in range(self._ranks.count) if (facts := self._gone(index)) is not None}
            killed = {index: facts for index, facts in gone.items() if "ended" not in facts}
            failed = {index: facts for index, facts in gone.items() if facts.get("ended")}
            if killed or failed:
                break
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.05)
        index, facts = next(iter((killed or failed).items()))
        who = f"process {index} of {self._ranks.count} (pid {facts.get('pid')} on {facts.get('host')})"
        if not killed:
            # The process has reported the reason, but perhaps on another machine, so the first process repeats it.
            return ProcessError(f"{who} has ended: {facts['ended']}", facts["ended"], not self._ranks.is_first)
        speaks = min(set(range(self._ranks.count)) - killed.keys()) == self._ranks.index
        return ProcessError(
            f"{who} is gone: it was killed, or its machine was. The others end too; what is finished and the last "
            "checkpoint are kept: run the same command again, with any number of processes",
            is_said=not speaks,
        )

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            if self.lost() is None:
                continue
            if self._over.wait(_GRACE / 2):
                return  # the main thread has noticed the loss
            self.stopped_this = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            if self._over.wait(_GRACE / 2):
                return
            error = self.lost()  # the main thread is in a call that a signal does not interrupt
            if error is not None and not error.is_said:
                say(f"error: {error}")
            sys.stderr.flush()
            os._exit(ProcessError.exit_code)

    def _gone(self, index: int) -> dict[str, Any] | None:
        """Returns the content of a lost process's file; None if the process is running or the file cannot be read."""
        if index == self._ranks.index:
            return None
        try:
            with self._path(index).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                facts = json.loads(file.read())
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def _path(self, index: int) -> Path:
        return self._folder / f"{index}.json"

    def _write(self, facts: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.write(json.dumps(facts))
        self._file.truncate()
        self._file.flush()
