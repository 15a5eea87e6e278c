"""Reads files without trusting them, and writes files so that a reader finds either the old or the whole new one.

All files from outside are read with ``read_json``, ``read_json_lines`` or ``read_text``. These functions accept only
regular files and limit the size of files and lines, the number of lines and the depth of nesting. They refuse JSON that
other programs might read differently: a key that occurs twice, NaN, and numbers beyond the range of floats. Every error
has a message of one line.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import itertools
import json
import math
import os
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from moesaic.errors import CheckpointError, DataError, SpaceError

LARGEST_FILE: Final = 2**26
"""Largest size of a JSON or text document, in bytes. Tokenizers with the largest vocabularies have half of that."""

LONGEST_LINE: Final = 2**24
"""Largest length of a line of JSON Lines, in bytes."""

MOST_LINES: Final = 10**7
"""Largest number of lines in a file of JSON Lines."""

DEEPEST: Final = 100
"""Largest depth to which JSON objects and lists may be nested."""

_LONGEST_NUMBER: Final = 300  # digits: every such integer is within the range of floats
_UNPACKED: Final = 2**24  # bytes that a .gz may unpack to, whatever its size ...
_MOST_TIMES: Final = 100  # ... or this multiple of its size, if that is more; for programs it is five to twenty
_HANDED_OVER: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # the shell's pipes; others could block for ever


def cache_folder() -> Path:
    """Returns the folder for files that can be made or fetched again: ``$MOESAIC_CACHE``, else ``~/.cache/moesaic``."""
    return Path(os.environ.get("MOESAIC_CACHE") or Path.home() / ".cache" / "moesaic").expanduser()


def digest_of(value: Any) -> str:
    """Returns the SHA-256 of a JSON-serialisable value. It does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def text_digest(text: str) -> str:
    """Returns the SHA-256 of a text, which may contain lone surrogates."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a regular file's bytes."""
    with _open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_json(text: str | bytes) -> Any:
    """Parses JSON from outside.

    Args:
        text: The document, as text or as UTF-8, with or without a byte order mark.

    Raises:
        ValueError: The document is not UTF-8, is not JSON, or is nested deeper than ``DEEPEST``; or it contains
            something that programs read differently: a key twice in one object, NaN or Infinity, or a number beyond the
            range of floats.
    """
    try:
        text = _decode(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {DEEPEST}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise ValueError(f"{error.msg} at {place}") from None
    if text.count("[") + text.count("{") > DEEPEST:
        level = [value]
        for _ in range(DEEPEST):
            level = [
                child
                for item in level
                for child in (item.values() if isinstance(item, dict) else item)
                if isinstance(child, (dict, list))
            ]
            if not level:
                return value
        raise ValueError(f"nested deeper than {DEEPEST}")
    return value


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("UTF-16 text: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start} is 0x{data[error.start]:02x}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in found if names.count(name) > 1)!r:.60} occurs twice")
    return found


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text:.20} is beyond the range of floats")
    return value


