"""Writes the files beside exported weights: configuration, tokenizer, generation settings, card, licence.

All files can be read by transformers 4 and 5. Version 5 saves tokenizers under class names that version 4 does not
know; they are replaced by a name that both versions know.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError

from moesaic.errors import CheckpointError, ModelError
from moesaic.files import digest_of, file_digest, read_json_object, write_json, write_text

TOKENIZER_PATTERNS: Final = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "*.jinja",
)
VOCABULARY_FILES: Final = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json")
"""Files of which every tokenizer has at least one."""

_GENERATION = "generation_config.json"
_OTHER_PATTERNS = (_GENERATION, "LICENSE*", "NOTICE*", "USE_POLICY*")
_NEW_CLASSES = ("TokenizersBackend",)


def tokenizer_files(folder: Path) -> list[Path]:
    """Returns the files of a checkpoint folder that belong to its tokenizer."""
    return sorted({file for pattern in TOKENIZER_PATTERNS for file in folder.glob(pattern) if file.is_file()})


def write_companions(base: Path, out: Path, config: Mapping[str, Any]) -> None:
    """Copies tokenizer, generation settings and licence of a base.

    Args:
        base: The checkpoint folder of the base.
        out: The folder to write to.
        config: The base's configuration, whose special tokens become the generation settings if the base has none.

    Raises:
        CheckpointError: ``tokenizer_config.json`` is corrupt.
    """
    others = (file for pattern in _OTHER_PATTERNS for file in base.glob(pattern) if file.is_file())
    for file in (*tokenizer_files(base), *others):
        if file.name == "tokenizer_config.json":
            write_json(out / file.name, _portable_tokenizer_config(read_json_object(file)))
        else:
            shutil.copyfile(file, out / file.name)
    if not (out / _GENERATION).is_file():
        tokens = ("bos_token_id", "eos_token_id", "pad_token_id")
        settings = {key: config[key] for key in tokens if config.get(key) is not None}
        write_json(out / _GENERATION, {"_from_model_config": True, **settings})


class _AddedToken(BaseModel):
    id: Annotated[StrictInt, Field(ge=0, le=2**31)]
    content: StrictStr
    special: bool = False


class _Vocabulary(BaseModel):
    type: StrictStr | None = None
    vocab: dict[str, Annotated[StrictInt, Field(ge=0, le=2**31)]] | list[tuple[StrictStr, float]] = {}
    merges: list[StrictStr | tuple[StrictStr, StrictStr]] = []
    unk_token: StrictStr | int | None = None


class _Tokenizer(BaseModel):
    """The parts of a ``tokenizer.json`` that moesaic reads."""

    model: _Vocabulary
    added_tokens: list[_AddedToken] | None = None
    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None


def read_tokenizer(file: Path) -> dict[str, Any]:
    """Reads a ``tokenizer.json`` and checks the types of the parts that moesaic uses.

    Raises:
        CheckpointError: The file is corrupt or not a tokenizer; the message names the wrong entry.
    """
    content = read_json_object(file)
    try:
        _Tokenizer.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise CheckpointError(f"{file}: {where:.120}: {problem['msg']}; copy the tokenizer again") from error
    return content


def tokenizer_digest(folder: Path) -> str:
    """Returns a digest of what a tokenizer computes (vocabulary, merges, special tokens), however it was saved."""
    tokenizer = folder / "tokenizer.json"
    if tokenizer.is_file():
        content = read_tokenizer(tokenizer)
        parts = ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model")
        return digest_of({part: content.get(part) for part in parts})
    models = [folder / name for name in (*VOCABULARY_FILES, "merges.txt")]
    return digest_of([(file.name, file_digest(file)) for file in models if file.is_file()])


def check_same_tokenizer(folders: Sequence[Path]) -> None:
    """Refuses checkpoints whose tokenizers differ.

    Args:
        folders: The checkpoint folders; all others are compared with the first.

    Raises:
        ModelError: A tokenizer differs. The message names its folder and the first token that differs.
    """
    first, *others = folders
    for other in others:
        if tokenizer_digest(first) != tokenizer_digest(other):
            raise ModelError(
                f"{other} has another tokenizer than {first}{_first_difference(first, other)}: experts must share one "
                "vocabulary. Leave that model out, or take fine-tunes of one base"
            )


def write_config(out: Path, config: Mapping[str, Any]) -> None:
    """Writes ``config.json``, which has to be the last file, because no checkpoint can be loaded without it."""
    write_json(out / "config.json", config)


def write_export_card(
    out: Path,
    title: str,
    summary: Iterable[str],
    launch: Sequence[str],
    asking: Sequence[str] = (),
    library: str = "transformers",
) -> None:
    """Writes the model card of an export.

    Args:
        out: The folder, or the file that the card is written to.
        title: Name of the model.
        summary: Lines that describe the model.
        launch: Commands that serve the model.
        asking: Lines that show how to send a request.
        library: The hub's name of the library that loads the model.
    """
    lines = ["---", f"library_name: {library}", "pipeline_tag: text-generation", "tags:", "- moe", "- code", "---"]
    lines += ["", f"# {title}", "", *summary, "", "```", *launch, "```", "", *asking]
    write_text(out / "README.md" if out.is_dir() else out, "\n".join(lines).rstrip("\n") + "\n")


def _portable_tokenizer_config(config: dict[str, Any]) -> dict[str, Any]:
    if config.get("tokenizer_class") in _NEW_CLASSES:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    return config


def _first_difference(first: Path, other: Path) -> str:
    files = [folder / "tokenizer.json" for folder in (first, other)]
    if not all(file.is_file() for file in files):
        return ""
    ours, theirs = ({v: k for k, v in _vocabulary(read_tokenizer(file)).items()} for file in files)
    if len(ours) != len(theirs):
        return f" ({len(theirs):,} tokens instead of {len(ours):,})"
    for index in sorted(ours):
        if ours[index] != theirs.get(index):
            return f" (token {index} is {theirs.get(index)!r} instead of {ours[index]!r})"
    return " (same vocabulary, other merges, normalisation or special tokens)"


def _vocabulary(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    vocab = tokenizer["model"].get("vocab", {})
    if isinstance(vocab, list):
        vocab = {entry[0]: index for index, entry in enumerate(vocab)}
    return {**vocab, **{token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}}
