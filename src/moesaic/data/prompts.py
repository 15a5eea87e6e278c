"""Makes the prompt of a task; the only place that does so, for training, evaluation and serving.

    <user turn of the base's chat template>   Write a Java program.
                                              <blank line> <the task>
    <assistant turn, opened>                  ```java
    ------------------------------------------------------------------ loss starts here
                                              import java.util.*; ...
                                              ```<end of turn>

The assistant turn is opened with a code fence of the language, so that a base that was tuned to chat writes the program
at once. A base without a chat template gets the same content as Markdown text. Prompt and continuation are tokenised
separately, so that the tokens at the boundary are the same in training and in generation.

If the beginning of the program is given, such as a signature with its doc comment in a benchmark, the answer starts
with it, and the loss starts after it. The white space at its end is not given: a line break and the indentation after
it are one token, and a small model that sees only the line break takes the definition for finished.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moesaic.data.examples import Example
from moesaic.data.fences import FENCE, extract_code
from moesaic.data.special_tokens import control_tokens, generation_stops, pattern_of
from moesaic.errors import ModelError
from moesaic.languages import Language, get_language
from moesaic.parsing import clean_source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

COMPLETION_TASK = "Complete the function."

# Some templates write today's date into every prompt: Llama 3's unless it is given a date, others always. A prompt
# must not depend on the day.
_FIXED_DAY = datetime(2024, 7, 26)
_TODAY = re.compile(r"""\bstrftime_now\(\s*("[^"\\]*"|'[^'\\]*')\s*\)""")

