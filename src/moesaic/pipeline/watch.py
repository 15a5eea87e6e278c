"""Notices when another process of a run is lost, and says which one.

Each process holds a lock on a file of its own in the workspace. The operating system lets go of it when the process
ends, however that happens, and on whatever machine; one that ends in an orderly way says so in the file before. A
process that is gone is noticed where another one waits for it, or within seconds by a thread that looks at the files,
whatever the backend of the GPUs makes of it.
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

_EVERY: Final = 0.5  # seconds between two looks
_GRACE: Final = 10.0  # seconds for a process that was told to unwind


@contextlib.contextmanager
def watching(root: Path, ranks: Ranks) -> Iterator[None]:
    """Ends this process soon after another one of the run was lost.

    Args:
        root: The workspace.
        ranks: The processes; of one alone nothing is watched.

    Raises:
        ProcessError: Another process is gone; the message names it.
    """
    if ranks.is_first:
        shutil.rmtree(root / FOLDER, ignore_errors=True)  # of a run whose end nobody saw
    if ranks.count == 1:
        yield
        return
    watch = Watch(root / FOLDER, ranks)
    try:
        ranks.first()
        watch.start()
        yield
        ranks.gather(None)  # none leaves before all are done
    except BaseException as error:  # a signal too: torchrun stops the others as soon as one is gone
        reason = str(error).strip() or type(error).__name__
        watch.end(reason)
        if isinstance(error, MoesaicError):
            # What all of them find at the same time, a loss that is not finite, is said by the first.
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
    """The files of a run's processes, and a thread that looks at them.

    Args:
        folder: Where the files are.
        ranks: The processes.
    """

    def __init__(self, folder: Path, ranks: Ranks) -> None:
        self._folder, self._ranks = folder, ranks
        self._file: TextIO | None = None
        self._over = threading.Event()
        self.stopped_this = False

    def start(self) -> None:
        """Takes this process's file, waits for the others, and starts to look."""
        path = self._path(self._ranks.index)
        self._folder.mkdir(exist_ok=True)
        self._file = path.open("w")
        with contextlib.suppress(OSError):  # where files cannot be locked, only what waits for a process misses it
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._write({"pid": os.getpid(), "host": platform.node()})
        self._ranks.gather(None)
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def end(self, reason: str) -> None:
        """Says that this process ends, and why; "" if it is done."""
        self._over.set()
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                if reason:
                    self._write({"pid": os.getpid(), "host": platform.node(), "ended": reason})
                else:
                    self._path(self._ranks.index).unlink(missing_ok=True)
                    self._folder.rmdir()  # the last one can
            self._file.close()

    def lost(self, wait: float = 0.0) -> ProcessError | None:
        """Returns what became of a process that is gone, if there is one.

        Args:
            wait: Seconds to wait for one: a connection may break before a lock does.
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
            # It has said why; the first process repeats it, since it may have said it on another machine.
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
                return  # the main thread has noticed
            self.stopped_this = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            if self._over.wait(_GRACE / 2):
                return
            error = self.lost()  # the main thread is in a call that nothing interrupts
            if error is not None and not error.is_said:
                say(f"error: {error}")
            sys.stderr.flush()
            os._exit(ProcessError.exit_code)

    def _gone(self, index: int) -> dict[str, Any] | None:
        """What the file of a process that is not there any more says; None if it is there, or cannot be asked."""
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
