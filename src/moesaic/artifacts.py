"""Workspaces: a folder per stage, each published by rename with a manifest, or not there at all.

    runs/<recipe>/
        experts/.python.partial/     being made; kept after a kill, so that the stage can resume
        experts/python/              finished: all its files and manifest.json

A stage counts as finished when its manifest is there and carries the digest of what went into it (recipe sections,
input manifests). The manifest is written last and the folder renamed after that, so a kill at any moment leaves either
the old result, or the new one, or a partial folder that nothing takes for finished.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from moesaic.errors import CheckpointError, SpaceError

MANIFEST = "manifest.json"
_PACKAGES = ("moesaic", "torch", "transformers", "peft", "accelerate", "tree-sitter", "sacrebleu", "numpy")


def digest_of(value: Any) -> str:
    """Returns the SHA-256 of a JSON-serialisable value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader finds the old file or the whole new one, never a part.

    Raises:
        SpaceError: The disk is full.
    """
    temporary = path.with_name(f".{path.name}.partial")
    with space_errors(path):
        with temporary.open("w") as file:
            json.dump(value, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        CheckpointError: It is missing or not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); delete it and run the stage again") from error


@contextlib.contextmanager
def space_errors(path: Path) -> Iterator[None]:
    """Turns "no space left on device" into a SpaceError that names the folder.

    Writers in native code report the condition as text only, so the message is looked at as well.
    """
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "no space left" in str(error).lower():
            raise SpaceError(f"no space left on the device while writing {path}: free some and run again") from error
        raise


class Stage:
    """A stage that is being made: write its files below ``folder``.

    Attributes:
        folder: Where to write; renamed to its final name on success.
        resumed: True when an earlier, killed attempt with the same digest left its files here.
        notes: Facts to store in the manifest beside the standard ones.
    """

    def __init__(self, folder: Path, resumed: bool) -> None:
        self.folder = folder
        self.resumed = resumed
        self.notes: dict[str, Any] = {}


class Workspace:
    """The folder of one recipe's run.

    Args:
        root: Created when missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with space_errors(root):
            root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Returns the folder of a finished stage, whether or not it is there."""
        return self.root / name

    def manifest(self, name: str) -> dict[str, Any] | None:
        """Returns a finished stage's manifest, or None when it is not finished or a file is gone."""
        path = self.path(name) / MANIFEST
        if not path.exists():
            return None
        manifest: dict[str, Any] = read_json(path)
        complete = all(
            (self.path(name) / file).is_file() and (self.path(name) / file).stat().st_size == size
            for file, size in manifest.get("files", {}).items()
        )
        return manifest if complete else None

    def is_done(self, name: str, digest: str) -> bool:
        """True when the stage was finished from exactly these inputs and its files are whole."""
        manifest = self.manifest(name)
        return manifest is not None and manifest.get("digest") == digest

    def output_digest(self, name: str) -> str:
        """Returns a digest of a finished stage's files, for the stages built on it.

        Raises:
            CheckpointError: The stage is not finished.
        """
        manifest = self.manifest(name)
        if manifest is None:
            raise CheckpointError(f"stage {name!r} is not finished in {self.root}: run it first (moesaic run RECIPE)")
        return str(manifest["output_digest"])

    @contextlib.contextmanager
    def stage(self, name: str, digest: str, *, seed: int | None = None, resumable: bool = True) -> Iterator[Stage]:
        """Makes a stage: yields its partial folder, publishes it with a manifest when the block ends without error.

        Args:
            name: Stage name; may hold a slash (``experts/python``).
            digest: Digest of all that goes into it.
            seed: Seed to note in the manifest.
            resumable: Keep an earlier partial folder of the same digest; otherwise start empty.

        Raises:
            SpaceError: The disk is full; the partial folder stays, nothing is published.
        """
        final = self.path(name)
        partial = final.with_name(f".{final.name}.partial")
        mark = partial / ".digest"
        resumed = resumable and mark.exists() and mark.read_text() == digest
        with space_errors(partial):
            if not resumed:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                mark.write_text(digest)
            stage, started = Stage(partial, resumed), time.monotonic()
            yield stage
            mark.unlink()
            self._publish(stage, final, digest, seed, time.monotonic() - started)

    def _publish(self, stage: Stage, final: Path, digest: str, seed: int | None, seconds: float) -> None:
        partial = stage.folder
        files = sorted(path for path in partial.rglob("*") if path.is_file() and path.name != MANIFEST)
        digests = {str(path.relative_to(partial)): file_digest(path) for path in files}
        manifest = {
            "digest": digest,
            "output_digest": digest_of(digests),
            "files": {str(path.relative_to(partial)): path.stat().st_size for path in files},
            "seed": seed,
            "seconds": round(seconds, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "versions": versions(),
            "hardware": hardware(),
            **stage.notes,
        }
        write_json(partial / MANIFEST, manifest)
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        partial.rename(final)
        shutil.rmtree(old, ignore_errors=True)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def hardware() -> dict[str, Any]:
    """Returns processor, cores and, when torch is loaded and sees one, the GPU."""
    import sys

    facts: dict[str, Any] = {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(0)
        facts["gpu_memory_gib"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    return facts


def require_space(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Checks free space before the work starts.

    Raises:
        SpaceError: Less than ``needed_bytes`` are free.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise SpaceError(
            f"{purpose} needs {needed_bytes / 2**30:.1f} GiB in {existing}, free are {free / 2**30:.1f} GiB: "
            "free some space or choose another folder"
        )
