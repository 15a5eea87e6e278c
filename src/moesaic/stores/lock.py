"""The lock of a workspace in an object store: an object that its owner rewrites every few seconds.

A store cannot tell whether the process that wrote an object still runs. The owner of a lock therefore rewrites it
regularly, and a process that finds the lock of another machine watches whether it changes. The clocks of the machines
are not compared.
"""

from __future__ import annotations

import contextlib
import json
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from moesaic.errors import BusyError, StoreError
from moesaic.progress import say
from moesaic.stores.objects import ObjectStore
from moesaic.workspace import is_alive, owner_facts, owner_title, parse_owner

KEY: Final = "lock.json"

BEAT_SECONDS: Final = 15.0
"""Seconds between two writes of a lock by its owner."""

STALE_SECONDS: Final = 120.0
"""Seconds without a change after which the owner of a lock is taken to be dead."""

SETTLE_SECONDS: Final = 2.0
"""Seconds between taking a lock over and checking whether another process did so at the same time."""


class StoreLock:
    """A lock that excludes the runs of all other machines.

    Args:
        store: The place of the workspace.

    Attributes:
        lost_to: A description of the run that has taken the lock over; "" as long as this process has not lost it.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._facts = owner_facts() | {"place": _place(), "token": secrets.token_hex(8)}
        self._beats = 0
        self._over = threading.Event()
        self.lost_to = ""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the runs of other machines out while the block runs.

        Raises:
            BusyError: Another run is in the workspace; the message says which.
            StoreError: The store refuses access or cannot be reached.
        """
        self._acquire()
        thread = threading.Thread(target=self._beat, name="lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            with contextlib.suppress(StoreError):  # an error of the block matters more than a lock that remains
                if self._is_own(self._store.read(KEY)):
                    self._store.remove([KEY])

    def check(self) -> None:
        """Checks that the workspace still belongs to this run.

        Raises:
            BusyError: Another run has taken the workspace over.
        """
        if self.lost_to:
            raise BusyError(
                f"{self._store.url} was taken over by {self.lost_to}, since this run was not heard of for "
                f"{STALE_SECONDS:.0f} s: it ends here; what it has done lies in this machine's folder"
            )

    def _acquire(self) -> None:
        while not self._store.create(KEY, self._text()):
            found = self._store.read(KEY)
            if found is None:
                continue  # its owner has just removed it
            owner = parse_owner(found.decode("utf-8", "replace"))
            if owner is not None and owner.get("place") == self._facts["place"]:
                if is_alive(owner["pid"]):
                    raise self._busy(owner)
            elif self._changes(found, owner):
                continue
            title = "a run of another machine" if owner is None else owner_title(owner)
            say(f"note: {title} did not end normally; taking {self._store.url} over")
            self._store.write(KEY, self._text())
            time.sleep(SETTLE_SECONDS)
            now = self._store.read(KEY)
            if self._is_own(now):
                return
            raise self._busy(None if now is None else parse_owner(now.decode("utf-8", "replace")))

    def _changes(self, found: bytes, owner: dict[str, Any] | None) -> bool:
        """Watches another machine's lock for ``STALE_SECONDS``.

        Returns:
            True if the lock was removed, False if it did not change.

        Raises:
            BusyError: The lock changed, so its owner still runs.
        """
        title = "another machine" if owner is None else owner_title(owner)
        say(
            f"note: {title} has a lock on {self._store.url}: waiting up to {STALE_SECONDS:.0f} s for a sign that "
            "it is still running"
        )
        deadline = time.monotonic() + STALE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(min(1.0, BEAT_SECONDS / 4))
            now = self._store.read(KEY)
            if now is None:
                return True
            if now != found:
                raise self._busy(parse_owner(now.decode("utf-8", "replace")))
        return False

    def _busy(self, owner: dict[str, Any] | None) -> BusyError:
        who = "" if owner is None else f" ({owner_title(owner)})"
        return BusyError(
            f"another run{who} works in {self._store.url}: wait until it ends, stop it, or give this one another place "
            "(output or name)"
        )

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(StoreError):  # a store that cannot be reached now may be reached by the next beat
                now = self._store.read(KEY)
                if now is not None and not self._is_own(now):
                    owner = parse_owner(now.decode("utf-8", "replace"))
                    self.lost_to = "another run" if owner is None else owner_title(owner)
                    return
                self._beats += 1
                self._store.write(KEY, self._text())

    def _text(self) -> bytes:
        return json.dumps(self._facts | {"beat": self._beats}).encode()

    def _is_own(self, text: bytes | None) -> bool:
        owner = None if text is None else parse_owner(text.decode("utf-8", "replace"))
        return owner is not None and owner.get("token") == self._facts["token"]


def _place() -> str:
    """Identifies where this process's pids are valid: this boot of the machine and this container."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()
