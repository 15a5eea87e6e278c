"""Turns requests into token ids: a conversation into the training prompt, a raw prompt as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from moesaic.data.fill_in import file_end_ids, fill_in_ids
from moesaic.data.prompts import PromptFormat
from moesaic.languages import LANGUAGES, Language, find_among, find_language, get_language, rows_of
from moesaic.serve.protocol import CompletionRequest, Message

Origin = Literal["request", "fence", "words", "default"]

_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+#.-]+)", re.MULTILINE)


class UnfitError(Exception):
    """Raised if a request cannot be answered.

    Args:
        message: What is wrong, and what is allowed.
        param: Name of the field that is wrong.
    """

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt for the model.

    Attributes:
        ids: Token ids of the prompt.
        language: Programming language of the answer; None if a raw prompt does not name one.
        origin: Where the language was found.
        opening: Text at the end of the prompt that the answer shows, such as the code fence of a chat.
        stop_ids: Ids of tokens that end this answer, in addition to those that end every answer.
    """

    ids: list[int]
    language: str | None
    origin: Origin | None
    opening: str = ""
    stop_ids: frozenset[int] = frozenset()


def ask_chat(
    prompts: PromptFormat, messages: Sequence[Message], language: str | None, languages: Sequence[str]
) -> Asked:
    """Turns a conversation into the prompt that the model was trained on.

    This prompt contains one task in one user turn. All earlier messages, including system messages and programs, are
    put before the last message in their order.

    Args:
        prompts: The prompt format of the model.
        messages: The conversation; the last message must be the user's.
        language: The language that the request names; None to find it in the messages.
        languages: The model's languages. The first is used if nothing names a language.

    Raises:
        UnfitError: The last message is empty or not the user's, or the language is not known.
    """
    if messages[-1].role != "user":
        raise UnfitError("the last message has to be the user's", "messages")
    if not messages[-1].text.strip():
        raise UnfitError("the last message is empty: say in words what the program should do", "messages")
    name, origin = _language([message.text for message in reversed(messages)], language, tuple(languages))
    if name is None:
        name, origin = next((each for each in languages if find_language(each)), next(iter(LANGUAGES))), "default"
    task = "\n\n".join(message.text.strip() for message in messages if message.text.strip())
    return Asked(prompts.prompt_ids(task, name), name, origin, f"```{get_language(name).fence}\n")


def ask_completion(prompts: PromptFormat, request: CompletionRequest, vocabulary: int) -> list[Asked]:
    """Turns the prompts of a request for completions into token ids without changing them.

    Args:
        prompts: The prompt format of the model.
        request: The request.
        vocabulary: Number of tokens in the model's vocabulary.

    Raises:
        UnfitError: A prompt is empty, a token or the language is not known, or the model cannot fill in text.
    """
    asked = []
    for prompt in request.prompts:
        stop_ids: frozenset[int] = frozenset()
        text = prompt if isinstance(prompt, str) else ""
        if request.suffix is not None:
            if not isinstance(prompt, str):
                raise UnfitError("suffix needs a prompt of text, not token ids", "suffix")
            ids = fill_in_ids(prompts, prompt, request.suffix)
            if ids is None:
                raise UnfitError("this model's tokenizer has no fill-in-the-middle tokens: leave suffix out", "suffix")
            stop_ids = frozenset(file_end_ids(prompts))
        elif isinstance(prompt, str):
            ids = prompts.raw_ids(prompt)
        else:
            ids = list(prompt)
            if max(ids) >= vocabulary:
                raise UnfitError(f"token {max(ids)} is not known: allowed: 0 to {vocabulary - 1}", "prompt")
        if not ids:
            raise UnfitError("the prompt is empty", "prompt")
        name, origin = _language([text], request.language, ())
        asked.append(Asked(ids, name, origin, stop_ids=stop_ids))
    return asked


def _language(texts: Sequence[str], wanted: str | None, languages: tuple[str, ...]) -> tuple[str | None, Origin | None]:
    """Returns the language and its origin: from the request, else, text by text, from the last fence or the words."""
    if wanted is not None:
        row = find_among(wanted, languages)
        if row is None:
            allowed = ", ".join(each.name for each in rows_of(languages))
            raise UnfitError(f"the language is not known: allowed: {allowed}", "language")
        return row.name, "request"
    for text in texts:
        for info in reversed(_FENCE.findall(text)):
            row = find_among(info, languages)
            if row is not None:
                return row.name, "fence"
        name = named_language(_FENCE.sub("", text), languages)
        if name is not None:
            return name, "words"
    return None, None


def named_language(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """Returns the language that a task names, or None; of several, the first after a word like "in" or "to".

    Args:
        text: The task.
        languages: The model's languages, whose domains are searched for, too.
    """
    named = _names_of(languages)
    patterns = [(name, _any_of(names)) for name, names in named.items()]
    for lead in (r"\b(?:in|into|to|using)\s+(?:plain\s+|modern\s+)?", r"\b(?:an?|the)\s+", ""):
        found = []
        for name, names in patterns:
            # A word of one or two letters is a language only in a phrase such as "in C" or "a C program".
            certain = names if lead else _any_of([each for each in named[name] if not _is_vague(each)])
            tail = r"(?=\s+(?:program|function|code|script|class|method|solution|one-liner))" if "an?" in lead else ""
            match = re.search(f"{lead}{certain}{tail}", text) if certain else None
            if match:
                found.append((match.start(), name))
        if found:
            return min(found)[1]
    return None


def _names(row: Language) -> list[str]:
    fences = () if row.domain_of else (row.fence,)  # a domain has the fence of its language
    return list(dict.fromkeys([row.title, row.name, *fences, *row.aliases]))


def _any_of(names: Sequence[str]) -> str:
    """Returns a pattern for any of the names as a whole word; single letters must be capitals."""
    if not names:
        return ""
    spelled = [re.escape(name) if len(name) == 1 else f"(?i:{re.escape(name)})" for name in names]
    return rf"(?<![\w+#.]){'(?:' + '|'.join(sorted(spelled, key=len, reverse=True)) + ')'}(?![\w+#]|\.\w)"


def _is_vague(name: str) -> bool:
    return name == "node" or (len(name) < 3 and name.isalnum())


@lru_cache(maxsize=8)
def _names_of(languages: tuple[str, ...]) -> dict[str, list[str]]:
    return {row.name: [name for name in _names(row) if name != "c"] for row in rows_of(languages)}
