"""A finished model grows by a language and is cut back: what stays byte for byte, what is refused, what resumes."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from killing import run_killed
from moesaic.checkpoint.dropping import drop_experts
from moesaic.checkpoint.native import load_moe, read_model_folder
from moesaic.cli import app
from moesaic.cli.growing import load_growth
from moesaic.errors import ModelError, RecipeError
from moesaic.files import file_digest, read_json, write_json_lines
from moesaic.model.decode.generate import Generation
from moesaic.model.lora import read_adapter
from moesaic.model.loss import example_losses
from moesaic.model.moe import record_routing
from moesaic.pipeline.growing import GROWTH
from moesaic.pipeline.plan import print_plan
from moesaic.pipeline.stages import Run
from moesaic.recipe import load_recipe
from moesaic.train.growth_result import Losses, NewLanguage
from moesaic.train.growth_rows import Gates, composed, fit_rows
from pico import pico_base
from test_pipeline import REWARD, moesaic, write_pairs

GROWN = ["data.languages=[python,java,ruby]", "name=grown"]
TO_THE_MODEL = ("data", "keep", "experts", "expert_rewards", "compose", "gate", "reward")


def model_files(folder: Path) -> dict[str, str]:
    """File below a model folder -> SHA-256."""
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def grown(finished, tmp_path_factory) -> Path:
    """The finished run beside one that grew from it by Ruby."""
    folder = tmp_path_factory.mktemp("growing") / "all"
    shutil.copytree(finished, folder, symlinks=True)
    write_pairs(folder / "pairs", ("ruby",))
    recipe = folder / "toy.yaml"
    recipe.write_text(recipe.read_text().replace(str(finished), str(folder)))
    Run(load_growth(folder / "runs" / "toy", recipe, GROWN))(TO_THE_MODEL)
    return folder


def test_the_other_experts_and_their_gate_rows_keep_their_bytes(grown):
    before, after = (read_model_folder(grown / "runs" / name) for name in ("toy", "grown"))
    assert after.names == ("python", "java", "ruby")
    assert (after.kind, after.top_k) == (before.kind, before.top_k)
    kept, files = model_files(before.path), model_files(after.path)
    experts = [name for name in kept if name.startswith("experts/")]
    assert len(experts) == 4
    assert {name: files[name] for name in experts} == {name: kept[name] for name in experts}
    rows = after.read_router()
    for name, tensor in before.read_router().items():
        assert rows[name][:2].numpy().tobytes() == tensor.numpy().tobytes()
        assert rows[name][2].abs().sum() > 0
    # Nothing was trained but the new expert.
    assert {path.name for path in (grown / "runs" / "grown" / "experts").iterdir()} == {"ruby"}
    assert not (grown / "runs" / "grown" / "gate").exists()
    # The model that grew is as it was.
    assert read_model_folder(grown / "runs" / "toy").names == ("python", "java")


def test_the_growth_says_what_became_of_every_language(grown):
    growth = read_json(grown / "runs" / "grown" / "compose" / GROWTH)
    assert growth["new"] == ["ruby"]
    assert growth["kept"] == ["python", "java"]
    assert growth["programs"] == {"python": 8, "java": 8, "ruby": 8}
    languages = growth["languages"]
    assert languages["ruby"]["after"] < languages["ruby"]["before"]
    # Gates of 32 inputs cannot tell languages apart as those of a real model do.
    for name in ("python", "java"):
        assert languages[name]["to_new"] < languages["ruby"]["to_new"] / 3
        assert languages[name]["after"] == pytest.approx(languages[name]["before"], abs=0.1)
        assert languages[name]["programs"] == 4


def logits(folder: Path, text: str = "def twice(x)\n  x * 2\nend\n") -> torch.Tensor:
    model, tokenizer, _ = load_moe(folder)
    with torch.inference_mode():
        return model(torch.tensor([tokenizer(text).input_ids])).logits


def test_dropping_what_was_grown_gives_the_model_before_bit_for_bit(grown, tmp_path):
    before = read_model_folder(grown / "runs" / "toy").path
    folder = drop_experts(grown / "runs" / "grown", tmp_path / "dropped", ["ruby"])
    was, now = model_files(before), model_files(folder.path)
    for files in (was, now):
        del files["README.md"], files["moesaic.json"]  # the run's card has scores
    assert now == was
    was, now = (read_json(path / "moesaic.json") for path in (before, folder.path))
    for description in (was, now):
        del description["base"]["model"]  # the base was copied to another place
    assert now == was
    assert logits(folder.path).equal(logits(before))
    assert not logits(folder.path).equal(logits(read_model_folder(grown / "runs" / "grown").path))


def test_an_older_language_can_be_dropped_too(grown, tmp_path):
    folder = drop_experts(grown / "runs" / "grown", tmp_path / "dropped", ["python"])
    assert folder.names == ("java", "ruby")
    whole = read_model_folder(grown / "runs" / "grown")
    for name, tensor in whole.read_router().items():
        assert folder.read_router()[name].equal(tensor[1:])
    assert drop_experts(folder.path, tmp_path / "one", ["ruby"]).top_k == 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["rubi"], "did you mean ruby"),
        (["python", "java", "ruby"], "at least one must be left"),
        (["base"], "no expert"),
    ],
)
def test_what_cannot_be_dropped_is_named(grown, tmp_path, names, said):
    with pytest.raises(ModelError, match=said):
        drop_experts(grown / "runs" / "grown", tmp_path / "dropped", names)
    assert not (tmp_path / "dropped").exists()


def test_dropping_writes_over_no_other_files(grown, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(ModelError, match="is not a model folder"):
        drop_experts(grown / "runs" / "grown", tmp_path / "mine", ["ruby"])
    model = read_model_folder(grown / "runs" / "grown").path
    with pytest.raises(ModelError, match="choose another folder"):
        drop_experts(model, model, ["ruby"])


def test_a_second_growth_and_a_growth_by_two(grown, tmp_path):
    """Two languages in one growth: both get rows, and the first one counts as old for the second."""
    recipe = grown / "toy.yaml"
    one = [f"output={tmp_path}", "name=one", "data.languages=[java]", "gate.gate_steps=0", "gate.joint_epochs=0"]
    Run(load_recipe(recipe, one))(("data", "experts", "compose", "gate"))
    more = [f"output={tmp_path}", "name=three", "data.languages=[java,ruby,python]", "experts.max_steps=2"]
    Run(load_growth(tmp_path / "one", recipe, more))(TO_THE_MODEL)
    start, folder = read_model_folder(tmp_path / "one"), read_model_folder(tmp_path / "three")
    assert folder.names == ("java", "ruby", "python")
    for name, tensor in start.read_router().items():
        assert folder.read_router()[name][:1].equal(tensor)
    growth = read_json(tmp_path / "three" / "compose" / GROWTH)
    assert growth["new"] == ["ruby", "python"]
    assert set(growth["margins"]) == {"ruby", "python"}


def test_an_expert_is_replaced_in_its_place(grown, tmp_path):
    overrides = [f"output={tmp_path}", "name=better", "grow.languages=[python]", "experts.epochs=1"]
    Run(load_growth(grown / "runs" / "toy", grown / "toy.yaml", overrides))(TO_THE_MODEL)
    before, after = read_model_folder(grown / "runs" / "toy"), read_model_folder(tmp_path / "better")
    assert after.names == ("python", "java")
    weights = "adapter_model.safetensors"
    assert file_digest(after.expert_path("java") / weights) == file_digest(before.expert_path("java") / weights)
    assert file_digest(after.expert_path("python") / weights) != file_digest(before.expert_path("python") / weights)
    for name, tensor in before.read_router().items():
        assert after.read_router()[name][1].equal(tensor[1])
        assert not after.read_router()[name][0].equal(tensor[0])


def test_the_new_expert_may_be_rewarded_alone(grown, tmp_path):
    (start := tmp_path / "first \U0001f642").symlink_to(grown / "runs" / "toy")
    options = [*GROWN, f"output={tmp_path}", *REWARD, "reward.alone=[ruby]"]
    done = CliRunner().invoke(app, ["grow", str(start), str(grown / "toy.yaml"), *options], catch_exceptions=False)
    assert done.exit_code == 0
    weights = "adapter_model.safetensors"
    rewarded = file_digest(tmp_path / "grown" / "expert_rewards" / "ruby" / weights)
    assert file_digest(read_model_folder(tmp_path / "grown").expert_path("ruby") / weights) == rewarded


def test_gates_follow_when_they_are_asked_to(grown, tmp_path):
    overrides = [
        *GROWN,
        f"output={tmp_path}",
        "grow.train_gates=true",
        "gate.joint_epochs=0",
        "gate.learning_rate=0.05",
    ]
    shutil.copytree(grown / "runs" / "grown", tmp_path / "grown")
    run = Run(load_growth(grown / "runs" / "toy", grown / "toy.yaml", overrides))
    assert run.is_finished("compose")
    run(TO_THE_MODEL)
    composed, trained = (read_model_folder(tmp_path / "grown" / stage / "model") for stage in ("compose", "gate"))
    before, after = model_files(composed.path), model_files(trained.path)
    assert {name for name in before if before[name] != after[name]} <= {"router.safetensors", "moesaic.json"}
    assert read_model_folder(tmp_path / "grown").path == trained.path


def test_a_growth_with_an_anchor_leaves_it_last(grown, tmp_path):
    anchor = [
        f"output={tmp_path}",
        "gate.anchor=true",
        "gate.gate_steps=0",
        "gate.joint_epochs=0",
        "experts.max_steps=1",
    ]
    Run(load_recipe(grown / "toy.yaml", [*anchor, "name=anchored"]))(("data", "experts", "compose", "gate"))
    overrides = [*GROWN, *anchor]
    Run(load_growth(tmp_path / "anchored", grown / "toy.yaml", overrides))(TO_THE_MODEL)
    start, folder = read_model_folder(tmp_path / "anchored"), read_model_folder(tmp_path / "grown")
    assert folder.names == ("python", "java", "ruby", "base")
    for name, tensor in start.read_router().items():
        assert folder.read_router()[name][[0, 1, 3]].equal(tensor)


@pytest.mark.slow
def test_a_model_with_a_base_of_its_own_grows_on_it(grown, tmp_path):
    shared = [f"output={tmp_path}", "name=shared", "gate.shared_rank=2", "gate.joint_epochs=2"]
    Run(load_recipe(grown / "toy.yaml", shared))(("data", "experts", "compose", "gate"))
    start = read_model_folder(tmp_path / "shared")
    assert start.has_own_base
    overrides = [*GROWN, f"output={tmp_path}", "predict.limit=0"]
    Run(load_growth(start.path, grown / "toy.yaml", overrides))()
    folder = read_model_folder(tmp_path / "grown")
    assert folder.has_own_base
    assert folder.base_digest == start.base_digest
    assert folder.base_title == start.base_title
    results = read_json(tmp_path / "grown" / "results.json")
    plain = read_json(grown / "runs" / "toy" / "results.json")["systems"]["base"]["loss"]["java"]["value"]
    assert results["systems"]["base"]["loss"]["java"]["value"] == pytest.approx(plain)  # not the changed base's
    dropped = drop_experts(folder.path, tmp_path / "dropped", ["ruby"])
    assert logits(dropped.path).equal(logits(start.path))


def test_a_grown_run_is_measured_like_any_other(grown, capsys):
    recipe = load_recipe(grown / "runs" / "grown" / "recipe.yaml", ["predict.limit=1", "compare=[linear, arrow]"])
    print_plan(Run(recipe))
    assert "experts/ruby" in (shown := capsys.readouterr().out)
    assert "experts/python" not in shown
    assert "gate:" not in shown
    Run(recipe)()
    results = read_json(grown / "runs" / "grown" / "results.json")
    assert {"base", "experts", "expert:ruby", "moe", "linear", "arrow"} <= set(results["systems"])
    assert set(results["systems"]["moe"]["loss"]) == {"python", "java", "ruby"}
    assert (grown / "runs" / "grown" / "model" / "moesaic.json").exists()


def test_a_grown_model_is_exported_and_comes_back(grown, tmp_path):
    from moesaic.checkpoint.exchange.importing import import_export
    from moesaic.checkpoint.exchange.mixtral import export_mixtral

    model = read_model_folder(grown / "runs" / "grown")
    export_mixtral(model.path, tmp_path / "export", verify=True)
    import_export(tmp_path / "export", tmp_path / "back", None)
    back = read_model_folder(tmp_path / "back")
    assert back.names == model.names
    assert logits(back.path).equal(logits(model.path))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "name: the model in .* lies in this run's own folder.*name=toy-ruby"),
        (["name=x", "data.languages=[ruby,python,java]"], r"data.languages=\[python, java, ruby\]"),
        (["name=x", "data.languages=[python,ruby]"], r"data.languages=\[python, java, ruby\]"),
        (["name=x", "gate.top_k=2"], "gate.top_k: it is 2, but the model uses 1"),
        (["name=x", "gate.kind=softmax"], "gate.kind: it is softmax, but the model's gates are top_k"),
        (["name=x", "gate.anchor=true"], "gate.anchor: it is true, but the model has no anchor"),
        (["name=x", "grow.languages=[python,java,ruby]"], "all of the model's experts"),
        (["name=x", "grow.languages=[python]"], "the model has no expert of ruby"),
        (["name=x", "grow.languages=[go]"], "grow.languages names go"),
        (["name=x", "data.languages=[python,java]"], "name a further language"),
        (["name=x", "reward.rounds=1", "reward.max_new_tokens=8"], "reward.rounds is 1"),
        (["name=x", "compare=[moe_gates]"], "moe_gates"),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_says_what_to_change(grown, overrides, said):
    given = overrides if any("data.languages" in value for value in overrides) else [GROWN[0], *overrides]
    before = sorted((grown / "runs").iterdir())
    with pytest.raises(RecipeError, match=said):
        Run(load_growth(grown / "runs" / "toy", grown / "toy.yaml", given))(TO_THE_MODEL)
    assert [path for path in (grown / "runs").iterdir() if path not in before and any(path.iterdir())] == []


def test_languages_without_a_model_to_grow_are_refused(grown):
    with pytest.raises(RecipeError, match=r"has no effect without grow\.model"):
        load_recipe(grown / "toy.yaml", ["grow.languages=[java]"])
    with pytest.raises(RecipeError, match=r"grow\.languages: name the languages"):
        load_recipe(grown / "toy.yaml", ["grow.model=somewhere"])


def test_a_model_of_another_base_is_not_grown(grown, tmp_path):
    pico_base(tmp_path / "other", seed=3, max_position_embeddings=1024)
    overrides = [*GROWN, f"output={tmp_path}", f"base.model={tmp_path / 'other'}"]
    with pytest.raises(ModelError, match="the experts would be added to other weights"):
        Run(load_growth(grown / "runs" / "toy", grown / "toy.yaml", overrides))(TO_THE_MODEL)
    assert not (tmp_path / "grown" / "experts").exists()


def test_a_changed_model_grows_again_and_a_moved_one_does_not(grown, tmp_path):
    shutil.copytree(grown / "runs" / "grown", tmp_path / "grown")
    shutil.copytree(read_model_folder(grown / "runs" / "toy").path, tmp_path / "moved")
    options = [*GROWN, f"output={tmp_path}"]
    assert Run(load_growth(tmp_path / "moved", grown / "toy.yaml", options)).is_finished("compose")
    other = read_model_folder(grown / "runs" / "toy" / "compose").path  # its gates are not trained
    run = Run(load_growth(other, grown / "toy.yaml", options))
    assert run.is_finished("experts/ruby")
    assert not run.is_finished("compose")
    assert "the model of grow.model" in run.to_do()["compose"]


@pytest.mark.slow
def test_the_command_grows_drops_and_says_how(grown, tmp_path):
    shutil.copytree(grown / "runs" / "toy", tmp_path / "runs" / "toy")
    for name in ("base", "pairs", "own.jsonl", "toy.yaml"):
        (tmp_path / name).symlink_to(grown / name)
    options = [*GROWN, f"output={tmp_path / 'runs'}"]
    done = moesaic("grow", "runs/toy", "toy.yaml", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("grown/compose/model")
    assert "ruby (new): loss" in done.stderr
    done = moesaic("drop", "runs/grown", "dropped", "ruby", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "dropped"
    done = moesaic("drop", "runs/grown", "again", "rubi", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean ruby?" in done.stderr
    done = moesaic("grow", "nowhere", "toy.yaml", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere is not a model folder" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(2500)  # three processes, each of which may take its time on a busy machine
@pytest.mark.untraced
def test_killed_while_it_grows_it_ends_with_the_same_bytes(grown, tmp_path):
    def process(module: str, function: str, kill_after: int) -> subprocess.CompletedProcess[str]:
        overrides = [*GROWN, f"output={tmp_path}"]
        work = f"""
