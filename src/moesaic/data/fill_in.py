"""Makes prompts for the text between two texts, for bases that were trained to fill in the middle.

The order of the parts is prefix, suffix, middle (Bavarian et al. 2022, "Efficient Training of Language Models to Fill
in the Middle", section 3). The tokens between them are those with which the base was trained.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from moesaic.data.prompts import PromptFormat

_TOKENS: Final = (  # tokens before the prefix, the suffix, and the text to be written
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001  # DeepSeek-Coder
)
_FILE_ENDS: Final = ("<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|endoftext|>", "<fim_pad>", "<file_sep>")


def fill_in_ids(prompts: PromptFormat, before: str, after: str) -> list[int] | None:
    """Returns the ids of a prompt that asks for the text between two texts, or None if the tokenizer lacks the tokens.

    Args:
        prompts: The prompt format of the base.
        before: The text before the gap.
        after: The text after the gap.
    """
    for names in _TOKENS:
        if prompts.tokenizer.get_vocab().keys() >= set(names):
            first, middle, last = prompts.tokenizer.convert_tokens_to_ids(list(names))
            return [*prompts.leading_ids, first, *prompts.text_ids(before), middle, *prompts.text_ids(after), last]
    return None


def file_end_ids(prompts: PromptFormat) -> tuple[int, ...]:
    """Returns the ids of tokens that end a filled-in text, because another text or file begins."""
    found = prompts.tokenizer.get_vocab()
    return tuple(found[name] for name in (*chain(*_TOKENS), *_FILE_ENDS) if name in found)
