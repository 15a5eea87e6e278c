"""The objective of training on rewards, part by part, against naive loops."""

from __future__ import annotations

import itertools
import json
import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import LANGUAGES

from moesaic.data.examples import Example
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.execution.problems import Problem
from moesaic.model.decode.generate import Generation
from moesaic.recipe import RewardRecipe
from moesaic.train import sampler as sampler_module
from moesaic.train.injection import put_in
from moesaic.train.policy import joined, surrogate
from moesaic.train.sampler import Sampler
from moesaic.train.samples import (
    Documents,
    Judgement,
    Measure,
    Sample,
    Samples,
    Task,
    advantages,
    first_tasks,
    problem_tasks,
    tasks_of,
    teaching,
    weighted_documents,
)
from moesaic.train.turns import MOST_TURNS, Turns, shuffled
from pico import pico_llama, pico_tokenizer

PROMPT = PromptFormat(pico_tokenizer())
STOP = 258
OPTIONS = RewardRecipe(rounds=1, prompts=4, samples=3, temperature=0.6, likelihood=0.25)

LOSSES = st.floats(0, 6)
TOKENS = st.lists(st.tuples(LOSSES, st.one_of(LOSSES, st.just(math.nan)), st.floats(-3, 3)), min_size=1, max_size=8)


def clipped_loss(new, old, weight, clip):
    """PPO's surrogate of one token with its derivative, told case by case."""
    ratio = 1.0 if math.isnan(old) else math.exp(old - new)
    if weight > 0 and ratio > 1 + clip:  # likely enough already
        return -weight * (1 + clip), 0.0
    if weight < 0 and ratio < 1 - clip:  # unlikely enough already
        return -weight * (1 - clip), 0.0
    return -weight * ratio, weight * ratio


@settings(deadline=None)
@given(TOKENS, st.sampled_from([0.1, 0.2, 0.5]))
def test_the_surrogate_is_that_of_every_token_by_itself(tokens, clip):
    new, old, weights = (torch.tensor(column, dtype=torch.double) for column in zip(*tokens, strict=True))
    new.requires_grad_(True)
    found = surrogate(new, weights, old, clip)
    (gradient,) = torch.autograd.grad(found.sum(), new)
    for place, token in enumerate(tokens):
        value, derivative = clipped_loss(*token, clip)
        assert found[place].item() == pytest.approx(value, rel=1e-9, abs=1e-9)
        ratio = math.exp(token[1] - token[0])
        if math.isnan(ratio) or min(abs(ratio - 1 - clip), abs(ratio - 1 + clip)) > 1e-9:
            assert gradient[place].item() == pytest.approx(derivative, rel=1e-9, abs=1e-9)


@given(TOKENS)
def test_without_likelihoods_of_before_the_surrogate_is_the_weighted_likelihood(tokens):
    new, _, weights = (torch.tensor(column, dtype=torch.double) for column in zip(*tokens, strict=True))
    assert surrogate(new, weights, None, 0.2).tolist() == [loss * weight for loss, _, weight in tokens]


def test_values_of_documents_are_joined_with_nan_for_those_that_have_none():
    found = joined([torch.tensor([1.0, 2.0]), None, torch.tensor([3.0])], [2, 3, 1])
    assert found.isnan().tolist() == [False, False, True, True, True, False]
    assert found[[0, 1, 5]].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="zip"):
        joined([None], [2, 3])


@settings(deadline=None)
@given(st.integers(2, 5).flatmap(lambda n: st.lists(st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=1)))
def test_advantages_leave_one_out_whatever_the_number_of_samples(rows):
    found = advantages(torch.tensor(rows, dtype=torch.double))
    naive = [own - (sum(row) - own) / (len(row) - 1) for row in rows for own in row]
    mean = sum(naive) / len(naive)
    spread = math.sqrt(sum((value - mean) ** 2 for value in naive) / (len(naive) - 1))
    if spread > 1e-5:
        torch.testing.assert_close(found.flatten(), torch.tensor(naive).double() / spread, rtol=1e-5, atol=1e-5)
    elif spread < 1e-7:
        assert not found.any()


