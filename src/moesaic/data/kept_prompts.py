"""Caches the prompts of a base, so that a process that only writes does not import transformers for its tokenizer.

    $MOESAIC_CACHE/prompts/<key>.json     the tokenizer as the ``tokenizers`` library reads it, and what
                                          ``PromptFormat`` found out about it

The key depends on the files, the libraries and the code that it was made with; if any of them changes, it is made anew.
The cached tokenizer is the one that transformers uses, so that both give the same tokens.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tokenizers

from moesaic.data import prompts as prompts_module
from moesaic.data import special_tokens
from moesaic.data.prompts import PromptFormat
from moesaic.errors import SpaceError
from moesaic.files import cache_folder, read_json_object, replacing, text_digest

_METHODS = ("__call__", "_encode_plus", "decode", "_decode", "get_vocab", "convert_tokens_to_ids")
"""Methods of transformers' tokenizer that ``KeptTokenizer`` stands in for: a class with its own is not kept."""


class KeptTokenizer:
    """What ``PromptFormat`` and decoding ask of a transformers tokenizer, on the ``tokenizers`` library alone.

    Args:
        text: The tokenizer as JSON.
    """

    def __init__(self, text: str) -> None:
        self._tokenizer: Any = tokenizers.Tokenizer.from_str(text)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def __call__(
        self, text: str, add_special_tokens: bool = True, split_special_tokens: bool = False
    ) -> dict[str, list[int]]:
        """Returns a text as tokens."""
        self._tokenizer.encode_special_tokens = split_special_tokens
        return {"input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(
        self, ids: Sequence[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool = False
    ) -> str:
        """Returns tokens as text; blanks before punctuation are what the model wrote, and stay."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def get_vocab(self) -> dict[str, int]:
        """Every token's name and id."""
        names: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        return names

    def convert_tokens_to_ids(self, names: Sequence[str]) -> list[int]:
        """Ids of tokens that are there."""
        return [self._tokenizer.token_to_id(name) for name in names]


def kept_prompts(folder: Path) -> PromptFormat | None:
    """Returns the prompts of the tokenizer in a base's folder, if they were kept and nothing has changed since.

    Args:
        folder: A checkpoint folder.
    """
    # A cache that cannot be read, or that somebody wrote into, only costs the time that it would have saved.
    with contextlib.suppress(Exception):
        kept = read_json_object(_file(folder))
        return PromptFormat.restored(KeptTokenizer(kept["tokenizer"]), kept["prompts"])
    return None


def keep_prompts(folder: Path, prompts: PromptFormat) -> None:
    """Keeps the prompts of a transformers tokenizer, if it is one that another can stand in for.

    Args:
        folder: The checkpoint folder that the tokenizer was loaded from.
        prompts: Its prompts.
    """
    from transformers import PreTrainedTokenizerFast

    own = type(prompts.tokenizer)
    if not issubclass(own, PreTrainedTokenizerFast) or any(
        getattr(own, name) is not getattr(PreTrainedTokenizerFast, name) for name in _METHODS
    ):
        return
    backend = prompts.tokenizer.backend_tokenizer
    backend.encode_special_tokens = False
    content = json.dumps({"tokenizer": backend.to_str(), "prompts": prompts.facts})
    with contextlib.suppress(OSError, SpaceError):  # a cache that cannot be written only costs time
        file = _file(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _file(folder: Path) -> Path:
    """The cache's file for a folder as it is now.

    Raises:
        OSError: The folder cannot be read.
    """
    code = (Path(str(module.__file__)) for module in (prompts_module, special_tokens))
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix != ".safetensors")
    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in (*files, *code)]
    libraries = [version(name) for name in ("tokenizers", "transformers")]
    return cache_folder() / "prompts" / f"{text_digest(json.dumps([facts, libraries]))[:24]}.json"
