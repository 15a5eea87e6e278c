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
        RecipeError: A benchmark cannot be read, or one of its prompts fills the base's context.
        ToolchainError: The tools that run the tasks' tests are missing.
    """
    check_rewards(run, stages)
    check_plan(run, stages)


def check_plan(run: Run, stages: tuple[str, ...]) -> None:
    """Checks what ``check_start`` does, except for tools, which a machine that only plans a run need not have.

    Raises:
        RecipeError: A benchmark cannot be read, or one of its prompts fills the base's context.
    """
    if run.recipe.predict.benchmarks and "predict" in stages and not run.is_finished("predict"):
        from moesaic.evaluate.benchmarks import benchmark_problems

        if problems := benchmark_problems(run.recipe, run.prompt, run.context):
            raise RecipeError(problems)


def check_rewards(run: Run, stages: tuple[str, ...]) -> None:
    """Checks what training on rewards needs before the stages that come first, which can take hours.

    Raises:
        DataError: There are no tasks to train on.
        ToolchainError: The tools that run the tasks' tests are missing.
    """
    if not run.recipe.reward.runs_tests:
        return
    rewards = [name for name in run.stage_names() if reads_as(name) == "reward"]
    if any(not run.is_finished(name) for name in rewards if name.partition("/")[0] in stages):
        from moesaic.pipeline.tasks import check_tasks

        check_tasks(run.recipe)
