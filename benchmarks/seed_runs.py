"""Runs a recipe with several seeds, and variants of it, side by side on one GPU or several, up to the predictions.

    python benchmarks/seed_runs.py RECIPE [key=value ...] --seeds 0 1 2 --at-once 3 --devices 0 1 \\
        --variant plain data.keep=null gate.anchor=false --archive predictions.tar.gz

The first seed prepares the data and lets the base answer the prompts of ``data.keep``. The other seeds and the
variants use both unchanged. Variants of the first seed also use its experts, its rewarded experts (``reward.alone``)
and its initial gates, each if the variant would make the same. Differences between seeds are therefore differences
between trainings. If jobs run side by side, one trains while another compiles or reads files. Each job needs memory:
on an H200, three jobs fit with a base of half a billion parameters and rows of 16,384 tokens each.

Finished work is not repeated; after a kill, the same command continues. Ctrl-C and SIGTERM end the jobs, too.
``--archive`` is written again after every job, with everything that is needed to judge on another machine, which is
everything except weights. There, ``moesaic evaluate RECIPE ... seed=1 name=<name>-seed1`` judges a run, and
``benchmarks/seeds.py`` combines the seeds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations import link_stage, shared_stages
from places import file_to_write

from moesaic.cli.output import Stopped, catch_signals
from moesaic.errors import MoesaicError, RecipeError
from moesaic.pipeline.stages import Run
from moesaic.recipe import Recipe, load_recipe
from moesaic.workspace import Workspace

SHARED = ("data", "keep")
TRAINED = ("experts", "expert_rewards", "compose", "gate", "reward", "baselines", "predict")
_LEFT_OUT = (".safetensors", ".pt", ".partial")
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 30  # a job that is asked to end first finishes what it computes


@dataclass(frozen=True)
class Job:
    """One run: a seed, or a variant of the first seed.

    Attributes:
        name: Name of the workspace.
        recipe: The recipe of the run.
    """

    name: str
    recipe: Recipe

    @property
    def is_done(self) -> bool:
        """Returns whether its predictions exist."""
        return Workspace(self.recipe.workspace).manifest("predict") is not None


def jobs_of(
    path: Path, overrides: Sequence[str], seeds: Sequence[int], variants: Sequence[Sequence[str]]
) -> tuple[list[Job], list[Job]]:
    """Returns the jobs of the seeds and those of the variants.

    Raises:
        RecipeError: A recipe is wrong, or two jobs have the same name.
    """
    name = load_recipe(path, overrides).name

    def job(own: str, *changes: str) -> Job:
        return Job(own, load_recipe(path, [*overrides, f"name={own}", *changes]))

    names = [f"{name}-seed{seed}" for seed in seeds] + [f"{name}-{title}" for title, *_ in variants]
    if twice := [own for own in dict.fromkeys(names) if names.count(own) > 1]:
        raise RecipeError([f"--seeds and --variant: {', '.join(twice)} would be two jobs in one workspace"])
    of_seeds = [job(f"{name}-seed{seed}", f"seed={seed}") for seed in seeds]
    return of_seeds, [job(f"{name}-{title}", f"seed={seeds[0]}", *changes) for title, *changes in variants]


def prepare(job: Job, first: Job) -> list[str]:
    """Links the stages that a job takes from the first one, and returns those that are still missing."""
    wanted = list(SHARED) if job.recipe.data.keep is not None else ["data"]
    if job.recipe.seed == first.recipe.seed:
        wanted += [name for name in shared_stages(first.recipe, job.recipe) if name not in wanted]
    source, target = Workspace(first.recipe.workspace), Workspace(job.recipe.workspace)
    missing = [name for name in wanted if source.manifest(name) is None]
    for name in wanted:
        if name not in missing:
            link_stage(source.path(name), target.path(name))
    return missing


def work(job: Job, stages: tuple[str, ...], device: str | None) -> None:
    """Runs a job's stages in a process of its own, which sees one GPU."""
    catch_signals()  # its own processes are ended, too, and locks and temporary files removed
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device  # has an effect, because nothing in this process has used a GPU yet
    try:
        Run(job.recipe)(stages)
    except Stopped as stopped:
        sys.exit(128 + stopped.signal)