def _int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"the number {text:.20}... has {len(text):,} digits, at most {_LONGEST_NUMBER} are read")
    return int(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON: write null")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant)


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        CheckpointError: The file is missing, is not a regular file, is larger than ``LARGEST_FILE``, or is not JSON
            that ``parse_json`` accepts.
    """
    try:
        return parse_json(_read(path))
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (ValueError, OSError) as error:
        raise CheckpointError(
            f"{path} cannot be read as JSON ({_reason(error)}); restore it, or make it again"
        ) from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Reads a JSON file that must contain an object.

    Raises:
        CheckpointError: As for ``read_json``, or the file contains another kind of value.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object, found {_kind(value)}; restore it, or make it again")
    return value


def at_fault(problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Describes which value of a file is wrong.

    Args:
        problem: An entry of ``ValidationError.errors()`` of pydantic.
        values: The values of the file.

    Returns:
        ``KEY is VALUE``, or ``a key is KEY`` if the key itself is wrong.
    """
    if not problem["loc"]:
        return f"a key is {problem['input']!r:.80}"
    key = str(problem["loc"][0])
    return f"{key} is {values.get(key)!r:.80}"


def read_text(path: Path) -> str:
    """Reads a UTF-8 text file, with or without a byte order mark. Line ends stay as they are.

    Raises:
        OSError: The file is missing, is not a regular file, or may not be read.
        ValueError: The file is larger than ``LARGEST_FILE`` or not UTF-8, or the path is not a possible name of a file.
    """
    return _decode(_read(path))


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the objects of a JSON Lines file, which may be gzipped. Blank lines are skipped.

    Yields:
        The number of the line, from 1, and the object.

    Raises:
        DataError: The file cannot be read or has more than ``MOST_LINES`` lines, a line is longer than ``LONGEST_LINE``
            or is not a JSON object that ``parse_json`` accepts, or a .gz unpacks to far more than programs do.
    """
    try:
        with _open(path) as file:
            for number, line in enumerate(_lines(path, file), 1):
                if not line.strip():
                    continue
                try:
                    record = parse_json(line.rstrip())
                except ValueError as error:
                    raise DataError(f"{path}:{number}: not JSON that can be read: {error}") from None
                if not isinstance(record, dict):
                    raise DataError(f"{path}:{number}: a JSON object is needed, found {_kind(record)}")
                yield number, record
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {_reason(error)}") from None


def _lines(path: Path, file: BufferedReader) -> Iterator[bytes]:
    packed = path.suffix == ".gz"
    most = max(_UNPACKED, _MOST_TIMES * os.fstat(file.fileno()).st_size)
    total = 0
    with gzip.GzipFile(fileobj=file) if packed else contextlib.nullcontext(file) as stream:
        for number in itertools.count(1):
            line = stream.readline(LONGEST_LINE + 1)
            total += len(line)
            if len(line) > LONGEST_LINE:
                raise DataError(f"{path}:{number}: longer than {LONGEST_LINE >> 20} MiB, the most that a line may have")
            if packed and total > most:
                raise DataError(f"{path}: unpacks to more than {most >> 20} MiB, {_MOST_TIMES} times its size")
            if number > MOST_LINES and line:
                raise DataError(f"{path}: more than {MOST_LINES:,} lines, the most that a file may have")
            if not line:
                return
            yield line


def _read(path: Path) -> bytes:
    with _open(path) as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE >> 20} MiB, the most that is read")
    return data


def _open(path: Path) -> BufferedReader:
    """Opens a file for reading; refuses devices and pipes, except those of the shell, because they could block."""
    handed_over = str(path).startswith(_HANDED_OVER)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if handed_over else os.O_NONBLOCK))
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or (handed_over and stat.S_ISFIFO(mode))):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device"
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, f"is {what}, a file is needed", str(path))
    return os.fdopen(descriptor, "rb")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the name of a temporary file to write, which replaces ``path`` when its bytes are on the disk.

    If the block fails, the temporary file is removed and ``path`` stays as it was.

    Raises:
        SpaceError: The disk is full.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with space_errors(path):
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text as UTF-8 and replaces an existing file. Lone surrogates become question marks.

    Raises:
        SpaceError: The disk is full.
    """
    with replacing(path) as partial:
        partial.write_bytes(text.encode("utf-8", "replace"))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file and replaces an existing one.

    Numbers that are not finite become null, because JSON cannot represent them and other programs read these files.

    Raises:
        SpaceError: The disk is full.
    """
    write_text(path, dump_json(value, indent=2) + "\n")


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON Lines and replaces an existing file. The folder is made if needed.

    Numbers that are not finite become null, as in ``write_json``.

    Raises:
        SpaceError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(dump_json(row) + "\n" for row in rows)


def dump_json(value: Any, indent: int | None = None) -> str:
    """Returns a value as JSON that can be encoded as UTF-8: lone surrogates become escapes, NaN and infinities null."""
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(_finite(value), indent=indent, allow_nan=False)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


@contextlib.contextmanager
def space_errors(path: Path) -> Iterator[None]:
    """Turns "no space left on device" into a ``SpaceError`` that names the path.

    Native code reports this condition only as text, so messages of exceptions are checked, too.
    """
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "no space left" in str(error).lower():
            raise SpaceError(f"no space left on the device while writing {path}: free some and run again") from error
        raise


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Makes a hard link to a file that never changes, or a copy if the file system cannot link it."""
    try:
        os.link(Path(source).resolve(), target)  # the hub's cache has symbolic links: link the file that they point to
    except OSError:
        shutil.copy2(source, target)


def require_space(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Checks the free space of a disk before the work starts.

    Args:
        folder: A folder on the disk, which need not exist yet.
        needed_bytes: The bytes that will be written.
        purpose: What they are needed for, which begins the message.

    Raises:
        SpaceError: Less than ``needed_bytes`` are free.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise SpaceError(
            f"{purpose} needs {needed_bytes / 2**30:.1f} GiB in {existing}, but only {free / 2**30:.1f} GiB are free: "
            "free some space or choose another folder"
        )
