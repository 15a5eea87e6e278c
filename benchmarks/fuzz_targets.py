"""The targets of fuzz.py: what moesaic reads from outside, each as one hostile file among sound ones."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before the imports, which need the path that fuzz.py sets
    raise SystemExit("fuzz_targets.py is a part of other scripts: run fuzz.py")

import yaml
from hypothesis import strategies as st

from hostile import VALUES, damaged_bytes, dumps, json_lines, mutated

RECIPE = {
    "name": "x",
    "output": "runs/x",
    "base": {"model": "nowhere", "dtype": "float32"},
    "data": {"source": "corpus", "languages": ["python", "java"], "max_tokens": 512, "extra": ["rows.jsonl"]},
    "experts": {"rank": 8, "targets": ["gate_proj"], "epochs": 1.5},
    "gate": {"kind": "top_k", "top_k": 2},
    "reward": {"rounds": 0},
    "compare": ["linear"],
    "predict": {"limit": 3, "benchmarks": {"own": "own.jsonl"}},
    "evaluate": {"metrics": ["codebleu"], "workers": 1},
}
PAIRS = [
    {"id": "1", "text": "adds", "code": "def f(x):\n    return x + 1\n", "language": "python"},
    {"prompt": "adds", "completion": "x = 1\n", "lang": "py"},
    {"messages": [{"role": "user", "content": "adds"}, {"role": "assistant", "content": "x = 1"}]},
    {"instruction": "adds", "input": "", "output": "```python\nx = 1\n```"},
]
PREDICTIONS = [
    {
        "id": 1,
        "language": "python",
        "prediction": "def f(x):\n    return x\n",
        "reference": "def f(y):\n    return y\n",
    },
    {
        "id": "b",
        "language": "java",
        "prediction": "class A { int f() { return 1; } }",
        "reference": ["class B { }", "x"],
    },
    {"language": "cpp", "prediction": "int main ( ) { return 0 ; }", "reference": "int main() {\n  return 0;\n}\n"},
]
COMPLETIONS = [
    {"task_id": "p1", "completion": "    return x\n", "language": "python"},
    {"id": "p2", "program": "print(1)\n"},
    {"task_id": "Python/0", "prediction": "    return 1"},
]
PROBLEMS = [
    {
        "id": "p1",
        "language": "python",
        "prompt": "def f(x):\n",
        "solution": "    return x\n",
        "test": "assert f(1) == 1",
    },
    {"id": "p2", "language": "python", "solution": "print(input())\n", "tests": [{"input": "a", "output": "a"}]},
]
ROW = {
    "id": "p1", "language": "python", "sample": 0, "status": "passed", "stage": "run", "seconds": 0.1, "detail": "",
    "digest": "0",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One target of the fuzzing.

    Attributes:
        check: Reads the bytes of a hostile file.
        strategy: Draws such bytes.
        examples: Valid files.
    """

    check: Callable[[bytes], None]
    strategy: Any
    examples: Sequence[bytes]


def _document(value: Any) -> Any:
    return mutated(value, 4).flatmap(lambda tree: damaged_bytes(dumps(tree).encode()))


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _each(*calls: Callable[[], object]) -> None:
    """Runs calls, each of which may refuse its input; refuses if the last one did."""
    from moesaic.errors import MoesaicError

    for call in calls[:-1]:
        with contextlib.suppress(MoesaicError):
            call()
    calls[-1]()


def recipe(folder: Path) -> Target:
    """Recipes."""
    from moesaic.recipe import load_recipe

    def check(data: bytes) -> None:
        (folder / "r.yaml").write_bytes(data)
        load_recipe(folder / "r.yaml").digest()

    plain = yaml.safe_dump(RECIPE).encode()
    return Target(check, _document(RECIPE) | damaged_bytes(plain), [plain, dumps(RECIPE).encode()])


