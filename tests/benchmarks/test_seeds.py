"""Runs with several seeds: means, spreads and intervals that know of both programs and seeds."""

import gzip
import json

import numpy as np
import pytest
import yaml
from seeds import combine, main, read_run

LANGUAGES = ("python", "java")


def write(folder, seed, systems, number=60):
    """A finished run; ``systems``: name -> CodeBLEU of problem i in a language."""
    folder.mkdir()
    recipe = {"seed": seed, "name": folder.name, "base": {"model": "x"}, "gate": {"top_k": 2}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    for system, value in systems.items():
        losses = folder / "predict" / "losses" / f"{system}.jsonl"
        losses.parent.mkdir(parents=True, exist_ok=True)
        rows = folder / "evaluate" / "rows" / system
        rows.mkdir(parents=True)
        with losses.open("w") as file:
            for language in LANGUAGES:
                lines = []
                for problem in range(number):
                    score = value(problem, language)
                    line = {"id": str(problem), "language": language, "loss_sum": 10 * score, "code_tokens": 10}
                    file.write(json.dumps(line) + "\n")
                    lines.append(json.dumps({"id": str(problem), "codebleu": score}))
                (rows / f"{language}.jsonl").write_text("\n".join(lines) + "\n")
        verdicts = [
            {
                "id": f"{language}/{problem}",
                "language": language,
                "sample": 0,
                "status": "passed" if problem < 15 else "wrong",
            }
            for language in LANGUAGES
            for problem in range(number)
        ]
        (rows / "humaneval-x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in verdicts))
    return folder


def hardness(problem, _language="python"):
    return 0.3 + 0.2 * np.sin(problem)


def moved(by, noise=0.0, seed=0):
    jitter = np.random.default_rng(seed).normal(0.0, noise, 1000) if noise else np.zeros(1000)
    return lambda problem, language: float(hardness(problem) + by + jitter[problem])


def test_means_spreads_and_benchmarks(tmp_path):
    runs = [
        read_run(write(tmp_path / f"run{seed}", seed, {"base": moved(0), "moe": moved(by)}))
        for seed, by in enumerate((0.1, 0.2, 0.3))
    ]
    result = combine(runs, "moe")
    mean = np.mean([hardness(problem) for problem in range(60)])
    entry = result["systems"]["moe"]["codebleu"]["mean"]
    assert entry["value"] == pytest.approx(mean + 0.2)
    assert entry["seeds"] == pytest.approx([mean + 0.1, mean + 0.2, mean + 0.3])
    assert entry["n"] == 120
    assert result["systems"]["moe"]["pass@1 humaneval-x"]["python"]["value"] == 0.25
    assert result["systems"]["moe"]["loss"]["java"]["value"] == pytest.approx(mean + 0.2)


def test_of_a_program_that_was_judged_again_the_last_verdict_counts(tmp_path):
    """Verdicts are appended: if a stage goes on with another version of moesaic, the earlier lines stay."""
    run = write(tmp_path / "run", 0, {"moe": moved(0)}, number=20)
    rows = run / "evaluate" / "rows" / "moe" / "humaneval-x.jsonl"
    again = {"id": "python/0", "language": "python", "sample": 0, "status": "crashed"}
    rows.write_text(rows.read_text() + json.dumps(again) + "\n")
    found = read_run(run)["moe"]["pass@1 humaneval-x"]
    assert len(found["python"]) == len(found["java"]) == 20
    assert found["python"]["0"] == (0.0, 1.0)
    assert found["java"]["0"] == (1.0, 1.0)


def test_a_difference_that_another_seed_turns_round_is_none(tmp_path):
    """Every program agrees in each run, so one run alone is certain; the seeds do not agree."""
    runs = [
        read_run(write(tmp_path / f"run{seed}", seed, {"dense": moved(0), "moe": moved(by)}))
        for seed, by in enumerate((0.02, -0.01, 0.01))
    ]
    single = combine(runs[:1], "moe")["differences"]["dense"]["codebleu"]["mean"]
    assert single["low"] == pytest.approx(single["high"]) == pytest.approx(0.02)
    entry = combine(runs, "moe")["differences"]["dense"]["codebleu"]["mean"]
    assert entry["value"] == pytest.approx(0.02 / 3)
    assert entry["low"] < 0 < entry["high"]
    # s / sqrt(3) times the quantile of Student's t with 2 degrees of freedom, 4.303
    assert entry["high"] - entry["value"] == pytest.approx(
        np.std([0.02, -0.01, 0.01], ddof=1) / 3**0.5 * 4.303, rel=0.05
    )


def test_seeds_that_agree_leave_the_interval_of_the_programs(tmp_path):
    runs = [
        read_run(write(tmp_path / f"run{seed}", seed, {"dense": moved(0), "moe": moved(0.05, 0.1, seed=7)}))
        for seed in range(3)
    ]
    single = combine(runs[:1], "moe")["differences"]["dense"]["codebleu"]["mean"]
    entry = combine(runs, "moe")["differences"]["dense"]["codebleu"]["mean"]
    assert entry["low"] == pytest.approx(single["low"], abs=0.004)
    assert entry["high"] == pytest.approx(single["high"], abs=0.004)
    assert entry["high"] - entry["low"] > 0.02


def test_own_experts_are_one_system(tmp_path):
    run = read_run(
        write(tmp_path / "run", 0, {"expert-python": moved(0), "expert-java": moved(0.1), "moe": moved(0.2)})
    )
    mean = np.mean([hardness(problem) for problem in range(60)])
    entry = combine([run], "moe")["systems"]["experts"]["codebleu"]
    assert entry["mean"]["value"] == pytest.approx(mean + 0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 0}, "each must have its own"),
        ({"gate": {"top_k": 1}}, "run1 is a run of another recipe"),
        (None, "no finished run"),
    ],
)
def test_runs_that_do_not_belong_together(tmp_path, monkeypatch, capsys, change, message):
    folders = [write(tmp_path / f"run{seed}", seed, {"moe": moved(0)}) for seed in range(2)]
    if change is None:
        (folders[1] / "evaluate").rename(tmp_path / "elsewhere")
    else:
        recipe = yaml.safe_load((folders[1] / "recipe.yaml").read_text())
        (folders[1] / "recipe.yaml").write_text(yaml.safe_dump(recipe | change))
    monkeypatch.setattr("sys.argv", ["seeds.py", *map(str, folders)])
    assert main() == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_means_and_differences(tmp_path, monkeypatch, capsys):
    folders = [write(tmp_path / f"run{seed}", seed, {"base": moved(0), "moe": moved(0.1)}) for seed in range(2)]
    monkeypatch.setattr("sys.argv", ["seeds.py", *map(str, folders), "--out", str(tmp_path / "out.json")])
    assert main() == 0
    assert "moe - base, codebleu: +0.1000 [+0.1000, +0.1000], 2 seeds" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["seeds"] == [0, 1]


