"""The comparison in results.json, against one computed here from the files that a run leaves."""

from __future__ import annotations

import json
from collections import Counter
from typing import get_args

import numpy as np
import pytest

from moesaic.data.examples import Example
from moesaic.errors import CheckpointError, ToolchainError
from moesaic.evaluate import table
from moesaic.evaluate.paired import kept_abilities
from moesaic.execution.problems import Problem
from moesaic.recipe import EvaluateRecipe, MetricName
from moesaic.report.summary import METRICS as SHOWN
from moesaic.statistics import estimate_mean

LANGUAGES = ("python", "java")
SYSTEMS = ("base", "expert-python", "expert-java", "moe", "dense_lora")
METRICS = ("parse_share", "bleu", "codebleu")
OPTIONS = EvaluateRecipe(metrics=METRICS, bootstrap_samples=2000, workers=1)
IDS = [*(f"p{number}" for number in range(24)), "p3", "p3", "p11"]  # two problems have several programs
PROGRAM = {
    "python": "def total(n):\n    result = n * {0}\n    return result\n",
    "java": "class Sum {{\n    int total(int n) {{\n        int result = n * {0}; return result;\n    }}\n}}\n",
}


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def predictions(tmp_path):
    """A predict stage: five systems, each with its own mistakes, on programs that are harder or easier for all."""
    folder, generator = tmp_path / "predict", np.random.default_rng(1)
    for rank, system in enumerate(SYSTEMS):
        at_home = [name for name in LANGUAGES if not system.startswith("expert-") or system == f"expert-{name}"]
        losses = []
        for language in LANGUAGES:
            for index, id_ in enumerate(IDS):
                tokens = 20 + index
                nats = tokens * (0.5 + 0.02 * index - 0.05 * rank + float(generator.normal(0, 0.05)))
                losses.append({"id": id_, "language": language, "loss_sum": nats, "code_tokens": tokens})
        write(folder / "losses" / f"{system}.jsonl", losses)
        for language in at_home:
            rows = []
            for index, id_ in enumerate(IDS):
                code = PROGRAM[language].format(index)
                wrong = [code, code.replace("result", "other"), code.replace("n", ""), "("]
                way = wrong[int(generator.integers(0, 2 if system == "moe" else 4))]
                rows.append({"id": id_, "language": language, "text": "", "reference": code, "prediction": way})
            write(folder / "predictions" / system / f"{language}.jsonl", rows)
    (folder / "routing.json").write_text("{}")
    return folder


def judge(predictions, options=OPTIONS, benchmarks=None):
    examples = {name: [Example(id_, name, "", "x\n") for id_ in IDS] for name in LANGUAGES}
    return table.build_results(predictions, predictions.parent / "evaluate", examples, options, benchmarks or {})


def columns(predictions, system, metric, language):
    """(id, how many of that id came before) -> numerator and denominator, from the files of a run."""
    if metric == "loss":
        path = predictions / "losses" / f"{system}.jsonl"
        rows = [row for row in read(path) if row["language"] == language]
        pairs = [(row["id"], row["loss_sum"], row["code_tokens"]) for row in rows]
    else:
        path = predictions.parent / "evaluate" / "rows" / system / f"{language}.jsonl"
        pairs = [(row["id"], row[metric], 1) for row in read(path)]
    seen, found = Counter(), {}
    for id_, *pair in pairs:
        found[id_, seen[id_]] = pair
        seen[id_] += 1
    return found


def naive(predictions, system, metric, languages, samples=800):
    """Value, n and interval of MoE minus a system (``experts``: that of the language), program by program."""
    differences = {}
    for language in languages:
        theirs = columns(predictions, f"expert-{language}" if system == "experts" else system, metric, language)
        ours = columns(predictions, "moe", metric, language)
        differences[language] = [(key[0], ours[key][0] - theirs[key][0], ours[key][1]) for key in ours if key in theirs]

    def statistic(rows_of):
        return np.mean([sum(r[1] for r in rows) / sum(r[2] for r in rows) for rows in rows_of])

    problems = sorted({row[0] for rows in differences.values() for row in rows})
    by_problem = {
        name: {problem: [row for row in rows if row[0] == problem] for problem in problems}
        for name, rows in differences.items()
    }
    generator, means = np.random.default_rng(9), []
    for _ in range(samples):
        drawn = [problems[index] for index in generator.integers(len(problems), size=len(problems))]
        means.append(statistic([[row for p in drawn for row in rows[p]] for rows in by_problem.values()]))
    low, high = np.quantile(means, [0.025, 0.975])
    return statistic(differences.values()), sum(map(len, differences.values())), low, high


