"""Rounds of training on rewards, with a sampler and judges that say what a test wants: what is drawn, told, kept."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from training_data import LANGUAGES

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.model.decode.generate import Generation
from moesaic.model.moe import compose
from moesaic.recipe import KeepRecipe, Recipe, RewardRecipe
from moesaic.train import reward
from moesaic.train import rounds as rounds_module
from moesaic.train.experts import seed_of
from moesaic.train.loop import learning_rate_at
from moesaic.train.objective import Kept, Teacher
from moesaic.train.resume import Progress
from moesaic.train.rounds import RewardRounds, optimisation
from moesaic.train.samples import Judgement, Measure, Sample, drawn, tasks_of, weighted_documents
from moesaic.train.trainable import factor_parameters, trainable_parameters
from moesaic.train.turns import Turns
from pico import pico_llama, pico_tokenizer, random_experts

PROMPT = PromptFormat(pico_tokenizer())
OPTIONS = RewardRecipe(
    rounds=3, prompts=4, samples=2, steps=3, max_new_tokens=12, row_tokens=256, validation_programs=2, temperature=0.9
)
SEED = 5
ACCELERATOR = Accelerator(cpu=True)


@pytest.fixture(scope="module")
def model():
    model = pico_llama().requires_grad_(False)
    return compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 2, dtype=torch.float32)


class Scripted:
    """A sampler that writes a number, and notes what it was asked for."""

    prompt = PROMPT

    def __init__(self, events=None):
        self.asked, self.ranks, self.events = [], [], [] if events is None else events

    def write(self, tasks, temperature, seed, ranks):
        self.ranks.append(ranks)
        self.asked.append(([task.subject.id for task in tasks], temperature, seed))
        self.events.append("write")
        return [Generation(PROMPT.code_ids(str(place)), [], place % 4 != 3) for place in range(len(tasks))], 123.6


def tasks(name, count=6):
    return tasks_of(
        [
            Example(f"{name}-{language}-{n}", language, f"task {n}", f"x = {n}\n")
            for language in LANGUAGES
            for n in range(count)
        ],
        PROMPT,
    )


PROGRAMS = [task.reference for task in tasks("loss", 1)]


def measure(name="codebleu", weight=1.0, reward=lambda task, text: 0.5):
    def judge(asked, texts):
        rewards = [reward(*pair) for pair in zip(asked, texts, strict=True)]
        return [Judgement(value, value > 0.2, value / 2) for value in rewards]

    return Measure(name, tasks(name), tasks(name, 3), judge, weight)


def rounds_of(model, sampler, measures, teacher=None, rates=dict, **options):
    settings = OPTIONS.model_copy(update=options)
    return RewardRounds(ACCELERATOR, model, sampler, measures, PROGRAMS, LANGUAGES, settings, SEED, teacher, rates)


class Norms:
    """An optimiser that has nothing to do, at a rate of a half; its gradients' norms are 1, 2, 3, ..."""

    rate = 0.5

    def __init__(self, events=None):
        self.calls, self.events = 0, [] if events is None else events

    def __call__(self):
        self.calls += 1
        self.events.append("update")
        return torch.tensor(float(self.calls))


def trained(rounds, monkeypatch, num_rows):
    """Lets rounds have so many rows each, and returns a list of the rows of every optimiser step."""
    steps = []
    monkeypatch.setattr(rounds, "rows", lambda _groups, _number: list(range(num_rows)))
    monkeypatch.setattr(rounds, "add_gradients", steps.append)
    return steps


