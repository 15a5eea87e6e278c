"""Reads the tasks with tests that ``data.tasks`` names: those to train on, and those that decide.

    mbxp:PATH            MBXP's training tasks; its validation tasks decide, its test tasks are never used
    mathqa:PATH          MathQA's tasks in MBXP's format (functions without arguments), all for training
    corpus               the embedded corpus, with its own splits
    a file or a folder   problems in the format ``own`` (docs/execution.md); every tenth decides

If MBXP is among the sources, only its validation tasks decide.

HumanEval is for testing only. It is refused in any language and any format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from moesaic import __version__
from moesaic.data.corpus import load_tasks
from moesaic.data.humaneval import refuse_humaneval
from moesaic.data.mbxp import mbxp_files, split_of
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError
from moesaic.execution.problems import Problem, read_problems
from moesaic.execution.rewards import ProgramRuns
from moesaic.files import digest_of, file_digest
from moesaic.recipe import CORPUS, MATHQA_PREFIX, MBXP_PREFIX, DataRecipe, Recipe
from moesaic.train.room import require_room

_KEY: Final = "data.tasks"
_HELD_OUT: Final = 10
"""If a source has no splits of its own, one problem in this many decides; the first of them is the tenth."""

_ALLOWED: Final = f"{MBXP_PREFIX}PATH, {MATHQA_PREFIX}PATH, {CORPUS}, a file or folder of problems in JSON Lines"

Problems = dict[str, list[Problem]]
"""Language -> problems."""


def read_tasks(options: DataRecipe, languages: Sequence[str]) -> tuple[Problems, Problems]:
    """Reads the tasks of ``data.tasks``.

    Args:
        options: The recipe's section ``data``.
        languages: Languages whose tasks are returned.

    Returns:
        Language -> problems to sample programs for, and language -> problems that decide. Languages without any are
        left out.

    Raises:
        DataError: A source is missing or malformed, is HumanEval, or contains a problem that does not describe its
            task; or there is nothing to train on or to decide by.
    """
    sources, training, deciding = options.tasks, Problems(), Problems()
    has_mbxp = any(source.startswith(MBXP_PREFIX) for source in sources)
    for source in sources:
        found = {name: group for name, group in _read(source).items() if name in languages}
        splits = _splits(source, found, has_mbxp)
        for name, problems in found.items():
            _check(source, problems)
            for problem in problems:
                chosen = {"train": training, "validation": deciding}.get(splits[problem.id])
                if chosen is not None:
                    chosen.setdefault(name, []).append(problem)
    for tasks, what in ((training, "to train on"), (deciding, "to decide by")):
        if not tasks:
            raise DataError(
                f"{_KEY}: {list(sources)} has no task {what} in {', '.join(languages)} (data.languages): name a source "
                "with more tasks"
            )
    training, deciding = ({name: tasks[name] for name in languages if name in tasks} for tasks in (training, deciding))
    return training, deciding


def used_together(recipe: Recipe) -> list[tuple[str, ...]]:
    """Returns the groups of languages whose tasks are used together: each of ``reward.alone`` by itself, or all."""
    alone: list[tuple[str, ...]] = [(name,) for name in recipe.reward.alone]
    return alone or [recipe.data.languages]


def check_tasks(recipe: Recipe) -> None:
    """Checks, before anything is trained, that programs can be rewarded for passing tests.

    Raises:
        DataError: The tasks cannot be used; see ``read_tasks``.
        ConsentError: Running programs is not allowed.
        ToolchainError: The sandbox does not work here, or the tools of a language that has tasks are missing.
    """
    judging = recipe.evaluate
    for languages in used_together(recipe):
        training, deciding = read_tasks(recipe.data, languages)
        ProgramRuns(
            judging.sandbox, 1, sorted({*training, *deciding}), allow_code_execution=judging.allow_code_execution
        ).close()


def check_task_room(recipe: Recipe, prompt: PromptFormat, languages: Sequence[str]) -> None:
    """Checks that a task to train on and one to decide by leave room for a program.

    Args:
        recipe: The recipe.
        prompt: Prompts of the base's tokenizer.
        languages: Languages whose tasks are used together.

    Raises:
        DataError: The tasks cannot be used; see ``read_tasks``.
        RecipeError: No task is short enough.
    """
    for name, tasks in zip(("training", "validation"), read_tasks(recipe.data, languages), strict=True):
        lengths = (
            len(prompt.task_ids(problem.text, problem.prompt, problem.language))
            for group in tasks.values()
            for problem in group
        )
        require_room(lengths, f"{name} task of {_KEY}", recipe.reward, recipe.data.max_tokens)


def tasks_digest(sources: Sequence[str]) -> str:
    """Returns a digest of the files of ``data.tasks``.

    Raises:
        DataError: A source is missing.
    """
    return digest_of([[_digest(file) for file in _files(source)] for source in sources])


def task_path(source: str) -> Path | None:
    """Returns the path that a source names; None for the embedded corpus."""
    prefixes = (MBXP_PREFIX, MATHQA_PREFIX)
    prefix = next((prefix for prefix in prefixes if source.startswith(prefix)), "")
    return None if source == CORPUS else Path(source.removeprefix(prefix)).expanduser()


def _digest(file: Path) -> list[str]:
    return [CORPUS, __version__] if file == Path(CORPUS) else [file.name, file_digest(file)]


def _files(source: str) -> list[Path]:
    path = task_path(source)
    if path is None:
        return [Path(CORPUS)]
    if source.startswith((MBXP_PREFIX, MATHQA_PREFIX)):
        return mbxp_files(path, _KEY)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.name.endswith((".jsonl", ".jsonl.gz")))
    if not files or not path.exists():
        what = "has no .jsonl file" if path.exists() else "does not exist"
        raise DataError(f"{_KEY}: {source!r} {what}: give {_ALLOWED}")
    return files


def _read(source: str) -> dict[str, list[Problem]]:
    refuse_humaneval(_KEY, source, (file.name for file in _files(source)))
    kind = "mbxp" if source.startswith((MBXP_PREFIX, MATHQA_PREFIX)) else CORPUS if source == CORPUS else "own"
    return read_problems(kind, task_path(source))


def _check(source: str, problems: Sequence[Problem]) -> None:
    refuse_humaneval(_KEY, source, (problem.id for problem in problems))
    for problem in problems:
        if not problem.text.strip() and not problem.prompt.strip():
            raise DataError(
                f"{_KEY}: {source!r}: problem {problem.id!r} in {problem.language} does not describe its task: give it "
                "a "
                "'text' (the task in words) or a 'prompt' (code to go on from)"
            )


def _splits(source: str, problems: Mapping[str, Sequence[Problem]], has_mbxp: bool) -> dict[str, str]:
    """Returns the split of each problem by its id. A problem has the same split in every language."""
    names = list(dict.fromkeys(problem.id for group in problems.values() for problem in group))
    if source == CORPUS:
        return {task.id: "" if has_mbxp and task.split == "validation" else task.split for task in load_tasks()}
    if source.startswith(MBXP_PREFIX):
        return {name: split_of(name) for name in names}
    held_out = set() if has_mbxp or source.startswith(MATHQA_PREFIX) else set(names[_HELD_OUT - 1 :: _HELD_OUT])
    return {name: "validation" if name in held_out else "train" for name in names}
