"""The section ``reward`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from moesaic.recipe.sections import Coefficient, Count, Positive, Rate, Section, known_languages


class RewardRecipe(Section):
    """Experts and gates trained on what the model's own programs are worth."""

    rounds: Count = 0
    """Rounds of sampling and training; 0: the stage is left out."""
    kind: Literal["codebleu", "tests", "both"] = "codebleu"
    """``codebleu``: likeness to the reference programs of the training examples; ``tests``: whether programs pass the
    tests of ``data.tasks``, which runs them (``evaluate.allow_code_execution``); ``both``: half of the tasks each."""
    codebleu_weight: Rate = 1.0
    """With ``both``: weight of CodeBLEU beside the tests, in training and in what decides."""
    partial: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """With ``tests``: the most that a program which fails is worth, half of it for compiling and half for its share of
    cases that pass; 0: nothing. What decides counts programs that pass and nothing else."""
    alone: tuple[str, ...] = ()
    """Languages whose expert is trained on rewards by itself, on tasks of its own language, before the experts are put
    together; ``moesaic reward RECIPE only=ruby`` trains one of them. Nothing is trained on rewards after that."""
    prompts: Positive = 128
    """Training tasks per round, each once before any comes twice; one whose programs were all worth the same sits out
    its next turn, and up to three turns if that happens again and again."""
    samples: Annotated[int, Field(ge=2)] = 8
    """Programs sampled for a task; each is compared with the mean of the others."""
    steps: Positive = 4
    """Optimiser steps per round; fewer where its programs fill fewer rows."""
    temperature: Rate = 0.7
    """Temperature of the sampling: near greedy decoding, which is what validation judges."""
    likelihood: Coefficient = 0.3
    """Weight of the reference programs' likelihood, beside that of the sampled programs' rewards; tasks with tests have
    no reference, ``data.keep`` holds the model there."""
    overlap: bool = False
    """Write the next round's programs before training on this one's, so that they are judged meanwhile: one round
    off-policy, corrected by a clipped ratio of likelihoods."""
    clip_ratio: Rate = 0.2
    """With ``overlap``: a token moves nothing further once its likelihood has changed by this share."""
    learning_rate: Rate = 5e-4
    """Peak rate of AdamW, reached after two rounds; a cosine brings it down after that."""
    clip_norm: Rate = 1.0
    """Largest gradient norm."""
    row_tokens: Positive = 4096
    """Tokens in one packed row; at least data.max_tokens."""
    max_new_tokens: Positive = 512
    """Longest sampled program; one that does not end in it is worth nothing. Tasks whose prompt does not leave that
    much of data.max_tokens are not drawn."""
    batch_size: Positive = 64
    """Programs decoded together."""
    validation_programs: Positive = 60
    """Validation tasks per language whose greedy programs decide which state is kept."""
    evaluations: Positive = 3
    """Validations spread evenly over the rounds, besides the one before them; the best state is kept."""
    checkpoint_minutes: Coefficient = 5.0
    """Minutes between checkpoints to resume from; 0: one after every round."""
    compile: bool = False
    """Compile decoder layers and decoding step on a GPU: about a minute once, then shorter rounds."""
    workers: Positive | None = None
    """Processes that score programs, and programs that run at a time, on each machine; by default as many as there are
    processors."""

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
