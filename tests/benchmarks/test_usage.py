"""Every script says how it is called, and every part of a script says which one to run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import forked

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
BEGINS = {"fuzz", "generation_cpu", "generation_int8", "packing_speed", "readme_table", "soak"}
"""Scripts that need no argument, and would work for minutes or write pages."""


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
    ],
)
def test_a_wrong_argument_is_one_message(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    name, *arguments = call.split()
    ended = forked.run(["script", str(FOLDER / f"{name}.py"), *arguments])
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())
