"""Model folders: a changed bit is refused or without effect; folders of older versions are read; hostile ones named."""

import json
import random
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from moesaic.checkpoint.card import CARD
from moesaic.checkpoint.description import DESCRIPTION, EXPERTS, ROUTER
from moesaic.checkpoint.native import load_moe, read_model_folder, save_model_folder
from moesaic.errors import CheckpointError, MoesaicError
from moesaic.files import file_digest
from moesaic.model.base_files import resolve_base
from pico import pico_base, pico_llama, random_experts


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("description")
    base = pico_base(folder / "base")
    experts = random_experts(pico_llama())
    generator = torch.Generator().manual_seed(2)
    save_model_folder(
        folder / "model",
        base_spec={"model": str(base), "dtype": "auto", "quantize": "none"},
        base_digest=resolve_base(str(base)).digest,
        experts=experts,
        router_tensors={f"layers.{i}.weight": torch.randn(len(experts), 32, generator=generator) for i in range(2)},
        kind="top_k",
        top_k=2,
    )
    return folder / "model"


@pytest.fixture
def model(saved, tmp_path) -> Path:
    copy = tmp_path / "model"
    for file in saved.rglob("*"):
        if file.is_file():
            (copy / file.relative_to(saved)).parent.mkdir(parents=True, exist_ok=True)
            (copy / file.relative_to(saved)).write_bytes(file.read_bytes())
    return copy


def content(path: Path) -> str:
    """What is made of a folder, without where its base lies, which may be edited."""
    folder = read_model_folder(path)
    gates = {name: tensor.tolist() for name, tensor in folder.read_router().items()}
    experts = [
        (e.name, e.rank, e.scale, {path: (a.tolist(), b.tolist()) for path, (a, b) in e.deltas.items()})
        for e in folder.read_experts()
    ]
    base = {key: value for key, value in folder.base.items() if key != "model"}
    facts = (base, folder.base_digest, folder.experts, folder.kind, folder.top_k, folder.languages)
    return repr((facts, gates, experts))


def describe(model: Path, **changes) -> None:
    """Edits a description and leaves out its digests, as a stranger would."""
    file = model / DESCRIPTION
    values = {key: value for key, value in json.loads(file.read_text()).items() if key not in ("sha256", "digest")}
    file.write_text(json.dumps({**values, **changes}))


def test_every_file_but_the_card_has_its_digest(saved):
    description = json.loads((saved / DESCRIPTION).read_text())
    files = {
        str(f.relative_to(saved)): f for f in saved.rglob("*") if f.is_file() and f.name not in (CARD, DESCRIPTION)
    }
    assert description["sha256"] == {name: file_digest(file) for name, file in files.items()}
    assert description["files"] == {name: file.stat().st_size for name, file in files.items()}


def test_a_single_changed_bit_is_refused_or_without_effect(model):
    right, choice, refused = content(model), random.Random(0), 0
    for file in sorted(f for f in model.rglob("*") if f.is_file()):
        data = file.read_bytes()
        places = range(len(data)) if file.name == DESCRIPTION else choice.sample(range(len(data)), min(30, len(data)))
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << choice.randrange(8)
            file.write_bytes(changed)
            try:
                assert content(model) == right, f"{file.name}: bit of byte {place}"
            except MoesaicError:
                refused += 1
        file.write_bytes(data)
        if file.name not in (CARD, DESCRIPTION):
            assert refused >= 30
            refused = 0
    assert content(model) == right


