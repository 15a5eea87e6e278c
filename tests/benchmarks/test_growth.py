"""The growth comparison on a pico base: end to end, stopped and gone on, its tables and its figure."""

from __future__ import annotations

import json
import shutil
import tarfile
import threading
import time
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import growth
import pytest
import torch
from growth import ARMS, Growth, main, run_comparison
from growth_figures import figure, markdown_tables
from growth_results import kept

from moesaic.checkpoint.native import read_model_folder
from moesaic.errors import RecipeError
from moesaic.files import file_digest, read_json, write_json, write_json_lines
from moesaic.model.decode.generate import Generation
from moesaic.model.lora import read_adapter
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.workspace import Workspace
from test_pipeline import stage_times, write_pairs, write_recipe

FEW = ["predict.limit=2", "experts.epochs=1", "gate.joint_epochs=0.5", "evaluate.metrics=[parse_share]",
       "predict.benchmarks={}"]  # fmt: skip
START, ADD = ["java"], ["python", "ruby"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("growth")
    recipe = write_recipe(folder)
    write_pairs(folder / "pairs", ("ruby",))
    arguments = [str(recipe), *FEW, "--start", ",".join(START), "--add", ",".join(ADD)]
    assert main([*arguments, "--out", str(folder / "results.json")]) == 0
    return folder


def test_every_arm_is_measured_on_every_language_after_every_step(compared):
    results = read_json(compared / "results.json")
    assert [row["languages"] for row in results["steps"]] == [["java"], ["java", "python"], ["java", "python", "ruby"]]
    for row in results["steps"]:
        for arm in ARMS:
            loss = row["systems"][arm]["loss"]
            assert set(loss) == set(row["languages"]), (row["step"], arm)
            assert all(estimate["n"] == 4 for estimate in loss.values())
            cost = row["cost"][arm]
            assert cost["tokens"] > 0
            assert cost["parameters"] > 0
            assert cost["seconds"] > 0
        new = row["languages"][-1]
        assert set(row["systems"][f"expert:{new}"]["loss"]) == {new}
        assert new in row["systems"]["base"]["loss"]
    first, _, last = results["steps"]
    assert first["systems"]["dense_on"] == first["systems"]["dense_anew"]
    assert last["cost"]["moe"]["tokens"] < last["cost"]["dense_anew"]["tokens"] / 2
    assert last["cost"]["dense_on"]["tokens"] < last["cost"]["dense_on_old"]["tokens"]
    # No arm has fewer parameters than the grown model, but for its gates.
    gates = 2 * 3 * 32
    assert last["cost"]["dense_on"]["parameters"] >= last["cost"]["moe"]["parameters"] - gates
    assert set(last["cost"]["moe"]["growth"]) == {"java", "python", "ruby"}


def test_the_model_grows_and_the_dense_adapter_goes_on_from_the_one_before(compared):
    root = compared / "runs" / "toy-growth"
    models = [read_model_folder(root / f"step-{step}") for step in range(3)]
    assert [model.names for model in models] == [("java",), ("java", "python"), ("java", "python", "ruby")]
    weights = "adapter_model.safetensors"
    assert len({file_digest(model.expert_path("java") / weights) for model in models}) == 1
    adapters = [read_adapter(root / "dense" / name / f"step-{step}") for step, name in ((0, "start"), (1, "dense_on"))]
    fresh = read_adapter(root / "dense" / "dense_anew" / "step-1")
    path = next(iter(fresh.deltas))
    distance = [(adapters[1].deltas[path].A_RI - other.deltas[path].A_RI).norm() for other in (adapters[0], fresh)]
    assert distance[0] < distance[1] / 2


def test_a_finished_comparison_is_not_made_again(compared):
    root = compared / "runs" / "toy-growth"
    before = stage_times(root)
    arguments = [str(compared / "toy.yaml"), *FEW, "--start", "java", "--add", "python,ruby"]
    assert main([*arguments, "--out", str(compared / "results.json")]) == 0
    assert stage_times(root) == before


def test_stopped_in_the_middle_it_goes_on_and_ends_with_the_same_results(compared, tmp_path, monkeypatch):
    for name in ("base", "pairs", "toy.yaml"):
        (tmp_path / name).symlink_to(compared / name)
    overrides = [*FEW, f"output={tmp_path / 'runs'}"]
    original, calls = growth.write_losses, []

    def stopping(*arguments):
        original(*arguments)
        calls.append(1)
        if len(calls) in (2, 6):
            raise KeyboardInterrupt

    monkeypatch.setattr(growth, "write_losses", stopping)

    def again(phase: str) -> bool:
        return run_comparison(Growth(tmp_path / "toy.yaml", overrides, START, ADD, 0.05), phase, tmp_path / "out.json")

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            again("train")
    assert again("train")
    assert not (tmp_path / "out.json").exists()
    assert again("judge")
    whole, parts = read_json(compared / "results.json"), read_json(tmp_path / "out.json")
    for left, right in zip(whole["steps"], parts["steps"], strict=True):
        assert left["systems"] == right["systems"]
        for arm in ARMS:
            assert left["cost"][arm] | {"seconds": 0} == right["cost"][arm] | {"seconds": 0}


def test_when_the_minutes_are_over_what_is_finished_stays(compared, tmp_path):
    for name in ("base", "pairs", "toy.yaml"):
        (tmp_path / name).symlink_to(compared / name)
    arguments = [str(tmp_path / "toy.yaml"), *FEW, f"output={tmp_path / 'runs'}", "--start", "java", "--add", "python"]
    assert main([*arguments, "--minutes", "0"]) == 3
    assert not (tmp_path / "runs" / "toy-growth" / "step-0" / "data").exists()


def test_what_an_arm_forgot_is_counted_against_itself_when_it_learnt(compared, tmp_path):
    """Verdicts made by hand: the dense adapter loses two of Java's three problems at step 2, the grown model none."""
    shutil.copytree(compared / "runs", tmp_path / "runs")
    root = tmp_path / "runs" / "toy-growth"

    def write(step: int, arm: str, language: str, passed: list[bool]) -> None:
        folder = root / "measured" / f"step-{step}" / "evaluate" / "rows" / arm
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"{language}/{n}", "language": language, "sample": 0, "status": "passed" if good else "wrong"}
            for n, good in enumerate(passed)
        ]
        with (folder / "mbxp.jsonl").open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    write(0, "dense_anew", "java", [True, True, True, False])
    write(0, "moe", "java", [True, True, False, False])
    write(1, "dense_on", "python", [True, False, False, False])
    write(1, "moe", "python", [True, False, False, False])
    for language, dense, moe in (("java", [True, False, False, True], [True, True, False, True]),
                                 ("python", [True, True, False, False], [True, False, False, False])):  # fmt: skip
        write(2, "dense_on", language, dense)
        write(2, "moe", language, moe)
    found = Growth(compared / "toy.yaml", [*FEW, f"output={tmp_path / 'runs'}"], START, ADD, 0.05)
    dense, moe = (kept(found, 2, arm)["mbxp"] for arm in ("dense_on", "moe"))
    assert (dense["java"]["both"], dense["java"]["lost"], dense["java"]["won"]) == (1, 2, 1)
    assert (dense["python"]["both"], dense["python"]["lost"], dense["python"]["won"]) == (1, 0, 1)
    assert (moe["java"]["both"], moe["java"]["lost"], moe["java"]["won"]) == (2, 0, 1)
    assert moe["python"]["lost"] == 0


