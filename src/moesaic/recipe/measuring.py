"""The sections ``predict`` and ``evaluate`` of a recipe, which say what is measured and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from moesaic.recipe.sections import Coefficient, Count, Positive, Section, refuse_twice


class PredictRecipe(Section):
    """Loss, routing and generated programs of every system on the test split."""

    split: Literal["validation", "test"] = "test"
    """The split that is measured. Make choices on ``validation``, and use ``test`` once, at the end."""
    limit: Count | None = None
    """At most this many programs per language are generated; losses use all examples. 0 generates no programs and
    leaves out benchmarks; null generates all."""
    cross_table: bool = True
    """Measure the loss of every expert on every language."""
    max_new_tokens: Positive = 512
    """Most tokens of a generated program."""
    batch_size: Positive = 64
    """Programs that are generated at the same time."""
    temperature: Coefficient = 0.0
    """Temperature of sampling; 0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Threshold of nucleus sampling; used if the temperature is above 0."""
    row_tokens: Positive = 8192
    """Tokens per forward pass when losses are measured."""
    compile: bool = False
    """Compile the decoding step on a GPU. This takes some seconds per system and makes steps shorter, so it is
    worthwhile for thousands of programs."""
    benchmarks: dict[Literal["humaneval-x", "mbxp", "own"], Path] = Field(default={})
    """Benchmarks to solve in addition, each with its path. They are judged if ``evaluate.allow_code_execution`` is
    true."""


MetricName = Literal["parse_share", "bleu", "exact_match", "codebleu", "codebleu_reference", "pass@1"]
"""Metrics of programs. ``evaluate.table.METRICS`` has a function for each except pass@1, which runs the programs."""


class EvaluateRecipe(Section):
    """Metrics on the generated programs."""

    metrics: tuple[MetricName, ...] = (
        "parse_share",
        "bleu",
        "codebleu",
        "codebleu_reference",
    )
    """Metrics of the table. ``exact_match`` is the share of programs that equal their reference except for white space.
    ``pass@1`` runs the programs against their tests. A metric that a language does not have is left out there, such as
    ``codebleu_reference`` for Ruby."""
    bootstrap_samples: Positive = 1000
    """Bootstrap resamples for each interval."""
    allow_code_execution: bool = False
    """Allow programs that a model wrote to run, in a sandbox (``pass@1``, benchmarks, rewards by tests)."""
    sandbox: Literal["bubblewrap", "rlimit"] = "bubblewrap"
    """The sandbox. ``rlimit`` is much weaker and is used only if it is named here."""
    workers: Positive | None = None
    """Processes that score programs, and programs that run at the same time. The default is the number of CPU cores."""

    @field_validator("metrics")
    @classmethod
    def _different_metrics(cls, value: tuple[MetricName, ...]) -> tuple[MetricName, ...]:
        refuse_twice(value, "a metric")
        return value

    @model_validator(mode="after")
    def _execution_allowed(self) -> Self:
        if "pass@1" in self.metrics and not self.allow_code_execution:
            raise ValueError(
                "metrics: pass@1 runs model-written programs in a sandbox, but allow_code_execution is false; "
                "set it to true or leave pass@1 out"
            )
        return self
