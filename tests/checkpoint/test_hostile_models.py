"""Hostile model folders, adapters and checkpoints through the command line: a result or one message, never a traceback.

Each case breaks one file of a valid set in one way and runs one command on it. ``MOESAIC_FUZZ`` multiplies the number
of cases that the slow test draws.
"""

import contextlib
import json
import os
import random
import shutil
import struct
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from moesaic.checkpoint.native import save_model_folder
from moesaic.cli import app
from moesaic.errors import MoesaicError
from moesaic.model.base_files import resolve_base
from pico import pico_base, pico_llama, random_experts, random_peft_adapter

VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 3.5, 10**30, -(10**12), 1e308, "", "x" * 5000, "a\x00b", "../../../etc/passwd",
    "/dev/zero", "\u202e\u0301", [], {}, [[]], [None], {"a": {}}, [1, "a"], "NaN", 2**31, 2**63, ["llama"],
]  # fmt: skip
RAW: list[bytes] = [
    b"", b"{", b"[]", b"null", b"7", b'"a"', b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe{\x00}\x00", b"\x00" * 4096,
    b'{"a": NaN}', b'{"a": ' + b"9" * 10_000 + b"}", b"\xef\xbb\xbf{}", b'{"a": "\xff"}', b'{"a": 1, "a": 2}',
]  # fmt: skip


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, a fine-tune of it, an adapter, and a model folder without digests, which would find every change."""
    folder = tmp_path_factory.mktemp("valid")
    base = pico_base(folder / "base", hidden_size=32, intermediate_size=64)
    shutil.copytree(base, folder / "tuned")
    tensors = load_file(base / "model.safetensors")
    tuned = {name: value + 0.01 if ".mlp." in name else value for name, value in tensors.items()}
    save_file(tuned, folder / "tuned" / "model.safetensors", metadata={"format": "pt"})
    plain = pico_llama(hidden_size=32, intermediate_size=64)
    random_peft_adapter(pico_llama(hidden_size=32, intermediate_size=64), folder / "adapter")
    experts = random_experts(plain, names=("python", "java"), ranks=(2, 2))
    save_model_folder(
        folder / "model",
        base_spec={"model": str(base), "dtype": "auto", "quantize": "none"},
        base_digest=resolve_base(str(base)).digest,
        experts=experts,
        router_tensors={f"layers.{layer}.weight": torch.randn(2, 32) for layer in range(2)},
        kind="top_k",
        top_k=2,
    )
    return folder


def break_json(file: Path, choice: random.Random) -> None:
    """Puts a value of another kind in the place of one, or drops or doubles a key."""
    value = json.loads(file.read_text())
    places: list[tuple[Any, Any]] = []

    def walk(node: Any, depth: int = 0) -> None:
        items = list(node.items() if isinstance(node, dict) else enumerate(node))
        for key, child in items[:30]:
            places.append((node, key))
            if isinstance(child, (dict, list)) and depth < 5:
                walk(child, depth + 1)

    walk(value)
    if places:
        node, key = choice.choice(places)
        if isinstance(node, dict) and choice.random() < 0.15:
            del node[key]
        else:
            node[key] = choice.choice(VALUES)
    file.write_text(json.dumps(value))


def break_bytes(file: Path, choice: random.Random) -> None:
    """Replaces, cuts or flips a file's bytes, or puts a folder or a loop of links in its place."""
    data = file.read_bytes()
    kind = choice.randrange(5)
    if kind == 0:
        file.write_bytes(choice.choice(RAW))
    elif kind == 1:
        file.write_bytes(data[: choice.randrange(len(data))])
    elif kind == 2:
        changed = bytearray(data)
        changed[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
        file.write_bytes(changed)
    else:
        file.unlink()
        if kind == 3:
            file.mkdir()
        else:
            file.symlink_to(file.name)


def break_tensors(file: Path, choice: random.Random) -> None:
    """Lies in a safetensors header: types, shapes, ranges, names, its own length."""
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    name = choice.choice([key for key in header if key != "__metadata__"])
    entry = header[name]
    start, stop = entry["data_offsets"]
    lies: list[Callable[[], Any]] = [
        lambda: entry.update(dtype=choice.choice(["F64", "I8", "U8", "BOOL", "F8_E4M3", "F4", "", 7, None, ["F32"]])),
        lambda: entry.update(
            shape=choice.choice([[], [2**62, 4], [-1], [0], ["a"], 7, None, entry["shape"][::-1], [1.0]])
        ),
        lambda: entry.update(data_offsets=choice.choice([[0, 2**63], [stop, start], [0, 4], [-8, 0], [0], "ab", None])),
        lambda: header.update({choice.choice(["../../x", "a\x00", "\u202e", "x" * 9999, name + ".SCB"]): entry}),
        lambda: header.update({choice.choice(["../../x", "", "model"]): header.pop(name)}),
        lambda: header.pop(name),
        lambda: header.update(__metadata__=choice.choice([7, [], {"a": 1}, "x", None, {"format": {"a": {}}}])),
        lambda: header.update({name: choice.choice(VALUES)}),
    ]
    choice.choice(lies)()
    text = json.dumps(header).encode()
    if choice.random() < 0.1:
        text = choice.choice(
            [text + text, b"[" * 50_000, text[:-9], b"[]", text.replace(b'"F32"', b'"F32","dtype":"I8"', 1)]
        )
    size = choice.choice([2**63, 0, 10**9, len(text) + 8]) if choice.random() < 0.1 else len(text)
    file.write_bytes(struct.pack("<Q", size) + text + rest)


def break_numbers(file: Path, choice: random.Random) -> None:
    """Puts NaN, infinity or another type into a tensor."""
    tensors = load_file(file)
    name = choice.choice(sorted(tensors))
    if choice.random() < 0.5:
        tensors[name].view(-1)[0] = choice.choice([float("nan"), float("inf"), 3e38])
    else:
        tensors[name] = choice.choice([tensors[name].to(torch.int8), tensors[name].half(), tensors[name].flatten()])
    save_file(tensors, file, metadata={"format": "pt"})


def resize(model: Path) -> None:
    """Makes sizes fit and leaves the digests out, as whoever means harm would."""
    file = model / "moesaic.json"
    try:
        description = json.loads(file.read_text())
        for name in description["files"]:
            description["files"][name] = (model / name).stat().st_size
        for key in ("sha256", "digest"):
            description.pop(key, None)
    except Exception:  # it is the file that is broken
        return
    file.write_text(json.dumps(description))


_EXPERTS = "--expert python={work}/tuned --expert java={work}/tuned"
COMMANDS = {
    "import an adapter": "import {work}/out --base {work}/base --expert python={work}/adapter --top-k 1",
    "factor": "import {work}/out --base {work}/base --expert python={work}/tuned --top-k 1 --error 0.9",
    "keep": f"import {{work}}/out --base {{work}}/base {_EXPERTS} --format mixtral",
    "inspect": "inspect {work}/model --base {work}/base",
    "mixtral": "export {work}/model {work}/out --base {work}/base",
    "gguf": "export {work}/model {work}/out.gguf --format gguf --base {work}/base",
    "peft": "export {work}/model {work}/out --format peft",
    "load": "",
}


def run(command: str, work: Path) -> None:
    """Runs a command in this process; fails with what was raised unless that is a message for people."""
    if command == "load":
        from moesaic.checkpoint.native import load_moe

        with contextlib.suppress(MoesaicError):
            load_moe(work / "model", base=str(work / "base"))
        return
    result = CliRunner().invoke(app, COMMANDS[command].format(work=work).split())
    error = result.exception
    is_message = error is None or isinstance(error, (MoesaicError, SystemExit))
    assert is_message, "".join(traceback.format_exception(error))


def attack(valid: Path, work: Path, seed: int) -> None:
    """Breaks one file in one way and runs one command that reads it."""
    choice = random.Random(seed)
    command = choice.choice(sorted(COMMANDS))
    targets = {"import an adapter": ["adapter"] * 3 + ["base"], "factor": ["tuned"] * 3 + ["base"]}
    targets["keep"] = targets["factor"]
    folder = work / choice.choice(targets.get(command, ["model"] * 3 + ["base"]))
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(valid, work)
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix in (".json", ".safetensors"))
    file = choice.choice(files)
    ways = [break_bytes] + ([break_json] * 4 if file.suffix == ".json" else [break_tensors] * 4 + [break_numbers])
    way = choice.choice(ways)
    way(file, choice)
    resize(work / "model")
    began = time.process_time()
    try:
        run(command, work)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {command} after {way.__name__} of {file.relative_to(work)}") from error
    assert time.process_time() - began < 60, f"seed {seed}: {command} took long"