def test_tables_and_figure_come_from_the_result_file(compared, tmp_path, capsys):
    assert main(["--table", str(compared / "results.json"), "--figure", str(tmp_path / "growth.svg")]) == 0
    shown = capsys.readouterr().out
    results = read_json(compared / "results.json")
    assert shown.strip() == markdown_tables(results).strip()
    value = results["steps"][2]["systems"]["moe"]["loss"]["ruby"]["value"]
    line = next(line for line in shown.splitlines() if line.startswith("| 2: + Ruby | Grown MoE |"))
    assert f"{value:.3f}" in line
    assert shown.count("| 2 | Dense LoRA, trained on |") == 1
    drawn = ElementTree.fromstring((tmp_path / "growth.svg").read_text())
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}circle")) == 5 * 3 + 5 * 2  # no new language at the start
    assert "Mean loss of the starting languages" in figure(results)
    assert "Mean loss of the new languages so far" in figure(results)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gate.shared_rank=2"], "gate.shared_rank: the arms are compared on one base"),
        (["--old-share", "0"], "--old-share: 0.0 is not above 0"),
        (["experts.rnak=3"], "did you mean rank"),
    ],
)
def test_a_mistake_is_one_message(compared, capsys, arguments, said):
    given = [str(compared / "toy.yaml"), *FEW, "--start", "java", "--add", "python", *arguments]
    assert main(given) == 2
    assert said in capsys.readouterr().err


