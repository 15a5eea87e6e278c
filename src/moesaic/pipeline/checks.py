"""Checks base and data before a run, as far as that is possible without weights or training.

Only the configuration and the tokenizer of the base are read, and nothing else of a hub model is downloaded. Of the
data, either the beginning of each file is read or everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from moesaic.data.detokenize import is_xlcost
from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.data.sources import HUB_PREFIX, is_own, read_head
from moesaic.data.tokenizer_checks import tokenizer_problems
from moesaic.errors import MoesaicError, RecipeError, ToolchainError
from moesaic.evaluate.benchmarks import benchmark_problems
from moesaic.files import read_json_object
from moesaic.languages import get_language, syntax_of
from moesaic.model.base_files import BaseSource, find_description
from moesaic.parsing import parses
from moesaic.pipeline.keep import self_training_problems
from moesaic.pipeline.tasks import check_task_room, check_tasks, used_together
from moesaic.recipe import DataRecipe, Recipe

HEAD: Final = 1000
"""Number of lines that are read of each file, unless all are."""


def find_problems(recipe: Recipe, whole_data: bool = False) -> tuple[list[str], list[str]]:
    """Checks the base and the data of a recipe.

    Args:
        recipe: The recipe.
        whole_data: Whether to read all of the data instead of the beginning of each file.

    Returns:
        Problems, each of which would end the run or spoil its results; and notes about what could not be checked and
        about what domains lack.
    """
    prompt, problems, notes = _base(recipe)
    more, further = _data(recipe.data, None if whole_data else HEAD)
    tasks, unsure = _tasks(recipe, prompt)
    more += _answers(recipe)
    domains = [lacks for name in recipe.data.languages if (lacks := get_language(name).lacks)]
    return problems + more + tasks, notes + further + unsure + domains


def _tasks(recipe: Recipe, prompt: PromptFormat | None) -> tuple[list[str], list[str]]:
    if not recipe.reward.runs_tests:
        return [], []
    notes = []
    try:
        try:
            check_tasks(recipe)
        except ToolchainError as error:
            notes = [f"reward.kind: {recipe.reward.kind} cannot be run on this machine: {error}"]
        if prompt is not None:
            for languages in used_together(recipe):
                check_task_room(recipe, prompt, languages)
    except RecipeError as error:
        return error.problems, notes
    except MoesaicError as error:
        return [str(error)], notes
    return [], notes


def _answers(recipe: Recipe) -> list[str]:
    if not recipe.experts.self_training:
        return []
    try:
        return self_training_problems(recipe, recipe.trained_languages)
    except MoesaicError as error:
        return [str(error)]


def _base(recipe: Recipe) -> tuple[PromptFormat | None, list[str], list[str]]:
    """Returns the prompts of the base's tokenizer, if it can be used; problems; and notes."""
    from moesaic.model.backbone import load_tokenizer
    from moesaic.model.families import check_equations

    options, max_tokens = recipe.base, recipe.data.max_tokens
    try:
        folder = find_description(options.model, options.revision)
        if folder is None:
            return None, [], [f"base.model: {options.model} is converted when a run starts, and was not looked into"]
        config = read_json_object(folder / "config.json")
    except MoesaicError as error:
        return None, [f"base.model: {error}"], []
    problems = []
    try:
        check_equations(config, options.model)
    except MoesaicError as error:
        problems.append(f"base.model: {error}")
    context = config.get("max_position_embeddings")
    if isinstance(context, int) and max_tokens > context:
        problems.append(
            f"data.max_tokens: {max_tokens:,} is more than the context of {options.model}: use at most {context:,}"
        )
    rows = config.get("vocab_size")
    try:
        tokenizer = load_tokenizer(BaseSource(options.model, folder))
        found = tokenizer_problems(tokenizer, rows if isinstance(rows, int) else None)
    except MoesaicError as error:
        found = [str(error)]
    problems += [f"base.model: {problem}" for problem in found]
    prompt = PromptFormat(tokenizer) if not found else None
    if prompt is not None and isinstance(context, int):
        problems += benchmark_problems(recipe, prompt, context)
    return prompt, problems, []


def _data(options: DataRecipe, limit: int | None) -> tuple[list[str], list[str]]:
    if options.source.startswith(HUB_PREFIX) and limit is not None:
        return [], [f"data.source: {options.source} was not looked into; --data downloads and reads it"]
    problems: list[str] = []
    own: dict[str, tuple[Mapping[str, Sequence[Example]], bool]] = {}
    for language in options.languages:
        try:
            own[language] = read_head(options, language, limit)
        except MoesaicError as error:
            problems.append(f"data.source: {error}")
    if is_own(options.source):
        from_xlcost = any(
            is_xlcost([example.code for example in examples], language)
            for language, (splits, _) in own.items()
            for examples in splits.values()
        )
        for language, (splits, is_whole) in own.items():
            problems += _own_problems(options.source, language, splits, is_whole, from_xlcost)
    return list(dict.fromkeys(problems)), []


def _own_problems(
    source: str, language: str, splits: Mapping[str, Sequence[Example]], is_whole: bool, from_xlcost: bool
) -> list[str]:
    problems = []
    for split, examples in splits.items():
        where = f"data.source: {Path(source)}, {language}, {split}"
        times = Counter(example.id for example in examples if not example.id.startswith("title-"))
        if repeated := {name: count for name, count in times.items() if count > 1}:
            name, count = max(repeated.items(), key=lambda item: item[1])
            more = f" and {len(repeated) - 1:,} other ids more than once" if len(repeated) > 1 else ""
            problems.append(
                f"{where}: the id {name!r:.60} occurs {count:,} times{more}: give each problem a different id, or none"
            )
        # The stage ``data`` turns token streams into source before it parses them, and counts those that are damaged.
        is_source = syntax_of(language) is not None and not from_xlcost
        broken = [example.id for example in examples if is_source and not parses(example.code, language)]
        if broken:
            looked_at = f"{len(examples):,}" if is_whole else f"the first {len(examples):,}"
            problems.append(
                f"{where}: {len(broken):,} of {looked_at} programs cannot be read as {language} (the first has the id "
                f"{broken[0]!r:.60}): they would be left out; correct or remove them"
            )
    return problems
