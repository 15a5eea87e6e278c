"""What is published: sdist and wheel are built, checked, and the wheel does its work away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import moesaic

ROOT = Path(__file__).parents[1]


def call(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=800, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_version_is_that_of_the_installed_package():
    assert moesaic.__version__ == metadata.version("moesaic")
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", moesaic.__version__)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """sdist and wheel of a tree that came without its history."""
    folder = tmp_path_factory.mktemp("release")
    ignored = shutil.ignore_patterns(".git", ".venv", "runs", "dist", "site", ".*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(ROOT, folder / "tree", ignore=ignored)
    # Its own build tools: nothing is fetched. The environment's own moesaic is not on the path of the build.
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "tree")
    return folder / "dist"


@pytest.mark.slow
def test_sdist_and_wheel_are_fit_to_be_published(built):
    names = sorted(path.name for path in built.iterdir())
    assert names == ["moesaic-0.1.0-py3-none-any.whl", "moesaic-0.1.0.tar.gz"]
    said = call(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()).stdout
    assert said.count("PASSED") == 2


@pytest.mark.slow
@pytest.mark.untraced
def test_the_wheel_works_away_from_the_checkout(built, finished, tmp_path):
    """The environment sees the wheel and this one's libraries, but not this one's moesaic.

    ``make dist`` does the same with nothing but what the wheel asks for, which downloads some gigabytes.
    """
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment")
    python = tmp_path / "environment" / "bin" / "python"
    place = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    (place / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # no .pth in there is followed
    call(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", next(built.glob("*.whl"))
    )
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COVERAGE_PROCESS_START")
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*command, codes=(0,)):
        done = subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            check=False,
            cwd=elsewhere,
            env=environment,
            timeout=800,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    command = python.with_name("moesaic")
    where = run(python, "-c", "import moesaic; print(moesaic.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path)
    assert run(command, "--version") == "moesaic 0.1.0\n"
    assert "generate" in run(command, "--help")
    (elsewhere / "rows.jsonl").write_text('{"prediction": "print(1)", "reference": "print(1)"}\n')
    assert "codebleu" in run(command, "score", "rows.jsonl", "--language", "python", "--json").lower()
    run(command, "generate", finished / "runs" / "toy", "Add two numbers", "--max-new-tokens", "4", codes=(0, 3))
    tasks = run(python, "-c", "from moesaic.data.corpus import load_tasks; print(len(load_tasks()))")
    assert int(tasks) >= 48
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        inside = {name.removeprefix("moesaic/") for name in wheel.namelist()}
    source = ROOT / "src" / "moesaic"
    wanted = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    }
    assert wanted <= inside