@pytest.mark.parametrize(("num_rows", "steps"), [(0, 3), (1, 3), (2, 3), (3, 3), (7, 3), (8, 3), (5, 1)])
def test_every_row_is_in_one_optimiser_step_and_steps_are_as_equal_as_it_goes(model, monkeypatch, num_rows, steps):
    rounds, update = rounds_of(model, Scripted(), [measure()], steps=steps), Norms()
    taken = trained(rounds, monkeypatch, num_rows)
    facts = rounds.take(1, update, True)()
    assert [row for step in taken for row in step] == list(range(num_rows))
    assert len(taken) == update.calls == min(steps, num_rows)
    assert not any(name.startswith("reward_") for name in facts)  # there is one measure
    sizes = [len(step) for step in taken]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert facts["grad_norm"] == pytest.approx(sum(range(1, len(taken) + 1)) / max(1, len(taken)))
    rounds.close()


def test_a_round_says_what_its_programs_are_worth(model, monkeypatch):
    # Of 4 tasks with 2 programs each, those of the places 3 and 7 do not end and are worth nothing.
    first = measure(weight=3.0, reward=lambda _task, text: {"0": 1.0, "1": 1.0, "2": 0.5}.get(text, 0.1))
    second = measure("tests", reward=lambda _task, text: 1.0)
    sampler = Scripted()
    rounds = rounds_of(model, sampler, [first, second], rates=lambda: {"python": 2.345, "java": 1.0})
    trained(rounds, monkeypatch, 1)
    clock = iter([10.0, 10.3, 10.35, 10.5])  # of half a second it waited for a tenth
    monkeypatch.setattr(rounds_module, "time", SimpleNamespace(monotonic=clock.__next__))
    facts = rounds.take(1, Norms(), True)()
    rewards = {"codebleu": (1.0 + 1.0 + 0.5 + 0.0) / 4, "tests": (1.0 * 3 + 0.0) / 4}
    assert {name: facts[f"reward_{name}"] for name in rewards} == pytest.approx(rewards)
    assert facts["reward"] == pytest.approx((3 * rewards["codebleu"] + rewards["tests"]) / 4)
    assert facts["ended"] == pytest.approx(6 / 8)
    assert facts["parses"] == pytest.approx(6 / 8)
    assert (facts["all_solved"], facts["none_solved"]) == (2, 0)  # the first of either measure; the others differ
    assert (facts["rate"], facts["sampled_tokens_per_second"]) == (0.5, 124)
    assert (facts["verdicts_per_second_python"], facts["verdicts_per_second_java"]) == (2.35, 1.0)
    assert facts["idle"] == pytest.approx(0.1)
    ((asked, temperature, _),) = sampler.asked
    assert temperature == 0.9
    assert asked[::2] == asked[1::2]  # programs of a task side by side
    vain = [turns.state_dict()["in_vain"] for turns in rounds._turns]
    order = [
        [m.training[place].subject.id for place, times in own if times == 1]
        for m, own in zip((first, second), vain, strict=True)
    ]
    assert order == [[asked[0]], [asked[4]]]
    rounds.close()


@pytest.mark.parametrize("num_measures", [1, 2, 3])
@pytest.mark.parametrize("prompts", [1, 4, 5, 8])
def test_measures_share_the_tasks_of_a_round_evenly_and_draw_by_themselves(model, monkeypatch, num_measures, prompts):
    sampler, names = Scripted(), ["a", "b", "c"][:num_measures]
    rounds = rounds_of(model, sampler, [measure(name) for name in names], prompts=prompts)
    found = {name: [] for name in names}
    for number in (1, 2):
        round_ = rounds._begin(number)
        counts = [len(places) for places in round_.places]
        assert sum(counts) == prompts
        assert max(counts) - min(counts) <= 1
        for name, places in zip(names, round_.places, strict=True):
            found[name] += places
    asked = [own for ids, _, _ in sampler.asked for own in ids]
    assert len(asked) == 2 * prompts * OPTIONS.samples
    for own in rounds._measures:
        expected = [own.training[place].subject.id for place in found[own.name] for _ in range(OPTIONS.samples)]
        assert [name for name in asked if name.startswith(f"{own.name}-")] == expected
    # What one measure's tasks are does not depend on there being others.
    assert found["a"] == Turns(12, SEED).draw(len(found["a"]))
    for name in names[1:]:
        assert found[name] == Turns(12, seed_of(SEED, name)).draw(len(found[name]))
    assert len({seed for _, _, seed in sampler.asked}) == 2
    rounds.close()


