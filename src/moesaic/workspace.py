"""Workspaces: one folder per stage, which appears by rename with a manifest when it is complete.

    runs/<recipe>/
        experts/.python.partial/     being made; kept after a kill, so that the stage can resume
        experts/python/              finished: all its files and manifest.json

A stage counts as finished if its manifest exists and has the digest of the stage's inputs (recipe sections, manifests
of other stages). The manifest is written last, and the folder is renamed after that. A kill at any moment therefore
leaves the old result, the new one, or a partial folder that does not count as finished. A kill between the manifest and
the rename loses nothing, because the next access to the stage publishes the complete folder.

Only one run at a time works in a workspace. It holds a lock (``flock``, which ends with the process that holds it) on a
file that names its process. Reading needs no lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from moesaic.errors import BusyError, CheckpointError, RecipeError
from moesaic.files import digest_of, file_digest, read_json, space_errors, write_json
from moesaic.progress import say

MANIFEST = "manifest.json"
LOCK = ".lock"
MARK = ".digest"
_PACKAGES = ("moesaic", "torch", "transformers", "peft", "accelerate", "tree-sitter", "sacrebleu", "numpy")


class Stage:
    """A stage that is being made, whose files are written below ``folder``.

    Attributes:
        folder: The folder to write to, which gets its final name on success.
        resumed: Whether an earlier attempt with the same digest was killed and left its files in the folder.
        notes: Further entries for the manifest.
    """

    def __init__(self, folder: Path, resumed: bool) -> None:
        self.folder = folder
        self.resumed = resumed
        self.notes: dict[str, Any] = {}


class Workspace:
    """The folder of one recipe's run.

    Args:
        root: The folder, which is made if it is missing.

    Raises:
        RecipeError: The folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            with space_errors(root):
                root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError([f"output: cannot make the folder {root} ({error.strerror}); name another"]) from error

    def path(self, name: str) -> Path:
        """Returns the folder of a stage, which exists if the stage is finished."""
        return self.root / name

    def manifest(self, name: str) -> dict[str, Any] | None:
        """Returns the manifest of a finished stage, or None if the stage is not finished or lacks a file."""
        return whole_manifest(self.path(name))

    def recorded(self, name: str) -> dict[str, Any] | None:
        """Returns the manifest of a stage that was finished once, even if it lacks files; None if there is none."""
        return _read_manifest(self.path(name))

    def came_without_weights(self, name: str) -> bool:
        """Returns whether a stage was finished but has none of its weights, because it was copied without them."""
        weights = [file for file in (self.recorded(name) or {}).get("files", ()) if file.endswith(".safetensors")]
        return bool(weights) and not any((self.path(name) / file).exists() for file in weights)

    def is_done(self, name: str, digest: str) -> bool:
        """Returns whether the stage is finished, complete, and made from inputs with this digest.

        If the run was killed after it wrote the manifest and before the rename, the folder is now renamed.
        """
        if _made_from(partial_folder(self.path(name)), digest):
            self._publish(name)
        return self._is_from(name, digest)

    def matches(self, name: str, digest: str) -> bool:
        """Returns the same as ``is_done``, but changes nothing."""
        return self._is_from(name, digest) or _made_from(partial_folder(self.path(name)), digest)

    def _is_from(self, name: str, digest: str) -> bool:
        manifest = self.manifest(name)
        return manifest is not None and manifest.get("digest") == digest

    def forget(self, name: str) -> None:
        """Makes a finished stage count as unfinished. Its files stay until it is made again."""
        (self.path(name) / MANIFEST).unlink(missing_ok=True)

    def share(self, names: Sequence[str]) -> None:
        """Publishes files and folders that belong to no stage. There is nothing to do for a workspace in a folder.

        Args:
            names: Their names in the workspace. The last one is published last: if it exists, so do the others.
        """

    def verify(self, name: str) -> None:
        """Compares the SHA-256 of each file with the manifest of the stage, because sizes do not show a flipped bit.

        Raises:
            CheckpointError: The stage is not finished, a file differs, or the manifest has no digests.
        """
        folder, manifest = self.path(name), self.manifest(name)
        if manifest is None:
            raise self._unfinished(name)
        known = manifest.get("sha256")
        if known is None:
            raise CheckpointError(
                f"{folder} was made by an earlier moesaic, which did not note what its files hold: delete it and run "
                "the recipe again"
            )
        for file in manifest["files"]:
            if file_digest(folder / file) != known.get(file):
                raise CheckpointError(
                    f"{folder / file} does not hold the bytes that the stage {name} wrote (its SHA-256 is another): it "
                    f"was damaged or changed; delete {folder} and run the recipe again to make it anew"
                )

    def output_digest(self, name: str) -> str:
        """Returns a digest of a finished stage's files, on which the digests of later stages depend.

        The files themselves may be missing, so that predictions can be judged without the weights that made them.

        Raises:
            CheckpointError: The stage was never finished.
        """
        manifest = self.recorded(name)
        if manifest is None:
            raise self._unfinished(name)
        return str(manifest["output_digest"])

    def _unfinished(self, name: str) -> CheckpointError:
        return CheckpointError(f"stage {name!r} is not finished in {self.root}: run it first (moesaic run RECIPE)")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other runs out of the workspace while the block runs.

        Raises:
            BusyError: Another run is in the workspace; the message says which.
        """
        path = self.root / LOCK
        with _locked(path):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def stage(self, name: str, digest: str, *, seed: int | None = None, resumable: bool = True) -> Iterator[Stage]:
        """Makes a stage in a partial folder, which gets a manifest and its final name if the block ends without error.

        Args:
            name: Name of the stage, which may contain a slash (``experts/python``).
            digest: Digest of everything that the stage depends on.
            seed: Seed to store in the manifest.
            resumable: Whether to keep an earlier partial folder with the same digest; otherwise the folder is empty.

        Raises:
            SpaceError: The disk is full. The partial folder stays, and the finished stage does not change.
        """
        final = self.path(name)
        partial = partial_folder(final)
        mark = partial / MARK
        resumed = resumable and mark.exists() and mark.read_text() == digest
        with space_errors(partial):
            if not resumed:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                mark.write_text(digest)
            (partial / MANIFEST).unlink(missing_ok=True)
            stage, started = Stage(partial, resumed), time.monotonic()
            yield stage
            write_json(partial / MANIFEST, self._describe(stage, digest, seed, time.monotonic() - started))
            self._publish(name)

    def _publish(self, name: str) -> None:
        """Moves a complete partial folder to its final place."""
        put_in_place(partial_folder(self.path(name)), self.path(name))

    def _describe(self, stage: Stage, digest: str, seed: int | None, seconds: float) -> dict[str, Any]:
        partial = stage.folder
        own = {partial / MANIFEST, partial / MARK}
        files = sorted(path for path in partial.rglob("*") if path.is_file() and path not in own)
        digests = {str(path.relative_to(partial)): file_digest(path) for path in files}
        return {
            **stage.notes,
            "digest": digest,
            "output_digest": digest_of(digests),
            "files": {str(path.relative_to(partial)): path.stat().st_size for path in files},
            "sha256": digests,
            "seed": seed,
            "seconds": round(seconds, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": versions(),
            "hardware": hardware(),
        }


def _locked(path: Path) -> TextIO:
    """Returns the lock file, open and locked, with this process as its owner."""
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            owner = _read_owner(path)
            if owner is None or owner["host"] != platform.node() or is_alive(owner["pid"]):
                who = "" if owner is None else f" ({owner_title(owner)})"
                raise BusyError(
                    f"another run{who} works in {path.parent}: wait until it ends, stop it, or give this one another "
                    "place (output or name)"
                ) from None
            say(f"note: {owner_title(owner)} is gone, and a process that it started still holds {path}: taking over")
            path.unlink(missing_ok=True)
            continue
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise
            say(f"note: files cannot be locked in {path.parent} ({error.strerror}): start one run at a time")
        if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            file.close()  # its last owner removed the file after it was opened and before it was locked
            continue
        if (owner := _read_owner(path)) is not None:
            far = "" if owner["host"] == platform.node() else ", if it no longer runs there"
            say(f"note: {owner_title(owner)} did not end normally; taking over{far}")
        file.truncate(0)
        file.write(json.dumps(owner_facts()))
        file.flush()
        return file


def _read_owner(path: Path) -> dict[str, Any] | None:
    """Returns the owner that a lock file names; None if it does not name one (yet)."""
    with contextlib.suppress(OSError, ValueError):
        return parse_owner(path.read_text())
    return None


def owner_facts() -> dict[str, Any]:
    """Returns the description of this process that is written to a lock."""
    return {"pid": os.getpid(), "host": platform.node(), "started": time.strftime("%Y-%m-%d %H:%M:%S %Z")}


def parse_owner(text: str) -> dict[str, Any] | None:
    """Returns the owner that a lock names (``pid``, ``host``, ``started``); None if it does not name one (yet)."""
    with contextlib.suppress(ValueError):
        owner = json.loads(text)
        if isinstance(owner, dict) and isinstance(owner.get("pid"), int) and {"host", "started"} <= owner.keys():
            return owner
    return None


def owner_title(owner: dict[str, Any]) -> str:
    """Returns the owner of a lock in words."""
    return f"process {owner['pid']} on {owner['host']}, started {owner['started']}"


def is_alive(pid: int) -> bool:
    """Returns whether a process of this machine exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def partial_folder(final: Path) -> Path:
    """Returns the folder in which a stage is made until it gets its final name."""
    return final.with_name(f".{final.name}.partial")


