"""benchmarks/ablations.py: its variants, its figures, its table, and a run on a pico base."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import ablations as script
import numpy as np
import pytest
from ablation_figures import differences, estimates, markdown_table, read_losses
from ablation_variants import candidates
from ablations import REFERENCE, Ablations, shared_stages

from forked import Forked
from moesaic.errors import CheckpointError, RecipeError
from moesaic.files import read_json, write_json
from moesaic.recipe import load_recipe
from test_pipeline import write_recipe

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "recipes" / "quickstart.yaml"


def losses(language_sizes, seed, shift=0.0, tokens_seed=0):
    """Made-up losses; those of equal ``tokens_seed`` are of the same examples, whose difficulty they share."""
    examples, noise = np.random.default_rng(tokens_seed), np.random.default_rng(seed)
    found = {}
    for language, size in language_sizes.items():
        tokens = examples.integers(20, 300, size)
        difficulty = examples.normal(0.8, 0.3, size)
        rates = difficulty + noise.normal(shift, 0.05, size)
        found[language] = {
            (f"{language}{i}", 0): (float(rate * count), int(count))
            for i, (rate, count) in enumerate(zip(rates, tokens, strict=True))
        }
    return found


def test_the_paired_interval_is_that_of_a_naive_computation():
    sizes = {"python": 50, "java": 30}
    reference, variant = losses(sizes, 1), losses(sizes, 2, shift=0.02)
    found = differences(variant, reference)

    def mean_loss(system, drawn):
        ratios = [
            sum(system[name][key][0] for key in keys) / sum(system[name][key][1] for key in keys)
            for name, keys in drawn.items()
        ]
        return sum(ratios) / len(ratios)

    whole = {name: list(rows) for name, rows in reference.items()}
    assert found["mean"].value == pytest.approx(mean_loss(variant, whole) - mean_loss(reference, whole))
    generator = np.random.default_rng(7)
    draws = []
    for _ in range(3000):
        drawn = {name: [keys[generator.integers(len(keys))] for _ in keys] for name, keys in whole.items()}
        draws.append(mean_loss(variant, drawn) - mean_loss(reference, drawn))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found["mean"].low == pytest.approx(low, abs=0.1 * (high - low))
    assert found["mean"].high == pytest.approx(high, abs=0.1 * (high - low))
    assert found["mean"].n == 80
    # Pairing takes the examples' difficulty out: it is most of what either loss alone is unsure of.
    alone = estimates(reference)["mean"]
    assert high - low < 0.4 * (alone.high - alone.low)


def test_only_the_same_examples_are_paired():
    reference = losses({"python": 6, "java": 4}, 1)
    variant = losses({"python": 6, "cpp": 3}, 2)
    variant["python"]["new", 0] = (9.0, 10)
    variant["python"]["python3", 0] = (1.0, 999)  # the same id, another program
    del variant["python"]["python0", 0]
    found = differences(variant, reference)
    assert {name: estimate.n for name, estimate in found.items()} == {"mean": 4, "python": 4}
    kept = [("python1", 0), ("python2", 0), ("python4", 0), ("python5", 0)]
    totals = [sum(system["python"][key][0] for key in kept) for system in (variant, reference)]
    tokens = sum(reference["python"][key][1] for key in kept)
    assert found["mean"].value == pytest.approx((totals[0] - totals[1]) / tokens)
    assert differences({"cpp": variant["cpp"]}, reference) == {}


def test_losses_are_read_with_every_program_of_an_id(tmp_path):
    rows = [("a", "python", 3.0, 4), ("a", "python", 5.0, 6), ("a", "java", 7.0, 8)]
    keys = ("id", "language", "loss_sum", "code_tokens")
    path = tmp_path / "moe.jsonl"
    path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
    found = read_losses(path)
    assert found == {"python": {("a", 0): (3.0, 4), ("a", 1): (5.0, 6)}, "java": {("a", 0): (7.0, 8)}}
    assert estimates(found)["mean"].value == pytest.approx((8 / 10 + 7 / 8) / 2)


def estimate(value):
    return {"value": value, "n": 5, "low": value - 0.01, "high": value + 0.01}


def test_the_table_has_a_row_for_what_is_done_or_failed_and_names_the_rest():
    def row(name, languages, **more):
        loss = {"mean": estimate(0.5), **{language: estimate(0.4) for language in languages}}
        return {"name": name, "title": f"title {name}", "status": "done", "loss": loss, "hardware": {}, **more}

    two = ["python", "cpp"]
    system = {"mean": estimate(0.9), "python": estimate(0.8), "cpp": estimate(1.0)}
    text = markdown_table(
        {
            "date": "2026-11-24",
            "recipe": {"name": "toy"},
            "rows": [
                row(REFERENCE, two, seconds={"data": 1.4, "gate": 20.0}, base=system, experts=system)
                | {"hardware": {"gpu": "a GPU"}},
                row("one", ["python"], seconds={"gate": 3.0}, difference={"mean": estimate(-0.02)}, note="odd"),
                {"name": "bad", "title": "bad", "status": "failed", "reason": "exit code 1: a | b\nc"},
                {"name": "late", "title": "late", "status": "waiting", "note": "of a row that is not there"},
            ],
        }
    )
    lines = text.splitlines()
    assert lines[0] == "| variant | mean loss | against the recipe | Python | C++ | seconds |"
    assert len({line.replace("\\|", "").count("|") for line in lines[:7]}) == 1
    interval = "0.4000 [0.3900, 0.4100]"
    assert lines[2].startswith("| base | 0.9000 [0.8900, 0.9100] |  | 0.8000")
    assert lines[4] == f"| title reference | 0.5000 [0.4900, 0.5100] |  | {interval} | {interval} | 21 |"
    mean = "0.5000 [0.4900, 0.5100] (1 of 2 languages)"
    assert lines[5] == f"| title one (1) | {mean} | -0.0200 [-0.0300, -0.0100] | {interval} |  | 3 |"
    assert lines[6] == "| bad | failed: exit code 1: a \\| b c |  |  |  |  |"
    assert "toy, 2026-11-24, a GPU" in text
    assert "(1) Odd." in lines
    assert "(2)" not in text
    assert lines[-1] == "Not run yet: late."


def test_several_files_are_one_table_in_which_a_variant_may_be_missing_from_all_but_one():
    def results(date, reference, name, **more):
        done = {"status": "done", "seconds": {}, "hardware": {}}
        loss = {"mean": estimate(reference), "java": estimate(reference)}
        waiting = [{"name": other, "title": other, "status": "waiting"} for other in ("a", "b", "c") if other != name]
        return {
            "date": date,
            "recipe": {"name": "toy"},
            "rows": [
                {"name": REFERENCE, "title": "the recipe", "loss": loss, "base": loss, "experts": loss, **done},
                {"name": name, "title": name, "loss": loss | more, "difference": {"mean": estimate(0.1)}, **done},
                *waiting,
            ],
        }

    files = results("2026-11-24", 0.5, "a"), results("2026-11-25", 0.6, "b", php=estimate(0.7))
    lines = markdown_table(*files).splitlines()
    assert "| Java | PHP |" in lines[0]
    assert "(1 of 2 languages)" in lines[4]
    assert lines[7].endswith("| 0.7000 [0.6900, 0.7100] | 0 |")
    titles = [line.split(" | ")[0].removeprefix("| ") for line in lines[2:8]]
    again = "the recipe, trained again (2026-11-25); below, variants of that day"
    assert titles == ["base", "experts, each on its own language", "the recipe", "a", again, "b"]
    assert lines[9].startswith("toy, 2026-11-24, CPU; toy, 2026-11-25, CPU: ")
    assert lines[-1] == "Not run yet: c."


def test_variants_change_one_thing_and_leave_out_what_the_recipe_is(tmp_path):
    ablations = Ablations(QUICKSTART, [f"output={tmp_path}"], None)
    recipes = ablations.recipes
    assert not ablations.refused
    assert {"top_2", "init_ridge", "rank_16"}.isdisjoint(recipes)
    assert {"softmax", "top_1", "noisy_top_k", "init_zero", "gate_only", "rank_64", "experts_2"} <= set(recipes)
    scales = {recipe.experts.alpha / recipe.experts.rank for recipe in recipes.values()}
    assert scales == {2.0}
    assert recipes["experts_2"].data.languages == ("python", "java")
    assert all(recipe.predict.limit == 0 and recipe.predict.split == "validation" for recipe in recipes.values())
    assert all(not recipe.evaluate.allow_code_execution or not recipe.predict.benchmarks for recipe in recipes.values())
    names = [variant.name for variant in candidates(recipes[REFERENCE])]
    assert len(set(names)) == len(names)
    assert recipes["experts_8"].data.languages[:5] == (
        "python",
        "java",
        "javascript",
        "cpp",
        "php",
    )  # the corpus has eight
    assert not any(name.startswith("shared_") for name in names)  # the recipe has no shared delta
    assert recipes["experts_hardly_trained"].experts.max_steps == 1


def test_the_most_telling_variants_come_first_and_keep_the_recipe_valid(tmp_path):
    ablations = Ablations(QUICKSTART, [f"output={tmp_path}", "gate.shared_rank=6", "experts.epochs=2"], None)
    assert not ablations.refused
    recipes = ablations.recipes
    first = [
        "softmax", "top_1", "noisy_top_k", "shared_0", "experts_epochs_3", "init_zero", "init_prompts", "rank_8",
        "rank_32", "load_balance", "z_loss",
    ]  # fmt: skip
    assert list(recipes)[1:12] == first
    assert list(recipes)[-1] == "targets_all"
    assert {name: recipe.gate.shared_rank for name, recipe in recipes.items() if recipe.gate.shared_rank != 6} == {
        "shared_0": 0,
        "gate_only": 0,
        "shared_3": 3,
        "shared_12": 12,
    }
    assert {name: recipe.experts.epochs for name, recipe in recipes.items() if recipe.experts.epochs != 2} == {
        "experts_epochs_3": 3,
        "experts_epochs_1": 1,
    }
    assert recipes["experts_epochs_3"].experts.evaluations == 3  # the recipe's one validation would keep what overfits
    odd = [variant.name for variant in candidates(load_recipe(QUICKSTART, ["gate.shared_rank=1"]))]
    assert len(set(odd)) == len(odd)
    assert {"shared_0", "shared_2"} <= set(odd)


def test_a_source_with_more_languages_gets_a_variant_with_more_experts(tmp_path):
    ablations = Ablations(write_recipe(tmp_path), ["data.languages=[python]"], None)
    assert ablations.recipes["experts_2"].data.languages == ("python", "java")
    assert "gate.top_k" in ablations.refused["top_2"]  # two experts a token of one


def finished_stage(folder: Path, digest: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text(digest)
    write_json(
        folder / "manifest.json",
        {"digest": digest, "output_digest": digest, "files": {"file": len(digest)}, "seconds": 1},
    )
    return folder


def test_finished_stages_of_another_run_become_the_references_own(tmp_path, capsys):
    ablations = Ablations(QUICKSTART, [f"output={tmp_path / 'out'}"], None)
    reference, other = ablations.reference, tmp_path / "other"
    for name in ("data", "experts/python", "experts/cpp", "gate", "predict"):
        finished_stage(other / name, f"other {name}")
    (other / "experts" / "cpp" / "file").write_text("cut")  # not what its manifest says
    finished_stage(reference.path("data"), "the reference's own")
    ablations.reuse(other)
    assert reference.manifest("data")["digest"] == "the reference's own"
    for name in ("experts/python", "gate"):
        assert reference.is_done(name, f"other {name}")
    assert not any(reference.path(name).exists() for name in ("experts/cpp", "compose", "predict"))
    said = "experts/python, gate"
    assert said in capsys.readouterr().err
    ablations.reuse(other)
    assert "nothing that is not there already" in capsys.readouterr().err
    for empty in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CheckpointError, match=r"--reuse .*: no finished stage"):
            ablations.reuse(empty)
    assert not (tmp_path / "nowhere").exists()


def test_stages_are_shared_where_their_inputs_are(tmp_path):
    recipes = Ablations(QUICKSTART, [f"output={tmp_path}"], None).recipes
    experts = [f"experts/{name}" for name in ("python", "java", "javascript", "cpp")]

    def shared(name):
        return shared_stages(recipes[REFERENCE], recipes[name])

    assert shared("gate_only") == shared("load_balance") == ["data", *experts, "compose"]
    assert shared("softmax") == shared("init_zero") == ["data", *experts]
    assert shared("rank_8") == shared("targets_all") == shared("experts_hardly_trained") == ["data"]
    assert shared("experts_2") == experts[:2]


def test_answers_and_rewarded_experts_are_shared_where_their_inputs_are(tmp_path):
    changes = ["data.languages=[python,java]", "data.keep=mbxp:there", "experts.keep=true"]
    changes += ["reward.rounds=1", "reward.alone=[java]"]
    first = load_recipe(QUICKSTART, changes)
    data, experts = ["data", "keep"], ["experts/python", "experts/java"]
    for change, shared in (
        ("gate.load_balance=0.5", [*data, *experts, "expert_rewards/java", "compose"]),
        ("gate.kind=softmax", [*data, *experts, "expert_rewards/java"]),
        ("gate.anchor=true", [*data, *experts, "expert_rewards/java"]),
        ("reward.samples=3", [*data, *experts]),
        ("reward.alone=[]", [*data, *experts]),
        ("reward.alone=[python,java]", [*data, *experts, "expert_rewards/java"]),
        ("keep.max_new_tokens=9", ["data", *experts]),
        ("data.languages=[java,python]", [*experts[::-1], "expert_rewards/java"]),
        ("data.train_limit=3", experts),
        ("experts.rank=3", data),
    ):
        assert shared_stages(first, load_recipe(QUICKSTART, [*changes, change])) == shared, change


class Logged(Forked):
    """What the script starts, forked."""

    def __init__(self, command: list[str], stdout: IO[bytes], stderr: int, env: dict[str, str]) -> None:
        assert command[0] == sys.executable
        assert stderr == subprocess.STDOUT
        super().__init__(command[1:], env=env, log=stdout)


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the script's command line in this process."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(script, "subprocess", SimpleNamespace(Popen=Logged, STDOUT=subprocess.STDOUT))

    def call(recipe: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["ablations.py", str(recipe), *arguments])
        capsys.readouterr()
        code = script.main()
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return call


@pytest.mark.slow
def test_a_variant_reuses_the_reference_and_a_second_call_goes_on(run, tmp_path):
    recipe, out = write_recipe(tmp_path), tmp_path / "out" / "results.json"
    call = ("evaluate.bootstrap_samples=1000", "--out", str(out), "--only", "gate_only")
    ended = run(recipe, *call, "--minutes", "0")
    assert ended.returncode == 0, ended.stderr
    assert {row["status"] for row in read_json(out)["rows"]} == {"waiting"}  # no time to start anything

    ended = run(recipe, *call)
    assert ended.returncode == 0, ended.stderr
    rows = {row["name"]: row for row in read_json(out)["rows"]}
    assert rows["gate_only"]["reused"] == ["data", "experts/python", "experts/java", "compose"]
    assert set(rows["gate_only"]["seconds"]) == {"gate", "predict"}
    root = tmp_path / "runs" / "toy-ablations"
    table = read_json(root / "gate_only" / "results.json")["systems"]["moe"]["loss"]
    assert {name: rows["gate_only"]["loss"][name] for name in table} == table  # moesaic's own table says the same
    means = {name: rows[name]["loss"]["mean"]["value"] for name in (REFERENCE, "gate_only")}
    assert rows["gate_only"]["difference"]["mean"]["value"] == pytest.approx(means["gate_only"] - means[REFERENCE])
    assert means["gate_only"] > means[REFERENCE]  # the joint stage helps even here
    assert rows[REFERENCE]["base"]["mean"]["value"] > rows[REFERENCE]["experts"]["mean"]["value"]

    out.unlink()
    ended = run(recipe, *call)
    assert "started" not in ended.stderr  # the workspaces say what is done
    assert {row["name"]: row for row in read_json(out)["rows"]} == rows
    table_only = run(out, "--table", str(out)).stdout
    assert "| gates alone, experts as they were |" in table_only
    again = tmp_path / "again" / "results.json"
    elsewhere = (f"output={tmp_path / 'elsewhere'}", "evaluate.bootstrap_samples=1000", "--out", str(again))
    ended = run(recipe, *elsewhere, "--only", REFERENCE, "--reuse", str(root / REFERENCE))
    assert ended.returncode == 0, ended.stderr
    log = (again.parent / "results-logs" / f"{REFERENCE}.log").read_text()
    assert all(f"{name}: finished earlier, skipped" in log for name in ("data", "experts/java", "compose", "gate"))
    assert read_json(again)["rows"][0]["loss"] == rows[REFERENCE]["loss"]
    ended = run(recipe, *elsewhere, "--reuse", str(tmp_path / "nowhere"))
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    with pytest.raises(RecipeError, match="with other experts: name another"):
        Ablations(recipe, ["experts.rank=3"], out)


def test_a_reference_that_fails_says_why_and_nothing_else_starts(run, tmp_path):
    out = tmp_path / "out.json"
    ended = run(write_recipe(tmp_path), "base.model=./nowhere", "--out", str(out), "--devices", "0,1")
    assert ended.returncode == 1, ended.stderr
    first, *others = read_json(out)["rows"]
    assert (first["name"], first["status"]) == (REFERENCE, "failed")
    assert "base.model" in first["reason"]
    assert {row["status"] for row in others} <= {"waiting", "failed"}
    assert ended.stderr.count("started") == 1