@pytest.mark.parametrize("overlap", [False, True])
def test_overlapped_rounds_are_written_before_the_training_on_the_one_before(model, monkeypatch, overlap):
    events = []
    sampler = Scripted(events)
    rounds = rounds_of(model, sampler, [measure()], overlap=overlap)
    trained(rounds, monkeypatch, 1)
    groups, numbers = [], []
    monkeypatch.setattr(rounds, "rows", lambda judged, number: groups.append(judged) or numbers.append(number) or [0])
    monkeypatch.setattr(
        rounds,
        "losses",
        lambda own, texts: [torch.tensor([float(events.count("update"))]) for _ in zip(own, texts, strict=True)],
    )
    for number in (1, 2, 3):
        rounds.take(number, Norms(events), number == 3)
    assert numbers == [1, 2, 3]
    assert sampler.ranks == [rounds._ranks] * 3
    assert [seed for *_, seed in sampler.asked] == [seed_of(SEED, f"round {number}") for number in numbers]
    each = ["write", "update"] * 3
    assert events == (["write", "write", "update", "write", "update", "update"] if overlap else each)
    for (samples,), written_after in zip(groups, (0, 0, 1), strict=True):
        olds = [sample.old_losses for sample in samples]
        assert all((float(old) == written_after) if overlap else old is None for old in olds)
    assert rounds.state_dict()["ahead"] is None
    rounds.close()


def test_programs_that_are_written_ahead_are_stored_and_judged_again(model, monkeypatch):
    rounds = rounds_of(model, Scripted(), [measure("a"), measure("b")], overlap=True)
    monkeypatch.setattr(rounds, "losses", lambda own, _texts: [torch.tensor([0.5, 0.25])] * len(own))
    trained(rounds, monkeypatch, 1)
    rounds.take(1, Norms(), False)
    stored, ahead = rounds.state_dict(), rounds._ahead
    again = rounds_of(model, Scripted(), [measure("a"), measure("b")], overlap=True)
    again.load_state_dict(stored)
    assert again.state_dict() == stored
    other = again._ahead
    assert (other.number, other.places, other.tokens_per_second, other.ended) == (2, ahead.places, 123.6, 0.75)
    assert other.generations == ahead.generations
    assert [[old.tolist() for old in group] for group in other.old_losses] == [[[0.5, 0.25]] * 4] * 2
    assert other.verdicts.result() == ahead.verdicts.result()
    again._sampler.asked.clear()
    again.take(2, Norms(), True)
    assert again._sampler.asked == []  # it trains on what is there
    for one in (rounds, again):
        one.close()


def test_a_state_of_other_measures_or_with_programs_missing_is_refused(model, monkeypatch):
    rounds = rounds_of(model, Scripted(), [measure("a"), measure("b")], overlap=True)
    assert rounds.state_dict()["ahead"] is None
    monkeypatch.setattr(rounds, "losses", lambda own, _texts: [torch.tensor([0.5])] * len(own))
    trained(rounds, monkeypatch, 1)
    rounds.take(1, Norms(), False)
    stored = json.dumps(rounds.state_dict())
    for damage in (
        lambda state: state["turns"].pop(),
        lambda state: state["ahead"]["stopped"].pop(),
        lambda state: state["ahead"]["stopped"][1].pop(),
    ):
        state = json.loads(stored)
        damage(state)
        with pytest.raises(ValueError, match="zip"):
            rounds.load_state_dict(state)
    rounds.close()