@given(st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=3, max_size=3), min_size=1))
def test_a_task_teaches_where_two_of_its_programs_differ(rows):
    assert teaching(torch.tensor(rows, dtype=torch.double)).tolist() == [len(set(row)) > 1 for row in rows]


def test_rounding_errors_are_no_difference_and_small_ones_are():
    assert teaching(torch.tensor([[0.1 + 0.2, 0.3], [0.3, 0.3 + 1e-4]], dtype=torch.double)).tolist() == [False, True]
    found = advantages(torch.tensor([[0.3, 0.3 + 1e-4]], dtype=torch.double))
    assert found.flatten().tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5])


def task_of(number, language="python", reference=True):
    ids = [10 + number, 20 + number]
    example = Example(f"{language}-{number}", language, f"task {number}", "x = 1\n")
    return Task(example, ids, EncodedExample([*ids, 7, STOP], 2, 1, language) if reference else None)


def samples_of(rewards, references=True, old_losses=False):
    """``rewards`` of each task's programs; every program has tokens of its own."""
    return [
        Sample(
            task_of(place, reference=references),
            Generation([100 + 10 * place + number], [], number % 2 == 0),
            Judgement(reward, True, 0.0),
            torch.full((1,), 0.5 * number) if old_losses else None,
        )
        for place, row in enumerate(rewards)
        for number, reward in enumerate(row)
    ]


@settings(deadline=None)
@given(
    rewards=st.lists(st.lists(st.sampled_from([0.0, 0.4, 1.0]), min_size=3, max_size=3), min_size=1, max_size=5),
    weight=st.sampled_from([1.0, 0.5, 3.0]),
    likelihood=st.sampled_from([0.0, 0.25]),
    references=st.booleans(),
    old_losses=st.booleans(),
)
def test_a_round_trains_on_programs_that_differ_and_on_each_tasks_reference(
    rewards, weight, likelihood, references, old_losses
):
    samples = samples_of(rewards, references, old_losses)
    options = OPTIONS.model_copy(update={"likelihood": likelihood})
    found = weighted_documents(samples, options, STOP, *([] if weight == 1 else [weight]))
    taught = [place for place, row in enumerate(rewards) if len(set(row)) > 1]
    differences = [own - (sum(rewards[p]) - own) / 2 for p in taught for own in rewards[p]]
    mean = sum(differences) / max(1, len(differences))
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / max(1, len(differences) - 1))
    expected = []
    for place, number in itertools.product(taught, range(3)):
        sample = samples[3 * place + number]
        ids = [*sample.task.prompt_ids, *sample.generation.ids, *([STOP] if number % 2 == 0 else [])]
        own = weight * (rewards[place][number] - (sum(rewards[place]) - rewards[place][number]) / 2) / spread
        expected.append((ids, own, 0.6, sample.old_losses))
    if likelihood and references:
        for place in range(len(rewards)):  # of those that teach nothing, too
            expected.append((samples[3 * place].task.reference.ids, weight * likelihood * 3, 1.0, None))
    ids, weights, temperatures, olds = zip(*expected, strict=True) if expected else ((), (), (), ())
    assert [document.ids for document in found.encoded] == list(ids)
    assert all((d.num_prompt_tokens, d.num_code_tokens, d.language) == (2, 1, "python") for d in found.encoded)
    assert found.weights.tolist() == pytest.approx(list(weights), rel=1e-5, abs=1e-6)
    assert found.temperatures.tolist() == pytest.approx(list(temperatures))
    assert all(a is b for a, b in zip(found.old_losses, olds, strict=True))
    assert found.weights.dtype == found.temperatures.dtype == torch.float32


