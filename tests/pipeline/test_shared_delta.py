"""A run with ``gate.shared_rank``: which base each system uses, what is left, and what kills and full disks leave."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from test_keep import answering, write_tasks

from moesaic.api import load
from moesaic.checkpoint.native import load_moe, read_model_folder
from moesaic.data.examples import read_examples
from moesaic.data.prompts import PromptFormat
from moesaic.errors import SpaceError
from moesaic.files import file_digest, read_json
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import load_base
from moesaic.model.loss import answer_states, example_losses
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.train.injection import adapted
from moesaic.train.objective import Teacher
from test_pipeline import REWARD, _process, numbers, stage_times, write_recipe

OPTIONS = ["gate.shared_rank=2", "gate.joint_epochs=2", "predict.limit=0", "evaluate.metrics=[parse_share]"]
LANGUAGES = ("python", "java")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    Run(load_recipe(write_recipe(folder), OPTIONS))()
    return folder


def losses_in(root: Path, system: str) -> dict[str, float]:
    lines = (root / "predict" / "losses" / f"{system}.jsonl").read_text().splitlines()
    return {f"{row['language']}/{row['id']}": row["loss_sum"] for row in map(json.loads, lines)}


def losses_of(model, folder: Path, languages=LANGUAGES) -> dict[str, float]:
    """The same, from the model, the data and the original base's tokenizer alone."""
    prompt = PromptFormat(load_base(str(folder / "base")).tokenizer)
    data = folder / "runs" / "toy" / "data"
    examples = [example for name in languages for example in read_examples(data / name / "test.jsonl")]
    encoded = [prompt.encode(example) for example in examples]
    with packed_attention(model):
        found = example_losses(model, encoded, LANGUAGES, 2048)
    return {f"{e.language}/{e.id}": float(loss) for e, loss in zip(examples, found[:, 0], strict=True)}


