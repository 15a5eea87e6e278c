"""Tasks with tests: what is sampled for, what decides, what is refused; and a whole run that is rewarded by them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from safetensors.torch import load_file
from test_keep import write_mbxp
from typer.testing import CliRunner

from moesaic.cli import app
from moesaic.data.corpus import load_tasks
from moesaic.data.extras import read_extras
from moesaic.data.prompts import PromptFormat
from moesaic.data.sources import read_source
from moesaic.errors import DataError, RecipeError, ToolchainError
from moesaic.execution import rewards
from moesaic.execution.completions import program_of
from moesaic.execution.problems import Case, Problem
from moesaic.files import file_digest, read_json
from moesaic.model.attention import packed_attention
from moesaic.model.loss import validation_loss
from moesaic.pipeline.checks import find_problems
from moesaic.pipeline.keep import read_prompts
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.pipeline.tasks import read_tasks, tasks_digest
from moesaic.progress import read_metrics
from moesaic.recipe import DataRecipe, load_recipe
from moesaic.train import loop
from moesaic.train.injection import adapted
from moesaic.train.rounds import RewardRounds
from moesaic.train.sampler import Sampler
from moesaic.train.samples import Samples, problem_tasks
from pico import pico_tokenizer
from test_pipeline import REWARD, stage_times, write_recipe


def write_problems(folder: Path, count: int = 12, language: str = "python", name: str = "p") -> Path:
    """Problems that every program passes whose text stays in a comment, and every third that none does."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": f"{name}{n}", "language": language, "prompt": f"x = {n}\n#", "test": f"assert x == {n if n % 3 else -1}"}
        for n in range(count)
    ]
    (folder / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def tasks_in(*sources, languages=("python", "java")):
    return read_tasks(DataRecipe(source="corpus", tasks=tuple(map(str, sources))), languages)


def names(found):
    return {language: [problem.id for problem in problems] for language, problems in found.items()}


def test_of_mbxp_the_training_tasks_are_for_training_and_its_validation_tasks_decide(tmp_path):
    folder = write_mbxp(tmp_path / "mbxp", 24)
    training, deciding = tasks_in(f"mbxp:{folder}")
    numbers = {int(name.partition("/")[2]) for name in names(training)["python"]}
    assert numbers == {n for n in range(1, 25) if n % 5}
    assert names(deciding) == {"python": ["MBPP/5", "MBPP/15"]}
    problems = write_problems(tmp_path / "problems")
    training, deciding = tasks_in(f"mbxp:{folder}", problems, "corpus")
    assert names(deciding) == {"python": ["MBPP/5", "MBPP/15"]}, "with MBXP its validation tasks alone decide"
    assert {f"p{n}" for n in range(12)} < set(names(training)["python"])
    splits = Counter(task.split for task in load_tasks())
    assert len(training["java"]) == splits["train"], "the corpus's own split"


def test_of_own_problems_every_tenth_decides_in_all_languages_alike(tmp_path):
    for language in ("python", "java"):
        write_problems(tmp_path / "problems", 20, language)
    training, deciding = tasks_in(tmp_path / "problems")
    assert names(deciding) == {"python": ["p9", "p19"], "java": ["p9", "p19"]}
    assert all(len(problems) == 18 for problems in training.values())
    training, deciding = tasks_in("corpus")
    assert not {p.id for p in training["python"]} & {p.id for p in deciding["python"]}
    assert len(deciding["python"]) == Counter(task.split for task in load_tasks())["validation"]


def test_mathqa_is_read_as_mbxp_is_and_decides_nothing(tmp_path):
    rows = [
        {
            "task_id": f"MathQA/{n}", "language": "python", "prompt": 'def problem():\n    """Add."""\n',
            "test": "assert problem() == 3\ndef check(x): pass\n", "entry_point": "problem", "canonical_solution": None,
        }
        for n in range(5)
    ]  # fmt: skip
    path = tmp_path / "mathqa.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    training, deciding = tasks_in(f"mathqa:{path}", "corpus")
    assert {f"MathQA/{n}" for n in range(5)} < set(names(training)["python"])
    assert all(not name.startswith("MathQA") for name in names(deciding)["python"])
    with pytest.raises(DataError, match=r"data\.tasks: .* has no task to decide by in python"):
        tasks_in(f"mathqa:{path}", languages=("python",))


@pytest.mark.parametrize(
    "name", ["HumanEval/3", "HumanEval_ruby/0", "humaneval-12", "human_eval_1", "Python/4", "CPP/0"]
)
def test_humaneval_is_refused_by_name_wherever_it_would_be_trained_on(tmp_path, name):
    folder = write_mbxp(tmp_path / "mbxp", 3)
    file = folder / "mbpp.jsonl"
    file.write_text(file.read_text().replace("MBPP/2", name))
    for key, read in {
        "data.tasks": lambda: tasks_in(f"mbxp:{folder}"),
        "data.keep": lambda: read_prompts(f"mbxp:{folder}", ("python",)),
        "data.extra": lambda: read_extras(DataRecipe(source="corpus", extra=(f"mbxp:{folder}",))),
    }.items():
        with pytest.raises(DataError, match=rf"{key}: .* holds HumanEval \('{name}'\), which is for testing only"):
            read()


def test_humaneval_is_refused_in_tables_of_pairs_too(tmp_path):
    rows = [{"id": f"HumanEval/{n}", "text": f"Task {n}", "code": f"x = {n}\n"} for n in range(90)]
    (tmp_path / "python.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = DataRecipe(source=str(tmp_path), languages=("python",), extra=(str(tmp_path),))
    for key, read in {
        "data.source": lambda: read_source(own),
        "data.keep": lambda: read_prompts(str(tmp_path), ("python",)),
        "data.extra": lambda: read_extras(own),
    }.items():
        with pytest.raises(DataError, match=rf"{key}: .* holds HumanEval \('HumanEval/0'\)"):
            read()
    nameless = [{"text": row["text"], "code": row["code"]} for row in rows]
    table = tmp_path / "humaneval.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in nameless))
    with pytest.raises(DataError, match=r"data\.source: .* holds HumanEval \('humaneval\.jsonl'\)"):
        read_source(own.model_copy(update={"source": str(table)}))


def test_humaneval_is_refused_by_the_name_of_its_file(tmp_path):
    folder = write_problems(tmp_path / "problems")
    (folder / "python.jsonl").rename(folder / "HumanEval_python.jsonl")
    with pytest.raises(DataError, match="HumanEval"):
        tasks_in(folder)


def test_what_is_wrong_with_a_source_is_said_by_its_key(tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (f"mbxp:{tmp_path}/no", f"{tmp_path}/no", tmp_path / "empty"):
        with pytest.raises(DataError, match=r"^data\.tasks: "):
            tasks_in(source)
    path = tmp_path / "silent.jsonl"
    path.write_text(json.dumps({"id": "a", "language": "python", "test": "assert x"}) + "\n")
    with pytest.raises(DataError, match="'a' in python does not describe its task: give it a 'text'"):
        tasks_in(path)
    path.write_text(
        json.dumps({"id": "a", "language": "python", "text": "t", "prompt": "p", "test": "assert x"}) + "\n"
    )
    with pytest.raises(DataError, match=r"either 'text' .* or 'prompt'"):
        tasks_in(path)
    with pytest.raises(DataError, match=r"has no task to train on in cpp"):
        tasks_in(write_problems(tmp_path / "problems"), languages=("cpp",))


def test_other_tasks_have_another_digest(tmp_path):
    folder = write_problems(tmp_path / "problems")
    before = tasks_digest([str(folder), "corpus"])
    assert tasks_digest([str(folder), "corpus"]) == before
    write_problems(folder, 13)
    assert tasks_digest([str(folder), "corpus"]) != before


def test_a_task_in_words_asks_for_a_whole_program_and_a_beginning_for_the_rest():
    prompt = PromptFormat(pico_tokenizer())
    words = Problem("a", "python", text="Double.", cases=(Case("1", "2"),))
    code = Problem("b", "python", prompt="def double(x):\n", test="assert double(1) == 2")
    tasks = problem_tasks([words, code], prompt)
    texts = [prompt.tokenizer.decode(task.prompt_ids) for task in tasks]
    assert "Double." in texts[0]
    assert texts[1].endswith("def double(x):")
    assert all(task.reference is None for task in tasks)
    assert program_of(words, "print(2)\n```\nThat is it.") == "print(2)\n"
    assert program_of(code, "\n    return 2 * x\n\n\nprint(double(3))\n") == "def double(x):\n    return 2 * x\n"


def test_tests_need_tasks_and_consent(tmp_path):
    path = write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"reward\.kind is tests without data\.tasks"):
        load_recipe(path, [*REWARD, "reward.kind=tests"])
    overrides = [*REWARD, "reward.kind=both", "data.tasks=[corpus]", "evaluate.allow_code_execution=false"]
    with pytest.raises(RecipeError, match=r"runs model-written programs .* evaluate\.allow_code_execution is false"):
        load_recipe(path, overrides)
    assert CliRunner().invoke(app, ["reward", str(path), *overrides]).exit_code != 0
    with pytest.raises(RecipeError, match="a source is empty"):
        load_recipe(path, ["data.tasks=['mbxp:']"])
    with pytest.raises(RecipeError, match="named twice"):
        load_recipe(path, ["data.tasks=[corpus, corpus]"])
    with pytest.raises(RecipeError, match="use 2 or more"):
        load_recipe(path, ["reward.kind=both", "reward.prompts=1"])
    result = CliRunner().invoke(app, ["validate", str(path), f"data.tasks=[mbxp:{tmp_path}/no]"])
    assert f"data.tasks: '{tmp_path}/no' does not exist" in str(result.exception)


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap: scripts/install-tools")
@pytest.mark.parametrize("kind", ["tests", "both"])
def test_a_run_is_rewarded_by_tests(tmp_path, monkeypatch, capfd, kind):
    original = Sampler.write

    def ended(self, *arguments):  # a pico model hardly ever writes the token that ends a text
        written, speed = original(self, *arguments)
        breaks = PromptFormat(pico_tokenizer()).code_ids("\n\r")
        for generation in written:
            generation.stopped = True
            generation.ids = [token for token in generation.ids if token not in breaks]
        return written, speed

    monkeypatch.setattr(Sampler, "write", ended)
    folder = write_problems(tmp_path / "problems")
    overrides = [*REWARD, f"reward.kind={kind}", f"data.tasks=[{folder}]", "reward.overlap=true", "reward.rounds=2"]
    run = Run(load_recipe(write_recipe(tmp_path), [*overrides, "predict.limit=0"]))
    run(("data",))
    print_plan(run)
    run(("experts", "compose", "gate", "reward"))
    root = tmp_path / "runs" / "toy"
    training = read_json(root / "reward" / "training.json")
    assert training["rounds"] == 2
    assert training["verdicts_per_second"]["python"] > 0
    assert "python" in training["versions"]
    rounds = [row for row in read_metrics(root / "reward" / "metrics.jsonl") if "rate" in row]
    assert all(row["verdicts_per_second_python"] > 0 for row in rounds)
    drawn = 3 if kind == "tests" else 2
    assert sum(row["all_solved"] + row["none_solved"] for row in rounds) >= 2 * (drawn - 1)
    name = "reward" if kind == "tests" else "reward_tests"
    assert training["history"][0][name] in (0.0, 1.0)  # p9 alone decides, which nobody solves
    assert "reward: data.tasks has no tasks in java" in capfd.readouterr().err
    again = Run(load_recipe(tmp_path / "toy.yaml", [*overrides, "predict.limit=0"]))
    assert again.is_finished("reward")
    write_problems(folder, 13)
    assert not again.is_finished("reward")


def alone(tmp_path, *more):
    overrides = [*REWARD, "reward.alone=[python]", "predict.limit=0", "evaluate.metrics=[parse_share]"]
    return load_recipe(write_recipe(tmp_path), [*overrides, *more])


def test_one_expert_is_rewarded_alone_and_the_others_go_on_as_they_are(tmp_path, monkeypatch, capfd):
    values = iter([0.1, 0.2, 0.1, 0.2])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(values))
    path, root = write_recipe(tmp_path), tmp_path / "runs" / "toy"
    options = [*REWARD, "reward.alone=[python]", "predict.limit=0", "evaluate.metrics=[parse_share]"]
    for stage in ("data", "experts"):
        CliRunner().invoke(app, [stage, str(path), *options], catch_exceptions=False)
    refused = CliRunner().invoke(app, ["reward", str(path), "only=java", *options])
    assert "only: java not in reward.alone (python)" in str(refused.exception)
    before = {name: file_digest(root / "experts" / name / "adapter_model.safetensors") for name in ("python", "java")}
    CliRunner().invoke(app, ["reward", str(path), "only=python", *options], catch_exceptions=False)
    training = read_json(root / "expert_rewards" / "python" / "training.json")
    assert (training["rounds"], training["best_round"]) == (1, 1)
    assert (root / "gate" / "model").is_dir(), "the gates follow the last expert"
    composed = {
        name: file_digest(root / "compose" / "model" / "experts" / name / "adapter_model.safetensors")
        for name in ("python", "java")
    }
    assert composed["java"] == before["java"]
    assert composed["python"] != before["python"]
    assert composed["python"] == file_digest(root / "expert_rewards" / "python" / "adapter_model.safetensors")
    run = Run(alone(tmp_path))
    print_plan(run)
    run()
    assert not (root / "reward").exists()
    assert "moe:likelihood" not in read_json(root / "results.json")["systems"]
    assert "Python expert, reward by rounds" in (root / "report.html").read_text()
    times = stage_times(root)
    capfd.readouterr()
    Run(alone(tmp_path))()
    assert "expert_rewards/python: finished earlier, skipped" in capfd.readouterr().err
    assert stage_times(root) == times
    # What concerns the others is not its business; its own expert is.
    assert "expert_rewards/python" not in changed(tmp_path, "gate.gate_steps=3")
    assert Run(alone(tmp_path, "data.languages=[java, python]")).is_finished("expert_rewards/python")
    assert {"expert_rewards/python", "compose"} <= changed(tmp_path, "reward.likelihood=0.5")
    assert "expert_rewards/python" in changed(tmp_path, "experts.rank=3")


def changed(tmp_path, *overrides):
    return {name for name, state in Run(alone(tmp_path, *overrides)).to_do().items() if state.startswith("to do")}


def test_an_expert_that_got_no_better_keeps_its_bytes(tmp_path, monkeypatch):
    values = iter([0.3, 0.2])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(values))
    Run(alone(tmp_path))(("data", "experts", "expert_rewards"))
    root = tmp_path / "runs" / "toy"
    folders = (root / "experts" / "python", root / "expert_rewards" / "python")
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert len({file_digest(folder / name) for folder in folders}) == 1