def test_documents_of_measures_and_answers_follow_each_other():
    def documents(*values):
        encoded = [EncodedExample([int(value)], 0, 1, "python") for value in values]
        numbers = torch.tensor(values)
        return Documents(encoded, numbers, 1 / numbers, [number[None] for number in numbers])

    first, second = documents(1.0, 2.0), documents(4.0)
    whole = first + second
    assert [document.ids for document in whole.encoded] == [[1], [2], [4]]
    assert whole.weights.tolist() == [1.0, 2.0, 4.0]
    assert whole.temperatures.tolist() == [1.0, 0.5, 0.25]
    assert torch.cat(whole.old_losses).tolist() == [1.0, 2.0, 4.0]
    more = whole.with_more([EncodedExample([9], 0, 1, "base"), EncodedExample([8], 0, 1, "base")], 0.3)
    assert [document.ids for document in more.encoded] == [[1], [2], [4], [9], [8]]
    assert more.weights.tolist() == pytest.approx([1.0, 2.0, 4.0, 0.3, 0.3])
    assert more.temperatures.tolist() == [1.0, 0.5, 0.25, 1.0, 1.0]
    assert more.old_losses[:3] == whole.old_losses
    assert more.old_losses[3:] == [None, None]


@settings(deadline=None)
@given(
    num_tasks=st.integers(1, 6),
    seed=st.integers(0, 3),
    rounds=st.lists(st.tuples(st.integers(1, 7), st.lists(st.booleans(), min_size=7, max_size=7)), max_size=12),
)
def test_turns_are_those_of_a_naive_queue(num_tasks, seed, rounds):
    def endless():
        for epoch in itertools.count():
            order = list(range(num_tasks))
            random.Random(f"tasks {seed} {epoch}").shuffle(order)
            yield from order

    turns, queue = Turns(num_tasks, seed), endless()
    waits, times_in_vain = [0] * num_tasks, [0] * num_tasks
    for count, taught in rounds:
        expected = []
        for task in queue:
            waits[task] -= 1
            if waits[task] < 0:
                waits[task] = 0
                expected.append(task)
                if len(expected) == count:
                    break
        assert turns.draw(count) == expected
        for task, own in zip(expected, taught, strict=False):
            turns.report(task, taught=own)
            times_in_vain[task] = 0 if own else min(MOST_TURNS, times_in_vain[task] + 1)
            waits[task] = waits[task] if own else times_in_vain[task]
        stored = json.loads(json.dumps(turns.state_dict()))
        assert dict(stored["resting"]) == {task: wait for task, wait in enumerate(waits) if wait}
        assert dict(stored["in_vain"]) == {task: times for task, times in enumerate(times_in_vain) if times}
        turns = Turns(num_tasks, seed)
        turns.load_state_dict(stored)
    assert sorted(shuffled(num_tasks, seed, 1)) == list(range(num_tasks))


def test_measures_over_programs_are_means():
    rows = [
        ("python", 1.0, True, 0.5, True), ("java", 0.0, False, 0.25, False), ("python", 0.5, True, 0.0, False),
        ("cpp", 0.5, True, 1.0, False),
    ]  # fmt: skip
    samples = Samples(
        [
            Sample(task_of(place, language), Generation([1], [], ended), Judgement(reward, parses, score))
            for place, (language, reward, parses, score, ended) in enumerate(rows)
        ]
    )
    assert samples.reward == pytest.approx(0.5)
    assert samples.parsing == pytest.approx(3 / 4)
    assert samples.ended == pytest.approx(1 / 4)
    assert samples.mean_score() == pytest.approx((0.25 + 0.25 + 1.0) / 3)  # of languages, not of programs


def whole_text(_task, generation, _prompt):
    return generation


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 1), st.booleans())), st.booleans(), st.booleans()
)
def test_only_programs_that_end_are_rewarded_and_benchmarks_score_the_others_too(programs, deciding, has_parts):
    seen = []

    def judge(tasks, texts):
        seen.extend(zip(tasks, texts, strict=True))
        worth = [programs[int(text)] for text in texts]
        return [Judgement(reward, parses, score) for _, reward, score, parses in worth]

    tasks = [task_of(number) for number in range(len(programs))]
    generations = [Generation(PROMPT.code_ids(str(n)), [], ended) for n, (ended, *_) in enumerate(programs)]
    measure = Measure("tests", (), (), judge, part=whole_text if has_parts else None)
    found = measure.judgements(tasks, generations, PROMPT, deciding=deciding)
    assert deciding or found == measure.judgements(tasks, generations, PROMPT)
    for own, (ended, reward, score, parses) in zip(found, programs, strict=True):
        is_judged = ended or (deciding and has_parts)
        assert own == Judgement(reward if ended else 0.0, is_judged and parses, score if is_judged else 0.0)
    assert all(task is tasks[int(text)] for task, text in seen)
    if programs:
        with pytest.raises(ValueError, match="zip"):
            measure.judgements(tasks[1:], generations, PROMPT)