def test_a_wrong_name_or_place_is_one_message(tmp_path, monkeypatch, capsys):
    run, nowhere = write(tmp_path / "run0", 0, {"base": moved(0), "moe": moved(0.1)}), tmp_path / "none" / "out"
    for option, value, message in (
        ("--reference", "mo", "--reference mo: no such system, the runs have base, moe"),
        ("--out", nowhere, "No such file"),
        ("--values", nowhere, "No such file"),
    ):
        monkeypatch.setattr("sys.argv", ["seeds.py", str(run), option, str(value)])
        assert main() == 2
        assert message in capsys.readouterr().err


def test_a_benchmark_in_other_languages_has_no_mean(tmp_path, monkeypatch, capsys):
    folders = [write(tmp_path / f"run{seed}", seed, {"base": moved(0), "moe": moved(0.1)}) for seed in range(2)]
    for folder, language in zip(folders, LANGUAGES, strict=True):
        for rows in folder.glob("evaluate/rows/*/humaneval-x.jsonl"):
            rows.write_text("".join(line for line in rows.read_text().splitlines(True) if f'"{language}"' in line))
    monkeypatch.setattr("sys.argv", ["seeds.py", *map(str, folders)])
    assert main() == 0
    said = capsys.readouterr().out
    assert "moe - base, codebleu" in said
    assert "moe - base, pass@1" not in said


def test_values_of_a_run_stand_for_its_workspace(tmp_path, monkeypatch, capsys):
    folders = [write(tmp_path / f"run{seed}", seed, {"expert-java": moved(0), "moe": moved(0.1)}) for seed in range(2)]
    stored = tmp_path / "run0.json.gz"

    def results(*runs):
        monkeypatch.setattr("sys.argv", ["seeds.py", *map(str, runs), "--out", str(tmp_path / "out.json")])
        assert main() == 0
        return json.loads((tmp_path / "out.json").read_text())

    monkeypatch.setattr("sys.argv", ["seeds.py", str(folders[0]), "--values", str(stored)])
    assert main() == 0
    assert results(stored, folders[1]) == results(*folders)
    for other, message in ((folders[0], "each must have its own"), (tmp_path / "none", "none is no finished run")):
        monkeypatch.setattr("sys.argv", ["seeds.py", str(stored), str(other)])
        assert main() == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1]"), gzip.compress(b"{}")[:12]],
    ids=["empty", "not packed", "no values", "a list", "cut"],  # the packed bytes have the time in them
)
def test_a_file_that_holds_no_values_is_named(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "run.json.gz").write_bytes(content)
    monkeypatch.setattr("sys.argv", ["seeds.py", str(tmp_path / "run.json.gz")])
    assert main() == 2
    assert "run.json.gz is not a file that seeds.py --values wrote" in capsys.readouterr().err
