"""Measures what each part of a recipe is worth: compares variants with the recipe itself on validation examples.

    python benchmarks/ablations.py RECIPE [key=value ...] [--out results.json] [--devices 0,1] [--only NAME ...]
                                   [--minutes M] [--reuse WORKSPACE]
    python benchmarks/ablations.py --table results.json [more.json ...]

The unchanged recipe is the reference. A variant changes one thing; a variant that equals the recipe is left out. Each
variant is a ``moesaic run`` of its own, without generated programs (``predict.limit=0``), in a workspace below
``<output>/<name>-ablations/``. The stages that it shares with the reference (data, experts, initial gates) are linked
there, and the run skips them because their digests agree. With several devices, a variant starts as soon as a device is
free and the shared stages of the reference are finished. The result file is written again after every variant. The
command can be stopped at any time; the same command then continues, and tries failed variants again. ``--reuse`` takes
the stages of the reference from a finished run of the same recipe, with the seconds that they took there. Stages that
were made from other inputs are made again.

Figures are losses in nats per code token, computed per language over all its examples and then averaged over the
languages. Intervals (95%) are made by resampling examples within a language. For a difference, the same examples of
both models are paired.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation_figures import REFERENCE, differences, estimates, markdown_table, plain, read_losses
from ablation_variants import Variant, candidates
from places import file_to_write

from moesaic.cli.output import Stopped, catch_signals
from moesaic.errors import CheckpointError, MoesaicError, RecipeError
from moesaic.files import read_json, write_json
from moesaic.languages import suggest
from moesaic.pipeline.inputs import READ_BY, leaves
from moesaic.recipe import Recipe, load_recipe
from moesaic.workspace import Workspace, versions

MARKER = "ablation.json"  # how the run of a workspace ended: digest of its recipe, and the reason if it failed
MEASURED = (  # the same for every variant: losses and routing on validation, nothing generated, nothing executed
    "predict.split=validation",
    "predict.limit=0",
    "predict.cross_table=false",
    "predict.benchmarks={}",
    "evaluate.metrics=[parse_share]",
    "compare=[]",
)
_POLL_SECONDS = 0.5
_REASON_CHARACTERS = 600


def shared_stages(reference: Recipe, variant: Recipe) -> list[str]:
    """Returns the stages of the reference that a variant may share; the run decides by their digests."""
    same_experts = variant.experts == reference.experts
    same_answers = variant.data.keep is None or _reads_the_same("keep", reference, variant)
    found = ["data"] if variant.data == reference.data else []
    if found and same_answers and variant.data.keep is not None:
        found.append("keep")
    if same_experts:
        found += [f"experts/{name}" for name in variant.data.languages if name in reference.data.languages]
    sources = [recipe.data.model_copy(update={"languages": ()}) for recipe in (reference, variant)]
    if same_experts and same_answers and sources[0] == sources[1] and _reads_the_same("reward", reference, variant):
        found += [f"expert_rewards/{name}" for name in variant.reward.alone if name in reference.reward.alone]
    composed = [[recipe.expert_stage(name) for name in recipe.data.languages] for recipe in (reference, variant)]
    if (
        "data" in found
        and (same_answers or not variant.gate.anchor)
        and composed[0] == composed[1]
        and {*composed[0]} <= {*found}
        and _reads_the_same("compose", reference, variant)
    ):
        found.append("compose")
    return found


def _reads_the_same(stage: str, reference: Recipe, variant: Recipe) -> bool:
    """Returns whether the keys that a stage reads have the same values, apart from the languages.

    A stage that trains one language does not read them; for the others, ``shared_stages`` compares them.
    """
    values = [
        {
            key: value
            for key, value in leaves(recipe.model_dump(mode="json"))
            if stage in READ_BY.get(key, ()) and key != "data.languages"
        }
        for recipe in (reference, variant)
    ]
    return values[0] == values[1]


def link_stage(source: Path, target: Path) -> bool:
    """Links a finished stage's files into another workspace; returns False if the stage exists there already."""
    if target.exists():
        return False
    partial = target.with_name(f".{target.name}.linking")
    shutil.rmtree(partial, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, partial, copy_function=_link)
    partial.rename(target)
    return True