def test_one_broken_file(valid: Path, tmp_path: Path) -> None:
    for seed in range(60):
        attack(valid, tmp_path / "work", seed)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.untraced
def test_hundreds_of_broken_files(valid: Path, tmp_path: Path) -> None:
    for seed in range(1000, 1000 + 200 * int(os.environ.get("MOESAIC_FUZZ", "1"))):
        attack(valid, tmp_path / "work", seed)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_is_not_broken_works(valid: Path, tmp_path: Path, command: str) -> None:
    work = Path(shutil.copytree(valid, tmp_path / "work"))
    if command == "gguf":  # llama.cpp wants at least one merge; the pico tokenizer has none
        pytest.skip("tests/checkpoint/exchange/test_gguf.py has a tokenizer that GGUF takes")
    resize(work / "model")
    run(command, work)
    assert command in ("inspect", "load") or (work / "out").is_dir()


@pytest.mark.parametrize(
    "options",
    [
        "[]",
        '{"dtype": "float8"}',
        '{"merge_onto": []}',
        '{"attention": null}',
        '{"unknown": 1}',
        "{",
        '{"dtype": {"a": 1}}',
    ],
)
def test_hostile_options_of_an_export_are_named(valid: Path, tmp_path: Path, options: str) -> None:
    work = Path(shutil.copytree(valid, tmp_path / "work"))
    (work / "export").mkdir()
    shutil.copytree(work / "model", work / "export" / "moesaic")
    (work / "export" / "moesaic" / "export.json").write_text(options)
    arguments = f"import {work}/out --checkpoint {work}/export --base {work}/base"
    result = CliRunner().invoke(app, arguments.split())
    assert isinstance(result.exception, MoesaicError)
    assert "export.json" in str(result.exception)


@pytest.mark.parametrize("card", [b"\xff\xfe## Scores\n| a |\n", b"## Scores\n|\n||\n| a | b |\n| a | b | c |\n"])
def test_a_hostile_card_does_not_stop_inspect(valid: Path, tmp_path: Path, card: bytes) -> None:
    work = Path(shutil.copytree(valid, tmp_path / "work"))
    (work / "model" / "README.md").write_bytes(card)
    run("inspect", work)
    assert CliRunner().invoke(app, ["inspect", str(work / "model")]).exit_code == 0


@pytest.mark.parametrize("content", ["[]", '{"base_digest": 7}', '{"base_digest": ["a"]}'])
def test_a_hostile_note_beside_an_adapter_is_named(valid: Path, tmp_path: Path, content: str) -> None:
    work = Path(shutil.copytree(valid, tmp_path / "work"))
    (work / "adapter" / "training.json").write_text(content)
    arguments = COMMANDS["import an adapter"].format(work=work).split()
    assert isinstance(CliRunner().invoke(app, arguments).exception, MoesaicError)
