"""The streaming reader and writer against the safetensors library, and against kills, truncation and full disks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from moesaic.checkpoint import streaming
from moesaic.checkpoint.sharding import Sink, Step, TensorWriter
from moesaic.checkpoint.streaming import TensorReader, TensorSpec
from moesaic.errors import CheckpointError, ModelError, SpaceError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    tensors = {f"t{i}": torch.randn(10 + i, 3, generator=generator).to(torch.bfloat16) for i in range(6)}
    save_file(tensors, tmp_path / "source.safetensors", metadata={"format": "pt"})
    return tmp_path / "source.safetensors"


def copies(reader: TensorReader) -> list[Step]:
    def copy(name: str) -> Callable[[Sink], None]:
        return lambda sink: sink.copy(0, reader, name)

    return [Step((reader.spec(name),), copy(name)) for name in reader.names]


def nothing(_: Path) -> None:
    pass


def test_reads_what_safetensors_wrote(source: Path) -> None:
    expected = load_file(source)
    with TensorReader(source) as reader:
        assert set(reader.names) == set(expected)
        assert reader.num_bytes == sum(tensor.numel() * 2 for tensor in expected.values())
        for name, tensor in expected.items():
            assert torch.equal(reader.read(name), tensor)
            assert torch.equal(torch.cat(list(reader.read_rows(name, 4))), tensor)
        with pytest.raises(CheckpointError, match="lacks the tensor t9"):
            reader.read("t9")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_reads_every_type(tmp_path: Path, dtype: str) -> None:
    tensor = torch.arange(12).view(3, 4).to(getattr(torch, dtype))
    save_file({"scalar": tensor[0, 0].clone(), "empty": tensor[:0].clone(), "t": tensor}, tmp_path / "m.safetensors")
    with TensorReader(tmp_path / "m.safetensors") as reader:
        assert torch.equal(reader.read("t"), tensor)
        assert reader.read("empty").shape == (0, 4)
        assert reader.read("scalar").shape == ()


def test_shards_are_what_safetensors_and_an_index_say(tmp_path: Path, source: Path) -> None:
    with TensorReader(source) as reader:
        writer = TensorWriter(tmp_path / "out", copies(reader), "inputs", shard_bytes=150)
        writer.write()
        assert not (tmp_path / "out").exists()
        writer.publish(nothing)
    assert len(list((tmp_path / "out").glob("model-*-of-*.safetensors"))) == len(writer.shards) > 1
    merged = {}
    for shard in (tmp_path / "out").glob("*.safetensors"):
        merged |= load_file(shard)
    assert all(torch.equal(merged[name], tensor) for name, tensor in load_file(source).items())
    with TensorReader(tmp_path / "out") as again:
        assert set(again.names) == set(merged)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source.safetensors"]


def test_copy_without_help_of_the_kernel(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(streaming.os, "copy_file_range")
    with TensorReader(source) as reader:
        writer = TensorWriter(tmp_path / "out", copies(reader), "inputs")
        writer.write()
        writer.publish(nothing)
    merged = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(merged[name], tensor) for name, tensor in load_file(source).items())


def test_computed_rows(tmp_path: Path) -> None:
    tensor = torch.randn(7, 5)

    def run(sink: Sink) -> None:
        for piece in tensor.split(3):
            sink.write(1, (2 * piece).half())
            sink.write(0, piece)

    step = Step((TensorSpec("one", "F32", (7, 5)), TensorSpec("two", "F16", (7, 5))), run)
    writer = TensorWriter(tmp_path / "out", [step], "inputs")
    writer.write()
    writer.publish(nothing)
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(written["one"], tensor)
    assert torch.equal(written["two"], (2 * tensor).half())


def test_a_kill_leaves_nothing_and_the_next_run_skips_finished_shards(tmp_path: Path, source: Path) -> None:
    runs: list[str] = []

    def steps(reader: TensorReader, fail_at: str | None) -> list[Step]:
        def make(name: str) -> Callable[[Sink], None]:
            def run(sink: Sink) -> None:
                if name == fail_at:
                    raise KeyboardInterrupt
                runs.append(name)
                sink.copy(0, reader, name)

            return run

        return [Step((reader.spec(name),), make(name)) for name in reader.names]

    with TensorReader(source) as reader:
        with pytest.raises(KeyboardInterrupt):
            TensorWriter(tmp_path / "out", steps(reader, "t4"), "inputs", shard_bytes=150).write()
        assert not (tmp_path / "out").exists()
        first, runs = runs, []
        writer = TensorWriter(tmp_path / "out", steps(reader, None), "inputs", shard_bytes=150)
        writer.write()
        writer.publish(nothing)
        assert "t4" in runs
        assert "t0" in first
        assert "t0" not in runs
        merged = {
            name: tensor for f in (tmp_path / "out").glob("*.safetensors") for name, tensor in load_file(f).items()
        }
        assert all(torch.equal(merged[name], tensor) for name, tensor in load_file(source).items())


def test_other_inputs_start_anew(tmp_path: Path, source: Path) -> None:
    with TensorReader(source) as reader:
        TensorWriter(tmp_path / "out", copies(reader), "some inputs", shard_bytes=150).write()
        writer = TensorWriter(tmp_path / "out", copies(reader), "other inputs", shard_bytes=150)
        stale = writer.path(0)
        stale.write_bytes(b"stale")
        writer.write()
        assert stale.read_bytes() != b"stale"


def test_existing_folder_is_not_overwritten(tmp_path: Path, source: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    with TensorReader(source) as reader, pytest.raises(ModelError, match="exists already"):
        TensorWriter(tmp_path / "out", copies(reader), "inputs")


def test_too_little_space_is_said_before_the_work(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with TensorReader(source) as reader, pytest.raises(SpaceError, match=r"writing .*out needs"):
        TensorWriter(tmp_path / "out", copies(reader), "inputs").write()


def test_full_disk_in_the_middle(tmp_path: Path, source: Path) -> None:
    def run(_: Sink) -> None:
        raise OSError(28, "No space left on device")

    step = Step((TensorSpec("one", "F32", (1,)),), run)
    with pytest.raises(SpaceError):
        TensorWriter(tmp_path / "out", [step], "inputs").write()


@pytest.mark.parametrize("damage", ["truncated", "header", "short", "range", "type"])
def test_corrupt_files(source: Path, damage: str) -> None:
    content = source.read_bytes()
    changed = {
        "truncated": content[:-1],
        "header": content[:8] + b"!" + content[9:],
        "short": content[:5],
        "range": content.replace(b'"shape":[10,3]', b'"shape":[11,3]'),
        "type": content.replace(b"BF16", b"XX16"),
    }[damage]
    source.write_bytes(changed)
    with pytest.raises(CheckpointError):
        TensorReader(source)


def test_index_naming_a_missing_shard(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no safetensors checkpoint"):
        TensorReader(tmp_path)
    (tmp_path / streaming.INDEX).write_text('{"weight_map": {"t": "model-00001-of-00001.safetensors"}}')
    with pytest.raises(CheckpointError, match="missing"):
        TensorReader(tmp_path)
    (tmp_path / streaming.INDEX).write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        TensorReader(tmp_path)
