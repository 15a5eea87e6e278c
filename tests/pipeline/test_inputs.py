"""What a stage is made from: every key of a recipe against every stage, and files that change under the same name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_keep import answering, write_tasks

from moesaic.errors import CheckpointError
from moesaic.files import digest_of, read_json
from moesaic.pipeline.inputs import LOOKED_AT, NEUTRAL, READ_BY, leaves, reads_as, stage_inputs, stages_read
from moesaic.pipeline.stages import STAGES, Run
from moesaic.recipe import Recipe, load_recipe
from moesaic.recipe.sections import Section
from moesaic.workspace import Stage
from pico import pico_base
from test_pipeline import REWARD, write_recipe

REWARDED = "baselines/dense_lora_reward"
FOLDERS = (
    "data",
    "keep",
    "experts/python",
    "compose",
    "gate",
    "reward",
    "baselines/dense_lora_keep",
    REWARDED,
    "predict",
    "evaluate",
)
SETTINGS = (
    *REWARD, "compare=[arrow, dense_lora_keep, moe_gates, dense_lora_reward]", "experts.max_steps=1",
    "experts.keep=true", "gate.anchor=true", "keep.max_new_tokens=64", "gate.gate_steps=1", "gate.joint_epochs=0.1",
    "evaluate.metrics=[parse_share, codebleu]",
)  # fmt: skip


def recipe_keys(model: type[Section] = Recipe, prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from recipe_keys(kind, f"{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> tuple[Path, dict[str, set[str]]]:
    """A finished run with rewards and baselines, and the keys that each of its stages read while it was made."""
    folder = tmp_path_factory.mktemp("watched")
    sections = {field.annotation: name for name, field in Recipe.model_fields.items()} | {Recipe: ""}
    seen: dict[str, set[str]] = {}
    reading: list[str] = []
    original = Section.__getattribute__

    def watching(self: Section, name: str) -> Any:
        if reading and type(self) in sections and name in type(self).model_fields:
            prefix = sections[type(self)]
            seen.setdefault(reading[0], set()).add(f"{prefix}.{name}" if prefix else name)
        return original(self, name)

    class Watched(Run):
        @contextmanager
        def stage(self, name: str, **options: bool) -> Iterator[Stage | None]:
            with super().stage(name, **options) as stage:
                reading.append(reads_as(name))
                try:
                    yield stage
                finally:
                    reading.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Section, "__getattribute__", watching)
        answering(patch)
        recipe = write_recipe(folder, more="keep: {weight: 0.5}\n")
        write_tasks(folder / "tasks")
        recipe.write_text(recipe.read_text().replace("data: {", f"data: {{keep: {folder / 'tasks'}, "))
        Watched(load_recipe(recipe, SETTINGS))()
    return folder, seen


def test_every_key_is_declared_once():
    keys = set(recipe_keys())
    declared = set(READ_BY) | set(NEUTRAL)
    assert not keys - declared, "say in pipeline/inputs.py which stages read it, or why it changes no result"
    assert not declared - keys, "there is no such key"
    assert not set(READ_BY) & set(NEUTRAL)
    assert {stage for stages in READ_BY.values() for stage in stages} <= set(STAGES)
    assert all(READ_BY.values())


def test_what_a_stage_reads_while_it_is_made_is_declared(watched):
    _, seen = watched
    assert set(seen) | {"expert_rewards"} == set(STAGES[:-1])  # which takes the place of the reward
    beyond = {
        (stage, key)
        for stage, keys in seen.items()
        for key in keys & set(recipe_keys())
        if stage not in READ_BY.get(key, ()) and key not in NEUTRAL and (stage, key) not in LOOKED_AT
    }
    assert beyond == set()


OTHER_VALUES: dict[str, Any] = {
    "base.dtype": "bfloat16", "base.quantize": "nf4", "data.languages": ["java", "python"], "data.max_tokens": 700,
    "data.train_limit": 5, "data.validation_limit": 5, "data.test_limit": 5, "experts.targets": "all",
    "experts.patience": 3, "gate.kind": "softmax", "gate.init": "zero", "gate.patience": 3,
    "predict.split": "validation", "predict.limit": 2, "evaluate.metrics": ["bleu"], "evaluate.sandbox": "rlimit",
    "compare": ["arrow"], "experts.max_steps": 2, "gate.load": 0.5, "keep.loss": "kl", "predict.top_p": 0.5,
    "data.validation_fraction": 0.1, "data.test_fraction": 0.1, "experts.dropout": 0.5,
    "data.format": "keep", "data.fields": {"text": "task"}, "reward.kind": "tests", "reward.workers": 3,
    "evaluate.workers": 3, "keep.per_prompt": 1, "experts.select": "codebleu", "gate.select": "codebleu",
}  # fmt: skip


@pytest.fixture(scope="module")
def digests(watched):
    """Returns the digest of every stage's inputs for a recipe with other values."""
    folder, _ = watched
    tree = load_recipe(folder / "toy.yaml", SETTINGS).model_dump(mode="json")

    def of(changed: dict[str, Any]) -> dict[str, str]:
        now = json.loads(json.dumps(tree))
        for key, value in changed.items():
            *section, name = key.split(".")
            (now[section[0]] if section else now)[name] = value
        session = Run(Recipe.model_validate(now))
        # The stages that are read are those of the finished run, wherever the changed recipe would put its own.
        session.workspace.root = folder / "runs" / "toy"
        return {name: digest_of(stage_inputs(session, name)) for name in FOLDERS}

    return tree, of


