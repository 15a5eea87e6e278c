"""Writes sharded safetensors checkpoints in bounded memory; a stopped writer continues at the next shard.

The shapes and types of all tensors are known before the first byte is written. Therefore the header of a shard is
written first, and the data is streamed behind it: the kernel copies unchanged tensors (``copy_file_range``), and
tensors that are computed are written a few megabytes of rows at a time. No tensor needs to fit into memory. Meanwhile,
a second thread flushes the written data to the disk.

    .OUT.partial/plan                                 digest of inputs and outputs; if it differs, writing starts anew
    .OUT.partial/model-00001-of-00006.safetensors     a finished shard, which a resumed run skips
    .OUT.partial/.model-00002-of-....partial          the shard that was being written
    OUT/                                              appears by rename, with the index, when it is complete
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic.checkpoint.streaming import SINGLE, TensorReader, TensorSpec, drop_cache
from moesaic.errors import ModelError
from moesaic.files import digest_of, require_space, space_errors, write_json
from moesaic.model.stored import INDEX
from moesaic.progress import Bar

if TYPE_CHECKING:
    from torch import Tensor

SHARD_BYTES: Final = 1_000_000_000
FLUSH_BYTES: Final = 128 * 2**20
"""Number of bytes after which written data is flushed, so that the disk does not idle until the end of a shard."""

_PLAN = "plan"


class Sink:
    """The part of an open shard that a step writes its outputs to.

    The pieces of an output have to be written in order; the outputs themselves can be written in any order.

    Args:
        descriptor: File descriptor of the shard.
        positions: Where each output begins in the file, in bytes.
        ends: Where each output ends in the file, in bytes.
    """

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
        """Copies a stored tensor unchanged to an output."""
        reader.copy(name, self._descriptor, self._positions[output])
        self._positions[output] += reader.spec(name).num_bytes

    def check(self) -> None:
        """Asserts that every output is complete."""
        assert self._positions == self._ends, "a step wrote less than it announced"


@dataclass(frozen=True, slots=True)
class Step:
    """A unit of work, which reads its input once and writes all outputs that are made from it.

    Attributes:
        outputs: The tensors that the step writes, all to the same shard.
        run: Writes the outputs to a sink.
    """

    outputs: tuple[TensorSpec, ...]
    run: Callable[[Sink], None]


class TensorWriter:
    """Writes a sharded checkpoint, which appears complete or not at all. A killed writer resumes at the next shard.

    Args:
        folder: The final folder of the checkpoint. It must not exist, or be empty.
        steps: All steps, in the order of the tensors.
        inputs: A JSON-serialisable value that identifies all inputs (files with size and time, options). A partial
            folder that was made from other inputs is removed.
        shard_bytes: Largest size of a shard in bytes, except if a single step is larger.
        stem: Beginning of the shards' names. Give another stem than ``model`` if files of that name are added later.

    Raises:
        ModelError: ``folder`` exists and is not empty.
    """

    def __init__(
        self, folder: Path, steps: Sequence[Step], inputs: Any, shard_bytes: int = SHARD_BYTES, stem: str = "model"
    ) -> None:
        self.folder, self._stem = folder, stem
        self.partial = folder.absolute().with_name(f".{folder.absolute().name}.partial")
        self.shards = _plan_shards(steps, shard_bytes)
        outputs = [(spec.name, spec.dtype, spec.shape) for step in steps for spec in step.outputs]
        self._digest = digest_of([inputs, outputs, len(self.shards)])
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"{folder} exists already: give another folder, or remove it")

    @property
    def num_bytes(self) -> int:
        """Size of all outputs in bytes."""
        return sum(spec.num_bytes for shard in self.shards for step in shard for spec in step.outputs)

    def write(self, companion_bytes: int = 0) -> None:
        """Writes the shards that do not exist yet.

        Args:
            companion_bytes: Size of the files that ``publish`` will add, for which there has to be space, too.

        Raises:
            SpaceError: The disk has too little space at the start or later; finished shards are kept.
        """
        with space_errors(self.folder):
            if not (self.partial / _PLAN).is_file() or (self.partial / _PLAN).read_text() != self._digest:
                shutil.rmtree(self.partial, ignore_errors=True)
                self.partial.mkdir(parents=True)
                (self.partial / _PLAN).write_text(self._digest)
            todo = [number for number in range(len(self.shards)) if not self.path(number).is_file()]
            sizes = {n: sum(spec.num_bytes for step in self.shards[n] for spec in step.outputs) for n in todo}
            require_space(self.partial, sum(sizes.values()) + companion_bytes + 2**24, f"writing {self.folder}")
            title = f"writing {self.folder.name}"
            with Bar(title, sum(sizes.values()) / 1e6, "MB") as bar, ThreadPoolExecutor(1) as flusher:
                flushes: list[Future[None]] = []
                for number in todo:
                    self._write_shard(number, bar, lambda *task: flushes.append(flusher.submit(*task)))
                    for flush in [flush for flush in flushes if flush.done()]:
                        flush.result()
                for flush in flushes:
                    flush.result()

    def path(self, number: int) -> Path:
        """Returns the path of a shard in the partial folder."""
        return self.partial / self._name(number)

    def publish(self, finish: Callable[[Path], None]) -> None:
        """Writes the index, lets ``finish`` add the other files, and gives the folder its final name.

        Args:
            finish: Gets the partial folder and writes all other files to it, the configuration last.

        Raises:
            SpaceError: The disk is full.
        """
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
        if len(self.shards) == 1 and self._stem == "model":
            return SINGLE
        return f"{self._stem}-{number + 1:05d}-of-{len(self.shards):05d}.safetensors"

    def _write_shard(self, number: int, bar: Bar, flush: Callable[..., None]) -> None:
        """Writes one shard, while another thread flushes it to the disk and finally gives it its name."""
        path = self.path(number)
        temporary = path.with_name(f".{path.name}.partial")
        specs = [spec for step in self.shards[number] for spec in step.outputs]
        header, position = _header(specs)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        flushed = 0
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
                if position - flushed > FLUSH_BYTES:
                    flush(os.fdatasync, descriptor)
                    flushed = position
        except BaseException:
            flush(os.close, descriptor)
            raise
        flush(_finish, descriptor, temporary, path)


def _finish(descriptor: int, temporary: Path, path: Path) -> None:
    try:
        os.fsync(descriptor)
        drop_cache(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)


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
    """Returns the beginning of a shard (length and header) and the position of its data, which is a multiple of 8."""
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
