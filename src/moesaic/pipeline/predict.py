"""The stage ``predict``: losses on the test split and generated programs, by system and language.

Files appear by rename, so a killed stage continues with the first missing file. Several processes share rows and
prompts. Only the first one writes files, and it decides which are missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from moesaic.data.examples import Example
from moesaic.data.packing import PackedBatch
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.evaluate.benchmarks import completion_row, problem_ids
from moesaic.evaluate.routing import RoutingSums
from moesaic.evaluate.table import system_folder
from moesaic.execution.problems import Problem
from moesaic.files import link_or_copy, write_json, write_json_lines
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import Generation
from moesaic.model.loss import example_losses
from moesaic.model.moe import expert_names, force_base, force_expert, record_routing
from moesaic.pipeline.inputs import changes
from moesaic.pipeline.sampling import generate_together
from moesaic.pipeline.session import Session
from moesaic.progress import Bar
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import PredictRecipe, Recipe
from moesaic.workspace import Stage, Workspace

ItemT = TypeVar("ItemT")

_BASELINE = "stage baselines/"  # prefix of baselines among the inputs of ``predict``


def system_groups(recipe: Recipe) -> list[tuple[str, ...]]:
    """Returns the systems of a recipe, in groups that one loaded model serves."""
    experts = [f"expert:{name}" for name in recipe.data.languages]
    models = ["moe:likelihood", "moe"] if recipe.reward.together else ["moe"]
    return [("base", *experts), *((name,) for name in [*models, *recipe.compare])]


def measure_systems(session: Session, folder: Path, systems: Sequence[str] | None = None) -> None:
    """Writes losses, routing and generated programs of each system of a recipe, unless the files exist.

    Args:
        session: The recipe's session, whose model stages are finished.
        folder: Folder of the stage.
        systems: Systems of one or more groups of ``system_groups``; all by default.

    Raises:
        DataError: The data stage has not run.
        CheckpointError: A file of a model is corrupt.
    """

    def is_wanted(system: str) -> bool:
        return systems is None or system in systems

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
            session.ranks,
        )
        write_predictions(
            folder / "predictions" / system_folder(system),
            system,
            model,
            session.prompt,
            {name: examples[name][: options.limit] for name in programs_in},
            options,
            session.recipe.seed,
            session.ranks,
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
                session.ranks,
            )

    dtype = session.base.model.dtype
    own_base = session.start is not None and session.start.has_own_base
    if own_base and is_wanted("base"):
        with session.original_base() as model:
            measure("base", model, languages, languages)
        del model
    if is_wanted("base"):
        with session.loaded(session.workspace.path("compose") / "model", dtype) as model:
            if not own_base:
                with force_base(model):
                    measure("base", model, languages, languages)
            for name in languages:
                with force_expert(model, name):
                    measure(f"expert:{name}", model, languages if options.cross_table else (name,), (name,))
        del model  # the next model may have its own base, and the device may not have room for both
    if session.recipe.reward.together and is_wanted("moe:likelihood"):
        with session.loaded(session.workspace.path("gate") / "model", dtype) as model:
            measure("moe:likelihood", model, languages, languages)
        del model
    if is_wanted("moe"):
        with session.loaded(session.final_model, dtype) as model:
            measure("moe", model, languages, languages, folder / "routing.json")
        del model
    for name in filter(is_wanted, session.recipe.compare):
        from moesaic.train.baselines import baseline_model

        with baseline_model(session.base, session.workspace.path(f"baselines/{name}")) as model:
            measure(name, model, languages, languages)


def take_over(workspace: Workspace, stage: Stage) -> None:
    """Copies the files of unchanged systems from an earlier ``predict``, so that a new baseline is measured alone.

    Args:
        workspace: The workspace with the earlier stage.
        stage: The new stage.
    """
    before, now = workspace.manifest("predict"), stage.notes["inputs"]
    if before is None:
        return
    changed = set()
    for name in changes(before.get("inputs", {}), now):
        if name != "compare" and not name.startswith(_BASELINE):
            return
        changed.add(name.removeprefix(_BASELINE))
    for path in map(Path, before["files"]):
        if changed.isdisjoint((*path.parts, path.stem)) and not (stage.folder / path).exists():
            (stage.folder / path).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(workspace.path("predict") / path, stage.folder / path)


def write_losses(
    path: Path,
    system: str,
    model: nn.Module,
    examples: Sequence[Example],
    encoded: Sequence[EncodedExample],
    languages: Sequence[str],
    options: PredictRecipe,
    routing_path: Path | None = None,
    ranks: Ranks = ALONE,
) -> None:
    """Writes the loss of each example under one system, and optionally the routing, unless the files exist.

    Losses and routing come from the same forward passes. If either file is missing, both are written again.

    Args:
        path: JSON Lines file to write: id, language, loss_sum (nats), code_tokens.
        system: Name of the system, for the progress bar.
        model: The model, which already runs as that system.
        examples: The examples.
        encoded: The same examples, encoded.
        languages: All languages of the run.
        options: ``row_tokens`` is the length of rows.
        routing_path: JSON file for the :class:`RoutingStatistics` of a composed model and its ``own_expert()``.
        ranks: Processes that share the rows.
    """
    if ranks.first(path.exists() and (routing_path is None or routing_path.exists())):
        return
    routing = None if routing_path is None else RoutingSums(expert_names(model), languages)
    recording: Any = nullcontext({}) if routing is None else record_routing(model)
    title = f"loss of {system}" if routing is None else f"loss and routing of {system}"
    own_rows: list[dict[str, Tensor]] = []
    with Bar(title, len(examples), "programs") as bar, packed_attention(model), recording as routings:

        def finish(row: PackedBatch) -> None:
            if routing is not None:
                own_rows.append(routing.of_row(routings, row))
            bar.advance(len(row.example_ids_D))

        sums_N2 = example_losses(model, encoded, languages, options.row_tokens, on_row=finish, ranks=ranks)
    rows = ranks.merge(ranks.gather(own_rows))
    if not ranks.is_first:
        return
    write_json_lines(
        path,
        (
            {"id": example.id, "language": example.language, "loss_sum": loss, "code_tokens": int(tokens)}
            for example, (loss, tokens) in zip(examples, sums_N2.tolist(), strict=True)
        ),
    )
    if routing is not None and routing_path is not None:
        for row in rows:
            routing.include(row)
        statistics = routing.statistics()
        write_json(routing_path, statistics.to_dict() | {"own_expert": statistics.own_expert()})


def write_predictions(
    folder: Path,
    system: str,
    model: nn.Module,
    prompt: PromptFormat,
    examples: Mapping[str, Sequence[Example]],
    options: PredictRecipe,
    seed: int,
    ranks: Ranks = ALONE,
) -> None:
    """Writes one generated program per example, one file per language, unless the file exists.

    Args:
        folder: Folder for ``<language>.jsonl``: id, language, text, reference, prediction, num_tokens, stopped.
        system: Name of the system, for the progress bar.
        model: The model, which already runs as that system.
        prompt: Prompts and stop tokens.
        examples: Language -> tasks. All languages are decoded together, so that batches stay full.
        options: Length, batch size, sampling.
        seed: Seed of the sampling.
        ranks: Processes that share the prompts.
    """
    missing = _missing(folder, examples, ranks)
    tasks = [example for items in missing.values() for example in items]
    if not tasks:
        return
    prompts = [prompt.prompt_ids(example.text, example.language) for example in tasks]
    generations = _generate(f"programs of {system}", model, prompt, prompts, options, seed, ranks)
    if not ranks.is_first:
        return
    rows = iter(zip(tasks, generations, strict=True))
    for name, items in missing.items():
        predictions = [_prediction(prompt, *row) for row in itertools.islice(rows, len(items))]
        write_json_lines(folder / f"{name}.jsonl", predictions)


def write_completions(
    folder: Path,
    system: str,
    model: nn.Module,
    prompt: PromptFormat,
    problems: Mapping[str, Sequence[Problem]],
    options: PredictRecipe,
    seed: int,
    ranks: Ranks = ALONE,
) -> None:
    """Writes one completion per benchmark problem, one file per language, unless the file exists.

    Args:
        folder: Folder for ``<language>.jsonl``, which ``moesaic execute`` can read directly.
        system: Name of the system, for the progress bar.
        model: The model, which already runs as that system.
        prompt: Prompts and stop tokens.
        problems: Language -> problems.
        options: Length, batch size, sampling.
        seed: Seed of the sampling.
        ranks: Processes that share the prompts.
    """
    missing = _missing(folder, problems, ranks)
    tasks = [problem for items in missing.values() for problem in items]
    if not tasks:
        return
    prompts = [problem_ids(prompt, problem) for problem in tasks]
    title = f"{folder.parent.name} of {system}"
    generations = iter(_generate(title, model, prompt, prompts, options, seed, ranks))
    for name, items in missing.items() if ranks.is_first else ():
        rows = []
        for problem, generation in zip(items, itertools.islice(generations, len(items)), strict=True):
            text = prompt.decode(generation.ids)
            rows.append(completion_row(problem, text, len(generation.ids), generation.stopped))
        write_json_lines(folder / f"{name}.jsonl", rows)


def _generate(
    title: str,
    model: nn.Module,
    prompt: PromptFormat,
    prompts: Sequence[Sequence[int]],
    options: PredictRecipe,
    seed: int,
    ranks: Ranks,
) -> list[Generation]:
    return generate_together(
        ranks,
        model,
        prompt,
        prompts,
        title,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=seed,
        batch_size=options.batch_size,
        compile=options.compile,
    )


def _missing(folder: Path, groups: Mapping[str, Sequence[ItemT]], ranks: Ranks) -> dict[str, Sequence[ItemT]]:
    """Returns the languages, with their items, whose file does not exist; the same in all processes."""
    wanted = [name for name, items in groups.items() if items and not (folder / f"{name}.jsonl").exists()]
    return {name: groups[name] for name in ranks.first(wanted)}


def _prediction(prompt: PromptFormat, example: Example, generation: Generation) -> dict[str, Any]:
    text = prompt.decode(generation.ids)
    return {
        "id": example.id,
        "language": example.language,
        "text": example.text,
        "reference": example.code,
        "prediction": prompt.extract_code(text, example.language),
        "num_tokens": len(generation.ids),
        "stopped": generation.stopped,
    }
