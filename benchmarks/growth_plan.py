"""The steps of a growth comparison: their languages, recipes and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moesaic.errors import RecipeError
from moesaic.languages import get_language
from moesaic.recipe import ExpertsRecipe, Recipe, load_recipe

ARMS = ("moe", "dense_on", "dense_on_old", "dense_anew")


class Plan:
    """All steps of one comparison.

    Args:
        path: Recipe file.
        overrides: ``key=value`` for every step.
        start: The starting languages.
        add: The languages that come, one a step.
        old_share: Share of the old programs that ``dense_on_old`` is trained on.

    Raises:
        RecipeError: The recipe is wrong, or does not fit the comparison.
    """

    def __init__(
        self,
        path: Path,
        overrides: Sequence[str],
        start: Sequence[str],
        add: Sequence[str],
        old_share: float,
    ) -> None:
        self.start = tuple(get_language(name).name for name in start)
        self.add = tuple(get_language(name).name for name in add)
        whole = load_recipe(path, [*overrides, _list("data.languages", (*self.start, *self.add))])
        problems = []
        if whole.gate.shared_rank:
            problems.append("gate.shared_rank: the arms are compared on one base; set it to 0")
        if whole.grow.model is not None:
            problems.append("grow.model: the comparison makes the models that grow; leave it out")
        if not 0 < old_share <= 1:
            problems.append(f"--old-share: {old_share} is not above 0 and at most 1")
        if problems:
            raise RecipeError(problems, str(path))
        self.path, self.overrides, self.old_share = path, list(overrides), old_share
        self.root = whole.workspace.parent / f"{whole.name}-growth"
        rank = whole.experts.rank * len(whole.data.languages)
        alpha = rank * whole.experts.alpha / whole.experts.rank
        self.dense: ExpertsRecipe = whole.experts.model_copy(update={"rank": rank, "alpha": alpha, "keep": False})
        self.steps = len(self.add) + 1

    def languages(self, step: int) -> tuple[str, ...]:
        return self.start + self.add[:step]

    def learnt_at(self, language: str) -> int:
        return 0 if language in self.start else self.add.index(language) + 1

    def recipe(self, step: int) -> Recipe:
        values = [
            _list("data.languages", self.languages(step)),
            f"output={self.root}",
            f"name=step-{step}",
            "compare=[]",
        ]
        if step:
            before = self.root / f"step-{step - 1}"
            values += [f"grow.model={before}", _list("grow.languages", self.add[step - 1 : step]), "reward.rounds=0"]
        return load_recipe(self.path, [*self.overrides, *values])

    def measured(self, step: int) -> Path:
        return self.root / "measured" / f"step-{step}"

    def adapter(self, step: int, arm: str) -> Path:
        """Folder of a dense arm's adapter; at step 0 they are all the same."""
        return self.root / f"step-{step}" / "dense" / (arm if step else "dense_anew")


def _list(key: str, names: Sequence[str]) -> str:
    return f"{key}=[{','.join(names)}]"
