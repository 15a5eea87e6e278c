"""The Python interface: load a model folder, write programs with it.

import moesaic
model = moesaic.load("runs/quickstart/model")
print(model.generate("Sum of the digits of a number", language="java").code)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.data.formatting import format_source
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError, ModelError
from moesaic.languages import get_language

if TYPE_CHECKING:
    import torch

    from moesaic.model.decode.generate import TokenTrace


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Attributes:
        code: The program, formatted.
        completion: The model's text as it came.
        stopped: It ended by itself, not at ``max_new_tokens``.
        num_tokens: Generated tokens.
        trace: Per token: probability and experts; only when asked for.
    """

    code: str
    completion: str
    stopped: bool
    num_tokens: int
    trace: Sequence[TokenTrace] | None


class Model:
    """A composed model, ready to write programs; made by :func:`load`.

    Attributes:
        experts: Names of the experts, in the order of the gates' rows.
    """

    def __init__(self, model: Any, tokenizer: Any, experts: tuple[str, ...]) -> None:
        self.experts = experts
        self._model = model
        self._prompt = PromptFormat(tokenizer)

    def generate(
        self,
        text: str,
        *,
        language: str,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        trace: bool = False,
        on_token: Callable[[int], None] | None = None,
    ) -> Answer:
        """Writes one program.

        Args:
            text: The task, in words.
            language: Name or alias of the programming language.
            max_new_tokens: Longest program, in tokens.
            temperature: 0: greedy.
            top_p: Nucleus sampling (Holtzman et al. 2020); used when temperature is above 0.
            seed: Seed of sampling.
            trace: Record experts and probability of each token.
            on_token: Called with the number of new tokens, for a progress bar.

        Raises:
            DataError: Unknown language, or an empty task.
            ModelError: The prompt does not fit the context.
        """
        from moesaic.model.backbone import context_length
        from moesaic.model.decode.generate import generate

        row = get_language(language)
        if not text.strip():
            raise DataError("the task is empty: say in words what the program should do")
        ids = self._prompt.prompt_ids(text, row.name)
        limit = context_length(self._model)
        if len(ids) >= limit:
            raise ModelError(f"the task takes {len(ids):,} tokens, the model's context is {limit:,}: shorten the text")
        (generation,) = generate(
            self._model,
            [ids],
            max_new_tokens=min(max_new_tokens, limit - len(ids)),
            stop_ids=self._prompt.stop_ids,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            trace=trace,
            on_step=on_token,
            tokenizer=self._prompt.tokenizer,
        )
        completion = self._prompt.tokenizer.decode(generation.ids, skip_special_tokens=True)
        code = format_source(self._prompt.extract_code(completion), row.name)
        return Answer(code, completion, generation.stopped, len(generation.ids), generation.trace)


def load(path: str | Path, device: str | torch.device | None = None) -> Model:
    """Loads a model folder, or the model of a run's folder.

    Args:
        path: Folder with ``moesaic.json``, or a run's folder that holds one as ``model/``.
        device: A GPU when there is one, by default.

    Raises:
        ModelError: No model there, or made on another base.
        CheckpointError: A file is corrupt.
    """
    import torch

    from moesaic.checkpoint.native import load_moe

    chosen = device if device is not None else ("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer, description = load_moe(Path(path), device=chosen)
    return Model(model, tokenizer, description.names)
