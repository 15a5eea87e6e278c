"""Caches the prompts of a base, so that a process that only writes does not import transformers for its tokenizer.

    $MOESAIC_CACHE/prompts/<key>.json     the tokenizer in the format of the ``tokenizers`` library, and the facts that
                                          ``PromptFormat`` found out about it

The key depends on the files, libraries and code from which the entry was made. If any of them changes, a new entry is
made. The cached tokenizer is the one that transformers uses internally, so both give the same tokens.
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
"""Methods of transformers' tokenizer that ``KeptTokenizer`` replaces; a class that overrides them is not cached."""


class KeptTokenizer:
    """A tokenizer with the methods that ``PromptFormat`` and decoding need, based on the ``tokenizers`` library only.

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
        """Returns the token ids of a text, under the key ``input_ids``."""
        self._tokenizer.encode_special_tokens = split_special_tokens
        return {"input_ids": self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def decode(
        self, ids: Sequence[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool = False
    ) -> str:
        """Returns tokens as text. Spaces before punctuation are kept, because the model wrote them."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def get_vocab(self) -> dict[str, int]:
        """Returns token -> id."""
        names: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        return names

    def convert_tokens_to_ids(self, names: Sequence[str]) -> list[int]:
        """Returns the ids of tokens that are in the vocabulary."""
        return [self._tokenizer.token_to_id(name) for name in names]


def kept_prompts(folder: Path) -> PromptFormat | None:
    """Returns the cached prompts of the tokenizer in a base's folder; None if there are none or something has changed.

    Args:
        folder: A checkpoint folder.
    """
    # If the cache cannot be read, or somebody changed it, only the time that it would have saved is lost.
    with contextlib.suppress(Exception):
        kept = read_json_object(_file(folder))
        return PromptFormat.restored(KeptTokenizer(kept["tokenizer"]), kept["prompts"])
    return None


def keep_prompts(folder: Path, prompts: PromptFormat) -> None:
    """Caches the prompts of a transformers tokenizer, if ``KeptTokenizer`` can replace it.

    Args:
        folder: The checkpoint folder from which the tokenizer was loaded.
        prompts: The prompts of this tokenizer.
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
    with contextlib.suppress(OSError, SpaceError):  # without the cache, only time is lost
        file = _file(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _file(folder: Path) -> Path:
    """Returns the file of the cache for the present state of a folder.

    Raises:
        OSError: The folder cannot be read.
    """
    code = (Path(str(module.__file__)) for module in (prompts_module, special_tokens))
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix != ".safetensors")
    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in (*files, *code)]
    libraries = [version(name) for name in ("tokenizers", "transformers")]
    return cache_folder() / "prompts" / f"{text_digest(json.dumps([facts, libraries]))[:24]}.json"
