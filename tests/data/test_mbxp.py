"""MBXP as training data: which tasks give an example, and what it is."""

import json
from pathlib import Path

import pytest

from moesaic.data.mbxp import REASONS, mbxp_files, read_mbxp, split_of
from moesaic.errors import DataError

LANGUAGES = ("python", "java", "javascript", "cpp")
SETS = {"python": "MBPP", "java": "MBJP", "javascript": "MBJSP", "cpp": "MBCPP"}
COPIES = [folder.parent / "shared" / "mbxp" for folder in Path(__file__).resolve().parents]


def task(number, language="java", **changes):
    record = {
        "task_id": f"{SETS.get(language, 'MBXX')}/{number}",
        "language": language,
        "description": f"Write a function that adds {number}.",
        "prompt": "\n\nclass Add {\n    static int add(int x) {\n",
        "canonical_solution": f"        return x + {number};\n    }}\n}}  ",
    }
    return record | changes


def read(folder, *records, languages=LANGUAGES):
    folder.mkdir(exist_ok=True)
    (folder / "tasks.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return read_mbxp(folder, languages)


def test_an_example_is_an_opening_and_what_completes_it(tmp_path):
    ((example,), left_out) = read(tmp_path, task(17))["java"]
    assert (example.id, example.language, example.text) == ("mbxp/17", "java", "Write a function that adds 17.")
    assert example.opening == "class Add {\n    static int add(int x) {\n"
    assert example.code == example.opening + "        return x + 17;\n    }\n}\n"
    assert dict(left_out) == dict.fromkeys(REASONS, 0)


def test_the_same_numbers_are_held_out_in_every_language(tmp_path):
    found = read(tmp_path, *(task(number, language) for language in ("java", "cpp") for number in range(1, 21)))
    trained = [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 19]
    for examples, left_out in found.values():
        assert [example.id for example in examples] == [f"mbxp/{number}" for number in trained]
        assert left_out["held_out"] == 4
    assert [split_of(f"MBPP/{number}") for number in (10, 15, 105, 110, 101)] == [
        "test",
        "validation",
        "validation",
        "test",
        "train",
    ]


def test_tasks_without_a_sound_solution_are_counted(tmp_path):
    misnamed = {"prompt": "function last(numberlist) {\n", "canonical_solution": "    return numberList.pop();\n}"}
    sound = {"prompt": "function last(numberList) {\n", "canonical_solution": "    return numberList.pop();\n}"}
    found = read(
        tmp_path,
        task(1, canonical_solution=None),
        task(2, canonical_solution=""),
        task(106),  # ends the program before the tests are over
        task(106, "cpp"),
        task(3, "javascript", **misnamed),
        task(4, "javascript", **sound),
    )
    assert found["java"] == ([], {"held_out": 0, "no_solution": 2, "fails_tests": 1})
    assert [example.id for example in found["cpp"][0]] == ["mbxp/106"]
    assert ([example.id for example in found["javascript"][0]], found["javascript"][1]["fails_tests"]) == (
        ["mbxp/4"],
        1,
    )


def test_only_the_languages_asked_for_are_read(tmp_path):
    records = [task(1, "cpp"), task(1, "kotlin"), task(1, "java")]
    assert list(read(tmp_path, *records, languages=("java", "python"))) == ["java"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task_id": "MBJP/x"}, r"tasks.jsonl:1: task_id 'MBJP/x' must end in a number"),
        ({"language": 3}, "field 'language' must be a string"),
        ({"description": " "}, "field 'description' is empty"),
        ({"canonical_solution": 3}, "field 'canonical_solution' must be a string, found int"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, task(1, **changes))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"data.extra: '.*nowhere' does not exist: after mbxp: give MBXP's folder"):
        read_mbxp(tmp_path / "nowhere", LANGUAGES)
    with pytest.raises(DataError, match=r"has no .jsonl file"):
        mbxp_files(tmp_path)


def test_the_published_tasks():
    copy = next((folder for folder in COPIES if folder.is_dir()), None)
    if copy is None:
        pytest.skip("no shared/mbxp beside this checkout")
    found = read_mbxp(copy, LANGUAGES)
    assert {name: (len(examples), dict(left_out)) for name, (examples, left_out) in found.items()} == {
        "python": (452, {"held_out": 123, "no_solution": 0, "fails_tests": 10}),
        "java": (410, {"held_out": 123, "no_solution": 42, "fails_tests": 6}),
        "javascript": (377, {"held_out": 123, "no_solution": 12, "fails_tests": 69}),
        "cpp": (377, {"held_out": 103, "no_solution": 35, "fails_tests": 1}),
    }
