"""Lists variants of a recipe, each of which changes one thing; the most informative ones come first."""

from __future__ import annotations

import json
from dataclasses import dataclass

from moesaic.data.sources import CORPUS, read_source, source_digest
from moesaic.errors import DataError
from moesaic.languages import LANGUAGES, get_language
from moesaic.recipe import DataRecipe, ExpertsRecipe, Recipe


@dataclass(frozen=True)
class Variant:
    """One row of the table, with the changes that it makes in the recipe.

    Attributes:
        name: Name on the command line and of the folder.
        title: Title of the row.
        overrides: ``key=value`` in addition to those of the reference.
        note: What a reader must know to understand the row.
    """

    name: str
    title: str
    overrides: tuple[str, ...] = ()
    note: str = ""


def candidates(recipe: Recipe) -> list[Variant]:
    """Returns all variants of a recipe, in the order in which they are run; some may equal the recipe."""
    shared, languages = recipe.gate.shared_rank, recipe.data.languages
    found = [
        Variant("softmax", "gate: softmax over all experts", ("gate.kind=softmax",)),
        Variant("top_1", "gate: top-1", ("gate.kind=top_k", "gate.top_k=1")),
        Variant("noisy_top_k", "gate: noisy top-2", ("gate.kind=noisy_top_k", "gate.top_k=2")),
        *([_shared(0)] if shared else ()),
        _epochs(recipe.experts, 3),
        *(Variant(f"init_{init}", f"init: {init}", (f"gate.init={init}",)) for init in ("zero", "prompts")),
        _rank(recipe.experts, 8),
        _rank(recipe.experts, 32),
        Variant("load_balance", "switch balance loss 0.01", ("gate.load_balance=0.01",)),
        Variant("z_loss", "router z-loss 0.001", ("gate.z_loss=0.001",)),
        Variant("experts_hardly_trained", "experts trained for one step", ("experts.max_steps=1",)),
        _gate_only(shared),
        *(_shared(rank) for rank in (shared // 2, 2 * shared) if rank),
        _epochs(recipe.experts, 1),
        Variant("top_2", "gate: top-2", ("gate.kind=top_k", "gate.top_k=2")),
        # Both coefficients as in Shazeer et al. 2017, appendix C.
        Variant(
            "noisy_importance_load",
            "noisy top-2, importance 0.1 and load 0.1",
            ("gate.kind=noisy_top_k", "gate.top_k=2", "gate.importance=0.1", "gate.load=0.1"),
        ),
        Variant("init_ridge", "init: ridge", ("gate.init=ridge",)),
        _rank(recipe.experts, 16),
        _rank(recipe.experts, 64),
    ]
    if len(languages) > 2:
        found.append(_with_languages(recipe, languages[:2]))
    if extra := extra_languages(recipe.data):
        found.append(_with_languages(recipe, languages + extra))
    note = "attention deltas are trained but cannot be routed: compose leaves them out"
    found.append(Variant("targets_all", "experts trained on attention too", ("experts.targets=all",), note))
    return found


def _shared(rank: int) -> Variant:
    title = f"shared delta of rank {rank}" if rank else "no shared delta"
    return Variant(f"shared_{rank}", title, (f"gate.shared_rank={rank}",))


def _gate_only(shared: int) -> Variant:
    """Returns overrides without joint training, and therefore without a shared delta, which is trained in it."""
    overrides = ("gate.joint_epochs=0", *(("gate.shared_rank=0",) if shared else ()))
    return Variant("gate_only", "gates alone, experts as they were", overrides, "no shared delta" if shared else "")


def _epochs(experts: ExpertsRecipe, epochs: int) -> Variant:
    """Returns overrides for a number of passes of the experts, each with a validation to detect overfitting."""
    overrides = [f"experts.epochs={epochs}"]
    if experts.evaluations < epochs:
        overrides.append(f"experts.evaluations={epochs}")
    title = f"experts trained for {epochs} {'passes' if epochs > 1 else 'pass'}"
    return Variant(f"experts_epochs_{epochs}", title, tuple(overrides))


def _rank(experts: ExpertsRecipe, rank: int) -> Variant:
    alpha = experts.alpha * rank / experts.rank  # the scale alpha / rank stays
    return Variant(f"rank_{rank}", f"rank {rank}", (f"experts.rank={rank}", f"experts.alpha={json.dumps(alpha)}"))


def _with_languages(recipe: Recipe, languages: tuple[str, ...]) -> Variant:
    overrides = [f"data.languages=[{', '.join(languages)}]"]
    if recipe.gate.kind != "softmax" and recipe.gate.top_k > len(languages):
        overrides.append(f"gate.top_k={len(languages)}")
    titles = ", ".join(get_language(name).title for name in languages)
    return Variant(f"experts_{len(languages)}", f"{len(languages)} experts: {titles}", tuple(overrides))


def extra_languages(data: DataRecipe) -> tuple[str, ...]:
    """Returns the languages that the source has in addition to the recipe's; all languages for a hub data set."""
    found = []
    for name in LANGUAGES:
        if name not in data.languages:
            try:
                (read_source if data.source == CORPUS else source_digest)(
                    data.model_copy(update={"languages": (name,)})
                )
            except DataError:
                continue
            found.append(name)
    return tuple(found)


if __name__ == "__main__":
    raise SystemExit("ablation_variants.py is a part of other scripts: run ablations.py")