def _link(source: str, target: str) -> None:
    """Links a file. A link is as good as a copy, because stages replace files and never write into finished ones."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def row_of(variant: Variant, recipe: Recipe, workspace: Workspace, reference: Workspace) -> dict[str, Any]:
    """Returns the entry of a finished variant in the result file."""
    folder = workspace.path("predict") / "losses"
    names = ["data", *(f"experts/{name}" for name in recipe.data.languages), "compose", "gate", "predict"]
    manifests = {name: workspace.manifest(name) or {} for name in names}
    own = variant.name == REFERENCE
    reused = [] if own else [name for name in names if manifests[name] == reference.manifest(name)]
    losses = read_losses(folder / "moe.jsonl")
    row: dict[str, Any] = {
        "status": "done",
        "loss": plain(estimates(losses)),
        "seconds": {name: manifests[name].get("seconds") for name in names if name not in reused},
        "reused": reused,
        "hardware": manifests["gate"].get("hardware", {}),
    }
    if own:
        experts = {name: read_losses(folder / f"expert-{name}.jsonl")[name] for name in recipe.data.languages}
        row["base"] = plain(estimates(read_losses(folder / "base.jsonl")))
        row["experts"] = plain(estimates(experts))
    else:
        of_reference = read_losses(reference.path("predict") / "losses" / "moe.jsonl")
        row["difference"] = plain(differences(losses, of_reference))
    return row


# ---- the runs --------------------------------------------------------------------------------------------------------


@dataclass
class Job:
    """A running variant, with its process, its device, and the place where its part of the log begins."""

    variant: Variant
    process: subprocess.Popen[bytes]
    device: str | None
    log: Path
    log_start: int
    started: float

    def reason(self) -> str:
        """Returns the end of the log."""
        text = self.log.read_bytes()[self.log_start :].decode(errors="replace").strip()
        return f"exit code {self.process.returncode}: {text[-_REASON_CHARACTERS:]}"


class Ablations:
    """All variants of a recipe, their workspaces and the result file.

    Args:
        path: Recipe file.
        overrides: ``key=value`` for the reference and every variant.
        out: Result file; None for a file in the folder of the workspaces.

    Raises:
        RecipeError: The recipe is wrong, or the folder contains variants of a recipe with different training.
    """

    def __init__(self, path: Path, overrides: Sequence[str], out: Path | None) -> None:
        recipe = load_recipe(path, overrides)
        self.root = recipe.workspace.parent / f"{recipe.name}-ablations"
        self.path, self.overrides = path, (*overrides, *MEASURED, f"output={self.root}")
        self.recipes: dict[str, Recipe] = {}
        self.variants: list[Variant] = []
        self.refused: dict[str, str] = {}
        self.failed: set[str] = set()
        first = Variant(REFERENCE, "the recipe")
        digests: set[str] = set()
        for variant in (first, *candidates(recipe)):
            try:
                loaded = load_recipe(path, self.overrides_of(variant))
            except RecipeError as error:
                self.refused[variant.name] = str(error)
                self.variants.append(variant)
                continue
            if loaded.digest() not in digests:
                digests.add(loaded.digest())
                self.recipes[variant.name] = loaded
                self.variants.append(variant)
        self.reference = Workspace(self.root / REFERENCE)
        self._check_folder()
        self.out = out or self.root / "results.json"
        self.logs = self.out.parent / f"{self.out.stem}-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()

    def reuse(self, finished: Path) -> None:
        """Links the stages up to ``gate`` that another run has finished and the reference lacks.

        Args:
            finished: Workspace of that run. The digests of its stages decide whether the reference can use them.

        Raises:
            CheckpointError: No stage of that run is finished.
        """
        recipe = self.recipes[REFERENCE]
        experts = [f"{stage}/{name}" for stage in ("experts", "expert_rewards") for name in recipe.data.languages]
        stages = ["data", "keep", *experts, "compose", "gate"]
        other = Workspace(finished) if finished.is_dir() else None
        found = [name for name in stages if other is not None and other.manifest(name) is not None]
        if not found:
            message = f"--reuse {finished}: no finished stage is there; name the workspace of a run (OUTPUT/NAME)"
            raise CheckpointError(message)
        linked = [name for name in found if link_stage(finished / name, self.reference.path(name))]
        self.say(f"{REFERENCE}: from {finished}: {', '.join(linked) or 'nothing that is not there already'}")

    def overrides_of(self, variant: Variant) -> list[str]:
        return [*self.overrides, *variant.overrides, f"name={variant.name}"]

    def _check_folder(self) -> None:
        path, recipe = self.reference.root / "recipe.yaml", self.recipes[REFERENCE]
        if path.exists():
            before = load_recipe(path)
            changed = [
                key
                for key in ("seed", "base", "data", "experts", "gate")
                if getattr(before, key) != getattr(recipe, key)
            ]
            if changed:
                message = f"output: {self.root} has variants of a recipe with other {', '.join(changed)}: name another"
                raise RecipeError([message], str(self.path))

    def workspace(self, variant: Variant) -> Workspace:
        return Workspace(self.root / variant.name)

    def _marker(self, variant: Variant) -> dict[str, Any]:
        """Returns how the last run of exactly this variant ended; empty if it did not end."""
        path = self.root / variant.name / MARKER
        if variant.name not in self.recipes or not path.exists():
            return {}
        marker: dict[str, Any] = read_json(path)
        return marker if marker["digest"] == self.recipes[variant.name].digest() else {}

    def is_done(self, variant: Variant) -> bool:
        """Returns whether a run of exactly this variant succeeded and its losses exist."""
        marker = self._marker(variant)
        return bool(marker) and not marker["failed"] and self.workspace(variant).manifest("predict") is not None

    def reason(self, variant: Variant) -> str:
        """Returns why the variant failed, or an empty text."""
        return self.refused.get(variant.name) or self._marker(variant).get("failed", "")

    def is_ready(self, variant: Variant) -> bool:
        """Returns whether the reference has finished the stages that the variant shares with it."""
        if variant.name == REFERENCE:
            return True
        stages = shared_stages(self.recipes[REFERENCE], self.recipes[variant.name])
        return all(self.reference.manifest(name) is not None for name in stages)

    def start(self, variant: Variant, device: str | None) -> Job:
        workspace, recipe = self.workspace(variant), self.recipes[variant.name]
        if variant.name != REFERENCE:
            for name in shared_stages(self.recipes[REFERENCE], recipe):
                if self.reference.manifest(name) is not None:
                    link_stage(self.reference.path(name), workspace.path(name))
        (workspace.root / MARKER).unlink(missing_ok=True)
        log = self.logs / f"{variant.name}.log"
        environment = os.environ | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})
        with log.open("ab") as file:
            position = file.tell()
            command = [sys.executable, "-m", "moesaic", "run", str(self.path), *self.overrides_of(variant)]
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
        self.say(f"{variant.name}: started{'' if device is None else f' on device {device}'}")
        return Job(variant, process, device, log, position, time.monotonic())

    def finish(self, job: Job) -> None:
        name, seconds = job.variant.name, time.monotonic() - job.started
        reason = "" if job.process.returncode == 0 else job.reason()
        write_json(self.root / name / MARKER, {"digest": self.recipes[name].digest(), "failed": reason})
        self.say(f"{name}: failed after {seconds:,.0f} s, see {job.log}" if reason else f"{name}: {seconds:,.0f} s")
        if reason:
            self.failed.add(name)
        self.write()

    def run(self, only: Sequence[str], devices: Sequence[str | None], minutes: float | None) -> None:
        """Runs the unfinished variants, one at a time on each device; stops the running ones if interrupted."""
        wanted = [v for v in self.variants if not only or v.name in (*only, REFERENCE)]
        to_do = [v for v in wanted if v.name in self.recipes and not self.is_done(v)]
        # Variants that failed before come last, so that a call with little time is not spent on them again.
        queue = deque(sorted(to_do, key=lambda v: v.name != REFERENCE and bool(self.reason(v))))
        free, jobs = deque(devices), list[Job]()
        self.write()
        try:
            while queue or jobs:
                late = minutes is not None and time.monotonic() - self.began >= 60 * minutes
                if late or REFERENCE in self.failed:
                    queue.clear()  # without the reference there is nothing to compare with
                first_done = self.is_done(self.variants[0])
                while free and (variant := next((v for v in queue if first_done or self.is_ready(v)), None)):
                    queue.remove(variant)
                    jobs.append(self.start(variant, free.popleft()))
                for job in [job for job in jobs if job.process.poll() is not None]:
                    jobs.remove(job)
                    free.append(job.device)
                    self.finish(job)
                if not jobs and queue and not (first_done or any(map(self.is_ready, queue))):
                    break  # the reference ended without what the others need
                time.sleep(_POLL_SECONDS)
        finally:
            for job in jobs:
                job.process.terminate()
            for job in jobs:
                job.process.wait()

    def results(self) -> dict[str, Any]:
        """Returns all results so far; the workspaces say which variants are finished."""
        rows = []
        reference_done = self.is_done(self.variants[0])
        for variant in self.variants:
            row: dict[str, Any] = {"name": variant.name, "title": variant.title, "overrides": list(variant.overrides)}
            if variant.note:
                row["note"] = variant.note
            if self.is_done(variant) and reference_done:
                row |= row_of(variant, self.recipes[variant.name], self.workspace(variant), self.reference)
            elif reason := self.reason(variant):
                row |= {"status": "failed", "reason": reason}
            else:
                row |= {"status": "waiting"}
            rows.append(row)
        return {
            "date": time.strftime("%Y-%m-%d"),
            "recipe": self.recipes[REFERENCE].model_dump(mode="json") | {"name": self.path.stem},
            "versions": versions(),
            "rows": rows,
        }

    def write(self) -> None:
        write_json(self.out, self.results())

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Runs the variants, or prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", type=Path, help="recipe file; the reference")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="values that replace the recipe's")
    parser.add_argument("--out", type=file_to_write, help="result file; logs go to a folder beside it")
    parser.add_argument("--devices", help="GPUs to use, e.g. 0,1; one variant at a time without it")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these variants (and the reference)")
    parser.add_argument("--minutes", type=float, help="start no variant after that many")
    parser.add_argument("--reuse", type=Path, metavar="WORKSPACE", help="a run of the recipe whose stages are taken")
    parser.add_argument("--table", type=Path, nargs="+", metavar="RESULTS", help="print result files as one table")
    options = parser.parse_intermixed_args()
    try:
        if options.table is not None:
            print(markdown_table(*map(read_json, options.table)))
            return 0
        if options.recipe is None:
            parser.error("name a recipe, or a result file with --table")
        ablations = Ablations(options.recipe, options.overrides, options.out)
        names = [variant.name for variant in ablations.variants]
        for name in options.only:
            if name not in names:
                parser.error(f"--only {name}: {suggest(name, names)}")
        if options.reuse is not None:
            ablations.reuse(options.reuse)
        ablations.run(options.only, options.devices.split(",") if options.devices else [None], options.minutes)
    except MoesaicError as error:
        print(error, file=sys.stderr)
        return 2
    except Stopped as stopped:
        print("stopped; run the same command to go on where it stopped", file=sys.stderr)
        return 128 + stopped.signal
    print(f"{ablations.out}\n\n{markdown_table(read_json(ablations.out))}")
    return 1 if ablations.failed or ablations.refused else 0


if __name__ == "__main__":
    catch_signals()
    sys.exit(main())
