"""Data sets of the hub, from a local server that speaks as much of its interface as reading needs."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

import pytest

pytestmark = pytest.mark.process  # where the hub is, its library reads when it is imported

COMMIT, OLDER, CONVERTED = "c" * 40, "0" * 40, "d" * 40
NAME = "some/pairs"
SCRIPT = "raise SystemExit('the loader script was run')\n"


def lines(split, language="Python"):
    rows = [{"text": f"Add {number} | {split}", "code": f"print ( 1 + {number} )"} for number in range(3)]
    return "".join(json.dumps({**row, "text": f"{language}: {row['text']}"}) + "\n" for row in rows).encode()


def many_lines():
    return "".join(json.dumps({"text": f"Add {n}", "code": f"print({n})"}) + "\n" for n in range(200)).encode()


def xlcost_files():
    """The layout of XLCoST's data set: a script, and a folder of JSON Lines for each configuration."""
    files = {"pairs.py": SCRIPT.encode(), "README.md": b"# pairs\n"}
    for folder in ("Python-program-level", "C++-program-level", "Python-snippet-level"):
        for split in ("train", "valid", "test"):
            files[f"data/{folder}/{split}.json"] = lines(split, folder)
    return files


@pytest.fixture
def hub():
    """Starts the server; yields (its address, revision -> files, paths that were asked for)."""
    revisions: dict[str, dict[str, bytes]] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = unquote(urlparse(self.path).path)
            asked.append(path)
            parts = path.split("/")
            if path in (f"/api/datasets/{NAME}", f"/api/datasets/{NAME}/revision/main"):
                self.answer(json.dumps({"id": NAME, "sha": COMMIT}).encode())
            elif path.startswith(f"/api/datasets/{NAME}/revision/") and parts[-1] in revisions:
                self.answer(json.dumps({"id": NAME, "sha": parts[-1]}).encode())
            elif path.startswith(f"/api/datasets/{NAME}/tree/"):
                revision = path.removeprefix(f"/api/datasets/{NAME}/tree/")
                if revision not in revisions:
                    return self.missing("RevisionNotFound")
                files = [
                    {"type": "file", "path": file, "size": len(content), "oid": "0" * 40}
                    for file, content in revisions[revision].items()
                ]
                self.answer(json.dumps(files).encode())
            elif path.startswith(f"/datasets/{NAME}/resolve/"):
                rest = path.removeprefix(f"/datasets/{NAME}/resolve/")
                revision = next((name for name in revisions if rest.startswith(f"{name}/")), None)
                content = revisions.get(revision, {}).get(rest.removeprefix(f"{revision}/"))
                if content is None:
                    return self.missing("EntryNotFound")
                commit = CONVERTED if revision.startswith("refs/") else revision
                etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                self.answer(content, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})
            else:
                self.missing("RevisionNotFound" if "/revision/" in path else "RepoNotFound")

        def answer(self, content, headers=()):
            self.send_response(200)
            for key, value in dict(headers).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def missing(self, code):
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", revisions, asked
    server.shutdown()
    server.server_close()
    thread.join()


READ = """
import json
from types import SimpleNamespace
from moesaic.data.sources import read_source, resolve_revision
from moesaic.errors import MoesaicError
options = SimpleNamespace(source="hub:{name}", revision={revision!r}, fields={{}}, languages={languages!r},
    validation_fraction=0.1, test_fraction=0.2)
try:
    commit = resolve_revision(options)
    pairs = read_source(options, commit)
except MoesaicError as error:
    raise SystemExit(str(error))
first = {{
    language: {{split: [len(found), found[0].text] for split, found in splits.items()}}
    for language, splits in pairs.items()
}}
print(json.dumps([commit, first]))
"""


