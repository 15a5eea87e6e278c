"""Finds every reason why an export would fail before it starts, each with a remedy, and reports all at once.

Only headers and configurations are read for this.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moesaic.checkpoint.companions import VOCABULARY_FILES, read_tokenizer
from moesaic.checkpoint.formats import ATTENTION, PROJECTIONS, format_reasons, required_names, rotary
from moesaic.checkpoint.streaming import TensorReader
from moesaic.errors import ModelError
from moesaic.model.adapter_config import AdapterSettings, read_settings
from moesaic.model.lora import WEIGHTS_FILE, adapter_modules, check_factors, factor_key

if TYPE_CHECKING:
    from torch import Tensor

    from moesaic.model.lora import LoraExpert

AttentionPolicy = Literal["error", "base", "average"]

MEMORY_ALLOWANCE_BYTES = 300 * 2**20
_KNOWN_ROTARY = ("default", "linear", "dynamic", "yarn", "longrope", "llama3")


@dataclass(frozen=True)
class AdapterFactors:
    """The factors of an expert, which are read module by module.

    Attributes:
        name: Name of the expert.
        settings: Settings from the configuration of its adapter.
        reader: Its ``adapter_model.safetensors``.
        modules: Paths of the modules that have a delta.
    """

    name: str
    settings: AdapterSettings
    reader: TensorReader
    modules: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path, name: str) -> AdapterFactors:
        """Opens a PEFT adapter folder and reads its configuration and the header of its weights.

        Raises:
            ModelError: The adapter is not a plain low-rank delta. The message names the key or the tensor.
            CheckpointError: A file is corrupt.
        """
        settings = read_settings(folder)
        reader = TensorReader(folder / WEIGHTS_FILE)
        shapes = {key: reader.spec(key).shape for key in reader.names}
        return cls(name, settings, reader, tuple(adapter_modules(folder / WEIGHTS_FILE, shapes, settings)))

    @property
    def scale(self) -> float:
        """The factor by which the product B A is multiplied."""
        return self.settings.scale

    def shape(self, module: str) -> tuple[int, int, int]:
        """Returns the sizes O (out), I (in) and R (rank) of a module's delta."""
        A_shape, B_shape = (self.reader.spec(factor_key(module, factor)).shape for factor in "AB")
        return B_shape[0], A_shape[1], A_shape[0]

    def read(self, module: str) -> tuple[Tensor, Tensor] | None:
        """Reads A [R, I] and B [O, R] in float32; returns None for a module without a delta.

        Raises:
            CheckpointError: A factor holds NaN or infinity.
        """
        if factor_key(module, "A") not in self.reader:
            return None
        A_RI, B_OR = (self.reader.read(factor_key(module, factor)) for factor in "AB")
        check_factors(self.reader.source, module, A_RI, B_OR, self.scale)
        return A_RI.float(), B_OR.float()