def check(found, expected):
    value, n, low, high = expected
    assert found["n"] == n
    assert found["value"] == pytest.approx(value)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert high - low > 1e-3


def test_differences_are_those_of_a_naive_computation(predictions):
    path = predictions / "losses" / "dense_lora.jsonl"
    write(path, [row for row in read(path) if (row["id"], row["language"]) != ("p7", "java")])  # one was not measured
    path = predictions / "predictions" / "dense_lora" / "python.jsonl"
    rows = read(path)
    write(path, [*reversed(rows[:24]), *rows[24:26]])  # another order, and without the second program of p11
    paired = judge(predictions)["paired"]
    assert list(paired) == ["base", "experts", "dense_lora"]
    for system, metrics in paired.items():
        assert list(metrics) == ["loss", *METRICS]
        for metric, parts in metrics.items():
            assert list(parts) == [*LANGUAGES, "mean"]
            for language in LANGUAGES:
                check(parts[language], naive(predictions, system, metric, [language]))
            check(parts["mean"], naive(predictions, system, metric, LANGUAGES))
    assert paired["base"]["loss"]["java"]["n"] == 27
    assert paired["dense_lora"]["loss"]["java"]["n"] == paired["dense_lora"]["codebleu"]["python"]["n"] == 26
    assert paired["experts"]["loss"]["mean"]["high"] < 0 < paired["experts"]["codebleu"]["mean"]["low"]


def test_differences_of_the_same_programs_are_those_of_the_values(predictions):
    results = judge(predictions)
    for system, metrics in results["paired"].items():
        for metric, parts in metrics.items():
            for language in LANGUAGES:
                ours, theirs = (results["systems"][name][metric][language] for name in ("moe", system))
                assert parts[language]["value"] == pytest.approx(ours["value"] - theirs["value"])
                assert parts[language]["n"] == ours["n"]


def test_a_system_that_is_the_moe_differs_by_nothing(predictions):
    for part in ("losses/{}.jsonl", *(f"predictions/{{}}/{name}.jsonl" for name in LANGUAGES)):
        write(predictions / part.format("dense_lora"), read(predictions / part.format("moe")))
    for parts in judge(predictions)["paired"]["dense_lora"].values():
        assert all((found["value"], found["low"], found["high"]) == (0.0, 0.0, 0.0) for found in parts.values())


def test_a_missing_language_leaves_the_others_without_a_mean(predictions):
    (predictions / "predictions" / "dense_lora" / "java.jsonl").unlink()
    (predictions / "predictions" / "expert-python" / "python.jsonl").unlink()
    paired = judge(predictions)["paired"]
    assert set(paired["dense_lora"]["codebleu"]) == {"python"}
    assert set(paired["dense_lora"]["loss"]) == {"python", "java", "mean"}
    assert set(paired["experts"]["codebleu"]) == {"java"}
    assert set(paired["base"]["codebleu"]) == {"python", "java", "mean"}


def test_programs_of_other_lengths_are_not_paired(predictions):
    path = predictions / "losses" / "base.jsonl"
    write(path, [row | {"code_tokens": row["code_tokens"] + (row["id"] == "p3")} for row in read(path)])
    parts = judge(predictions)["paired"]["base"]["loss"]
    assert {name: found["n"] for name, found in parts.items()} == {"python": 24, "java": 24, "mean": 48}


def test_no_comparison_without_a_moe_or_without_another_system(predictions):
    (predictions / "losses" / "moe.jsonl").rename(predictions / "moe.jsonl")
    assert "paired" not in judge(predictions)
    for path in (predictions / "losses").iterdir():
        path.unlink()
    (predictions / "moe.jsonl").rename(predictions / "losses" / "moe.jsonl")
    assert "paired" not in judge(predictions)


