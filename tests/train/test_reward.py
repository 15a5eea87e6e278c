"""Training on rewards: what a round is made of, that rewards rise, that nothing gets worse, and exact resume."""

from __future__ import annotations

import itertools
import signal
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from training_data import LANGUAGES

from killing import run_killed
from moesaic.codebleu import codebleu
from moesaic.codebleu.rewards import CodeBleuScores
from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.errors import MoesaicError, RecipeError
from moesaic.execution.problems import Problem
from moesaic.execution.rewards import Verdict
from moesaic.execution.sandbox import Status
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import Generation
from moesaic.model.moe import compose, force_base
from moesaic.progress import read_metrics
from moesaic.recipe import KeepRecipe, RewardRecipe, load_recipe
from moesaic.train.judges import codebleu_judge, judged_part, passing_judge
from moesaic.train.objective import Kept, Teacher
from moesaic.train.resume import CHECKPOINT
from moesaic.train.reward import train_reward
from moesaic.train.rounds import RewardRounds
from moesaic.train.sampler import Sampler
from moesaic.train.samples import (
    Judgement,
    Measure,
    Sample,
    Samples,
    advantages,
    document,
    drawn,
    problem_tasks,
    tasks_of,
    weighted_documents,
)
from moesaic.train.trainable import trainable_parameters
from pico import pico_llama, pico_tokenizer, random_experts, random_gates

PROMPT = PromptFormat(pico_tokenizer())
OPTIONS = RewardRecipe(
    rounds=2, prompts=4, samples=4, steps=2, max_new_tokens=12, row_tokens=256, batch_size=16, validation_programs=2,
    learning_rate=1e-2, checkpoint_minutes=0, workers=1,
)  # fmt: skip


def composed(dtype=torch.float32):
    model = pico_llama().requires_grad_(False).to(dtype)
    compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 2, dtype=torch.float32)
    random_gates(model)
    return model


def examples(count=4):
    codes = {"python": "x = {n}\n", "java": "int x = {n};\n"}
    return [
        Example(f"{language}-{n}", language, f"task {n}", codes[language].format(n=n))
        for language in LANGUAGES
        for n in range(count)
    ]


def letters(programs):
    """A reward that a pico model can learn: the share of letters."""
    return [sum(c.isascii() and c.isalpha() for c in program) / max(1, len(program)) for program, *_ in programs]


def measure_of(score=letters, training=None, validation=None, name="codebleu", weight=1.0):
    training, validation = (tasks_of(own or examples(), PROMPT) for own in (training, validation))
    return Measure(name, training, validation, codebleu_judge(PROMPT, score), weight)


def train_toy(
    model, folder, score=letters, seed=0, teacher=None, measures=None, max_tokens=256, accelerator=None, **options
):
    folder.mkdir(exist_ok=True)
    settings = OPTIONS.model_copy(update=options)
    measures = measures or [measure_of(score, validation=examples(2))]
    programs = [PROMPT.encode(example) for example in examples(2)]
    return train_reward(
        accelerator or Accelerator(cpu=True), model, PROMPT, trainable_parameters(model), measures, programs, LANGUAGES,
        settings, max_tokens, seed, folder, teacher,
    )  # fmt: skip


def listened(model, **options):
    """A teacher for answers that no language has, as if they were the base's."""
    base = [t.reference for t in tasks_of(examples(3), PROMPT) if t.language == "python"]
    answers = [replace(e, ids=[(3 * i + 100) % 250 for i in e.ids], language="base") for e in base]
    return Teacher.listen(model, Kept(answers, answers[:2], KeepRecipe(**options)), 256, Accelerator(cpu=True).autocast)


def state(model):
    return {name: parameter.detach().clone() for name, parameter in trainable_parameters(model).items()}


def all_end(monkeypatch):
    """Lets every text count as one that ended: a pico model hardly ever writes the one token that ends it."""
    original = Sampler.write

    def write(self, *arguments):
        written, speed = original(self, *arguments)
        return [replace(generation, stopped=True) for generation in written], speed

    monkeypatch.setattr(Sampler, "write", write)


REWARDS = st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5)


@given(REWARDS)
def test_advantages_are_those_of_a_naive_loop(rows):
    found = advantages(torch.tensor(rows, dtype=torch.double))
    naive = torch.tensor(
        [[row[i] - sum(row[:i] + row[i + 1 :]) / 2 for i in range(3)] for row in rows], dtype=torch.double
    )
    if naive.std() > 1e-5:
        torch.testing.assert_close(found, naive / naive.std(), rtol=1e-6, atol=1e-6)
        assert float(found.std()) == pytest.approx(1.0)
    assert found.sum(dim=1).abs().max() < 1e-6


