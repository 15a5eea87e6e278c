"""Reading and writing sharded safetensors checkpoints in bounded memory.

A safetensors file is an 8-byte length, a JSON header (name -> dtype, shape, byte range) and the tensors' bytes, one
after another. Shapes and types of everything that will be written are known before the first byte, so a shard's header
goes first and the data is streamed behind it: unchanged tensors by the kernel (``copy_file_range``), computed ones a
few megabytes of rows at a time. No tensor needs to be whole in memory. What was read or written is dropped from the
page cache, which would otherwise push out what others need.

    .OUT.partial/plan                           digest of what goes in; another plan starts anew
    .OUT.partial/model-00001-of-00006.safetensors     finished shards: a resumed run skips them
    .OUT.partial/.model-00002-of-....partial    the shard that was being written
    OUT/                                        appears by rename, with the index, when everything is there

Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from moesaic.artifacts import digest_of, require_space, space_errors, write_json
from moesaic.errors import CheckpointError, ModelError
from moesaic.progress import Bar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
SHARD_BYTES: Final = 1_000_000_000
CHUNK_BYTES: Final = 8 * 2**20
"""Rows are read, computed and written in pieces of about this size."""

_DTYPES: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_MAX_HEADER_BYTES = 100_000_000
_PLAN = "plan"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, safetensors type (``BF16``, ``F32``, ...) and shape of a stored tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Size of the data."""
        return math.prod(self.shape) * _DTYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class _Place:
    file: Path
    start: int
    spec: TensorSpec


def torch_dtype(name: str) -> torch.dtype:
    """Returns torch's type for a safetensors type name."""
    import torch

    names = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32"}
    names |= {"I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}
    found: torch.dtype = getattr(torch, names[name])
    return found


def read_header(file: Path) -> tuple[dict[str, tuple[int, TensorSpec]], dict[str, str]]:
    """Reads a safetensors header and checks it against the file's size.

    Returns:
        Name -> (position of the data in the file, spec), and the file's metadata.

    Raises:
        CheckpointError: The file is no safetensors file, truncated, or holds a type this program does not know.
    """
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            prefix = stream.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
            if length > min(size - 8, _MAX_HEADER_BYTES):
                raise CheckpointError(f"{file} is no whole safetensors file: download or write it again")
            header: dict[str, Any] = json.loads(stream.read(length))
            metadata = header.pop("__metadata__", {})
            places = {}
            end = 8 + length
            for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
                spec = TensorSpec(name, entry["dtype"], tuple(entry["shape"]))
                start, stop = entry["data_offsets"]
                if spec.dtype not in _DTYPES:
                    raise CheckpointError(f"{file}: {name} has type {spec.dtype}; known are {', '.join(_DTYPES)}")
                if (8 + length + start, stop - start) != (end, spec.num_bytes):
                    raise CheckpointError(f"{file}: the byte range of {name} does not fit its shape; write it again")
                places[name] = (end, spec)
                end += spec.num_bytes
    except FileNotFoundError:
        raise CheckpointError(f"{file} is missing: copy the checkpoint again, whole") from None
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise CheckpointError(f"{file} has a corrupt safetensors header ({error}): write it again") from error
    if end != size:
        raise CheckpointError(f"{file} has {size:,} bytes instead of {end:,}: it is truncated; copy or write it again")
    return places, metadata


class TensorReader:
    """A checkpoint's tensors by name, read piece by piece; a context manager that closes its files.

    Args:
        source: A safetensors file, or a folder with one, or with shards and their index.

    Raises:
        ModelError: There is no safetensors checkpoint.
        CheckpointError: A shard is missing or corrupt, or does not hold what the index says.
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
        """Names in the order of the files."""
        return list(self._places)

    @property
    def num_bytes(self) -> int:
        """Size of all tensors."""
        return sum(place.spec.num_bytes for place in self._places.values())

    def close(self) -> None:
        """Closes the files."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def spec(self, name: str) -> TensorSpec:
        """Returns type and shape of a tensor.

        Raises:
            CheckpointError: There is no tensor of that name.
        """
        return self._place(name).spec

    def read(self, name: str) -> Tensor:
        """Reads a whole tensor."""
        import torch

        place = self._place(name)
        if place.spec.num_bytes == 0:
            return torch.empty(place.spec.shape, dtype=torch_dtype(place.spec.dtype))
        return self._tensor(place, place.start, place.spec.num_bytes).view(place.spec.shape)

    def read_slice(self, name: str, first: int, rows: int) -> Tensor:
        """Reads ``rows`` rows of a tensor, or what is left of it after the first of them."""
        place = self._place(name)
        num_rows, *rest = place.spec.shape
        row_bytes = place.spec.num_bytes // num_rows
        rows = min(rows, num_rows - first)
        return self._tensor(place, place.start + first * row_bytes, rows * row_bytes).view(rows, *rest)

    def read_rows(self, name: str, rows: int) -> Iterator[Tensor]:
        """Yields a tensor ``rows`` rows at a time; each piece is a tensor of its own."""
        for first in range(0, self.spec(name).shape[0], rows):
            yield self.read_slice(name, first, rows)

    def copy(self, name: str, target: int, position: int) -> None:
        """Copies a tensor's bytes into an open file at a position, inside the kernel where it can."""
        place = self._place(name)
        _copy_range(self._descriptor(place.file), target, place.start, position, place.spec.num_bytes)

    def release(self) -> None:
        """Tells the kernel that what was read is not needed again, so that it does not push out other pages."""
        for descriptor in self._descriptors.values():
            _drop_cache(descriptor)

    def _place(self, name: str) -> _Place:
        if name not in self._places:
            raise CheckpointError(f"{self.source} lacks the tensor {name}: it is another architecture or incomplete")
        return self._places[name]

    def _descriptor(self, file: Path) -> int:
        if file not in self._descriptors:
            self._descriptors[file] = os.open(file, os.O_RDONLY)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._descriptors[file], 0, 0, os.POSIX_FADV_SEQUENTIAL)
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