def test_rounds_are_judged_one_at_a_time_and_closing_neither_waits_nor_judges_what_is_left(model):
    begun, released = Event(), Event()

    def reward(_task, _text):
        begun.set()
        assert released.wait(60)
        return 0.5

    rounds = rounds_of(model, Scripted(), [measure(reward=reward)])
    first = rounds._begin(1).verdicts
    assert begun.wait(60)
    second, third = rounds._begin(2).verdicts, rounds._begin(3).verdicts
    closing = Thread(target=rounds.close, daemon=True)
    closing.start()
    closing.join(10)
    waited = closing.is_alive()
    released.set()
    assert not waited
    assert second.cancelled()
    assert third.cancelled()
    assert len(first.result()[0][0]) == OPTIONS.prompts * OPTIONS.samples


@pytest.mark.parametrize(("weight", "samples", "expected"), [(0.75, 2, 1.5), (0.5, 4, 2.0)])
def test_the_loss_weighs_an_answer_as_all_samples_of_a_task(model, monkeypatch, weight, samples, expected):
    given = []
    monkeypatch.setattr(rounds_module, "PolicyLoss", lambda *arguments: given.append(arguments))
    teacher = Teacher(Kept([], [], KeepRecipe(weight=weight)))
    rounds = rounds_of(model, Scripted(), [measure()], teacher, samples=samples, clip_ratio=0.3)
    assert given == [(model, optimisation(rounds._options), 0.3, expected)]
    rounds.close()


class Answers:
    """A teacher whose answers lose what a test says, and that notes what it was asked."""

    def __init__(self, losses, tolerance):
        self._losses, self.asked = iter(losses), []
        self.kept = SimpleNamespace(options=SimpleNamespace(tolerance=tolerance, weight=0.5))

    def loss(self, *arguments):
        self.asked.append(arguments)
        return next(self._losses)


def test_rounds_train_on_the_parts_that_are_judged(model, monkeypatch):
    """Also with likelihoods of the time of sampling, and what is said of ended programs is of the whole texts."""

    def first_token(_task, text, _prompt):
        return Generation(text.ids[:1])

    own = replace(measure("b"), part=first_token)
    rounds = rounds_of(model, Scripted(), [measure("a"), own], overlap=True)
    trained(rounds, monkeypatch, 1)
    asked = []
    monkeypatch.setattr(rounds, "losses", lambda _, texts: asked.append(texts) or [torch.zeros(1)] * len(texts))
    facts = rounds.take(1, Norms(), False)()
    assert facts["ended"] == pytest.approx(6 / 8)
    whole, parts = rounds._ahead.generations
    assert whole == [Generation(PROMPT.code_ids(str(n)), [], n % 4 != 3) for n in range(4)]
    assert parts == [Generation(PROMPT.code_ids(str(n))[:1]) for n in range(4, 8)]
    assert asked[-2:] == [whole, parts]
    rounds.close()


@pytest.fixture
def losses_asked(monkeypatch):
    """What ``validation_loss`` was asked; it answers 1.25."""
    asked = []
    monkeypatch.setattr(
        rounds_module, "validation_loss", lambda *arguments, ranks: asked.append((*arguments, ranks)) or 1.25
    )
    return asked


