"""A run across machines, in which every expert trains as a separate Ray task on its own GPU.

    moesaic run RECIPE --ray ADDRESS

The command's own process makes the data, holds the workspace's lock and submits tasks. Everything that needs the base
runs in tasks, on machines that Ray chooses:

- all experts at the same time (the "Branch" and "Train" of Branch-Train-MiX, Sukhbaatar et al. 2024), and then their
  trainings on rewards (``reward.alone``) at the same time;
- ``compose``, ``gate`` and ``reward``, one after the other;
- all baselines at the same time, then all systems of ``predict``, and then the programs of all benchmarks.

Tasks share only the workspace. It has to be in an object store, or on a file system that all machines see under the
same path. A task writes the same files as its stage writes in a local run.

If the machine of a task is lost, Ray starts the task again on another one, where it continues from its checkpoint.
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
from moesaic.pipeline.inputs import reads_as, stages_read
from moesaic.pipeline.judging import Chunk, judge_chunk, open_chunks
from moesaic.pipeline.nodes import check_nodes
from moesaic.pipeline.stages import STAGES, Run
from moesaic.progress import Bar, say
from moesaic.recipe import DENSE_REWARD, Recipe
from moesaic.stores.workspace import StoredWorkspace
from moesaic.workspace import MARK

RETRIES: Final = 3
"""How often a task is started again if its machine or process is lost."""

Job = tuple[str, tuple[Any, ...]]
"""Name of a method of ``TaskRun``, and its arguments."""


class SpreadRun(Run):
    """A run whose heavy stages are tasks of a Ray cluster.

    Args:
        recipe: The recipe. Its workspace, base and data have to be available on all machines.
        only: Train only the experts of these languages.
        address: Address of the cluster: ``HOST:PORT``, or ``auto`` for the cluster on this machine.
    """

    def __init__(self, recipe: Recipe, only: tuple[str, ...], address: str) -> None:
        super().__init__(recipe, only)
        self._address = address

    def __call__(self, stages: tuple[str, ...] = STAGES) -> None:
        """Runs stages in order; see ``Run``.

        Raises:
            DependencyError: Ray is not installed.
            RecipeError: There is no cluster at the address.
            ToolchainError: A machine of the cluster lacks something that its tasks need.
            ProcessError: A task was lost more than ``RETRIES`` times.
        """
        with _connected(self._address):
            check_nodes(self.recipe, Path.cwd(), self._runs_programs(stages))
            super().__call__(stages)

    def _runs_programs(self, stages: tuple[str, ...]) -> bool:
        """Returns whether tasks of these stages run programs."""
        recipe = self.recipe
        answers = recipe.data.keep is not None and recipe.runs_answers and "keep" in stages
        rewarding = {name.partition("/")[0] for name in self.stage_names() if reads_as(name) == "reward"}
        rewards = recipe.reward.runs_tests and bool(rewarding & set(stages))
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
        """Trains the experts of ``reward.alone`` on rewards, all at the same time."""
        self._spread([("expert_reward", (language,)) for language in self.rewarded_alone()])

    def compose(self) -> None:
        """Composes the experts and fits the initial gates, in a task."""
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
        """Makes all baselines at the same time, except for one that continues another."""
        for is_last in (False, True):
            self._spread([("baseline", (name,)) for name in self.recipe.compare if (name == DENSE_REWARD) == is_last])

    def measure(self, folder: Path, systems: Sequence[str] | None = None) -> None:
        """Measures all systems at the same time."""
        from moesaic.pipeline.predict import system_groups

        groups = system_groups(self.recipe)
        if not isinstance(self.workspace, StoredWorkspace):
            self._spread([("measure", (folder, group)) for group in groups])
            return
        digest = (folder / MARK).read_text()
        parts = [self.workspace.part("predict", str(index), digest) for index in range(len(groups))]
        if any(folder.glob("[!.]*")):  # results of unchanged systems, taken over from an earlier ``predict``
            for part in parts:
                shutil.copytree(folder, part.folder, dirs_exist_ok=True)
                part.take()
        self._spread([("measure_part", (group, str(index), digest)) for index, group in enumerate(groups)])
        for part in parts:
            part.collect(folder)
            part.remove()

    def judge(self, folder: Path) -> None:
        """Runs the programs of all benchmarks at the same time, a few dozen per task."""
        chunks = list(open_chunks(self, folder))

        def keep(number: int, verdicts: Sequence[Row]) -> None:
            for verdict in verdicts:
                append_row(chunks[number].rows, verdict)

        self._spread([("judge_chunk", (chunk,)) for chunk in chunks], keep, on_gpus=False)

    def _spread(
        self, jobs: Sequence[Job], keep: Callable[[int, Any], None] | None = None, on_gpus: bool = True
    ) -> None:
        """Runs jobs as tasks of the cluster and waits for all of them.

        Args:
            jobs: The jobs.
            keep: Called with the index and the result of each job when the job is finished.
            on_gpus: Whether each job gets a GPU of its own, if the cluster has any.

        Raises:
            MoesaicError: The first error of a task.
            ProcessError: A task was lost more than ``RETRIES`` times.
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
                except RayTaskError as error:  # the other jobs continue, so that their results are not lost
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
    """A run inside a task of the cluster."""

    def measure_part(self, systems: Sequence[str], part: str, digest: str) -> None:
        """Measures some systems in a folder of this machine, and uploads the folder.

        Args:
            systems: Names of the systems.
            part: Name of this part of the stage ``predict``.
            digest: Digest of the inputs of ``predict``.

        Raises:
            CheckpointError: A stage that ``predict`` reads is not finished, or one of its files is damaged.
        """
        assert isinstance(self.workspace, StoredWorkspace)
        for name in stages_read(self.recipe, "predict"):
            self.workspace.verify(name)  # also downloads the stage
        snapshots = self.workspace.part("predict", part, digest)
        snapshots.fetch()
        snapshots.folder.mkdir(parents=True, exist_ok=True)
        with snapshots.taken():
            self.measure(snapshots.folder, systems)
        snapshots.take()
        shutil.rmtree(snapshots.folder)

    def judge_chunk(self, chunk: Chunk) -> list[Row]:
        """Runs the programs of a chunk and returns the verdicts; none if tools are missing on this machine."""
        return judge_chunk(self.recipe.evaluate, chunk)


def _work(settings: dict[str, Any], only: tuple[str, ...], folder: str, job: Job) -> Any:
    """Runs one job as a task of the cluster."""
    os.chdir(folder)  # paths of a recipe are relative to the folder in which the run was started
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
    """Connects to a cluster inside the context; the output of its tasks is shown here."""
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