from moesaic.cli.growing import load_growth
from moesaic.pipeline.stages import Run
model, recipe = Path({str(grown / "runs" / "toy")!r}), Path({str(grown / "toy.yaml")!r})
Run(load_growth(model, recipe, {overrides!r}))({TO_THE_MODEL!r})
"""
        return run_killed(work, module, function, kill_after)

    for module, function, after in (
        ("moesaic.train.loop", "save_checkpoint", 2),  # in the new expert
        ("moesaic.train.growth", "save_model_folder", 1),  # the model is written, its stage not published
    ):
        assert process(module, function, after).returncode == -signal.SIGKILL
        assert not (tmp_path / "grown" / "compose").exists()
    last = process("moesaic.train.loop", "save_checkpoint", -1)
    assert last.returncode == 0, last.stderr
    assert "experts/ruby: finished earlier, skipped" in last.stderr
    whole, resumed = (read_model_folder(root / "grown").path for root in (grown / "runs", tmp_path))
    shutil.rmtree(tmp_path / "whole", ignore_errors=True)
    assert {name: digest for name, digest in model_files(resumed).items() if name != "README.md"} == {
        name: digest for name, digest in model_files(whole).items() if name != "README.md"
    }


@pytest.fixture
def anchored(grown, tmp_path, monkeypatch) -> list[str]:
    """A model with an anchor, and how it grows by Ruby with the base's answers in Ruby."""
    recipe = ["gate.anchor=true", "gate.gate_steps=0", "gate.joint_epochs=0", f"output={tmp_path}"]
    start = [*recipe, "experts.max_steps=1", "name=anchored"]
    Run(load_recipe(grown / "toy.yaml", start))(("data", "experts", "compose", "gate"))
    (source := tmp_path / "keep").mkdir()
    rows = [{"id": f"r/{n}", "text": f"Add {n}", "code": f"puts {n}\n"} for n in range(24)]
    write_json_lines(source / "ruby.jsonl", rows)

    def answer(_ranks, _model, prompt, prompts, *_words, **_options):
        text = "x = {n}\nwhile x > 1 do\n  x -= 1\nend\n```"
        return [
            Generation(prompt.tokenizer(text.format(n=n), add_special_tokens=False)["input_ids"], stopped=True)
            for n in range(len(prompts))
        ]

    monkeypatch.setattr("moesaic.pipeline.keep.generate_together", answer)
    return [*GROWN, *recipe, f"data.keep={source}", "experts.epochs=4"]


