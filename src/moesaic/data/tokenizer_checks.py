"""Checks whether a base's tokenizer can be used, without loading the base's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesaic.data.prompts import PromptFormat
from moesaic.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def tokenizer_problems(tokenizer: PreTrainedTokenizerBase, embedding_rows: int | None = None) -> list[str]:
    """Returns what keeps a base's tokenizer from being used, without the base's weights.

    Args:
        tokenizer: The tokenizer.
        embedding_rows: ``vocab_size`` of the base's config.
    """
    problems = []
    try:
        PromptFormat(tokenizer)
    except ModelError as error:
        problems.append(str(error))
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if embedding_rows is not None and largest >= embedding_rows:
        name = tokenizer.convert_ids_to_tokens(largest)
        problems.append(
            f"the tokenizer numbers its tokens up to {largest:,} ({name!r}), the base's embedding has "
            f"{embedding_rows:,} rows (vocab_size in config.json): they do not belong together, or tokens were added "
            "and the embedding was not resized"
        )
    return problems
