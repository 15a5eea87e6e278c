"""Continuous batching: what a request is answered is what it would be answered alone; slots come and go."""

import threading

import pytest
import torch
from running import held

from moesaic.errors import ModelError
from moesaic.model.decode.generate import generate
from moesaic.model.decode.sampling import sample_rows
from moesaic.model.moe import compose, force_base
from moesaic.serve.engine import MOST_BASE_SLOTS, Engine, EngineFullError, Sampling, Ticket
from moesaic.serve.lanes import RowBatch
from pico import pico_llama, random_experts, random_gates

PROMPTS = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14], [15, 16], [17, 18, 19, 20], [21]]


@pytest.fixture
def model():
    base = pico_llama()
    compose(base, random_experts(base), "top_k", 2)
    random_gates(base)
    return base


class Listener:
    """Collects what the engine says of one request."""

    def __init__(self):
        self.tokens, self.reason = [], None
        self.first, self.ended = threading.Event(), threading.Event()

    def on_token(self, token):
        self.tokens.append(token)
        self.first.set()

    def on_end(self, reason):
        self.reason = reason
        self.ended.set()

    def wait(self):
        assert self.ended.wait(60), "the request was not answered"
        return [token.id for token in self.tokens]


def submit(engine, prompt, **options):
    listener = Listener()
    listener.ticket = engine.submit(prompt, Sampling(**options), listener.on_token, listener.on_end)
    return listener


@pytest.mark.parametrize("num_slots", [1, 2, 8])
@pytest.mark.parametrize("temperature", [0.0, 1.1])
def test_answers_are_those_of_each_prompt_alone(model, num_slots, temperature):
    stop = 33
    alone = [  # first, since the engine then owns the model
        generate(model, [prompt], 4 + 5 * index, [stop], temperature=temperature, seed=index)[0]
        for index, prompt in enumerate(PROMPTS)
    ]
    engine = Engine(model, [stop], num_slots=num_slots)
    listeners = [
        submit(engine, prompt, max_new_tokens=4 + 5 * index, temperature=temperature, seed=index)
        for index, prompt in enumerate(PROMPTS)
    ]
    for expected, listener in zip(alone, listeners, strict=True):
        assert listener.wait() == expected.ids
        assert [token.logprob for token in listener.tokens] == pytest.approx(expected.logprobs, abs=1e-4)
        assert listener.reason == ("stop" if expected.stopped else "length")
    engine.close()
    assert engine.statistics.tokens == sum(len(listener.tokens) for listener in listeners)
    assert sum(engine.statistics.ended.values()) == len(PROMPTS)


def test_greedy_and_sampled_requests_share_a_batch(model):
    asked = [{"temperature": 0.0}, {"temperature": 0.9, "seed": 3}, {"temperature": 1.2, "top_p": 0.5, "seed": 4}]
    alone = [generate(model, [PROMPTS[0]], 20, [], **options)[0] for options in asked]
    engine = Engine(model, [], num_slots=4)
    listeners = [submit(engine, PROMPTS[0], max_new_tokens=20, **options) for options in asked]
    for expected, listener in zip(alone, listeners, strict=True):
        assert listener.wait() == expected.ids
    engine.close()


def test_equal_prompts_are_run_once(model, monkeypatch):
    prompts = [PROMPTS[2], PROMPTS[0], PROMPTS[2], PROMPTS[3], PROMPTS[0], PROMPTS[2]]
    asked = [{"temperature": 1.1, "seed": seed, "max_new_tokens": 8 + seed} for seed in range(len(prompts))]
    alone = [
        generate(model, [prompt], stop_ids=[], **options)[0] for prompt, options in zip(prompts, asked, strict=True)
    ]
    traced = generate(model, [PROMPTS[2]], stop_ids=[], trace=True, **asked[2])[0].trace
    lengths = []
    prefill = RowBatch._prefill
    monkeypatch.setattr(
        RowBatch, "_prefill", lambda self, ids_T, *rest: (lengths.append(len(ids_T)), prefill(self, ids_T, *rest))[1]
    )
    engine = Engine(model, [], num_slots=8)
    with engine._changed:  # so that all of them are there when it looks
        listeners = [
            submit(engine, prompt, trace=number == 2, **options)
            for number, (prompt, options) in enumerate(zip(prompts, asked, strict=True))
        ]
    for expected, listener in zip(alone, listeners, strict=True):
        assert listener.wait() == expected.ids
        assert [token.logprob for token in listener.tokens] == pytest.approx(expected.logprobs, abs=1e-4)
    assert lengths == [sum(len(prompt) for prompt in PROMPTS[:4]) - len(PROMPTS[1])]
    for token, expected in zip(listeners[2].tokens, traced, strict=True):
        assert token.route[0] == expected.experts_LK
    engine.close()


