"""Further training sources: what is read of them and what is not."""

import json
from types import SimpleNamespace

import pytest

from moesaic.data.extras import input_digest, read_extras
from moesaic.errors import DataError


def options(*extra, languages=("python", "cpp")):
    return SimpleNamespace(
        source="corpus", languages=languages, extra=tuple(map(str, extra)), validation_fraction=0.1, test_fraction=0.1
    )


def write(path, *names):
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [{"id": name, "text": f"Say {name}", "code": f"print('{name}')"} for name in names]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def ids(extras):
    return {
        source: {language: [example.id for example in part.examples] for language, part in found.items()}
        for source, found in extras.items()
    }


def test_the_training_split_alone_is_read_and_a_language_may_lack(tmp_path):
    write(tmp_path / "split" / "python" / "train.jsonl", "a", "b")
    write(tmp_path / "split" / "python" / "test.jsonl", "c")
    write(tmp_path / "whole" / "c++.jsonl", "d")
    assert ids(read_extras(options(tmp_path / "split", tmp_path / "whole"))) == {
        str(tmp_path / "split"): {"python": ["a", "b"]},
        str(tmp_path / "whole"): {"cpp": ["d"]},
    }
    assert read_extras(options()) == {}


def test_sources_that_give_nothing_are_named(tmp_path):
    with pytest.raises(DataError, match=r"data.extra: '.*nowhere' does not exist: give mbxp:PATH or a folder"):
        read_extras(options(tmp_path / "nowhere"))
    write(tmp_path / "java.jsonl", "a")
    with pytest.raises(DataError, match=r"has no example in python, cpp \(data.languages\)"):
        read_extras(options(tmp_path))
    with pytest.raises(DataError, match=r"data.extra: '.*java.jsonl' is a file"):
        read_extras(options(tmp_path / "java.jsonl"))
    (tmp_path / "python.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"python.jsonl:1: field 'code' is missing"):
        read_extras(options(tmp_path))


def test_the_digest_follows_what_is_read(tmp_path):
    write(tmp_path / "more" / "python" / "train.jsonl", "a")
    record = {"task_id": "MBPP/1", "language": "python"}
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(record) + "\n")
    both = options(tmp_path / "more", f"mbxp:{tmp_path / 'mbpp.jsonl'}")
    digests = [input_digest(options()), input_digest(options(tmp_path / "more")), input_digest(both)]
    write(tmp_path / "more" / "python" / "test.jsonl", "b")
    assert input_digest(both) == digests[-1]
    write(tmp_path / "more" / "python" / "train.jsonl", "b")
    digests.append(input_digest(both))
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(record | {"task_id": "MBPP/2"}) + "\n")
    digests.append(input_digest(both))
    assert len(set(digests)) == len(digests)
