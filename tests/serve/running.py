"""A real server on a pico model and a free port of 127.0.0.1, in a thread; for tests."""

import asyncio
import contextlib
import copy
import threading
import time
from unittest import mock

from moesaic.data.prompts import PromptFormat
from moesaic.model.decode.streaming import stream_ids
from moesaic.model.moe import compose
from moesaic.serve.app import create_app
from moesaic.serve.connections import bind, server_for
from moesaic.serve.engine import Engine
from moesaic.serve.guard import Policy
from moesaic.serve.lanes import Lane
from moesaic.serve.talk import Service
from moesaic.serve.vllm_engine import VllmEngine
from pico import pico_llama, pico_tokenizer, random_experts, random_gates

EXPERTS = ("python", "java", "cpp")
NAME = "pico"


class PicoBackend:
    """What stands in for vLLM: the same tokens from moesaic's own generation, one at a time."""

    def __init__(self, model):
        self.model, self.is_running, self.is_alive = model, True, True

    async def generate(self, prompt, sampling, stop_ids, name):
        for token in stream_ids(copy.deepcopy(self.model), prompt, sampling.max_new_tokens, ()):
            yield [(token, -0.5)]
            if token in stop_ids:
                return
            await asyncio.sleep(0)

    def shutdown(self):
        self.is_running = False


def pico_service(context=2048, slots=4, queue=64, tokenizer=None, layers=2, like_vllm=False, **options):
    """What is served: a composed pico model whose answers come byte by byte."""
    tokenizer = tokenizer or pico_tokenizer()
    model = pico_llama(max_position_embeddings=context, num_hidden_layers=layers, vocab_size=len(tokenizer))
    compose(model, random_experts(model, EXPERTS), "top_k", 2)
    random_gates(model)
    own = copy.deepcopy(model)  # the engine changes its model while it has it
    prompts = PromptFormat(tokenizer)
    if like_vllm:
        engine = VllmEngine(lambda: PicoBackend(model), prompts.stop_ids, slots, context, queue)
    else:
        engine = Engine(model, prompts.stop_ids, slots, context, queue)
    service = Service(NAME, engine, prompts, len(tokenizer), EXPERTS, EXPERTS, layers, **options)
    return own, service


class Running:
    """A server that runs, and where."""

    def __init__(self, model, service, server, port):
        self.model, self.service, self.server, self.port = model, service, server, port
        self.url = f"http://127.0.0.1:{port}"

    def until_idle(self):
        """Waits until no request is in the engine."""
        engine = self.service.engine
        until(lambda: engine.num_active == 0 and engine.num_waiting == 0)


@contextlib.contextmanager
def held(steps=0):
    """While the block runs, engines make so many steps; then each waits until one of its requests is cancelled."""
    step, over, made = Lane.step, threading.Event(), []

    def waiting(lane):
        made.append(lane)
        if len(made) > steps:
            until(lambda: over.is_set() or any(ticket.cancelled.is_set() for ticket in lane.active), 250)
        return step(lane)

    with mock.patch.object(Lane, "step", waiting):
        try:
            yield
        finally:
            over.set()


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


@contextlib.contextmanager
def running(policy=None, drain_seconds=5, connections=None, **options):
    model, service = pico_service(**options)
    socket = bind("127.0.0.1", 0)
    app = create_app(service, policy or Policy(), drain_seconds)
    server = server_for(app, drain_seconds=drain_seconds, **(connections or {}))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield Running(model, service, server, socket.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(120)
        assert not thread.is_alive(), "the server did not end"
