import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from moesaic import workspace as artifacts
from moesaic.errors import BusyError, CheckpointError, RecipeError, SpaceError
from moesaic.files import file_digest
from moesaic.workspace import MANIFEST, Workspace, hardware, versions


def make(workspace, digest="d1", text="hello", *, error=None, seen=None, **options):
    """Makes the stage ``data``; fails with ``error`` and notes in ``seen`` what it found there."""
    with workspace.stage("data", digest, **options) as stage:
        if seen is not None:
            seen.append((stage.resumed, (stage.folder / "file.txt").exists()))
        (stage.folder / "file.txt").write_text(text)
        if error is not None:
            raise error


def test_stage_is_published_with_its_manifest(tmp_path):
    workspace = Workspace(tmp_path / "run")
    with workspace.stage("experts/java", "d1", seed=3) as stage:
        stage.notes["tokens"] = 7
        stage.notes["digest"] = "forged"
        (stage.folder / "sub").mkdir()
        (stage.folder / "sub" / "file.txt").write_text("hello")
        assert not workspace.path("experts/java").exists()
    manifest = workspace.manifest("experts/java")
    assert manifest["digest"] == "d1"  # a note cannot replace a fact
    assert manifest["files"] == {"sub/file.txt": 5}
    assert (manifest["seed"], manifest["tokens"]) == (3, 7)
    assert manifest["seconds"] >= 0
    assert "python" in manifest["versions"]
    assert workspace.is_done("experts/java", "d1")
    assert not workspace.is_done("experts/java", "d2")
    assert not workspace.is_done("experts/python", "d1")
    left = sorted(path.name for path in workspace.path("experts/java").rglob("*"))
    assert left == ["file.txt", "manifest.json", "sub"]
    assert [path.name for path in (tmp_path / "run" / "experts").iterdir()] == ["java"]


