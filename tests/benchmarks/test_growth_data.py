"""Programs of languages that no text-to-code data set has: solutions and answers that pass, by MBXP's split."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from growth_data import main, read_tasks

from moesaic.data.examples import read_examples
from moesaic.execution.problems import read_problems
from moesaic.files import read_json_lines, write_json_lines
from moesaic.model.decode.generate import Generation
from test_pipeline import write_recipe

SOLVED = "  2 * x\nend\n"


def task(number: int, language: str = "ruby", **changes: object) -> dict[str, object]:
    return {
        "task_id": f"MBRBP/{number}",
        "language": language,
        "prompt": f"\n# Doubles, {number} times asked.\ndef twice(x)",
        "entry_point": "twice",
        "description": f"Double it, {number}.",
        "test": "raise StandardError if twice(2) != 4",
        "canonical_solution": SOLVED,
    } | changes


def verdict(number: int, sample: int, status: str) -> dict[str, object]:
    return {
        "id": f"MBRBP/{number}", "language": "ruby", "sample": sample, "status": status, "stage": "run",
        "seconds": 0.1, "detail": "", "digest": "0",
    }  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, list[str]]:
    tasks, own = tmp_path / "mbrbp.jsonl", tmp_path / "own"
    write_json_lines(tasks, [task(number) for number in (1, 2, 5, 10)])
    return tmp_path, own, ["--tasks", str(tasks), "--languages", "ruby", "--out", str(own)]


def test_what_passed_becomes_completions_in_mbxps_split(places):
    folder, own, arguments = places
    write_json_lines(own / "gold" / "ruby.jsonl", [{"task_id": f"MBRBP/{n}", "completion": SOLVED} for n in (1, 5, 10)])
    texts = ["\n  x + x\nend", "\n  3 * x\nend", "\n  x + x\nend", "\n  x * 2\nend"]
    write_json_lines(
        own / "answers" / "ruby.jsonl",
        [{"task_id": f"MBRBP/{n}", "completion": text} for n in (1, 2, 5, 10) for text in texts],
    )
    write_json_lines(
        own / "verdicts" / "ruby.jsonl",
        [
            verdict(n, sample, status)
            for n in (1, 2, 5, 10)
            for sample, status in enumerate(["passed", "wrong", "passed", "passed"])
        ],
    )
    write_json_lines(
        folder / "old" / "java" / "train.jsonl", [{"id": "a", "language": "java", "text": "A", "code": "x"}]
    )
    pairs = folder / "pairs"
    assert main(["pairs", *arguments, "--pairs", str(pairs), "--per-task", "1", "--with", str(folder / "old")]) == 0
    train = read_examples(pairs / "ruby" / "train.jsonl")
    opening = "# Doubles, {} times asked.\ndef twice(x)\n"
    assert [(example.id, example.code) for example in train] == [
        ("mbxp/1", opening.format(1) + "  2 * x\nend\n"),
        ("mbxp/1", opening.format(1) + "  x + x\nend\n"),
        ("mbxp/2", opening.format(2) + "  x + x\nend\n"),
    ]
    assert {(example.opening, example.text) for example in train[:2]} == {(opening.format(1), "Double it, 1.")}
    for split, number in (("validation", 5), ("test", 10)):  # where there is a solution, it alone
        (example,) = read_examples(pairs / "ruby" / f"{split}.jsonl")
        assert (example.id, example.code) == (f"mbxp/{number}", opening.format(number) + "  2 * x\nend\n")
    assert (pairs / "java" / "train.jsonl").samefile(folder / "old" / "java" / "train.jsonl")


def test_a_language_without_solutions_has_its_own_programs_in_all_splits_or_says_so(places, capsys):
    folder, own, arguments = places
    pairs = ["pairs", *arguments, "--pairs", str(folder / "pairs")]
    assert main(pairs) == 2
    assert "ruby: no program passes for the split train" in capsys.readouterr().err
    text = {"completion": "\n  2 * x\nend"}
    write_json_lines(own / "answers" / "ruby.jsonl", [{"task_id": f"MBRBP/{n}"} | text for n in (1, 5, 10)])
    assert main(pairs) == 2
    assert "an answer to MBRBP/1 was not run: run judge first" in capsys.readouterr().err
    write_json_lines(own / "verdicts" / "ruby.jsonl", [verdict(n, 0, "passed") for n in (1, 5, 10)])
    assert main(pairs) == 0
    assert "ruby: train 1, validation 1, test 1, own 3" in capsys.readouterr().out


def test_humaneval_is_refused(tmp_path, capsys):
    path = tmp_path / "tasks.jsonl"
    write_json_lines(path, [task(1, task_id="HumanEval_ruby/1")])
    assert main(["gold", "--tasks", str(path), "--languages", "ruby", "--out", str(tmp_path)]) == 2
    assert "HumanEval" in capsys.readouterr().err


EQUAL = {
    "php": [("2", "2.0"), ("0", "-0.0"), ("[1, 'a' => true]", "['a' => true, 0 => 1.0]"), ("null", "null")],
    "typescript": [
        ("2", "2n"), ("0", "-0"), ("[[0]]", "[[-0]]"), ("undefined", "null"), ("{a: null}", "{a: undefined}"),
        ("NaN", "NaN"), ("[1, , 2]", "[1, , 2]"), ("{a: [1]}", "new (class { a = [1] })"),
        ("new Map([[[1], {a: 0}], ['b', null]])", "new Map([['b', undefined], [[1], {a: -0}]])"),
        ("new Set([1, [null]])", "new Set([[undefined], 1])"), ("new Date(5)", "new Date(5)"),
    ],
    "ruby": [("2", "2.0"), ("0", "-0.0"), ("[1, {'a' => nil}]", "[1.0, {'a' => nil}]")],
}  # fmt: skip
"""Language -> (what a test expects, what a right program may return)."""

DIFFERENT = {
    "php": [
        ("8", "true"), ("'abc'", "true"), ("[1]", "[true]"), ("[1]", "true"), ("1", "'1'"), ("'11'", "'011'"),
        ("['1']", "[1]"), ("false", "null"), ("1", "new stdClass"), ("[1, 2]", "[2, 1]"), ("[1]", "[1, 2]"),
        ("2", "2.5"),
    ],
    "typescript": [
        ("1", "true"), ("'1'", "1"), ("1", "'1'"), ("[1]", "[true]"), ("{a: 1}", "{a: true}"), ("[1]", "['1']"),
        ("new Map([[1, 1]])", "new Map([[1, true]])"), ("new Map([[1, 1]])", "new Map([['1', 1]])"),
        ("new Set([1])", "new Set([true])"), ("new Set([[1]])", "new Set([[true]])"), ("1", "1n + 1n"),
        ("0", "null"), ("0", "NaN"), ("{a: undefined}", "{}"), ("[1]", "{0: 1}"), ("[1, 2]", "[2, 1]"),
        ("'x'", "{toString: () => 'x'}"), ("new Date(5)", "new Date(6)"), ("2", "2.5"),
    ],
    "ruby": [("1", "true"), ("1", "'1'"), ("false", "nil"), ("[1]", "[true]"), ("[1, 2]", "[2, 1]")],
}  # fmt: skip
"""Language -> (what a test expects, what a wrong program returns); most pass MBXP's own test."""

