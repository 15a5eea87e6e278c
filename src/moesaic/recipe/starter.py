"""Writes a first recipe for a base and data, with every key that matters at the start and its purpose.

The choices depend only on the machine: the lengths of rows, training and programs on whether there is a GPU, and the
base's number format on whether its weights leave room for training. Everything else is moesaic's default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from moesaic.languages import syntax_of

_FULL: Final = 0.6
"""Share of a GPU's memory that the base may fill in bfloat16; the rest is for training."""

_TIGHT: Final = 0.25
"""Share of the memory above which the experts' activations are recomputed instead of stored."""

_PLAIN: Final = (
    "evaluate:",
    "  metrics: [bleu, exact_match] # metrics that need no grammar; the loss is always measured",
)

_MIXED: Final = (
    "evaluate:",
    "  metrics: [parse_share, bleu, codebleu, exact_match] # each where it is defined (docs/domains.md)",
)


@dataclass(frozen=True)
class Start:
    """The facts from which a first recipe is made.

    Attributes:
        base: ``base.model``.
        data: ``data.source``.
        languages: ``data.languages``.
        gpu: Whether the run uses a GPU.
        memory: Memory of the GPU in bytes, or of the machine if it has none.
        parameters: Number of parameters of the base; None if that is not known before the base is downloaded.
    """

    base: str
    data: str
    languages: Sequence[str]
    gpu: bool
    memory: int
    parameters: int | None = None

    @property
    def quantize(self) -> bool:
        """Whether the base is stored in 4 bits."""
        return self.gpu and self.parameters is not None and 2 * self.parameters > _FULL * self.memory

    @property
    def is_tight(self) -> bool:
        """Whether activations are recomputed to save memory."""
        size = 0.6 if self.quantize else 2 if self.gpu else 4
        return self.parameters is not None and size * self.parameters > _TIGHT * self.memory


def starter_recipe(start: Start, path: str) -> str:
    """Returns the text of a recipe.

    Args:
        start: The facts from which it is made.
        path: Path of the recipe file, for the commands in its first lines.
    """
    gpu, names = start.gpu, ", ".join(start.languages)
    size = "" if start.parameters is None else f", {_in_words(start.parameters)} parameters"
    row_tokens = 4096 if gpu else 1024
    readable = [syntax_of(name) is not None for name in start.languages]
    lines = [
        f"# An expert each for {names}, and their Mixture-of-Experts; made by `moesaic init`.",
        "#",
        f"# For:    {'one GPU' if gpu else 'a CPU'} with {start.memory / 2**30:.0f} GiB of memory",
        f"# Check:  moesaic validate {path}",
        f"# Cost:   moesaic run {path} --dry-run",
        f"# Run:    moesaic run {path}",
        "#",
        "# Every key and its default: docs/recipe.md. Any can be replaced on the command line: experts.rank=8",
        "base:",
        _line("model", _text(start.base), f"the language model that all experts share{size}"),
        *([_line("quantize", "nf4", "4-bit weights: bfloat16 would leave no room for training")] * start.quantize),
        "data:",
        _line("source", _text(start.data), "tasks and programs; docs/data.md lists what can be read"),
        _line("languages", f"[{names}]", "one expert is trained for each"),
        _line("max_tokens", 1024, "longest example, prompt and program; longer ones are left out"),
        _line("# train_limit", 2000, "at most this many training examples per language: the first thing to lower"),
        _line(
            "# test_fraction",
            0.2,
            "share for testing if the data has no splits: 30 tasks or more, to tell what is better",
        ),
        "experts:",
        _line("rank", 16, "size of an expert; 8 to 64 are usual"),
        _line("epochs", 3 if gpu else 1, "passes over a language's examples; the best validated state is kept"),
        _line("learning_rate", "2.0e-4", "peak learning rate of AdamW"),
        _line("row_tokens", row_tokens, "tokens per training step; memory grows with it"),
        *([_line("compile", "true", "takes about half a minute once, and makes steps faster")] * gpu),
        "gate:",
        _line("kind", "top_k", "or softmax, noisy_top_k"),
        _line("top_k", min(2, len(start.languages)), "experts per token"),
        *(
            []
            if gpu
            else [_line("gate_steps", 12, "on the gates alone, which start from a fit: they gain little here")]
        ),
        _line("joint_epochs", 1.0 if gpu else 0.5, "passes in which gates and experts are trained together"),
        _line("row_tokens", row_tokens, "as above"),
        *([_line("compile", "true", "as above")] * gpu),
        *([_line("selective_checkpointing", "true", "needs less memory and is a few percent slower")] * start.is_tight),
        "predict:",
        _line("limit", 200 if gpu else 10, "programs per language and system; null: all, which can take very long"),
        _line("max_new_tokens", 512 if gpu else 256, "longest program"),
        *(_MIXED if len(set(readable)) == 2 else () if all(readable) else _PLAIN),
        "# compare: [dense_lora]        # one LoRA on all languages, as large as all experts: is the MoE worth it?",
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, value: object, comment: str) -> str:
    return f"  {f'{key}: {value}':<28} # {comment}"


def num_parameters(config: Mapping[str, Any]) -> int | None:
    """Returns the number of parameters of a base of the Llama family, or None if its ``config.json`` does not say it.

    Args:
        config: The content of ``config.json``.
    """
    try:
        width, hidden, layers = (int(config[key]) for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
        heads = int(config["num_attention_heads"])
        head = int(config.get("head_dim") or width // heads)
        groups = int(config.get("num_key_value_heads") or heads)
        embeddings = int(config["vocab_size"]) * width * (1 if config.get("tie_word_embeddings") else 2)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return embeddings + layers * (2 * width * head * (heads + groups) + 3 * width * hidden)


def _in_words(count: int) -> str:
    return f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million"


def _text(value: str) -> str:
    """Returns a text as YAML: without quotes if YAML reads it as the same text, otherwise in double quotes."""
    try:
        is_plain = yaml.safe_load(value) == value and " #" not in value
    except yaml.YAMLError:
        is_plain = False
    return value if is_plain else json.dumps(value, ensure_ascii=False)
