"""Every script says how it is called, and every part of a script says which one to run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from places import file_to_write, folder_to_write

import forked

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
BEGINS = {"fuzz", "generation_cpu", "generation_int8", "packing_speed", "readme_table", "soak"}
"""Scripts that need no argument, and would work for minutes or write pages."""
PLACES = [
    "ablations --out", "corpus_bases --folder", "corpus_bases --out", "fuzz --findings", "fuzz --results", "fuzz --out",
    "growth --archive", "growth --out", "growth --figure", "interchange --work", "scaling --out", "seed_runs --archive",
    "serve_vllm --logs", "serve_vllm --out", "soak --out", "speed --out",
]  # fmt: skip
"""Scripts that write when they have worked, and what says where."""


def check(name: str, arguments: list[str], code: int) -> str:
    path = FOLDER / f"{name}.py"
    ended = forked.run(["script", str(path), *arguments])
    said = ended.stdout + ended.stderr
    assert "Traceback" not in said
    if part := re.fullmatch(rf"{name}\.py is a part of other scripts: run (\w+)\.py\n", said):
        assert ended.returncode == 1
        assert "ArgumentParser" in (FOLDER / f"{part[1]}.py").read_text(encoding="utf-8")
    else:
        assert ended.returncode == code, said
        assert "usage: " in said or "needs a CUDA GPU" in said
    return said


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_teaches_or_names_the_script_to_run(name):
    said = check(name, ["--help"], 0)
    if "usage: " in said:
        words = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
        assert words is not None
        assert words in said


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in BEGINS])
def test_without_arguments_it_says_what_is_missing(name):
    check(name, [], 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("soak --only nothing", "--only nothing: known are kill"),
        ("fuzz --only nothing,recipe", "--only nothing: known are "),
        ("codebleu_speed nowhere.jsonl", "error: nowhere.jsonl: cannot be read"),
        ("serve_load nowhere", "error: nowhere is not a model folder"),
        ("generation_int8 nowhere", "error: nowhere is not a model folder"),
        ("serve_vllm nowhere", "error: nowhere is not a model folder"),
        ("scaling_worker smollm2 --lines lines --deadline 1", "run scaling.py"),
        ("scaling --out out.json --processes 3", "a CUDA GPU for each of its processes (--processes 3), and 0 "),
        ("fuzz --page --out .", "argument --out: . cannot be written (is a folder); name another place"),
    ],
)
def test_a_wrong_argument_is_one_message(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    name, *arguments = call.split()
    ended = forked.run(["script", str(FOLDER / f"{name}.py"), *arguments])
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", PLACES)
def test_a_place_that_cannot_be_written_is_named_before_any_work(call):
    name, option = call.split()
    ended = forked.run(["script", str(FOLDER / f"{name}.py"), option, "/dev/null/place"])
    assert ended.returncode == 2, ended.stderr
    assert f"error: argument {option}: /dev/null" in ended.stderr
    assert "cannot be written (Not a directory); name another place" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_gets_its_folder_and_a_folder_stays_missing(tmp_path):
    assert file_to_write(str(tmp_path / "new" / "out.json")) == tmp_path / "new" / "out.json"
    assert folder_to_write(str(tmp_path / "later" / "work")) == tmp_path / "later" / "work"
    assert [path.name for path in tmp_path.rglob("*")] == ["new"]
