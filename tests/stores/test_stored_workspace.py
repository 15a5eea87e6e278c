"""Workspaces in an object store, against a server of its own process: whole or not there, from whichever machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import s3fs

from moesaic.errors import BusyError, CheckpointError, DependencyError, StoreError
from moesaic.stores import lock, snapshots
from moesaic.stores.objects import ObjectStore, StoreUrl, parse_url
from moesaic.stores.workspace import StoredWorkspace
from object_server import gs_server, objects


@pytest.fixture
def url(request):
    """A place of the test's own."""
    return StoreUrl("s3", "runs", hashlib.sha256(request.node.name.encode()).hexdigest()[:12])


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


def make(workspace, name="data", digest="d1", text="one"):
    with workspace.stage(name, digest) as stage:
        (stage.folder / "inner").mkdir(exist_ok=True)
        (stage.folder / "inner" / "a.txt").write_text(text)
        (stage.folder / "b.bin").write_bytes(text.encode() * 1000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("runs", None),
        ("/tmp/runs", None),
        ("s3://bucket", StoreUrl("s3", "bucket", "")),
        ("gs://a.bucket/some/pre-fix/", StoreUrl("gs", "a.bucket", "some/pre-fix")),
    ],
)
def test_places_and_folders_are_told_apart(text, found):
    assert parse_url(text) == found


@pytest.mark.parametrize(
    "text", ["s3:/bucket", "s3://", "S3://bucket", "http://x/y", "s3://b/../c", "s3://bucket//x", "gs://bucket/a?b"]
)
def test_what_looks_like_a_place_and_is_none_is_refused(text):
    with pytest.raises(ValueError, match="give a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"):
        parse_url(text)


def test_a_finished_stage_is_found_on_another_machine(machine, url):
    make(StoredWorkspace(url))
    machine("second")
    other = StoredWorkspace(url)
    assert not (other.root / "data").exists()
    assert other.is_done("data", "d1")
    assert not other.is_done("data", "d2")
    assert (other.path("data") / "inner" / "a.txt").read_text() == "one"
    other.verify("data")
    assert not list(other.root.rglob("*.fetched"))
    # It is made again there, from something else, and the first machine sees that.
    make(other, digest="d2", text="two")
    machine("first")
    assert not StoredWorkspace(url).is_done("data", "d1")
    assert (StoredWorkspace(url).path("data") / "inner" / "a.txt").read_text() == "two"
    assert sorted(objects(url.prefix)) == ["data/b.bin", "data/inner/a.txt", "data/manifest.json"]


def test_files_that_a_stage_leaves_no_more_go_from_the_store(machine, url):
    workspace = StoredWorkspace(url)
    make(workspace)
    with workspace.stage("data", "d2") as stage:
        (stage.folder / "c.txt").write_text("x")
    assert sorted(objects(url.prefix)) == ["data/c.txt", "data/manifest.json"]


def test_a_stage_that_is_not_in_the_store_is_not_finished_here(machine, url):
    workspace = StoredWorkspace(url)
    make(workspace)
    workspace.store.remove(["data/manifest.json"])
    assert workspace.manifest("data") is None
    make(workspace)
    workspace.forget("data")
    machine("second")
    assert StoredWorkspace(url).manifest("data") is None


@pytest.mark.parametrize("change", [b"other", None])
def test_bytes_that_are_not_those_of_the_manifest_are_named(machine, url, change):
    make(StoredWorkspace(url))
    store = ObjectStore(url)
    store.remove(["data/inner/a.txt"]) if change is None else store.write("data/inner/a.txt", change)
    machine("second")
    other = StoredWorkspace(url)
    with pytest.raises(CheckpointError, match=r"data/inner/a\.txt (holds other bytes|is missing)"):
        other.manifest("data")
    assert not other.path("data").exists()