@given(REWARDS, st.floats(-10, 10))
def test_a_constant_on_a_tasks_rewards_changes_no_advantage(rows, constant):
    rewards = torch.tensor(rows, dtype=torch.double)
    if advantages(rewards).any() and advantages(rewards + constant).any():
        torch.testing.assert_close(advantages(rewards + constant), advantages(rewards), rtol=1e-5, atol=1e-5)


def test_equal_rewards_say_nothing():
    assert not advantages(torch.full((3, 4), 0.1, dtype=torch.double)).any()
    assert not advantages(torch.tensor([[0.2, 0.2], [0.7, 0.7]])).any()


def test_each_task_comes_once_before_any_comes_twice():
    places = [place for number in (1, 2, 3, 4) for place in drawn(7, 5, seed=3, number=number)]
    assert sorted(places[:7]) == sorted(places[7:14]) == list(range(7))
    assert places[:7] != places[7:14]
    assert set(Counter(places).values()) == {2, 3}
    assert drawn(7, 5, seed=3, number=2) == places[5:10]
    assert drawn(7, 5, seed=4, number=1) != places[:5]


def reward_rounds(accelerator, model, options, teacher=None, measures=None):
    sampler, measures = Sampler(model, PROMPT, options), measures or [measure_of()]
    programs = [task.reference for task in measures[0].validation]
    return RewardRounds(accelerator, model, sampler, measures, programs, LANGUAGES, options, seed=0, teacher=teacher)


def sampled(model, options, count=4):
    """Programs with rewards and ends that differ, whatever the model wrote."""
    tasks = [task for task in tasks_of(examples()[:count], PROMPT) for _ in range(options.samples)]
    written, _ = Sampler(model, PROMPT, options).write(tasks, options.temperature, seed=1)
    return [
        Sample(task, replace(generation, stopped=i % 2 == 0), Judgement((7 * i % 5) / 5, True, 0.0))
        for i, (task, generation) in enumerate(zip(tasks, written, strict=True))
    ]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_gradient_is_that_of_each_document_by_itself(temperature):
    options = OPTIONS.model_copy(update={"temperature": temperature})
    model = composed()
    samples = sampled(model, options)
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    stop = PROMPT.stop_ids[0]
    rounds = reward_rounds(Accelerator(cpu=True), model, options)
    rows = rounds.rows([samples], number=1)
    assert len(rows) > 1
    loss = rounds.add_gradients(rows)
    found = {name: parameter.grad.clone() for name, parameter in parameters.items()}
    model.zero_grad()

    rewards = torch.tensor([sample.reward for sample in samples]).view(-1, options.samples)
    own = advantages(rewards).flatten().tolist()
    naive = []
    for sample, weight in zip(samples, own, strict=True):
        prompt = sample.task.prompt_ids
        ids = prompt + sample.generation.ids + ([stop] if sample.generation.stopped else [])
        naive.append((ids, len(prompt), weight, temperature))
    for sample in samples[:: options.samples]:
        task = sample.task
        naive.append((task.reference.ids, len(task.prompt_ids), options.likelihood * options.samples, 1.0))
    total, summed = sum(len(ids) - start for ids, start, *_ in naive), torch.zeros(())
    for ids, start, weight, heat in naive:
        logits = model(torch.tensor([ids])).logits[0, start - 1 : -1] / heat
        summed = summed + weight * functional.cross_entropy(logits, torch.tensor(ids[start:]), reduction="sum")
    (summed / total).backward()
    assert loss == pytest.approx(summed.item() / total, rel=1e-4)
    for name, parameter in parameters.items():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("loss", ["likelihood", "kl"])