def test_a_problem_is_asked_for_as_an_example_of_its_text_or_beginning_is():
    problems = [
        Problem("a", "python", prompt="", test="", text="Return one"),
        Problem("b", "java", prompt="class A {\n", test=""),
    ]
    pairs = [
        Example("a", "python", "Return one", "x = 1\n"),
        Example("b", "java", "", "class A {\n}\n", opening="class A {\n"),
    ]
    found, expected = problem_tasks(problems, PROMPT), tasks_of(pairs, PROMPT)
    assert [task.prompt_ids for task in found] == [task.prompt_ids for task in expected]
    assert [task.subject for task in found] == problems
    assert [task.reference for task in found] == [None, None]


def test_a_process_writes_its_share_and_speed_is_that_of_the_slowest(monkeypatch):
    clock, given = [100.0], []

    def generate(model, prompts, **options):
        given.append((model, prompts, options))
        clock[0] += 0.25
        return [Generation([1, 2, 3], [], True) for _ in prompts]

    class Second:
        """The second of two processes, of which the first takes four seconds and writes five tokens each."""

        def share(self, items):
            return items[1::2]

        def gather(self, value):
            written, seconds = value
            assert seconds == 0.25
            return [([Generation([9] * 5, [], False)] * 3, 4.0), (written, seconds)]

        def merge(self, shares):
            return [shares[0][0], shares[1][0], shares[0][1], shares[1][1], shares[0][2]]

    monkeypatch.setattr(sampler_module, "generate", generate)
    monkeypatch.setattr(sampler_module.time, "monotonic", lambda: clock[0])
    options = OPTIONS.model_copy(update={"max_new_tokens": 17, "batch_size": 3, "compile": True})
    sampler = Sampler(pico_llama(num_hidden_layers=1), PROMPT, options)
    tasks = [task_of(number) for number in range(5)]
    written, speed = sampler.write(tasks, 0.3, 11, Second())
    assert [len(generation.ids) for generation in written] == [5, 3, 5, 3, 5]
    assert speed == pytest.approx(21 / 4)
    ((model, prompts, handed),) = given
    assert model is sampler.model
    assert prompts == [tasks[1].prompt_ids, tasks[3].prompt_ids]
    assert handed == {
        "max_new_tokens": 17, "stop_ids": PROMPT.stop_ids, "temperature": 0.3, "seed": 11, "batch_size": 3,
        "compile": True, "streams": range(1, 5, 2),
    }  # fmt: skip
    _, speed = Sampler(pico_llama(num_hidden_layers=1), PROMPT, options).write(tasks[:1], 0.0, 0)
    assert speed == pytest.approx(3 / 0.25)


def test_adapters_are_sampled_from_in_the_number_format_of_the_base():
    model = pico_llama(num_hidden_layers=1).to(torch.bfloat16).requires_grad_(False)
    put_in(model, 4)
    trained = {name: parameter for name, parameter in model.named_parameters() if ".lora_" in name}
    copies = dict(Sampler(model, PROMPT, OPTIONS).model.named_parameters())
    assert {parameter.dtype for parameter in trained.values()} == {torch.float32}
    assert {copies[name].dtype for name in trained} == {torch.bfloat16}


def test_the_first_tasks_of_each_language_in_the_order_of_the_languages():
    tasks = [task_of(number, language) for number in range(4) for language in LANGUAGES]
    found = first_tasks(tasks, LANGUAGES[::-1], 3)
    assert [task.subject.id for task in found] == [f"{name}-{n}" for name in LANGUAGES[::-1] for n in range(3)]