def test_error_leaves_nothing_that_counts_as_finished(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(RuntimeError):
        make(workspace, error=RuntimeError())
    assert not workspace.is_done("data", "d1")
    assert workspace.manifest("data") is None
    with pytest.raises(CheckpointError, match="stage 'data' is not finished"):
        workspace.output_digest("data")


def test_killed_stage_resumes_only_on_the_same_inputs(tmp_path):
    workspace = Workspace(tmp_path)

    def attempt(digest, **options):
        seen = []
        with pytest.raises(KeyboardInterrupt):
            make(workspace, digest=digest, error=KeyboardInterrupt(), seen=seen, **options)
        return seen[0]

    assert attempt("d1") == (False, False)
    assert attempt("d1") == (True, True)
    assert attempt("d1", resumable=False) == (False, False)
    assert attempt("d2") == (False, False)


def test_a_failing_new_attempt_keeps_the_old_result(tmp_path):
    workspace = Workspace(tmp_path)
    make(workspace, text="old")
    with pytest.raises(RuntimeError), workspace.stage("data", "d2"):
        raise RuntimeError
    assert workspace.is_done("data", "d1")
    assert (workspace.path("data") / "file.txt").read_text() == "old"
    make(workspace, digest="d2", text="new")
    assert (workspace.path("data") / "file.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("calls_before_kill", [0, 1])
def test_kill_between_manifest_and_rename_loses_nothing(tmp_path, monkeypatch, calls_before_kill):
    workspace = Workspace(tmp_path)
    make(workspace, text="old")
    rename, calls = Path.rename, []

    def killed(self, target):
        calls.append(self)
        if len(calls) > calls_before_kill:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        make(workspace, digest="d2", text="new")
    monkeypatch.undo()
    assert workspace.is_done("data", "d2")
    assert (workspace.path("data") / "file.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert not (workspace.path("data") / ".digest").exists()


def test_kill_before_the_manifest_resumes(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)

    def killed(path, value):
        raise KeyboardInterrupt

    monkeypatch.setattr(artifacts, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        make(workspace)
    monkeypatch.undo()
    assert not workspace.is_done("data", "d1")
    with workspace.stage("data", "d1") as stage:
        assert stage.resumed
        assert (stage.folder / "file.txt").exists()


@pytest.mark.parametrize("damage", ["delete", "cut"])
def test_a_stage_whose_file_is_gone_or_short_is_not_finished(tmp_path, damage):
    workspace = Workspace(tmp_path)
    make(workspace)
    path = workspace.path("data") / "file.txt"
    path.unlink() if damage == "delete" else path.write_text("hel")
    assert not workspace.is_done("data", "d1")


def test_damage_that_keeps_the_size_is_found(tmp_path):
    workspace = Workspace(tmp_path)
    make(workspace)
    assert workspace.manifest("data")["sha256"] == {"file.txt": file_digest(workspace.path("data") / "file.txt")}
    workspace.verify("data")
    (workspace.path("data") / "file.txt").write_text("hellp")
    assert workspace.is_done("data", "d1")  # sizes are all that is looked at to skip a stage
    with pytest.raises(CheckpointError, match=r"file\.txt does not hold the bytes that the stage data wrote"):
        workspace.verify("data")


def test_a_stage_of_an_earlier_moesaic_is_not_taken_over(tmp_path):
    workspace = Workspace(tmp_path)
    make(workspace)
    manifest = json.loads((workspace.path("data") / MANIFEST).read_text())
    del manifest["sha256"]
    (workspace.path("data") / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="earlier moesaic"):
        workspace.verify("data")


def test_a_look_at_a_stage_publishes_nothing(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    monkeypatch.setattr(artifacts, "put_in_place", lambda *_: None)
    make(workspace)
    monkeypatch.undo()
    assert workspace.matches("data", "d1")
    assert not workspace.path("data").exists()
    assert workspace.is_done("data", "d1")
    assert workspace.path("data").exists()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"files": 3}'])
def test_a_corrupt_manifest_is_named(tmp_path, content):
    workspace = Workspace(tmp_path)
    make(workspace)
    (workspace.path("data") / MANIFEST).write_text(content)
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        workspace.is_done("data", "d1")


def test_output_digest_is_about_bytes_and_names(tmp_path):
    digests = []
    for index, text in enumerate(["same", "same", "other"]):
        workspace = Workspace(tmp_path / str(index))
        make(workspace, text=text)
        digests.append(workspace.output_digest("data"))
    assert digests[0] == digests[1] != digests[2]


def test_full_disk_inside_a_stage(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(SpaceError), workspace.stage("data", "d1"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not workspace.is_done("data", "d1")


def test_workspace_on_a_file_is_a_user_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RecipeError, match="output: cannot make the folder"):
        Workspace(tmp_path / "runs" / "x")
    with pytest.raises(RecipeError, match="output"):
        Workspace(tmp_path / "runs")


def test_facts_are_serialisable():
    assert json.loads(json.dumps([versions(), hardware()]))[0]["moesaic"]
    assert hardware()["cores"] >= 1


_HOLDING = """
import os, subprocess, sys, time
from pathlib import Path
from moesaic.workspace import Workspace
with Workspace(Path(sys.argv[1])).lock():
    if sys.argv[2:] == ["child"]:
        if os.fork() == 0:
            os.close(1)
            time.sleep(1000)
            os._exit(0)
    print("locked", flush=True)
    sys.stdin.read()
"""


def holding(root, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(root), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    return process


def end(process):
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_a_second_run_is_told_who_has_the_workspace(tmp_path):
    workspace = Workspace(tmp_path / "run")
    other = holding(tmp_path / "run")
    with (
        pytest.raises(BusyError, match=rf"process {other.pid} on {platform.node()}, started 2") as told,
        workspace.lock(),
    ):
        pass
    assert "output or name" in str(told.value)
    end(other)
    with workspace.lock():
        assert json.loads((workspace.root / ".lock").read_text())["pid"] == os.getpid()
    assert list(workspace.root.iterdir()) == []


def test_a_killed_run_is_named_and_its_workspace_taken_over(tmp_path, capfd):
    other = holding(tmp_path)
    other.kill()
    end(other)
    with Workspace(tmp_path).lock():
        assert f"process {other.pid} on" in (said := capfd.readouterr().err)
        assert "did not end normally" in said
        with pytest.raises(BusyError), Workspace(tmp_path).lock():
            pass
    with Workspace(tmp_path).lock():
        assert capfd.readouterr().err == ""


def test_what_a_killed_run_had_started_does_not_keep_the_workspace(tmp_path, capfd):
    other = holding(tmp_path, "child")
    other.kill()
    end(other)
    with Workspace(tmp_path).lock():
        said = capfd.readouterr().err
    assert f"process {other.pid} on" in said
    assert "is gone" in said


def test_a_lock_from_another_machine_is_taken_over_with_a_word(tmp_path, capfd):
    (tmp_path / ".lock").write_text('{"pid": 1, "host": "elsewhere", "started": "2026-01-01"}')
    with Workspace(tmp_path).lock():
        assert "process 1 on elsewhere" in (said := capfd.readouterr().err)
        assert "if it no longer runs there" in said


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\ufffd"])
def test_a_lock_file_that_says_nothing_does_not_keep_anybody_out(tmp_path, content):
    (tmp_path / ".lock").write_text(content)
    with Workspace(tmp_path).lock():
        pass
