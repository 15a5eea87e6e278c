"""Prompts: the only place where a task becomes a prompt, the same in training, evaluation and serving.

    <user turn of the base's chat template>   Write a Java program.
                                              <blank line> <the task>
    <assistant turn, opened>                  ```java
    ------------------------------------------------------------------ loss starts here
                                              import java.util.*; ...
                                              ```<end of turn>

The assistant turn is opened with a code fence of the language: a base that was tuned to chat then writes the program
at once. A base without chat template gets the same as Markdown text. Prompt and continuation are tokenised separately,
so the boundary has the same tokens when the model trains on a program and when it has to write one.

Where the beginning of the program is given (a signature with its doc comment, as benchmarks do), the answer starts with
it and the loss after it. It is given without the white space at its end: a line break and the indentation after it are
one token, and a small model that is shown the line break alone takes the definition for finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moesaic.data.examples import Example
from moesaic.languages import get_language

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FENCE = "```"
COMPLETION_TASK = "Complete the function."
STOP_STRING = "\n" + FENCE
"""Text that ends a program, for engines that stop at strings."""

# Llama 3's template writes today's date into every prompt unless told one; a prompt must not depend on the day.
_FIXED_DATE = "26 Jul 2024"


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """An example as tokens: prompt, then code, then closing fence and end of turn.

    Attributes:
        ids: All tokens.
        num_prompt_tokens: Leading tokens that are the prompt; no loss on them.
        num_code_tokens: Tokens after the prompt that are the program itself; the rest closes the answer.
        language: Name of the language.
    """

    ids: list[int]
    num_prompt_tokens: int
    num_code_tokens: int
    language: str


class PromptFormat:
    """Turns tasks into prompts and completions into source for one tokenizer.

    Args:
        tokenizer: A ``transformers`` tokenizer; its chat template is used if it has one.

    Attributes:
        stop_ids: Tokens that end an answer: the template's end of turn and the tokenizer's end of sequence.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        self._system = self._shortest_system() if self._has_template else []
        # Tokenizers of the Llama family start a text with BOS; a template writes its own.
        leading = [] if self._has_template else tokenizer("")["input_ids"]
        self._leading_ids = [token for token in leading if token == tokenizer.bos_token_id]
        end_of_turn = self._end_of_turn_id()
        eos = tokenizer.eos_token_id
        self.stop_ids: tuple[int, ...] = tuple(
            dict.fromkeys(token for token in (end_of_turn, eos) if token is not None)
        )
        self._closing_ids = self._continuation_ids(FENCE) + list(self.stop_ids[:1])

    def prompt_text(self, text: str, language: str) -> str:
        """Returns the prompt as text, up to and including the opened code fence.

        Raises:
            DataError: The language is not known.
        """
        row = get_language(language)
        task = f"Write a {row.title} program.\n\n{text.strip()}"
        opening = f"{FENCE}{row.fence}\n"
        if self._has_template:
            return self._render([*self._system, {"role": "user", "content": task}]) + opening
        return f"{task}\n\n{opening}"

    def prompt_ids(self, text: str, language: str) -> list[int]:
        """Returns the prompt as tokens.

        Raises:
            DataError: The language is not known.
        """
        return self._leading_ids + self._ids(self.prompt_text(text, language))

    def completion_ids(self, opening: str, language: str) -> list[int]:
        """Returns the prompt of a program that goes on from a given beginning, as tokens.

        What follows starts with the white space that the beginning ends with.

        Raises:
            DataError: The language is not known.
        """
        return self.prompt_ids(COMPLETION_TASK, language) + self.code_ids(opening.rstrip())

    def code_ids(self, code: str) -> list[int]:
        """Returns a program as the tokens that follow the prompt, without what closes the answer."""
        return self._continuation_ids(code)

    def encode(self, example: Example) -> EncodedExample:
        """Returns an example as tokens for training and for the loss."""
        if example.opening:
            prompt = self.completion_ids(example.opening, example.language)
            code = self._following_ids(example.opening.rstrip(), example.code)
        else:
            prompt = self.prompt_ids(example.text, example.language)
            code = self.code_ids(example.code)
        return EncodedExample(prompt + code + self._closing_ids, len(prompt), len(code), example.language)

    def count_tokens(self, example: Example) -> int:
        """Returns the length of the encoded example in tokens, as packing will see it."""
        return len(self.encode(example).ids)

    def extract_code(self, completion: str) -> str:
        """Returns the source in what a model wrote after the prompt.

        The program ends at the first line that is a closing fence. A model that opens a fence of its own, with or
        without words before it, is taken at that fence.
        """
        lines = completion.replace("\r\n", "\n").split("\n")
        fences = [number for number, line in enumerate(lines) if line.lstrip().startswith(FENCE)]
        start = 0
        if fences and _opens(lines, fences):
            start = fences.pop(0) + 1
        end = fences[0] if fences else len(lines)
        body = lines[start:end]
        if not fences and body and body[-1].rstrip().endswith(FENCE):  # fence on the last line of code: "}```"
            body[-1] = body[-1].rstrip()[: -len(FENCE)]
        code = "\n".join(body).strip("\n").rstrip()
        return code + "\n" if code.strip() else ""

    def _render(self, messages: list[dict[str, str]], generation: bool = True) -> str:
        rendered = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=generation, date_string=_FIXED_DATE
        )
        return str(rendered)

    def _shortest_system(self) -> list[dict[str, str]]:
        """Returns an empty system turn if that makes the prompt shorter, which it does where a template has a default.

        SmolLM2 introduces itself in every prompt otherwise; most templates write nothing, some refuse the role.
        """
        user = {"role": "user", "content": "x"}
        system = {"role": "system", "content": ""}
        try:
            with_system = self._render([system, user])
        except Exception:  # templates refuse a role by raising jinja2's TemplateError, or whatever their code runs into
            return []
        return [system] if len(self._ids(with_system)) < len(self._ids(self._render([user]))) else []

    def _end_of_turn_id(self) -> int | None:
        """Returns the special token that the template writes after an assistant's answer, else the end of sequence."""
        eos: int | None = self.tokenizer.eos_token_id
        if self._has_template:
            answer = "moesaic-answer"
            messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": answer}]
            tail = self._ids(self._render(messages, generation=False).rpartition(answer)[2])
            special = set(self.tokenizer.all_special_ids)
            return next((token for token in tail if token in special), eos)
        return eos

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _following_ids(self, begun: str, code: str) -> list[int]:
        """Tokenises the rest of a program behind its beginning as in the whole, where a token ends there."""
        whole, begun_ids = self.code_ids(code), self.code_ids(begun)
        is_boundary = whole[: len(begun_ids)] == begun_ids
        return whole[len(begun_ids) :] if is_boundary else self._ids(code.removeprefix(begun))

    def _continuation_ids(self, text: str) -> list[int]:
        """Tokenises text that follows a line break: at the start, SentencePiece would put a space before it."""
        anchor = self._ids("\n")
        ids = self._ids("\n" + text)
        return ids[len(anchor) :] if ids[: len(anchor)] == anchor else self._ids(text)


def _opens(lines: list[str], fences: list[int]) -> bool:
    """Whether the first fence opens a block (an info string, or nothing but prose before it and another one after)."""
    first = fences[0]
    if lines[first].strip() != FENCE:
        return True
    return len(fences) > 1 and not any(line.strip() for line in lines[:first])