def validated(monkeypatch):
    """Returns a list that gets the loss of every validation, and the programs and languages that it was measured on."""
    seen = []
    original = RewardRounds.validate

    def validate(self, number):
        found = original(self, number)
        seen.append((found[1]["loss"], self._programs, self._languages))
        return found

    monkeypatch.setattr(RewardRounds, "validate", validate)
    return seen


def test_an_expert_alone_is_the_base_with_its_adapter(tmp_path, monkeypatch):
    """What it samples and trains is what PEFT makes of the adapter."""
    seen = validated(monkeypatch)
    run = Run(alone(tmp_path))
    run(("data", "experts", "expert_rewards"))
    loss, programs, languages = seen[0]
    assert languages == ("python",)
    with adapted(run.base, tmp_path / "runs" / "toy" / "experts" / "python") as expert, packed_attention(expert):
        assert validation_loss(expert, programs, languages, 1200) == pytest.approx(loss, rel=1e-5)


def test_an_expert_alone_can_begin_as_the_base(tmp_path, monkeypatch):
    """With no steps of the stage ``experts``, the state before the first round is the base, and rounds change it."""
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    run = Run(alone(tmp_path, "experts.max_steps=0"))
    run(("data",))
    print_plan(run)
    run(("experts", "expert_rewards"))
    root = tmp_path / "runs" / "toy"
    training = read_json(root / "experts" / "python" / "training.json")
    assert (training["steps"], training["best_step"], len(training["history"])) == (0, 0, 1)
    untrained, rewarded = (
        load_file(root / stage / "python" / "adapter_model.safetensors") for stage in ("experts", "expert_rewards")
    )
    second = {name: tensor for name, tensor in untrained.items() if "lora_B" in name}
    assert second
    assert not any(tensor.any() for tensor in second.values())
    assert all(tensor.any() for name, tensor in untrained.items() if "lora_A" in name)
    assert any(rewarded[name].any() for name in second)
    examples = run.encoded("validation", ("python",))
    with packed_attention(run.base.model):
        of_base = validation_loss(run.base.model, examples, ("python",), 1200)
    assert training["best_loss"] == pytest.approx(of_base, rel=1e-6)


