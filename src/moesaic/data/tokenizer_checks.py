"""Checks whether a base's tokenizer can be used, without loading the base's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesaic.data.prompts import PromptFormat
from moesaic.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def tokenizer_problems(tokenizer: PreTrainedTokenizerBase, embedding_rows: int | None = None) -> list[str]:
    """Returns descriptions of the problems that prevent a base's tokenizer from being used; an empty list if it can be.

    Args:
        tokenizer: The tokenizer.
        embedding_rows: ``vocab_size`` in the base's config; None to not check it.
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
