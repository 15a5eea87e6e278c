"""The results of growing a model, for people and for ``growth.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Preferred = Literal["base", "expert"]
"""Where the gates send the base's own answers in a new language: as before, or to the new expert."""


@dataclass(frozen=True)
class LanguageChange:
    """The change of a language's loss on validation programs.

    Attributes:
        programs: Number of validation programs.
        before: Loss of the model that grew, in nats per code token.
        after: Loss of the grown model, in nats per code token.
        to_new: Gate weight of the new experts on the language's tokens, averaged over tokens and layers.
    """

    programs: int
    before: float
    after: float
    to_new: float


@dataclass(frozen=True)
class Losses:
    """Losses on a new language's validation examples, in nats per code token; None if there are no examples.

    Attributes:
        programs: Loss on the programs of the language.
        answers: Loss on the base's own answers in the language.
    """

    programs: float | None
    answers: float | None

    @property
    def total(self) -> float:
        """The sum of both losses; lower is better."""
        return (self.programs or 0.0) + (self.answers or 0.0)


@dataclass(frozen=True)
class NewLanguage:
    """A new language compared with the base.

    Attributes:
        preferred: The fit that was kept, ``base`` or ``expert``: the one with the lower total loss.
        base: Losses of the base.
        grown: Losses of the grown model.
        fits: Fit -> its losses.
        answers: Number of validation answers.
    """

    preferred: Preferred
    base: Losses
    grown: Losses
    fits: dict[Preferred, Losses]
    answers: int

    def worse(self, tolerance: float) -> str | None:
        """Says in words which losses are above those of the base; None if none is.

        Args:
            tolerance: Nats per token by which the loss on the base's own answers may rise.
        """
        found = []
        for of_base, own, allowed, what in (
            (self.base.programs, self.grown.programs, 0.0, "its programs"),
            (self.base.answers, self.grown.answers, tolerance, "the base's own answers"),
        ):
            if of_base is not None and own is not None and own > of_base + allowed:
                found.append(f"{own:.4f} on {what} (base {of_base:.4f})")
        return " and ".join(found) or None


@dataclass(frozen=True)
class Growth:
    """The results of growing a model.

    Attributes:
        new: Languages whose experts are new.
        kept: Experts that were copied unchanged from the model that grew.
        programs: Expert name -> number of programs that the new rows were fitted on.
        margins: New language -> the margin of each layer.
        languages: Language -> the change of its loss.
        against_base: New language -> comparison with the base.
    """

    new: tuple[str, ...]
    kept: tuple[str, ...]
    programs: dict[str, int]
    margins: dict[str, list[float]]
    languages: dict[str, LanguageChange]
    against_base: dict[str, NewLanguage]

    def summary(self) -> str:
        """Returns a line per language: the loss before and after, and the gate weight of the new experts."""
        lines = [
            f"{name}{' (new)' if name in self.new else ''}: loss {found.before:.4f} -> {found.after:.4f} "
            f"({found.after - found.before:+.4f}) on {found.programs} validation programs, "
            f"{found.to_new:.1%} of the gates' weight on the new experts"
            for name, found in self.languages.items()
        ]
        for name, new in self.against_base.items():
            if new.answers:
                who = "the base's as before" if new.preferred == "base" else "the new expert's, too"
                lines.append(
                    f"{name}: loss on {new.answers} of the base's own answers {new.base.answers:.4f} -> "
                    f"{new.grown.answers:.4f}; their tokens are {who}"
                )
        return "\n".join(lines)

    def warnings(self, tolerance: float) -> list[str]:
        """Returns a warning for each new language in which the base has a lower validation loss.

        Args:
            tolerance: Nats per token by which the loss on the base's own answers may rise.
        """
        return [
            f"warning: {name} does worse than the base on validation: loss {worse}; try experts.keep=true, fewer "
            "experts.epochs or a lower experts.learning_rate"
            for name, new in self.against_base.items()
            if (worse := new.worse(tolerance)) is not None
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the results for JSON."""
        return asdict(self)