class Sink:
    """Where a step puts its outputs: one open shard. Pieces of one output arrive in order, outputs in any."""

    def __init__(self, descriptor: int, positions: Sequence[int], ends: Sequence[int]) -> None:
        self._descriptor = descriptor
        self._positions = list(positions)
        self._ends = list(ends)

    def write(self, output: int, piece: Tensor) -> None:
        """Appends rows to an output."""
        import torch

        data = piece.contiguous().view(torch.uint8).flatten().numpy().data
        assert self._positions[output] + len(data) <= self._ends[output]
        done = 0
        while done < len(data):
            done += os.pwrite(self._descriptor, data[done:], self._positions[output] + done)
        self._positions[output] += len(data)

    def copy(self, output: int, reader: TensorReader, name: str) -> None:
        """Copies a stored tensor as it is."""
        reader.copy(name, self._descriptor, self._positions[output])
        self._positions[output] += reader.spec(name).num_bytes

    def check(self) -> None:
        """Makes sure that every output is complete."""
        assert self._positions == self._ends, "a step wrote less than it announced"


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of the work: input that is read once, and all the outputs made from it.

    Attributes:
        outputs: What it makes; they stay in one shard.
        run: Writes the outputs into a sink.
    """

    outputs: tuple[TensorSpec, ...]
    run: Callable[[Sink], None]


class TensorWriter:
    """Writes a sharded checkpoint that appears under its name whole or not at all, and resumes by shard.

    Args:
        folder: The checkpoint's final folder; must not exist, or be an empty folder.
        steps: All the work, in the order of the tensors.
        inputs: Anything that identifies what goes in (files with size and time, options); a partial folder made from
            other inputs is started anew.
        shard_bytes: Largest shard, except for a single step that is larger.

    Raises:
        ModelError: ``folder`` holds something already.
    """

    def __init__(self, folder: Path, steps: Sequence[Step], inputs: Any, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder = folder
        self.partial = folder.absolute().with_name(f".{folder.absolute().name}.partial")
        self.shards = _plan_shards(steps, shard_bytes)
        outputs = [(spec.name, spec.dtype, spec.shape) for step in steps for spec in step.outputs]
        self._digest = digest_of([inputs, outputs, len(self.shards)])
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"{folder} exists already: give another folder, or remove it")

    @property
    def num_bytes(self) -> int:
        """Size of all outputs."""
        return sum(spec.num_bytes for shard in self.shards for step in shard for spec in step.outputs)

    def write(self) -> None:
        """Writes the shards that are not there yet.

        Raises:
            SpaceError: The disk has too little space, or fills up meanwhile; finished shards are kept.
        """
        with space_errors(self.folder):
            if not (self.partial / _PLAN).is_file() or (self.partial / _PLAN).read_text() != self._digest:
                shutil.rmtree(self.partial, ignore_errors=True)
                self.partial.mkdir(parents=True)
                (self.partial / _PLAN).write_text(self._digest)
            todo = [number for number in range(len(self.shards)) if not self.path(number).is_file()]
            sizes = {n: sum(spec.num_bytes for step in self.shards[n] for spec in step.outputs) for n in todo}
            require_space(self.partial, sum(sizes.values()) + 2**24, f"writing {self.folder}")
            with Bar(f"writing {self.folder.name}", sum(sizes.values()) / 1e6, "MB") as bar:
                for number in todo:
                    self._write_shard(number, bar)

    def path(self, number: int) -> Path:
        """Returns a shard's place in the partial folder."""
        return self.partial / self._name(number)

    def publish(self, finish: Callable[[Path], None]) -> None:
        """Writes the index, lets ``finish`` add the other files (configuration last), and renames the folder."""
        with space_errors(self.folder):
            if len(self.shards) > 1:
                names = {s.name: self._name(n) for n, shard in enumerate(self.shards) for t in shard for s in t.outputs}
                index = {"metadata": {"total_size": self.num_bytes}, "weight_map": dict(sorted(names.items()))}
                write_json(self.partial / INDEX, index)
            finish(self.partial)
            (self.partial / _PLAN).unlink()
            if self.folder.exists():
                self.folder.rmdir()
            self.partial.rename(self.folder)

    def _name(self, number: int) -> str:
        if len(self.shards) == 1:
            return SINGLE
        return f"model-{number + 1:05d}-of-{len(self.shards):05d}.safetensors"

    def _write_shard(self, number: int, bar: Bar) -> None:
        path = self.path(number)
        temporary = path.with_name(f".{path.name}.partial")
        specs = [spec for step in self.shards[number] for spec in step.outputs]
        header, position = _header(specs)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.pwrite(descriptor, header, 0)
            for step in self.shards[number]:
                starts, ends = [], []
                for spec in step.outputs:
                    starts.append(position)
                    position += spec.num_bytes
                    ends.append(position)
                sink = Sink(descriptor, starts, ends)
                step.run(sink)
                sink.check()
                bar.advance(sum(spec.num_bytes for spec in step.outputs) / 1e6)
            os.fsync(descriptor)
            _drop_cache(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)