def test_validation_is_greedy_and_tells_means_over_languages_of_each_measure(model, losses_asked):
    sampler = Scripted()
    first = measure("a", 3.0, lambda task, _text: 1.0 if task.language == "python" else 0.4)
    second = replace(measure("b", reward=lambda *_: 0.6), part=lambda _task, text, _prompt: text)
    rounds = rounds_of(model, sampler, [first, second])
    decided, facts = rounds.validate(2)
    ((asked, temperature, _),) = sampler.asked
    assert asked == [f"{name}-{language}-{n}" for name in ("a", "b") for language in LANGUAGES for n in range(2)]
    assert temperature == 0.0
    # A score is half of the reward. The last program of both does not end, and only the second measure judges it.
    a = (0.5 + (0.2 + 0.0) / 2) / 2
    assert facts == {
        "reward": pytest.approx((3 * a + 0.3) / 4), "reward_a": pytest.approx(a), "reward_b": pytest.approx(0.3),
        "ended": pytest.approx(6 / 8), "parses": pytest.approx(7 / 8), "loss": 1.25,
    }  # fmt: skip
    assert decided == pytest.approx(1 - facts["reward"])
    assert rounds.history == [{"round": 2, **facts}]
    assert losses_asked == [(model, PROGRAMS, LANGUAGES, OPTIONS.row_tokens, ACCELERATOR.autocast, rounds._ranks)]
    assert sampler.ranks == [rounds._ranks]
    shown = rounds.shown({"reward": 0.25, "ended": 0.5, "idle": 0.125}, Progress())
    assert shown == {"reward": 0.25, "val": facts["reward"], "ended": "50%", "idle": "12%"}
    rounds.close()


def test_a_state_may_lose_as_much_as_the_tolerance_and_is_otherwise_worse_than_any(model, losses_asked):
    losses = [2.0, 2.25, 2.26, 1.0]
    teacher = Answers(losses, 0.25)
    rounds = rounds_of(model, Scripted(), [measure()], teacher)
    found = [rounds.validate(number) for number in range(4)]
    assert [facts["answers"] for _, facts in found] == losses
    assert all(facts.keys() == {"reward", "ended", "parses", "loss", "answers"} for _, facts in found)
    assert teacher.asked == [(model, OPTIONS.row_tokens, ACCELERATOR.autocast, rounds._ranks)] * len(losses)
    reward = found[0][1]["reward"]
    assert [decided for decided, _ in found] == pytest.approx([1 - reward, 1 - reward, 2 - reward, 1 - reward])
    rounds.close()


@pytest.mark.parametrize("number", [1, 2, 3, 4, 10, 57, 400])
def test_the_rate_is_at_its_peak_in_the_second_round_and_not_before(number):
    options = OPTIONS.model_copy(update={"rounds": number})
    found = optimisation(options)
    rates = [learning_rate_at(step, number, 1.0, found.warmup_fraction) for step in range(1, number + 1)]
    assert rates[:2] == ([1.0] if number == 1 else [0.5, 1.0])
    assert all(rate < 1 for rate in rates[2:])
    for key in ("learning_rate", "clip_norm", "row_tokens", "evaluations", "checkpoint_minutes", "compile"):
        assert getattr(found, key) == getattr(options, key)


def trained_reward(
    model, monkeypatch, history, best, measures=None, max_tokens=256, teacher=None, parameters=None, **options
):
    """What ``train_reward`` gives rounds and the training loop, and its result; the loop says that a round was best."""
    given = {}

    class Told(RewardRounds):
        def __init__(self, *arguments):
            given["told"] = arguments
            super().__init__(*arguments)

    def train(accelerator, rounds, parameters, settings, **others):
        given.update(others, accelerator=accelerator, rounds=rounds, parameters=parameters, settings=settings)
        given["seed"] = torch.initial_seed()
        if history is None:
            raise KeyboardInterrupt
        rounds.history.extend({"round": place, "reward": value} for place, value in enumerate(history))
        return SimpleNamespace(steps=7, best_step=best)

    monkeypatch.setattr(reward, "train", train)
    monkeypatch.setattr(reward, "RewardRounds", Told)
    try:
        result = reward.train_reward(
            ACCELERATOR, model, PROMPT, parameters or trainable_parameters(model), measures or [measure()], PROGRAMS,
            LANGUAGES, OPTIONS, max_tokens, SEED, "folder", teacher, **options,
        )  # fmt: skip
    except KeyboardInterrupt:
        result = None
    return given, result


