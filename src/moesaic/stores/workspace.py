"""A workspace in an object store: a local folder in which the work is done, and its copy in the store.

    s3://bucket/prefix/<recipe>/
        experts/python/...            a finished stage, its files under their names; manifest.json is written last
        .partial/experts/java/...     a snapshot of a stage that is being made (``snapshots``)
        lock.json                     who works there (``lock``)
        recipe.yaml, report.html, model/..., results.json

What is finished is what has a manifest in the store: a stage is uploaded before it gets its final name here, and is
fetched when it is asked for and is missing here, or is another one here. Every file that is fetched has to have the
SHA-256 that the manifest says.
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
    """Returns a workspace in a folder, or in an object store.

    Args:
        root: The folder.
        url: The place in the store; None where there is none.

    Raises:
        DependencyError: The package for the store is not installed.
        RecipeError: The folder cannot be made.
        StoreError: There is no such bucket, access is refused, or the store cannot be reached.
    """
    return Workspace(root) if url is None else StoredWorkspace(url)


class StoredWorkspace(Workspace):
    """A workspace whose stages are kept in an object store.

    Args:
        url: The workspace's place.

    Attributes:
        root: The folder of this machine.

    Raises:
        DependencyError: The package for the store is not installed.
        StoreError: There is no such bucket, access is refused, or the store cannot be reached.
    """

    def __init__(self, url: StoreUrl) -> None:
        self.store = ObjectStore(url)
        self._lock: StoreLock | None = None
        super().__init__(url.working_folder)

    def manifest(self, name: str) -> dict[str, Any] | None:
        """Returns a finished stage's manifest, and fetches its files if they are not here; None if it is not finished.

        Raises:
            CheckpointError: What is in the store is not what its manifest says.
            StoreError: The store refuses, or cannot be reached.
        """
        return super().manifest(name) if self._fetch(name) else None

    def recorded(self, name: str) -> dict[str, Any] | None:
        """As ``manifest``: what is in the store is whole."""
        return self.manifest(name)

    def forget(self, name: str) -> None:
        """Makes a stage that was finished count as one that was not, on all machines."""
        self.store.remove([f"{name}/{MANIFEST}"])
        super().forget(name)

    def share(self, names: Sequence[str]) -> None:
        """Uploads files and folders that belong to no stage; the last one says that the others are there.

        Raises:
            StoreError: The store refuses, or cannot be reached.
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
            BusyError: Another run is in it; the message says which.
            StoreError: The store refuses, or cannot be reached.
        """
        self._lock = StoreLock(self.store)
        try:
            with super().lock(), self._lock.held():
                yield
        finally:
            self._lock = None

    @contextlib.contextmanager
    def stage(self, name: str, digest: str, *, seed: int | None = None, resumable: bool = True) -> Iterator[Stage]:
        """Makes a stage, from where any machine has left it; see ``Workspace.stage``.

        Raises:
            BusyError: Another run has taken the workspace over.
            StoreError: The store refuses, or cannot be reached; what was made stays here, and the next run uploads it.
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
            name: The stage's.
            part: The part's.
            digest: Of what the stage is made from.
        """
        folder = self.root / f".{name}.parts" / f"{part}.{digest[:16]}"
        return Snapshots(self.store, f"{name}.parts/{part}", folder, digest)

    def _publish(self, name: str) -> None:
        """Uploads a whole partial folder and puts it in its final place."""
        self._check_lock()
        partial, key = partial_folder(self.path(name)), f"{name}/{MANIFEST}"
        text = (partial / MANIFEST).read_bytes()
        if self.store.read(key) != text:  # it may have been killed just after
            self.store.remove([key])
            self._replace(partial, name, json.loads(text)["files"])
            self.store.write(key, text)
        super()._publish(name)
        Snapshots(self.store, name, partial, "").remove()

    def _replace(self, folder: Path, name: str, files: Mapping[str, int] | None = None) -> None:
        """Uploads the files of a folder, and removes others that are below its name in the store."""
        if files is None:
            paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
            files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
        with _shown(f"uploading {name}", sum(files.values())) as advance:
            for file, size in files.items():
                self.store.upload(folder / file, f"{name}/{file}")
                advance(size)
        self.store.remove(set(self.store.keys(name)) - {f"{name}/{file}" for file in files})

    def _fetch(self, name: str) -> bool:
        """Makes sure that a stage is here as it is in the store; says whether it is there."""
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
        """Keeps other processes of this machine from fetching at the same time."""
        with (self.root / ".fetching").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_here(folder: Path, text: bytes) -> bool:
    path = folder / MANIFEST
    return path.is_file() and path.read_bytes() == text and whole_manifest(folder) is not None


def read_listed(text: bytes, where: str) -> tuple[dict[str, int], dict[str, str]]:
    """Returns sizes and SHA-256 of the files that a manifest names.

    Raises:
        CheckpointError: It is none.
    """
    manifest: Any = None
    with contextlib.suppress(ValueError):
        manifest = parse_json(text)
    manifest = check_manifest(manifest, where)
    return manifest["files"], manifest.get("sha256", {})


@contextlib.contextmanager
def _shown(title: str, total_bytes: int) -> Iterator[Any]:
    """A bar for what takes a while."""
    if total_bytes < 100 * _MEGABYTE:
        yield lambda _: None
        return
    with Bar(title, total_bytes // _MEGABYTE, "MB") as bar:
        yield lambda size: bar.advance(size // _MEGABYTE)
