"""Reads safetensors checkpoints piece by piece, in bounded memory; ``sharding`` writes them.

A safetensors file consists of an 8-byte length, a JSON header (name -> dtype, shape, byte range) and the bytes of the
tensors, one after the other. Only the headers are kept in memory. Tensors are read as a whole or by rows, or the kernel
copies them into another file. Pages that were read are dropped from the page cache, so that they do not displace pages
that other processes use.

Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, StrictInt, StrictStr, TypeAdapter, ValidationError

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import parse_json
from moesaic.model.stored import INDEX, weight_files

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SINGLE: Final = "model.safetensors"
CHUNK_BYTES: Final = 8 * 2**20
"""Bytes that are copied at a time if the kernel cannot copy from file to file."""


DTYPE_BYTES: Final = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
_MAX_HEADER_BYTES = 100_000_000


class _Entry(BaseModel):
    dtype: StrictStr
    shape: Annotated[list[Annotated[StrictInt, Field(ge=0, le=2**40)]], Field(max_length=8)]
    data_offsets: tuple[Annotated[StrictInt, Field(ge=0, le=2**60)], Annotated[StrictInt, Field(ge=0, le=2**60)]]


_HEADER = TypeAdapter(dict[str, _Entry])


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A stored tensor's name, type as safetensors calls it (``BF16``, ``F32``, ...), and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Size of the data in bytes."""
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class _Place:
    file: Path
    start: int
    spec: TensorSpec


