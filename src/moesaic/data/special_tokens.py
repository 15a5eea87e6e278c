"""Finds a tokenizer's special tokens: those that open and end turns, and those that end an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from moesaic.files import read_json_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BYTE = re.compile("<0x[0-9A-F]{2}>")  # SentencePiece's tokens for single bytes
_MARKER = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Returns the tokens that control a model, id -> name, in whichever way the tokenizer marks them as special.

    These are the tokens that are flagged as special, those that have a role, and added tokens that look like special
    tokens: ``<tool_call>`` and ``[INST]`` are often added without the flag.
    """
    names = {*tokenizer.all_special_tokens, *map(str, getattr(tokenizer, "extra_special_tokens", None) or ())}
    found: dict[int, str] = {}
    for token, added in tokenizer.added_tokens_decoder.items():
        if added.special or str(added) in names or _MARKER.fullmatch(str(added)):
            found[int(token)] = str(added)
    for name in names:
        token = tokenizer.convert_tokens_to_ids(name)
        if isinstance(token, int):
            found[token] = name
    return {token: name for token, name in found.items() if name.strip() and not _BYTE.fullmatch(name)}


def pattern_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """Returns a pattern that finds any of the names and prefers longer ones, or None if there are no names."""
    longest_first = sorted(set(names), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def generation_stops(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Returns the ids of end tokens that the base's folder names, in its generation config or else in its config."""
    if not tokenizer.name_or_path:
        return []
    folder = Path(tokenizer.name_or_path)
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        if path.is_file():
            value = read_json_object(path).get("eos_token_id")
            values = value if isinstance(value, list) else [value]
            stops = [token for token in values if isinstance(token, int) and not isinstance(token, bool)]
            if stops:
                return [token for token in stops if 0 <= token < len(tokenizer)]
    return []