def test_a_manifest_names_no_file_outside_of_its_stage(machine, url):
    store = ObjectStore(url)
    sound = {"digest": "1", "output_digest": "2", "seconds": 1, "files": {}, "sha256": {}}
    for wrong in ([], sound | {"files": {"../../x": 1}}, sound | {"files": {"/x": 1}}, sound | {"sha256": {"x": "0"}}):
        store.write("data/manifest.json", json.dumps(wrong).encode())
        with pytest.raises(CheckpointError, match="is not a manifest"):
            StoredWorkspace(url).manifest("data")


_DYING = """
import json, os, signal, sys
from moesaic.stores.objects import ObjectStore, StoreUrl
from moesaic.stores.workspace import StoredWorkspace
sys.path[:0] = {paths!r}
from test_stored_workspace import make
url = {url!r}

def child(machine, work):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.environ["MOESAIC_CACHE"] = machine
        work()
        sys.stdout.flush()
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def dying(call):
    make(StoredWorkspace(url))
    calls = []
    def counted(original):
        def count(self, *arguments):
            calls.append(1)
            if len(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, *arguments)
        return count
    for name in ("upload", "write", "remove"):
        setattr(ObjectStore, name, counted(getattr(ObjectStore, name)))
    make(StoredWorkspace(url), digest="d2", text="two")

def seen():
    workspace = StoredWorkspace(url)
    manifest = workspace.manifest("data")  # fetches, and compares every byte
    text = None if manifest is None else (workspace.path("data") / "inner" / "a.txt").read_text()
    print(json.dumps([None if manifest is None else manifest["digest"], text]))

def looks():
    seen()
    os.environ["MOESAIC_CACHE"] = machine
    workspace = StoredWorkspace(url)
    print(json.dumps([workspace.is_done("data", "d2"), sorted(workspace.store.keys("data"))]))

for call in range(1, 100):
    machine = {folder!r} + f"/{{call}}"
    status = child(machine, lambda: dying(call))
    child(machine + "-other", looks)
    print(status)
    if status == 0:
        break
"""


@pytest.mark.slow
def test_a_kill_at_any_call_leaves_the_old_stage_the_new_one_or_none(machine, url, tmp_path):
    paths = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    script = _DYING.format(paths=paths, url=url, folder=str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=800)
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    statuses = told[2::3]
    assert statuses == [signal.SIGKILL] * (len(statuses) - 1) + [0]
    assert len(statuses) > 5
    assert {tuple(seen) for seen in told[0::3]} == {(None, None), ("d1", "one"), ("d2", "two")}
    # What was whole on the machine is uploaded by its next run, and not made again.
    whole = [True, ["data/b.bin", "data/inner/a.txt", "data/manifest.json"]]
    assert told[1::3] == [whole] * len(statuses)