def pairs(folder: Path) -> Target:
    """Text-to-code pairs: JSON Lines, JSON and CSV."""
    from moesaic.data.columns import of_language, read_pair
    from moesaic.data.tables import read_table
    from moesaic.languages import get_language

    def read(path: Path) -> None:
        rows = read_table(path)
        for where, record in of_language(rows, get_language("python"), ("java",), None, str(path)):
            read_pair(record, where, get_language("python"))

    def check(data: bytes) -> None:
        files = [folder / f"rows.{suffix}" for suffix in ("csv", "json", "jsonl")]
        for file in files:
            file.write_bytes(data)
        _each(*(lambda file=file: read(file) for file in files))

    csv = b"id,text,code,language\n1,adds,x = 1,python\n2,prints,print(1),py\n"
    strategy = json_lines(PAIRS) | _document(PAIRS) | damaged_bytes(csv)
    return Target(check, strategy, [_lines(PAIRS), json.dumps(PAIRS).encode(), csv])


def predictions(folder: Path) -> Target:
    """Predictions, read."""
    from moesaic.evaluate.score import read_rows

    def check(data: bytes) -> None:
        (folder / "p.jsonl").write_bytes(data)
        _each(lambda: read_rows(folder / "p.jsonl", "python"), lambda: read_rows(folder / "p.jsonl", "all"))

    return Target(check, json_lines(PREDICTIONS), [_lines(PREDICTIONS)])


def score(folder: Path) -> Target:
    """Predictions, scored."""
    from moesaic.evaluate.score import score_file

    def check(data: bytes) -> None:
        (folder / "p.jsonl").write_bytes(data)
        score_file(folder / "p.jsonl", "all", workers=1)

    return Target(check, json_lines(PREDICTIONS), [_lines(PREDICTIONS)])


def completions(folder: Path) -> Target:
    """Completions, problems and the rows file."""
    from moesaic.execution.grading import read_completions
    from moesaic.execution.problems import read_problems
    from moesaic.execution.rows import known_rows

    def check(data: bytes) -> None:
        path = folder / "c.jsonl"
        path.write_bytes(data)
        _each(
            lambda: read_completions(path), *(lambda kind=kind: read_problems(kind, path) for kind in ("own", "mbxp")),
            lambda: known_rows(path),
        )  # fmt: skip

    strategy = json_lines(COMPLETIONS) | json_lines(PROBLEMS) | json_lines([ROW])
    return Target(check, strategy, [_lines([ROW]), _lines(COMPLETIONS), _lines(PROBLEMS)])


def adapter_config(folder: Path) -> Target:
    """``adapter_config.json``."""
    from moesaic.model.lora import read_adapter

    path, sound = _adapter(folder), (folder / "adapter" / "adapter_config.json").read_bytes()

    def check(data: bytes) -> None:
        (path / "adapter_config.json").write_bytes(data)
        read_adapter(path)

    return Target(check, _document(json.loads(sound)), [sound])


def adapter_tensors(folder: Path) -> Target:
    """``adapter_model.safetensors``."""
    from moesaic.checkpoint.streaming import read_header
    from moesaic.model.lora import read_adapter

    path = _adapter(folder)
    sound = (path / "adapter_model.safetensors").read_bytes()

    def check(data: bytes) -> None:
        (path / "adapter_model.safetensors").write_bytes(data)
        _each(lambda: read_header(path / "adapter_model.safetensors"), lambda: read_adapter(path))

    return Target(check, _headers(sound), [sound])


def base_tensors(folder: Path) -> Target:
    """``model.safetensors`` of a base."""
    from moesaic.checkpoint.streaming import TensorReader
    from moesaic.model.base_files import check_folder

    path = _base(folder)
    sound = (path / "model.safetensors").read_bytes()

    def check(data: bytes) -> None:
        (path / "model.safetensors").write_bytes(data)

        def read() -> None:
            with TensorReader(path) as reader:
                for name in reader.names:
                    reader.read(name)

        _each(read, lambda: check_folder(path))

    return Target(check, _headers(sound), [sound])


