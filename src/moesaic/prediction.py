"""The predict stage: every system of a recipe in turn, on the test tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moesaic.session import Session


def measure_systems(session: Session, folder: Path) -> None:
    """Writes losses, routing and generated programs of every system of a recipe, unless they are there.

    Args:
        session: The recipe's session; its model stages are finished.
        folder: The stage's folder.
    """
    from moesaic.evaluate.predict import system_folder, write_completions, write_losses, write_predictions
    from moesaic.model.moe import force_base, force_expert

    options, languages = session.recipe.predict, session.recipe.data.languages
    examples = {name: session.examples(name, options.split) for name in languages}
    encoded = {name: [session.prompt.encode(example) for example in examples[name]] for name in languages}

    benchmarks = session.benchmarks()

    def measure(
        system: str,
        model: Any,
        losses_on: tuple[str, ...],
        programs_in: tuple[str, ...],
        routing_path: Path | None = None,
    ) -> None:
        write_losses(
            folder / "losses" / f"{system_folder(system)}.jsonl",
            system,
            model,
            [example for name in losses_on for example in examples[name]],
            [example for name in losses_on for example in encoded[name]],
            languages,
            options,
            routing_path,
        )
        write_predictions(
            folder / "predictions" / system_folder(system),
            system,
            model,
            session.prompt,
            {name: examples[name][: options.limit] for name in programs_in},
            options,
            session.recipe.seed,
        )
        for benchmark, problems in benchmarks.items():
            write_completions(
                folder / "benchmarks" / benchmark / system_folder(system),
                system,
                model,
                session.prompt,
                {name: problems[name] for name in programs_in if name in problems},
                options,
                session.recipe.seed,
            )

    dtype = session.base.model.dtype
    with session.loaded(session.workspace.path("compose") / "model", dtype) as model:
        with force_base(model):
            measure("base", model, languages, languages)
        for name in languages:
            with force_expert(model, name):
                measure(f"expert:{name}", model, languages if options.cross_table else (name,), (name,))
    del model  # the next one may have a base of its own, and the device no room for both
    if session.recipe.reward.rounds > 0:
        with session.loaded(session.workspace.path("gate") / "model", dtype) as model:
            measure("moe:likelihood", model, languages, languages)
        del model
    with session.loaded(session.final_model, dtype) as model:
        measure("moe", model, languages, languages, folder / "routing.json")
    del model
    for name in session.recipe.compare:
        from moesaic.train.baselines import baseline_model

        with baseline_model(session.base, session.workspace.path(f"baselines/{name}")) as model:
            measure(name, model, languages, languages)
