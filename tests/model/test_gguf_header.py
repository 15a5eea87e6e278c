"""Headers of .gguf files that lie: refused at once, whatever they state."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from gguf import GGUFWriter

from moesaic.errors import CheckpointError
from moesaic.model.base_files import resolve_base
from moesaic.model.gguf_header import check_gguf


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def header(*parts: bytes, tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + b"".join(parts)


ENDLESS = [
    ("a list of 2**60 numbers", header(pair(b"a", 9, struct.pack("<IQ", 0, 2**60)), pairs=1), "entries of a list"),
    ("a list of 2**60 texts", header(pair(b"a", 9, struct.pack("<IQ", 8, 2**60)), pairs=1), "entries of a list"),
    ("2**63 keys", header(pairs=2**63), "keys are said to follow"),
    ("2**63 tensors", header(tensors=2**63), "tensors are said to follow"),
    ("a text of 2**62 bytes", header(pair(b"a", 8, struct.pack("<Q", 2**62)), pairs=1), "bytes of a text"),
]
WRONG = [
    (b"GGUF", "buffer"),
    (b"GGML" + bytes(40), "does not begin with GGUF"),
    (header(version=1), "version 1 is not known"),
    (header(pair(b"a", 77, b""), pairs=1), "type 77"),
    (header(pair(b"a", 0, b"x"), pair(b"a", 0, b"x"), pairs=2) + bytes(30), "'a' occurs twice"),
    (header(pair(b"a", 9, struct.pack("<IQ", 9, 1) * 6), pairs=1) + bytes(99), "nested too deeply"),
    (header(pair(b"general.alignment", 4, struct.pack("<I", 0)), pairs=1) + bytes(30), "general.alignment is 0"),
    (header(tensor(b"t", (2**20, 2**24)), tensors=1), "tensors need"),
    (header(tensor(b"t", (2**40, 2**40)), tensors=1), "the tensor 't' is"),
    (header(tensor(b"t", (1,) * 9), tensors=1), "9 dimensions"),
    (header(tensor(b"t", (33,), kind=2), tensors=1) + bytes(99), "they go by 32"),
    (header(tensor(b"t", (1,), kind=9999), tensors=1) + bytes(99), "9999"),
    (header(tensor(b"t", (1,)), tensor(b"t", (1,)), tensors=2) + bytes(99), "'t' occurs twice"),
    (header(tensor(b"t" * 2**17, (1,)), tensors=1) + bytes(99), "a name has"),
]


@pytest.mark.parametrize(("data", "says"), [(data, says) for _, data, says in ENDLESS], ids=[row[0] for row in ENDLESS])
def test_lengths_beyond_the_file_are_not_walked(tmp_path, data, says):
    """To count to any of them would take years, and to make room for one no machine has the memory."""
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(CheckpointError, match=says):
        resolve_base(str(tmp_path / "m.gguf"))


@pytest.mark.parametrize(("data", "says"), WRONG)
def test_what_no_file_says_is_named(tmp_path, data, says):
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"m\.gguf cannot be read as GGUF \(.*{says}"):
        check_gguf(tmp_path / "m.gguf")


def written(path, **sizes):
    writer = GGUFWriter(path, "llama")
    for name, value in {"embedding_length": 8, "block_count": 1, **sizes}.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", np.ones((4, 8), dtype=np.float32))
    writer.add_tensor("output.weight", np.ones((4, 8), dtype=np.float32))
    writer.add_tensor("blk.0.attn_norm.weight", np.ones((8,), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_what_is_sound_is_read(tmp_path):
    found = check_gguf(written(tmp_path / "m.gguf"))
    assert found.values["llama.embedding_length"] == 8
    assert found.values["tokenizer.ggml.tokens"] == 2  # of a list, the length
    assert found.shapes == {
        "token_embd.weight": (8, 4), "output.weight": (8, 4), "blk.0.attn_norm.weight": (8,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"embedding_length": 2**31}, "llama.embedding_length is 2147483648, but the largest tensor has a side of 8"),
        ({"block_count": 10**6}, "llama.block_count is 1000000, known are 1 to 4,096"),
        ({"block_count": 32}, "llama.block_count is 32, but 1 layers have tensors"),
        ({"feed_forward_length": 2**20}, "llama.feed_forward_length"),
    ],
)
def test_sizes_that_no_tensor_has_are_refused(tmp_path, sizes, says):
    with pytest.raises(CheckpointError, match=says):
        check_gguf(written(tmp_path / "m.gguf", **sizes))
