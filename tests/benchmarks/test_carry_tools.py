"""Tool chains packed for a machine without any: the smallest of them is packed, unpacked and started."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "carry_tools.sh"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("bwrap") is None or shutil.which("xz") is None, reason="no bubblewrap or no xz")
def test_a_tool_starts_from_its_folder_with_the_libraries_that_came_along(tmp_path):
    archive, folder = tmp_path / "tools.tar.xz", tmp_path / "tools"
    assert run("pack", str(archive), "bwrap").returncode == 0
    assert not list(tmp_path.glob("*.partial"))
    assert run("unpack", str(archive), str(folder)).returncode == 0
    assert any((folder / "lib" / "bwrap").glob("libcap.so.*"))
    done = subprocess.run(
        [str(folder / "bin" / "bwrap"), "--version"], env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("bubblewrap ")


def test_a_tool_that_is_missing_is_named_and_nothing_is_written(tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("mktemp", "mkdir", "rm"):
        (few / name).symlink_to(shutil.which(name) or name)
    done = run("pack", str(tmp_path / "tools.tar.xz"), "php", PATH=str(few))
    assert done.returncode == 2
    assert "php is not on PATH" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["few"]


def test_without_a_command_it_says_what_there_is():
    done = run()
    assert done.returncode == 2
    assert "pack TOOLS.tar.xz" in done.stderr
