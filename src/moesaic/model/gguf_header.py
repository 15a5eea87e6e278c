"""Checks the header of a .gguf file against the size of the file, before any other reader relies on it.

Readers of GGUF trust the counts and lengths in a header. A file of a kilobyte that claims to contain a list of 2**60
numbers makes them run, and fill the memory, without end. Therefore every length is compared with the rest of the file
first.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from moesaic.errors import CheckpointError

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9
_DEEPEST: Final = 4
_MOST_DIMENSIONS: Final = 4
_LONGEST_NAME: Final = 2**16
_BLOCK_COUNTS: Final = ("block_count", "attention.head_count", "attention.head_count_kv")
_MOST_BLOCKS: Final = 4096
"""Largest number of layers, and of heads in a layer: ten times those of the largest models."""


@dataclass
class GgufHeader:
    """The content of a header.

    Attributes:
        values: Key -> a number or a text; for a list, its length.
        shapes: Name of a tensor -> its dimensions, of which the first varies fastest.
    """

    values: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def check_gguf(file: Path) -> GgufHeader:
    """Reads and checks the header of a .gguf file.

    Raises:
        CheckpointError: The file is not GGUF, has another version, or is smaller than its header claims; or the header
            is not that of a language model, or contradicts itself.
    """
    try:
        with file.open("rb") as opened:
            if opened.read(4) != b"GGUF":
                raise ValueError("it does not begin with GGUF")
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).header()
    except (ValueError, struct.error, OSError) as error:
        raise CheckpointError(f"{file} cannot be read as GGUF ({error}): corrupt, or half-written; get it again") from (
            error
        )


class _Reader:
    """Reads a header from front to back, and never beyond the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._place = data, 4

    def header(self) -> GgufHeader:
        version = self._number("I")
        if version not in (2, 3):
            raise ValueError(f"version {version} is not known, only 2 and 3 are")
        num_tensors, num_values = self._count("Q", 24, "tensors"), self._count("Q", 13, "keys")
        found = GgufHeader()
        for _ in range(num_values):
            key = self._name()
            if key in found.values:
                raise ValueError(f"the key {key!r:.80} occurs twice")
            found.values[key] = self._value(self._number("I"))
        ends = [self._tensor(found) for _ in range(num_tensors)]
        alignment = found.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 2**16 or alignment % 8:
            raise ValueError(f"general.alignment is {alignment!r:.40}")
        start = -(-self._place // alignment) * alignment
        if ends and start + max(ends) > len(self._data):
            raise ValueError(f"tensors need {start + max(ends):,} bytes, the file has {len(self._data):,}")
        self._check_sizes(found)
        return found

    def _tensor(self, found: GgufHeader) -> int:
        """Reads the entry of a tensor; returns where its data ends, counted from the start of the first tensor."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        name, num_dimensions = self._name(), self._number("I")
        if name in found.shapes:
            raise ValueError(f"the tensor {name!r:.80} occurs twice")
        if not 0 < num_dimensions <= _MOST_DIMENSIONS:
            raise ValueError(f"the tensor {name!r:.80} has {num_dimensions:,} dimensions")
        shape = tuple(self._number("Q") for _ in range(num_dimensions))
        kind, offset = int(self._number("I")), int(self._number("Q"))
        found.shapes[name] = shape
        count = int(math.prod(shape))
        if not 0 < count < 2**48:
            raise ValueError(f"the tensor {name!r:.80} is {' x '.join(map(str, shape))}")
        block, size = map(int, GGML_QUANT_SIZES[GGMLQuantizationType(kind)])
        if shape[0] % block:
            raise ValueError(f"the tensor {name!r:.80} has rows of {shape[0]:,}, of its type they go by {block}")
        end: int = offset + count // block * size
        return end

    def _check_sizes(self, found: GgufHeader) -> None:
        """Refuses sizes that the tensors do not have, because readers allocate memory according to the keys."""
        prefix = found.values.get("general.architecture")
        if not isinstance(prefix, str) or "token_embd.weight" not in found.shapes:
            raise ValueError("no language model: it lacks general.architecture or the tensor token_embd.weight")
        largest = max(max(shape) for shape in found.shapes.values())
        for key, value in found.values.items():
            name = key.removeprefix(f"{prefix}.")
            if name in _BLOCK_COUNTS and not (type(value) is int and 0 < value <= _MOST_BLOCKS):
                raise ValueError(f"{key} is {value!r:.40}, known are 1 to {_MOST_BLOCKS:,}")
            if name in ("embedding_length", "feed_forward_length", "vocab_size", "attention.key_length") and not (
                type(value) is int and 0 < value <= largest
            ):
                raise ValueError(f"{key} is {value!r:.40}, but the largest tensor has a side of {largest:,}")
        blocks = {name.split(".")[1] for name in found.shapes if name.startswith("blk.")}
        said = found.values.get(f"{prefix}.block_count")
        if said != len(blocks):  # the reader fills missing layers with random numbers
            raise ValueError(f"{prefix}.block_count is {said!r:.40}, but {len(blocks):,} layers have tensors")

    def _value(self, kind: int, depth: int = 0) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._text(len(self._data))
        if kind != _ARRAY:
            raise ValueError(f"a value has type {kind}, which is not known")
        if depth == _DEEPEST:
            raise ValueError("lists are nested too deeply")
        inner = self._number("I")
        size = struct.calcsize(_SCALARS[inner]) if inner in _SCALARS else 8
        length = self._count("Q", size, "entries of a list")
        if inner in _SCALARS:
            self._skip(length * size)
        else:
            for _ in range(length):
                self._value(inner, depth + 1)
        return length

    def _name(self) -> str:
        return self._text(_LONGEST_NAME)

    def _text(self, longest: int) -> str:
        length = self._count("Q", 1, "bytes of a text")
        if length > longest:
            raise ValueError(f"a name has {length:,} bytes")
        start = self._place
        self._skip(length)
        return self._data[start : self._place].decode("utf-8", "replace")

    def _count(self, kind: str, size: int, what: str) -> int:
        """Reads a number of entries, and checks that the rest of the file has room for them.

        Args:
            kind: Type of the number, as in ``struct``.
            size: Smallest size of an entry in bytes.
            what: Name of the entries, for the message.
        """
        count = int(self._number(kind))
        if count * size > len(self._data) - self._place:
            raise ValueError(
                f"{count:,} {what} are said to follow, but only {len(self._data) - self._place:,} bytes do"
            )
        return count

    def _number(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._place)
        self._place += struct.calcsize(kind)
        return value

    def _skip(self, size: int) -> None:
        self._place += size