_TASK_PROBE = 'moesaic\'s "task" & <more>\n\n    of it'  # a task that a template must write unchanged
_ANSWER_PROBE = "moesaic-answer"
_FACTS = (
    *("_controls", "_has_template", "_system", "_before", "_after", "_num_controls", "leading_ids", "_tail"),
    *("stop_ids", "_closing_ids"),
)


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """An example as tokens: the prompt, the code, then the closing fence and the end of turn.

    Attributes:
        ids: All token ids.
        num_prompt_tokens: Number of tokens of the prompt, at the beginning; they have no loss.
        num_code_tokens: Number of tokens of the program, after the prompt. The remaining tokens close the answer.
        language: Name of the language.
    """

    ids: list[int]
    num_prompt_tokens: int
    num_code_tokens: int
    language: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The text around task and answer in a prompt.

    Attributes:
        before: Text before the task, including the token that starts every text if the tokenizer has one.
        after: Text between the task and the turn of the assistant.
        opening: Text that opens the turn of the assistant, before the code fence.
        end: Text that ends the turn, after the answer.
    """

    before: str
    after: str
    opening: str
    end: str


class PromptFormat:
    """Turns tasks into prompts and completions into source for one tokenizer.

    Special tokens come only from the template. In tasks and programs, their names are ordinary text: they are tokenised
    as text, and kept when tokens are decoded.

    Args:
        tokenizer: A ``transformers`` tokenizer. Its chat template is used if it has one. ``generation_config.json`` in
            the folder from which it was loaded may name further stop tokens.

    Attributes:
        leading_ids: Ids with which every text starts: the start of sequence, if the tokenizer adds it and no template
            writes it.
        stop_ids: Ids that end an answer: the token that the template writes after it, the tokenizer's end of sequence,
            and those that the base's generation config names.

    Raises:
        ModelError: The chat template fails, or does not write the task unchanged.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self._lock = threading.Lock()
        self._controls = control_tokens(tokenizer)
        self._control_pattern = pattern_of(self._controls.values())
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        self._system = self._shortest_system() if self._has_template else []
        self._before, self._after = self._frame() if self._has_template else ("", "\n\n")
        self._num_controls = sum(token in self._controls for token in self._template_ids(self._before + self._after))
        # Tokenizers of the Llama family start a text with BOS; a template writes its own.
        leading = [] if self._has_template else tokenizer("")["input_ids"]
        self.leading_ids = [token for token in leading if token == tokenizer.bos_token_id]
        self._tail = self._written_after_answers() if self._has_template else ""
        ends = (self._end_of_turn_id(), tokenizer.eos_token_id, *generation_stops(tokenizer))
        self.stop_ids: tuple[int, ...] = tuple(dict.fromkeys(token for token in ends if token is not None))
        self._closing_ids = self._continuation_ids(FENCE) + list(self.stop_ids[:1])

    @classmethod
    def restored(cls, tokenizer: Any, facts: Mapping[str, Any]) -> PromptFormat:
        """Makes a prompt format from the ``facts`` of another, without evaluating the template again.

        Args:
            tokenizer: The same tokenizer, or one that encodes and decodes in the same way.
            facts: The property ``facts`` of the other prompt format.
        """
        prompts = cls.__new__(cls)
        prompts.tokenizer, prompts._lock = tokenizer, threading.Lock()
        for name in _FACTS:
            setattr(prompts, name, facts[name])
        prompts._controls = dict(facts["_controls"])
        prompts._control_pattern = pattern_of(prompts._controls.values())
        prompts.stop_ids = tuple(facts["stop_ids"])
        return prompts

    @property
    def facts(self) -> dict[str, Any]:
        """What was found out about the tokenizer and its template, as values that JSON can store."""
        return {**{name: getattr(self, name) for name in _FACTS}, "_controls": list(self._controls.items())}

    @property
    def frame(self) -> Frame:
        """The text around task and answer."""
        start = self.text_of(self.leading_ids) if self.leading_ids else ""
        after = self._after
        if self._has_template:
            with contextlib.suppress(Exception):  # a template for prompts alone; see _shortest_system
                probe = {"role": "user", "content": _TASK_PROBE}
                after = self._render([*self._system, probe], generation=False).rpartition(_TASK_PROBE)[2]
        after = after if self._after.startswith(after) else self._after
        end = self._tail or (self.text_of(self.stop_ids[:1]) if self.stop_ids else "")
        return Frame(start + self._before, after, self._after.removeprefix(after), end)

    def prompt_text(self, text: str, language: str) -> str:
        """Returns the prompt as text, up to and including the opening code fence.

        Raises:
            DataError: The language is not known.
        """
        task, opening = self._task(text, language)
        return f"{self._before}{task}{self._after}{opening}"

    def prompt_ids(self, text: str, language: str) -> list[int]:
        """Returns the prompt as tokens.

        Raises:
            DataError: The language is not known.
        """
        task, opening = self._task(text, language)
        ids = self._template_ids(f"{self._before}{task}{self._after}{opening}")
        if sum(token in self._controls for token in ids) != self._num_controls:  # the task names special tokens
            ids = self._framed_ids(task, opening)
        return self.leading_ids + ids

    def completion_ids(self, opening: str, language: str) -> list[int]:
        """Returns the prompt for a program that continues a given beginning, as tokens.

        The continuation starts with the white space at the end of the beginning.

        Raises:
            DataError: The language is not known.
        """
        return self.prompt_ids(COMPLETION_TASK, language) + self.code_ids(opening.rstrip())

    def task_ids(self, text: str, opening: str, language: str) -> list[int]:
        """Returns the prompt of a task as tokens: for a whole program, or for the continuation of a beginning.

        Args:
            text: The task in words; "" if there is a beginning.
            opening: The beginning to be continued.
            language: Name or alias of the language.
        """
        return self.prompt_ids(text, language) if text else self.completion_ids(opening, language)

    def code_ids(self, code: str) -> list[int]:
        """Returns a program as the tokens that follow the prompt, without those that close the answer."""
        return self._continuation_ids(code)

    def encode(self, example: Example) -> EncodedExample:
        """Returns an example as tokens, for training and for computing the loss."""
        if example.opening:
            prompt = self.completion_ids(example.opening, example.language)
            code = self._following_ids(example.opening.rstrip(), example.code)
        else:
            prompt = self.prompt_ids(example.text, example.language)
            code = self.code_ids(example.code)
        return EncodedExample(prompt + code + self._closing_ids, len(prompt), len(code), example.language)

    def count_tokens(self, example: Example) -> int:
        """Returns the length of the encoded example in tokens, as packing uses it."""
        return len(self.encode(example).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Returns generated tokens as text, up to the first stop token; other special tokens are written as text."""
        end = next((number for number, token in enumerate(ids) if token in self.stop_ids), len(ids))
        return self.text_of(ids[:end])

    def text_of(self, ids: Sequence[int]) -> str:
        """Returns tokens as text, including stop tokens and special tokens."""
        with self._lock:  # a tokenizer refuses to decode while another thread changes its settings
            text = self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)

    def raw_ids(self, text: str) -> list[int]:
        """Returns a text as the tokenizer encodes it: special tokens by name, with BOS if it adds one."""
        with self._lock:
            encoded = self.tokenizer(text, split_special_tokens=False)
        return list(encoded["input_ids"])

    def extract_code(self, completion: str, language: str | None = None) -> str:
        """Returns the source in a text that a model wrote; see :func:`moesaic.data.fences.extract_code`."""
        return extract_code(completion, language)

    def _task(self, text: str, language: str) -> tuple[str, str]:
        """Returns the text of the user's turn, and the text that opens the answer."""
        row = get_language(language)
        return task_text(clean_source(text).strip(), row), f"{FENCE}{row.fence}\n"

    def _render(self, messages: list[dict[str, str]], generation: bool = True) -> str:
        rendered = self.tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=generation,
            date_string=f"{_FIXED_DAY:%d %b %Y}",
            moesaic_frame=True,  # makes moesaic's own templates (``chat_template``) keep the task unchanged
            chat_template=_TODAY.sub(_on_fixed_day, self.tokenizer.get_chat_template()),
        )
        return str(rendered)

    def _shortest_system(self) -> list[dict[str, str]]:
        """Returns an empty system turn if the template needs one, or if the prompt is shorter with it.

        It is shorter if the template has a default system turn, such as SmolLM2's, which introduces the model. Most
        templates write nothing for an empty turn, and some refuse the role.
        """
        user = {"role": "user", "content": "x"}
        system = {"role": "system", "content": ""}
        lengths: list[int] = []
        errors: list[Exception] = []
        for messages in ([user], [system, user]):
            try:
                lengths.append(len(self._template_ids(self._render(messages))))
            except Exception as error:  # jinja2's TemplateError if it refuses, or any error in its code
                lengths.append(-1)
                errors.append(error)
        without, with_system = lengths
        if without < 0 and with_system < 0:
            raise _template_error(f"fails ({_first_line(errors[0])})") from errors[0]
        return [system] if without < 0 or 0 <= with_system < without else []

    def _frame(self) -> tuple[str, str]:
        """Returns what the template writes before and after the task."""
        rendered = self._render([*self._system, {"role": "user", "content": _TASK_PROBE}])
        before, found, after = rendered.partition(_TASK_PROBE)
        if not found or _TASK_PROBE in after:
            raise _template_error("does not write the text of the user's turn exactly once and unchanged")
        return before, after or "\n\n"  # if the template writes only the user's turn

    def _written_after_answers(self) -> str:
        """Returns what the template writes after an assistant's answer, or "" if it does not write answers."""
        messages = [*self._system, {"role": "user", "content": "x"}, {"role": "assistant", "content": _ANSWER_PROBE}]
        try:
            _, found, tail = self._render(messages, generation=False).rpartition(_ANSWER_PROBE)
            return tail if found else ""
        except Exception:  # a template for prompts alone; see _shortest_system
            return ""

    def _end_of_turn_id(self) -> int | None:
        """Returns the control token that the template writes after an assistant's answer, else the end of sequence."""
        eos: int | None = self.tokenizer.eos_token_id
        return next((token for token in self._template_ids(self._tail) if token in self._controls), eos)

    def _template_ids(self, text: str) -> list[int]:
        """Tokenises text of the template, in which names of special tokens become these tokens."""
        return self._encode(text, split=False)

    def text_ids(self, text: str) -> list[int]:
        """Tokenises text of users and programs, in which names of special tokens are split like any other word."""
        ids = self._encode(text, split=True)
        if self._control_pattern is None or self._controls.keys().isdisjoint(ids):
            return ids
        # The tokenizer splits only the tokens that it calls special. Other names are split here, after one character.
        pieces, start = [], 0
        for match in self._control_pattern.finditer(text):
            pieces.append(text[start : match.start() + 1])
            start = match.start() + 1
        pieces.append(text[start:])
        ids = self._encode(pieces[0], split=True)
        for piece in pieces[1:]:
            ids += self._anchored_ids(piece, lambda text: self._encode(text, split=True))
        return ids

    def _encode(self, text: str, split: bool) -> list[int]:
        with self._lock:  # the setting belongs to the tokenizer, which the threads of a server share
            encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=split)
        return list(encoded["input_ids"])

    def _framed_ids(self, task: str, opening: str) -> list[int]:
        """Tokenises a prompt whose task names special tokens; only the template's text is searched for these tokens."""
        # SentencePiece may put a space before text that follows a special token. Do as for a task without such names.
        whole = self._template_ids(f"{self._before}x{self._after}{opening}")
        follow = self.text_ids if self._joined_ids("x", opening, self.text_ids) == whole else self._continuation_ids
        return self._joined_ids(task, opening, follow)

    def _joined_ids(self, task: str, opening: str, follow: Callable[[str], list[int]]) -> list[int]:
        parts = [*self._split(self._before), (task, False), *self._split(self._after), (opening, False), ("", True)]
        ids: list[int] = []
        text = ""
        for part, is_control in parts:
            if not is_control:
                text += part
                continue
            if text:
                ids += follow(text) if ids else self.text_ids(text)
            ids += self._template_ids(part)
            text = ""
        return ids

    def _split(self, text: str) -> list[tuple[str, bool]]:
        """Splits the template's text into control tokens and the text between them."""
        if self._control_pattern is None:
            return [(text, False)]
        parts, start = [], 0
        for match in self._control_pattern.finditer(text):
            parts += [(text[start : match.start()], False), (match.group(), True)]
            start = match.end()
        return [(part, control) for part, control in [*parts, (text[start:], False)] if part]

    def _following_ids(self, begun: str, code: str) -> list[int]:
        """Tokenises the rest of a program as in the whole program, if a token ends where the beginning ends."""
        whole, begun_ids = self.code_ids(code), self.code_ids(begun)
        is_boundary = whole[: len(begun_ids)] == begun_ids
        return whole[len(begun_ids) :] if is_boundary else self.text_ids(code.removeprefix(begun))

    def _continuation_ids(self, text: str) -> list[int]:
        """Tokenises text as after a line break, because SentencePiece puts a space before the first text."""
        return self._anchored_ids(text, self.text_ids)

    def _anchored_ids(self, text: str, encode: Callable[[str], list[int]]) -> list[int]:
        anchor = encode("\n")
        ids = encode("\n" + text)
        return ids[len(anchor) :] if ids[: len(anchor)] == anchor else encode(text)


def task_text(task: str, language: Language) -> str:
    """Returns the text of the user's turn of a prompt."""
    return f"Write a {language.title} program.\n\n{task}"


def _on_fixed_day(call: re.Match[str]) -> str:
    """Returns the literal that replaces a template's call of ``strftime_now``: its result on the fixed day."""
    quoted = call[1]
    return f"{quoted[0]}{_FIXED_DAY.strftime(quoted[1:-1])}{quoted[0]}"


def _template_error(what: str) -> ModelError:
    return ModelError(
        f"the base's chat template {what}; it must write one user turn (with or without a system turn) and "
        "open the assistant's: mend chat_template in the base's folder, or use another base (base.model)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
