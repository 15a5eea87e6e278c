"""Runs vLLM behind the server, with the same interface as ``serve.engine``.

    submit -> queue -> [one of num_slots is free: vLLM has it] -> tokens -> finished, cancelled or lost

vLLM batches, caches and runs the model in its own processes. One thread here runs the event loop that communicates with
them. Listeners are called on this thread and must not block. vLLM does not report the experts of a token, so they are
not available.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from moesaic.errors import ModelError
from moesaic.serve.engine import Engine, EngineFullError, Reason, Sampling, Statistics, Ticket, Token

_log = logging.getLogger("moesaic.serve")

_START_SECONDS = 1800.0
"""Maximum time to start, for a large model that is read from a slow disk, compiled and captured."""


class Backend(Protocol):
    """The part that generates tokens. It is made, used and shut down on one event loop."""

    @property
    def is_alive(self) -> bool:
        """False once the backend has failed. It can be read from any thread."""
        ...

    def generate(
        self, prompt: Sequence[int], sampling: Sampling, stop_ids: Sequence[int], name: str
    ) -> AsyncGenerator[list[tuple[int, float]], None]:
        """Yields tokens with their log probabilities in nats as they come; ends at a stop token, which it may yield."""
        ...

    def shutdown(self) -> None:
        """Ends the backend."""
        ...


class VllmEngine:
    """Answers requests with vLLM; see ``serve.engine.Engine``, whose interface it has.

    Args:
        start: Makes the backend; it is called on the thread of the event loop while the loop runs.
        stop_ids: Ids of tokens that end an answer.
        num_slots: Maximum number of requests that vLLM has at the same time.
        capacity: Maximum number of tokens of a request, prompt and answer together.
        queue_size: Maximum number of waiting requests.

    Raises:
        ModelError: The backend did not start.
    """

    traces = False
    """Tokens are never returned with their experts."""

    compares = False
    """The base cannot answer, because vLLM runs the experts with every request."""

    def __init__(
        self,
        start: Callable[[], Backend],
        stop_ids: Sequence[int],
        num_slots: int = 8,
        capacity: int = 2048,
        queue_size: int = 64,
    ) -> None:
        self.capacity, self.num_slots, self.queue_size = capacity, num_slots, queue_size
        self.statistics = Statistics(steps=None, busy_seconds=None)
        self.num_active = 0
        self._start, self._stop_ids = start, tuple(stop_ids)
        self._tickets: dict[Ticket, asyncio.Task[Reason] | None] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._stopped: asyncio.Event
        self._slots: asyncio.Semaphore
        self._backend: Backend
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="moesaic-vllm", daemon=True)
        self._thread.start()
        if not started.wait(_START_SECONDS) or self._failure is not None:
            said = f"{type(self._failure).__name__}: {self._failure}" if self._failure else "it took half an hour"
            raise ModelError(f"vLLM did not start ({said:.500}); its own messages are above (--engine)")

    @property
    def num_waiting(self) -> int:
        """Number of requests in the queue."""
        return max(0, len(self._tickets) - self.num_active)

    @property
    def is_alive(self) -> bool:
        """False once the engine was closed or has failed."""
        return self._thread.is_alive() and self._failure is None and self._backend.is_alive

    def submit(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        on_token: Callable[[Token], None],
        on_end: Callable[[Reason], None],
    ) -> Ticket:
        """Queues a request; see ``Engine.submit``."""
        if not 0 < len(prompt) < self.capacity:
            raise ModelError(f"the prompt has {len(prompt):,} tokens; 1 to {self.capacity - 1:,} are allowed here")
        ticket = _Ticket(prompt, sampling, on_token, on_end)
        with self._changed:
            if self._closing or not self.is_alive:
                raise EngineFullError("the server is shutting down")
            if len(self._tickets) >= self.num_slots + self.queue_size:
                raise EngineFullError(f"{self.num_waiting} requests are waiting already")
            self._tickets[ticket] = None
            ticket.on_cancel = lambda: self._call(self._cancel, ticket)
            self._call(self._begin, ticket)  # before it can be cancelled
        return ticket

    def close(self, timeout: float | None = None) -> None:
        """Stops accepting requests, and returns when all accepted requests are answered.

        Args:
            timeout: Time in seconds after which the remaining requests are cancelled; None to wait for all.
        """
        with self._changed:
            self._closing = True
            if not self._changed.wait_for(lambda: not self._tickets, timeout):
                for ticket in list(self._tickets):
                    self._call(self._cancel, ticket)
                self._changed.wait_for(lambda: not self._tickets)
        self._call(lambda: self._stopped.set())
        self._thread.join()

    def _call(self, function: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it every request
            self._loop.call_soon_threadsafe(function, *args)

    def _run(self, started: threading.Event) -> None:
        # Ctrl-C reaches every process of the terminal, but this process ends the engine, after the last answer. The
        # processes of the engine inherit the signal mask of the thread that starts them.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve(started))
        except BaseException as error:
            self._failure = self._failure or error
            started.set()
        finally:
            for ticket in list(self._tickets):
                self._end(ticket, "error")

    async def _serve(self, started: threading.Event) -> None:
        self._stopped, self._slots = asyncio.Event(), asyncio.Semaphore(self.num_slots)
        self._backend = self._start()
        started.set()
        try:
            await self._stopped.wait()
        finally:
            self._backend.shutdown()

    def _begin(self, ticket: Ticket) -> None:
        task = self._loop.create_task(self._answer(ticket))
        self._tickets[ticket] = task

        def ended(task: asyncio.Task[Reason]) -> None:
            if task.cancelled():
                self._end(ticket, "cancelled")
            elif (error := task.exception()) is not None:
                if not self._backend.is_alive:  # it will not recover; other errors concern one request
                    self._failure = error
                    self._stopped.set()
                _log.error(json.dumps({"error": "vLLM gave no answer", "kind": type(error).__name__}))
                self._end(ticket, "error")
            else:
                self._end(ticket, task.result())

        task.add_done_callback(ended)

    def _cancel(self, ticket: Ticket) -> None:
        task = self._tickets.get(ticket)
        if task is not None:
            task.cancel()

    async def _answer(self, ticket: Ticket) -> Reason:
        async with self._slots:
            self.num_active += 1
            try:
                return await self._tokens(ticket)
            finally:
                self.num_active -= 1

    async def _tokens(self, ticket: Ticket) -> Reason:
        self._number += 1
        most = min(ticket.sampling.max_new_tokens, self.capacity - len(ticket.prompt))
        stream = self._backend.generate(ticket.prompt, ticket.sampling, self._stop_ids, str(self._number))
        async with contextlib.aclosing(stream) as pieces:
            async for tokens in pieces:
                if not ticket.started:
                    ticket.started = time.monotonic()
                    self.statistics.prompt_tokens += len(ticket.prompt)
                for number, logprob in tokens:
                    if number in self._stop_ids:
                        return "stop"
                    ticket.num_tokens += 1
                    self.statistics.tokens += 1
                    ticket.on_token(Token(number, logprob))
                    if ticket.num_tokens >= most:
                        return "length"
        return "length"

    def _end(self, ticket: Ticket, reason: Reason) -> None:
        ticket.reason, ticket.finished = reason, time.monotonic()
        self.statistics.ended[reason] = self.statistics.ended.get(reason, 0) + 1
        with self._changed:
            self._tickets.pop(ticket, None)
            self._changed.notify_all()
        ticket.on_end(reason)


AnyEngine = Engine | VllmEngine


class _Ticket(Ticket):
    """A ticket that is cancelled on the engine's event loop."""

    on_cancel: Callable[[], None] = staticmethod(lambda: None)

    def cancel(self) -> None:
        """Asks the engine to drop the request."""
        super().cancel()
        self.on_cancel()