_LARGE = """
import os, signal, socket
from moesaic.stores.objects import StoreUrl
from moesaic.stores.workspace import StoredWorkspace
send, sent = socket.socket.send, 0
def dying(self, data, *flags):
    global sent
    done = send(self, data, *flags)
    sent += done
    if sent > 2**22:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
socket.socket.send = dying
with StoredWorkspace({url!r}).stage("data", "d1") as stage:
    (stage.folder / "large.bin").write_bytes(bytes(range(256)) * 2**16)
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_of_an_object_leaves_no_part_of_it(machine, url):
    script = _LARGE.format(url=url)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=800)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert objects(url.prefix) == {}
    assert StoredWorkspace(url).is_done("data", "d1")
    machine("second")
    other = StoredWorkspace(url)
    other.verify("data")
    assert (other.path("data") / "large.bin").stat().st_size == 2**24


def leave_partial(workspace, text, digest="d1"):
    """A run that adds a line to what is there and is stopped; returns what it found."""
    with contextlib.suppress(KeyboardInterrupt), workspace.stage("data", digest) as stage:
        rows = stage.folder / "rows.jsonl"
        found = rows.read_text() if rows.exists() else ""
        assert stage.resumed == bool(found)
        rows.write_text(found + text)
        raise KeyboardInterrupt
    return found


def test_another_machine_goes_on_from_the_last_snapshot(machine, url, capsys):
    leave_partial(StoredWorkspace(url), "1\n")
    machine("second")
    leave_partial(StoredWorkspace(url), "2\n")
    assert "data: continuing from the snapshot" in capsys.readouterr().err
    machine("first")  # what is here is older than what the other one made of it
    assert leave_partial(StoredWorkspace(url), "3\n") == "1\n2\n"
    machine("third")
    assert leave_partial(StoredWorkspace(url), "4\n", digest="d2") == ""
    assert leave_partial(StoredWorkspace(url), "5\n") == ""  # the snapshot was that of d2
    machine("fourth")
    make(StoredWorkspace(url))
    assert not [key for key in objects(url.prefix) if key.startswith(".partial/")]


def test_what_this_machine_did_after_its_snapshot_is_kept(machine, url):
    workspace = StoredWorkspace(url)
    leave_partial(workspace, "1\n")
    (workspace.root / ".data.partial" / "rows.jsonl").write_text("1\n2\n")  # killed before it was uploaded
    assert leave_partial(workspace, "3\n") == "1\n2\n"


def test_a_snapshot_that_is_not_whole_is_not_taken_for_one(machine, url, capsys):
    leave_partial(StoredWorkspace(url), "1\n" * 10)
    store = ObjectStore(url)
    for key in store.keys(".partial/data"):
        if not key.endswith("snapshot.json"):
            store.write(key, b"")
    machine("second")
    assert leave_partial(StoredWorkspace(url), "2\n") == ""
    assert "is incomplete" in capsys.readouterr().err


def test_checkpoints_are_uploaded_while_the_stage_works(machine, url, monkeypatch):
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.02)
    workspace, store = StoredWorkspace(url), ObjectStore(url)
    with workspace.stage("data", "d1") as stage:
        for number in range(3):
            partial = stage.folder / ".checkpoint.safetensors.partial"
            partial.write_bytes(b"%d" % number * 10_000)
            partial.rename(stage.folder / "checkpoint.safetensors")
            digest = hashlib.sha256(b"%d" % number * 10_000).hexdigest()
            until(lambda: digest in (store.read(".partial/data/snapshot.json") or b"").decode())  # noqa: B023
        until(lambda: len(store.keys(".partial/data")) == 3)  # the list, the mark and one checkpoint, not three
        (stage.folder / "checkpoint.safetensors").unlink()


def test_a_store_that_is_away_for_a_moment_does_not_end_the_work(machine, url, monkeypatch, capsys):
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.02)
    workspace = StoredWorkspace(url)
    upload = ObjectStore.upload
    asked = threading.Event()

    def away(self, path, key):
        asked.set()
        raise StoreError("away")

    with workspace.stage("data", "d1") as stage:
        monkeypatch.setattr(ObjectStore, "upload", away)
        (stage.folder / "a").write_text("a")
        assert asked.wait(60)
        monkeypatch.setattr(ObjectStore, "upload", upload)
    assert workspace.is_done("data", "d1")
    assert "no snapshot was uploaded; it is tried again: away" in capsys.readouterr().err


def hold(url, place="elsewhere", pid=1, beat=0):
    facts = {"pid": pid, "host": "other", "started": "today", "place": place, "token": "x", "beat": beat}
    ObjectStore(url).write(lock.KEY, json.dumps(facts).encode())


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(lock, "SETTLE_SECONDS", 0.05)


def test_the_lock_says_who_has_it_and_goes_with_the_run(machine, url, quick):
    with StoredWorkspace(url).lock():
        held = json.loads(objects(url.prefix)["lock.json"])
        assert held["pid"] == os.getpid()
        until(lambda: json.loads(objects(url.prefix)["lock.json"])["beat"] > held["beat"])
        machine("second")  # another machine, were it not for the place that the lock names
        with pytest.raises(BusyError, match=rf"another run \(process {os.getpid()} on .*\) works in s3://runs/"):
            StoredWorkspace(url).lock().__enter__()
    assert objects(url.prefix) == {}


def test_a_live_run_of_another_machine_is_told_by_its_beat(machine, url, monkeypatch):
    hold(url)
    monkeypatch.setattr(lock.time, "sleep", lambda _: hold(url, beat=1))
    with pytest.raises(BusyError, match="process 1 on other, started today"):
        StoredWorkspace(url).lock().__enter__()


@pytest.mark.parametrize(("place", "waits"), [("elsewhere", True), (lock._place(), False)])
def test_the_lock_of_a_run_that_is_gone_is_taken_over(machine, url, quick, capsys, place, waits):
    gone = subprocess.Popen(["true"])
    gone.wait()
    hold(url, place, gone.pid)
    with StoredWorkspace(url).lock():
        pass
    said = capsys.readouterr().err
    assert "did not end normally; taking" in said
    assert ("waiting up to" in said) == waits


def test_a_run_whose_workspace_was_taken_over_ends(machine, url, quick):
    workspace = StoredWorkspace(url)
    with workspace.lock():
        hold(url)
        until(lambda: workspace._lock.lost_to)
        with pytest.raises(BusyError, match="was taken over by process 1 on other"):
            make(workspace)
    assert "data/manifest.json" not in objects(url.prefix)
    assert "lock.json" in objects(url.prefix)  # it is the other one's


def test_of_two_that_take_over_at_once_one_gives_up(machine, url, quick, monkeypatch):
    hold(url)
    monkeypatch.setattr(lock.time, "sleep", lambda _: hold(url, pid=2, beat=9) if taken(url) else None)
    with pytest.raises(BusyError, match="process 2 on other"):
        StoredWorkspace(url).lock().__enter__()


def taken(url):
    return json.loads(objects(url.prefix)["lock.json"])["pid"] == os.getpid()


@pytest.fixture
def afresh(machine):
    """No connection of an earlier test is used."""
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_that_is_not_there_is_named(machine):
    with pytest.raises(StoreError, match="s3://nowhere/x: there is no bucket 'nowhere'"):
        ObjectStore(StoreUrl("s3", "nowhere", "x"))


def test_a_store_that_does_not_answer_is_named(afresh, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError, match=r"s3://runs/x cannot be reached .*run the same command again"):
        ObjectStore(StoreUrl("s3", "runs", "x"))


def test_missing_credentials_are_named(afresh, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreError, match=r"s3://runs/x: access is refused .*credentials"):
        ObjectStore(StoreUrl("s3", "runs", "x"))


def test_refused_credentials_are_named(machine, monkeypatch):
    def refused(*_, **__):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(s3fs.S3FileSystem, "ls", refused)
    with pytest.raises(StoreError, match=r"access is refused \(Access Denied\): give this machine credentials"):
        ObjectStore(StoreUrl("s3", "runs", "x"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Google's libraries warn of each other
def test_google_cloud_storage_serves_as_well(tmp_path, monkeypatch):
    with gs_server() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        url = StoreUrl("gs", "runs", "some/where")
        monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "first"))
        with StoredWorkspace(url).lock():
            leave_partial(StoredWorkspace(url), "1\n")
        monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "second"))
        assert leave_partial(StoredWorkspace(url), "2\n") == "1\n"
        make(StoredWorkspace(url))
        monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "third"))
        other = StoredWorkspace(url)
        assert other.is_done("data", "d1")
        other.verify("data")
        names = ["b.bin", "inner/a.txt", "manifest.json", "rows.jsonl"]
        assert sorted(other.store.keys("")) == [f"data/{name}" for name in names]
        with pytest.raises(StoreError, match="gs://nowhere/x: there is no bucket 'nowhere'"):
            ObjectStore(StoreUrl("gs", "nowhere", "x"))


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_missing_extra_is_named(monkeypatch, scheme, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DependencyError, match=rf"{package}.*pip install 'moesaic\[stores\]'"):
        ObjectStore(StoreUrl(scheme, "runs", "x"))