def weights(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_base_and_experts_run_on_the_original_base_and_the_moe_on_its_own(finished):
    root = finished / "runs" / "toy"
    model = read_model_folder(root)
    assert model.has_own_base
    assert model.base_title == str(finished / "base")
    original = load_base(str(finished / "base"))
    assert read_json(root / "experts" / "python" / "training.json")["base_digest"] == original.digest
    assert model.base_digest != original.digest
    assert losses_in(root, "base") == pytest.approx(losses_of(original.model, finished), rel=1e-6)
    for name in LANGUAGES:
        with adapted(original, root / "experts" / name) as expert:
            expected = losses_of(expert, finished)
        assert losses_in(root, f"expert-{name}") == pytest.approx(expected, rel=1e-4)
    moe = losses_in(root, "moe")
    assert moe == pytest.approx(losses_of(load_moe(root / "model")[0], finished), rel=1e-6)
    # The same experts and gates on the original base are another model.
    assert sum(moe.values()) < sum(losses_in(root, "base").values())
    changed = load_base(str(root / "model" / "base")).model.state_dict()
    different = {name for name, value in original.model.state_dict().items() if not torch.equal(value, changed[name])}
    assert different == {name for name in changed if name.endswith("_proj.weight")}


def test_a_run_goes_on_with_both_bases_in_another_process(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    shutil.copytree(finished / "runs", tmp_path / "runs")
    root = tmp_path / "runs" / "toy"
    options = [*OPTIONS, f"output={tmp_path / 'runs'}"]
    before = stage_times(root)
    Run(load_recipe(finished / "toy.yaml", options))()
    assert stage_times(root) == before  # skipped
    shutil.rmtree(root / "predict")
    run = Run(load_recipe(finished / "toy.yaml", options))
    run(("predict", "evaluate", "report"))
    assert numbers(tmp_path) == numbers(finished)
    assert run.base.digest == load_base(str(finished / "base")).digest


def test_the_model_of_a_run_needs_nothing_else(finished, tmp_path):
    def programs(path: Path) -> list[str]:
        model = load(path, device="cpu")
        return [
            model.generate("Function that adds 3", language=name, max_new_tokens=6).completion for name in LANGUAGES
        ]

    expected = programs(finished / "runs" / "toy")
    shutil.copytree(finished / "runs" / "toy" / "model", tmp_path / "model")
    (finished / "base").rename(tmp_path / "base")
    try:
        assert programs(tmp_path / "model") == expected
    finally:
        (tmp_path / "base").rename(finished / "base")


def test_a_reward_after_a_shared_delta_keeps_the_base_without_a_second_copy(finished, tmp_path, monkeypatch):
    from moesaic.train.samples import Samples

    values = iter([0.1, 0.2])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(values))
    shutil.copytree(finished / "runs", tmp_path / "runs")
    root = tmp_path / "runs" / "toy"
    Run(load_recipe(finished / "toy.yaml", [*OPTIONS, *REWARD, f"output={tmp_path / 'runs'}"]))()
    before, after = (read_model_folder(root / name) for name in ("gate", "reward"))
    assert after.has_own_base
    assert (after.base_digest, after.base_title) == (before.base_digest, before.base_title)
    assert load_base(str(after.path / "base")).digest == after.base_digest
    files = ["base/model.safetensors", "base/config.json"]
    assert all((before.path / name).stat().st_ino == (after.path / name).stat().st_ino for name in files)
    assert losses_in(root, "moe-likelihood") == losses_in(finished / "runs" / "toy", "moe")
    assert losses_in(root, "moe") == pytest.approx(losses_of(load_moe(root / "model")[0], finished), rel=1e-6)


def test_what_is_kept_in_the_reward_is_the_original_base(tmp_path, monkeypatch):
    answering(monkeypatch)
    keep = [f"data.keep={write_tasks(tmp_path / 'tasks')}", "keep.loss=kl"]
    recipe = load_recipe(write_recipe(tmp_path), [*OPTIONS, *REWARD, *keep])
    run = Run(recipe)
    run(("data", "keep", "experts", "compose", "gate"))
    assert read_model_folder(tmp_path / "runs" / "toy" / "gate").has_own_base
    listened = []
    original = Teacher.listen
    monkeypatch.setattr(Teacher, "listen", lambda *given: listened.append(original(*given)) or listened[-1])
    run(("reward",))
    (teacher,) = listened
    plain = load_base(str(tmp_path / "base")).model
    with packed_attention(plain):
        states = answer_states(plain, teacher.kept.training, ("base",), recipe.reward.row_tokens)
    assert all(torch.equal(one, other) for one, other in zip(teacher.training, states, strict=True))
    history = read_json(tmp_path / "runs" / "toy" / "reward" / "training.json")["history"]
    assert history[0]["answers"] > 1e-4, "the folded delta has moved the model from what is to be kept"


def test_a_joint_stretch_that_only_hurts_leaves_no_base(tmp_path, monkeypatch):
    losses = itertools.count(1)
    monkeypatch.setattr("moesaic.train.objective.validation_loss", lambda *_, **__: float(next(losses)))
    run = Run(load_recipe(write_recipe(tmp_path), OPTIONS))
    run(("data", "experts", "compose", "gate"))
    root = tmp_path / "runs" / "toy"
    joint = read_json(root / "gate" / "training.json")["joint"]
    assert joint["steps"] > 0
    assert joint["best_step"] == 0
    folder = read_model_folder(root / "gate")
    assert not folder.has_own_base
    assert not (folder.path / "base").exists()
    assert folder.base_digest == load_base(str(tmp_path / "base")).digest
    for name in LANGUAGES:
        assert weights(folder.expert_path(name)) == weights(root / "compose" / "model" / "experts" / name)


def test_room_for_the_base_is_asked_for_before_the_training(tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path)
    Run(load_recipe(recipe, OPTIONS))(("data", "experts", "compose"))
    size = (tmp_path / "base" / "model.safetensors").stat().st_size
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size // 2))
    monkeypatch.setattr("moesaic.train.gate.train", lambda *_, **__: pytest.fail("trained without room for the result"))
    with pytest.raises(SpaceError, match=r"the base that gate\.shared_rank changes needs .* free some space"):
        Run(load_recipe(recipe, OPTIONS))(("gate",))
    assert not (tmp_path / "runs" / "toy" / "gate").exists()


def test_a_base_that_was_changed_in_memory_is_not_used_again(tmp_path, monkeypatch):
    recipe = write_recipe(tmp_path)
    run = Run(load_recipe(recipe, OPTIONS))
    run(("data", "experts", "compose"))

    def full(*_, **__):
        raise SpaceError("no space left")

    monkeypatch.setattr("moesaic.checkpoint.native.write_base", full)
    with pytest.raises(SpaceError):
        run(("gate",))
    monkeypatch.undo()
    original = load_base(str(tmp_path / "base")).model.state_dict()
    assert all(torch.equal(value, original[name]) for name, value in run.base.model.state_dict().items())
    run(("gate",))
    again = weights(tmp_path / "runs" / "toy" / "gate" / "model")
    shutil.rmtree(tmp_path / "runs" / "toy" / "gate")
    Run(load_recipe(recipe, OPTIONS))(("gate",))
    assert weights(tmp_path / "runs" / "toy" / "gate" / "model") == again


@pytest.mark.slow
@pytest.mark.untraced
def test_killed_in_the_joint_stretch_ends_with_the_same_bits(tmp_path):
    def prepared() -> Path:
        """A recipe; both runs are in the same folder, because files name it."""
        (tmp_path / "run").mkdir()
        recipe = write_recipe(tmp_path / "run")
        text = recipe.read_text().replace("joint_epochs: 1,", "joint_epochs: 2, shared_rank: 2,")
        recipe.write_text(text.replace("limit: 3,", "limit: 0,"))
        return recipe

    done = _process(prepared(), "moesaic.train.loop", "save_checkpoint", -1)
    assert done.returncode == 0, done.stderr
    (tmp_path / "run").rename(tmp_path / "whole")
    recipe, gate = prepared(), tmp_path / "run" / "runs" / "toy" / "gate"
    for module, function, after in (
        ("moesaic.train.loop", "save_checkpoint", 12),  # four steps an expert, two of the gates, two of eight together
        ("moesaic.train.gate", "fold_in", 1),  # the base in memory is changed, nothing of it is on the disk
        ("moesaic.checkpoint.native", "write_base", 1),  # the changed base is on the disk, the folder not yet
    ):
        killed = _process(recipe, module, function, after)
        assert killed.returncode == -signal.SIGKILL
        assert not gate.exists()
        if function == "fold_in":
            assert "joint: resuming after step 2 of 8" in killed.stderr
    last = _process(recipe, "moesaic.train.loop", "save_checkpoint", -1)
    assert last.returncode == 0, last.stderr
    assert numbers(tmp_path / "run") == numbers(tmp_path / "whole")
    first, second = (tmp_path / name / "runs" / "toy" / "gate" / "model" for name in ("whole", "run"))
    assert weights(first).keys() == weights(second).keys()
    assert "base/model.safetensors" in weights(first)
    for name in weights(first):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
