"""Refuses a run before it begins if something would certainly end it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesaic.errors import RecipeError
from moesaic.pipeline.inputs import reads_as

if TYPE_CHECKING:
    from moesaic.pipeline.stages import Run


def refuse_far_processes(run: Run) -> None:
    """Refuses processes on several machines if the workspace is in an object store.

    Raises:
        RecipeError: There are processes on several machines. Each machine would work in a local folder of its own.
    """
    here = run.ranks.count_here
    if run.recipe.store is not None and run.ranks.count > here:
        raise RecipeError(
            [
                f"output: {run.recipe.output} is worked on in a folder of each machine, but of the {run.ranks.count} "
                f"processes of this run {here} are on this one: give output a folder that all of them see, or use --ray"
            ]
        )


def check_start(run: Run, stages: tuple[str, ...]) -> None:
    """Checks, before the first stage, what can be known then of what the stages need.

    Raises:
        DataError: There are no tasks to train on.
        RecipeError: A benchmark cannot be read, or one of its prompts fills the base's context; no task of a training
            on rewards leaves room for a program; or an expert is to be trained on answers that there cannot be.
        ToolchainError: The tools that run the tasks' tests are missing.
    """
    check_rewards(run, stages)
    # A stage ``data`` that is to run first may change the examples; they are checked after it.
    check_plan(run, stages, reads_examples="data" not in stages)


def check_plan(run: Run, stages: tuple[str, ...], reads_examples: bool) -> None:
    """Checks what ``check_start`` does, except for tools, which a machine that only plans a run need not have.

    Args:
        run: The run.
        stages: The stages that are to be run.
        reads_examples: Whether to look at the examples of the stage ``data``, if it is finished.

    Raises:
        DataError: There are no tasks to train on.
        RecipeError: A benchmark cannot be read, or one of its prompts fills the base's context; no task of a training
            on rewards leaves room for a program; or an expert is to be trained on answers that there cannot be.
    """
    if run.recipe.predict.benchmarks and "predict" in stages and not run.is_finished("predict"):
        from moesaic.evaluate.benchmarks import benchmark_problems

        if problems := benchmark_problems(run.recipe, run.prompt, run.context):
            raise RecipeError(problems)
    check_room(run, stages, reads_examples)
    check_answers(run, stages)


def check_after(run: Run, stage: str, stages: tuple[str, ...]) -> None:
    """Checks what a stage has made known of what later stages need.

    Args:
        run: The run.
        stage: The stage that is finished.
        stages: All stages that are to be run.

    Raises:
        DataError: A language has no answers of the base that pass, and its expert is to be trained on them.
        RecipeError: No task of a training on rewards leaves room for a program.
    """
    if stage == "data":
        check_room(run, stages, reads_examples=True)
    if stage == "keep":
        check_answers(run, stages)


def check_room(run: Run, stages: tuple[str, ...], reads_examples: bool) -> None:
    """Checks that training on rewards has tasks that leave room for a program.

    Args:
        run: The run.
        stages: The stages that are to be run.
        reads_examples: Whether to look at the examples of the stage ``data``, if it is finished. They are the tasks of
            rewards by CodeBLEU.

    Raises:
        DataError: There are no tasks to train on.
        RecipeError: No task leaves room.
    """
    if not _rewards_to_do(run, stages):
        return
    from moesaic.pipeline.tasks import check_task_room, used_together
    from moesaic.train.room import require_room

    recipe = run.recipe
    if reads_examples and (recipe.reward.kind == "tests" or not _is_there(run, "data")):
        reads_examples = False
    for languages in used_together(recipe):
        if recipe.reward.kind != "codebleu":
            check_task_room(recipe, run.prompt, languages)
        for split, name in (("train", "training"), ("validation", "validation")) if reads_examples else ():
            examples = (example for language in languages for example in run.examples(language, split))
            lengths = (run.prompt.encode(example).num_prompt_tokens for example in examples)
            require_room(lengths, f"{name} task", recipe.reward, recipe.data.max_tokens)


def check_answers(run: Run, stages: tuple[str, ...]) -> None:
    """Checks that there are answers to train experts on that are trained only on answers of the base that pass.

    Before the stage ``keep``, only the prompts are known; after it, the answers are.

    Raises:
        DataError: A language has no answers that pass, or ``data.keep`` cannot be read.
        RecipeError: A language has no prompts or no tests, or running programs is not allowed.
    """
    recipe = run.recipe
    if not recipe.experts.self_training or "experts" not in stages:
        return
    wanted = run.only or tuple(name for name in recipe.trained_languages if not run.is_finished(f"experts/{name}"))
    if not wanted:
        return
    is_answered = run.workspace.manifest("keep") is not None if "keep" not in stages else _is_there(run, "keep")
    if is_answered:
        for language in wanted:
            run.passing_answers(language)
        return
    from moesaic.pipeline.keep import self_training_problems

    if problems := self_training_problems(recipe, wanted):
        raise RecipeError(problems)


def check_rewards(run: Run, stages: tuple[str, ...]) -> None:
    """Checks what training on rewards needs before the stages that come first, which can take hours.

    Raises:
        DataError: There are no tasks to train on.
        ToolchainError: The tools that run the tasks' tests are missing.
    """
    if not run.recipe.reward.runs_tests:
        return
    if _rewards_to_do(run, stages):
        from moesaic.pipeline.tasks import check_tasks

        check_tasks(run.recipe)


def _rewards_to_do(run: Run, stages: tuple[str, ...]) -> bool:
    """Returns whether one of the stages trains on rewards and is not finished."""
    if run.recipe.reward.rounds == 0:
        return False
    rewards = [name for name in run.stage_names() if reads_as(name) == "reward"]
    return any(not run.is_finished(name) for name in rewards if name.partition("/")[0] in stages)


def _is_there(run: Run, name: str) -> bool:
    """Returns whether a stage is finished and its files can be read."""
    return run.is_finished(name) and run.workspace.manifest(name) is not None