def test_answers_to_be_kept_add_their_own_loss_and_nothing_else(loss):
    options = OPTIONS.model_copy(update={"likelihood": 0.0})
    model = composed()
    samples = sampled(model, options)
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    teacher = listened(model, loss=loss, weight=0.3, share=0.4)  # 3 answers beside 4 tasks: all there are

    def summed(with_answers):
        rounds = reward_rounds(Accelerator(cpu=True), model, options, teacher if with_answers else None)
        rows = rounds.rows([samples], number=1)
        model.zero_grad()
        tokens = sum(row.num_labels for row in rows)
        return rounds.add_gradients(rows) * tokens, tokens, [p.grad * tokens for p in parameters.values()]

    (whole, more, gradients), (alone, fewer, others) = summed(True), summed(False)
    model.zero_grad()
    answers = teacher.kept.training
    assert more - fewer == sum(len(answer.ids) - answer.num_prompt_tokens for answer in answers)
    naive = torch.zeros(())
    for answer in answers:
        places = slice(answer.num_prompt_tokens - 1, -1)
        ours = model(torch.tensor([answer.ids])).logits[0, places].log_softmax(-1)
        if loss == "likelihood":
            labels = torch.tensor(answer.ids[answer.num_prompt_tokens :])
            naive = naive + functional.nll_loss(ours, labels, reduction="sum")
        else:
            with torch.no_grad(), force_base(model):
                base = model(torch.tensor([answer.ids])).logits[0, places].log_softmax(-1)
            naive = naive + (base.exp() * (base - ours)).sum()
    (0.3 * options.samples * naive).backward()
    assert whole - alone == pytest.approx(0.3 * options.samples * naive.item(), rel=1e-3)
    for found, other, parameter in zip(gradients, others, parameters.values(), strict=True):
        torch.testing.assert_close(found - other, parameter.grad, rtol=1e-3, atol=2e-3)


def test_every_answer_comes_once_before_any_comes_twice():
    model = composed()
    teacher = listened(model, share=0.2)  # 1 answer beside 4 tasks
    rounds = reward_rounds(Accelerator(cpu=True), model, OPTIONS, teacher)
    samples = sampled(model, OPTIONS)
    seen = []
    for number in (1, 2, 3):
        documents = [ids for row in rounds.rows([samples], number) for ids in documents_of(row.batch)]
        seen += [tuple(a.ids) for a in teacher.kept.training if a.ids in documents]
    assert sorted(seen) == sorted(tuple(answer.ids) for answer in teacher.kept.training)


def documents_of(batch):
    bounds = batch.cu_seqlens_D1.tolist()
    return [batch.input_ids_1T[0, start:end].tolist() for start, end in itertools.pairwise(bounds)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_training_passes_survive_the_sampling_in_between():
    model = composed().cuda()
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    sampler = Sampler(model, PROMPT, OPTIONS)
    tasks = [task for task in tasks_of(examples(), PROMPT) for _ in range(OPTIONS.samples)]
    eager, captured = (
        reward_rounds(Accelerator(), model, OPTIONS.model_copy(update={"compile": wanted})) for wanted in (False, True)
    )
    for number in (1, 2, 3):
        written, _ = sampler.write(tasks, 1.0, seed=number)
        # Hardly any of these programs ends and has a reward of its own.
        pairs = enumerate(zip(tasks, written, strict=True))
        programs = [Sample(*pair, Judgement((7 * i % 5) / 5, True, 0.0)) for i, pair in pairs]
        gradients = []
        for rounds in (eager, captured):
            rounds.add_gradients(rounds.rows([programs], number))
            gradients.append([parameter.grad.clone() for parameter in parameters.values()])
            for parameter in parameters.values():
                parameter.grad.zero_()
        for one, other in zip(*gradients, strict=True):
            assert torch.allclose(one, other, atol=1e-3, rtol=1e-3)
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.mul_(1.1)


def test_without_a_likelihood_there_are_no_references():
    options = OPTIONS.model_copy(update={"likelihood": 0.0})
    samples = sampled(composed(), options)
    documents = weighted_documents(samples, options, PROMPT.stop_ids[0])
    assert len(documents.encoded) == len(documents.weights) == len(samples)


def test_tasks_that_all_or_none_solve_are_left_out_with_all_their_programs():
    samples = sampled(composed(), OPTIONS)
    rewards = [1.0] * 4 + [0.0] * 4 + [1.0, 0.0, 0.0, 0.0] + [0.5] * 4
    judged = [replace(s, judgement=Judgement(r, True, r)) for s, r in zip(samples, rewards, strict=True)]
    options = OPTIONS.model_copy(update={"likelihood": 0.0})
    documents = weighted_documents(judged, options, PROMPT.stop_ids[0], weight=2.0)
    assert [document.ids for document in documents.encoded] == [
        s.document(PROMPT.stop_ids[0]).ids for s in judged[8:12]
    ]
    assert documents.weights.std() == pytest.approx(2.0)
    assert documents.weights[0] > 0 > documents.weights[1]
    nothing = weighted_documents(judged[:8], options, PROMPT.stop_ids[0])
    assert nothing.encoded == []
    facts = reward_rounds(Accelerator(cpu=True), composed(), OPTIONS)._told([judged])
    assert (facts["all_solved"], facts["none_solved"]) == (1, 2)


def test_the_sampler_shares_the_base_and_follows_what_is_trained():
    model = composed(torch.bfloat16)
    sampler = Sampler(model, PROMPT, OPTIONS)
    parameters, copies = dict(model.named_parameters()), dict(sampler.model.named_parameters())
    trained = trainable_parameters(model)
    assert parameters.keys() == copies.keys()
    for name, parameter in parameters.items():
        is_shared = parameter.data_ptr() == copies[name].data_ptr()
        assert is_shared == (name not in trained), name
        if name in trained:
            assert copies[name].dtype == (torch.float32 if "router" in name else torch.bfloat16)
    addresses = {name: copies[name].data_ptr() for name in trained}
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.5)
    sampler.follow()
    for name, parameter in trained.items():
        assert torch.equal(copies[name], parameter.to(copies[name].dtype)), name
        assert copies[name].data_ptr() == addresses[name]
    assert not any(copies[name].requires_grad for name in trained)