def check_exportable(
    config: Mapping[str, Any], adapters: Sequence[AdapterFactors], attention: AttentionPolicy = "error"
) -> list[str]:
    """Returns the reasons why a model has no exact published MoE form, each with a remedy; empty if it has one.

    Args:
        config: The base's configuration (``formats.read_config``).
        adapters: The experts.
        attention: What to do with deltas on attention. ``error`` counts them as a reason; ``base`` leaves them out, as
            moesaic's own forward pass does; ``average`` merges their mean into the attention.
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
        elif len(outside) == len(adapter.modules):
            reasons.append(
                f"expert {adapter.name} changes nothing that is routed: all its deltas are on attention, so it would "
                "be the same as every other such expert; retrain it with the MLP, or --format peft"
            )
    return reasons


def preflight(
    base: Path,
    reader: TensorReader,
    config: Mapping[str, Any],
    adapters: Sequence[AdapterFactors],
    attention: AttentionPolicy = "error",
) -> list[str]:
    """Returns all problems of an export, each with a remedy: format, vocabulary, rotary, modules, ranks, memory.

    The free space of the disk is checked by the writer, which knows how much a resumed run still needs.

    Args:
        base: The folder of the base.
        reader: The tensors of the base.
        config: The configuration of the base.
        adapters: The experts.
        attention: What to do with deltas on attention; see ``check_exportable``.

    Raises:
        CheckpointError: ``tokenizer.json`` is corrupt.
    """
    problems = check_exportable(config, adapters, attention)
    missing = [name for name in required_names(config) if name not in reader]
    if missing:
        problems.append(f"{base} lacks {len(missing)} MLP weights (first: {missing[0]}): copy or download it again")
    kind = rotary(config)[1]["rope_type"]
    if kind not in _KNOWN_ROTARY:
        problems.append(
            f"rotary type {kind!r} is not among {', '.join(_KNOWN_ROTARY)}: other programs would not know it"
        )
    problems += _vocabulary_problems(base, reader, config)
    for adapter in adapters:
        problems += adapter_problems(adapter, reader)
    largest = max((reader.spec(name).num_bytes for name in reader.names), default=0)
    needed, free = MEMORY_ALLOWANCE_BYTES + largest, _available_memory()
    if free is not None and free < needed:
        problems.append(f"about {needed / 2**20:.0f} MiB of memory are needed, {free / 2**20:.0f} MiB are available")
    return problems


def require(problems: Sequence[str], what: str) -> None:
    """Raises one error that lists all problems, if there are any.

    Args:
        problems: One line per problem.
        what: What is not possible because of them, which begins the message.

    Raises:
        ModelError: There are problems.
    """
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
        added = read_tokenizer(base / "tokenizer.json").get("added_tokens") or []
        highest = max((token["id"] for token in added), default=-1)
        if highest >= rows:
            problems.append(
                f"the tokenizer has token {highest}, the embedding {rows} rows: resize the base's embedding"
            )
    return problems


def adapter_problems(adapter: AdapterFactors, reader: TensorReader) -> list[str]:
    """Returns the problems of an expert whose factors do not fit the base: at most three, and the number of others.

    A problem mentions another base only if names or shapes show that the expert belongs to one.
    """
    problems = []
    matrices = {name.removesuffix(".weight") for name in reader.names if len(reader.spec(name).shape) == 2}
    for module in adapter.modules:
        outputs, inputs, rank = adapter.shape(module)
        if module not in matrices:
            problems.append(f"expert {adapter.name} changes {module}, which the base lacks: it belongs to another base")
            continue
        if reader.spec(f"{module}.weight").shape != (outputs, inputs):
            found = " x ".join(str(size) for size in reader.spec(f"{module}.weight").shape)
            problems.append(
                f"expert {adapter.name} does not fit {module}: {outputs} x {inputs}, the base has {found}: it belongs "
                "to another base"
            )
        elif rank > min(outputs, inputs) and module.rpartition(".")[2] in PROJECTIONS:
            problems.append(
                f"expert {adapter.name}: rank {rank} of {module} exceeds its smaller side {min(outputs, inputs)}"
            )
    if adapter.settings.targets is not None:
        layers = (name for name in sorted(matrices) if ".layers." in name)
        lacking = [name for name in layers if adapter.settings.covers(name) and name not in adapter.modules]
        if lacking:
            problems.append(
                f"expert {adapter.name}: {len(lacking)} modules that its configuration names have no factors (first: "
                f"{lacking[0]}): copy the adapter again, whole"
            )
    return problems[:3] + ([f"expert {adapter.name}: {len(problems) - 3} more like these"] if len(problems) > 3 else [])


def idle_experts(experts: Iterable[LoraExpert]) -> tuple[list[str], list[str]]:
    """Finds experts that compute the same as the base, because they do not change the MLP.

    Returns:
        The problems, for experts of which all deltas are left out; and notes, for experts whose deltas are zero, as
        they are before training.
    """
    problems, notes = [], []
    for expert in experts:
        routed = {path: pair for path, pair in expert.deltas.items() if path.rpartition(".")[2] in PROJECTIONS}
        if not routed:
            problems.append(
                f"expert {expert.name} changes nothing that is routed: all its deltas are on attention, which is left "
                "out, so it would be the base itself; train its MLP, or leave it out"
            )
        elif not expert.scale or not any(bool(A_RI.any()) and bool(B_OR.any()) for A_RI, B_OR in routed.values()):
            why = "lora_alpha is 0" if not expert.scale else "in every module A or B is all zeros"
            notes.append(f"note: expert {expert.name} does nothing ({why}): it is the base itself until it is trained")
    return problems, notes


def _available_memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _reclaimable()
    except (ValueError, OSError, AttributeError):
        return None


def _reclaimable() -> int:
    """Returns the size in bytes of the page cache, which the kernel frees if memory is needed."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("Cached:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
