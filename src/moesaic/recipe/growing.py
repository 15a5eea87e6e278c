"""The section ``grow`` of a recipe, which adds languages to a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from moesaic.recipe.sections import Section, known_languages


class GrowRecipe(Section):
    """Adding languages to a finished model, while its other experts and gates stay the same byte for byte."""

    model: Path | None = None
    """Folder of a run, or a model folder, to which languages are added. Null: experts and gates are made from the base.
    See docs/growing.md."""
    languages: tuple[str, ...] = ()
    """The languages of ``data.languages`` whose experts are trained: new languages, or languages whose experts are to
    be replaced."""
    train_gates: bool = False
    """Afterwards train all gates, and with ``gate.joint_epochs`` all experts, as the section ``gate`` says. False: the
    rows of the other experts do not change."""

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_languages(value)

    @model_validator(mode="after")
    def _model_and_languages(self) -> Self:
        if self.model is not None and not self.languages:
            raise ValueError("languages: name the languages of data.languages that are added to the model")
        if self.model is None and (self.languages or self.train_gates):
            key = "languages" if self.languages else "train_gates"
            raise ValueError(
                f"{key}: has no effect without grow.model; set grow.model to the folder of a run or a model folder"
            )
        return self
