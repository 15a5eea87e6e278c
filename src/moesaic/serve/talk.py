"""Runs one request: starts all of its choices or none, and passes their tokens to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from moesaic.data.prompts import PromptFormat
from moesaic.serve.answers import Choice, Piece, note_time, start
from moesaic.serve.engine import Reason, Sampling, Token
from moesaic.serve.metrics import Metrics
from moesaic.serve.prompting import Asked
from moesaic.serve.vllm_engine import AnyEngine


@dataclass(slots=True)
class Service:
    """The model that is served, and its engine.

    Attributes:
        name: Name of the model in requests.
        engine: The engine that answers.
        prompts: The prompt format of the model.
        vocabulary: Number of tokens in the model's vocabulary.
        experts: Names of the experts.
        languages: Languages of the experts.
        num_layers: Number of layers of the model.
        most_of_key: Maximum number of requests that a key (or, without keys, all clients together) may have at the same
            time; None for no limit.
        draining: True if the server is about to end.
    """

    name: str
    engine: AnyEngine
    prompts: PromptFormat
    vocabulary: int
    experts: Sequence[str]
    languages: Sequence[str]
    num_layers: int
    most_of_key: int | None = None
    draining: bool = False


class Talk:
    """Runs the choices of one request, all of them or none.

    Args:
        service: The model that is served, and its engine.
        metrics: The metrics to which times are added.
        asked: The prompts, one per choice.
        samplings: How tokens are chosen, for each choice.
        stops: Stop strings.
        release: Called once for each prompt, when it has ended or was not accepted.

    Raises:
        EngineFullError: The queue is full.
        ModelError: A prompt is empty or too long.
    """

    def __init__(
        self,
        service: Service,
        metrics: Metrics,
        asked: Sequence[Asked],
        samplings: Sequence[Sampling],
        stops: Sequence[str],
        release: Callable[[], None],
    ) -> None:
        self._service, self._metrics, self._stops = service, metrics, stops
        self.choices: list[Choice] = []
        self._queues: list[asyncio.Queue[Token | Reason]] = []
        self._watching: asyncio.Task[None] | None = None
        self._facts: dict[str, Any] = {}
        try:
            for each, sampling in zip(asked, samplings, strict=True):
                choice, queue = start(service.engine, each, sampling, release)
                self.choices.append(choice)
                self._queues.append(queue)
        except BaseException:
            self.cancel()
            for _ in asked[len(self.choices) :]:
                release()
            raise

    def cancel(self) -> None:
        """Cancels all choices, so that their slots become free."""
        for choice in self.choices:
            assert choice.ticket is not None
            choice.ticket.cancel()

    def watch(self, request: Request) -> None:
        """Cancels the request if the client disconnects, even before its answer begins."""

        async def until_gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self.cancel()

        self._watching = asyncio.create_task(until_gone())
        self._facts = request.scope["moesaic"]

    async def pieces(self) -> AsyncGenerator[tuple[int, Piece], None]:
        """Yields the pieces of all choices as they come, each with the index of its choice.

        Raises:
            EngineLostError: The engine failed, or the request was cancelled.
        """
        merged: asyncio.Queue[tuple[int, Piece | BaseException | None]] = asyncio.Queue()

        async def pump(number: int) -> None:
            choice, queue = self.choices[number], self._queues[number]
            try:
                async for piece in choice.pieces(
                    self._service.engine, self._service.prompts, self._stops, queue, self._seen
                ):
                    merged.put_nowait((number, piece))
                merged.put_nowait((number, None))
            except Exception as error:
                merged.put_nowait((number, error))

        tasks = [asyncio.create_task(pump(number)) for number in range(len(self.choices))]
        left = len(tasks)
        try:
            while left:
                number, piece = await merged.get()
                if isinstance(piece, BaseException):
                    raise piece
                if piece is None:
                    left -= 1
                else:
                    yield number, piece
        finally:
            self.cancel()
            self._facts["prompt_tokens"] = sum({id(each.asked): len(each.asked.ids) for each in self.choices}.values())
            self._facts["completion_tokens"] = sum(len(choice.tokens) for choice in self.choices)
            for task in (*tasks, *([self._watching] if self._watching else [])):
                task.cancel()

    def _seen(self, choice: Choice, token: Token) -> None:
        seconds, is_first = note_time(choice)
        (self._metrics.first_token if is_first else self._metrics.between_tokens).observe(seconds)
        if token.route is not None:
            self._metrics.count_route(token.route)