def test_a_fit_is_chosen_by_programs_and_the_answers_of_the_base(anchored, grown, tmp_path, capsys):
    Run(load_growth(tmp_path / "anchored", grown / "toy.yaml", anchored))(TO_THE_MODEL)
    growth = read_json(tmp_path / "grown" / "compose" / GROWTH)
    ruby = growth["against_base"]["ruby"]
    assert ruby["answers"] == 3
    assert set(ruby["fits"]) == {"base", "expert"}
    sums = {name: losses["programs"] + losses["answers"] for name, losses in ruby["fits"].items()}
    assert ruby["preferred"] == min(sums, key=sums.get)
    assert ruby["grown"] == ruby["fits"][ruby["preferred"]]
    assert ruby["grown"]["programs"] < ruby["base"]["programs"]
    assert growth["programs"]["base"] == 0  # answers in the new language are no anchor's yet
    assert "of the base's own answers" in capsys.readouterr().err


def test_what_the_base_does_better_is_said(anchored, grown, tmp_path, capsys):
    """Of programs every rise counts, of answers one above ``keep.tolerance``."""
    run = Run(load_growth(tmp_path / "anchored", grown / "toy.yaml", [*anchored, "experts.max_steps=1"]))
    run(TO_THE_MODEL)
    growth = read_json(tmp_path / "grown" / "compose" / GROWTH)["against_base"]["ruby"]
    rose = growth["grown"]["answers"] - growth["base"]["answers"]
    found = NewLanguage("base", Losses(1.0, 0.30), Losses(0.9, 0.33), {}, 3)
    assert found.worse(0.05) is None
    assert found.worse(0.02) == "0.3300 on the base's own answers (base 0.3000)"
    both = NewLanguage("base", Losses(1.0, 0.30), Losses(1.1, 0.33), {}, 3)
    assert both.worse(0.02) == "1.1000 on its programs (base 1.0000) and 0.3300 on the base's own answers (base 0.3000)"
    assert ("ruby does worse than the base" in capsys.readouterr().err) is (rose > 0.02)


