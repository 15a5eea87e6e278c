"""The results of growing a model, for people and for ``growth.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Preferred = Literal["base", "expert"]
"""Who is preferred on the base's own answers in a new language."""


@dataclass(frozen=True)
class LanguageChange:
    """How the loss of a language changed on validation programs.

    Attributes:
        programs: Validation programs that were looked at.
        before: Loss in nats per code token of the model that grew.
        after: Loss of the grown model.
        to_new: Mean gate weight that its tokens give the new experts, over tokens and layers.
    """

    programs: int
    before: float
    after: float
    to_new: float


@dataclass(frozen=True)
class Losses:
    """Losses on a new language's validation examples, in nats per code token; None without any.

    Attributes:
        programs: On its programs.
        answers: On the base's own answers in it.
    """

    programs: float | None
    answers: float | None

    @property
    def total(self) -> float:
        """Both together: what is lower is better."""
        return (self.programs or 0.0) + (self.answers or 0.0)


@dataclass(frozen=True)
class NewLanguage:
    """A new language beside the base.

    Attributes:
        preferred: Who is preferred on the base's own answers, ``base`` or ``expert``: the fit with the lower loss.
        base: The base's losses.
        grown: The grown model's losses.
        fits: Each fit -> its losses.
        answers: Validation answers.
    """

    preferred: Preferred
    base: Losses
    grown: Losses
    fits: dict[Preferred, Losses]
    answers: int

    def worse(self, tolerance: float) -> str | None:
        """Says in words which losses are above the base's; None where none is.

        Args:
            tolerance: Nats a token by which the loss on the base's own answers may rise.
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
        new: The languages whose experts are new.
        kept: The experts whose bytes are those of the model that grew.
        programs: Programs per expert that the new rows were fitted on.
        margins: New language -> the margin of every layer.
        languages: Language -> what became of it.
        against_base: New language -> losses beside the base's.
    """

    new: tuple[str, ...]
    kept: tuple[str, ...]
    programs: dict[str, int]
    margins: dict[str, list[float]]
    languages: dict[str, LanguageChange]
    against_base: dict[str, NewLanguage]

    def summary(self) -> str:
        """Returns a line per language: loss before and after, and what its tokens give the new experts."""
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
        """Returns a line for every new language in which the base does better on validation.

        Args:
            tolerance: Nats a token by which the loss on the base's own answers may rise.
        """
        return [
            f"warning: {name} does worse than the base on validation: loss {worse}; try experts.keep=true, fewer "
            "experts.epochs or a lower experts.learning_rate"
            for name, new in self.against_base.items()
            if (worse := new.worse(tolerance)) is not None
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)
