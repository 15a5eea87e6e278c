"""The whole pipeline on a pico base: what it leaves, that it skips, resumes after kills, and retrains one language."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import forked
from killing import run_killed
from moesaic.errors import CheckpointError, DataError, ModelError, RecipeError
from moesaic.files import file_digest, read_json
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.progress import read_metrics
from moesaic.recipe import load_recipe
from pico import pico_base

RECIPE = """
base: {{model: {base}, dtype: float32}}
data: {{source: {source}, languages: [python, java]}}
output: {output}
experts:
  {{rank: 2, alpha: 4, epochs: 2, learning_rate: 1.0e-2, row_tokens: 1200, evaluations: 2, checkpoint_minutes: 0}}
gate:
  {{top_k: 1, init_programs: 8, gate_steps: 2, joint_epochs: 1, joint_learning_rate: 1.0e-2, row_tokens: 1200,
    evaluations: 2, checkpoint_minutes: 0}}
predict: {{max_new_tokens: 8, limit: 3, row_tokens: 2048, benchmarks: {{own: {problems}}}}}
evaluate: {{metrics: [parse_share, bleu, codebleu], workers: 1, bootstrap_samples: 50, allow_code_execution: true}}
"""
_PROGRAMS = {
    "python": "def add_{n}(x):\n    return x + {n}\n\n\nprint(add_{n}({m}))\n",
    "java": "class Main {{\n    static int add_{n}(int x) {{\n        return x + {n};\n    }}\n}}\n",
    "ruby": "module Adding{n}\n  def self.call(*values)\n    values.map {{ |v| v.to_i + {n} }}.each do |v|\n"
    "      puts v\n    end\n  end\nend\n\nAdding{n}.call({m}, {m})\n",
}


def write_pairs(folder: Path, languages: tuple[str, ...] = ("python", "java")) -> Path:
    """A source of JSON Lines with its own splits."""
    start = 0
    for split, count in (("train", 14), ("validation", 4), ("test", 4)):
        for language in languages:
            (folder / language).mkdir(parents=True, exist_ok=True)
            rows = [
                {
                    "id": str(start + n),
                    "text": f"Function number {start + n} that adds {(start + n) ** 3} to {'xyzuvw'[n % 6]}",
                    "code": _PROGRAMS[language].format(n=(start + n) ** 3, m=7919 * (start + n)),
                }
                for n in range(count)
            ]
            (folder / language / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        start += count
    return folder


def write_recipe(folder: Path, output: str = "runs", more: str = "") -> Path:
    """A recipe, its base and its data, all in ``folder``; ``more`` is added to the recipe."""
    if not (folder / "base").exists():
        pico_base(folder / "base", max_position_embeddings=1024)
        write_pairs(folder / "pairs")
        problem = {"id": "one", "language": "python", "prompt": "def one():\n", "test": "assert one() == 1"}
        (folder / "own.jsonl").write_text(json.dumps(problem) + "\n")
    path = folder / "toy.yaml"
    names = {"base": folder / "base", "source": folder / "pairs", "problems": folder / "own.jsonl"}
    path.write_text(RECIPE.format(**names, output=folder / output) + more)
    return path


def stage_times(root: Path) -> dict[str, int]:
    """When each stage was published, in nanoseconds."""
    return {str(path.parent.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("manifest.json")}


def numbers(folder: Path, output: str = "runs") -> dict:
    results = read_json(folder / output / "toy" / "results.json")
    return {key: results[key] for key in ("systems", "guards", "routing")}


def test_a_run_leaves_the_table_the_report_and_a_model(finished):
    root = finished / "runs" / "toy"
    results = read_json(root / "results.json")
    assert set(results["systems"]) == {"base", "experts", "expert:python", "expert:java", "moe"}
    for system, metrics in results["systems"].items():
        for estimate in metrics["loss"].values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"], system
            assert estimate["n"] == 4
    assert results["systems"]["moe"]["codebleu"]["java"]["n"] == 3
    assert set(results["systems"]["expert:java"]["loss"]) == {"python", "java"}
    losses = {name: sum(e["value"] for e in results["systems"][name]["loss"].values()) for name in ("base", "moe")}
    assert losses["moe"] < losses["base"]
    assert set(results["paired"]) == {"base", "experts"}
    for estimate in (results["paired"]["base"][metric]["mean"] for metric in ("loss", "codebleu")):
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert results["paired"]["base"]["loss"]["mean"]["value"] == pytest.approx((losses["moe"] - losses["base"]) / 2)
    assert "<table" in (root / "report.html").read_text()
    assert (root / "model" / "moesaic.json").exists()
    assert not (root / "baselines").exists()  # nobody asked for any
    assert not (root / "reward").exists()
    assert "| moe | loss |" in (root / "model" / "README.md").read_text()
    assert not list(root.rglob("*.partial"))


def graded(results: dict) -> dict:
    return {name: metrics["pass@1 own"] for name, metrics in results["systems"].items() if "pass@1 own" in metrics}


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")
def test_a_benchmark_chosen_by_key_is_graded(finished):
    results = read_json(finished / "runs" / "toy" / "results.json")
    assert results["skipped"] == []
    assert set(graded(results)) == {"base", "experts", "expert:python", "moe"}
    assert graded(results)["moe"]["python"]["n"] == 1
    assert graded(results)["moe"]["python"]["value"] == 0.0  # eight random bytes solve nothing


def test_without_a_sandbox_a_benchmark_is_named_as_skipped(finished, tmp_path, monkeypatch):
    shutil.copytree(finished / "runs", tmp_path / "runs")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    options = [f"output={tmp_path / 'runs'}", "evaluate.bootstrap_samples=40"]
    Run(load_recipe(finished / "toy.yaml", options))(("evaluate",))
    results = read_json(tmp_path / "runs" / "toy" / "evaluate" / "results.json")
    assert graded(results) == {}
    assert [reason.split(":")[0] for reason in results["skipped"]] == ["own"]
    assert "bwrap is not on PATH" in results["skipped"][0]


def test_the_model_of_a_run_writes_programs(finished):
    from moesaic.api import load

    model = load(finished / "runs" / "toy", device="cpu")
    answer = model.generate("Function that adds 3", language="java", max_new_tokens=5, trace=True)
    assert model.experts == ("python", "java")
    assert answer.num_tokens <= 5
    assert len(answer.trace) == answer.num_tokens


def test_a_finished_run_is_skipped_and_a_changed_key_redoes_only_what_depends_on_it(finished, capfd):
    root = finished / "runs" / "toy"
    before = stage_times(root)
    Run(load_recipe(finished / "toy.yaml"))()
    assert stage_times(root) == before
    assert "skipped" in capfd.readouterr().err
    Run(load_recipe(finished / "toy.yaml", ["evaluate.metrics=[parse_share]"]))()
    after = stage_times(root)
    assert {name for name in before if before[name] != after[name]} == {"evaluate"}
    Run(load_recipe(finished / "toy.yaml"))()


def test_only_one_language_is_retrained_and_the_others_keep_their_bytes(tmp_path):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe))(("data", "experts", "compose"))
    experts = tmp_path / "runs" / "toy" / "experts"

    def bytes_of_python():
        return {path.name: (file_digest(path), path.stat().st_mtime_ns) for path in (experts / "python").iterdir()}

    python = bytes_of_python()
    java = file_digest(experts / "java" / "adapter_model.safetensors")
    compose = file_digest(tmp_path / "runs" / "toy" / "compose" / "model" / "router.safetensors")
    Run(load_recipe(recipe, ["experts.learning_rate=0.02"]), only=("java",))(("experts", "compose"))
    assert bytes_of_python() == python
    assert file_digest(experts / "java" / "adapter_model.safetensors") != java
    assert file_digest(tmp_path / "runs" / "toy" / "compose" / "model" / "router.safetensors") != compose


def _process(recipe: Path, module: str, function: str, kill_after: int) -> subprocess.CompletedProcess[str]:
    work = f"""
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
Run(load_recipe(Path({str(recipe)!r})))()
"""
    return run_killed(work, module, function, kill_after)


@pytest.mark.slow
@pytest.mark.untraced
def test_killed_in_experts_gate_and_predict_ends_with_the_same_numbers(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    done = _process(write_recipe(whole), "moesaic.train.loop", "save_checkpoint", -1)
    assert done.returncode == 0, done.stderr
    killed = tmp_path / "killed"
    killed.mkdir()
    recipe = write_recipe(killed)
    for module, function, after in (
        ("moesaic.train.loop", "save_checkpoint", 2),  # in the first expert
        ("moesaic.train.gate", "save_file", 1),  # between the two stretches of the gate
        ("moesaic.pipeline.predict", "write_json_lines", 4),  # among the predictions
    ):
        assert _process(recipe, module, function, after).returncode == -signal.SIGKILL
    assert not (killed / "runs" / "toy" / "predict").exists()
    last = _process(recipe, "moesaic.train.loop", "save_checkpoint", -1)
    assert last.returncode == 0, last.stderr
    assert numbers(killed) == numbers(whole)
    for name in ("experts/python", "experts/java", "gate/model/experts/java"):
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            first, second = (folder / "runs" / "toy" / name / file for folder in (whole, killed))
            content = first.read_bytes().replace(str(whole).encode(), str(killed).encode())  # the base's path
            assert content == second.read_bytes(), (name, file)


BASELINES = ("linear", "ties", "dare_ties", "dense_lora", "hidden_gates", "arrow")


def test_baselines_never_see_the_test_split_and_wait_for_what_they_need(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path, more=f"compare: [{', '.join(BASELINES)}]\n"))
    root = tmp_path / "runs" / "toy"
    run = Run(recipe)
    run(("data", "experts"))
    with pytest.raises(CheckpointError, match="moesaic run"):
        run(("compose", "gate", "predict"))
    for language in ("python", "java"):
        (root / "data" / language / "test.jsonl").unlink()
        report = root / "data" / "manifest.json"
        manifest = read_json(report)
        del manifest["files"][f"{language}/test.jsonl"], manifest["sha256"][f"{language}/test.jsonl"]
        report.write_text(json.dumps(manifest))
    run(("baselines",))
    assert sorted(path.name for path in (root / "baselines").iterdir()) == sorted(BASELINES)
    manifests = {name: root / "baselines" / name / "manifest.json" for name in BASELINES}
    before = {name: path.stat().st_mtime_ns for name, path in manifests.items()}
    # A retrained expert changes what was made of the experts; the dense adapter is made of the data.
    Run(recipe, only=("java",))(("experts", "baselines"))
    assert {name for name in BASELINES if manifests[name].stat().st_mtime_ns == before[name]} == {"dense_lora"}


def test_a_dense_adapter_needs_no_expert(tmp_path):
    recipe = load_recipe(write_recipe(tmp_path, more="compare: [dense_lora]\n"))
    Run(recipe)(("data", "baselines"))
    assert (tmp_path / "runs" / "toy" / "baselines" / "dense_lora" / "adapter_model.safetensors").exists()


def test_a_baseline_that_is_added_or_dropped_leaves_the_other_systems_as_they_are(tmp_path, capfd):
    recipe = write_recipe(tmp_path)

    def run(*names: str) -> dict[str, int]:
        Run(load_recipe(recipe, [f"compare=[{', '.join(names)}]", "experts.max_steps=1"]))()
        folder = tmp_path / "runs" / "toy" / "predict"
        capfd.readouterr()
        return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.rglob("*.jsonl")}

    alone = run()
    with_linear = run("linear")
    added = with_linear.keys() - alone.keys()
    assert added
    assert all("linear" in name for name in added)
    assert {name: with_linear[name] for name in alone} == alone
    with_another = run("linear", "hidden_gates")
    assert {name: with_another[name] for name in with_linear} == with_linear
    assert run() == alone


@pytest.mark.slow
@pytest.mark.untraced
def test_killed_between_baselines_ends_with_the_same_table(tmp_path):
    more = f"compare: [{', '.join(BASELINES)}]\n"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    done = _process(write_recipe(whole, more=more), "moesaic.train.loop", "save_checkpoint", -1)
    assert done.returncode == 0, done.stderr
    recipe, root = write_recipe(killed, more=more), killed / "runs" / "toy"
    for module, function, after in (
        ("moesaic.train.baselines", "make_baseline", 2),  # TIES is made but not published
        ("moesaic.train.loop", "save_checkpoint", 2),  # in the dense adapter: experts and gates are finished
    ):
        assert _process(recipe, module, function, after).returncode == -signal.SIGKILL
    assert sorted(path.name for path in (root / "baselines").iterdir() if not path.name.startswith(".")) == [
        "dare_ties",
        "linear",
        "ties",
    ]
    before = stage_times(root)
    last = _process(recipe, "moesaic.train.loop", "save_checkpoint", -1)
    assert last.returncode == 0, last.stderr
    assert "dense_lora/one_epoch: resuming after step 2" in last.stderr
    assert {name: stage_times(root)[name] for name in before} == before
    assert numbers(killed) == numbers(whole)

    results = read_json(root / "results.json")
    assert list(results["systems"])[-7:] == ["moe", *BASELINES]
    for name in BASELINES:
        assert {estimate["n"] for estimate in results["systems"][name]["loss"].values()} == {4}
        assert {estimate["n"] for estimate in results["systems"][name]["codebleu"].values()} == {3}
        assert f"baselines/{name}" in results["seconds"]
    assert list(results["paired"]) == ["base", "experts", *BASELINES]
    page = (root / "report.html").read_text()
    titles = ("Linear merge", "TIES merge", "DARE-TIES merge", "Dense LoRA", "MoE, hidden-state gates", "Arrow")
    assert all(title in page for title in titles)
    assert "| dense_lora | loss |" in (root / "model" / "README.md").read_text()


def moesaic(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return forked.run(["-m", "moesaic", *arguments], cwd)


ROUNDS = ["reward.rounds=1", "reward.max_new_tokens=8"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "missing.yaml"], "no such file"),
        (["run", "toy.yaml", "experts.rnak=3"], "did you mean rank?"),
        (["run", "toy.yaml", "data.languages=[pyhton]"], "did you mean"),
        (["run", "toy.yaml", "data.source=nowhere"], "nowhere"),
        (["run", "toy.yaml", "base.model=nowhere/at-all", "output=other"], "base.model"),
        (["experts", "toy.yaml", "output=other2"], "moesaic data"),
        (["experts", "toy.yaml", "only=cobol"], "cobol"),
        (["experts", "toy.yaml", "only=java,java"], "only: a language is named twice (found java, java)"),
        (["gate", "toy.yaml", "output=other3"], "first"),
        (["run", "toy.yaml", "only=java", *ROUNDS, "reward.alone=[ruby]"], "reward.alone names ruby"),
        (["reward", "toy.yaml", "only=java", *ROUNDS, "reward.alone=[java,java]"], "alone: a language is named twice"),
        (
            ["reward", "toy.yaml", "only=java", *ROUNDS, "reward.alone=[python]"],
            "only: java not in reward.alone (python)",
        ),
        (["reward", "toy.yaml", "only=ruby", *ROUNDS, "reward.alone=[python]"], "only: ['ruby'] not in data.languages"),
        (
            ["run", "toy.yaml", "only=java", "compare=[dense_lora_reward]", *ROUNDS],
            "continues the training of dense_lora",
        ),
        (["generate", "nowhere", "text"], "nowhere"),
        (["generate", "runs/toy", "text " * 3000, "--language", "java"], "context"),
        (["generate", "runs/toy", "text", "--language", "klingon"], "klingon"),
        (["generate", "runs/toy", " "], "the task is empty"),
        (["run", "toy.yaml", "predict.benchmarks.own=no.jsonl", "output=other4"], "predict.benchmarks.own: 'no.jsonl'"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_code_2(finished, arguments, expected):
    done = moesaic(*arguments, cwd=finished)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"\d problems", done.stderr)
    assert expected in " ".join(done.stderr.split())


@pytest.mark.slow
def test_bad_data_names_file_and_line_and_publishes_nothing(tmp_path):
    write_recipe(tmp_path)
    path = tmp_path / "pairs" / "java" / "train.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], '{"text": "half a', *lines[3:]]) + "\n")
    done = moesaic("data", "toy.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "train.jsonl:4" in done.stderr
    assert not (tmp_path / "runs" / "toy" / "data").exists()


@pytest.mark.slow
def test_a_half_written_adapter_is_named_and_not_composed(tmp_path):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe))(("data", "experts"))
    weights = tmp_path / "runs" / "toy" / "experts" / "java" / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    done = moesaic("compose", "toy.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "experts/java" in done.stderr
    assert not (tmp_path / "runs" / "toy" / "compose").exists()


def test_experts_of_another_base_are_not_composed(tmp_path):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe))(("data", "experts"))
    shutil.rmtree(tmp_path / "base")
    pico_base(tmp_path / "base", seed=1, max_position_embeddings=1024)
    with pytest.raises(ModelError, match=r"experts/python was trained on another base .* only=python"):
        Run(load_recipe(recipe))(("compose",))
    assert not (tmp_path / "runs" / "toy" / "compose").exists()


def test_a_language_is_added_and_its_data_asked_for_first(tmp_path):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe, ["data.languages=[python]", "gate.top_k=1"]))(("data", "experts"))
    python = file_digest(tmp_path / "runs" / "toy" / "experts" / "python" / "adapter_model.safetensors")
    with pytest.raises(DataError, match=r"no java in .*moesaic data"):
        Run(load_recipe(recipe), only=("java",))(("experts",))
    Run(load_recipe(recipe))(("data",))
    Run(load_recipe(recipe), only=("java",))(("experts", "compose"))
    assert file_digest(tmp_path / "runs" / "toy" / "experts" / "python" / "adapter_model.safetensors") == python
    names = read_json(tmp_path / "runs" / "toy" / "compose" / "model" / "moesaic.json")["experts"]
    assert [entry["name"] for entry in names] == ["python", "java"]


def test_examples_longer_than_the_context_are_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"data.max_tokens: 1,025 is more than the context of .*1,024"):
        Run(load_recipe(write_recipe(tmp_path), ["data.max_tokens=1025"]))(("data",))
    assert not (tmp_path / "runs" / "toy" / "data").exists()


@pytest.mark.parametrize(("name", "said"), [("tensorbord", "did you mean tensorboard"), ("dvclive", "not installed")])
def test_a_tracker_that_would_be_passed_over_is_named(tmp_path, name, said):
    with pytest.raises(RecipeError, match=said):
        _ = Run(load_recipe(write_recipe(tmp_path), [f"trackers=[{name}]"])).accelerator


def test_a_full_disk_is_named_and_publishes_nothing(tmp_path, monkeypatch):
    import errno

    from moesaic.errors import SpaceError

    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe))(("data",))

    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("moesaic.train.resume.save_file", full)
    with pytest.raises(SpaceError, match="free some"):
        Run(load_recipe(recipe))(("experts",))
    assert not (tmp_path / "runs" / "toy" / "experts" / "python").exists()


def test_validate_names_all_mistakes(tmp_path):
    write_recipe(tmp_path)
    done = moesaic(
        "validate", "toy.yaml", "experts.rank=0", "gate.kind=top3", "data.languages=[cobol]", "sead=1",
        "predict.top_p=2", "data.source=nowhere", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    for key in ("experts.rank", "gate.kind", "data.languages", "sead", "predict.top_p", "nowhere", "6 problems"):
        assert key in done.stderr


def test_dry_run_lists_stages_and_the_token_budget(tmp_path):
    write_recipe(tmp_path)
    done = moesaic("run", "toy.yaml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in (
        "experts/java",
        "gate: joint",
        "tokens through the model",
        "to do",
        "time",
        "what is to be done takes",
    ):
        assert word in done.stdout
    assert re.search(r"and up to \d\.\d of \d+\.\d GiB of memory", done.stdout)
    assert "baselines" not in done.stdout
    assert "reward" not in done.stdout
    assert not (tmp_path / "runs" / "toy" / "experts").exists()


def test_a_plan_has_a_row_for_each_schedule_of_the_dense_adapter(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run = Run(load_recipe(write_recipe(tmp_path), ["compare=[dense_lora]"]))
    run(("data",))
    print_plan(run)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    table = {row[0]: row for row in rows if row}
    tokens = {name: int(row[4].replace(",", "")) for name, row in table.items() if row[3]}  # of stretches with steps
    one, whole = (tokens.pop(f"baselines/dense_lora: {name}") for name in ("one_epoch", "whole_budget"))
    assert set(tokens) == {"experts/python", "experts/java", "gate: gates", "gate: joint"}
    assert one == int(table["gate: joint"][2].replace(",", ""))
    step = whole / int(table["baselines/dense_lora: whole_budget"][3])
    assert sum(tokens.values()) <= whole + len(tokens) <= sum(tokens.values()) + step + len(tokens)


def test_programs_decide_in_every_training_that_is_told_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    selected = [
        f"{section}.{key}" for section in ("experts", "gate") for key in ("select=codebleu", "select_programs=2")
    ]
    settings = [*selected, "compare=[dense_lora]", "evaluate.workers=1", "predict.limit=0"]
    run = Run(load_recipe(write_recipe(tmp_path), settings))
    run(("data",))
    print_plan(run)
    rows = {line.split("│")[1].strip(): line for line in capsys.readouterr().out.splitlines() if "│" in line}
    count = 2 * (1 + run.recipe.gate.evaluations)
    assert f"{count}" in rows["experts/python: programs"].split("│")[2]
    assert f"{2 * count}" in rows["gate: joint: programs"].split("│")[2]
    run(("experts", "compose", "gate", "baselines"))
    root = tmp_path / "runs" / "toy"
    dense = sorted(path.relative_to(root) for path in root.glob("baselines/dense_lora/*/metrics.jsonl"))
    assert dense
    for path in ("experts/python/metrics.jsonl", "gate/gates/metrics.jsonl", "gate/joint/metrics.jsonl", *dense):
        validations = [row for row in read_metrics(root / path) if "validation_loss" in row]
        assert all(row["validation_decides"] == 1 - row["validation_codebleu"] for row in validations), path
        assert len(validations) >= 2, path


REWARD = (
    "reward.rounds=1", "reward.prompts=3", "reward.samples=2", "reward.steps=2", "reward.max_new_tokens=8",
    "reward.validation_programs=2", "reward.row_tokens=1200", "reward.workers=1",
)  # fmt: skip


def test_a_plan_counts_the_programs_that_training_samples(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run = Run(load_recipe(write_recipe(tmp_path), REWARD))
    run(("data",))
    print_plan(run)
    said = capsys.readouterr().out
    rows = {line.split("│")[1].strip(): line for line in said.splitlines() if "│" in line}
    assert "at most 112 new" in rows["reward: programs"]  # 6 to train on, 4 in each of two validations
    assert "at most 192 new" in rows["predict: programs"]  # 6 of base, experts and both models
    assert "at most 32 new" in rows["predict: own"]  # 1 of each of the four
    assert "at most 336 generated" in said
    assert "│     2 │" in rows["reward"]
    assert "  reward: to do" in said


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_with_rewards_ends_with_the_model_that_they_made(tmp_path, finished, monkeypatch, capfd, kept):
    from moesaic.train.samples import Samples

    values = iter([0.1, 0.2 if kept else 0.0])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(values))
    shutil.copytree(finished / "runs", tmp_path / "runs")
    root = tmp_path / "runs" / "toy"
    before = stage_times(root)
    recipe = load_recipe(finished / "toy.yaml", [*REWARD, f"output={tmp_path / 'runs'}"])
    Run(recipe)()
    after = stage_times(root)
    assert all(after[name] == before[name] for name in ("data", "experts/java", "compose", "gate"))
    training = read_json(root / "reward" / "training.json")
    assert (training["rounds"], training["best_round"]) == (1, int(kept))

    def digests(folder):
        names = ("router.safetensors", "experts/python/adapter_model.safetensors")
        return [file_digest(root / folder / name) for name in names]

    assert digests("model") == digests("reward/model")
    assert (digests("model") == digests("gate/model")) == (not kept)
    results = read_json(root / "results.json")
    assert list(results["systems"])[:6] == ["base", "experts", "expert:python", "expert:java", "moe", "moe:likelihood"]
    losses = {name: results["systems"][name]["loss"] for name in ("moe", "moe:likelihood")}
    assert losses["moe:likelihood"] == numbers(finished)["systems"]["moe"]["loss"]
    assert (losses["moe"] == losses["moe:likelihood"]) == (not kept)
    assert "moe:likelihood" in results["paired"]
    assert "reward" in results["seconds"]
    page = (root / "report.html").read_text()
    assert "MoE before the reward" in page
    assert f"best validation reward {max(0.1, training['best_reward']):.4f} at step {int(kept)} of 1" in page
    capfd.readouterr()
    Run(recipe)()
    assert "reward: finished earlier, skipped" in capfd.readouterr().err
    assert stage_times(root) == after


def test_mbxp_asks_only_what_was_kept_out_of_training(tmp_path):
    task = {"language": "java", "prompt": "class A {\n", "canonical_solution": "}", "test": "class Main {}"}
    tasks = tmp_path / "mbjp.jsonl"
    tasks.write_text("".join(json.dumps(task | {"task_id": f"MBJP/{number}"}) + "\n" for number in range(1, 11)))
    recipe = write_recipe(tmp_path)
    asks = [f"predict.benchmarks={{mbxp: {tasks}}}"]

    def asked(*overrides):
        return [problem.id for problem in Run(load_recipe(recipe, [*asks, *overrides])).benchmarks()["mbxp"]["java"]]

    trains = f"data.extra=['mbxp:{tasks}']"
    assert len(asked()) == 10
    assert asked(trains) == ["MBJP/10"]
    assert asked(trains, "predict.split=validation") == ["MBJP/5"]


def test_without_programs_there_are_losses_and_routing_only(tmp_path, finished):
    shutil.copytree(finished / "runs", tmp_path / "runs")
    options = ["predict.limit=0", "evaluate.metrics=[parse_share, codebleu, pass@1]", f"output={tmp_path / 'runs'}"]
    Run(load_recipe(finished / "toy.yaml", options))()
    root = tmp_path / "runs" / "toy"
    assert not (root / "predict" / "predictions").exists()
    assert not (root / "predict" / "benchmarks").exists()
    results = read_json(root / "results.json")
    assert all(set(metrics) == {"loss"} for table in ("systems", "paired") for metrics in results[table].values())
    assert results["systems"] == {
        name: {"loss": metrics["loss"]} for name, metrics in numbers(finished)["systems"].items()
    }
    assert results["routing"] == numbers(finished)["routing"]
    assert results["skipped"] == ["all but the loss: there are no programs (predict.limit is 0)"]
    assert "predict.limit is 0" in (root / "report.html").read_text()
