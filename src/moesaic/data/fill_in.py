"""Makes prompts for the text between two texts, for bases that were trained to fill in the middle.

Order and tokens are those of the base's training (Bavarian et al. 2022, "Efficient Training of Language Models to Fill
in the Middle", section 3: prefix, suffix, middle).
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from moesaic.data.prompts import PromptFormat

_TOKENS: Final = (  # before what comes first, before what comes last, before what is to be written
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001  # DeepSeek-Coder
)
_FILE_ENDS: Final = ("<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|endoftext|>", "<fim_pad>", "<file_sep>")


def fill_in_ids(prompts: PromptFormat, before: str, after: str) -> list[int] | None:
    """Returns a prompt that asks for what is between two texts; None if the tokenizer has no tokens for it.

    Args:
        prompts: Of the base.
        before: What comes before it.
        after: What comes after it.
    """
    for names in _TOKENS:
        if prompts.tokenizer.get_vocab().keys() >= set(names):
            first, middle, last = prompts.tokenizer.convert_tokens_to_ids(list(names))
            return [*prompts.leading_ids, first, *prompts.text_ids(before), middle, *prompts.text_ids(after), last]
    return None


def file_end_ids(prompts: PromptFormat) -> tuple[int, ...]:
    """Returns the tokens after which a filled-in text is over, because another text or file begins."""
    found = prompts.tokenizer.get_vocab()
    return tuple(found[name] for name in (*chain(*_TOKENS), *_FILE_ENDS) if name in found)