def test_requests_start_in_the_order_in_which_they_came(model):
    engine = Engine(model, [], num_slots=2, queue_size=64)
    listeners = [submit(engine, prompt, max_new_tokens=30 - number) for number, prompt in enumerate(4 * PROMPTS)]
    for listener in listeners:
        listener.wait()
    started = [listener.ticket.started for listener in listeners]
    assert started == sorted(started)
    engine.close()


def test_a_row_that_keeps_everything_loses_nothing_beside_one_that_does_not(model):
    batch = RowBatch(model, 2, 32, False)
    asked = [Sampling(temperature=1.0, top_p=1.0), Sampling(temperature=1.0, top_p=0.5)]
    batch.set_rows([Ticket([5], sampling, print, print) for sampling in asked])
    assert batch.kind == "nucleus"
    # One likely token, and fifty whose weights vanish beside it in a sum of float32.
    logits_BV = torch.full((2, 51), -20.7)
    logits_BV[:, 0] = 0.0
    uniforms_B = torch.full((2,), 1 - 1e-9, dtype=torch.double)
    ids_B, _ = sample_rows(logits_BV, uniforms_B, batch.temperature_B, batch.top_p_B, batch.kind)
    alone_B, _ = sample_rows(logits_BV, uniforms_B, batch.temperature_B, torch.ones(2), "plain")
    assert ids_B[0] == alone_B[0] > 0
    assert ids_B[1] == 0


def test_a_trace_names_experts_of_every_layer(model):
    (alone,) = generate(model, [PROMPTS[0]], 5, [], trace=True)
    engine = Engine(model, [])
    traced = submit(engine, PROMPTS[0], max_new_tokens=5, trace=True)
    plain = submit(engine, PROMPTS[1], max_new_tokens=5)
    traced.wait(), plain.wait()
    for token, expected in zip(traced.tokens, alone.trace, strict=True):
        assert token.route[0] == expected.experts_LK
        assert token.route[1] == [pytest.approx(weights, abs=1e-5) for weights in expected.weights_LK]
    assert all(token.route is None for token in plain.tokens)
    engine.close()


def test_the_base_answers_beside_the_experts(model):
    with force_base(model):
        base = [generate(model, [prompt], 6 + 2 * index, [33])[0] for index, prompt in enumerate(PROMPTS)]
    routed = [generate(model, [prompt], 6 + 2 * index, [33])[0] for index, prompt in enumerate(PROMPTS)]
    assert [each.ids for each in base] != [each.ids for each in routed]
    engine = Engine(model, [33], num_slots=8)
    pairs = [
        [
            submit(engine, prompt, max_new_tokens=6 + 2 * index, as_base=as_base, trace=not as_base)
            for as_base in (True, False)
        ]
        for index, prompt in enumerate(PROMPTS)
    ]
    for (ours, theirs), alone, together in zip(pairs, base, routed, strict=True):
        assert ours.wait() == alone.ids
        assert [token.logprob for token in ours.tokens] == pytest.approx(alone.logprobs, abs=1e-4)
        assert theirs.wait() == together.ids
        assert all(token.route is None for token in ours.tokens)
        assert all(token.route is not None for token in theirs.tokens)
    engine.close()
    assert engine.compares


def test_requests_for_the_base_hold_nobody_up(model):
    engine = Engine(model, [], num_slots=8)
    submitted, looked_at = threading.Event(), threading.Event()
    first, routed = Listener(), Listener()

    def on_token(token):
        first.on_token(token)
        submitted.wait(250)

    def on_end(reason):
        routed.on_end(reason)
        looked_at.wait(250)

    sampling = Sampling(max_new_tokens=200, as_base=True)
    first.ticket = engine.submit([5, 6], sampling, on_token, first.on_end)
    base = [first, *(submit(engine, [5, 6], max_new_tokens=200, as_base=True) for _ in range(MOST_BASE_SLOTS + 1))]
    assert first.first.wait(60)
    engine.submit([7], Sampling(max_new_tokens=4), routed.on_token, on_end)
    submitted.set()
    assert len(routed.wait()) == 4
    assert all(listener.first.is_set() for listener in base[:MOST_BASE_SLOTS])
    assert not any(listener.ended.is_set() for listener in base)
    assert not base[-1].first.is_set(), "more of them than the base has slots"
    looked_at.set()
    for listener in base:
        listener.ticket.cancel()
        assert listener.ended.wait(60)
    engine.close()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_where_the_base_has_no_memory_its_requests_fail_and_the_others_go_on(model, monkeypatch, error):
    def full(*_):
        raise error

    engine = Engine(model, [], num_slots=2)
    running = submit(engine, [5], max_new_tokens=200)
    assert running.first.wait(60)
    monkeypatch.setattr("moesaic.serve.engine.Lane", full)
    base = submit(engine, [5], max_new_tokens=2, as_base=True)
    base.wait()
    assert base.reason == "error"
    assert len(running.wait()) == 200
    assert len(submit(engine, [5], max_new_tokens=2).wait()) == 2
    assert engine.is_alive
    assert not engine.compares
    with pytest.raises(ModelError, match="memory is full"):
        submit(engine, [5], as_base=True)
    engine.close()


