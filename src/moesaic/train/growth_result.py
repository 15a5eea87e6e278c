"""What growing a model came to, for people and for ``growth.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LanguageChange:
    """What became of a language, on validation programs.

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
class Growth:
    """What growing came to.

    Attributes:
        new: The languages whose experts are new.
        kept: The experts whose bytes are those of the model that grew.
        programs: Programs per expert that the new rows were fitted on.
        margins: New language -> the margin of every layer.
        languages: Language -> what became of it.
    """

    new: tuple[str, ...]
    kept: tuple[str, ...]
    programs: dict[str, int]
    margins: dict[str, list[float]]
    languages: dict[str, LanguageChange]

    def summary(self) -> str:
        """Returns a line per language: loss before and after, and what its tokens give the new experts."""
        lines = [
            f"{name}{' (new)' if name in self.new else ''}: loss {found.before:.4f} -> {found.after:.4f} "
            f"({found.after - found.before:+.4f}) on {found.programs} validation programs, "
            f"{found.to_new:.1%} of the gates' weight on the new experts"
            for name, found in self.languages.items()
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)
