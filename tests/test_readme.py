"""The README's Python does what it says there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_there_is_python_to_run():
    assert any("moesaic.load(" in block or ".from_pretrained(" in block for block in BLOCKS)


@pytest.mark.filterwarnings("ignore:this model has no expert:UserWarning")  # the pico run has two languages
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number, finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished / "runs" / "toy", tmp_path / "runs" / "quickstart")  # what the README's commands left
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], f"README.md, block {number + 1}", "exec"), {"__name__": "__main__"})
    if "print(" in BLOCKS[number]:
        assert capsys.readouterr().out
