"""Tools that answer late, as on a machine with much else to do, and tools that do not work.

The tools are scripts in front of the real ones. They lie outside /tmp, which a sandbox has of its own. What is late
never answers, so that no limit of time is too long for it; what has to answer gets all the time it may need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from moesaic.errors import ToolchainError
from moesaic.execution import patience, supervise
from moesaic.execution.grading import execute, grade_programs
from moesaic.execution.java_compiler import JavaCompiler, Unit
from moesaic.execution.judges import find_toolchain, find_toolchains
from moesaic.execution.problems import Problem
from moesaic.execution.sandbox import Limits, Sandbox
from moesaic.execution.supervise import Outcome
from moesaic.execution.toolchains import Toolchain
from moesaic.execution.verdicts import ending

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools"),
    pytest.mark.toolchain,
]
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="not on PATH: g++")

PYTHON = Problem("twice", "python", "def twice(x):\n", "    return 2 * x\n", "assert twice(2) == 4")
CPP = [
    Problem(f"twice{number}", "cpp", "int twice(int x) {\n", "    return 2 * x;\n}\n", "int main() { }")
    for number in range(3)
]
LATE = "sleep 1000"
Tool = Callable[[str, str], None]


@pytest.fixture
def put_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tool]:
    """Puts a script before a tool, which it calls in the end; asked for its version, the tool answers at once."""
    folder = Path(tempfile.mkdtemp(prefix="moesaic-busy-", dir="/var/tmp"))
    (folder / "bin").mkdir()
    (folder / "state").mkdir()
    (folder / "state").chmod(0o777)
    folder.chmod(0o755)

    def put(tool: str, script: str) -> None:
        fake, real = folder / "bin" / tool, Path(str(shutil.which(tool))).resolve()
        fake.write_text(f'#!/bin/sh\ncase "$1" in --version) ;; *) {script} ;; esac\nexec {real} "$@"\n')
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        find_toolchain.cache_clear()

    yield put
    find_toolchain.cache_clear()
    shutil.rmtree(folder)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(allow_code_execution=True, limits=Limits(wall_seconds=120)) as box:
        yield box


@needs_compiler
def test_a_compiler_that_is_late_once_is_asked_again(
    put_before: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It leaves a file that another user cannot write over, as each attempt is another one.
    half = 'case "$out" in *assert.o) echo half > "$out.half"; mkdir "$state/half"; sleep 1000 ;; esac'
    late = f'if mkdir "$state/late" 2>/dev/null; then for out; do {half}; done; fi'
    put_before("g++", f'state="$(dirname "$0")/../state"; {late}')
    is_half = Path(str(shutil.which("g++"))).parent.parent / "state" / "half"

    def monotonic() -> float:
        """The clock jumps once the file is there."""
        return time.monotonic() + (2 * patience.SECONDS if is_half.exists() else 0)

    monkeypatch.setattr(supervise, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    with Sandbox("rlimit", allow_code_execution=True, limits=Limits(wall_seconds=60)) as box:
        (result,) = execute("own", {"cpp": CPP[:1]}, sandbox=box)
        assert (result.passed, result.skipped) == (1, "")
        assert is_half.exists(), "it was not late"
        assert not list(box._folder.rglob("*.half"))


@needs_compiler
def test_a_compiler_that_stays_late_leaves_the_other_languages_their_verdicts(
    box: Sandbox, put_before: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_before("g++", LATE)
    find_toolchains(["cpp", "python"])  # their versions: these answer
    monkeypatch.setattr(patience, "SECONDS", 1)
    rows, calls, run = tmp_path / "rows.jsonl", [], box._supervise

    def counted(command: Sequence[str], toolchain: Toolchain, *more: Any) -> Outcome:
        calls.append(toolchain.language)
        return run(command, toolchain, *more)

    monkeypatch.setattr(box, "_supervise", counted)
    late, judged = execute("own", {"cpp": CPP, "python": [PYTHON]}, sandbox=box, workers=3, rows=rows)
    assert (late.language, late.total, late.passed, late.rows) == ("cpp", 3, None, ())
    assert late.skipped.startswith("cpp: /var/tmp/moesaic-busy-")
    assert "g++ did not answer within 1 s, tried 2 times (the load of the machine is " in late.skipped
    assert (judged.language, judged.passed, judged.skipped) == ("python", 1, "")
    assert calls.count("cpp") == 2, "not tried again by each program"

    programs = [
        {"id": problem.id, "language": problem.language, "program": problem.complete(str(problem.solution))}
        for problem in (*CPP, PYTHON)
    ]
    grading = grade_programs(programs, {"cpp": CPP, "python": [PYTHON]}, sandbox=box)
    assert [row.language for row in grading.rows] == ["python"]
    assert list(grading.pass_at_1) == ["python"]
    assert grading.skipped == {"cpp": late.skipped}


@needs_compiler
@pytest.mark.parametrize(
    ("script", "told"), [("exit 3", "exit code 3 without a message"), ("echo no space >&2; exit 1", "no space")]
)
def test_a_compiler_that_does_not_work_always_has_a_reason(
    box: Sandbox, put_before: Tool, script: str, told: str
) -> None:
    put_before("g++", script)
    (result,) = execute("own", {"cpp": CPP[:1]}, sandbox=box)
    assert result.skipped.endswith(f"g++ does not work: {told}")


def test_a_limit_is_a_reason() -> None:
    assert ending(Outcome(137, b"", b"", 1.0, 0, "memory")) == "ended at the limit of memory"


@pytest.mark.skipif(shutil.which("javac") is None, reason="not on PATH: javac")
@pytest.mark.parametrize(
    ("script", "seconds", "told"),
    [(LATE, 1, "did not answer within 1 s, tried 2 times"), ("exit 1", 120, "ended while it started")],
)
def test_a_java_server_that_does_not_come_is_no_verdict_on_a_program(
    box: Sandbox, put_before: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    script: str, seconds: float, told: str,
) -> None:  # fmt: skip
    toolchain = find_toolchain("java")
    put_before("java", script)
    monkeypatch.setattr(patience, "SECONDS", seconds)
    fake = Path(str(shutil.which("java")))
    toolchain = replace(
        toolchain, folders=(*toolchain.folders, fake.parent.parent), tools={**toolchain.tools, "java": str(fake)}
    )
    with (
        JavaCompiler(box.isolation, toolchain, Limits(wall_seconds=60)) as compiler,
        pytest.raises(ToolchainError, match=f"java: {fake} {told}"),
    ):
        compiler.compile([Unit("Main.java", "class Main { }")], tmp_path)


def test_a_tool_that_is_late_is_asked_twice_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, run, limits = tmp_path / "answers", subprocess.run, []

    def second_answers(*arguments: Any, timeout: float, **options: Any) -> subprocess.CompletedProcess[str]:
        if limits:
            answers.touch()
        limits.append(timeout)
        return run(*arguments, timeout=timeout if answers.exists() else 0.1, **options)

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", second_answers)
        assert patience.ask(["/bin/sh", "-c", f"test -e {answers} || exec {LATE}; echo 1.2"]).stdout == "1.2\n"
    assert limits == [patience.SECONDS] * 2
    monkeypatch.setattr(patience, "SECONDS", 0.1)
    with pytest.raises(ToolchainError, match=r"^sleep 1000 did not answer within 0 s, tried 2 times .* fewer workers$"):
        patience.ask(["sleep", "1000"])
    with pytest.raises(ToolchainError, match=r"^cannot start /: Permission denied$"):
        patience.ask(["/"])


def test_a_sandbox_that_does_not_answer_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\nexec sleep 1000\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(patience, "SECONDS", 0.5)
    with pytest.raises(ToolchainError, match="bubblewrap's sandbox did not answer"):
        Sandbox(allow_code_execution=True)
