"""The queue in front of vLLM: order, limits, cancelling, loss and end, with a backend that does what it is told."""

import asyncio
import json
import signal
import threading
import urllib.error
import urllib.request

import pytest
from running import NAME, running, until
from test_engine import Listener, submit

from moesaic.errors import ModelError
from moesaic.serve.engine import EngineFullError, Sampling
from moesaic.serve.vllm_engine import VllmEngine, vllm_seed

STOP = 99


class Backend:
    """Says prompt[0] + 1, + 2, ...; two tokens a piece where asked, and only while it is let."""

    def __init__(self, held=False, piece=1):
        self.go = threading.Event()
        if not held:
            self.go.set()
        self.piece, self.running, self.most, self.closed = piece, 0, 0, 0
        self.is_shut, self.is_alive = False, True
        self.fails, self.refuses = False, None

    async def generate(self, prompt, sampling, stop_ids, name):
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for number in range(0, 1000, self.piece):
                while not self.go.is_set():
                    await asyncio.sleep(0.001)
                if prompt[0] == self.refuses:
                    raise ValueError("a prompt that it does not take")
                if self.fails:
                    self.is_alive = False
                    raise RuntimeError("the engine is dead")
                yield [(prompt[0] + 1 + number + k, -float(k)) for k in range(self.piece)]
        finally:
            self.running -= 1
            self.closed += 1

    def shutdown(self):
        self.is_shut = True


@pytest.fixture
def made():
    engines = []

    def make(backend=None, **options):
        backend = backend or Backend()
        engines.append(VllmEngine(lambda: backend, [STOP], **options))
        return engines[-1], backend

    yield make
    for engine in engines:
        engine.close(0)


@pytest.mark.parametrize("seed", [-1, -(2**63), 0, 7, 2**63 - 1, 2**63 + 15])
def test_every_seed_is_one_to_vllm(seed):
    assert 0 <= vllm_seed(seed) < 2**63  # -1 would be a new one for every answer
    assert vllm_seed(seed) == seed or not 0 <= seed < 2**63


@pytest.mark.parametrize("piece", [1, 2])
def test_answers_end_at_a_stop_token_or_the_limit(made, piece):
    engine, backend = made(Backend(piece=piece), num_slots=2)
    stopped, cut = submit(engine, [95]), submit(engine, [5, 6], max_new_tokens=3)
    assert (stopped.wait(), stopped.reason) == ([96, 97, 98], "stop")
    assert (cut.wait(), cut.reason) == ([6, 7, 8], "length")
    assert [token.logprob for token in cut.tokens][:2] == ([0.0, 0.0] if piece == 1 else [0.0, -1.0])
    assert cut.tokens[0].route is None
    until(lambda: backend.running == 0)
    assert engine.statistics.tokens == 6
    assert engine.statistics.prompt_tokens == 3
    assert engine.statistics.ended == {"stop": 1, "length": 1}
    assert engine.statistics.steps is None


def test_an_answer_ends_with_the_context(made):
    engine, _ = made(capacity=8)
    answer = submit(engine, [1, 2, 3, 4, 5, 6])
    assert (answer.wait(), answer.reason) == ([2, 3], "length")
    with pytest.raises(ModelError, match="8 tokens; 1 to 7"):
        submit(engine, list(range(8)))


def test_no_more_than_the_slots_run_and_the_queue_is_bounded(made):
    engine, backend = made(Backend(held=True), num_slots=2, queue_size=3)
    answers = [submit(engine, [n], max_new_tokens=1) for n in range(5)]
    until(lambda: engine.num_active == 2)
    assert engine.num_waiting == 3
    with pytest.raises(EngineFullError, match="3 requests are waiting"):
        submit(engine, [5])
    backend.go.set()
    assert [answer.wait() for answer in answers] == [[n + 1] for n in range(5)]
    assert backend.most == 2
    until(lambda: engine.num_active == 0)
    assert engine.num_waiting == 0


def test_what_is_cancelled_leaves_at_once_wherever_it_is(made):
    engine, backend = made(Backend(held=True), num_slots=1)
    runs, waits, stays = (submit(engine, [n], max_new_tokens=2) for n in (1, 2, 3))
    until(lambda: backend.running == 1)
    waits.ticket.cancel()
    assert (waits.wait(), waits.reason) == ([], "cancelled")
    runs.ticket.cancel()
    assert (runs.wait(), runs.reason) == ([], "cancelled")
    until(lambda: backend.running == 1)  # the third has the slot
    assert backend.closed == 1
    backend.go.set()
    assert stays.wait() == [4, 5]
    stays.ticket.cancel()  # nothing happens to one that has ended
    assert stays.reason == "length"