def test_what_alone_may_not_say(tmp_path):
    path = write_recipe(tmp_path)
    with pytest.raises(RecipeError, match="alone: it names python, but rounds is 0"):
        load_recipe(path, ["reward.alone=[py]"])
    with pytest.raises(RecipeError, match=r"reward\.alone names ruby, but the experts .* are python, java"):
        load_recipe(path, [*REWARD, "reward.alone=[ruby]"])
    with pytest.raises(RecipeError, match="unknown language"):
        load_recipe(path, [*REWARD, "reward.alone=[klingon]"])


def test_a_stopped_reward_of_one_expert_goes_on_to_the_same_bytes(tmp_path, monkeypatch, capfd):
    more = ("reward.rounds=3", "reward.checkpoint_minutes=0", "reward.overlap=true")
    adapter = "expert_rewards/python/adapter_model.safetensors"
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    whole = Run(alone(tmp_path / "whole", *more))
    stopped = Run(alone(tmp_path / "stopped", *more))
    for run in (whole, stopped):
        run(("data", "experts"))
    whole(("expert_rewards",))
    original, saved = loop.save_checkpoint, []

    def stopping(*arguments):
        original(*arguments)
        saved.append(1)
        if len(saved) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", stopping)
        with pytest.raises(KeyboardInterrupt):
            stopped(("expert_rewards",))
    capfd.readouterr()
    Run(alone(tmp_path / "stopped", *more))(("expert_rewards",))
    assert "resuming after round 2 of 3" in capfd.readouterr().err
    digests = [file_digest(tmp_path / name / "runs" / "toy" / adapter) for name in ("whole", "stopped")]
    assert digests[0] == digests[1]


