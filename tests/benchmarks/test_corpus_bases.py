"""What bases solve of the corpus: asked, kept, gone on with, judged and shown."""

from __future__ import annotations

import corpus_bases
import pytest
from corpus_bases import folder_of, main, table

from moesaic.data.corpus import load_tasks
from moesaic.files import read_json, read_json_lines, write_json_lines
from pico import pico_base

NUM_TASKS = sum(task.split == "test" for task in load_tasks())


@pytest.mark.toolchain
def test_a_base_is_asked_once_and_judged_by_what_it_wrote(tmp_path, capsys, monkeypatch):
    base = pico_base(tmp_path / "pico", max_position_embeddings=4096)
    arguments = [str(base), "--languages", "python", "--tokens", "2", "--folder", str(tmp_path / "kept")]
    arguments += ["--out", str(tmp_path / "out.json"), "--allow-code-execution"]
    assert main(arguments) == 0
    assert f"0 of {NUM_TASKS} | 0.000" in capsys.readouterr().out
    folder = tmp_path / "kept" / "pico-2-auto"
    rows = [row for _, row in read_json_lines(folder / "python.jsonl")]
    assert [row["id"] for row in rows] == [task.id for task in load_tasks() if task.split == "test"]
    assert all(row["num_tokens"] <= 2 for row in rows)
    [result] = read_json(tmp_path / "out.json")["bases"]
    assert result["languages"]["python"]["tasks"] == NUM_TASKS
    assert sum(result["languages"]["python"]["status"].values()) == NUM_TASKS

    # The references in place of half of the programs; the base itself is not needed again.
    monkeypatch.setattr(corpus_bases, "load_base", None)
    half = [row | ({"prediction": row["reference"]} if n % 2 else {}) for n, row in enumerate(rows)]
    write_json_lines(folder / "python.jsonl", half)
    assert main(arguments) == 0
    assert f"{NUM_TASKS // 2} of {NUM_TASKS} | 0.500 [" in capsys.readouterr().out
    [result] = read_json(tmp_path / "out.json")["bases"]
    assert result["languages"]["python"]["solved"] == [row["id"] for row in rows[1::2]]


def test_what_cannot_be_measured_is_refused_before_a_base_is_loaded(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(corpus_bases, "load_base", None)
    assert main(["any", "--folder", str(tmp_path / "kept")]) == 2
    assert "--allow-code-execution" in capsys.readouterr().err
    assert main(["any", "--languages", "lua", "--allow-code-execution"]) == 2
    assert "the corpus has no lua; allowed: python, java" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()


def test_a_language_that_could_not_be_judged_is_left_empty():
    row = {"passed": 8, "tasks": 32}
    estimate = {"value": 0.25, "low": 0.125, "high": 0.5}
    result = {"base": "b", "parameters": 134_515_008, "languages": {"java": row}, "pass@1": estimate}
    nothing = {"base": "c", "parameters": 1_000_000, "languages": {}, "pass@1": None}
    assert table([result, nothing], ["java", "go"]).splitlines() == [
        "| base | parameters | Java | Go | pass@1 |",
        "|---|---:|---:|---:|---:|",
        "| b | 135 M | 8 of 32 |  | 0.250 [0.125, 0.500] |",
        "| c | 1 M |  |  |  |",
    ]


def test_names_of_folders(tmp_path):
    (tmp_path / "a.gguf").touch()
    assert folder_of("Qwen/Qwen3-0.6B") == "Qwen-Qwen3-0.6B"
    assert folder_of(str(tmp_path / "a.gguf")) == "a.gguf"
    assert folder_of("pypi:two-part[1-6]") == "pypi-two-part-1-6"
