"""Everything that can be known to fail before an export starts, each with a remedy, all at once.

Only headers and configurations are read here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moesaic.checkpoint.companions import VOCABULARY_FILES
from moesaic.checkpoint.formats import ATTENTION, PROJECTIONS, format_reasons, required_names, rotary
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import ModelError
from moesaic.files import read_json

if TYPE_CHECKING:
    from torch import Tensor

AttentionPolicy = Literal["error", "base", "average"]

MEMORY_ALLOWANCE_BYTES = 300 * 2**20
_ADAPTER = "adapter_model.safetensors"
_KNOWN_ROTARY = ("default", "linear", "dynamic", "yarn", "longrope", "llama3")


@dataclass(frozen=True)
class AdapterFactors:
    """One expert's factors, read module by module instead of all at once.

    Attributes:
        name: The expert's name.
        scale: Factor on B A.
        reader: Its ``adapter_model.safetensors``.
    """

    name: str
    scale: float
    reader: TensorReader

    @classmethod
    def open(cls, folder: Path, name: str, scale: float) -> AdapterFactors:
        """Opens a PEFT adapter folder; reads the header only."""
        return cls(name, scale, TensorReader(folder / _ADAPTER))

    @property
    def modules(self) -> list[str]:
        """Paths of the modules with a delta."""
        ending = ".lora_A.weight"
        return [
            name.removeprefix("base_model.model.").removesuffix(ending) for name in self.reader.names if ending in name
        ]

    def shape(self, module: str) -> tuple[int, int, int]:
        """Returns out, in and rank of a module's delta."""
        A_shape, B_shape = (self.reader.spec(self._key(module, factor)).shape for factor in "AB")
        return B_shape[0], A_shape[1], A_shape[0]

    def read(self, module: str) -> tuple[Tensor, Tensor] | None:
        """Reads A [R, I] and B [O, R] in float32; None for a module without a delta."""
        if self._key(module, "A") not in self.reader:
            return None
        return self.reader.read(self._key(module, "A")).float(), self.reader.read(self._key(module, "B")).float()

    def _key(self, module: str, factor: str) -> str:
        return f"base_model.model.{module}.lora_{factor}.weight"


def check_exportable(
    config: Mapping[str, Any], adapters: Sequence[AdapterFactors], attention: AttentionPolicy = "error"
) -> list[str]:
    """Returns why a model has no exact published MoE form, each reason with what can be done; empty when it has one.

    Args:
        config: The base's configuration (``formats.read_config``).
        adapters: The experts.
        attention: ``error``: deltas outside the MLP are a reason; ``base``: they are left out, as in moesaic's own
            forward pass; ``average``: their mean is merged into the attention.
    """
    reasons = [f"{reason}; export the adapters instead (--format peft)" for reason in format_reasons(config)]
    for adapter in adapters:
        outside = [module for module in adapter.modules if module.rpartition(".")[2] not in PROJECTIONS]
        odd = [module for module in outside if module.rpartition(".")[2] not in ATTENTION]
        if odd:
            reasons.append(
                f"expert {adapter.name}: {len(odd)} deltas on neither MLP nor attention (first: {odd[0]}); "
                "retrain without them, or --format peft"
            )
        elif outside and attention == "error":
            reasons.append(
                f"expert {adapter.name}: {len(outside)} deltas on attention (first: {outside[0]}), which the format "
                "shares between experts; --attention base leaves them out (what moesaic itself runs), --attention "
                "average merges their mean, --format peft keeps them"
            )
    return reasons