def other_value(key: str, value: Any) -> Any:
    if key in OTHER_VALUES:
        return OTHER_VALUES[key]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.5
    raise AssertionError(f"give OTHER_VALUES another value of {key}")


BY_CONTENT = ("data.keep", "data.tasks", "base.model", "base.sha256", "base.revision", "data.source", "data.revision",
              "data.extra", "predict.benchmarks", "name", "output", "trackers", "grow.model", "grow.languages",
              "grow.train_gates", "reward.alone")  # fmt: skip


@pytest.mark.parametrize("key", [key for key in recipe_keys() if key not in BY_CONTENT])
def test_a_key_makes_the_stages_that_read_it_again_and_no_other(digests, key):
    tree, of = digests
    section, _, name = key.rpartition(".")
    value = (tree[section] if section else tree)[name]
    more = {
        "gate.load": {"gate.kind": "noisy_top_k"},
        "keep.samples": {"keep.temperature": 0.5},
        "reward.kind": {"data.tasks": ["corpus"]},
        "experts.self_training": {"experts.keep": False},
        "processes.shard": {"reward.rounds": 0, "compare": []},
    }.get(key, {})
    before, after = of(more), of(more | {key: other_value(key, value)})
    made_again = {reads_as(name) for name in FOLDERS if before[name] != after[name]}
    assert made_again == set(READ_BY.get(key, ()))
    assert (before["reward"] != after["reward"]) == (before[REWARDED] != after[REWARDED])


@pytest.mark.parametrize(
    ("select", "stages"),
    [("experts.select", {"experts/python"}), ("gate.select", {"gate", "baselines/dense_lora_keep"})],
)
def test_the_length_of_programs_that_decide_makes_a_training_again(digests, select, stages):
    _, of = digests
    before, after = (of({select: "codebleu"} | more) for more in ({}, {"predict.max_new_tokens": 9}))
    assert {name for name in FOLDERS if before[name] != after[name]} == {*stages, "predict"}


@pytest.mark.parametrize(
    "changed",
    [{"name": "other"}, {"output": "elsewhere"}, {"trackers": ["tensorboard"]}],
)
def test_where_results_go_changes_nothing(digests, changed):
    _, of = digests
    assert of(changed) == of({})


def made_again(recipe: Path, *overrides: str) -> set[str]:
    run = Run(load_recipe(recipe, [*SETTINGS, *overrides]))
    return {name for name in run.stage_names() if not run.is_finished(name)}


@pytest.fixture
def copied(watched, tmp_path) -> Path:
    """The finished run in a folder of its own: base, data and workspace."""
    folder, _ = watched
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    recipe = tmp_path / "copy" / "toy.yaml"
    tree = yaml.safe_load(recipe.read_text().replace(str(folder), str(tmp_path / "copy")))
    recipe.write_text(yaml.safe_dump(tree))
    # The base's and the benchmark's place is another now, which the models' folders name: make the names the old ones.
    for path in (tmp_path / "copy" / "runs").rglob("manifest.json"):
        manifest = read_json(path)
        inputs = json.loads(json.dumps(manifest["inputs"]).replace(str(folder), str(tmp_path / "copy")))
        path.write_text(json.dumps(manifest | {"inputs": inputs, "digest": digest_of(inputs)}))
    assert made_again(recipe) == set()
    return recipe