def test_the_first_fit_leaves_answers_to_the_base(anchored, grown, tmp_path):
    run = Run(load_growth(tmp_path / "anchored", grown / "toy.yaml", anchored))
    run(TO_THE_MODEL)
    start = read_model_folder(tmp_path / "anchored")
    gates = Gates(tuple(start.read_experts()), start.read_router(), start.kind, start.top_k)
    expert = read_adapter(run.workspace.path("experts/ruby"), "ruby")
    programs = {name: run.encoded("train", (name,)) for name in ("python", "java", "ruby")}
    answers = [run.prompt.encode(example) for example in run.kept_examples("train")["ruby"]]
    fits = fit_rows(run.accelerator, run.base, gates, expert, programs, answers, 512)
    shares = {}
    for preferred, rows in fits.items():
        grown_gates = gates.joined_by(expert, rows.rows_LD)
        assert len(rows.margins_L) == len(rows.rows_LD) == 2
        shares[preferred] = {}
        with composed(run.base, grown_gates) as model, record_routing(model) as routings:
            for name, examples in (("answers", answers), ("programs", programs["ruby"])):
                example_losses(model, examples, ["ruby"], 4096)
                chosen = [(routing.experts_TK == 2).float().mean() for routing in routings.values()]
                shares[preferred][name] = float(torch.stack(chosen).mean())
    assert shares["base"]["answers"] < shares["expert"]["answers"] - 0.1
    assert shares["expert"]["programs"] > 0.5
    assert set(fit_rows(run.accelerator, run.base, gates, expert, programs, (), 512)) == {"expert"}