def whole_manifest(folder: Path) -> dict[str, Any] | None:
    """Returns the manifest in a folder; None if there is none, or if a file that it lists is missing or incomplete."""
    manifest = _read_manifest(folder)
    if manifest is None:
        return None
    files = manifest["files"].items()
    whole = all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in files)
    return manifest if whole else None


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / MANIFEST
    if not path.exists():
        return None
    return check_manifest(read_json(path), path)


def check_manifest(manifest: Any, where: object) -> dict[str, Any]:
    """Returns a value if it is a valid manifest.

    Args:
        manifest: Any value.
        where: Where it was read, for the message of an error.

    Raises:
        CheckpointError: The value is not a manifest, or it lists files outside its folder.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "digest": (str,), "output_digest": (str,), "files": (dict,), "sha256": (dict,), "seconds": (int, float),
        "inputs": (dict,), "versions": (dict,), "hardware": (dict,),
    }  # fmt: skip
    is_one = isinstance(manifest, dict) and {"digest", "output_digest", "files", "seconds"} <= manifest.keys()
    if is_one and all(isinstance(manifest[key], kind) for key, kind in kinds.items() if key in manifest):
        sizes, digests = manifest["files"], manifest.get("sha256", {})
        if all(map(is_inner, sizes)) and all(type(n) is int for n in sizes.values()) and digests.keys() <= sizes.keys():
            return dict(manifest)
    raise CheckpointError(f"{where} is not a manifest: delete it and run the stage again")


def is_inner(name: str) -> bool:
    """Returns whether a relative path from an untrusted list stays within the folder that it is joined to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not {"\0", "\\"} & set(name)


def _made_from(folder: Path, digest: str) -> bool:
    manifest = whole_manifest(folder)
    return manifest is not None and manifest.get("digest") == digest


def put_in_place(partial: Path, final: Path) -> None:
    """Renames a complete folder to its final name and removes an earlier folder of that name."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    partial.rename(final)
    (final / MARK).unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def hardware() -> dict[str, Any]:
    """Returns the processor, the number of cores and, if torch is loaded and finds one, the GPU."""
    facts: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(0)
        facts["gpu_memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    return facts