def test_other_weights_in_the_same_folder_train_everything_again(copied):
    pico_base(copied.parent / "base", seed=1, max_position_embeddings=1024)
    assert made_again(copied) >= {"experts/python", "compose", "gate", "reward", "baselines/dense_lora_keep", "predict"}
    assert "data" not in made_again(copied)  # its tokenizer is the same


def test_a_changed_chat_template_prepares_the_data_again(copied):
    template = copied.parent / "base" / "chat_template.jinja"
    template.write_text((template.read_text() if template.exists() else "") + "\n")
    assert {"data", "experts/python", "predict"} <= made_again(copied)


def test_a_benchmark_is_known_by_its_problems(copied):
    problems = copied.parent / "own.jsonl"
    problem = json.loads(problems.read_text())
    problems.write_text(json.dumps(problem | {"test": "assert one() == 2"}) + "\n")
    assert made_again(copied) == {"evaluate"}  # the prompt is the same
    problems.write_text(json.dumps(problem | {"prompt": "def two():\n"}) + "\n")
    assert made_again(copied) == {"predict", "evaluate"}


def test_a_task_in_words_is_a_prompt_too(copied):
    problems = copied.parent / "own.jsonl"
    problem = json.loads(problems.read_text())
    del problem["prompt"]
    digests = []
    for text in ("Add one", "Add two"):
        problems.write_text(json.dumps(problem | {"text": text}) + "\n")
        digests.append(stage_inputs(Run(load_recipe(copied, SETTINGS)), "predict")["benchmark own"])
    assert digests[0] != digests[1]


def test_changed_pairs_are_read_again(copied):
    pairs = copied.parent / "pairs" / "python" / "train.jsonl"
    pairs.write_text(pairs.read_text().replace("adds", "joins"))
    assert "data" in made_again(copied)


def test_tools_that_are_others_now_judge_again(copied, monkeypatch):
    from moesaic.execution import judges

    monkeypatch.setattr(judges, "find_toolchains", lambda names: ({}, dict.fromkeys(names, "not on PATH")))
    # Answers that were judged where the tools are stay judged.
    assert made_again(copied) == {"evaluate"}


@pytest.mark.parametrize("stage", ["experts/python", "gate"])
def test_a_flipped_bit_is_found_by_the_stage_that_takes_it_over(copied, stage):
    root = copied.parent / "runs" / "toy"
    file = next((root / stage).rglob("adapter_model.safetensors" if "experts" in stage else "router.safetensors"))
    damaged = bytearray(file.read_bytes())
    damaged[-3] ^= 1
    file.write_bytes(damaged)
    overrides = ["gate.init_programs=7"] if "experts" in stage else ["reward.likelihood=0.4"]
    with pytest.raises(CheckpointError, match=rf"{file.name} does not hold the bytes that the stage {stage} wrote"):
        Run(load_recipe(copied, [*SETTINGS, *overrides]))()


def test_a_flipped_bit_in_the_last_model_is_found_when_it_is_published_again(copied):
    file = copied.parent / "runs" / "toy" / "reward" / "model" / "router.safetensors"
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 128
    file.unlink()  # the published model is a link to the same file
    file.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"delete .*reward and run"):
        Run(load_recipe(copied, SETTINGS))()


def test_the_stages_that_one_reads_come_before_it(watched):
    folder, _ = watched
    run = Run(load_recipe(folder / "toy.yaml", SETTINGS))
    names = run.stage_names()
    for place, name in enumerate(names):
        assert set(stages_read(run.recipe, name)) <= set(names[:place])


def test_keys_of_a_tree_are_dotted_and_a_benchmark_is_one_value():
    tree = {"seed": 1, "predict": {"limit": 3, "benchmarks": {"own": "a.jsonl"}}}
    assert dict(leaves(tree)) == {"seed": 1, "predict.limit": 3, "predict.benchmarks": {"own": "a.jsonl"}}


def test_a_plan_asks_what_the_run_asks(copied):
    def plan(*overrides: str) -> dict[str, str]:
        return Run(load_recipe(copied, [*SETTINGS, *overrides])).to_do()

    assert set(plan().values()) == {"finished", "to do, each time"}
    assert list(plan())[-1] == "report"
    changed = plan("gate.z_loss=0.1")
    assert changed["gate"] == "to do, changed: gate.z_loss"
    assert changed["reward"] == "to do, after gate"
    assert changed["evaluate"] == "to do, after predict"
    assert plan("experts.checkpoint_minutes=7", "evaluate.workers=2") == plan()