def read(hub, tmp_path, languages=("python",), revision=None, name=NAME):
    """Reads in a process of its own: the hub's library takes its address from the environment once."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub[0],
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    code = READ.format(name=name, revision=revision, languages=languages)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def test_files_are_found_by_listing_and_no_script_is_run(hub, tmp_path):
    hub[1][COMMIT] = xlcost_files()
    done = read(hub, tmp_path, ("python", "cpp"))
    assert done.returncode == 0, done.stderr
    commit, pairs = json.loads(done.stdout)
    assert commit == COMMIT
    assert pairs["python"]["validation"] == [3, "Python-program-level: Add 0 | valid"]
    assert pairs["cpp"]["test"] == [3, "C++-program-level: Add 0 | test"]
    assert not [path for path in hub[2] if path.endswith(".py")]


def test_a_pinned_commit_is_read(hub, tmp_path):
    hub[1][COMMIT] = {}
    hub[1][OLDER] = xlcost_files()
    done = read(hub, tmp_path, revision=OLDER)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == OLDER


def test_a_revision_that_is_not_there(hub, tmp_path):
    hub[1][COMMIT] = xlcost_files()
    done = read(hub, tmp_path, revision="v9")
    assert done.returncode == 1
    assert done.stderr.strip() == f"the hub data set '{NAME}' has no revision 'v9' (data.revision)"


def test_an_unknown_data_set(hub, tmp_path):
    done = read(hub, tmp_path, name="some/other")
    assert done.returncode == 1
    assert done.stderr.startswith("cannot load 'some/other' from the hub: ")
    assert "Traceback" not in done.stderr


def test_a_split_that_is_missing_comes_from_the_training_split(hub, tmp_path):
    files = xlcost_files()
    del files["data/Python-program-level/test.json"]
    files["data/Python-program-level/train.json"] = many_lines()
    hub[1][COMMIT] = files
    done = read(hub, tmp_path)
    assert f"{NAME} has no test split for Python: taken from its training split by problem" in done.stderr
    sizes = {split: size for split, (size, _) in json.loads(done.stdout)[1]["python"].items()}
    assert sizes["validation"] == 3
    assert sizes["train"] + sizes["test"] == 200
    assert 20 < sizes["test"] < 60


def test_a_training_split_is_needed(hub, tmp_path):
    files = xlcost_files()
    del files["data/Python-program-level/train.json"]
    hub[1][COMMIT] = files
    done = read(hub, tmp_path)
    assert f"the hub data set '{NAME}' has no training split for Python" in done.stderr


@pytest.mark.parametrize("name", ["train.jsonl", "data/train-00000-of-00001.jsonl", "instructions.json"])
def test_a_table_of_all_languages(hub, tmp_path, name):
    """Most data sets of instructions have one training file, and a column that names the language."""
    rows = [json.loads(line) for line in many_lines().decode().splitlines()]
    table = [
        {"lang": language, "problem": row["text"], "solution": f"Here:\n```\n{row['code']}\n```"}
        for row in rows
        for language in ("Python", "cpp", "rust")
    ]
    hub[1][COMMIT] = {name: "".join(json.dumps(row) + "\n" for row in table).encode(), "dataset_infos.json": b"{}"}
    done = read(hub, tmp_path, ("python", "cpp"))
    assert done.returncode == 0, done.stderr
    pairs = json.loads(done.stdout)[1]
    assert sum(size for size, _ in pairs["cpp"].values()) == sum(size for size, _ in pairs["python"].values()) == 200


def test_a_table_of_one_language_names_none(hub, tmp_path):
    hub[1][COMMIT] = {"data/train.json": many_lines()}
    assert read(hub, tmp_path).returncode == 0
    done = read(hub, tmp_path, ("python", "java"))
    assert "the rows do not say which of java, python they are in" in done.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[1, 2]", b"[" * 100_000])
def test_damaged_files_are_named(hub, tmp_path, content):
    hub[1][COMMIT] = xlcost_files() | {"data/Python-program-level/train.json": content}
    done = read(hub, tmp_path)
    assert done.returncode == 1
    assert "data/Python-program-level/train.json of the hub data set" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("converted", [False, True])
def test_parquet_files_own_or_converted(hub, tmp_path, converted):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra hub")
    from pyarrow import parquet

    def table(split):
        buffer = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist([{"text": split, "code": "x = 1"}]), buffer)
        return buffer.getvalue()

    if converted:
        splits = ("train", "validation", "test")
        hub[1][COMMIT] = {"pairs.py": SCRIPT.encode()}
        hub[1]["refs/convert/parquet"] = {
            f"Python-program-level/{split}/0000.parquet": table(split) for split in splits
        }
    else:
        names = {"train": "train-00000-of-00001", "dev": "dev-00000-of-00001", "test": "test-00000-of-00001"}
        hub[1][COMMIT] = {f"python/{name}.parquet": table(split) for split, name in names.items()}
    done = read(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1]["python"]["train"] == [1, "train"]


def test_a_data_set_of_nothing_but_a_script_is_refused(hub, tmp_path):
    hub[1][COMMIT] = {"pairs.py": SCRIPT.encode()}
    done = read(hub, tmp_path)
    assert done.returncode == 1
    assert "the loader script was run" not in done.stderr
    assert "Traceback" not in done.stderr
