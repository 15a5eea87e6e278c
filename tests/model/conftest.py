"""What the tests of base models share."""

import pytest

from pico import pico_base


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """A checkpoint folder of a pico base."""
    return pico_base(tmp_path / "base")
