"""Makes answers in OpenAI's form: whole ones, and the chunks of a stream."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from moesaic.serve.answers import Choice, Piece, trace_of
from moesaic.serve.engine import Token
from moesaic.serve.protocol import ChatRequest, CompletionRequest

Shown = Sequence[tuple[Token, str]]


def usage_of(choices: Sequence[Choice], num_choices: int) -> dict[str, int]:
    """Returns the numbers of tokens of a request; the prompt of several choices counts once."""
    prompt = sum(len(choice.asked.ids) for choice in choices[::num_choices])
    completion = sum(len(choice.tokens) for choice in choices)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class Shape(ABC):
    """One kind of answer.

    Args:
        model: Name of the model.
        body: The request.

    Attributes:
        num_choices: Number of choices per prompt.
        wants_usage: Whether a stream ends with the numbers of tokens.
    """

    prefix: str
    whole_object: str
    chunk_object: str

    def __init__(self, model: str, body: ChatRequest | CompletionRequest) -> None:
        self._head = {"id": self.prefix + secrets.token_hex(12), "created": int(time.time()), "model": model}
        self._trace = body.trace
        self.num_choices = body.n or 1
        self.wants_usage = bool(body.stream_options and body.stream_options.include_usage)

    def whole(self, choices: Sequence[Choice], about: dict[str, Any]) -> dict[str, Any]:
        """Returns a whole answer."""
        rows = []
        for number, choice in enumerate(choices):
            row = self._whole(choice)
            own = _language(choice)
            if self._trace:
                own["trace"] = trace_of(choice.tokens)
            rows.append({"index": number, **row, "finish_reason": choice.reason, "moesaic": own})
        usage = usage_of(choices, self.num_choices)
        return {**self._head, "object": self.whole_object, "choices": rows, "usage": usage, "moesaic": about}

    def first(self, number: int, choice: Choice, about: dict[str, Any]) -> dict[str, Any]:
        """Returns the chunk that comes before the model has written anything."""
        row = {"index": number, **self._first(choice), "finish_reason": None, "moesaic": _language(choice)}
        return self._chunk([row]) | {"moesaic": about}

    def chunk(self, number: int, piece: Piece) -> dict[str, Any]:
        """Returns the chunk of a piece."""
        row: dict[str, Any] = {"index": number, **self._piece(piece), "finish_reason": piece.reason}
        if self._trace and piece.token is not None:
            row["moesaic"] = {"trace": trace_of([(piece.token, piece.token_text)])}
        return self._chunk([row])

    def last(self, usage: dict[str, int]) -> dict[str, Any]:
        """Returns the chunk with the numbers of tokens."""
        return self._chunk([]) | {"usage": usage}

    def _chunk(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        usage = {"usage": None} if self.wants_usage else {}
        return {**self._head, "object": self.chunk_object, "choices": rows, **usage}

    @abstractmethod
    def _whole(self, choice: Choice) -> dict[str, Any]: ...

    @abstractmethod
    def _first(self, choice: Choice) -> dict[str, Any]: ...

    @abstractmethod
    def _piece(self, piece: Piece) -> dict[str, Any]: ...


class ChatShape(Shape):
    """Answers of ``/v1/chat/completions``."""

    prefix = "chatcmpl-"
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(self, model: str, body: ChatRequest) -> None:
        super().__init__(model, body)
        self._logprobs = bool(body.logprobs)

    def _whole(self, choice: Choice) -> dict[str, Any]:
        message = {"role": "assistant", "content": choice.asked.opening + choice.text, "refusal": None}
        return {"message": message, "logprobs": self._numbers(choice.tokens)}

    def _first(self, choice: Choice) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": choice.asked.opening}, "logprobs": None}

    def _piece(self, piece: Piece) -> dict[str, Any]:
        delta = {"content": piece.text} if piece.text else {}
        return {"delta": delta, "logprobs": self._numbers(_shown(piece)) if piece.token else None}

    def _numbers(self, shown: Shown) -> dict[str, Any] | None:
        if not self._logprobs:
            return None
        rows = [
            {"token": text, "logprob": token.logprob, "bytes": list(text.encode()), "top_logprobs": []}
            for token, text in shown
        ]
        return {"content": rows, "refusal": None}


class CompletionShape(Shape):
    """Answers of ``/v1/completions``."""

    prefix = "cmpl-"
    whole_object = chunk_object = "text_completion"

    def __init__(self, model: str, body: CompletionRequest) -> None:
        super().__init__(model, body)
        self._logprobs = body.logprobs
        self._offsets: dict[int, int] = {}

    def _whole(self, choice: Choice) -> dict[str, Any]:
        return {"text": choice.text, "logprobs": self._numbers(choice.tokens)}

    def _first(self, choice: Choice) -> dict[str, Any]:
        return {"text": "", "logprobs": None}

    def chunk(self, number: int, piece: Piece) -> dict[str, Any]:
        """Returns the chunk of a piece; its text offset continues that of the earlier chunks."""
        made = super().chunk(number, piece)
        numbers = made["choices"][0]["logprobs"]
        if numbers is not None:
            start = self._offsets.get(number, 0)
            numbers["text_offset"] = [start]
            self._offsets[number] = start + len(piece.token_text)
        return made

    def _piece(self, piece: Piece) -> dict[str, Any]:
        return {"text": piece.text, "logprobs": self._numbers(_shown(piece)) if piece.token else None}

    def _numbers(self, shown: Shown) -> dict[str, Any] | None:
        if self._logprobs is None:
            return None
        offsets, end = [], 0
        for _, text in shown:
            offsets.append(end)
            end += len(text)
        return {
            "tokens": [text for _, text in shown],
            "token_logprobs": [token.logprob for token, _ in shown],
            "top_logprobs": [{text: token.logprob} for token, text in shown] if self._logprobs else None,
            "text_offset": offsets,
        }


def _shown(piece: Piece) -> Shown:
    return [] if piece.token is None else [(piece.token, piece.token_text)]


def _language(choice: Choice) -> dict[str, Any]:
    return {"language": choice.asked.language, "language_from": choice.asked.origin}
