"""Imports point only upward, and the command line starts without the heavy libraries."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "peft", "accelerate", "datasets", "sacrebleu", "ruff", "fastapi", "uvicorn")


def python(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_point_only_upward():
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    result = python(code)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 kept, 0 broken" in result.stdout


def test_command_line_imports_nothing_heavy():
    """Its help is shown in half a second; torch alone takes several to import."""
    heavy = f"print([name for name in {HEAVY!r} if name in sys.modules])"
    code = f"import atexit, sys; sys.argv = ['moesaic', '--help']; atexit.register(lambda: {heavy})"
    result = python(f"{code}; from moesaic.cli import main; main()")
    assert result.returncode == 0, result.stderr
    said, _, imported = result.stdout.rstrip().rpartition("\n")
    assert "recipes/quickstart.yaml" in " ".join(said.split())
    assert imported == "[]"


def test_foundation_and_leaves_that_only_read_files_need_no_torch():
    foundation = ("errors", "languages", "gates", "progress", "files", "recipe", "workspace", "parsing", "statistics")
    modules = [
        f"moesaic.{name}" for name in (*foundation, "report", "codebleu", "execution.grading", "evaluate.guards")
    ]
    result = python(f"import {', '.join(modules)}, sys; print('torch' in sys.modules)")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "False"