def preflight(
    base: Path,
    reader: TensorReader,
    config: Mapping[str, Any],
    adapters: Sequence[AdapterFactors],
    attention: AttentionPolicy = "error",
) -> list[str]:
    """Returns every problem of an export, each with a remedy: format, vocabulary, rotary, modules, ranks, memory.

    Free space is checked by the writer, which knows what a resumed run still needs.

    Args:
        base: The base's folder.
        reader: Its tensors.
        config: Its configuration.
        adapters: The experts.
        attention: See ``check_exportable``.
    """
    problems = check_exportable(config, adapters, attention)
    missing = [name for name in required_names(config) if name not in reader]
    if missing:
        problems.append(f"{base} lacks {len(missing)} MLP weights (first: {missing[0]}): copy or download it again")
    kind = rotary(config)[1]["rope_type"]
    if kind not in _KNOWN_ROTARY:
        problems.append(f"rotary type {kind!r} is not among {', '.join(_KNOWN_ROTARY)}: readers would not know it")
    problems += _vocabulary_problems(base, reader, config)
    for adapter in adapters:
        problems += adapter_problems(adapter, reader)
    largest = max((reader.spec(name).num_bytes for name in reader.names), default=0)
    needed, free = MEMORY_ALLOWANCE_BYTES + largest, _available_memory()
    if free is not None and free < needed:
        problems.append(f"about {needed / 2**20:.0f} MiB of memory are needed, {free / 2**20:.0f} MiB are available")
    return problems


def require(problems: Sequence[str], what: str) -> None:
    """Raises one ModelError that lists all problems, if there are any."""
    if problems:
        count = "1 reason" if len(problems) == 1 else f"{len(problems)} reasons"
        raise ModelError("\n".join([f"{what} is not possible: {count}", *(f"  - {problem}" for problem in problems)]))


def _vocabulary_problems(base: Path, reader: TensorReader, config: Mapping[str, Any]) -> list[str]:
    problems = []
    rows = reader.spec("model.embed_tokens.weight").shape[0] if "model.embed_tokens.weight" in reader else None
    if rows is None:
        problems.append(f"{base} has no model.embed_tokens.weight: not the checkpoint of a causal language model")
    elif rows != config["vocab_size"]:
        problems.append(
            f"the embedding has {rows} rows, config.json says vocab_size {config['vocab_size']}: correct it"
        )
    if not config.get("tie_word_embeddings") and "lm_head.weight" not in reader:
        problems.append("lm_head.weight is missing and tie_word_embeddings is false: set it to true if they are tied")
    if not any((base / name).is_file() for name in VOCABULARY_FILES):
        problems.append(f"{base} has no tokenizer files: copy tokenizer.json and tokenizer_config.json there")
    elif (base / "tokenizer.json").is_file() and rows is not None:
        added = read_json(base / "tokenizer.json").get("added_tokens", [])
        highest = max((token["id"] for token in added), default=-1)
        if highest >= rows:
            problems.append(
                f"the tokenizer has token {highest}, the embedding {rows} rows: resize the base's embedding"
            )
    return problems


def adapter_problems(adapter: AdapterFactors, reader: TensorReader) -> list[str]:
    """Returns where an expert's factors do not fit the base's weights; at most three lines and a count."""
    problems = []
    for module in adapter.modules:
        weight = f"{module}.weight"
        outputs, inputs, rank = adapter.shape(module)
        if weight not in reader:
            problems.append(f"expert {adapter.name} changes {module}, which the base lacks: it belongs to another base")
        elif reader.spec(weight).shape != (outputs, inputs):
            found = " x ".join(str(size) for size in reader.spec(weight).shape)
            problems.append(f"expert {adapter.name} does not fit {module}: {outputs} x {inputs}, the base has {found}")
        elif rank > min(outputs, inputs):
            problems.append(
                f"expert {adapter.name}: rank {rank} of {module} exceeds its smaller side {min(outputs, inputs)}"
            )
    return problems[:3] + ([f"expert {adapter.name}: {len(problems) - 3} more like these"] if len(problems) > 3 else [])


def _available_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _reclaimable()
    except (ValueError, OSError, AttributeError):
        return None


def _reclaimable() -> int:
    """Page cache that the kernel gives back when asked."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("Cached:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
