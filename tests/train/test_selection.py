"""Programs that decide between the states of a training, instead of its loss."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from training_data import LANGUAGES, toy_examples

from moesaic.codebleu import codebleu
from moesaic.codebleu.rewards import CodeBleuScores
from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.gates import ANCHOR
from moesaic.model.backbone import load_base
from moesaic.model.decode.generate import generate
from moesaic.model.moe import compose
from moesaic.progress import read_metrics
from moesaic.recipe import ExpertsRecipe, GateRecipe, KeepRecipe, PredictRecipe, load_recipe
from moesaic.train import selection
from moesaic.train.experts import train_adapter
from moesaic.train.gate import train_gate
from moesaic.train.injection import put_in
from moesaic.train.objective import Kept
from moesaic.train.sampler import Sampler
from moesaic.train.samples import tasks_of
from moesaic.train.selection import Programs
from pico import pico_base, pico_llama, pico_tokenizer, random_experts, random_gates

PROMPT = PromptFormat(pico_tokenizer(chat=False))
OPTIONS = PredictRecipe(max_new_tokens=6, batch_size=8)


def tasks(count=3):
    return tasks_of([Example(f"{n}-{i}", n, "a task", "x = 1\n") for n in LANGUAGES for i in range(count)], PROMPT)


@pytest.fixture
def ended(monkeypatch):
    """Greedy programs of a pico model do not end; here all do."""
    written = Sampler.write

    def write(*args, **kwargs):
        generations, speed = written(*args, **kwargs)
        return [replace(generation, stopped=True) for generation in generations], speed

    monkeypatch.setattr(Sampler, "write", write)


def scripted(*scores):
    """What scores programs: all of the first validation with the first score, and so on."""
    left = iter(scores)
    return lambda programs: [next(left)] * len(programs)


def train_toy_gate(folder, programs, kept=None):
    model = pico_llama().requires_grad_(False)
    compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 1, dtype=torch.float32)
    options = GateRecipe(
        row_tokens=400, gate_steps=4, joint_epochs=2, evaluations=2, joint_learning_rate=1e-2, select="codebleu"
    )
    folder.mkdir()
    parts = (Accelerator(cpu=True), model, toy_examples(8), toy_examples(4, 9), LANGUAGES, options, 0, folder)
    return train_gate(*parts, kept, programs)


@pytest.mark.usefixtures("ended")
def test_the_state_with_the_best_programs_is_kept_whatever_its_loss(tmp_path):
    # Gates: before, half-way, end; the joint stretch likewise.
    programs = Programs(PROMPT, tasks(), OPTIONS, scripted(0.2, 0.3, 0.1, 0.3, 0.6, 0.5))
    result = train_toy_gate(tmp_path / "a", programs)
    (_, _), (middle, _), (end, _) = result.joint.history
    assert [loss for _, loss in result.gates.history] == pytest.approx([0.8, 0.7, 0.9])
    assert (result.joint.best_step, result.joint.best_loss) == (middle, pytest.approx(0.4))
    validations = [row for row in read_metrics(tmp_path / "a" / "joint" / "metrics.jsonl") if "validation_loss" in row]
    assert [row["validation_codebleu"] for row in validations] == [0.3, 0.6, 0.5]
    losses = [row["validation_loss"] for row in validations]
    assert losses[2] < losses[1]  # by the loss, the end would have been kept
    assert [row["step"] for row in validations] == [0, middle, end]
    assert [row["validation_ended"] for row in validations] == [1, 1, 1]


@pytest.mark.usefixtures("ended")
def test_the_distance_from_kept_answers_counts_beside_the_programs(tmp_path):
    answers = [replace(example, language=ANCHOR) for example in toy_examples(4, 3, LANGUAGES[:1])]
    kept = Kept(answers, answers, KeepRecipe(loss="kl", weight=2.0), [LANGUAGES[0]] * 4)
    programs = Programs(PROMPT, tasks(), OPTIONS, scripted(*[0.5] * 6))
    result = train_toy_gate(tmp_path / "a", programs, kept)
    for stretch, history in (("gates", result.gates.history), ("joint", result.joint.history)):
        rows = [r for r in read_metrics(tmp_path / "a" / stretch / "metrics.jsonl") if "validation_loss" in r]
        assert [loss for _, loss in history] == pytest.approx([0.5 + 2 * row["validation_answers"] for row in rows])


@pytest.mark.usefixtures("ended")
def test_an_adapter_is_selected_by_its_programs_too(tmp_path):
    base = load_base(str(pico_base(tmp_path / "base", chat=False)), dtype="float32")
    programs = Programs(PROMPT, tasks(), OPTIONS, scripted(0.2, 0.7, 0.4))
    options = ExpertsRecipe(rank=2, epochs=2, row_tokens=400, evaluations=2, learning_rate=1e-2, select="codebleu")
    (tmp_path / "dense").mkdir()
    data = (toy_examples(8), toy_examples(4, 9), LANGUAGES)
    parts = (Accelerator(cpu=True), base, "dense_lora", *data, options, 0, tmp_path / "dense")
    result = train_adapter(*parts, programs=programs)
    assert result.best_step == result.history[1][0]
    assert result.best_loss == pytest.approx(0.3)


@pytest.mark.parametrize("kind", ["composed", "adapted", "composed and adapted"])
def test_the_sampler_writes_what_the_state_in_training_writes(kind):
    model = pico_llama().requires_grad_(False).eval()
    if "composed" in kind:
        compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 1, dtype=torch.float32)
    if "adapted" in kind:
        put_in(model, 4)
    options = SimpleNamespace(max_new_tokens=12, batch_size=8, compile=False)
    sampler = Sampler(model, PROMPT, options)
    before, _ = sampler.write(tasks(), 0.0, 0)
    if "composed" in kind:
        random_gates(model)
    for seed, (name, parameter) in enumerate(model.named_parameters()):
        if ".lora_" in name or "_PER" in name:
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(seed))
    after, _ = sampler.write(tasks(), 0.0, 0)
    wanted = generate(
        model, [task.prompt_ids for task in tasks()], max_new_tokens=12, stop_ids=PROMPT.stop_ids, temperature=0.0
    )
    assert [generation.ids for generation in after] == [generation.ids for generation in wanted]
    assert [generation.ids for generation in after] != [generation.ids for generation in before]


def test_what_decides_is_the_codebleu_of_what_was_written(monkeypatch):
    model = pico_llama().requires_grad_(False)
    compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 1, dtype=torch.float32)
    texts = ["x = 1\n", "y = (\n", "x = 2\n", "int x = 1;\n", "int x = 1;\n", "int y = 2;\n"]
    stops = [True, True, True, True, False, True]
    generations = [
        SimpleNamespace(ids=PROMPT.tokenizer.encode(text, add_special_tokens=False), stopped=stop)
        for text, stop in zip(texts, stops, strict=True)
    ]
    monkeypatch.setattr(selection.Sampler, "write", lambda *_: (generations, 1.0))
    with CodeBleuScores(1) as score:
        validate = Programs(PROMPT, tasks(), OPTIONS, score).deciding(model, lambda: {"loss": 3.0}, 1.0)
        facts = validate()
    python = [1.0, 0.0, codebleu(["x = 2\n"], [["x = 1\n"]], "python").codebleu]
    java = [codebleu([texts[3]], [["x = 1\n"]], "java").codebleu, 0.0]
    java.append(codebleu([texts[5]], [["x = 1\n"]], "java").codebleu)
    mean = (sum(python) / 3 + sum(java) / 3) / 2
    assert facts["codebleu"] == pytest.approx(mean)
    assert facts["decides"] == pytest.approx(1 - mean)
    assert (facts["loss"], facts["ended"], facts["parses"]) == (3.0, pytest.approx(5 / 6), pytest.approx(4 / 6))


def test_a_recipe_says_what_decides(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("base: {model: x}\ndata: {source: y}\n")
    recipe = load_recipe(path)
    assert recipe.gate.select == recipe.experts.select == "loss"
    assert all(n == 100 for n in itertools.chain([recipe.gate.select_programs, recipe.experts.select_programs]))
