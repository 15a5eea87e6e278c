"""The section of a recipe for a finished model that is given further languages."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from moesaic.recipe.sections import Section, known_languages


class GrowRecipe(Section):
    """A finished model that is given further languages, while its other experts and gates keep their bytes."""

    model: Path | None = None
    """A run's folder or a model folder to start from; none: experts and gates are made from the base. See
    docs/growing.md."""
    languages: tuple[str, ...] = ()
    """The languages of ``data.languages`` whose experts are trained: new ones, or ones that the model has and that are
    to be replaced."""
    train_gates: bool = False
    """Train all gates, and with ``gate.joint_epochs`` all experts, afterwards, as the section ``gate`` says. False: the
    rows of the other experts stay as they are."""

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_languages(value)

    @model_validator(mode="after")
    def _model_and_languages(self) -> Self:
        if self.model is not None and not self.languages:
            raise ValueError("languages: name the languages of data.languages that the model is given")
        if self.model is None and (self.languages or self.train_gates):
            key = "languages" if self.languages else "train_gates"
            raise ValueError(f"{key}: without grow.model nothing grows; give it a run's folder or a model folder")
        return self
