"""Benchmarks inside a run: where a completion ends, and pass@1 of the whole way through the pipeline's table."""

from __future__ import annotations

import json
import shutil

import pytest

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.evaluate import table
from moesaic.evaluate.benchmarks import (
    completion_row,
    cut_completion,
    held_out,
    pass_at_1,
    problem_ids,
    problem_name,
)
from moesaic.execution.completions import judged_length
from moesaic.execution.problems import Problem
from moesaic.recipe import EvaluateRecipe
from pico import pico_tokenizer

DOUBLE = {
    "python": Problem("d", "python", 'def double(x):\n    """Twice x."""\n', test="assert double(4) == 8"),
    "java": Problem("d", "java", "class Solution {\n    // Twice x.\n    int twice(int x) {\n"),
    "javascript": Problem("d", "javascript", "// Twice x.\nconst twice = (x) => {\n"),
    "cpp": Problem("d", "cpp", "// Twice x.\nint twice(int x) {\n"),
}


@pytest.mark.parametrize(
    ("language", "own", "more"),
    [
        ("python", "    y = x * 2\n\n    return y", "\n\nprint(double(3))\n"),
        ("java", "        return 2 * x;\n    }\n}", "\nclass Main { public static void main(String[] a) {} }"),
        ("javascript", "    return 2 * x;\n};", "\nconsole.log(twice(2));"),
        ("cpp", "    if (x) { return 2 * x; }\n    return 0;\n}", "\nint main() { return twice(1); }"),
    ],
)
def test_a_completion_ends_with_the_definition_that_the_prompt_began(language, own, more):
    problem = DOUBLE[language]
    cut = cut_completion(problem, own + more)
    assert cut.split() == own.split()
    assert cut_completion(problem, own + "\n```\nThis doubles x.").split() == own.split()


@pytest.mark.parametrize("white_space", ["", "\n", "\n\n"])
@pytest.mark.parametrize("more", ["", "\n", "\nint main() { return twice(1); }", "\n```\nThis doubles x."])
def test_what_is_judged_of_a_completion_is_what_the_program_contains(white_space, more):
    own = f"{white_space}  return 2 * x;\n}}"
    length = judged_length(DOUBLE["cpp"], own + more)
    assert (own + more)[:length] == own
    assert cut_completion(DOUBLE["cpp"], own + more).split() == own.split()


def test_text_that_does_not_parse_is_kept_up_to_the_fence():
    assert cut_completion(DOUBLE["cpp"], " return ((((\n```\nprose") == " return (((("


def test_the_answer_is_opened_with_the_problem():
    prompt = PromptFormat(pico_tokenizer())
    text = prompt.tokenizer.decode(problem_ids(prompt, DOUBLE["python"]))
    assert text.endswith('```python\ndef double(x):\n    """Twice x."""')
    assert text.count("def double") == 1


def test_white_space_between_prompt_and_completion_is_there_once():
    rest = "    return x + x\n"
    assert cut_completion(DOUBLE["python"], "\n" + rest) == rest
    assert cut_completion(DOUBLE["python"], "\n\n" + rest) == "\n" + rest
    assert cut_completion(DOUBLE["python"], rest) == rest


@pytest.mark.parametrize("language", DOUBLE)
def test_training_on_a_completion_teaches_what_a_benchmark_asks_for(language):
    prompt, opening = PromptFormat(pico_tokenizer()), DOUBLE[language].prompt
    rest = opening[len(opening.rstrip()) :] + "        return 2 * x;\n    }\n}\n"
    encoded = prompt.encode(Example("d", language, "Twice x.", opening.rstrip() + rest, opening=opening))
    assert encoded.ids[: encoded.num_prompt_tokens] == problem_ids(prompt, DOUBLE[language])
    code = encoded.ids[encoded.num_prompt_tokens :][: encoded.num_code_tokens]
    assert prompt.tokenizer.decode(code) == rest
    begun = prompt.code_ids(opening.rstrip())
    assert begun + code == prompt.code_ids(opening.rstrip() + rest)  # as if the program had been tokenised whole


def test_only_tasks_that_were_kept_out_of_training_are_asked():
    problems = {"java": [Problem(f"MBJP/{number}", "java") for number in range(1, 31)]}
    assert [problem.id for problem in held_out(problems, "test")["java"]] == ["MBJP/10", "MBJP/20", "MBJP/30"]
    assert [problem.id for problem in held_out(problems, "validation")["java"]] == ["MBJP/5", "MBJP/15", "MBJP/25"]


def test_a_problem_has_one_name_in_all_languages():
    assert problem_name("humaneval-x", "CPP/17") == problem_name("humaneval-x", "Python/17") == "17"
    assert problem_name("mbxp", "MBJP/9") == problem_name("mbxp", "MBPP/9") != problem_name("mbxp", "MBPP/10")
    assert problem_name("own", "lists/17") == "lists/17"  # nothing says that the ids of own problems name languages


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")
def test_pass_at_1_of_right_and_wrong_completions(tmp_path):
    problems = [DOUBLE["python"], Problem("e", "python", "def e(x):\n", test="assert e(1) == 1")]
    rows = [
        completion_row(problems[0], "    return x + x\n", 5, True),
        completion_row(problems[1], "    return 0\n", 4, True),
    ]
    path = tmp_path / "python.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = EvaluateRecipe(allow_code_execution=True, workers=1)
    estimates, verdicts, skipped = pass_at_1("own", {"python": problems}, [path], options, tmp_path / "rows.jsonl")
    assert skipped == []
    assert (estimates["python"].value, estimates["python"].n) == (0.5, 2)
    assert verdicts == {"python": [("d", 1.0, 1.0), ("e", 0.0, 1.0)]}


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")
def test_programs_for_tasks_of_ones_own_are_run_against_their_own_tests(tmp_path):
    double = ({"input": "2\n", "output": "4\n"}, {"input": "-3\n", "output": "-6\n"})
    tasks = [Example("not-in-the-corpus", "python", "Double a number", "print(2 * int(input()))\n", double)]
    programs = {"base": "print(int(input()))\n", "moe": "print(int(input()) * 2)\n"}
    for system, program in programs.items():
        row = {"id": tasks[0].id, "language": "python", "text": tasks[0].text, "reference": tasks[0].code}
        folder = tmp_path / "predict" / "predictions" / system
        folder.mkdir(parents=True)
        (folder / "python.jsonl").write_text(json.dumps(row | {"prediction": program}) + "\n")
        losses = tmp_path / "predict" / "losses" / f"{system}.jsonl"
        losses.parent.mkdir(exist_ok=True)
        losses.write_text(json.dumps({"id": row["id"], "language": "python", "loss_sum": 1.0, "code_tokens": 2}) + "\n")
    (tmp_path / "predict" / "routing.json").write_text("{}")
    options = EvaluateRecipe(metrics=["pass@1"], allow_code_execution=True, workers=1, bootstrap_samples=50)
    results = table.build_results(tmp_path / "predict", tmp_path / "evaluate", {"python": tasks}, options, {})
    assert {name: results["systems"][name]["pass@1"]["python"]["value"] for name in programs} == {"base": 0, "moe": 1}