def test_verdicts_of_a_benchmark_are_paired(predictions, monkeypatch):
    passed = {"base": (0, 0, 0, 1), "moe": (1, 0, 1, 1)}
    problems = {name: [Problem(f"q{index}", name) for index in range(4)] for name in LANGUAGES}
    for system in passed:
        for name in LANGUAGES:
            write(predictions / "benchmarks" / "own" / system / f"{name}.jsonl", [])

    def grade(benchmark, own, files, options, rows):
        verdicts = passed[rows.parent.name]
        samples = {name: [(p.id, float(v), 1.0) for p, v in zip(own[name], verdicts, strict=True)] for name in own}
        return {name: estimate_mean(verdicts) for name in own}, samples, []

    monkeypatch.setattr(table, "pass_at_1", grade)
    options = OPTIONS.model_copy(update={"allow_code_execution": True})
    results = judge(predictions, options, {"own": problems})
    paired = results["paired"]
    parts = paired["base"]["pass@1 own"]
    assert {name: (found["value"], found["n"]) for name, found in parts.items()} == {
        "python": (0.5, 4),
        "java": (0.5, 4),
        "mean": (0.5, 8),
    }
    assert parts["mean"] == parts["python"] | {"n": 8}, "a problem is drawn with both of its languages"
    assert "pass@1 own" not in paired["experts"]
    kept = results["kept"]["own"]
    assert list(kept) == [*LANGUAGES, "mean"]
    assert {key: kept["java"][key] for key in ("both", "lost", "won", "neither")} == {
        "both": 1,
        "lost": 0,
        "won": 2,
        "neither": 1,
    }
    assert [kept["java"][key] for key in ("difference", "low", "high")] == [
        parts["java"][key] for key in ("value", "low", "high")
    ]
    assert kept["java"]["p"] == 0.5  # two of two: 2 * 1/4
    assert (kept["mean"]["won"], kept["mean"]["difference"]) == (4, 0.5)
    assert kept["mean"]["p"] == 0.5, "two problems in two languages are not four"


def test_a_language_that_one_system_lacks_leaves_all_else_and_is_named(predictions, monkeypatch):
    problems = {name: [Problem("q", name)] for name in LANGUAGES}
    for system in ("base", "moe"):
        for name in LANGUAGES:
            write(predictions / "benchmarks" / "own" / system / f"{name}.jsonl", [])

    def grade(benchmark, own, files, options, rows):
        lacking = ["java"] if rows.parent.name == "base" else []
        judged = [name for name in own if name not in lacking]
        samples = {name: [("q", 1.0, 1.0)] for name in judged}
        reasons = [f"own, {name}: javac did not answer" for name in lacking] + ["own, go: go is not on PATH"]
        return {name: estimate_mean([1]) for name in judged}, samples, reasons

    monkeypatch.setattr(table, "pass_at_1", grade)
    options = OPTIONS.model_copy(update={"allow_code_execution": True})
    results = judge(predictions, options, {"own": problems})
    assert list(results["systems"]["base"]["pass@1 own"]) == ["python"]
    assert set(results["systems"]["moe"]["pass@1 own"]) == set(LANGUAGES)
    assert "own, java: javac did not answer (systems: base)" in results["skipped"]
    assert "own, go: go is not on PATH" in results["skipped"]
    assert list(results["paired"]["base"]["pass@1 own"]) == ["python"], "no mean without all languages"

    def broken(benchmark, own, files, options, rows):
        if rows.parent.name == "base":
            raise ToolchainError("the sandbox did not answer")
        return grade(benchmark, own, files, options, rows)

    monkeypatch.setattr(table, "pass_at_1", broken)
    results = judge(predictions, options, {"own": problems})
    assert "pass@1 own" not in results["systems"]["base"]
    assert set(results["systems"]["moe"]["pass@1 own"]) == set(LANGUAGES)
    assert "own: the sandbox did not answer (systems: base)" in results["skipped"]


def verdicts(*solved):
    return [(f"q{index}", float(value), 1.0) for index, value in enumerate(solved)]


def test_kept_counts_problems_both_ways_and_its_p_is_the_binomial_one():
    base = {"python": verdicts(*[1] * 9, *[0] * 3), "java": verdicts(*[0] * 12)}
    moe = {"python": verdicts(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0), "java": verdicts(*[0] * 12)}
    kept = kept_abilities({"base": {"pass@1 mbxp": base}, "moe": {"pass@1 mbxp": moe}}, LANGUAGES, 500)["mbxp"]
    assert [kept["python"][key] for key in ("both", "lost", "won", "neither")] == [3, 6, 1, 2]
    assert kept["python"]["p"] == pytest.approx(2 * (1 + 7) / 2**7)
    assert kept["python"]["difference"] == pytest.approx(-5 / 12)
    assert kept["python"]["low"] < -5 / 12 < kept["python"]["high"]
    assert (kept["java"]["neither"], kept["java"]["p"], kept["java"]["difference"]) == (12, 1.0, 0.0)
    assert kept["mean"]["difference"] == pytest.approx(-5 / 24)