def test_a_language_that_nobody_knows_is_named(compared):
    from moesaic.errors import DataError

    with pytest.raises(DataError, match="pyhton"):
        Growth(compared / "toy.yaml", FEW, ["pyhton"], ADD, 0.05)
    with pytest.raises(RecipeError):
        Growth(compared / "toy.yaml", FEW, ["python"], ["python"], 0.05)


def test_arms_side_by_side_from_a_given_model_are_judged_elsewhere(compared, tmp_path, capsys):
    """A machine that trains, arm by arm, from a finished run; and one that has the examples and the archives alone."""
    for name in ("base", "pairs", "toy.yaml"):
        (tmp_path / name).symlink_to(compared / name)
    first = compared / "runs" / "toy-growth" / "step-0"
    common = [str(tmp_path / "toy.yaml"), *FEW, "--start", "java", "--add", "python", "--first", str(first)]
    common += ["--anew", "last", "--step", "experts.max_steps=1"]

    def run(place: str, *more: str) -> int:
        return main([*common, f"output={tmp_path / place}", *more])

    for place in ("there", "here"):
        assert run(place, "--phase", "data") == 0
    archives = tmp_path / "archives"
    for arms in ("dense_anew", "moe", "dense_on,dense_on_old"):
        assert run("there", "--phase", "train", "--arms", arms, "--archive", str(archives)) == 0
    files = sorted(archives.iterdir())
    assert [file.name for file in files] == [
        "growth-dense_anew.tar.gz", "growth-dense_on-dense_on_old.tar.gz", "growth-moe.tar.gz"
    ]  # fmt: skip
    root = tmp_path / "here" / "toy-growth"
    with tarfile.open(files.pop()) as archive:
        archive.extractall(root, filter="data")
    assert run("here", "--phase", "judge") == 0
    systems = [set(row["systems"]) for row in read_json(root / "results.json")["steps"]]
    assert systems == [{"moe", "base"}, {"moe", "expert:python", "base"}]
    for file in files:
        with tarfile.open(file) as archive:
            assert not any("safetensors" in name for name in archive.getnames())
            archive.extractall(root, filter="data")
    capsys.readouterr()
    assert run("here", "--phase", "judge") == 0
    assert "Dense LoRA, trained on with old data" in capsys.readouterr().out
    assert not (root / "dense").exists()
    before, after = read_json(root / "results.json")["steps"]
    assert set(ARMS) < set(after["systems"])
    assert before["cost"]["moe"]["tokens"] is None
    steps = tmp_path / "there" / "toy-growth"
    assert read_json(steps / "step-1" / "experts" / "python" / "training.json")["steps"] == 1
    assert read_json(steps / "dense" / "dense_on" / "step-1" / "training.json")["steps"] == 1
    assert read_json(steps / "dense" / "dense_anew" / "step-1" / "training.json")["steps"] > 1
    assert after["cost"]["moe"]["tokens"] == after["cost"]["dense_on"]["tokens"] < after["cost"]["dense_anew"]["tokens"]
    java = Path("data") / "java" / "train.jsonl"
    assert (steps / "step-0" / java).samefile(steps / "step-1" / java)


def test_the_base_is_asked_once_what_is_to_be_kept(compared, tmp_path, monkeypatch):
    """Answers of the step before are taken over; a language that the source has now, too, is asked for."""
    for name in ("base", "pairs", "toy.yaml"):
        (tmp_path / name).symlink_to(compared / name)
    (source := tmp_path / "keep").mkdir()
    row = {"text": "Twice.", "code": "x = 2\n"}
    write_json_lines(source / "java.jsonl", [row | {"id": f"java-{number}"} for number in range(20)])
    asked = []

    def answers(session, kept_from, folder):
        for language in ("java", "python", "ruby"):
            if (source / f"{language}.jsonl").exists() and not (folder / "answers" / f"{language}.jsonl").exists():
                asked.append(language)
                write_json_lines(folder / "answers" / f"{language}.jsonl", [{"completion": "x"}])
        there = sorted(path.stem for path in (folder / "answers").iterdir())
        write_json(folder / "report.json", {"languages": dict.fromkeys(there)})
        return {}

    monkeypatch.setattr(growth, "write_kept", answers)
    monkeypatch.setattr("moesaic.pipeline.keep.write_kept", answers)
    overrides = [*FEW, f"output={tmp_path / 'runs'}", f"data.keep={source}"]
    comparison = Growth(tmp_path / "toy.yaml", overrides, START, ADD, 0.05)
    for step in range(3):
        comparison.prepare(step)
        comparison.keep(step)
        if step == 1:
            assert asked == ["java"]
            write_json_lines(source / "ruby.jsonl", [row | {"id": f"ruby-{number}"} for number in range(20)])
    assert asked == ["java", "ruby"]
    apart = Growth(tmp_path / "toy.yaml", [*overrides, f"output={tmp_path / 'apart'}"], START, ADD, 0.05)
    apart.keep(2)  # the first one that needs answers asks for those of the steps before, too
    assert asked == ["java", "ruby"] * 2
    assert (tmp_path / "apart" / "toy-growth" / "step-1" / "keep" / "report.json").exists()


