"""The base's answers: what is asked, cut, judged, kept and split; and a whole run that keeps them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moesaic.cli import app
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError, RecipeError, ToolchainError
from moesaic.execution.sandbox import Sandbox
from moesaic.files import read_json
from moesaic.model.decode.generate import Generation
from moesaic.pipeline import keep
from moesaic.pipeline.keep import read_prompts, write_kept
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.train import composition, experts
from pico import pico_tokenizer
from test_pipeline import write_recipe


def write_mbxp(folder: Path, count: int = 24) -> Path:
    """Tasks of which the held-out numbers must not be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "task_id": f"MBPP/{n}",
            "language": "python",
            "prompt": f'def add_{n}(x):\n    """Add {n}.\n    """\n',
            "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
            "entry_point": f"add_{n}",
            "canonical_solution": f"    return x + {n}\n",
            "description": f"Add {n}.",
        }
        for n in range(1, count + 1)
    ]
    (folder / "mbpp.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_tasks(folder: Path) -> Path:
    """Tasks in words, whose answer is a whole program."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"a/{n}", "text": f"Add {n}", "code": f"print({n})\n"} for n in range(12)]
    (folder / "python.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def answering(monkeypatch, wrong=(), broken=(), endless=(), calls=None):
    """A base that solves the tasks, some of them wrongly."""
    tokenizer = pico_tokenizer()

    def answer(_model, prompts, *, max_new_tokens, **_options):
        found = []
        for ids in prompts:
            text = tokenizer.decode(ids)
            number = int(re.findall(r"Add (\d+)", text)[-1])
            value = 0 if number in wrong else number
            body = "    return ((" if number in broken else f"\n    return x + {value}\n\n\nprint(add_{number}(1))\n"
            if "def add_" not in text:
                body = f"def add_{number}(x):{body}```\n"
            stopped = number not in endless and number not in broken
            found.append(Generation(tokenizer(body, add_special_tokens=False)["input_ids"], stopped=stopped))
        if calls is not None:
            calls.append(len(prompts))
        return found

    def answer_together(_ranks, model, _prompt, prompts, *_words, **options):
        return answer(model, prompts, **options)

    monkeypatch.setattr(keep, "generate_together", answer_together)


def no_sandbox(*_, **__):
    raise ToolchainError("no bubblewrap here")


def prepared(tmp_path, source, *overrides):
    run = Run(load_recipe(write_recipe(tmp_path), [f"data.keep={source}", *overrides]))
    (tmp_path / "keep").mkdir(exist_ok=True)
    return run


def kept_rows(folder, split, language="python"):
    return [json.loads(line) for line in (folder / language / f"{split}.jsonl").read_text().splitlines()]


def test_of_mbxp_the_training_tasks_are_asked(tmp_path):
    source = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    prompts = read_prompts(source, ("python", "java"))
    assert list(prompts) == ["python"]
    assert [int(item.problem.id.partition("/")[2]) % 5 for item in prompts["python"]].count(0) == 0
    assert len(prompts["python"]) == 20
    prompt = PromptFormat(pico_tokenizer())
    assert prompt.tokenizer.decode(prompts["python"][0].ids(prompt)).endswith('def add_1(x):\n    """Add 1.\n    """')


def test_a_source_that_is_not_there_is_refused_by_its_key(tmp_path):
    for source in (f"mbxp:{tmp_path / 'none'}", str(tmp_path / "none")):
        with pytest.raises(DataError, match=r"data\.keep: .* does not exist"):
            read_prompts(source, ("python",))
    with pytest.raises(DataError, match="has no prompt in java"):
        read_prompts(f"mbxp:{write_mbxp(tmp_path / 'mbxp')}", ("java",))


def test_answers_are_cut_checked_and_split_by_problem(tmp_path, monkeypatch):
    source = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    calls: list[int] = []
    answering(monkeypatch, broken=(2,), endless=(3,), calls=calls)
    run = prepared(tmp_path, source, "evaluate.allow_code_execution=false")
    report = write_kept(run, source, tmp_path / "keep")["python"]
    assert (report.prompts, report.answers, report.kept, report.verified) == (20, 20, 19, False)
    assert {key: count for key, count in report.left_out.items() if count} == {"unfinished": 1}
    training, validation = (kept_rows(tmp_path / "keep", split) for split in ("train", "validation"))
    assert (len(training), len(validation)) == (17, 2)
    assert not {row["id"] for row in training} & {row["id"] for row in validation}
    for row in (*training, *validation):
        assert row["code"].startswith(row["opening"])
        assert row["code"].removeprefix(row["opening"]).strip().startswith("return x + ")
        assert "print" not in row["code"], "the answer ends with its function"
    write_kept(run, source, tmp_path / "keep")
    assert calls == [20], "what was answered is not asked again"


def test_prompts_that_fill_the_context_are_left_out_and_counted(tmp_path, monkeypatch, capsys):
    source = write_tasks(tmp_path / "tasks")
    file = source / "python.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[3]["text"] = "long " * 300 + rows[3]["text"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    calls: list[int] = []
    answering(monkeypatch, calls=calls)
    report = write_kept(prepared(tmp_path, source), str(source), tmp_path / "keep")["python"]
    assert (report.prompts, report.too_long_prompts, report.answers, report.kept) == (11, 1, 11, 11)
    assert calls == [11]
    said = capsys.readouterr().err
    assert re.search(
        r"keep, python: 1 of 12 prompts fill the context of .* \(1,024 tokens\) .* \('a/3' has 1,\d+ t", said
    )
    file.write_text(json.dumps(rows[3]) + "\n")
    with pytest.raises(DataError, match=r"data\.keep: every prompt of .* fills the context of .*base \(1,024 tokens\)"):
        write_kept(prepared(tmp_path, source), str(source), tmp_path / "keep")


@pytest.mark.toolchain
def test_only_answers_that_pass_are_kept_where_they_can_be_run(tmp_path, monkeypatch):
    try:
        Sandbox("bubblewrap", allow_code_execution=True).close()
    except ToolchainError as error:
        pytest.skip(str(error))
    source = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    answering(monkeypatch, wrong=(4, 7), broken=(2,))
    report = write_kept(prepared(tmp_path, source), source, tmp_path / "keep")["python"]
    assert report.verified
    assert {key: count for key, count in report.left_out.items() if count} == {"unfinished": 1, "fails_tests": 2}
    rows = kept_rows(tmp_path / "keep", "train") + kept_rows(tmp_path / "keep", "validation")
    assert {row["id"] for row in rows}.isdisjoint({"MBPP/2", "MBPP/4", "MBPP/7"})
    assert len(rows) == 17


def test_a_folder_of_pairs_gives_their_tasks(tmp_path, monkeypatch):
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch)
    report = write_kept(prepared(tmp_path, source), source, tmp_path / "keep")["python"]
    assert (report.kept, report.verified) == (12, False)  # nothing to run them against
    (first, *_) = kept_rows(tmp_path / "keep", "train")
    assert first["text"] == "Add 1"
    assert first["code"] == "def add_1(x):\n    return x + 1\n\n\nprint(add_1(1))\n"
    assert "opening" not in first


def test_nothing_left_is_an_error_that_says_why(tmp_path, monkeypatch):
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch, broken=range(12))
    with pytest.raises(DataError, match=r"0 are left for training and 0 for validation \(left out: {'unfinished': 12}"):
        write_kept(prepared(tmp_path, source), source, tmp_path / "keep")


def test_a_whole_run_with_anchor_and_keep(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch)
    overrides = [
        f"data.keep={source}",
        "gate.anchor=true",
        "gate.top_k=3",
        "keep.loss=kl",
        "experts.keep=true",
        "compare=[dense_lora_keep,moe_gates]",
        "predict.benchmarks={}",
    ]
    run = Run(load_recipe(write_recipe(tmp_path), overrides))
    run(("data",))
    print_plan(run)
    assert "keep: answers of the base" in capsys.readouterr().out
    run()
    root = tmp_path / "runs" / "toy"
    results = read_json(root / "results.json")
    assert set(results["systems"]) >= {"base", "experts", "moe", "dense_lora_keep", "moe_gates"}
    assert read_json(root / "model" / "moesaic.json")["experts"][-1] == {"name": "base", "rank": 0, "scale": 1.0}
    assert results["routing"]["experts"] == ["python", "java", "base"]
    assert "keep" in results["seconds"]
    assert results["keep"]["languages"]["python"]["kept"] == 12
    assert "Loss of ability was not measured" in (root / "report.html").read_text()
    finished = {path.parent.name: read_json(path)["finished"] for path in root.rglob("manifest.json")}
    again = Run(load_recipe(write_recipe(tmp_path), overrides))
    again()
    assert {path.parent.name: read_json(path)["finished"] for path in root.rglob("manifest.json")} == finished
    # Other gates for the same experts: what does not depend on the anchor is not done again.
    plain = Run(load_recipe(write_recipe(tmp_path), [*overrides, "gate.anchor=false", "gate.top_k=2"]))
    plain(("data", "keep", "experts", "compose", "gate"))
    now = {path.parent.name: read_json(path)["finished"] for path in root.rglob("manifest.json")}
    assert {name for name in finished if now[name] != finished[name]} == {"compose", "gate"}


def test_gates_are_fitted_to_answers_as_to_the_anchor_or_else_to_their_language(tmp_path, monkeypatch):
    fits, compose_folder = [], composition.compose_folder

    def composing(accelerator, base, spec, adapters, programs, *rest):
        fits.append({name: [example.language for example in examples] for name, examples in programs.items()})
        compose_folder(accelerator, base, spec, adapters, programs, *rest)

    monkeypatch.setattr(composition, "compose_folder", composing)
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch)
    for anchor in ("true", "false"):
        overrides = [f"data.keep={source}", "gate.init_programs=5", "gate.top_k=1", f"gate.anchor={anchor}"]
        Run(load_recipe(write_recipe(tmp_path), overrides))(("data", "keep", "experts", "compose"))
    own = {"python": ["python"] * 5, "java": ["java"] * 5}
    assert fits[0] == {**own, "base": ["python"] * 5}  # the tasks are in Python
    assert fits[1] == {**own, "python": ["python"] * 10}


@pytest.mark.toolchain
def test_answers_of_a_machine_without_permission_are_judged_on_another(tmp_path, monkeypatch):
    try:
        Sandbox("bubblewrap", allow_code_execution=True).close()
    except ToolchainError as error:
        pytest.skip(str(error))
    source, calls = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}", []
    answering(monkeypatch, wrong=(4, 7), calls=calls)
    folder = tmp_path / "runs" / "toy" / "keep"
    prepared(tmp_path, source, "evaluate.allow_code_execution=false")(("data", "keep"))
    assert read_json(folder / "report.json")["languages"]["python"]["verified"] is False
    prepared(tmp_path, source)(("data", "keep"))
    report = read_json(folder / "report.json")["languages"]["python"]
    assert (report["verified"], report["kept"]) == (True, 18)
    assert calls == [20]
    # Back where there is nothing to run them with, they are what they were.
    monkeypatch.setattr("moesaic.execution.judges.find_toolchains", lambda names: ({}, dict.fromkeys(names, "no")))
    monkeypatch.setattr("moesaic.execution.isolation.Bubblewrap", no_sandbox)
    before = read_json(folder / "manifest.json")
    prepared(tmp_path, source)(("keep",))
    assert read_json(folder / "manifest.json") == before


def test_what_the_base_does_is_kept_right_or_wrong_where_its_distribution_counts(tmp_path, monkeypatch):
    source, calls = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}", []
    answering(monkeypatch, wrong=(4, 7), broken=(2,), calls=calls)
    monkeypatch.setattr(keep, "Sandbox", no_sandbox)
    folder = tmp_path / "runs" / "toy" / "keep"
    prepared(tmp_path, source, "keep.loss=kl")(("data", "keep"))
    report = read_json(folder / "report.json")["languages"]["python"]
    assert (report["verified"], report["kept"], report["left_out"]["unfinished"]) == (False, 19, 1)
    prepared(tmp_path, source, "keep.loss=likelihood")(("data", "keep"))
    assert calls == [20]  # another loss judges the same answers


def test_a_sandbox_that_does_not_work_leaves_answers_unjudged(tmp_path, monkeypatch, capsys):
    source = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    answering(monkeypatch, wrong=(4,))

    monkeypatch.setattr(keep, "Sandbox", no_sandbox)
    report = write_kept(prepared(tmp_path, source), source, tmp_path / "keep")["python"]
    assert (report.kept, report.verified) == (20, False)
    assert "not run against their tests: no bubblewrap here" in capsys.readouterr().err


def test_a_keep_that_is_not_there_is_named_before_anything_runs(tmp_path):
    path = str(write_recipe(tmp_path))
    for source in (f"mbxp:{tmp_path}/no", f"{tmp_path}/no"):
        result = CliRunner().invoke(app, ["validate", path, f"data.keep={source}"])
        assert "data.keep" in str(result.exception)
    assert CliRunner().invoke(app, ["validate", path, f"data.keep={write_tasks(tmp_path / 'tasks')}"]).exit_code == 0


def test_what_needs_answers_is_refused_without_them(tmp_path):
    path = write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"experts\.keep: true and compare: dense_lora_keep without data\.keep"):
        load_recipe(path, ["experts.keep=true", "compare=[dense_lora_keep]"])
    with pytest.raises(RecipeError, match="use 1 to 3"):
        load_recipe(path, ["gate.anchor=true", "gate.top_k=4"])
    with pytest.raises(RecipeError, match="greedy answers to a prompt are the same"):
        load_recipe(path, ["keep.samples=4"])
    run = Run(load_recipe(path, [f"data.keep={write_tasks(tmp_path / 'o')}", "experts.keep=true"]))
    run(("data",))
    with pytest.raises(DataError, match="run moesaic keep RECIPE first"):
        run(("experts",))


@pytest.mark.toolchain
def test_experts_learn_from_the_answers_that_pass_and_from_nothing_else(tmp_path, monkeypatch, capsys):
    try:
        Sandbox("bubblewrap", allow_code_execution=True).close()
    except ToolchainError as error:
        pytest.skip(str(error))
    source = f"mbxp:{write_mbxp(tmp_path / 'mbxp')}"
    monkeypatch.setenv("COLUMNS", "200")
    answering(monkeypatch, wrong=(4, 7))
    overrides = ["experts.self_training=true", "keep.samples=3", "keep.temperature=0.5", "keep.per_prompt=1"]
    run = prepared(tmp_path, source, *overrides, "data.languages=[python]", "predict.limit=0")
    run(("data", "keep"))
    print_plan(run)
    seen = []
    original = experts.train_adapter

    def train_adapter(accelerator, base, name, training, validation, *rest, **more):
        seen.append((training, validation, rest[-1]))
        return original(accelerator, base, name, training, validation, *rest, **more)

    monkeypatch.setattr(experts, "train_adapter", train_adapter)
    run(("experts",))
    ((training, validation, kept),) = seen
    assert (len(training), len(validation), kept) == (16, 2, None)
    assert {example.language for example in (*training, *validation)} == {"python"}
    texts = [run.prompt.tokenizer.decode(example.ids) for example in training]
    assert all("def add_" in text and "return x + " in text for text in texts)
    assert not any("add_4(" in text or "add_7(" in text for text in texts)
    steps = read_json(tmp_path / "runs" / "toy" / "experts" / "python" / "training.json")["steps"]
    (planned,) = [line for line in capsys.readouterr().out.splitlines() if "experts/python " in line and "│" in line]
    assert [cell.strip() for cell in planned.split("│")[2:5]][0::2] == ["16", str(steps)]
    run(("compose", "gate"))
    # How answers are weighed elsewhere is no business of the experts; which ones there are is.
    one = "data.languages=[python]"
    assert prepared(tmp_path, source, *overrides, one, "keep.weight=0.5").is_finished("experts/python")
    assert not prepared(tmp_path, source, *overrides[1:], one).is_finished("experts/python")
    monkeypatch.setattr(run, "kept_examples", lambda split, _: {"python": []})
    with pytest.raises(DataError, match=r"experts\.self_training: 0 of the base's answers in python .* keep\.samples"):
        run.passing("python")


def test_at_most_so_many_different_answers_to_a_prompt_are_kept(tmp_path, monkeypatch):
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch)
    overrides = ("keep.samples=3", "keep.temperature=0.5")
    texts = iter(range(1000))
    original = keep.generate_together

    def different(*given, **options):
        found = original(*given, **options)
        tail = [pico_tokenizer()(f"# {next(texts)}\n", add_special_tokens=False)["input_ids"] for _ in found]
        fence = pico_tokenizer()("```\n", add_special_tokens=False)["input_ids"]
        return [Generation(g.ids[: -len(fence)] + t + fence, stopped=True) for g, t in zip(found, tail, strict=True)]

    monkeypatch.setattr(keep, "generate_together", different)
    for most, kept_answers in ((1, 12), (2, 24), (None, 36)):
        run = prepared(tmp_path, source, *overrides, f"keep.per_prompt={'null' if most is None else most}")
        report = write_kept(run, source, tmp_path / "keep")["python"]
        assert (report.answers, report.kept, report.left_out["enough"]) == (36, kept_answers, 36 - kept_answers)


def test_answers_that_nobody_ran_are_not_learnt_from(tmp_path, monkeypatch):
    source = str(write_tasks(tmp_path / "tasks"))
    answering(monkeypatch)
    run = prepared(tmp_path, source, "experts.self_training=true")
    run(("data", "keep"))
    with pytest.raises(DataError, match=r"experts\.self_training: .* python were not run .*mbxp:PATH"):
        run(("experts",))
    path = write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"experts\.self_training: true without data\.keep"):
        load_recipe(path, ["experts.self_training=true"])
    with pytest.raises(RecipeError, match="set one of them to false"):
        load_recipe(path, ["experts.self_training=true", "experts.keep=true", f"data.keep={source}"])