def torch_dtype(name: str) -> torch.dtype:
    """Returns the torch type for the name of a safetensors type."""
    import torch

    names = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32"}
    names |= {"I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}
    found: torch.dtype = getattr(torch, names[name])
    return found


def read_header(file: Path) -> tuple[dict[str, tuple[int, TensorSpec]], dict[str, str]]:
    """Reads the header of a safetensors file and compares it with the size of the file.

    Returns:
        A mapping of names to positions of the data in the file and specs, and the metadata of the file.

    Raises:
        CheckpointError: The file is missing, truncated, not a safetensors file, or has a tensor of an unknown type.
    """
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            prefix = stream.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
            if length > min(size - 8, _MAX_HEADER_BYTES):
                raise CheckpointError(f"{file} is not a complete safetensors file: download or write it again")
            header = parse_json(stream.read(length))
            metadata = header.pop("__metadata__", None) or {} if isinstance(header, dict) else {}
            entries = _HEADER.validate_python(header)
            places = {}
            end = 8 + length
            for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
                spec = TensorSpec(name, entry.dtype, tuple(entry.shape))
                start, stop = entry.data_offsets
                if spec.dtype not in DTYPE_BYTES:
                    raise CheckpointError(
                        f"{file}: {name:.120} has type {spec.dtype:.40}; known are {', '.join(DTYPE_BYTES)} (others "
                        "are those of quantised weights: take the checkpoint that they were made from)"
                    )
                if (8 + length + start, stop - start) != (end, spec.num_bytes):
                    raise CheckpointError(
                        f"{file}: the byte range of {name:.120} does not fit its shape; write it again"
                    )
                places[name] = (end, spec)
                end += spec.num_bytes
    except FileNotFoundError:
        raise CheckpointError(f"{file} is missing: copy the checkpoint again, whole") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise CheckpointError(
            f"{file} has a corrupt safetensors header ({where:.120}: {problem['msg']}): write it again"
        ) from error
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{file} has a corrupt safetensors header ({error}): write it again") from error
    if end != size:
        raise CheckpointError(f"{file} has {size:,} bytes instead of {end:,}: it is truncated; copy or write it again")
    return places, {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


class TensorReader:
    """Reads the tensors of a checkpoint by name, piece by piece. As a context manager, it closes its files at the end.

    Args:
        source: A safetensors file, a folder with one, or a folder with shards and their index.

    Raises:
        ModelError: There is no safetensors checkpoint.
        CheckpointError: A shard is missing or corrupt, or does not contain the tensors that the index lists.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.files = _checkpoint_files(source)
        self._places: dict[str, _Place] = {}
        for file in self.files:
            for name, (start, spec) in read_header(file)[0].items():
                self._places[name] = _Place(file, start, spec)
        self._descriptors: dict[Path, int] = {}

    def __enter__(self) -> TensorReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def names(self) -> list[str]:
        """Names of the tensors, in the order in which they are stored."""
        return list(self._places)

    @property
    def num_bytes(self) -> int:
        """Size of all tensors in bytes."""
        return sum(place.spec.num_bytes for place in self._places.values())

    def close(self) -> None:
        """Closes the files."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def spec(self, name: str) -> TensorSpec:
        """Returns the type and shape of a tensor.

        Raises:
            CheckpointError: There is no tensor with this name.
        """
        return self._place(name).spec

    def read(self, name: str) -> Tensor:
        """Reads a whole tensor.

        Raises:
            CheckpointError: There is no tensor with this name, or the file was truncated meanwhile.
        """
        import torch

        place = self._place(name)
        if place.spec.num_bytes == 0:
            return torch.empty(place.spec.shape, dtype=torch_dtype(place.spec.dtype))
        self._fetch(place)
        return self._tensor(place, place.start, place.spec.num_bytes).view(place.spec.shape)

    def read_slice(self, name: str, first: int, rows: int) -> Tensor:
        """Reads ``rows`` rows of a tensor from row ``first`` on, or fewer at the end of the tensor.

        Raises:
            CheckpointError: As for ``read``.
        """
        place = self._place(name)
        num_rows, *rest = place.spec.shape
        row_bytes = place.spec.num_bytes // num_rows
        rows = min(rows, num_rows - first)
        return self._tensor(place, place.start + first * row_bytes, rows * row_bytes).view(rows, *rest)

    def read_rows(self, name: str, rows: int) -> Iterator[Tensor]:
        """Yields a tensor in pieces of ``rows`` rows; the last piece may have fewer.

        Raises:
            CheckpointError: As for ``read``.
        """
        self._fetch(self._place(name))
        for first in range(0, self.spec(name).shape[0], rows):
            yield self.read_slice(name, first, rows)
        self._release(self._place(name))

    def copy(self, name: str, target: int, position: int) -> None:
        """Copies the bytes of a tensor into another file, in the kernel if possible.

        Args:
            name: The tensor.
            target: Descriptor of the other file.
            position: Where the bytes go in the other file.

        Raises:
            CheckpointError: As for ``read``.
        """
        place = self._place(name)
        self._fetch(place)
        _copy_range(self._descriptor(place.file), target, place.start, position, place.spec.num_bytes)
        self._release(place)

    def _fetch(self, place: _Place) -> None:
        """Asks the kernel to load a tensor, and nothing beyond it, into the page cache, from which it is then read."""
        if hasattr(os, "posix_fadvise"):
            descriptor = self._descriptor(place.file)
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, place.start, place.spec.num_bytes, os.POSIX_FADV_WILLNEED)

    def _release(self, place: _Place) -> None:
        drop_cache(self._descriptor(place.file), place.start, place.spec.num_bytes)

    def _place(self, name: str) -> _Place:
        if name not in self._places:
            raise CheckpointError(f"{self.source} lacks the tensor {name}: it is another architecture or incomplete")
        return self._places[name]

    def _descriptor(self, file: Path) -> int:
        if file not in self._descriptors:
            self._descriptors[file] = os.open(file, os.O_RDONLY)
            if hasattr(os, "posix_fadvise"):
                # Without this, the kernel reads ahead, by megabytes on some disks, and fetches unneeded tensors.
                with contextlib.suppress(OSError):
                    os.posix_fadvise(self._descriptors[file], 0, 0, os.POSIX_FADV_RANDOM)
        return self._descriptors[file]

    def _tensor(self, place: _Place, start: int, size: int) -> Tensor:
        import torch

        buffer = bytearray(size)
        done = 0
        while done < size:
            count = os.preadv(self._descriptor(place.file), [memoryview(buffer)[done:]], start + done)
            if count == 0:
                raise CheckpointError(f"{place.file} ended while {place.spec.name} was read: it was changed meanwhile")
            done += count
        return torch.frombuffer(buffer, dtype=torch_dtype(place.spec.dtype))


def file_facts(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Returns path, size and time of change of each file, which show whether a partial result is still valid."""
    return [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _checkpoint_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if (source / INDEX).is_file():
        return weight_files(source)
    if (source / SINGLE).is_file():
        return [source / SINGLE]
    raise ModelError(f"{source} holds no safetensors checkpoint ({SINGLE} or {INDEX}); other formats are not read")


def _copy_range(source: int, target: int, start: int, position: int, size: int) -> None:
    """Copies bytes between open files in the kernel, or through memory if that is not possible."""
    while size and hasattr(os, "copy_file_range"):
        try:
            count = os.copy_file_range(source, target, min(size, 2**30), start, position)
        except OSError as error:
            if error.errno in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                break
            raise
        if count == 0:
            break
        start, position, size = start + count, position + count, size - count
    while size:
        piece = os.pread(source, min(size, CHUNK_BYTES), start)
        if not piece:
            raise CheckpointError("a source file ended while it was copied: it was changed meanwhile")
        done = 0
        while done < len(piece):
            done += os.pwrite(target, memoryview(piece)[done:], position + done)
        start, position, size = start + len(piece), position + len(piece), size - len(piece)


def drop_cache(descriptor: int, start: int = 0, size: int = 0) -> None:
    """Tells the kernel that a range of a file, by default all of it, will not be read again."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)
