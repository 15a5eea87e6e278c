"""What needs the models: losses on the test split and generated programs, one file per system and language.

Files appear by rename, so a killed stage goes on with the first file that is missing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from moesaic.artifacts import space_errors, write_json
from moesaic.data.examples import Example
from moesaic.data.packing import PackedBatch
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.evaluate.benchmarks import completion_row, problem_ids
from moesaic.evaluate.problems import Problem
from moesaic.evaluate.routing import RoutingSums
from moesaic.model.attention import packed_attention
from moesaic.model.generate import Generation, generate
from moesaic.model.loss import example_losses
from moesaic.model.moe import expert_names, record_routing
from moesaic.progress import Bar
from moesaic.recipe import PredictRecipe


def system_folder(system: str) -> str:
    """Returns a system's name as a file name: ``expert:java`` -> ``expert-java``."""
    return system.replace(":", "-")


def write_losses(
    path: Path,
    system: str,
    model: nn.Module,
    examples: Sequence[Example],
    encoded: Sequence[EncodedExample],
    languages: Sequence[str],
    options: PredictRecipe,
    routing_path: Path | None = None,
) -> None:
    """Writes the loss of every example under one system, with the routing in it if wanted, unless they are there.

    Losses and routing come out of the same forward passes: if either file is missing, both are made again.

    Args:
        path: JSON Lines file: id, language, loss_sum (nats), code_tokens.
        system: Name shown.
        model: The model, already set to be that system.
        examples: The examples.
        encoded: The same, encoded.
        languages: All languages of the run.
        options: Row length.
        routing_path: JSON file for the :class:`RoutingStatistics` of a composed model and its ``own_expert()``.
    """
    if path.exists() and (routing_path is None or routing_path.exists()):
        return
    routing = None if routing_path is None else RoutingSums(expert_names(model), languages)
    recording: Any = nullcontext({}) if routing is None else record_routing(model)
    title = f"loss of {system}" if routing is None else f"loss and routing of {system}"
    with Bar(title, len(examples), "programs") as bar, packed_attention(model), recording as routings:

        def finish(row: PackedBatch) -> None:
            if routing is not None:
                routing.add(routings, row)
            bar.advance(len(row.example_ids_D))

        sums_N2 = example_losses(model, encoded, languages, options.row_tokens, on_row=finish)
    write_rows(
        path,
        (
            {"id": example.id, "language": example.language, "loss_sum": loss, "code_tokens": int(tokens)}
            for example, (loss, tokens) in zip(examples, sums_N2.tolist(), strict=True)
        ),
    )
    if routing is not None and routing_path is not None:
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
) -> None:
    """Writes one generated program per example, a file per language, unless the file is there.

    Args:
        folder: Gets ``<language>.jsonl``: id, language, text, reference, prediction, num_tokens, stopped.
        system: Name shown.
        model: The model, already set to be that system.
        prompt: Prompts and stop tokens.
        examples: Tasks per language; decoded together, so that batches stay full.
        options: Length, batch size, sampling.
        seed: Seed of sampling.
    """
    missing = {name: items for name, items in examples.items() if items and not (folder / f"{name}.jsonl").exists()}
    tasks = [example for items in missing.values() for example in items]
    if not tasks:
        return
    prompts = [prompt.prompt_ids(example.text, example.language) for example in tasks]
    generations = _generate(f"programs of {system}", model, prompt, prompts, options, seed)
    rows = iter(zip(tasks, generations, strict=True))
    for name, items in missing.items():
        write_rows(folder / f"{name}.jsonl", [_prediction(prompt, *row) for row in itertools.islice(rows, len(items))])


def write_completions(
    folder: Path,
    system: str,
    model: nn.Module,
    prompt: PromptFormat,
    problems: Mapping[str, Sequence[Problem]],
    options: PredictRecipe,
    seed: int,
) -> None:
    """Writes one completion per benchmark problem, a file per language, unless the file is there.

    Args:
        folder: Gets ``<language>.jsonl``, which ``moesaic execute`` reads as it is.
        system: Name shown.
        model: The model, already set to be that system.
        prompt: Prompts and stop tokens.
        problems: Problems per language.
        options: Length, batch size, sampling.
        seed: Seed of sampling.
    """
    missing = {name: items for name, items in problems.items() if not (folder / f"{name}.jsonl").exists()}
    tasks = [problem for items in missing.values() for problem in items]
    if not tasks:
        return
    prompts = [problem_ids(prompt, problem) for problem in tasks]
    generations = iter(_generate(f"{folder.parent.name} of {system}", model, prompt, prompts, options, seed))
    for name, items in missing.items():
        rows = []
        for problem, generation in zip(items, itertools.islice(generations, len(items)), strict=True):
            text = prompt.tokenizer.decode(generation.ids, skip_special_tokens=True)
            rows.append(completion_row(problem, text, len(generation.ids), generation.stopped))
        write_rows(folder / f"{name}.jsonl", rows)


def _generate(
    title: str,
    model: nn.Module,
    prompt: PromptFormat,
    prompts: Sequence[Sequence[int]],
    options: PredictRecipe,
    seed: int,
) -> list[Generation]:
    num_tokens = 0
    with Bar(title, len(prompts), "programs") as bar:

        def count(new: int) -> None:
            nonlocal num_tokens
            num_tokens += new
            bar.advance(0, tokens=num_tokens)

        return generate(
            model,
            prompts,
            max_new_tokens=options.max_new_tokens,
            stop_ids=prompt.stop_ids,
            temperature=options.temperature,
            top_p=options.top_p,
            seed=seed,
            batch_size=options.batch_size,
            compile=options.compile,
            on_progress=bar.advance,
            on_step=count,
        )


def _prediction(prompt: PromptFormat, example: Example, generation: Generation) -> dict[str, Any]:
    text = prompt.tokenizer.decode(generation.ids, skip_special_tokens=True)
    return {
        "id": example.id,
        "language": example.language,
        "text": example.text,
        "reference": example.code,
        "prediction": prompt.extract_code(text),
        "num_tokens": len(generation.ids),
        "stopped": generation.stopped,
    }


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON Lines under a temporary name and renames.

    Raises:
        SpaceError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with space_errors(path):
        with partial.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        partial.replace(path)