def base_config(folder: Path) -> Target:
    """``config.json`` of a base."""
    from moesaic.model.base_files import check_folder

    path, sound = _base(folder), (folder / "base" / "config.json").read_bytes()

    def check(data: bytes) -> None:
        (path / "config.json").write_bytes(data)
        check_folder(path)

    return Target(check, _document(json.loads(sound)), [sound])


def model_folder(folder: Path) -> Target:
    """``moesaic.json`` of a model folder."""
    import torch

    from moesaic.checkpoint.native import read_model_folder, save_model_folder
    from pico import pico_llama, random_experts

    plain = pico_llama(hidden_size=8, intermediate_size=8, num_attention_heads=2, num_key_value_heads=1)
    save_model_folder(
        folder / "model",
        base_spec={"model": "nowhere", "dtype": "auto", "quantize": "none"},
        base_digest="0" * 64,
        experts=random_experts(plain, names=("python", "java"), ranks=(1, 1)),
        router_tensors={f"layers.{layer}.weight": torch.randn(2, 8) for layer in range(2)},
        kind="top_k",
        top_k=2,
    )
    sound = json.loads((folder / "model" / "moesaic.json").read_text())
    for key in ("digest", "sha256"):  # they would find every change
        sound.pop(key, None)

    def check(data: bytes) -> None:
        (folder / "model" / "moesaic.json").write_bytes(data)
        read_model_folder(folder / "model")

    return Target(check, _document(sound), [json.dumps(sound).encode()])


def manifest(folder: Path) -> Target:
    """Manifests of stages, from a folder and from an object store."""
    from moesaic.stores.workspace import read_listed
    from moesaic.workspace import Workspace

    workspace = Workspace(folder / "run")
    with workspace.stage("data", "0") as stage:
        (stage.folder / "a.txt").write_text("a")
    path = workspace.path("data") / "manifest.json"
    sound = path.read_bytes()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        _each(
            lambda: read_listed(data, "s3://b/data/manifest.json"),
            lambda: workspace.verify("data"),
            lambda: workspace.is_done("data", "0"),
        )

    return Target(check, _document(json.loads(sound)), [sound])


def gguf(folder: Path) -> Target:
    """Headers of .gguf files; files that are accepted are read by the package gguf."""
    from gguf import GGUFReader

    from moesaic.errors import CheckpointError
    from moesaic.model.gguf_header import check_gguf

    sound = _gguf(folder)

    def check(data: bytes) -> None:
        (folder / "m.gguf").write_bytes(data)
        check_gguf(folder / "m.gguf")
        try:
            GGUFReader(folder / "m.gguf")
        except Exception as error:  # as base_files does, whose readers fail in many ways
            raise CheckpointError(str(error)) from error

    return Target(check, _binary(sound), [sound])


def gguf_conversion(folder: Path) -> Target:
    """.gguf files as bases: read, converted and checked."""
    from moesaic.model.base_files import resolve_base

    sound = _gguf(folder)

    def check(data: bytes) -> None:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        (folder / "m.gguf").write_bytes(data)
        resolve_base(str(folder / "m.gguf"))

    return Target(check, _binary(sound), [sound])


TARGETS: dict[str, Callable[[Path], Target]] = {
    target.__name__: target
    for target in (
        recipe, pairs, predictions, completions, adapter_config, adapter_tensors, base_config, base_tensors,
        model_folder, manifest, gguf, score, gguf_conversion,
    )
}  # fmt: skip
"""Name -> function that makes the target in a folder of its own."""


def _base(folder: Path) -> Path:
    from pico import pico_base

    return pico_base(
        folder / "base", hidden_size=8, intermediate_size=8, num_attention_heads=2, num_key_value_heads=1,
        num_hidden_layers=1,
    )  # fmt: skip


def _adapter(folder: Path) -> Path:
    from pico import pico_llama, random_peft_adapter

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1}
    random_peft_adapter(pico_llama(num_hidden_layers=1, **sizes), folder / "adapter", rank=1)
    return folder / "adapter"


