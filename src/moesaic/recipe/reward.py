"""The section ``reward`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from moesaic.recipe.sections import Coefficient, Count, Positive, Rate, Section, known_languages


class RewardRecipe(Section):
    """Training of experts and gates on programs that the model writes itself."""

    rounds: Count = 0
    """Rounds of sampling and training; 0 leaves the stage out."""
    kind: Literal["codebleu", "tests", "both"] = "codebleu"
    """What programs are rewarded for. ``codebleu``: likeness to the reference programs of the training examples.
    ``tests``: passing the tests of ``data.tasks``, for which they are run (``evaluate.allow_code_execution``).
    ``both``: either, on half of the tasks each."""
    codebleu_weight: Rate = 1.0
    """With ``both``, weight of CodeBLEU relative to the tests, in training and in the choice of the state."""
    partial: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """With ``tests``, the largest reward of a program that fails: half of it for compiling, and half for its share of
    cases that pass; 0 gives no reward. The choice of the state counts only programs that pass."""
    alone: tuple[str, ...] = ()
    """Languages whose expert is trained on rewards separately, on tasks of its own language, before the experts are
    joined. ``moesaic reward RECIPE only=ruby`` trains one of them. There is then no training on rewards after the
    experts are joined."""
    prompts: Positive = 128
    """Training tasks per round. Each task comes once before any comes twice. If all programs of a task get the same
    reward, the task sits out its next turn, and up to three turns if this happens repeatedly."""
    samples: Annotated[int, Field(ge=2)] = 8
    """Programs sampled per task. Each is compared with the mean of the others."""
    steps: Positive = 4
    """Optimiser steps per round; fewer if the programs of the round fill fewer rows."""
    temperature: Rate = 0.7
    """Temperature of sampling. The default is close to greedy decoding, because validation judges greedy programs."""
    likelihood: Coefficient = 0.3
    """Weight of the likelihood of the reference programs, relative to the rewards of sampled programs. Tasks with tests
    have no reference; use ``data.keep`` with them."""
    overlap: bool = False
    """Write the programs of the next round before training on those of this round, so that judging and training
    overlap. The programs are then one round off-policy, which a clipped ratio of likelihoods corrects."""
    clip_ratio: Rate = 0.2
    """With ``overlap``, a token has no further effect once its likelihood has changed by this share."""
    learning_rate: Rate = 5e-4
    """Peak learning rate of AdamW, reached after two rounds. After them it decays towards zero with a cosine."""
    clip_norm: Rate = 1.0
    """Largest gradient norm."""
    row_tokens: Positive = 4096
    """Tokens in one packed row; at least ``data.max_tokens``."""
    max_new_tokens: Positive = 512
    """Most tokens of a sampled program. A program that has not ended by then gets no reward, unless its task begins a
    definition for tests to judge. Tasks whose prompt does not leave this much room in ``data.max_tokens`` are not
    used."""
    batch_size: Positive = 64
    """Programs that are generated at the same time."""
    validation_programs: Positive = 60
    """Validation tasks per language whose greedy programs decide which state is kept."""
    evaluations: Positive = 3
    """Number of validations, spread evenly over the rounds, in addition to the one before them. The best state is
    kept."""
    checkpoint_minutes: Coefficient = 5.0
    """Minutes between checkpoints; 0 writes one after every round."""
    compile: bool = False
    """Compile decoder layers and decoding step on a GPU. This takes about a minute once and makes rounds shorter."""
    workers: Positive | None = None
    """Processes that score programs, and programs that run at the same time, on each machine. The default is the number
    of CPU cores."""

    @property
    def together(self) -> bool:
        """Whether all experts and gates are trained on rewards together, after the gates."""
        return self.rounds > 0 and not self.alone

    @field_validator("alone")
    @classmethod
    def _known_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_languages(value)

    @model_validator(mode="after")
    def _rounds_of_alone(self) -> Self:
        if self.alone and self.rounds == 0:
            raise ValueError(f"alone: it names {', '.join(self.alone)}, but rounds is 0: set rounds above 0")
        return self

    @property
    def runs_tests(self) -> bool:
        """Whether programs are run."""
        return self.rounds > 0 and self.kind != "codebleu"

    @model_validator(mode="after")
    def _prompts_of_both(self) -> Self:
        if self.kind == "both" and self.prompts < 2:
            raise ValueError("prompts: kind both draws half of a round's tasks for each kind; use 2 or more")
        return self
