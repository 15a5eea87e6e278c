"""OpenAI's requests for completions, with what this server adds and what it does not support.

If a field would change the answer but is not supported, only the value that changes nothing is allowed. Any other value
is refused with the name of the field, so that nobody gets an answer to a different request.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator


def _well_formed(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half of a surrogate pair is not a character")
    return text


Text = Annotated[str, AfterValidator(_well_formed)]
Zero = Annotated[float, Field(ge=0, le=0)]
Empty = Annotated[list[Any] | dict[str, Any], Field(max_length=0)]
Stop = Annotated[Text, Field(min_length=1, max_length=200)]
TokenId = Annotated[int, Field(ge=0, strict=True)]

MOST_CHOICES = 16
MOST_PROMPTS = 64


class _Request(BaseModel):
    """The fields that both kinds of requests have.

    Attributes:
        language: Programming language of the answer; not part of OpenAI's protocol.
        trace: Whether the answer names the experts of each token; not part of OpenAI's protocol.
        base: Whether the base answers without the experts; not part of OpenAI's protocol.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=200)
    temperature: float | None = Field(0.0, ge=0, le=2, description="0 takes the likeliest token.")
    top_p: float | None = Field(1.0, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(1, ge=1, le=MOST_CHOICES)
    max_tokens: int | None = Field(None, ge=1, le=2**31)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    language: str | None = Field(None, max_length=40)
    trace: bool = False
    base: bool = False

    # Sent by clients, but without effect here.
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: Literal[False] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    # Allowed only with the values that change nothing.
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None
    logit_bias: Empty | None = None

    @property
    def stops(self) -> list[str]:
        """The stop strings as a list."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class StreamOptions(BaseModel):
    """Options that say what a stream contains in addition to its text."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool | None = False
    include_obfuscation: Literal[False] | None = None


class CompletionRequest(_Request):
    """``POST /v1/completions``: continues texts."""

    prompt: (
        Text
        | Annotated[list[TokenId], Field(min_length=1)]
        | Annotated[list[Text], Field(min_length=1, max_length=MOST_PROMPTS)]
        | Annotated[list[Annotated[list[TokenId], Field(min_length=1)]], Field(min_length=1, max_length=MOST_PROMPTS)]
    )
    suffix: Text | None = Field(None, description="What comes after; only where the tokenizer has tokens for it.")
    logprobs: int | None = Field(None, ge=0, le=1, description="Of the chosen token; 1 with temperature 0 only.")
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None

    @field_validator("suffix")
    @classmethod
    def _no_suffix(cls, value: str | None) -> str | None:
        return value or None

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts as a list."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if isinstance(self.prompt[0], int):
            return [[token for token in self.prompt if isinstance(token, int)]]
        return self.prompt


class TextPart(BaseModel):
    """A part of a message; only text is supported."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A message of a conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]
    name: str | None = None
    refusal: None = None

    @property
    def text(self) -> str:
        """The text of the message."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ResponseFormat(BaseModel):
    """The form of an answer; only text is supported."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]


class ChatRequest(_Request):
    """``POST /v1/chat/completions``: answers a task in words with a program in a code fence."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=256)]
    max_completion_tokens: int | None = Field(None, ge=1, le=2**31)
    logprobs: bool | None = False
    top_logprobs: Annotated[int, Field(ge=0, le=0)] | None = None
    response_format: ResponseFormat | None = None
    tools: Empty | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    modalities: list[Literal["text"]] | None = None


class ErrorBody(BaseModel):
    """A description of what is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(BaseModel):
    """An error in OpenAI's form."""

    error: ErrorBody