def _gguf(folder: Path) -> bytes:
    """Returns a Llama with one layer and its own tokenizer as a file that transformers can read."""
    import numpy as np
    from gguf import GGUFWriter

    tokens = ["<unk>", "<s>", "</s>", *(chr(97 + n) for n in range(26)), "ab", "abc"]
    writer = GGUFWriter(folder / "sound.gguf", "llama")
    writer.add_name("pico")
    for add, value in (
        (writer.add_context_length, 64), (writer.add_embedding_length, 32), (writer.add_block_count, 1),
        (writer.add_feed_forward_length, 32), (writer.add_head_count, 2), (writer.add_head_count_kv, 1),
        (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_vocab_size, len(tokens)), (writer.add_rope_freq_base, 1e4),
        (writer.add_file_type, 0), (writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2),
        (writer.add_unk_token_id, 0), (writer.add_rope_dimension_count, 16),
    ):  # fmt: skip
        add(value)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, *[1] * (len(tokens) - 3)])
    writer.add_token_merges(["a b", "ab c"])
    shapes = {
        "token_embd": (len(tokens), 32), "output": (len(tokens), 32), "output_norm": (32,), "blk.0.attn_norm": (32,),
        "blk.0.ffn_norm": (32,), "blk.0.attn_q": (32, 32), "blk.0.attn_k": (16, 32), "blk.0.attn_v": (16, 32),
        "blk.0.attn_output": (32, 32), "blk.0.ffn_gate": (32, 32), "blk.0.ffn_up": (32, 32), "blk.0.ffn_down": (32, 32),
    }  # fmt: skip
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.ones(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return (folder / "sound.gguf").read_bytes()


_NUMBERS = st.sampled_from([0, 1, 2, 255, 2**16, 2**31, 2**32 - 1, 2**40, 2**60, 2**63, 2**64 - 1])


@st.composite
def _binary(draw: st.DrawFn, sound: bytes, header: int = 2048) -> bytes:
    """Draws a binary file in whose beginning numbers and bytes are changed, and which may be cut off."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, min(len(data), header) - 9))
        kind = draw(st.sampled_from(["u64", "u32", "byte", "bytes", "insert", "remove"]))
        if kind == "u64":
            data[place : place + 8] = struct.pack("<Q", draw(_NUMBERS))
        elif kind == "u32":
            data[place : place + 4] = struct.pack("<I", draw(_NUMBERS) % 2**32)
        elif kind == "byte":
            data[place] = draw(st.integers(0, 255))
        elif kind == "bytes":
            data[place : place + 4] = draw(st.binary(min_size=4, max_size=4))
        elif kind == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=16))
        else:
            del data[place : place + draw(st.integers(1, 16))]
    if draw(st.integers(0, 9)) == 0:
        del data[draw(st.integers(0, len(data) - 1)) :]
    return bytes(data)


@st.composite
def _headers(draw: st.DrawFn, sound: bytes) -> bytes:
    """Draws a safetensors file whose header is wrong: its tensors, its length, or its text."""
    if draw(st.integers(0, 3)) == 0:
        return draw(_binary(sound))
    (length,) = struct.unpack("<Q", sound[:8])
    header, rest = json.loads(sound[8 : 8 + length]), sound[8 + length :]
    if draw(st.booleans()):
        header = draw(mutated(header, 3))
    else:
        name = draw(st.sampled_from(sorted(header)))
        entry = header[name]
        lies = {
            "dtype": st.sampled_from(["F64", "I8", "U8", "BOOL", "F8_E4M3", "F4", "", "BF16"]) | VALUES,
            "shape": st.lists(_NUMBERS, max_size=4),
            "data_offsets": st.lists(_NUMBERS | st.integers(-8, len(rest) + 8), min_size=2, max_size=2),
        }
        key = draw(st.sampled_from(sorted(lies)))
        if isinstance(entry, dict):
            entry[key] = draw(lies[key])
    text = draw(damaged_bytes(dumps(header).encode()))
    size = draw(st.just(len(text)) | st.just(len(text)) | st.just(len(text)) | _NUMBERS)
    return struct.pack("<Q", size) + text + rest
