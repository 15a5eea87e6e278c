"""Tool chains packed for a machine without any: the smallest of them is packed, unpacked and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
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


@pytest.fixture
def few(tmp_path):
    """A folder with the few programs that the script needs before it begins, and with a ``go``."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("dirname", "mktemp", "mkdir", "rm"):
        (folder / name).symlink_to(shutil.which(name) or name)
    (folder / "go").write_text("#!/bin/sh\nexit 1\n")
    (folder / "go").chmod(0o755)
    return folder


@pytest.mark.process
@pytest.mark.parametrize("command", ["pack", "check"])
def test_a_python_that_cannot_read_programs_is_one_message(tmp_path, few, command):
    venv.create(tmp_path / "bare", with_pip=False)  # without tree_sitter
    python = tmp_path / "bare" / "bin" / "python"
    (tmp_path / "tools" / "bin").mkdir(parents=True)
    arguments = {"pack": [str(tmp_path / "tools.tar.xz"), "go"], "check": [str(tmp_path / "tools")]}[command]
    for changes, found in (
        (
            {"PYTHON": str(python)},
            f"{python} cannot read programs (ModuleNotFoundError: No module named 'tree_sitter')",
        ),
        ({"PYTHON": "python-of-nobody"}, "python-of-nobody is not on PATH"),
        ({"PYTHON": ""}, "python3 is not on PATH"),
    ):
        done = run(command, *arguments, PATH=str(few), PYTHONPATH="", **changes)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert found in line
        assert line.endswith("set PYTHON to one with moesaic's dependencies, such as PYTHON=.venv/bin/python")
    assert not (tmp_path / "tools.tar.xz").exists()


@pytest.mark.process
@pytest.mark.toolchain
def test_check_runs_the_python_that_is_named_whatever_else_path_has(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("#!/bin/sh\necho another Python >&2\nexit 1\n")
    (tmp_path / "bin" / "python3").chmod(0o755)
    # The PATH of the check has no program of this name.
    (tmp_path / "python-of-moesaic").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / "python-of-moesaic").chmod(0o755)
    done = run("check", str(tmp_path), PYTHON="python-of-moesaic", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "another Python" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "php: passed, " in done.stdout


@pytest.mark.parametrize("arguments", [["pack"], ["unpack"], ["unpack", "tools.tar.xz"], ["check"], ["pak", "a"]])
def test_a_command_without_its_arguments_says_how_it_is_called(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "pack TOOLS.tar.xz" in done.stderr
    assert "PYTHON=.venv/bin/python" in done.stderr
    assert "unbound" not in done.stderr


def test_what_cannot_be_packed_or_checked_is_named_before_anything_is_done(tmp_path, few):
    done = run("pack", str(tmp_path / "tools.tar.xz"), "perl", PATH=str(few))
    assert done.returncode == 2
    assert done.stderr == ("carry_tools: perl cannot be packed, only bwrap node java ruby php go esbuild lua\n")
    done = run("check", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nowhere has no folder bin: unpack the tools there first" in done.stderr