def test_programs_that_do_not_end_or_parse_have_no_reward():
    measure = measure_of(CodeBleuScores(1), [Example("1", "python", "Set x", "x = 1\ny = x\n")])
    texts = [("x = 1\ny = x\n```", True), ("x = 1\ny = x\n```", False), ("x = = 1\n```", True), ("", True)]
    generations = [Generation(PROMPT.code_ids(text), [], stopped) for text, stopped in texts]
    judged = measure.judgements(measure.training * len(texts), generations, PROMPT)
    assert [judgement.reward for judgement in judged] == [1.0, 0.0, 0.0, 0.0]
    assert [judgement.parses for judgement in judged] == [True, False, False, False]


def returning_one(programs):
    return [Verdict(Status.PASSED if "return 1" in program else Status.WRONG, 0.0) for _, program in programs]


def test_tests_judge_the_definition_that_the_prompt_began_whether_or_not_the_text_ended():
    problem = Problem("one", "python", prompt="def one():\n", test="assert one() == 1")
    tasks = problem_tasks([problem] * 3, PROMPT)
    measure = Measure("tests", tasks, tasks, passing_judge(returning_one, 0.0), part=judged_part)
    texts = [("\n    return 1\n```", True), ("\n    return 1\n\n\ndef more", False), ("\n    return 2\n", False)]
    generations = [Generation(PROMPT.code_ids(text), [], stopped) for text, stopped in texts]
    parts = measure.parts(tasks, generations, PROMPT)
    assert [PROMPT.decode(part.ids) for part in parts] == [texts[0][0], "\n    return 1\n", texts[2][0]]
    assert [part.stopped for part in parts] == [True, False, False]
    trained = measure.judgements(tasks, parts, PROMPT)
    deciding = measure.judgements(tasks, generations, PROMPT, deciding=True)
    assert [judgement.reward for judgement in trained] == [1.0, 1.0, 0.0]
    assert [judgement.score for judgement in trained] == [judgement.score for judgement in deciding] == [1.0, 1.0, 0.0]
    assert trained == deciding
    assert [judgement.parses for judgement in deciding] == [True, True, True], "what is judged compiles, ended or not"
    stop = PROMPT.stop_ids[0]
    assert [document(*pair, stop).ids[-1] == stop for pair in zip(tasks, parts, strict=True)] == [True, False, False]


def test_a_program_for_a_task_in_words_has_to_end():
    """Nothing else says where it ends, and a model that is rewarded for what it began would unlearn to end it."""
    problem = Problem("one", "python", prompt="", test="assert one() == 1", text="Return one")
    tasks = problem_tasks([problem] * 2, PROMPT)
    measure = Measure("tests", tasks, tasks, passing_judge(returning_one, 0.0), part=judged_part)
    ids = PROMPT.code_ids("def one():\n    return 1\n```\nThis returns one.")
    texts = [Generation(ids, [], stopped) for stopped in (True, False)]
    parts = measure.parts(tasks, texts, PROMPT)
    assert parts == texts
    assert [judgement.reward for judgement in measure.judgements(tasks, parts, PROMPT)] == [1.0, 0.0]
    deciding = measure.judgements(tasks, texts, PROMPT, deciding=True)
    assert [(j.reward, j.score, j.parses) for j in deciding] == [(1.0, 1.0, True), (0.0, 1.0, True)]


