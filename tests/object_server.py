"""Object stores as processes of their own, asked over HTTP as the real ones are: moto's S3, an emulator of Google's."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

_SCRIPT = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


_GS_SCRIPT = """
import socket, sys
from gcp_storage_emulator.server import create_server
with socket.socket() as found:
    found.bind(("127.0.0.1", 0))
    port = found.getsockname()[1]
server = create_server("127.0.0.1", port, in_memory=True, default_bucket="runs")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop()
"""


@contextlib.contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Starts a server with a bucket ``runs``; yields the environment in which programs find it."""
    with _served(_SCRIPT) as url:
        found = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        _forget_servers()
        try:
            with added(found):
                _files().mkdir("runs")
            yield found
        finally:
            _forget_servers()


@contextlib.contextmanager
def gs_server() -> Iterator[dict[str, str]]:
    """The same for Google Cloud Storage; conditions of writes are not looked at there."""
    with _served(_GS_SCRIPT) as url:
        yield {"STORAGE_EMULATOR_HOST": url}


@contextlib.contextmanager
def _served(script: str) -> Iterator[str]:
    """Starts a script that prints the port it serves, and ends when its input does; yields the address."""
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        assert port, "the server did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.communicate(timeout=60)


@contextlib.contextmanager
def added(variables: dict[str, str]) -> Iterator[None]:
    """Adds variables to the environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def objects(prefix: str) -> dict[str, bytes]:
    """Returns what is below a prefix of the bucket ``runs``: key -> bytes."""
    files = _files()
    start = len(f"runs/{prefix}/")
    return {path[start:]: files.cat_file(path) for path in files.find(f"runs/{prefix}")}


def _forget_servers() -> None:
    """fsspec keeps what it has connected to, by its arguments; the environment says where, and is not among them."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()


def _files():
    import fsspec

    return fsspec.filesystem("s3", use_listings_cache=False)
