"""A run across machines, in which every expert trains as a separate Ray task on its own GPU.

    moesaic run RECIPE --ray ADDRESS

The process that was started makes the data, holds the workspace's lock and hands out work. What needs the base runs
where Ray finds room: all experts at the same time (the "Branch" and "Train" of Branch-Train-MiX, Sukhbaatar et al.
2024), and so are their own rewards, then the initial gates, the gates' training and the rewards of the whole model one
after the other, the baselines at the same time, the systems of ``predict`` at the same time, and then the programs of
all benchmarks. The workspace is all that they share, so it has to be in an object store, or on a file system that all
machines see under the same path; what a task leaves in it is what the stage leaves in a local run.

A task whose machine is lost is started again elsewhere by Ray, finds its partial folder and goes on from its
checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from moesaic.errors import DependencyError, MoesaicError, ProcessError, RecipeError
from moesaic.execution.rows import Row, append_row
from moesaic.pipeline.inputs import stages_read
from moesaic.pipeline.judging import Chunk, judge_chunk, open_chunks
from moesaic.pipeline.nodes import check_nodes
from moesaic.pipeline.stages import STAGES, Run
from moesaic.progress import Bar, say
from moesaic.recipe import Recipe
from moesaic.stores.workspace import StoredWorkspace
from moesaic.workspace import MARK

RETRIES: Final = 3
"""How often a task is started again whose machine or process was lost."""

Job = tuple[str, tuple[Any, ...]]
"""A method of ``Run`` and its arguments."""


class SpreadRun(Run):
    """A run whose heavy stages are tasks of a Ray cluster.

    Args:
        recipe: The recipe; its workspace, base and data are there on all machines.
        only: Restrict the experts stage to these languages.
        address: Of the cluster: ``HOST:PORT``, or ``auto`` for the one on this machine.
    """

    def __init__(self, recipe: Recipe, only: tuple[str, ...], address: str) -> None:
        super().__init__(recipe, only)
        self._address = address

    def __call__(self, stages: tuple[str, ...] = STAGES) -> None:
        """Runs stages in order; see ``Run``.

        Raises:
            DependencyError: Ray is not installed.
            RecipeError: There is no cluster at the address.
            ProcessError: A task was lost more often than it is started again.
        """
        with _connected(self._address):
            check_nodes(self.recipe, Path.cwd(), self._runs_programs(stages))
            super().__call__(stages)

    def _runs_programs(self, stages: tuple[str, ...]) -> bool:
        """Whether tasks of these stages run programs."""
        recipe = self.recipe
        answers = recipe.data.keep is not None and recipe.runs_answers and "keep" in stages
        rewards = recipe.reward.runs_tests and bool({"reward", "expert_rewards"} & set(stages))
        judged = bool(recipe.predict.benchmarks) and recipe.predict.limit != 0 and "evaluate" in stages
        return recipe.evaluate.allow_code_execution and (answers or rewards or judged)

    def keep(self) -> None:
        """Lets the base answer the prompts of ``data.keep``, in a task."""
        if self.recipe.data.keep is not None:
            self._spread([("keep", ())])

    def experts(self) -> None:
        """Trains all experts at the same time."""
        self._spread([("expert", (language,)) for language in self.only or self.recipe.trained_languages])

    def expert_rewards(self) -> None:
        """Trains the experts of ``reward.alone`` on their own programs, all at the same time."""
        self._spread([("expert_reward", (language,)) for language in self.rewarded_alone()])

    def compose(self) -> None:
        """Puts the experts side by side, in a task."""
        self._spread([("compose", ())])

    def gate(self) -> None:
        """Trains the gates, in a task."""
        if self.recipe.trains_gates:
            self._spread([("gate", ())])

    def reward(self) -> None:
        """Trains on rewards, in a task."""
        if self.recipe.reward.together:
            self._spread([("reward", ())])

    def baselines(self) -> None:
        """Makes all baselines at the same time."""
        self._spread([("baseline", (name,)) for name in self.recipe.compare])

    def measure(self, folder: Path, systems: Sequence[str] | None = None) -> None:
        """Measures all systems at the same time."""
        from moesaic.pipeline.predict import system_groups

        groups = system_groups(self.recipe)
        if not isinstance(self.workspace, StoredWorkspace):
            self._spread([("measure", (folder, group)) for group in groups])
            return
        digest = (folder / MARK).read_text()
        parts = [self.workspace.part("predict", str(index), digest) for index in range(len(groups))]
        if any(folder.glob("[!.]*")):  # of systems that are what they were
            for part in parts:
                shutil.copytree(folder, part.folder, dirs_exist_ok=True)
                part.take()
        self._spread([("measure_part", (group, str(index), digest)) for index, group in enumerate(groups)])
        for part in parts:
            part.collect(folder)
            part.remove()

    def judge(self, folder: Path) -> None:
        """Runs the programs of all benchmarks at the same time, a few dozen a task."""
        chunks = list(open_chunks(self, folder))

        def keep(number: int, verdicts: Sequence[Row]) -> None:
            for verdict in verdicts:
                append_row(chunks[number].rows, verdict)

        self._spread([("judge_chunk", (chunk,)) for chunk in chunks], keep, on_gpus=False)

    def _spread(
        self, jobs: Sequence[Job], keep: Callable[[int, Any], None] | None = None, on_gpus: bool = True
    ) -> None:
        """Lets the cluster do jobs.

        Args:
            jobs: The jobs.
            keep: Gets the number of a job and what it returned, when it has.
            on_gpus: Each needs one, if the cluster has any.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        if not jobs:
            return
        gpus = 1 if on_gpus and ray.cluster_resources().get("GPU", 0) >= 1 else 0
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_work)
        settings, here = self.recipe.model_dump(mode="json"), str(Path.cwd())
        waiting = {task.remote(settings, self.only, here, job): number for number, job in enumerate(jobs)}
        failed: list[MoesaicError] = []
        title = " ".join(dict.fromkeys(method for method, _ in jobs))
        with Bar(f"{title}: tasks of the cluster", len(jobs), "tasks") as bar:
            while waiting:
                (ready, *_), _ = ray.wait(list(waiting), num_returns=1)
                number = waiting.pop(ready)
                method, arguments = jobs[number]
                try:
                    result = ray.get(ready)
                    if keep is not None:
                        keep(number, result)
                    bar.advance()
                except RayTaskError as error:  # what the others come to is kept: they are waited for
                    if not isinstance(error.cause, MoesaicError):
                        raise
                    failed.append(error.cause)
                except RayError as error:
                    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                    failed.append(
                        ProcessError(
                            f"{_title(method, arguments)}: lost in the cluster {RETRIES + 1} times ({reason}): run the "
                            "same command again, it goes on from the last checkpoint"
                        )
                    )
        if failed:
            raise failed[0]