@pytest.mark.parametrize("ending", ["", "\n", "\n```", "\n```\n"])
def test_an_answer_with_nothing_behind_the_definition_is_trained_to_its_end(ending):
    (task,) = problem_tasks([Problem("one", "cpp", prompt="int one() {\n", test="")], PROMPT)
    text = Generation(PROMPT.code_ids("\n  return 1;\n}" + ending), [], True)
    assert judged_part(task, text, PROMPT) is text


def test_a_part_ends_with_the_token_that_leaves_the_definition():
    """Its tokens are the first ones of the text, and the one before the last ends the definition."""
    (task,) = problem_tasks([Problem("one", "cpp", prompt="int one() {\n", test="")], PROMPT)
    own, more = "  // \u00e9\U0001f600\n  return 1;\n}", "\n\nint main() { return one(); }\n```\nAn explanation."
    text = Generation(PROMPT.code_ids(own + more), [0.5] * len(PROMPT.code_ids(own + more)), True)
    part = judged_part(task, text, PROMPT)
    assert part.ids == text.ids[: len(part.ids)]
    assert len(part.logprobs) == len(part.ids)
    assert not part.stopped
    assert PROMPT.decode(part.ids[:-1]).startswith(own)
    assert not PROMPT.decode(part.ids[:-2]).startswith(own)


def test_an_answer_without_a_definition_has_a_part_all_the_same():
    """A document without a token to train on has no loss to divide."""
    (task,) = problem_tasks([Problem("one", "cpp", prompt="int one() {", test="")], PROMPT)
    ids = PROMPT.code_ids("\n```\nThere is nothing to do.")
    assert judged_part(task, Generation(ids), PROMPT).ids == ids[:1]


def test_a_program_is_judged_with_the_beginning_that_its_prompt_gave():
    seen = []

    def score(programs):
        seen.extend(programs)
        return [1.0] * len(programs)

    example = Example("1", "python", "", "def f():\n    return 1\n", opening="def f():\n")
    measure = measure_of(score, [example])
    (task,) = measure.training
    rest = task.reference.ids[len(task.prompt_ids) : len(task.prompt_ids) + task.reference.num_code_tokens]
    measure.judgements([task], [Generation(rest, [], True)], PROMPT)
    assert seen == [(example.code, example.code, "python")]


def test_documents_carry_the_end_only_where_the_model_wrote_one():
    task = tasks_of(examples(1), PROMPT)[0]
    documents = [
        Sample(task, Generation([5, 6], [], stopped), Judgement(0.0, False, 0.0)).document(PROMPT.stop_ids[0])
        for stopped in (True, False)
    ]
    assert documents[0].ids == [*task.prompt_ids, 5, 6, PROMPT.stop_ids[0]]
    assert documents[1].ids == [*task.prompt_ids, 5, 6]
    assert all(document.num_prompt_tokens == len(task.prompt_ids) for document in documents)


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_are_strict_codebleu_in_any_number_of_processes(workers):
    pairs = [(f"x = {n}\n", "x = 1\nprint(x)\n", "python") for n in range(20)] + [("x = (", "x = 1\n", "python")]
    expected = codebleu([p for p, *_ in pairs[:-1]], [r for _, r, _ in pairs[:-1]], "python")
    with CodeBleuScores(workers) as score:
        assert score([]) == []
        found = score(pairs)
    assert found == [*(row.codebleu for row in expected.rows), None]


@pytest.mark.slow
def test_the_mean_reward_rises_and_the_best_state_is_left(tmp_path, monkeypatch):
    all_end(monkeypatch)
    model = composed()
    before = {n: p.clone() for n, p in model.named_parameters() if n not in trainable_parameters(model)}
    result = train_toy(model, tmp_path / "a", rounds=12, prompts=8, samples=8, likelihood=0.0, learning_rate=5e-2)
    rewards = [row["reward"] for row in read_metrics(tmp_path / "a" / "metrics.jsonl") if "reward" in row]
    assert len(rewards) == 12
    assert sum(rewards[-2:]) / 2 > 1.5 * rewards[0]
    assert result.best_round > 0
    assert result.best_reward == max(entry["reward"] for entry in result.history) > result.history[0]["reward"]
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters() if n in before)
    assert not (tmp_path / "a" / CHECKPOINT).exists()


