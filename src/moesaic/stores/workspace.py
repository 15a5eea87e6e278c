"""A workspace in an object store: a local folder in which the work is done, and its copy in the store.

    s3://bucket/prefix/<recipe>/
        experts/python/...            a finished stage with its files; manifest.json is written last
        .partial/experts/java/...     a snapshot of a stage that is being made (``snapshots``)
        lock.json                     which run works there (``lock``)
        recipe.yaml, report.html, model/..., results.json

A stage is finished if it has a manifest in the store. A stage is uploaded before it gets its final name in the local
folder. It is fetched when it is asked for and the local folder lacks it or has another version of it. Every fetched
file must have the SHA-256 that the manifest states.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from moesaic.errors import CheckpointError
from moesaic.files import file_digest, parse_json
from moesaic.progress import Bar, say
from moesaic.stores.lock import StoreLock
from moesaic.stores.objects import ObjectStore, StoreUrl
from moesaic.stores.snapshots import Snapshots
from moesaic.workspace import (
    MANIFEST,
    Stage,
    Workspace,
    check_manifest,
    partial_folder,
    put_in_place,
    whole_manifest,
)

_MEGABYTE = 10**6


def open_workspace(root: Path, url: StoreUrl | None) -> Workspace:
    """Returns a workspace in a folder or in an object store.

    Args:
        root: The folder; not used if ``url`` is given.
        url: The place in an object store, or None for a workspace in a folder.

    Raises:
        DependencyError: The package for the store is not installed.
        RecipeError: The folder cannot be made.
        StoreError: The bucket does not exist, access is refused, or the store cannot be reached.
    """
    return Workspace(root) if url is None else StoredWorkspace(url)


class StoredWorkspace(Workspace):
    """A workspace whose stages are kept in an object store.

    Args:
        url: The place of the workspace.

    Attributes:
        root: The local folder of this machine.

    Raises:
        DependencyError: The package for the store is not installed.
        StoreError: The bucket does not exist, access is refused, or the store cannot be reached.
    """

    def __init__(self, url: StoreUrl) -> None:
        self.store = ObjectStore(url)
        self._lock: StoreLock | None = None
        super().__init__(url.working_folder)

    def manifest(self, name: str) -> dict[str, Any] | None:
        """Returns a finished stage's manifest, and fetches the stage's files if this machine lacks them.

        Returns:
            The manifest, or None if the stage is not finished.

        Raises:
            CheckpointError: The files in the store are not those that the manifest lists.
            StoreError: The store refuses access or cannot be reached.
        """
        return super().manifest(name) if self._fetch(name) else None

    def recorded(self, name: str) -> dict[str, Any] | None:
        """Does the same as ``manifest``, because a stage in the store is always complete."""
        return self.manifest(name)

    def forget(self, name: str) -> None:
        """Makes a finished stage count as unfinished, on all machines."""
        self.store.remove([f"{name}/{MANIFEST}"])
        super().forget(name)

    def share(self, names: Sequence[str]) -> None:
        """Uploads files and folders that belong to no stage.

        Args:
            names: Their names in the workspace. The last one is removed first and uploaded last: if it is in the
                store, so are the others.

        Raises:
            BusyError: Another run has taken the workspace over.
            StoreError: The store refuses access or cannot be reached.
        """
        self._check_lock()
        self.store.remove(names[-1:])
        for name in names:
            if (self.root / name).is_dir():
                self._replace(self.root / name, name)
            else:
                self.store.upload(self.root / name, name)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other runs out of the workspace, on this machine and on others, while the block runs.

        Raises:
            BusyError: Another run is in the workspace; the message says which.
            StoreError: The store refuses access or cannot be reached.
        """
        self._lock = StoreLock(self.store)
        try:
            with super().lock(), self._lock.held():
                yield
        finally:
            self._lock = None

    @contextlib.contextmanager
    def stage(self, name: str, digest: str, *, seed: int | None = None, resumable: bool = True) -> Iterator[Stage]:
        """Makes a stage and continues from where any machine has left it; see ``Workspace.stage``.

        Raises:
            BusyError: Another run has taken the workspace over.
            StoreError: The store refuses access or cannot be reached. The files stay in the local folder, and the next
                run uploads them.
        """
        self._check_lock()
        snapshots = Snapshots(self.store, name, partial_folder(self.path(name)), digest)
        if resumable:
            snapshots.fetch()
        with super().stage(name, digest, seed=seed, resumable=resumable) as stage, snapshots.taken():
            yield stage

    def part(self, name: str, part: str, digest: str) -> Snapshots:
        """Returns the snapshots of a part of a stage, which a task makes in a folder of its own.

        Args:
            name: Name of the stage.
            part: Name of the part.
            digest: Digest of everything that the stage depends on.
        """
        folder = self.root / f".{name}.parts" / f"{part}.{digest[:16]}"
        return Snapshots(self.store, f"{name}.parts/{part}", folder, digest)

    def _publish(self, name: str) -> None:
        """Uploads a complete partial folder and moves it to its final place."""
        self._check_lock()
        partial, key = partial_folder(self.path(name)), f"{name}/{MANIFEST}"
        text = (partial / MANIFEST).read_bytes()
        if self.store.read(key) != text:  # equal if an earlier run was killed right after the upload
            self.store.remove([key])
            self._replace(partial, name, json.loads(text)["files"])
            self.store.write(key, text)
        super()._publish(name)
        Snapshots(self.store, name, partial, "").remove()

    def _replace(self, folder: Path, name: str, files: Mapping[str, int] | None = None) -> None:
        """Uploads the files of a folder, and removes all other objects below its name in the store."""
        if files is None:
            paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
            files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
        with _shown(f"uploading {name}", sum(files.values())) as advance:
            for file, size in files.items():
                self.store.upload(folder / file, f"{name}/{file}")
                advance(size)
        self.store.remove(set(self.store.keys(name)) - {f"{name}/{file}" for file in files})

    def _fetch(self, name: str) -> bool:
        """Makes the local copy of a stage equal to the stored one, and returns whether the store has the stage."""
        key, final = f"{name}/{MANIFEST}", self.path(name)
        text = self.store.read(key)
        if text is None:
            return False
        if _is_here(final, text):
            return True
        with self._alone():
            if _is_here(final, text):  # another task of this machine was faster
                return True
            files, digests = read_listed(text, f"{self.store.url}/{key}")
            fetched = final.with_name(f".{final.name}.fetched")
            shutil.rmtree(fetched, ignore_errors=True)
            with _shown(f"fetching {name}", sum(files.values())) as advance:
                for file, size in files.items():
                    target = fetched / file
                    found = self.store.download(f"{name}/{file}", target)
                    if not found or file_digest(target) != digests.get(file):
                        shutil.rmtree(fetched, ignore_errors=True)
                        raise CheckpointError(
                            f"{self.store.url}/{name}/{file} {'holds other bytes' if found else 'is missing'}, "
                            f"which is not what its manifest says: it was damaged, or is being replaced; remove "
                            f"{self.store.url}/{key} to have the stage made again"
                        )
                    advance(size)
            fetched.mkdir(parents=True, exist_ok=True)
            (fetched / MANIFEST).write_bytes(text)
            put_in_place(fetched, final)
        say(f"{name}: fetched from {self.store.url} ({len(files):,} files, {sum(files.values()) / _MEGABYTE:,.1f} MB)")
        return True

    def _check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevents other processes of this machine from fetching at the same time."""
        with (self.root / ".fetching").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_here(folder: Path, text: bytes) -> bool:
    path = folder / MANIFEST
    return path.is_file() and path.read_bytes() == text and whole_manifest(folder) is not None


def read_listed(text: bytes, where: str) -> tuple[dict[str, int], dict[str, str]]:
    """Returns the sizes in bytes and the SHA-256 digests of the files that a manifest lists.

    Args:
        text: The bytes of the manifest.
        where: Where they are stored, for the message of an error.

    Raises:
        CheckpointError: The text is not a manifest.
    """
    manifest: Any = None
    with contextlib.suppress(ValueError):
        manifest = parse_json(text)
    manifest = check_manifest(manifest, where)
    return manifest["files"], manifest.get("sha256", {})


@contextlib.contextmanager
def _shown(title: str, total_bytes: int) -> Iterator[Any]:
    """Shows a progress bar for a transfer of at least 100 MB."""
    if total_bytes < 100 * _MEGABYTE:
        yield lambda _: None
        return
    with Bar(title, total_bytes // _MEGABYTE, "MB") as bar:
        yield lambda size: bar.advance(size // _MEGABYTE)