PARTS = {
    "php": (
        "<?php\n\nfunction f() {{\n  return {given};\n}}\n",
        "function compare($x, $y) {{\n    return $x == $y;\n}}\n"
        "if (!compare(f(), {wanted})) {{ throw new Exception('no'); }}",
    ),
    "typescript": (
        "const f = function (): any {{\n  return {given};\n}}\n",
        "\nimport * as assert from 'assert'\n\nlet expected_1: any = {wanted};\nassert.deepEqual(f(), expected_1);\n",
    ),
    "ruby": ("def f()\n  return {given}\nend\n", "raise StandardError, 'no' if f() != {wanted}"),
}
"""Language -> program and test."""


@pytest.mark.toolchain
@pytest.mark.parametrize("language", sorted(PARTS))
def test_strict_tests_tell_kinds_of_values_apart_and_nothing_else(tmp_path, language):
    """To PHP's == true equals 8, and to deepStrictEqual -0 is not 0: both make a reward wrong."""
    cases = [*EQUAL[language], *DIFFERENT[language]]
    program, test = PARTS[language]
    rows = [
        task(n, language, prompt="", canonical_solution=program.format(given=given), test=test.format(wanted=wanted))
        for n, (wanted, given) in enumerate(cases)
    ]
    write_json_lines(tmp_path / "tasks.jsonl", [row | {"entry_point": "f"} for row in rows])
    place, own = str(tmp_path / "tasks.jsonl"), tmp_path / "own"
    assert main(["gold", "--tasks", place, "--languages", language, "--out", str(own)]) == 0
    passed = {json.loads(row)["task_id"] for row in (own / "gold" / f"{language}.jsonl").read_text().splitlines()}
    accepted = [case for n, case in enumerate(cases) if f"MBRBP/{n}" in passed]
    assert accepted == EQUAL[language]