def passing(programs):
    """Verdicts that a pico model can earn: more than a third of a program's characters are letters."""
    return [1.0 if share > 0.34 else 0.0 for share in letters(programs)]


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [False, True])
def test_rewards_of_nothing_or_all_are_learnt_from_too(tmp_path, monkeypatch, overlap):
    all_end(monkeypatch)
    options = {"rounds": 12, "prompts": 8, "samples": 8, "likelihood": 0.0, "learning_rate": 5e-2}
    train_toy(composed(), tmp_path / "a", passing, overlap=overlap, **options)
    rows = [row for row in read_metrics(tmp_path / "a" / "metrics.jsonl") if "reward" in row]
    assert len(rows) == 12
    assert sum(row["reward"] for row in rows[-3:]) > 1.5 * sum(row["reward"] for row in rows[:3])
    assert all(0 <= row["idle"] <= 1 and row["all_solved"] + row["none_solved"] <= 8 for row in rows)


def test_two_measures_share_a_round_and_are_added_by_weight(tmp_path, monkeypatch):
    all_end(monkeypatch)
    ones, halves = (lambda programs, value=value: [value] * len(programs) for value in (1.0, 0.5))
    measures = [measure_of(halves, weight=3.0), measure_of(ones, name="tests")]
    result = train_toy(composed(), tmp_path / "a", measures=measures, rounds=1, evaluations=1, prompts=3)
    assert result.best_reward == pytest.approx((3 * 0.5 + 1.0) / 4)
    (round_,) = [row for row in read_metrics(tmp_path / "a" / "metrics.jsonl") if "rate" in row]
    assert (round_["reward_codebleu"], round_["reward_tests"]) == (0.5, 1.0)
    assert round_["reward"] == pytest.approx((3 * 0.5 + 1.0) / 4)
    assert (round_["all_solved"], round_["none_solved"]) == (2, 1)  # of three tasks, one is CodeBLEU's
    assert result.history[0]["reward_tests"] == 1.0


def test_a_round_that_teaches_nothing_changes_nothing(tmp_path, monkeypatch):
    all_end(monkeypatch)
    model = composed()
    before = state(model)
    result = train_toy(model, tmp_path / "a", lambda programs: [1.0] * len(programs), likelihood=0.0)
    assert result.rounds == 2
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())
    assert [row["grad_norm"] for row in read_metrics(tmp_path / "a" / "metrics.jsonl") if "rate" in row] == [0.0, 0.0]


def test_what_is_written_ahead_is_of_the_weights_before_the_training(tmp_path, monkeypatch):
    all_end(monkeypatch)
    model = composed()
    for parameter in trainable_parameters(model).values():
        parameter.requires_grad_(True)
    rounds = reward_rounds(Accelerator(cpu=True), model, OPTIONS.model_copy(update={"overlap": True}))
    rounds.history.append({"reward": 0.0})

    class Still:
        rate = 0.0

        def __call__(self):
            with torch.no_grad():
                for parameter in trainable_parameters(model).values():
                    parameter.add_(0.1)
                    parameter.grad = None
            return torch.zeros(())

    rounds.take(1, Still(), False)
    ahead = rounds.state_dict()["ahead"]
    (written,) = rounds._ahead.generations
    tasks = rounds._tasks(rounds._ahead.places)[0]
    now = rounds.losses(tasks, written)
    old = [torch.tensor(losses) for losses in ahead["old_losses"][0]]
    assert any(not torch.allclose(*pair, atol=1e-3) for pair in zip(old, now, strict=True))
    again = reward_rounds(Accelerator(cpu=True), composed(), OPTIONS.model_copy(update={"overlap": True}))
    again.load_state_dict(rounds.state_dict())
    assert again.state_dict() == rounds.state_dict()
    ((found,), _), ((expected,), _) = (r._ahead.verdicts.result() for r in (again, rounds))
    assert [s.reward for s in found] == [s.reward for s in expected]
    rounds.take(2, Still(), True)
    assert rounds.state_dict()["ahead"] is None
    rounds.close()
    again.close()