def file_facts(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Returns path, size and time of change of each file: enough to tell whether a partial result still fits."""
    return [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _checkpoint_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if (source / INDEX).is_file():
        try:
            names = sorted(set(json.loads((source / INDEX).read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise CheckpointError(f"{source / INDEX} cannot be read ({error}): copy the checkpoint again") from error
        return [source / name for name in names]
    if (source / SINGLE).is_file():
        return [source / SINGLE]
    raise ModelError(f"{source} holds no safetensors checkpoint ({SINGLE} or {INDEX}); other formats are not read")


def _plan_shards(steps: Sequence[Step], shard_bytes: int) -> list[list[Step]]:
    shards: list[list[Step]] = []
    size = 0
    for step in steps:
        step_bytes = sum(spec.num_bytes for spec in step.outputs)
        if not shards or size + step_bytes > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(step)
        size += step_bytes
    return shards


def _header(specs: Sequence[TensorSpec]) -> tuple[bytes, int]:
    """Returns a shard's length and header, and the position of its data (a multiple of 8)."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for spec in specs:
        entries[spec.name] = {
            "dtype": spec.dtype,
            "shape": list(spec.shape),
            "data_offsets": [offset, offset + spec.num_bytes],
        }
        offset += spec.num_bytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, 8 + len(text)


def _copy_range(source: int, target: int, start: int, position: int, size: int) -> None:
    """Copies bytes between open files: in the kernel, or through memory where that is impossible."""
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


def _drop_cache(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
