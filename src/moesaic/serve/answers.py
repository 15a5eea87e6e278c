"""Turns tokens into answers: text in whole characters, stop strings, counts and traces.

    Engine thread -> call_soon_threadsafe -> queue of the request -> Choice: text, finish reason

Nothing in this module waits for the model. The engine fills the queue of a request, and the event loop reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from moesaic.data.fences import FENCE
from moesaic.data.prompts import PromptFormat
from moesaic.serve.engine import Reason, Sampling, Ticket, Token
from moesaic.serve.prompting import Asked
from moesaic.serve.vllm_engine import AnyEngine

_CONTEXT = 8  # prompt tokens that are decoded with the first token, because SentencePiece drops a leading space


class Detokenizer:
    """Turns tokens into text while they are generated. The joined pieces are the text of all tokens.

    Args:
        prompts: The prompt format that decodes tokens.
        before: The tokens before the first one.
    """

    def __init__(self, prompts: PromptFormat, before: Sequence[int] = ()) -> None:
        self._prompts = prompts
        self._ids = list(before[-_CONTEXT:])
        self._start, self._read = 0, len(self._ids)

    def add(self, token: int) -> str:
        """Returns the text that a token adds, or "" while a character is not complete."""
        self._ids.append(token)
        piece = self._new()
        if piece.endswith("\N{REPLACEMENT CHARACTER}") and len(self._ids) - self._read < 8:
            return ""
        self._start, self._read = self._read, len(self._ids)
        return piece

    def finish(self) -> str:
        """Returns the remaining text: a replacement character if the last character was never completed, else ""."""
        piece = self._new() if self._read < len(self._ids) else ""
        self._read = len(self._ids)
        return piece

    def _new(self) -> str:
        known = self._prompts.text_of(self._ids[self._start : self._read])
        return self._prompts.text_of(self._ids[self._start :])[len(known) :]


class StopStrings:
    """Passes on text up to the first stop string, and holds back text that may become a stop string.

    Args:
        stops: The stop strings. The text ends before the first one that occurs.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.found = False

    def add(self, piece: str) -> str:
        """Adds a piece of text, and returns the text that can be passed on now."""
        if self.found:
            return ""
        text = self._held + piece
        places = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Returns the text that was held back for a stop string that did not follow."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Returns the length of the longest end of a text with which a stop string begins."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of an answer.

    Attributes:
        text: Text that can be passed on now; may be "".
        token: The token of this step; None at the end.
        token_text: The text of this token alone.
        reason: ``stop`` or ``length`` at the end, else None.
    """

    text: str
    token: Token | None = None
    token_text: str = ""
    reason: str | None = None


class EngineLostError(Exception):
    """Raised if the engine fails while it answers."""


@dataclass(slots=True)
class Choice:
    """One answer while it is generated.

    Attributes:
        asked: The prompt.
        text: The answer so far, without the opening.
        tokens: The tokens of the answer and their texts.
        reason: ``stop`` or ``length`` if the answer has ended, else None.
        ticket: The request in the engine.
        first, last: Times at which the first and the last token came, in seconds on the monotonic clock.
    """

    asked: Asked
    text: str = ""
    tokens: list[tuple[Token, str]] = field(default_factory=list)
    reason: str | None = None
    ticket: Ticket | None = None
    first: float = 0.0
    last: float = 0.0

    async def pieces(
        self,
        engine: AnyEngine,
        prompts: PromptFormat,
        stops: Sequence[str],
        queue: asyncio.Queue[Token | Reason],
        seen: Callable[[Choice, Token], None],
    ) -> AsyncGenerator[Piece, None]:
        """Yields the pieces of the answer as they come; the ticket is cancelled if the iterator ends early.

        Args:
            engine: The engine that answers.
            prompts: The prompt format that decodes tokens.
            stops: Stop strings.
            queue: Receives the tokens and, at the end, the reason.
            seen: Called with every token.

        Raises:
            EngineLostError: The engine failed.
        """
        assert self.ticket is not None
        detokenizer, filter_ = Detokenizer(prompts, self.asked.ids), StopStrings(stops)
        try:
            while self.reason is None:
                item = await queue.get()
                if not isinstance(item, Token):
                    if item not in ("stop", "length"):
                        raise EngineLostError(item)
                    text = filter_.add(detokenizer.finish()) + filter_.finish()
                    yield self._end(text, "stop" if filter_.found else item)
                elif item.id in self.asked.stop_ids:
                    yield self._end(filter_.add(detokenizer.finish()) + filter_.finish(), "stop")
                else:
                    seen(self, item)
                    own = detokenizer.add(item.id)
                    self.tokens.append((item, own))
                    text = filter_.add(own)
                    self.text += text
                    yield Piece(text, item, own)
                    if filter_.found:
                        yield self._end("", "stop")
        finally:
            self.ticket.cancel()  # has no effect on a ticket that has ended

    def _end(self, text: str, reason: str) -> Piece:
        self.text += text
        closing = ""
        if self.asked.opening and reason == "stop" and not _is_closed(self.text):
            closing = FENCE if self.text.endswith("\n") or not self.text else "\n" + FENCE
        self.text += closing
        self.reason = reason
        return Piece(text + closing, reason=reason)


def _is_closed(text: str) -> bool:
    """Returns whether the fence that the prompt opened is closed at the end of the answer."""
    fences = sum(line.lstrip().startswith(FENCE) for line in text.split("\n"))
    return fences % 2 == 1 or text.rstrip().endswith(FENCE)


def start(
    engine: AnyEngine, asked: Asked, sampling: Sampling, release: Callable[[], None]
) -> tuple[Choice, asyncio.Queue[Token | Reason]]:
    """Submits a request. Call it on the event loop, which it does not block.

    Args:
        engine: The engine that answers.
        asked: The prompt.
        sampling: How tokens are chosen.
        release: Called on the event loop when the engine has finished the request, before the reason is in the queue.

    Returns:
        The choice, and the queue that receives its tokens and, at the end, the reason.

    Raises:
        EngineFullError: The queue of the engine is full.
        ModelError: The prompt is empty or too long.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Token | Reason] = asyncio.Queue()

    def put(item: Token) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, so nobody waits
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def ended(reason: Reason) -> None:
        release()  # first: a client that has its whole answer may ask again at once
        queue.put_nowait(reason)

    def end(reason: Reason) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended, reason)

    choice = Choice(asked)
    choice.ticket = engine.submit(asked.ids, sampling, put, end)
    return choice, queue


def note_time(choice: Choice) -> tuple[float, bool]:
    """Records that a token came; returns the seconds since the last one or the request, and whether it is the first."""
    assert choice.ticket is not None
    now, is_first = time.monotonic(), not choice.first
    before = choice.ticket.submitted if is_first else choice.last
    choice.first, choice.last = choice.first or now, now
    return now - before, is_first


def trace_of(tokens: Sequence[tuple[Token, str]]) -> list[dict[str, Any]]:
    """Returns tokens with their experts and weights, layer after layer; weights are in thousandths."""
    rows = []
    for token, text in tokens:
        experts, weights = token.route or ([], [])
        rows.append(
            {
                "text": text,
                "logprob": round(token.logprob, 4),
                "experts": [int(expert) for layer in experts for expert in layer],
                "weights": [round(1000 * weight) for layer in weights for weight in layer],
            }
        )
    return rows