def test_off_policy_at_equal_weights_is_on_policy(monkeypatch):
    """The ratio is 1, so the clipped surrogate has the gradient of REINFORCE; later it has that of a naive loop."""
    model = composed()
    samples = sampled(model, OPTIONS)
    parameters = trainable_parameters(model)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    rounds = reward_rounds(Accelerator(cpu=True), model, OPTIONS)
    losses = rounds.losses([s.task for s in samples], [s.generation for s in samples])
    behind = [replace(sample, old_losses=own) for sample, own in zip(samples, losses, strict=True)]

    def gradients(programs):
        model.zero_grad()
        rounds.add_gradients(rounds.rows([programs], number=1))
        return {name: parameter.grad.clone() for name, parameter in parameters.items()}

    plain, corrected = gradients(samples), gradients(behind)
    for name, gradient in plain.items():
        torch.testing.assert_close(corrected[name], gradient, rtol=1e-3, atol=1e-5)

    with torch.no_grad():
        for number, parameter in enumerate(parameters.values()):
            torch.manual_seed(number)
            parameter.add_(torch.randn_like(parameter) * 0.05)
    found = gradients(behind)
    model.zero_grad()
    rewards = torch.tensor([sample.reward for sample in samples]).view(-1, OPTIONS.samples)
    summed, tokens, clipped = torch.zeros(()), 0, 0
    for sample, weight, old in zip(behind, advantages(rewards).flatten().tolist(), losses, strict=True):
        ids, start = sample.document(PROMPT.stop_ids[0]).ids, len(sample.task.prompt_ids)
        logits = model(torch.tensor([ids])).logits[0, start - 1 : -1] / OPTIONS.temperature
        new = functional.cross_entropy(logits, torch.tensor(ids[start:]), reduction="none")
        for token in range(len(ids) - start):
            ratio = torch.exp(old[token] - new[token])
            limited = ratio.clamp(1 - OPTIONS.clip_ratio, 1 + OPTIONS.clip_ratio)
            clipped += bool(limited != ratio)
            summed = summed - torch.minimum(ratio * weight, limited * weight)
        tokens += len(ids) - start
    for sample in samples[:: OPTIONS.samples]:
        ids, start = sample.task.reference.ids, len(sample.task.prompt_ids)
        logits = model(torch.tensor([ids])).logits[0, start - 1 : -1]
        nll = functional.cross_entropy(logits, torch.tensor(ids[start:]), reduction="sum")
        summed = summed + OPTIONS.likelihood * OPTIONS.samples * nll
        tokens += len(ids) - start
    (summed / tokens).backward()
    assert clipped > 10
    for name, parameter in parameters.items():
        torch.testing.assert_close(found[name], parameter.grad, rtol=2e-3, atol=1e-4)
    rounds.close()


def test_training_that_makes_it_worse_leaves_the_state_of_before(tmp_path, monkeypatch):
    all_end(monkeypatch)
    # The validation rewards what the training does not.
    values = iter([0.5, 0.4, 0.3])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(values))
    model = composed()
    before = state(model)
    result = train_toy(model, tmp_path / "a", evaluations=2)
    assert (result.rounds, result.best_round, result.best_reward) == (2, 0, 0.5)
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["likelihood", "kl"])
def test_answers_that_are_kept_are_lost_less(tmp_path, monkeypatch, loss):
    all_end(monkeypatch)
    lost = {}
    for weight in (0.0, 3.0):
        model = composed()
        with force_base(model):
            teacher = listened(model, loss=loss, weight=weight, tolerance=100.0)
        folder = tmp_path / str(weight)
        train_toy(model, folder, teacher=teacher, rounds=8, evaluations=8, learning_rate=5e-2, likelihood=0.0)
        rows = [row["validation_answers"] for row in read_metrics(folder / "metrics.jsonl") if "validation_loss" in row]
        assert len(rows) == 9
        lost[weight] = rows[-1] - rows[0]
    assert lost[3.0] < lost[0.0] - 0.1


@pytest.mark.parametrize(("tolerance", "kept_round"), [(0.02, 0), (0.2, 1), (5.0, 2)])
def test_a_state_that_loses_too_much_is_not_kept_whatever_its_reward(
    tmp_path, monkeypatch, capfd, tolerance, kept_round
):
    rewards, losses = iter([0.1, 0.2, 0.3]), iter([1.0, 1.1, 3.0])
    monkeypatch.setattr(Samples, "mean_score", lambda _: next(rewards))
    monkeypatch.setattr(Teacher, "loss", lambda *_: next(losses))
    model = composed()
    result = train_toy(model, tmp_path / "a", teacher=listened(model, tolerance=tolerance), evaluations=2)
    assert (result.best_round, result.best_reward) == (kept_round, [0.1, 0.2, 0.3][kept_round])
    assert [entry["answers"] for entry in result.history] == [1.0, 1.1, 3.0]
    said = capfd.readouterr().err
    assert (f"{2 - kept_round} states with a higher reward were not taken" in said) == (kept_round < 2)


