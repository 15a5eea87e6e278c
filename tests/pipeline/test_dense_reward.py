"""``dense_lora_reward``: the dense LoRA gets the rewards that the Mixture-of-Experts gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_keep import answering, write_tasks
from test_tasks import later_is_better, validated

from moesaic.errors import RecipeError
from moesaic.files import file_digest, read_json
from moesaic.model.attention import packed_attention
from moesaic.model.loss import validation_loss
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.refusals import check_rewards
from moesaic.pipeline.stages import Run
from moesaic.recipe import Recipe, load_recipe
from moesaic.train import loop
from moesaic.train.injection import adapted
from moesaic.train.rounds import RewardRounds
from test_pipeline import REWARD, stage_times, write_recipe

BOTH = "compare=[dense_lora,dense_lora_reward]"
REWARDED = "baselines/dense_lora_reward"
SHORT = ("experts.max_steps=1", "gate.gate_steps=1", "gate.joint_epochs=0")


def recipe(folder: Path, *more: str) -> Recipe:
    return load_recipe(write_recipe(folder), [*REWARD, *SHORT, BOTH, "evaluate.metrics=[parse_share]", *more])


def factors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def moved(root: Path, source: str = "dense_lora") -> set[str]:
    """Returns the factors that the rounds changed."""
    before, after = factors(root / "baselines" / source), factors(root / REWARDED)
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_dense_lora_is_rewarded_and_measured_beside_the_one_it_was(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    run = Run(recipe(tmp_path))
    root = run.workspace.root
    run(("data",))
    print_plan(run)
    planned = capfd.readouterr().out
    assert f"{REWARDED}: programs" in planned
    assert f"{REWARDED}: to do, after baselines/dense_lora" in " ".join(planned.split())
    run()
    note = read_json(root / REWARDED / "baseline.json")
    assert (note["baseline"], note["kind"], note["continues"]) == ("dense_lora_reward", "adapter", "dense_lora")
    assert (note["training"]["rounds"], note["training"]["best_round"]) == (1, 1)
    assert {name.partition("lora_")[2][0] for name in moved(root)} == {"A", "B"}
    configs = [read_json(root / name / "adapter_config.json") for name in ("baselines/dense_lora", REWARDED)]
    assert configs[0] | {"inference_mode": True} == configs[1] | {"inference_mode": True}
    results = read_json(root / "results.json")
    losses = [results["systems"][name]["loss"] for name in ("dense_lora", "dense_lora_reward")]
    assert losses[0] != losses[1]
    page = (root / "report.html").read_text()
    assert "Dense LoRA, rewarded" in page
    assert "Training of Reward of the dense LoRA, by rounds" in page
    times = stage_times(root)
    Run(recipe(tmp_path))()
    assert stage_times(root) == times


def to_do(folder: Path, *more: str) -> set[str]:
    return {name for name, state in Run(recipe(folder, *more)).to_do().items() if state.startswith("to do,")}


def test_what_makes_it_again(tmp_path):
    run = Run(recipe(tmp_path, "predict.limit=0"))
    run()
    assert to_do(tmp_path, "predict.limit=0") == {"report"}
    changed = to_do(tmp_path, "predict.limit=0", "reward.likelihood=0.5")
    assert REWARDED in changed
    assert "baselines/dense_lora" not in changed
    changed = to_do(tmp_path, "predict.limit=0", "experts.rank=3")
    assert {"baselines/dense_lora", REWARDED} <= changed


def test_its_first_state_is_the_dense_lora_on_all_languages(tmp_path, monkeypatch):
    seen = validated(monkeypatch)
    run = Run(recipe(tmp_path))
    run(("data", "baselines"))
    loss, programs, languages = seen[0]
    assert languages == ("python", "java")
    with adapted(run.base, run.workspace.path("baselines/dense_lora")) as model, packed_attention(model):
        assert validation_loss(model, programs, languages, 1200) == pytest.approx(loss, rel=1e-5)


def test_one_that_got_no_better_stays_as_it_was(tmp_path, monkeypatch):
    values = iter([0.3, 0.2])
    monkeypatch.setattr("moesaic.train.samples.Samples.mean_score", lambda _: next(values))
    run = Run(recipe(tmp_path))
    run(("data", "baselines"))
    assert moved(run.workspace.root) == set()
    assert read_json(run.workspace.path(REWARDED) / "baseline.json")["training"]["best_round"] == 0


def test_beside_a_shared_delta_the_attention_is_trained_too_and_dropout_is_not_applied(tmp_path, monkeypatch):
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    dropped = []
    original = RewardRounds.add_gradients

    def watched(self, rows):
        dropped.extend(m.p for m in self._model.modules() if isinstance(m, torch.nn.Dropout) and m.training)
        original(self, rows)

    monkeypatch.setattr(RewardRounds, "add_gradients", watched)
    run = Run(recipe(tmp_path, "gate.shared_rank=2", "gate.joint_epochs=0.1", "experts.dropout=0.1"))
    run(("data", "baselines"))
    changed = moved(run.workspace.root)
    assert any("q_proj" in name for name in changed)
    assert any("down_proj" in name for name in changed)
    assert not any(dropped)


def test_with_answers_to_keep_it_continues_the_adapter_that_keeps_them(tmp_path, monkeypatch):
    answering(monkeypatch)
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    keep = (f"data.keep={write_tasks(tmp_path / 'tasks')}", "keep.loss=kl", "keep.max_new_tokens=64")
    run = Run(recipe(tmp_path, *keep, "compare=[dense_lora_keep,dense_lora_reward]"))
    run(("data", "keep", "baselines"))
    note = read_json(run.workspace.path(REWARDED) / "baseline.json")
    assert note["continues"] == "dense_lora_keep"
    assert "answers" in note["training"]["history"][0]
    assert moved(run.workspace.root, "dense_lora_keep")


def test_a_stopped_one_goes_on_to_the_same_bytes(tmp_path, monkeypatch, capfd):
    more = ("reward.rounds=3", "reward.checkpoint_minutes=0")
    monkeypatch.setattr(RewardRounds, "validate", later_is_better(RewardRounds.validate))
    whole, stopped = (Run(recipe(tmp_path / name, *more)) for name in ("whole", "stopped"))
    original, saved = loop.save_checkpoint, []

    def stopping(folder, *arguments):
        original(folder, *arguments)
        if "dense_lora_reward" in str(folder):
            saved.append(1)
            if len(saved) == 2:
                raise KeyboardInterrupt

    whole(("data", "baselines"))
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", stopping)
        with pytest.raises(KeyboardInterrupt):
            stopped(("data", "baselines"))
    capfd.readouterr()
    Run(recipe(tmp_path / "stopped", *more))(("baselines",))
    said = capfd.readouterr().err
    assert "resuming after round 2 of 3" in said
    assert "baselines/dense_lora: finished earlier, skipped" in said
    digests = [file_digest(run.workspace.path(REWARDED) / "adapter_model.safetensors") for run in (whole, stopped)]
    assert digests[0] == digests[1]


def test_where_its_programs_need_tools_they_are_looked_for_before_it_begins(tmp_path, monkeypatch):
    """Also if all other trainings on rewards are finished."""
    asked = []
    monkeypatch.setattr("moesaic.pipeline.tasks.check_tasks", asked.append)
    run = Run(recipe(tmp_path, "reward.kind=tests", "data.tasks=[corpus]", "evaluate.allow_code_execution=true"))
    monkeypatch.setattr(run, "is_finished", lambda name: name != REWARDED)
    check_rewards(run, ("data", "predict"))
    assert asked == []
    check_rewards(run, ("baselines",))
    assert asked == [run.recipe]


def test_on_a_cluster_it_waits_for_the_adapter_that_it_continues(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from moesaic.pipeline.branches import SpreadRun

    run = SpreadRun(recipe(tmp_path, "compare=[dense_lora,dense_lora_reward,arrow]"), (), "auto")
    spread = []
    monkeypatch.setattr(run, "_spread", spread.append)
    run.baselines()
    first, second = spread
    assert [job[1] for job in first] == [("dense_lora",), ("arrow",)]
    assert [job[1] for job in second] == [("dense_lora_reward",)]


def test_what_it_needs(tmp_path):
    path = write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"dense_lora_reward .* but reward\.rounds is 0"):
        load_recipe(path, [BOTH])
    with pytest.raises(RecipeError, match=r"dense_lora_reward .* but reward\.alone is python"):
        load_recipe(path, [*REWARD, BOTH, "reward.alone=[python]"])
    for compare in ("[dense_lora_reward]", "[dense_lora_reward,dense_lora]", "[arrow,dense_lora_reward]"):
        with pytest.raises(RecipeError, match="continues the training of dense_lora: name that before it"):
            load_recipe(path, [*REWARD, f"compare={compare}"])
    tasks = f"data.keep={tmp_path / 'tasks'}"
    with pytest.raises(RecipeError, match="continues the training of dense_lora_keep: name that before it"):
        load_recipe(path, [*REWARD, BOTH, tasks])
    assert load_recipe(path, [*REWARD, BOTH]).compare == ("dense_lora", "dense_lora_reward")