def test_a_dead_backend_is_said_to_everybody(made):
    engine, backend = made(Backend(held=True), num_slots=1)
    answers = [submit(engine, [n]) for n in range(3)]
    until(lambda: backend.running == 1)
    backend.fails = True
    backend.go.set()
    for answer in answers:
        answer.wait()
    assert answers[0].reason == "error"
    assert {answer.reason for answer in answers} <= {"error", "cancelled"}
    until(lambda: not engine.is_alive)
    with pytest.raises(EngineFullError, match="shutting down"):
        submit(engine, [1])
    assert backend.is_shut


def test_a_request_that_is_refused_ends_alone(made):
    engine, backend = made(num_slots=1)
    backend.refuses = 7
    refused, taken = submit(engine, [7]), submit(engine, [8], max_new_tokens=2)
    refused.wait()
    taken.wait()
    assert (refused.reason, taken.reason) == ("error", "length")
    assert engine.is_alive
    assert not backend.is_shut


def test_a_backend_that_ends_while_nobody_asks_is_noticed():
    with running(like_vllm=True) as server:
        assert urllib.request.urlopen(f"{server.url}/healthz").status == 200
        server.service.engine._backend.is_alive = False
        for path in ("healthz", "readyz"):
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(f"{server.url}/{path}")
        with pytest.raises(EngineFullError, match="shutting down"):
            submit(server.service.engine, [1])


def test_closing_answers_what_was_accepted(made):
    engine, backend = made(Backend(held=True), num_slots=1)
    answers = [submit(engine, [n], max_new_tokens=2) for n in range(3)]
    threading.Timer(0.2, backend.go.set).start()
    engine.close(30)
    assert [answer.reason for answer in answers] == ["length"] * 3
    assert backend.is_shut
    assert not engine.is_alive
    with pytest.raises(EngineFullError):
        submit(engine, [1])


def test_closing_does_not_wait_for_ever(made):
    engine, backend = made(Backend(held=True), num_slots=1)
    answers = [submit(engine, [n]) for n in range(2)]
    engine.close(0.1)
    assert [answer.reason for answer in answers] == ["cancelled"] * 2
    assert backend.is_shut


def test_a_backend_that_does_not_start_is_named():
    def start():
        raise RuntimeError("no memory for the cache")

    with pytest.raises(ModelError, match=r"vLLM did not start \(RuntimeError: no memory for the cache\)"):
        VllmEngine(start, [STOP])


def test_its_processes_are_spared_ctrl_c(made):
    masks = []

    def start():
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        return Backend()

    VllmEngine(start, [STOP]).close(1)
    assert signal.SIGINT in masks[0]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_server_in_front_is_the_same_but_for_traces():
    def post(body):
        request = urllib.request.Request(
            f"{found.url}/v1/chat/completions",
            json.dumps(
                {"model": NAME, "messages": [{"role": "user", "content": "Sum"}], "max_tokens": 8, **body}
            ).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    with running() as found:
        expected = post({"language": "java"})
    with running(like_vllm=True) as found:
        answer = post({"language": "java"})
        assert answer["choices"] == expected["choices"]
        assert answer["usage"] == expected["usage"]
        for param in ("trace", "base"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post({param: True})
            assert refused.value.code == 400
            error = json.load(refused.value)["error"]
            assert (error["param"], error["message"].split(":")[1]) == (param, f" leave {param} out")
        with urllib.request.urlopen(f"{found.url}/v1/models", timeout=60) as models:
            assert json.load(models)["data"][0]["moesaic"]["traces"] is False
        with urllib.request.urlopen(f"{found.url}/metrics", timeout=60) as metrics:
            text = metrics.read().decode()
        assert 'moesaic_requests_total{reason="length"} 1.0' in text
        assert "moesaic_tokens_total 8.0" in text
        assert "moesaic_steps" not in text


def test_sampling_is_the_request_s(made):
    seen = []

    class Noting(Backend):
        def generate(self, prompt, sampling, stop_ids, name):
            seen.append((prompt, sampling, stop_ids, name))
            return super().generate(prompt, sampling, stop_ids, name)

    engine, _ = made(Noting())
    wanted = Sampling(max_new_tokens=1, temperature=0.7, top_p=0.5, seed=3)
    listener = Listener()
    engine.submit([7], wanted, listener.on_token, listener.on_end)
    listener.wait()
    assert seen == [([7], wanted, (STOP,), "1")]