class TaskRun(Run):
    """A run as a task sees it."""

    def measure_part(self, systems: Sequence[str], part: str, digest: str) -> None:
        """Measures some systems in a folder of this machine, and uploads it.

        Args:
            systems: Their names.
            part: Name of the part of ``predict`` that they are.
            digest: Of what ``predict`` is made from.
        """
        assert isinstance(self.workspace, StoredWorkspace)
        for name in stages_read(self.recipe, "predict"):
            self.workspace.verify(name)  # which brings it here
        snapshots = self.workspace.part("predict", part, digest)
        snapshots.fetch()
        snapshots.folder.mkdir(parents=True, exist_ok=True)
        with snapshots.taken():
            self.measure(snapshots.folder, systems)
        snapshots.take()
        shutil.rmtree(snapshots.folder)

    def judge_chunk(self, chunk: Chunk) -> list[Row]:
        """Runs some programs; a machine without the tools runs none."""
        return judge_chunk(self.recipe.evaluate, chunk)


def _work(settings: dict[str, Any], only: tuple[str, ...], folder: str, job: Job) -> Any:
    """A task: one method of a run, in the workspace that all share."""
    os.chdir(folder)  # paths of a recipe are relative to where the run was started
    method, arguments = job
    run = TaskRun(Recipe.model_validate(settings), only)
    say(f"{_title(method, arguments)}: on {platform.node()}")
    result = getattr(run, method)(*arguments)
    run.close()
    return result


def _title(method: str, arguments: Sequence[Any]) -> str:
    return " ".join([method, *(str(argument) for argument in arguments[:1])])


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    """A connection to a cluster, whose tasks' lines are shown here."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise DependencyError("ray", "ray", "--ray") from None
    names = [name for name in os.environ if name.startswith(("MOESAIC_", "OMP_", "HF_", "TOKENIZERS_"))]
    try:
        ray.init(
            address=address,
            logging_level="error",
            log_to_driver=True,
            runtime_env={"env_vars": {name: os.environ[name] for name in names}},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RecipeError(
            [f"--ray: no cluster at {address!r} ({reason}): start one (ray start --head), give HOST:PORT or auto"],
            "command line",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
