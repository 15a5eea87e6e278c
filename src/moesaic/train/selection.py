"""Decides which training state is kept: by its validation loss, or by the programs that it writes.

The two can disagree. The likelihood measures each token of a reference program after the correct tokens before it; a
generated program consists of the model's own tokens. Another pass over little data can therefore make the loss worse
and the programs better: more of them end, and more of them parse. Which measure to use depends on the purpose of the
model, and on what else constrains it: with ``data.keep`` it cannot move far from the base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from moesaic.data.prompts import PromptFormat
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import PredictRecipe
from moesaic.train.judges import Score, codebleu_judge
from moesaic.train.loop import Facts
from moesaic.train.rows import DECIDES
from moesaic.train.sampler import Sampler
from moesaic.train.samples import Measure, Samples, Task
from moesaic.train.verdicts import judged_samples, own_judgements


@dataclass(frozen=True)
class Programs:
    """Validation tasks whose greedy programs measure how good a state is.

    Attributes:
        prompt: Prompts and stop tokens.
        tasks: The tasks.
        options: Length of a program, batch size, ``compile``.
        score: Computes the strict CodeBLEU of programs against their references.
        ranks: Processes that share the tasks.
    """

    prompt: PromptFormat
    tasks: Sequence[Task]
    options: PredictRecipe
    score: Score
    ranks: Ranks = ALONE

    def deciding(self, model: Any, validate: Callable[[], Facts], answer_weight: float) -> Callable[[], Facts]:
        """Returns a validation in which the programs decide, together with the values of ``validate``.

        The measure that decides (``DECIDES``, lower is better) is 1 minus the mean over languages of strict CodeBLEU,
        plus the loss on kept answers times ``answer_weight``. A program that does not end or does not parse has a
        CodeBLEU of 0.

        Call this before the first training pass, because it moves the base's weights (``Sampler``), and while packed
        attention is not enabled.

        Args:
            model: The model in training: composed, or with PEFT adapters.
            validate: Returns the validation losses: ``loss``, and ``answers`` with kept answers.
            answer_weight: ``keep.weight``.
        """
        sampler = Sampler(model, self.prompt, self.options)
        measure = Measure("codebleu", (), self.tasks, codebleu_judge(self.prompt, self.score))

        def both() -> Facts:
            written, _ = sampler.write(self.tasks, 0.0, 0, self.ranks)
            own = own_judgements(self.ranks, [measure], [self.tasks], [written], self.prompt, deciding=True)
            (group,) = judged_samples(self.ranks, [self.tasks], [written], own)
            found = Samples(group)
            codebleu, losses = found.mean_score(), validate()
            decides = 1.0 - codebleu + answer_weight * losses.get("answers", 0.0)
            return {**losses, "codebleu": codebleu, "ended": found.ended, "parses": found.parsing, DECIDES: decides}

        return both