@pytest.mark.parametrize(
    "name", [ROUTER, f"{EXPERTS}/java/adapter_model.safetensors", f"{EXPERTS}/cpp/adapter_config.json"]
)
def test_damage_of_the_same_size_is_named(model, name):
    data = bytearray((model / name).read_bytes())
    data[-9] ^= 1
    (model / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{name} is not what was written"):
        load_moe(model)


def test_where_the_base_lies_may_be_edited(model, tmp_path):
    file = model / DESCRIPTION
    values = json.loads(file.read_text())
    moved = Path(shutil.copytree(values["base"]["model"], tmp_path / "moved"))
    values["base"]["model"] = str(moved)
    file.write_text(json.dumps(values))
    assert load_moe(model)[2].base["model"] == str(moved)


def test_a_folder_of_format_1_without_digests_stays_readable(tmp_path):
    """Byte by byte what moesaic 0.1 wrote, with factors and gates of one value each."""
    base = pico_base(tmp_path / "base", num_hidden_layers=1)
    model = tmp_path / "model"
    (model / EXPERTS / "java").mkdir(parents=True)
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for projection, inputs, outputs in [("down_proj", 48, 32), ("gate_proj", 32, 48), ("up_proj", 32, 48)]:
        for factor, shape in [("A", [1, inputs]), ("B", [outputs, 1])]:
            values = struct.pack(f"<{max(shape)}f", *[0.25] * max(shape))
            name = f"base_model.model.model.layers.0.mlp.{projection}.lora_{factor}.weight"
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
            data += values
    (model / EXPERTS / "java" / "adapter_model.safetensors").write_bytes(_safetensors(header, data))
    (model / EXPERTS / "java" / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "base", "bias": "none", "fan_in_fan_out": false, "inference_mode": true, '
        '"init_lora_weights": true, "lora_alpha": 2, "lora_dropout": 0.0, "modules_to_save": null, '
        '"peft_type": "LORA", "r": 1, "target_modules": ["down_proj", "gate_proj", "up_proj"], '
        '"task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": false}\n'
    )
    gate = {"layers.0.weight": {"dtype": "F32", "shape": [1, 32], "data_offsets": [0, 128]}}
    (model / ROUTER).write_bytes(_safetensors(gate, struct.pack("<32f", *[0.5] * 32)))
    files = {str(f.relative_to(model)): f.stat().st_size for f in sorted(model.rglob("*")) if f.is_file()}
    digest = resolve_base(str(base)).digest
    (model / DESCRIPTION).write_text(
        '{"format_version": 1, "moesaic": "0.1.0", "base": {"model": '
        f'{json.dumps(str(base))}, "dtype": "auto", "quantize": "none", "digest": "{digest}"}}, '
        '"experts": [{"name": "java", "rank": 1, "scale": 2.0}], "router": {"kind": "top_k", "top_k": 1}, '
        f'"languages": ["java"], "files": {json.dumps(files)}}}\n'
    )
    composed, _, folder = load_moe(model)
    assert folder.names == ("java",)
    assert float(folder.read_experts()[0].delta("model.layers.0.mlp.up_proj")[3, 4]) == 2.0 * 0.25 * 0.25
    assert not composed(torch.arange(9).view(1, -1)).logits.isnan().any()


def _safetensors(header: dict, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gates_that_are_no_numbers_are_refused(model, value):
    gates = load_file(model / ROUTER)
    gates["layers.1.weight"][0, 0] = value
    save_file(gates, model / ROUTER, metadata={"format": "pt"})
    describe(model)
    with pytest.raises(CheckpointError, match=r"layers\.1\.weight holds NaN or infinity"):
        load_moe(model)


def test_a_description_that_is_not_of_its_adapters_is_refused(model):
    experts = json.loads((model / DESCRIPTION).read_text())["experts"]
    experts[0]["scale"] = 7.5
    describe(model, experts=experts)
    with pytest.raises(CheckpointError, match=r"says rank 4 and scale 7\.5"):
        load_moe(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"../base/config.json": 1}},
        {"files": {"/etc/passwd": 1}},
        {"files": {"a\x00b": 1}},
        {"files": {"router.safetensors": -1}},
        {"files": [["router.safetensors", 1]]},
        {"files": None},
        {"base": None},
        {"base": {"model": 7, "digest": "x"}},
        {"base": {"model": "", "digest": "x"}},
        {"base": {"model": "a\x00b", "digest": "x"}},
        {"base": {"model": "base", "digest": "x", "dtype": "float8"}},
        {"base": {"model": "base", "digest": "x", "quantize": {}}},
        {"router": {"kind": ["top_k"], "top_k": 2}},
        {"router": {"kind": "top_k", "top_k": "2"}},
        {"router": {"kind": "top_k", "top_k": True}},
        {"router": {"kind": "top_k", "top_k": 10**30}},
        {"router": {"kind": "top_k", "top_k": 4}},
        {"router": []},
        {"experts": []},
        {"experts": {"java": 1}},
        {"experts": [{"name": "../java", "rank": 1, "scale": 1.0}], "languages": ["java"]},
        {"experts": [{"name": "ja\u0301va", "rank": 1, "scale": 1.0}], "languages": ["java"]},
        {"experts": [{"name": "java", "rank": "1", "scale": 1.0}], "languages": ["java"]},
        {"experts": [{"name": "java", "rank": 1, "scale": "1"}], "languages": ["java"]},
        {"experts": [{"name": "java", "rank": 1, "scale": 1.0}] * 2, "languages": ["java", "java"]},
        {"languages": ["java"]},
        {"languages": [["java"]]},
        {"format_version": True},
        {"format_version": [1]},
        {"format_version": 3},
        {"sha256": {"router.safetensors": "0" * 64}},
        {"sha256": {"nowhere": "0" * 64}},
        {"sha256": {"router.safetensors": 7}},
        {"digest": "0" * 64},
        {"digest": {}},
    ],
)
def test_hostile_descriptions_are_named(model, changes):
    describe(model, **changes)
    with pytest.raises(MoesaicError):
        read_model_folder(model)