def test_strict_files_differ_from_mbxps_in_their_tests_alone(tmp_path, capsys):
    (folder := tmp_path / "mbxp").mkdir()
    php = [task(n, "php", task_id=f"MBPHP/{n}", test="return $x == $y;\n$a == 1;") for n in (1, 5)]
    typescript = [task(1, "typescript", task_id="MBTSP/1", test="assert.deepEqual(f(), 1);")]
    write_json_lines(folder / "mbphp_release.jsonl", php)
    write_json_lines(folder / "mbtsp_release.jsonl", typescript)
    write_json_lines(folder / "mbrbp_release.jsonl", [task(1)])
    write_json_lines(folder / "mbplp_release.jsonl", [task(1, "perl", task_id="MBPLP/1")])  # is not known here
    arguments = ["--tasks", str(folder), "--languages", "php,typescript", "--out", str(tmp_path / "strict")]
    assert main(["strict", *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == ["php: 2 tasks", "typescript: 1 tasks"]
    assert sorted(path.name for path in (tmp_path / "strict").iterdir()) == [
        "mbphp_release.jsonl",
        "mbtsp_release.jsonl",
    ]
    for name, rows in (("mbphp_release.jsonl", php), ("mbtsp_release.jsonl", typescript)):
        found = [json.loads(line) for line in (tmp_path / "strict" / name).read_text().splitlines()]
        assert [row | {"test": ""} for row in found] == [row | {"test": ""} for row in rows]
        assert not {row["test"] for row in found} & {row["test"] for row in rows}
    strict, plain = (read_problems("mbxp", place) for place in (tmp_path / "strict", folder))
    assert [problem.test for problem in strict["php"]] == [p.test for p in read_tasks(folder, ["php"])["php"]]
    assert strict["php"][0].test.endswith("$a == 1;"), "only the comparison of results changes"
    assert strict["typescript"][0].test.endswith("\nassertSame_(f(), 1);")
    assert strict["php"][0].prompt == plain["php"][0].prompt
    again = read_tasks(tmp_path / "strict", ["php", "typescript"])
    assert [again[name][0].test for name in ("php", "typescript")] == [strict[name][0].test for name in again]


def test_strict_files_never_replace_mbxps_and_a_wrong_place_is_one_message(tmp_path, capsys):
    file = tmp_path / "mbphp_release.jsonl"
    write_json_lines(file, [task(1, "php", task_id="MBPHP/1", test="return $x == $y;")])
    before = file.read_bytes()
    for tasks, out, message in (
        (tmp_path, tmp_path, "own files"),
        (file, tmp_path, "own files"),
        (file, file, "exists"),
    ):
        assert main(["strict", "--tasks", str(tasks), "--languages", "php", "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
    assert file.read_bytes() == before
    with pytest.raises(SystemExit, match="2"):
        main(["strict", "--tasks", str(file), "--languages", ",", "--out", str(tmp_path / "out")])


def test_own_programs_alone_are_taken_from_a_finished_stage(tmp_path, capsys, monkeypatch):
    """Solutions stay for the test split; the answers of a run's stage are not asked for again."""
    numbers, own = (1, 4, 5, 10), tmp_path / "own"
    write_json_lines(tmp_path / "mbrbp.jsonl", [task(number) for number in numbers])
    arguments = ["--tasks", str(tmp_path / "mbrbp.jsonl"), "--languages", "ruby", "--out", str(own)]
    write_json_lines(own / "gold" / "ruby.jsonl", [{"task_id": f"MBRBP/{n}", "completion": SOLVED} for n in numbers])
    texts = ["\n  x + x\nend", "\n  x * 2\nend", "\n  x + 2\nend"]
    write_json_lines(
        tmp_path / "keep" / "answers" / "ruby.jsonl",
        [{"task_id": f"MBRBP/{n}", "completion": text} for n in (1, 4) for text in texts],
    )
    assert main(["take", *arguments, "--kept", str(tmp_path / "keep"), "--samples", "2"]) == 0
    assert "4 answers to 2 tasks" in capsys.readouterr().err
    monkeypatch.setattr("growth_data._run", lambda tasks, answers, _: [(answer.id, True) for answer in answers])
    assert main(["judge", *arguments]) == 0
    assert "ruby: 4 of 4 answers pass" in capsys.readouterr().err
    write_json_lines(own / "verdicts" / "ruby.jsonl", [verdict(n, s, "passed") for n in (1, 4) for s in (0, 1)])
    assert main(["pairs", *arguments, "--pairs", str(tmp_path / "pairs"), "--own"]) == 0
    found = {
        split: [(example.id, example.code.splitlines()[2]) for example in read_examples(path)]
        for split in ("train", "validation", "test")
        if (path := tmp_path / "pairs" / "ruby" / f"{split}.jsonl").exists()
    }
    assert found == {
        "train": [("mbxp/1", "  x + x"), ("mbxp/1", "  x * 2")],
        "validation": [("mbxp/4", "  x + x"), ("mbxp/4", "  x * 2")],
        "test": [("mbxp/10", "  2 * x")],
    }


@pytest.mark.parametrize("own", [(), ("--own",)])
def test_a_language_without_solutions_needs_answers_to_what_the_stage_did_not_ask(tmp_path, capsys, monkeypatch, own):
    """The stage keep asks training tasks alone; nothing is written before every split has a program."""
    numbers = (1, 4, 5, 10)
    write_json_lines(tmp_path / "mbrbp.jsonl", [task(number) for number in numbers])
    arguments = ["--tasks", str(tmp_path / "mbrbp.jsonl"), "--languages", "ruby", "--out", str(tmp_path / "own")]
    pairs = ["pairs", *arguments, "--pairs", str(tmp_path / "pairs"), *own]
    kept = [{"task_id": f"MBRBP/{n}", "completion": "\n  x + x\nend"} for n in (1, 4)]
    write_json_lines(tmp_path / "keep" / "answers" / "ruby.jsonl", kept)
    assert main(["take", *arguments, "--kept", str(tmp_path / "keep")]) == 0
    verdicts = tmp_path / "own" / "verdicts" / "ruby.jsonl"
    write_json_lines(verdicts, [verdict(n, 0, "passed") for n in (1, 4)])
    capsys.readouterr()
    assert main(pairs) == 2
    said = capsys.readouterr().err
    assert f"ruby: no program passes for the split {'test' if own else 'validation'}: let the base write more" in said
    assert "after take, it has not been asked" in said
    assert not (tmp_path / "pairs").exists()

    def answer(_ranks, _model, prompt, prompts, *_words, **_options):
        encode = partial(prompt.tokenizer, add_special_tokens=False)
        return [Generation(encode("\n  x * 2\nend")["input_ids"], stopped=True) for _ in prompts]

    monkeypatch.setattr("growth_data.generate_together", answer)
    for _ in range(2):  # the second time, every task has an answer
        assert main(["answers", str(write_recipe(tmp_path)), *arguments, "--samples", "1"]) == 0
        rows = [row for _, row in read_json_lines(tmp_path / "own" / "answers" / "ruby.jsonl")]
        assert rows[:2] == kept
        assert [row["task_id"] for row in rows[2:]] == ["MBRBP/5", "MBRBP/10"]
    write_json_lines(verdicts, [verdict(n, 0, "passed") for n in numbers])
    assert main(pairs) == 0
    found = {
        split: [example.id for example in read_examples(tmp_path / "pairs" / "ruby" / f"{split}.jsonl")]
        for split in ("train", "validation", "test")
    }
    validation, train = (["mbxp/4"], ["mbxp/1"]) if own else (["mbxp/5"], ["mbxp/1", "mbxp/4"])
    assert found == {"train": train, "validation": validation, "test": ["mbxp/10"]}
