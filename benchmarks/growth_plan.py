"""Defines the steps of a growth comparison: their languages, recipes and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moesaic.errors import RecipeError
from moesaic.languages import get_language
from moesaic.recipe import ExpertsRecipe, Recipe, load_recipe

ARMS = ("moe", "dense_on", "dense_on_old", "dense_anew")

START = "start"
"""Folder of the dense adapter on the starting languages, with which all dense arms begin."""


class Plan:
    """All steps of one comparison.

    Args:
        path: Recipe file.
        overrides: ``key=value`` for every step.
        start: The starting languages.
        add: The languages to add, one per step.
        old_share: Share of the old programs on which ``dense_on_old`` is trained.
        step_overrides: ``key=value`` for learning a new language, for its expert and the arms that are trained further.
        first: A finished run whose model is the starting model; None if the first step makes it.
        first_dense: A dense adapter on the starting languages, with which all dense arms begin; None to train it.
        anew: The steps after which ``dense_anew`` is trained in addition to the first: ``each`` or ``last``.

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
        *,
        step_overrides: Sequence[str] = (),
        first: Path | None = None,
        first_dense: Path | None = None,
        anew: str = "each",
    ) -> None:
        self.start = tuple(get_language(name).name for name in start)
        self.add = tuple(get_language(name).name for name in add)
        self.path, self.overrides, self.old_share = path, list(overrides), old_share
        self.step_overrides, self.first, self.anew = list(step_overrides), first, anew
        self.first_dense = first_dense
        self.steps = len(self.add) + 1
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
        self.root = whole.workspace.parent / f"{whole.name}-growth"

    def languages(self, step: int) -> tuple[str, ...]:
        return self.start + self.add[:step]

    def learnt_at(self, language: str) -> int:
        return 0 if language in self.start else self.add.index(language) + 1

    def arms(self, step: int) -> tuple[str, ...]:
        """Returns the arms that a step measures; at the first step, all dense arms are the same."""
        if step == 0:
            return ("moe", "dense_anew")
        return ARMS if self.anew == "each" or step == self.steps - 1 else ARMS[:-1]

    def recipe(self, step: int, *, anew: bool = False, grows: bool = True) -> Recipe:
        """Returns the recipe of a step; with ``anew``, the recipe for training on all languages, at any step.

        Without ``grows``, it is the step's recipe for work that does not need a model to grow from.
        """
        values = [
            _list("data.languages", self.languages(step)),
            f"output={self.root}",
            f"name=step-{step}",
            "compare=[]",
        ]
        if step and not anew:
            values += ["reward.rounds=0", *self.step_overrides]
            if grows:
                before = self.first if step == 1 and self.first is not None else self.root / f"step-{step - 1}"
                values += [f"grow.model={before}", _list("grow.languages", self.add[step - 1 : step])]
        return load_recipe(self.path, [*self.overrides, *values])

    def dense(self, step: int, arm: str) -> ExpertsRecipe:
        """Returns how a dense arm is trained: like an expert, with the rank of all experts together."""
        experts = self.recipe(step, anew=arm == "dense_anew").experts
        rank = experts.rank * (len(self.start) + len(self.add))
        alpha = rank * experts.alpha / experts.rank
        return experts.model_copy(update={"rank": rank, "alpha": alpha, "keep": False, "self_training": False})

    def measured(self, step: int) -> Path:
        return self.root / "measured" / f"step-{step}"

    def adapter(self, step: int, arm: str) -> Path:
        """Returns the folder of a dense arm's adapter; at step 0, they are all the same."""
        return self.root / "dense" / (arm if step else START) / f"step-{step}"


def _list(key: str, names: Sequence[str]) -> str:
    return f"{key}=[{','.join(names)}]"


if __name__ == "__main__":
    raise SystemExit("growth_plan.py is a part of other scripts: run growth.py")