def test_the_teacher_is_the_base_whatever_becomes_of_it():
    model = composed()
    with force_base(model):
        teacher = listened(model, loss="kl")
    with packed_attention(model), force_base(model):
        assert teacher.loss(model, 256, Accelerator(cpu=True).autocast) == pytest.approx(0, abs=1e-6)
        with torch.no_grad():
            model.model.layers[0].self_attn.q_proj.weight.mul_(1.5)
        assert teacher.loss(model, 256, Accelerator(cpu=True).autocast) > 1e-3


def test_a_loss_that_is_not_finite_is_an_error(tmp_path):
    model = composed()
    with torch.no_grad():
        next(iter(trainable_parameters(model).values())).fill_(float("inf"))
    with pytest.raises(MoesaicError, match=r"reward\.learning_rate"):
        train_toy(model, tmp_path / "a")


def _process(tmp_path: Path, name: str, kill_after: int, overlap: bool) -> subprocess.CompletedProcess[str]:
    folder = str(tmp_path / name)
    work = f"""
import test_reward
model = test_reward.composed()
teacher = test_reward.listened(model, loss="kl", tolerance=9.0)
options = dict(rounds=4, evaluations=2, teacher=teacher, overlap={overlap})
result = test_reward.train_toy(model, Path({folder!r}), **options)
torch.save((test_reward.state(model), vars(result)), {folder + ".pt"!r})
"""
    return run_killed(work, "moesaic.train.loop", "save_checkpoint", kill_after)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [False, True])
def test_killed_and_resumed_ends_with_the_bits_of_the_whole_run(tmp_path, overlap):
    whole = _process(tmp_path, "whole", -1, overlap)
    assert whole.returncode == 0, whole.stderr
    assert _process(tmp_path, "killed", 3, overlap).returncode == -signal.SIGKILL
    resumed = _process(tmp_path, "killed", -1, overlap)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming after round 3 of 4" in resumed.stderr
    (expected, one), (found, other) = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "killed"))
    assert one == other
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    logs = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "killed")]
    for line in (*logs[0], *logs[1]):
        line.pop("seconds")
        line.pop("sampled_tokens_per_second", None)
        line.pop("idle", None)
    assert logs[0] == logs[1]


def test_tasks_without_room_for_a_program_are_not_drawn(tmp_path):
    shortest = min(len(task.prompt_ids) for task in tasks_of(examples(), PROMPT))
    with pytest.raises(RecipeError, match=r"reward.max_new_tokens: 12 leaves no training task enough"):
        train_toy(composed(), tmp_path / "a", max_tokens=12 + shortest - 1)


def test_tasks_without_room_for_a_program_do_not_decide(tmp_path):
    long = replace(examples(1)[0], text="long " * 60)  # longer than the context of the model
    result = train_toy(composed(), tmp_path / "a", measures=[measure_of(validation=[long, *examples(2)])], rounds=1)
    assert len(result.history) == 2
    with pytest.raises(RecipeError, match=r"reward.max_new_tokens: 12 leaves no validation task enough"):
        train_toy(composed(), tmp_path / "b", measures=[measure_of(validation=[long])])


def test_what_a_recipe_may_not_say(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("base: {model: some/base}\ndata: {source: corpus}\n")
    assert load_recipe(path).reward.rounds == 0
    assert load_recipe(path, ["reward.row_tokens=64"]).reward.row_tokens == 64  # nothing reads it
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, ["reward.rounds=1", "reward.row_tokens=512", "reward.samples=1", "reward.temperature=0"])
    said = "\n".join(caught.value.problems)
    assert "reward.samples: Input should be greater than or equal to 2 (found 1)" in said
    assert "reward.temperature: Input should be greater than 0" in said
    assert "reward.row_tokens is 512, but a prompt and its program may have 1,024 tokens" in said
    with pytest.raises(RecipeError, match=r"reward.max_new_tokens is 512, which leaves no room .* 512"):
        load_recipe(path, ["reward.rounds=1", "data.max_tokens=512"])
