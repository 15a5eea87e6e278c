"""Writes a Hugging Face tokenizer in GGUF's form: tokens, types, merges or scores, pre-tokenizer.

llama.cpp knows pre-tokenizers only by name, so the pre-tokenizer in ``tokenizer.json`` has to be recognised. An unknown
one is refused, because a wrong name would silently change the tokens. Two kinds of vocabulary are written:

    byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM)      model "gpt2": tokens and merges
    BPE with byte fallback (Llama 2, Mistral)          model "llama": tokens and scores

The scores determine which pair is joined first. SentencePiece's own scores are not in ``tokenizer.json``, but only
their order matters, which is the order of the merges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moesaic.checkpoint.companions import read_tokenizer
from moesaic.errors import ModelError

if TYPE_CHECKING:
    from gguf import GGUFWriter

    from moesaic.checkpoint.exchange.chat import Chat

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

END_TOKENS: Final = ("eos", "eot", "eom")

_REGEX_NAMES: Final = {
    r"\p{N}{1,3}|": "llama-bpe",
    r"|\p{N}|": "qwen2",
}
"""Parts of the two common patterns of ``Split``, which differ in how they split numbers -> name in llama.cpp."""


def add_vocabulary(writer: GGUFWriter, base: Path, vocab_size: int, chat: Chat) -> None:
    """Adds the tokenizer of a checkpoint folder to a GGUF header.

    Args:
        writer: The open writer.
        base: The checkpoint folder.
        vocab_size: Number of rows of the embedding. Rows without a token get an unused token.
        chat: Chat template and stop tokens, which replace those of the base.

    Raises:
        ModelError: There is no ``tokenizer.json``, its vocabulary is not BPE or does not fit the embedding, its
            pre-tokenizer is not recognised, or the tokenizer's other files cannot be read.
        CheckpointError: ``tokenizer.json`` is corrupt.
    """
    import gguf

    file = base / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"{base} has no tokenizer.json: save the tokenizer with save_pretrained of a fast tokenizer")
    tokenizer = read_tokenizer(file)
    model = tokenizer["model"]
    if model.get("type") != "BPE":
        raise ModelError(f"{file}: a vocabulary of type {model.get('type')!r} is not written to GGUF; allowed: BPE")
    largest = max(
        [*model["vocab"].values(), *(token["id"] for token in tokenizer.get("added_tokens") or ())], default=0
    )
    if largest >= vocab_size:
        raise ModelError(f"{file} has token {largest}, the embedding {vocab_size} rows: resize the base's embedding")
    tokens, types = tokens_and_types(tokenizer, vocab_size)
    if model.get("byte_fallback"):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores(merge_scores(model, tokens))
        prefixes = [tokenizer.get("normalizer"), tokenizer.get("pre_tokenizer")]
        writer.add_add_space_prefix("Prepend" in json.dumps(prefixes))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre_tokenizer_name(tokenizer.get("pre_tokenizer") or {}, file))
        writer.add_token_list(tokens)
    writer.add_token_types(types)
    try:
        special = gguf.SpecialVocab(base, load_merges=not model.get("byte_fallback"), n_vocab=vocab_size)
    except Exception as error:  # it reads the tokenizer's other files, which may contain anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{base}: the tokenizer's files cannot be read ({reason:.200}): copy them again") from error
    special.chat_template = chat.template
    special.special_token_ids.update(end_tokens(chat.prompts.stop_ids, chat.prompts.tokenizer.eos_token_id))
    special.add_to_gguf(writer, quiet=True)


def end_tokens(stop_ids: Sequence[int], eos_id: int | None) -> dict[str, int]:
    """Returns the tokens that end an answer under GGUF's names for the end of sequence, turn and message.

    llama.cpp stops at each of these three.

    Args:
        stop_ids: The tokens that end an answer, of which at most three are used.
        eos_id: The tokenizer's end-of-sequence token, which comes first; None if it has none.
    """
    ordered = [token for token in dict.fromkeys([eos_id, *stop_ids]) if token is not None]
    return dict(zip(END_TOKENS, ordered, strict=False))


def tokens_and_types(tokenizer: Mapping[str, Any], vocab_size: int) -> tuple[list[str], list[int]]:
    """Returns all tokens in the order of their ids, and llama.cpp's type of each token."""
    tokens = [f"[PAD{index}]" for index in range(vocab_size)]
    types = [UNUSED] * vocab_size
    is_fallback = bool(tokenizer["model"].get("byte_fallback"))
    for text, index in tokenizer["model"]["vocab"].items():
        tokens[index] = text
        types[index] = BYTE if is_fallback and _is_byte(text) else NORMAL
    unknown = tokenizer["model"].get("unk_token")
    for token in tokenizer.get("added_tokens") or ():
        tokens[token["id"]] = token["content"]
        types[token["id"]] = CONTROL if token.get("special") else USER_DEFINED
        if is_fallback and token["content"] == unknown:
            types[token["id"]] = UNKNOWN
    return tokens, types


def merge_scores(model: Mapping[str, Any], tokens: list[str]) -> list[float]:
    """Returns scores with which llama.cpp joins pairs in the order of the merges; all other tokens get the lowest."""
    order: dict[str, int] = {}
    for rank, merge in enumerate(model["merges"]):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        order.setdefault("".join(pair), rank)
    return [-float(order.get(token, len(order))) for token in tokens]


def pre_tokenizer_name(pre_tokenizer: Mapping[str, Any], file: Path) -> str:
    """Returns llama.cpp's name of a byte-level pre-tokenizer.

    Args:
        pre_tokenizer: The entry of ``tokenizer.json``.
        file: The file, for the message of an error.

    Raises:
        ModelError: The pre-tokenizer is not recognised.
    """
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"] and parts[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        pattern = str(parts[0].get("pattern", {}).get("Regex"))
        for fragment, name in _REGEX_NAMES.items():
            if fragment in pattern:
                return name
    raise ModelError(
        f"{file}: the pre-tokenizer {kinds} is not among those that can be named for llama.cpp (GPT-2, SmolLM, "
        "Llama 3, Qwen2); export --format mixtral and convert that with llama.cpp's own script"
    )


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