@pytest.mark.parametrize("parameters_of", [trainable_parameters, factor_parameters])
def test_what_is_to_be_trained_is_trained_and_nothing_else(model, monkeypatch, parameters_of):
    model.requires_grad_(True)
    parameters = parameters_of(model)
    given, result = trained_reward(model, monkeypatch, [0.1, 0.5, 0.3], 1, parameters=parameters)
    wanted = set(parameters)
    assert len(wanted) == 2 * (4 + (parameters_of is trainable_parameters))
    assert given["parameters"] is parameters
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == wanted
    assert given["seed"] == seed_of(SEED, "reward")
    assert (result.rounds, result.best_round, result.best_reward) == (7, 1, 0.5)
    assert [entry["reward"] for entry in result.history] == [0.1, 0.5, 0.3]


def test_rounds_and_loop_get_what_the_training_was_given(model, monkeypatch):
    teacher, rates = Answers([], 0.5), dict
    given, _ = trained_reward(model, monkeypatch, [0.1], 0, teacher=teacher, rates=rates)
    accelerator, own, sampler, _, *others = given["told"]
    assert accelerator is given["accelerator"] is ACCELERATOR
    assert own is model
    assert sampler.prompt is PROMPT
    assert sampler._options is OPTIONS
    for found, expected in zip(others, (PROGRAMS, LANGUAGES, OPTIONS, SEED, teacher, rates), strict=True):
        assert found is expected
    assert (given["total_steps"], given["learning_rate"]) == (OPTIONS.rounds, OPTIONS.learning_rate)
    assert given["settings"] == optimisation(OPTIONS)
    assert given["folder"] == "folder"
    # Messages about a rate that is too high name a key of the recipe.
    section, key = given["rate_key"].split(".")
    assert section == given["name"]
    assert key in Recipe.model_fields[section].annotation.model_fields


@pytest.mark.parametrize("history", [[0.1, 0.2], None])
def test_what_was_written_ahead_is_let_go_of_however_the_training_ends(model, monkeypatch, history):
    given, _ = trained_reward(model, monkeypatch, history, 0)
    given["rounds"]._sampler = Scripted()
    with pytest.raises(RuntimeError, match="after shutdown"):
        given["rounds"]._begin(1)


def test_tasks_are_drawn_if_the_longest_program_fits_behind_their_prompt(model, monkeypatch):
    lengths = sorted(len(task.prompt_ids) for task in tasks("codebleu") + tasks("other"))
    longest = lengths[0]
    assert longest < lengths[-1]
    max_tokens = longest + OPTIONS.max_new_tokens
    given, _ = trained_reward(model, monkeypatch, [0.1], 0, [measure(), measure("other")], max_tokens)
    for own in given["rounds"]._measures:
        assert own.training == [task for task in tasks(own.name) if len(task.prompt_ids) <= longest]
        assert own.validation == [task for task in tasks(own.name, 3) if len(task.prompt_ids) <= longest]
    assert max(len(task.prompt_ids) for own in given["rounds"]._measures for task in own.training) == longest


@pytest.mark.parametrize(("best", "passed_over"), [(0, 2), (1, 0), (3, 1)])
@pytest.mark.parametrize("keeps", [True, False])
def test_states_that_were_better_and_lost_too_much_are_counted(model, monkeypatch, capfd, best, passed_over, keeps):
    teacher = Answers([], 0.75) if keeps else None
    trained_reward(model, monkeypatch, [0.1, 0.5, 0.1, 0.3], best, teacher=teacher)
    said = capfd.readouterr().err
    assert (f"reward: {passed_over} states with a higher reward were not taken" in said) == bool(keeps and passed_over)
    assert ("0.75 nats" in said) == bool(keeps and passed_over)