def later_is_better(original):
    def validate(self, number):
        _, facts = original(self, number)
        return 1.0 / (1 + number), facts

    return validate


def test_what_would_stop_the_reward_is_said_before_anything_is_trained(tmp_path, monkeypatch):
    path = write_recipe(tmp_path)
    problems = write_problems(tmp_path / "problems")
    overrides = [*REWARD, "reward.kind=tests", f"data.tasks=[{problems}]"]
    monkeypatch.setattr(rewards, "find_toolchains", lambda names: ({}, {"python": "python: no python3 on PATH"}))
    monkeypatch.setattr(rewards, "Sandbox", Opened)
    with pytest.raises(ToolchainError, match="no python3 on PATH"):
        Run(load_recipe(path, overrides))()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    assert Opened.closed == 1
    run = Run(load_recipe(path, overrides))
    with run.workspace.stage("reward", "made from something else", seed=0) as stage:
        stage.notes["inputs"] = {}
    with pytest.raises(ToolchainError, match="no python3 on PATH"):
        run()
    assert not (tmp_path / "runs" / "toy" / "data").exists()
    found, notes = find_problems(load_recipe(path, overrides))
    assert found == []
    assert [note for note in notes if "reward.kind: tests cannot be run on this machine: " in note]
    (problems / "python.jsonl").rename(problems / "humaneval.jsonl")
    found, _ = find_problems(load_recipe(path, overrides))
    assert [problem for problem in found if problem.startswith("data.tasks: ") and "HumanEval" in problem]
    with pytest.raises(DataError, match="HumanEval"):
        Run(load_recipe(path, overrides))()
    Run(load_recipe(path, overrides))(("data",))  # has no business with it


class Opened:
    """A sandbox that can be opened anywhere."""

    closed = 0

    def __init__(self, *_, **__):
        pass

    def close(self):
        Opened.closed += 1