def test_slots_for_the_base_that_fail_by_a_defect_are_told(model, monkeypatch):
    engine = Engine(model, [], num_slots=2)
    submit(engine, [5], max_new_tokens=2).wait()
    monkeypatch.setattr("moesaic.serve.engine.Lane", lambda *_: 1 / 0)
    with monkeypatch.context() as quiet:
        quiet.setattr(threading, "excepthook", lambda _: None)
        listener = submit(engine, [5], max_new_tokens=2, as_base=True)
        listener.wait()
        engine.close(1)
    assert listener.reason == "error"


def test_a_plain_model_has_no_base_beside_it():
    engine = Engine(pico_llama(), [], num_slots=1)
    assert not engine.compares
    with pytest.raises(ModelError, match="no experts"):
        submit(engine, [5], as_base=True)
    engine.close()


def test_a_cancelled_request_frees_its_slot(model):
    engine = Engine(model, [], num_slots=1, capacity=120)
    with held():
        long = submit(engine, PROMPTS[0], max_new_tokens=10_000)
        waiting = submit(engine, PROMPTS[1], max_new_tokens=3)
        dropped = submit(engine, PROMPTS[2], max_new_tokens=3)
        assert long.first.wait(60)
        dropped.ticket.cancel()
        long.ticket.cancel()
        assert len(long.wait()) <= 2, "one of the prompt, one of the step in which it was cancelled"
    assert len(waiting.wait()) == 3
    assert dropped.wait() == []
    assert (waiting.reason, dropped.reason, long.reason) == ("length", "cancelled", "cancelled")
    engine.close()


def test_the_queue_is_bounded(model):
    engine = Engine(model, [], num_slots=1, queue_size=2)
    hold = threading.Event()
    first = Listener()

    def on_token(token):
        first.on_token(token)
        hold.wait(60)

    engine.submit(PROMPTS[0], Sampling(max_new_tokens=2), on_token, first.on_end)
    assert first.first.wait(60)
    others = [submit(engine, PROMPTS[1], max_new_tokens=1) for _ in range(2)]
    with pytest.raises(EngineFullError, match="2 requests are waiting"):
        submit(engine, PROMPTS[1])
    hold.set()
    assert all(len(listener.wait()) == 1 for listener in others)
    engine.close()


def test_prompts_that_leave_no_room(model):
    engine = Engine(model, [], capacity=16)
    for prompt in ([], [5] * 16):
        with pytest.raises(ModelError, match="1 to 15 are allowed"):
            submit(engine, prompt)
    filled = submit(engine, [5] * 10, max_new_tokens=100)
    assert len(filled.wait()) == 6
    assert filled.reason == "length"
    engine.close()


def test_closing_answers_what_was_accepted_and_takes_no_more(model):
    engine = Engine(model, [], num_slots=2)
    listeners = [submit(engine, prompt, max_new_tokens=8) for prompt in PROMPTS]
    engine.close()
    assert all(len(listener.tokens) == 8 for listener in listeners)
    assert not engine.is_alive
    with pytest.raises(EngineFullError, match="shutting down"):
        submit(engine, PROMPTS[0])


def test_closing_in_a_hurry_cancels(model):
    engine = Engine(model, [], num_slots=1, capacity=100)
    with held():
        listeners = [submit(engine, prompt, max_new_tokens=10_000) for prompt in PROMPTS]
        engine.close(timeout=0.0)
    assert all(listener.ended.is_set() for listener in listeners)
    assert {listener.reason for listener in listeners} == {"cancelled"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failing_model_tells_everybody(model):
    engine = Engine(model, [], num_slots=1)

    def broken(_token):
        raise RuntimeError("a listener broke")

    ended = Listener()
    engine.submit(PROMPTS[0], Sampling(), broken, ended.on_end)
    waiting = submit(engine, PROMPTS[1])
    assert ended.wait() == []
    waiting.wait()
    assert (ended.reason, waiting.reason) == ("error", "error")
    with pytest.raises(EngineFullError):
        submit(engine, PROMPTS[0])
    engine.close()