def fewest(taken: Sequence[str | None], devices: Sequence[str | None]) -> tuple[str | None, int]:
    """Returns the GPU that has the fewest jobs, and how many it has."""
    device = min(devices, key=taken.count)
    return device, taken.count(device)


def archive(jobs: Sequence[Job], path: Path) -> None:
    """Writes everything but weights into one file, which appears by rename."""
    partial = path.with_name(f".{path.name}.partial")
    with tarfile.open(partial, "w:gz") as tar:
        for job in jobs:
            root = job.recipe.workspace
            for file in sorted(root.rglob("*")):
                hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
                if file.is_file() and not hidden and file.suffix not in _LEFT_OUT:
                    tar.add(file, f"{job.name}/{file.relative_to(root)}")
    partial.replace(path)


def run_all(
    seeds: Sequence[Job],
    variants: Sequence[Job],
    at_once: int,
    path: Path | None,
    devices: Sequence[str | None] = (None,),
) -> list[str]:
    """Runs the unfinished jobs, each on the GPU with the fewest jobs, and returns the names of those that failed."""
    began, context = time.monotonic(), multiprocessing.get_context("spawn")
    first, everything = seeds[0], [*seeds, *variants]
    waiting = [job for job in everything if not job.is_done]
    running: dict[str, multiprocessing.process.BaseProcess] = {}
    places: dict[str, str | None] = {}
    failed: list[str] = []

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    try:
        while waiting or running:
            for job in [job for job in waiting if job is first or not prepare(job, first)]:
                device, jobs = fewest([places[name] for name in running], devices)
                if jobs < at_once:
                    stages = (*SHARED, *TRAINED) if job is first else TRAINED
                    running[job.name] = context.Process(target=work, args=(job, stages, device))
                    places[job.name] = device
                    running[job.name].start()
                    waiting.remove(job)
                    say(f"{job.name}: started" + (f" on GPU {device}" if device is not None else ""))
            for name, process in [(name, process) for name, process in running.items() if not process.is_alive()]:
                del running[name]
                say(f"{name}: {'done' if process.exitcode == 0 else f'failed, exit code {process.exitcode}'}")
                failed += [name] if process.exitcode else []
                if path is not None:
                    archive(everything, path)
            if not running:  # no running job will finish the missing stages
                lost = [job.name for job in waiting if prepare(job, first)]
                failed += lost
                waiting = [job for job in waiting if job.name not in lost]
            time.sleep(_POLL_SECONDS)
    finally:
        started = [process for process in running.values() if process.pid is not None]
        for process in started:
            process.terminate()
        for process in started:
            process.join(_PATIENCE_SECONDS)
            if process.is_alive():
                process.kill()
    return failed


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="values that replace the recipe's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="jobs side by side on a GPU")
    parser.add_argument("--devices", nargs="+", default=[None], metavar="GPU", help="numbers of the GPUs to use")
    help_variant = "a variant of the first seed, and what it changes"
    parser.add_argument(
        "--variant", nargs="+", action="append", default=[], metavar="NAME key=value", help=help_variant
    )
    parser.add_argument("--archive", type=file_to_write, metavar="FILE.tar.gz", help="gets everything but weights")
    options = parser.parse_intermixed_args()
    if options.at_once < 1:
        parser.error(f"--at-once {options.at_once}: at least 1 job is needed")
    try:
        seeds, variants = jobs_of(options.recipe, options.overrides, options.seeds, options.variant)
        failed = run_all(seeds, variants, options.at_once, options.archive, options.devices)
    except MoesaicError as error:
        print(error, file=sys.stderr)
        return 2
    except Stopped as stopped:
        print("stopped; run the same command to go on where it stopped", file=sys.stderr)
        return 128 + stopped.signal
    return 1 if failed else 0


if __name__ == "__main__":
    catch_signals()
    sys.exit(main())
