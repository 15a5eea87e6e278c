"""Uploads snapshots of a stage while it runs, so that another machine can continue it.

    .partial/experts/python/<SHA-256>       a file of the stage, named by the digest of its bytes
    .partial/experts/python/snapshot.json   the list of the files, written after all of them were uploaded

A snapshot contains exactly the files that the folder had at one moment, as if the process had been killed then. To make
sure of that, the folder is listed before and after the files are copied, and both lists have to agree. The previous
snapshot stays complete until the next one is; then the objects that only the previous one named are removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from moesaic.errors import CheckpointError, MoesaicError
from moesaic.files import file_digest, link_or_copy, parse_json
from moesaic.progress import say
from moesaic.stores.objects import ObjectStore
from moesaic.workspace import is_inner

LOOK_SECONDS: Final = 2.0
"""Seconds between two checks of the folder. A file that is new or replaced, such as a checkpoint, is uploaded then."""

GROWN_SECONDS: Final = 60.0
"""Seconds between two uploads of files that were only appended to."""

_LISTING: Final = "snapshot.json"
_TRIES: Final = 5

_State = dict[str, tuple[int, int, int]]
"""Name of a file -> its inode, its size in bytes, and the time of its last change in nanoseconds."""


class Snapshots:
    """Uploads and fetches the snapshots of one partial folder.

    Args:
        store: The place of the workspace.
        name: Name of the stage, or of a part of the stage that a task of its own makes.
        folder: The partial folder.
        digest: Digest of everything that the stage depends on. Snapshots with another digest are not used.

    Attributes:
        folder: The partial folder.
    """

    def __init__(self, store: ObjectStore, name: str, folder: Path, digest: str) -> None:
        self._store, self._name, self.folder, self._digest = store, name, folder, digest
        self._area = f".partial/{name}"
        self._note = folder.with_name(f".{folder.name.strip('.')}.snapshot")
        self._state: _State = {}
        self._digests: dict[tuple[int, int, int], str] = {}
        self._stored: dict[str, Any] | None = None
        self._when = 0.0

    def fetch(self) -> bool:
        """Replaces the folder by the last snapshot if another machine made it, and returns whether it did so.

        If this machine made the last snapshot, its own folder is at least as new, and is kept.

        Raises:
            SpaceError: The disk is full.
            StoreError: The store refuses access or cannot be reached.
        """
        listing = self._listing()
        if listing is None or (self.folder.exists() and self._noted() == listing["id"]):
            return False
        fetched = self.folder.with_name(f".{self.folder.name.strip('.')}.fetched")
        shutil.rmtree(fetched, ignore_errors=True)
        try:
            self._download(listing, fetched)
        except CheckpointError as error:
            say(f"note: {error}; {self._name} continues without it")
            shutil.rmtree(fetched, ignore_errors=True)
            return False
        shutil.rmtree(self.folder, ignore_errors=True)
        fetched.rename(self.folder)
        self._note.write_text(listing["id"])
        say(f"{self._name}: continuing from the snapshot that {listing['host']} uploaded at {listing['taken']}")
        return True

    def collect(self, folder: Path) -> None:
        """Adds the files of the last snapshot to another folder.

        Raises:
            CheckpointError: There is no snapshot, or it is incomplete.
            SpaceError: The disk is full.
            StoreError: The store refuses access or cannot be reached.
        """
        listing = self._listing()
        if listing is None:
            raise CheckpointError(f"there is no snapshot of {self._name} in {self._store.url}: run the stage again")
        self._download(listing, folder)

    def take(self) -> bool:
        """Uploads the folder as it is now.

        Returns:
            False if nothing was uploaded: the folder has not changed, or changes too fast to be copied consistently.

        Raises:
            StoreError: The store refuses access or cannot be reached.
        """
        shadow = self.folder.with_name(f".{self.folder.name.strip('.')}.shadow")
        state = self._copy(shadow)
        if state is None or state == self._state:
            shutil.rmtree(shadow, ignore_errors=True)
            return False
        known = set() if self._stored is None else set(self._stored["files"].values())
        files: dict[str, str] = {}
        for name, facts in state.items():
            path = shadow / name
            digest = self._digests.get(facts) or file_digest(path)
            self._digests[facts] = files[name] = digest
            if digest not in known:
                self._store.upload(path, f"{self._area}/{digest}")
                known.add(digest)
        shutil.rmtree(shadow, ignore_errors=True)
        listing = {
            "id": secrets.token_hex(8),
            "digest": self._digest,
            "host": platform.node(),
            "taken": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
            "files": files,
        }
        self._note.write_text(str(listing["id"]))
        self._store.write(f"{self._area}/{_LISTING}", json.dumps(listing).encode())
        self._stored, self._state, self._when = listing, state, time.monotonic()
        self._digests = {facts: self._digests[facts] for facts in state.values()}
        self._store.remove(f"{self._area}/{digest}" for digest in known - set(files.values()))
        return True

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Takes snapshots while the block runs, and one more if the block ends with an error."""
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), name="snapshots", daemon=True)
        self._stored = self._listing()
        thread.start()
        try:
            yield
        except BaseException:
            over.set()
            thread.join()
            self._try()
            raise
        finally:
            over.set()
            thread.join()

    def remove(self) -> None:
        """Removes the snapshot of a stage that is finished."""
        self._note.unlink(missing_ok=True)
        keys = self._store.keys(self._area)
        self._store.remove(sorted(keys, key=lambda key: not key.endswith(_LISTING)))

    def _download(self, listing: dict[str, Any], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, digest in listing["files"].items():
            target = folder / name
            if not self._store.download(f"{self._area}/{digest}", target) or file_digest(target) != digest:
                raise CheckpointError(f"the snapshot of {self._name} in {self._store.url} is incomplete: {name}")

    def _watch(self, over: threading.Event) -> None:
        failed = False
        while not over.wait(LOOK_SECONDS):
            now = self._look()
            replaced = any(self._state.get(name, (0,))[0] != facts[0] for name, facts in now.items())
            if replaced or (now != self._state and time.monotonic() - self._when > GROWN_SECONDS):
                failed = not self._try(is_said=failed) and not over.wait(GROWN_SECONDS / 4)

    def _try(self, is_said: bool = False) -> bool:
        """Takes a snapshot and returns whether that worked; the stage continues if it did not."""
        try:
            self.take()
        except (MoesaicError, OSError) as error:
            if not is_said:
                say(f"note: {self._name}: no snapshot was uploaded; it is tried again: {error}")
            return False
        return True

    def _look(self) -> _State:
        """Lists the files of the folder, without those that are still being written under a temporary name."""
        found: _State = {}
        for root, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    path = Path(root) / name
                    if not (name.startswith(".") and name.endswith(".partial")):
                        facts = path.stat()
                        found[path.relative_to(self.folder).as_posix()] = (
                            facts.st_ino,
                            facts.st_size,
                            facts.st_mtime_ns,
                        )
        return dict(sorted(found.items()))

    def _copy(self, shadow: Path) -> _State | None:
        """Copies all files as they are at one moment; returns None if they changed during each attempt."""
        for _ in range(_TRIES):
            shutil.rmtree(shadow, ignore_errors=True)
            shadow.mkdir(parents=True)
            before = self._look()
            try:
                for name in before:
                    (shadow / name).parent.mkdir(parents=True, exist_ok=True)
                    # Files of tensors are large and only ever replaced, so a hard link is enough. Other files may be
                    # appended to during the upload.
                    copy = link_or_copy if name.endswith(".safetensors") else shutil.copyfile
                    copy(self.folder / name, shadow / name)
            except FileNotFoundError:
                continue
            if before == self._look():
                return before
        return None

    def _listing(self) -> dict[str, Any] | None:
        """Returns the list of the last snapshot if it is valid and has this stage's digest, else None."""
        text = self._store.read(f"{self._area}/{_LISTING}")
        if text is None:
            return None
        with contextlib.suppress(ValueError):
            listing = parse_json(text)
            if (
                isinstance(listing, dict)
                and listing.get("digest") == self._digest
                and isinstance(files := listing.get("files"), dict)
                and all(is_inner(name) for name in files)
                and all(re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in files.values())
                and all(isinstance(listing.get(key), str) for key in ("id", "host", "taken"))
            ):
                return listing
        return None

    def _noted(self) -> str:
        with contextlib.suppress(OSError):
            return self._note.read_text()
        return ""
