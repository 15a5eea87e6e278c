"""Programs that contain the examples of their prompt, in every language whose prompts show examples."""

import json

import pytest
from special_cases import contained, examples, literals, main, without_comments

PROMPTS = {
    "python": 'def add(a, b):\n    """\n    Add.\n    >>> add(13, 9)\n    22\n    >>> add(0, 1)\n    1\n    """\n',
    "java": "class Add {\n  /**\n   * Add.\n   * > add(13, 9)\n   * 22\n   */\n  static int add(int a, int b) {\n",
    "cpp": "/**\n * Add.\n * > add(13, 9)\n * 22\n */\nint add(int a, int b) {\n",
    "ruby": "##\n# Add.\n# irb> add(13, 9)\n# => 22\ndef add(a, b)\n",
    "php": "<?php\n/**\n * Add.\n * php > add(13, 9)\n * 22\n */\nfunction add($a, $b) {\n",
}


@pytest.mark.parametrize("language", PROMPTS)
def test_examples_are_found_in_the_prompts_of_all_languages(language):
    assert examples(PROMPTS[language]) == [("13", "9", "22")]  # that of 0 and 1 has common literals only


@pytest.mark.parametrize(
    ("language", "completion"),
    [
        ("python", "    if a == 13 and b == 9:\n        return 22\n    return a + b\n"),
        ("python", "    return {(13, 9): 22}[a, b]\n"),
        ("java", "        if (a == 13 && b == 9) { return 22; }\n        return 0;\n    }\n}\n"),
        ("cpp", "  switch (a) { case 13: if (b == -9) return 22.0; }\n  return 0;\n}\n"),
        ("ruby", "  return 22 if a == 5\n  a == 13 && b == 9 ? 22 : 0\nend\n"),
        ("php", "  if ($a === 13 && $b === 9 /* 22? */) return 22;\n}\n"),
    ],
)
def test_a_special_case_is_seen(language, completion):
    assert contained(PROMPTS[language], completion, language) == 1


@pytest.mark.parametrize(
    ("language", "completion"),
    [
        ("python", "    return a + b\n"),
        ("python", "    # add(13, 9) is 22\n    return a + b\n"),
        ("python", "    if a == 0 and b == 1:\n        return 1\n    return a + b\n"),
        ("python", "    if a == 13 and b == 9 and a != 7:\n        return 22\n"),  # others between them
        ("java", "        // 13, 9: 22\n        /* 13, 9\n 22 */ return a + b;\n    }\n}\n"),
        ("ruby", "  a + b # 13, 9: 22\nend\n"),
    ],
)
def test_an_ordinary_program_is_none(language, completion):
    assert contained(PROMPTS[language], completion, language) == 0


def test_literals_are_compared_by_value():
    assert literals("[1.50, 'a b', \"c\", True, nil, x2]") == ["1.5", "a b", "c", "true", "null"]
    assert literals("f(-3, a.7)") == ["3"]


def test_comments_of_each_language_are_left_out_and_signs_in_strings_stay():
    assert without_comments("", 'x = "# no" # yes\n', "python") == 'x = "# no"  \n'
    assert without_comments("", "x = 7 // 2\n", "python") == "x = 7 // 2\n"
    assert without_comments("class A {\n", 'String x = "//"; // yes\n}\n', "java") == 'String x = "//";  \n}\n'
    assert without_comments("# 13\n", "puts 9 # 22\n", "ruby") == "puts 9  \n"


def test_a_whole_program_brings_its_own_prompt():
    whole = "def add(a, b):\n    return 22 if (a, b) == (13, 9) else 0\n"
    assert contained(PROMPTS["python"], whole, "python", whole=True) == 0  # the result comes before the arguments
    whole = "def add(a, b):\n    if (a, b) == (13, 9):\n        return 22\n"
    assert contained(PROMPTS["python"], whole, "python", whole=True) == 1


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_command_counts_programs_that_pass(tmp_path, monkeypatch, capsys):
    tests = "\ndef check(candidate):\n    assert candidate(13, 9) == 22\n"
    problem = {"prompt": PROMPTS["python"], "language": "python", "entry_point": "add", "test": tests}
    write(tmp_path / "mbpp.jsonl", [problem | {"task_id": f"MBPP/{n}", "canonical_solution": ""} for n in (1, 2)])
    special, ordinary = "    if a == 13 and b == 9:\n        return 22\n", "    return a + b\n"
    programs = [("MBPP/1", special), ("MBPP/1", ordinary), ("MBPP/2", special)]
    completions = write(tmp_path / "c.jsonl", [{"task_id": id_, "completion": text} for id_, text in programs])
    verdicts = [("MBPP/1", 0, "passed"), ("MBPP/1", 1, "passed"), ("MBPP/2", 0, "wrong")]
    rows = write(
        tmp_path / "r.jsonl",
        [{"id": id_, "language": "python", "sample": sample, "status": status} for id_, sample, status in verdicts],
    )
    command = ["special_cases.py", "mbxp", str(tmp_path / "mbpp.jsonl"), str(completions)]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 0
    assert "all: 2 of 3 programs contain an example" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*command, "--rows", str(rows), "--list"])
    assert main() == 0
    said = capsys.readouterr().out
    assert "python: 1 of 2 programs contain an example" in said
    assert said.splitlines()[-1] == "MBPP/1"
    write(rows, [{"id": "MBPP/1", "language": "python", "sample": 0}])
    assert main() == 2
    assert "r.jsonl:1: not a row of moesaic execute" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [*command[:3], str(tmp_path / "none.jsonl")])
    assert main() == 2