def start_vllm(folder: Path, num_slots: int, capacity: int, dtype: str, drain_seconds: float) -> Backend:
    """Starts vLLM on a folder of ``moesaic export --format vllm``. Call it on a running event loop.

    Args:
        folder: The export.
        num_slots: Maximum number of requests at the same time.
        capacity: Maximum number of tokens of a request.
        dtype: Type of the weights: ``auto`` (bfloat16 on a GPU, float32 on a CPU), ``float32`` or ``bfloat16``.
        drain_seconds: Maximum time in seconds to finish accepted requests at the end.
    """
    _set_defaults()
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.async_llm import AsyncLLM

    on_cpu = current_platform.is_cpu()
    arguments = AsyncEngineArgs(
        model=str(folder),
        dtype={"auto": "float32" if on_cpu else "bfloat16"}.get(dtype, dtype),
        max_model_len=capacity,
        max_num_seqs=num_slots,
        skip_tokenizer_init=True,  # prompts come as tokens, answers leave as tokens
        enforce_eager=on_cpu,  # compiling takes minutes on a CPU
        shutdown_timeout=round(drain_seconds),
        enable_log_requests=False,
        disable_log_stats=True,
    )
    return _Vllm(AsyncLLM.from_engine_args(arguments))


def _set_defaults() -> None:
    """Sets vLLM's defaults for logging, usage statistics and starting processes; called before vLLM is imported."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_WORKER_MULTIPROCESSING_METHOD", "spawn")  # a fork of a process with threads may hang


def vllm_seed(seed: int) -> int:
    """Returns vLLM's seed for a request's seed: vLLM takes -1 for no seed, and supports no more than 64 bits."""
    return seed % 2**63


class _Vllm:
    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def is_alive(self) -> bool:
        return not self._engine.errored  # also if one of its processes ended while it was idle

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling, stop_ids: Sequence[int], name: str
    ) -> AsyncGenerator[list[tuple[int, float]], None]:
        from vllm import SamplingParams, TokensPrompt
        from vllm.sampling_params import RequestOutputKind

        wanted = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=vllm_seed(sampling.seed),
            max_tokens=sampling.max_new_tokens,
            stop_token_ids=list(stop_ids),
            ignore_eos=True,  # the stop tokens are given
            logprobs=0,  # of the chosen token
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )
        async for output in self._engine.generate(TokensPrompt(prompt_token_ids=list(prompt)), wanted, name):
            made = output.outputs[0]
            yield [
                (token, logprobs[token].logprob)
                for token, logprobs in zip(made.token_ids, made.logprobs or (), strict=True)
            ]

    def shutdown(self) -> None:
        self._engine.shutdown()