def test_every_arm_is_trained_on_the_answers_of_the_base(compared, tmp_path, monkeypatch):
    """Two processes' worth of arms on answers that were asked for before; a given dense adapter, made wider."""
    for name in ("base", "pairs", "toy.yaml"):
        (tmp_path / name).symlink_to(compared / name)
    (source := tmp_path / "keep").mkdir()
    for language in ("java", "python"):
        rows = [{"id": f"{language}-{n}", "text": f"Add {n}", "code": "x = 2\n"} for n in range(20)]
        write_json_lines(source / f"{language}.jsonl", rows)
    asked = []

    def answer(_ranks, _model, prompt, prompts, title, *_words, **_options):
        asked.append(title.rpartition(" ")[2])
        text = "x = {n}\n```" if "python" in title else "class A {{ int x = {n}; }}\n```"
        encode = partial(prompt.tokenizer, add_special_tokens=False)
        return [Generation(encode(text.format(n=n))["input_ids"], stopped=True) for n in range(len(prompts))]

    monkeypatch.setattr("moesaic.pipeline.keep.generate_together", answer)
    trained, original = {}, growth.train_adapter

    def watched(*arguments, **options):
        trained[arguments[2]] = arguments[9]
        return original(*arguments, **options)

    monkeypatch.setattr(growth, "train_adapter", watched)
    first = tmp_path / "first"
    keeping = [*FEW, f"data.keep={source}", "gate.anchor=true", "keep.loss=kl", "evaluate.allow_code_execution=false"]
    run = Run(load_recipe(tmp_path / "toy.yaml", [*keeping, f"output={tmp_path}", "name=first",
                          "data.languages=[java]", "compare=[dense_lora_keep]", "experts.max_steps=1"]))  # fmt: skip
    run(("data", "keep", "experts", "compose", "gate", "baselines"))
    assert asked == ["java"]
    dense = first / "baselines" / "dense_lora_keep"
    common = [str(tmp_path / "toy.yaml"), *keeping, f"output={tmp_path / 'runs'}", "--start", "java", "--add", "python"]
    common += ["--first", str(first), "--first-dense", str(dense)]
    common += ["--step", "experts.keep=true", "--step", "keep.weight=8"]
    for phase in ("data", "keep", "train"):
        assert main([*common, "--phase", phase]) == 0
    assert asked == ["java", "python"]
    sizes = {name: set(kept.languages) for name, kept in trained.items()}
    assert sizes == {
        "dense_on/1": {"python"}, "dense_on_old/1": {"java", "python"}, "dense_anew/1": {"java", "python"}
    }  # fmt: skip
    weights = {name: kept.options.weight for name, kept in trained.items()}
    assert weights == {"dense_on/1": 8, "dense_on_old/1": 8, "dense_anew/1": 1}
    root = tmp_path / "runs" / "toy-growth"
    assert read_json(root / "step-1" / "compose" / "growth.json")["against_base"]["python"]["answers"] > 0
    assert read_json(root / "measured" / "step-0" / "systems" / "dense_anew" / "cost.json")["tokens"] is None
    narrow, wide = read_adapter(dense), read_adapter(root / "dense" / "start" / "step-0")
    assert wide.rank == 2 * narrow.rank
    for path, (A_RI, B_OR) in wide.deltas.items():
        assert torch.allclose(B_OR @ A_RI, narrow.deltas[path].B_OR @ narrow.deltas[path].A_RI)
        assert A_RI[narrow.rank :].abs().min() > 0
    assert main([*common, "experts.alpha=5", "--phase", "train"]) == 2


def test_an_arm_waits_for_another_that_uses_the_same_workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "_POLL_SECONDS", 0.01)
    held, order = threading.Event(), []

    def other():
        with Workspace(tmp_path).lock():
            held.set()
            time.sleep(0.3)
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(10)
    with growth._alone(Workspace(tmp_path)):
        order.append("ours")
    thread.join()
    assert order == ["other", "ours"]
