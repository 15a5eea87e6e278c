import pytest

from object_server import s3_server


@pytest.fixture(scope="session")
def server():
    with s3_server() as environment:
        yield environment


@pytest.fixture
def machine(server, tmp_path, monkeypatch):
    """Makes this process one of several machines: it has a folder of its own to work in."""

    def become(name: str) -> None:
        monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / name))

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    become("first")
    return become
