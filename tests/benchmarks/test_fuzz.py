"""The targets of the fuzzer on a few inputs each, and again on every kind of input that was once a finding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import fuzz
import pytest
from fuzz import Count, Judge, merged, page
from fuzz_targets import TARGETS, _gguf
from hypothesis import given

from hostile import draws, soon
from moesaic.errors import CheckpointError
from moesaic.model.base_files import resolve_base

SLOW = ("gguf_conversion", "score")
MANIFEST = {"digest": "0", "output_digest": "1", "seconds": 1, "files": {"a.txt": 1}, "sha256": {"a.txt": "2"}}
FOUND = {
    "adapter_config": [{"peft_type": "LORA", "\udcff": 1}],  # IndexError: a key that is no text has no place
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


def test_a_key_that_is_no_text_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"a key is '\\udcff': .*save the adapter again"):
        TARGETS["adapter_config"](tmp_path).check(json.dumps({"peft_type": "LORA", "\udcff": 1}).encode())


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        # Both were read: what is missing was made of random numbers, 31 layers in one case.
        (b"blk.0.attn_q", b"blk.0.attn_z", r"lacks 1 of its model's tensors, the first is model\.layers\.0\..*q_proj"),
        (b"token_embd.weight", b"token_embd.weighz", "no language model: it lacks"),
        (b"llama.block_count", b"llama.block_cound", r"llama\.block_count is None, but 1 layers have tensors"),
    ],
)
def test_a_gguf_whose_model_has_more_than_its_file_is_no_base(tmp_path, monkeypatch, name, other, told):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    sound = _gguf(tmp_path)
    file = tmp_path / "m.gguf"
    file.write_bytes(sound.replace(name, other))
    with pytest.raises(CheckpointError, match=told):
        resolve_base(str(file))
    file.write_bytes(sound)
    resolve_base(str(file))


ARGUMENTS = type("Arguments", (), {"inputs": 10, "engine": "both", "seed": 1, "shards": 2, "jobs": 1})()


def test_the_page_has_every_count_and_finding():
    counts = [Count("recipe", "atheris", 10, 1, 8, {"KeyError in a.py:f": 1}, 2.0, 0.25, 3.0, 10, "here")]
    lines = page(counts, ARGUMENTS)
    assert "| recipe | atheris | 10 | 1 | 8 | 1 | 2 | 250 | 3 |" in lines
    assert "- here" in lines
    assert lines[-1] == "- recipe (atheris): KeyError in a.py:f, 1 inputs"


def test_shards_are_added_up_and_a_stopped_one_is_told():
    counts = [
        Count("recipe", "atheris", 10, 1, 8, {"a": 1}, 2.0, 0.25, 3.0, 10, "here"),
        Count("recipe", "atheris", 4, 0, 2, {"a": 1, "b": 1}, 1.0, 0.5, 1.0, 10, "there"),
        Count("recipe", "hypothesis", 5, 5, 0, {}, 1.0, 0.1, 1.0, 5, "here"),
    ]
    first, second = merged(counts)
    assert first == Count("recipe", "atheris", 14, 1, 10, {"a": 2, "b": 1}, 3.0, 0.5, 3.0, 20, "here; or there")
    assert second == counts[2]
    assert "- recipe (atheris): 14 of 20 inputs" in page([first, second], ARGUMENTS)


def test_counts_and_the_input_lie_there_while_an_input_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "WRITTEN", 0)
    result, seen = tmp_path / "counts.json", []

    def check(data):
        seen.append((judge.running.read_bytes(), result.exists() and json.loads(result.read_text())["inputs"]))
        if data == b"bad":
            raise KeyError(data)

    judge = Judge(check, Count("recipe", "hypothesis", planned=2), result, tmp_path / "findings")
    judge(b"good")
    judge(b"bad")
    judge.end()
    assert seen == [(b"good", False), (b"bad", 1)]
    count = Count(**json.loads(result.read_text()))
    assert (count.inputs, count.accepted, sum(count.findings.values())) == (2, 1, 1)
    assert [path.read_bytes() for path in (tmp_path / "findings").iterdir()] == [b"bad"]
    assert not judge.running.exists()


def test_an_endless_input_is_a_finding_and_a_machine_that_is_busy_is_not(tmp_path, monkeypatch):
    def check(data):
        if data == b"endless":
            while True:
                pass
        signal.raise_signal(signal.SIGALRM)  # the time is over, and others had the processor

    judge = Judge(check, Count("recipe", "hypothesis"), tmp_path / "counts.json", tmp_path / "findings")
    judge(b"waits")
    assert judge.count.accepted == 1
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    judge(b"endless")
    assert judge.count.findings == {"longer than 0.2 s": 1}


@pytest.mark.slow
def test_shards_run_side_by_side_and_what_ended_is_not_run_again(tmp_path):
    def run(*more):
        command = [
            sys.executable,
            fuzz.__file__,
            "--only",
            "manifest",
            "--inputs",
            "40",
            "--shards",
            "2",
            "--jobs",
            "2",
        ]
        command += ["--results", str(tmp_path / "results"), "--findings", str(tmp_path / "findings"), *more]
        return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})

    run()
    files = sorted((tmp_path / "results").iterdir())
    assert [file.name for file in files] == ["hypothesis-manifest-0.json", "hypothesis-manifest-1.json"]
    assert [json.loads(file.read_text())["inputs"] for file in files] == [5, 5]
    cut = json.loads(files[1].read_text()) | {"inputs": 1, "accepted": 0, "refused": 1}
    files[1].write_text(json.dumps(cut))  # as a run leaves it that is stopped
    times = [file.stat().st_mtime_ns for file in files]
    assert "- manifest (hypothesis): 6 of 10 inputs" in run("--page").stdout
    assert "| manifest | hypothesis | 10 |" in run().stdout
    assert files[0].stat().st_mtime_ns == times[0]
    assert files[1].stat().st_mtime_ns > times[1]