def told_by_document(rows):
    """Trained tokens of each document that rows hold, with all that a row says of them."""
    found = []
    for row in rows:
        positions, labels, weights, temperatures, old, programs, answers, states = row.tensors_N
        assert sorted([*programs.tolist(), *answers.tolist()]) == list(range(len(positions)))
        assert len(states) == len(answers)
        own, state = {}, iter(states)
        ends = row.batch.cu_seqlens_D1[1:].tolist()
        for place, position in enumerate(positions.tolist()):
            document = next(index for index, end in enumerate(ends) if position < end)
            assert row.batch.input_ids_1T[0, position + 1] == labels[place]
            said = [labels[place].item(), round(weights[place].item(), 4), round(temperatures[place].item(), 4)]
            said.append(str(old[place].item()) if len(old) else None)
            said.append(next(state).tolist() if place in answers.tolist() else None)
            own.setdefault(document, []).append(said)
        starts = [0, *ends]
        for document, tokens in own.items():
            ids = row.batch.input_ids_1T[0, starts[document] : ends[document]].tolist()
            assert ids[-len(tokens) :] == [token[0] for token in tokens]
            found.append(str((ids, [token[1:] for token in tokens])))
    return found


@pytest.mark.parametrize("off_policy", [False, True])
@pytest.mark.parametrize("loss", [None, "likelihood", "kl"])
def test_rows_hold_each_document_once_with_what_its_loss_needs(model, off_policy, loss):
    answers = [
        replace(task.reference, ids=[i % 250 + 1 for i in task.reference.ids], num_prompt_tokens=1, language="base")
        for task in tasks("answer", 5)
    ]
    states = [
        torch.arange(4) + 10.0 * place + torch.arange(len(answer.ids) - answer.num_prompt_tokens)[:, None] / 8
        for place, answer in enumerate(answers)
    ]
    teacher = None
    if loss is not None:
        teacher = Teacher(Kept(answers, answers[:1], KeepRecipe(loss=loss, weight=0.5, share=0.4)), states)
    measures = [measure("a", 3.0), measure("b", 2.0)]
    rounds = rounds_of(model, Scripted(), measures, teacher, row_tokens=400)
    rewards = {"a": [1.0, 0.0, 0.5, 0.5], "b": [0.2, 0.6]}  # of two and of one task; one teaches nothing
    groups = [
        [
            Sample(
                own.training[place // 2],
                Generation([40 + place, 50 + place], [], place % 3 != 0),
                Judgement(value, True, 0.0),
                torch.arange(3.0 if place % 3 else 2.0) + place if off_policy else None,
            )
            for place, value in enumerate(rewards[own.name])
        ]
        for own in measures
    ]
    rows = rounds.rows(groups, number=2)
    expected = []
    for own, samples in zip(measures, groups, strict=True):
        documents = weighted_documents(samples, OPTIONS, PROMPT.stop_ids[0], own.weight)
        for document, weight, heat, old in zip(
            documents.encoded, documents.weights.tolist(), documents.temperatures.tolist(), documents.old_losses,
            strict=True,
        ):  # fmt: skip
            number = len(document.ids) - document.num_prompt_tokens
            olds = [None] * number
            if off_policy:
                olds = [str(value) for value in old.tolist()] if old is not None else ["nan"] * number
            expected.append(str((document.ids, [[round(weight, 4), round(heat, 4), value, None] for value in olds])))
    found = Counter(told_by_document(rows))
    more = found - Counter(expected)
    assert not Counter(expected) - found
    possible = [
        str((answer.ids, [[0.5 * OPTIONS.samples, 1.0, "nan" if off_policy else None, value] for value in (
            own.tolist() if loss == "kl" else [None] * len(own))]))
        for answer, own in zip(answers, states, strict=True)
    ]  # fmt: skip
    assert len(set(possible)) == len(answers)
    # Two fifths of three tasks and two answers.
    places = [] if loss is None else drawn(len(answers), 2, seed_of(SEED, "answers"), 2)
    assert more == Counter(possible[place] for place in places)
    if loss is None:  # the same documents, in another order
        again = told_by_document(rounds.rows(groups, number=3))
        assert Counter(again) == found
        assert again != told_by_document(rows)
    rounds.close()
