"""Files: read and written so that a reader finds the old one or the whole new one, never a part."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from moesaic.errors import CheckpointError, DataError, SpaceError


def digest_of(value: Any) -> str:
    """Returns the SHA-256 of a JSON-serialisable value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Writes JSON so that a reader finds the old file or the whole new one, never a part.

    A number that is not finite becomes null: JSON has no other word for it, and other programs read these files.

    Raises:
        SpaceError: The disk is full.
    """
    temporary = path.with_name(f".{path.name}.partial")
    with space_errors(path):
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(_finite(value), file, indent=2, ensure_ascii=False, allow_nan=False)
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
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); bring it back, or make it again") from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


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


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Links a file that never changes; copies where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


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


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields each object of a JSON Lines file, gzipped or not, with the number of its line.

    Raises:
        DataError: The file cannot be read, or a line is not a JSON object.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise DataError(f"{path}:{number}: not JSON: {error}") from None
                except RecursionError:
                    raise DataError(f"{path}:{number}: not JSON that can be read: nested too deeply") from None
                if not isinstance(record, dict):
                    raise DataError(f"{path}:{number}: a JSON object is needed, found {type(record).__name__}")
                yield number, record
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON Lines under a temporary name and renames.

    Raises:
        SpaceError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with space_errors(path):
        with partial.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        partial.replace(path)