def test_kept_is_of_what_both_have_and_of_benchmarks_alone():
    base = {"pass@1 own": {"python": verdicts(1, 1, 1)}, "codebleu": {"python": verdicts(1)}}
    moe = {"pass@1 own": {"python": verdicts(1, 0)}, "codebleu": {"python": verdicts(0)}, "pass@1 mbxp": {"java": []}}
    kept = kept_abilities({"base": base, "moe": moe}, LANGUAGES, 50)
    assert list(kept) == ["own"]
    assert list(kept["own"]) == ["python"], "a benchmark without some language has no mean"
    assert (kept["own"]["python"]["both"], kept["own"]["python"]["lost"]) == (1, 1)
    assert kept_abilities({"base": base}, LANGUAGES, 50) == {}


def test_every_metric_that_a_recipe_allows_has_a_function_and_a_title():
    allowed = set(get_args(MetricName))
    assert allowed == {*table.METRICS, "pass@1"}
    assert {*allowed, "loss"} == set(SHOWN)


def test_a_metric_without_a_function_is_no_gap_in_the_table(predictions, monkeypatch):
    monkeypatch.delitem(table.METRICS, "bleu")
    with pytest.raises(KeyError, match="bleu"):
        judge(predictions)


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        (
            "losses/moe.jsonl",
            '{"id": "p1", "language": "python", "loss_sum": null, "code_tokens": 3}',
            "loss_sum is None",
        ),
        ("losses/moe.jsonl", '{"id": "p1", "language": ["python"], "loss_sum": 1, "code_tokens": 3}', "language is"),
        (
            "losses/moe.jsonl",
            '{"id": "p1", "language": "python", "loss_sum": NaN, "code_tokens": 3}',
            "NaN is not JSON",
        ),
        (
            "losses/moe.jsonl",
            '{"id": "p1", "language": "python", "loss_sum": 1.0, "code_tokens": true}',
            "code_tokens is True",
        ),
        ("predictions/moe/java.jsonl", '{"id": "p1", "reference": "x"}', "prediction is None"),
        ("predictions/moe/java.jsonl", '{"id": {}, "reference": "x", "prediction": "y"}', "id is"),
        ("predictions/moe/java.jsonl", "[" * 100_000, "nested deeper"),
        ("routing.json", "[" * 100_000, "nested deeper"),
    ],
)
def test_damaged_predictions_are_named_with_their_line(predictions, file, line, said):
    (predictions / file).write_text(f"{line}\n")
    with pytest.raises(CheckpointError, match=said) as caught:
        judge(predictions)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_processes_are_those_of_all_files_and_change_no_score(predictions, monkeypatch):
    alone, opened = judge(predictions), []
    real = table.ProcessPoolExecutor
    monkeypatch.setattr(table, "ProcessPoolExecutor", lambda *a, **k: opened.append(real(*a, **k)) or opened[-1])
    assert judge(predictions, OPTIONS.model_copy(update={"workers": 2})) == alone
    assert len(opened) == 1


def test_a_metric_that_a_language_does_not_have_is_left_out_there(tmp_path):
    folder, examples = tmp_path / "predict", {}
    losses = []
    for language in ("python", "ruby"):
        examples[language] = [Example("p", language, "", "x = 1\n")]
        losses.append({"id": "p", "language": language, "loss_sum": 1.0, "code_tokens": 2})
        row = {"id": "p", "language": language, "text": "", "reference": "x = 1\n", "prediction": "x = 1\n"}
        write(folder / "predictions" / "moe" / f"{language}.jsonl", [row])
    write(folder / "losses" / "moe.jsonl", losses)
    (folder / "routing.json").write_text("{}")
    found = table.build_results(folder, tmp_path / "evaluate", examples, EvaluateRecipe(workers=1), {})
    moe = found["systems"]["moe"]
    assert moe["codebleu"]["ruby"]["value"] == 1
    assert set(moe["codebleu_reference"]) == {"python"}
    assert (
        "codebleu_reference, ruby: the reference protocol does not score it; use codebleu (evaluate.metrics)"
        in (found["skipped"])
    )
