"""The targets of the fuzzer on a few inputs each, and again on every kind of input that was once a finding."""

from __future__ import annotations

import json

import pytest
from fuzz import Count, table
from fuzz_targets import TARGETS
from hypothesis import given

from hostile import draws, soon

SLOW = ("gguf_conversion", "score")
MANIFEST = {"digest": "0", "output_digest": "1", "seconds": 1, "files": {"a.txt": 1}, "sha256": {"a.txt": "2"}}
FOUND = {
    "manifest": [
        {key: value for key, value in MANIFEST.items() if key != "output_digest"},  # KeyError
        MANIFEST | {"sha256": ["a.txt"]},  # AttributeError
        MANIFEST | {"files": {"a\0b": 1}},  # ValueError: embedded null byte
        MANIFEST | {"files": {"../../a.txt": 1}},
        MANIFEST | {"files": {"a.txt": None}},
    ],
}


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SLOW])
def test_a_few_inputs_end_in_a_result_or_a_message(tmp_path, name):
    target = TARGETS[name](tmp_path)
    for example in target.examples[:1]:
        target.check(example)

    @draws(25)
    @given(target.strategy)
    def read(data):
        with soon():
            target.check(data)

    read()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FOUND.items() for value in values])
def test_what_was_found_is_mended(tmp_path, name, value):
    with soon():
        TARGETS[name](tmp_path).check(json.dumps(value).encode())


def test_the_page_has_every_count_and_finding():
    counts = [Count("recipe", "atheris", 10, 1, 8, {"KeyError in a.py:f": 1}, 2.0, 0.25, 3.0)]
    arguments = type("Arguments", (), {"inputs": 10, "engine": "both", "seed": 1})()
    lines = table(counts, arguments)
    assert "| recipe | atheris | 10 | 1 | 8 | 1 | 2 | 250 | 3 |" in lines
    assert lines[-1] == "- recipe (atheris): KeyError in a.py:f, 1 inputs"
