"""Compares a growing Mixture-of-Experts with dense LoRAs that are trained on, as languages come one after the other.

    python benchmarks/growth.py RECIPE [key=value ...] --start python,java,javascript,cpp --add ruby,go,php,typescript
                                [--old-share 0.05] [--phase all|data|keep|train|judge] [--minutes M]
                                [--arms moe,...] [--first RUN] [--first-dense ADAPTER] [--step key=value ...]
                                [--anew each|last] [--archive FOLDER] [--out results.json]
    python benchmarks/growth.py --table results.json [--figure growth.svg]

RECIPE says where the programs of all languages are, and how experts and gates are trained. The script sets the
languages of each step. After each step, every arm is measured on every language so far:

    moe             step 0: the recipe's own run on the starting languages; then ``moesaic grow``, one language per step
    dense_on        one dense LoRA on the starting languages, which is trained further on only the new language
    dense_on_old    the same, with ``--old-share`` of the programs of every old language in addition to the new one's
    dense_anew      one dense LoRA, trained anew on all languages so far, which is the upper limit
    expert:<new>    the new language's own expert alone, on its language

The rank of all dense adapters is the experts' rank times the number of all languages, so that none has fewer parameters
than the grown model. They have the experts' alpha / rank, learning rate and epochs. Each keeps its state with the
lowest validation loss, which is that of the new language for ``dense_on`` and of all languages for the other two.
``--step`` gives settings that differ when a new language is learnt, for its expert and for the two arms that are
trained further: a few hundred programs need shorter rows and more epochs than thousands. ``--first`` uses the model of
a finished run as the starting model, ``--first-dense`` a dense adapter, which is made wider. ``--anew last`` trains
``dense_anew`` only at the first and the last step.

With ``data.keep``, every arm is also trained on the base's own answers: ``dense_on`` on those in the new language, the
other dense arms on those in all languages so far, and the model as its recipe says (``--step experts.keep=true``). The
base is asked once for each answer; a step asks only for what is new.

All files are below ``<output>/<name>-growth/``. The command can be stopped at any time, by a kill or by ``--minutes``;
the same command then continues. Several processes can share the work on one device, each with some of the ``--arms``;
they only wait for the adapter with which the dense arms begin. ``--phase data`` prepares the examples of all steps and
needs no weights. ``--phase keep`` asks the base. ``--phase train`` trains and writes programs, and needs no compilers.
``--phase judge`` runs the programs, also on another machine, and needs neither weights nor a GPU, but the examples and
the archives of ``--archive``: after every arm of a step, a process packs the results of its arms, without weights, into
one file, which is to be unpacked in ``<output>/<name>-growth/``. The result file is written again after
each step and contains the arms that are finished.

The figures are the loss in nats per code token, and pass@1 on ``predict.benchmarks`` and, with the metric pass@1, on
the test split. ``kept`` compares each arm with itself at the step at which a language was learnt, and counts the
problems that both solve, that were lost, and that were won. Tokens are those that were used in training;
``fitted_tokens`` were run through the model to fit the gates. Seconds are those of the training itself, summed over
resumed runs; they are not known for a model of ``--first``.

``tests/benchmarks/test_growth.py`` runs the whole script on a tiny base on a CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from growth_figures import figure, markdown_tables
from growth_plan import ARMS, Plan
from growth_results import COST, dense_cost, model_cost, results
from growth_wider import write_wider
from places import file_to_write, folder_to_write

from moesaic.checkpoint.native import locate, read_model_folder
from moesaic.data.prepare import REPORT_FILE
from moesaic.data.prompts import EncodedExample
from moesaic.errors import BusyError, MoesaicError
from moesaic.evaluate.table import build_results, system_folder
from moesaic.execution.judges import find_toolchains
from moesaic.files import digest_of, file_digest, link_or_copy, read_json, write_json
from moesaic.model.lora import WEIGHTS_FILE
from moesaic.model.moe import force_base, force_expert
from moesaic.pipeline.growing import model_digest
from moesaic.pipeline.keep import ANSWERS, read_prompts, write_kept
from moesaic.pipeline.predict import write_completions, write_losses, write_predictions
from moesaic.pipeline.stages import Run
from moesaic.progress import say
from moesaic.recipe import Recipe
from moesaic.train.budget import adapter_stretch
from moesaic.train.experts import train_adapter
from moesaic.train.injection import adapted
from moesaic.train.objective import Kept
from moesaic.workspace import MANIFEST, Workspace

TO_THE_MODEL = ("experts", "compose", "gate", "reward")
_POLL_SECONDS = 1


class OutOfTimeError(Exception):
    """Raised if the given minutes are over; finished work is kept."""


class Growth(Plan):
    """Runs a comparison.

    Args:
        plan: Arguments of ``Plan``.
        only: The arms that this process trains.
        minutes: Number of minutes after which no new work is begun; None for no limit.
        archive: Folder of the archive that is written after every arm; None for no archive.
        options: Further arguments of ``Plan``.
    """

    def __init__(
        self,
        *plan: Any,
        only: Sequence[str] = ARMS,
        minutes: float | None = None,
        archive: Path | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*plan, **options)
        self.only, self.archive = tuple(only), archive
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self._runs: list[Run] = []

    def run(self, recipe: Recipe) -> Run:
        """Returns a run of one step; all runs share the base, which the first one that needs it loads."""
        run = Run(recipe)
        loaded = next((other.base for other in self._runs if "base" in other.__dict__), None)
        if loaded is not None:
            run.__dict__["base"] = loaded
        self._runs.append(run)
        return run

    def prepare(self, step: int) -> None:
        """Prepares the examples of a step unless they exist, from those of the last step."""
        run, last = self.run(self.recipe(step, anew=True)), self.run(self.recipe(self.steps - 1, anew=True))
        with _in_turn(self.root / "data"):
            if not last.is_finished("data"):
                _when_free(last, ("data",))
            if run.is_finished("data"):
                return
            with _alone(run.workspace), run.stage("data") as stage:
                if stage is not None:
                    for name in self.languages(step):
                        _link_tree(last.workspace.path("data") / name, stage.folder / name)
                    report = read_json(last.workspace.path("data") / REPORT_FILE)
                    report["languages"] = {name: report["languages"][name] for name in self.languages(step)}
                    write_json(stage.folder / REPORT_FILE, report)

    def train(self, step: int) -> None:
        """Trains this process's arms of a step and writes their losses and programs."""
        self._check_time()
        self.prepare(step)
        for arm in self.arms(step):
            if self._is_mine(step, arm):
                self._check_time()
                with _in_turn(self.root / f"step-{step}" if arm == "moe" else self.adapter(step, arm).parent):
                    finished = self._moe(step) if arm == "moe" else self._dense(step, arm)
                if not finished and self.archive is not None:
                    self._pack(self.archive)

    def _is_mine(self, step: int, arm: str) -> bool:
        """Returns whether this process trains an arm; at the first step, all dense arms are the same."""
        return arm in self.only or (step == 0 and arm != "moe" and not set(self.only).isdisjoint(ARMS[1:]))

    def _check_time(self) -> None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise OutOfTimeError

    def _moe(self, step: int) -> bool:
        run = self.run(self.recipe(step))
        given = step == 0 and self.first is not None
        if not given:
            self.keep(step)
            _when_free(run, TO_THE_MODEL)
        place = self.first if given and self.first is not None else run.workspace.root
        final = locate(place)
        new = self.languages(step)[-1:] if step else self.languages(step)
        experts = () if given else new  # the experts of a given model are measured where it was made

        def measure_all(measure: Callable[..., None], folder: Path) -> None:
            with run.loaded(final, run.base.model.dtype) as model:
                self._check_time()
                measure("moe", model, self.languages(step), folder / "routing.json")
                for name in experts:
                    self._check_time()
                    with force_expert(model, name):
                        measure(f"expert:{name}", model, (name,))
                self._check_time()
                with force_base(model):
                    measure("base", model, new)
            write_json(folder / COST, model_cost(run, final, trained=not given))

        return self._measured(run, step, "moe", model_digest(read_model_folder(final)), measure_all)

    def keep(self, step: int) -> Run:
        """Writes the base's answers. They do not depend on new languages, so those of the last step are kept.

        Returns:
            The run of the step to which the answers belong; it does not grow from a model.
        """
        run = self.run(self.recipe(step, grows=False))
        source = run.recipe.data.keep
        if source is None or run.is_finished("keep"):
            return run
        before = self.first if step <= 1 and self.first is not None else self.root / f"step-{step - 1}"
        if step and before != self.first:
            self.keep(step - 1)
        with _in_turn(self.root / "keep"):
            if not (before / "keep" / MANIFEST).is_file():
                _when_free(run, ("keep",))
                return run
            with _alone(run.workspace), run.stage("keep") as stage:
                if stage is None:
                    return run
                had = read_json(before / "keep" / "report.json")["languages"]
                if set(had) == set(read_prompts(source, run.recipe.data.languages)):
                    shutil.copytree(before / "keep", stage.folder, dirs_exist_ok=True, copy_function=link_or_copy)
                else:  # only languages that the source still has
                    shutil.copytree(before / "keep" / ANSWERS, stage.folder / ANSWERS, dirs_exist_ok=True)
                    write_kept(run, source, stage.folder)
        return run

    def training_data(self, run: Run, step: int, arm: str) -> tuple[list[EncodedExample], tuple[str, ...]]:
        """Returns the programs on which a dense arm is trained at a step, and its validation languages."""
        languages = self.languages(step)
        if arm == "dense_anew":
            return run.encoded("train"), languages
        new = languages[-1:]
        programs = run.encoded("train", new)
        if arm == "dense_on":
            return programs, new
        for name in languages[:-1]:
            old = run.encoded("train", (name,))
            number = max(1, round(self.old_share * len(old)))
            programs += random.Random(f"{run.recipe.seed}/{name}").sample(old, number)
        return programs, languages

    def answers(self, step: int, arm: str) -> Kept | None:
        """Returns the base's answers on which a dense arm is trained at a step; None without ``data.keep``."""
        self.keep(step)
        run = self.run(self.recipe(step, anew=arm == "dense_anew", grows=False))  # not with the settings of a step
        return run.kept(self.languages(step)[-1:] if arm == "dense_on" else None)

    def _dense(self, step: int, arm: str) -> bool:
        anew = arm == "dense_anew"
        run, adapter = self.run(self.recipe(step, anew=True)), self.adapter(step, arm)
        before, options = None if anew else self.adapter(step - 1, arm), self.dense(step, arm)
        workspace, name = Workspace(adapter.parent), adapter.name
        given = self.first_dense if step == 0 else None
        answers = None if given is not None else self.answers(step, arm)
        inputs = {
            "arm": arm,
            "options": options.model_dump(mode="json", exclude={"checkpoint_minutes", "compile"}),
            "seed": run.recipe.seed,
            "old_share": self.old_share if arm == "dense_on_old" else None,
            "languages": self.languages(step),
            "data": run.workspace.output_digest("data"),
            "base": run.base_source.digest,
            "before": None if before is None else Workspace(before.parent).output_digest(before.name),
            "given": None if given is None else file_digest(given / WEIGHTS_FILE),
            "answers": None
            if answers is None
            else [run.workspace.output_digest("keep"), answers.options.model_dump(mode="json")],
        }
        if workspace.is_done(name, digest_of(inputs)):
            say(f"step {step}, {arm}: finished earlier, skipped")
        elif given is not None:
            with workspace.stage(name, digest_of(inputs), seed=run.recipe.seed) as stage:
                write_wider(given, options, run.recipe.seed, stage.folder)
                write_json(stage.folder / "training.json", {"tokens": None})
        else:
            training, validated = self.training_data(run, step, arm)
            with workspace.stage(name, digest_of(inputs), seed=run.recipe.seed) as stage:
                result = train_adapter(
                    run.accelerator,
                    run.base,
                    f"{arm}/{step}",
                    training,
                    run.encoded("validation", validated),
                    self.languages(step),
                    options,
                    run.recipe.seed,
                    stage.folder,
                    answers,
                    start=before,
                )
                own = training if answers is None else answers.mixed(training)
                planned = adapter_stretch(arm, own, run.recipe, options)
                tokens = planned.processed * result.steps / (planned.steps or 1)
                write_json(stage.folder / "training.json", {**asdict(result), "tokens": round(tokens)})

        def measure_all(measure: Callable[..., None], folder: Path) -> None:
            with adapted(run.base, adapter) as model:
                measure(arm, model, self.languages(step))
            write_json(folder / COST, dense_cost(adapter))

        return self._measured(run, step, arm, workspace.output_digest(name), measure_all)

    def _measured(
        self, run: Run, step: int, arm: str, digest: str, measure_all: Callable[[Callable[..., None], Path], None]
    ) -> bool:
        """Writes the missing losses and programs of an arm; returns whether it was already finished."""
        inputs = {
            "arm": digest,
            "data": run.workspace.output_digest("data"),
            "options": run.recipe.predict.model_dump(mode="json", exclude={"batch_size", "row_tokens", "compile"}),
            "seed": run.recipe.seed,
        }
        workspace = Workspace(self.measured(step) / "systems")
        if workspace.is_done(arm, digest_of(inputs)):
            return True
        with workspace.stage(arm, digest_of(inputs), seed=run.recipe.seed) as stage:
            self._check_time()
            measure_all(_measurer(run, stage.folder), stage.folder)
        return False

    def _pack(self, folder: Path) -> None:
        """Packs the measurements of this process's arms into an archive, which appears by rename."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"growth-{'-'.join(self.only)}.tar.gz"
        with tarfile.open(path.with_suffix(".partial"), "w:gz") as archive:
            for step in range(self.steps):
                for arm in self.arms(step):
                    place = self.measured(step) / "systems" / arm
                    if place.is_dir() and self._is_mine(step, arm):
                        archive.add(place, place.relative_to(self.root))
        path.with_suffix(".partial").rename(path)

    def judge(self, step: int) -> bool:
        """Runs and scores the existing programs of a step's arms; returns whether there are any."""
        run, workspace = Run(self.recipe(step, anew=True)), Workspace(self.measured(step))
        systems = Workspace(self.measured(step) / "systems")
        there = {arm: systems.output_digest(arm) for arm in self.arms(step) if systems.manifest(arm) is not None}
        if not there:
            return False
        if not workspace.is_done("predict", digest_of(there)):
            with workspace.stage("predict", digest_of(there), resumable=False) as stage:
                for arm in there:
                    _link_tree(systems.path(arm), stage.folder)
                if "moe" not in there:  # whose routing every result file has
                    write_json(stage.folder / "routing.json", {})
        found, missing = find_toolchains(self.languages(step))
        inputs = {
            "predictions": workspace.output_digest("predict"),
            "options": run.recipe.evaluate.model_dump(mode="json"),
            "tools": {name: tools.versions for name, tools in found.items()},
            "missing": sorted(missing),
        }
        if not workspace.is_done("evaluate", digest_of(inputs)):
            with workspace.stage("evaluate", digest_of(inputs)) as stage:
                _take_over(workspace.path("evaluate") / "rows", stage.folder / "rows")
                examples = {name: run.examples(name, run.recipe.predict.split) for name in self.languages(step)}
                found = build_results(
                    workspace.path("predict"), stage.folder, examples, run.recipe.evaluate, run.benchmarks()
                )
                write_json(stage.folder / "results.json", found)
        return True


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Holds the lock of a workspace, and waits for it while another arm's process holds it."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(workspace.lock())
                break
            except BusyError:
                time.sleep(_POLL_SECONDS)
        yield


def _when_free(run: Run, stages: tuple[str, ...]) -> None:
    """Runs stages, once no other arm's process uses the workspace."""
    while True:
        try:
            return run(stages)
        except BusyError:
            time.sleep(_POLL_SECONDS)


def _in_turn(place: Path) -> contextlib.AbstractContextManager[None]:
    """Waits until no other process does the same work."""
    return _alone(Workspace(place / "turn"))


def _link_tree(source: Path, target: Path) -> None:
    """Links the files of a folder, except its manifest and costs."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_file() and path.name not in (MANIFEST, COST):
            place.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, place)


def _take_over(rows: Path, folder: Path) -> None:
    """Takes over verdicts of an earlier judgement with fewer arms; each is valid only for the same program and test."""
    for path in rows.glob("*/*.jsonl"):
        place = folder / path.relative_to(rows)
        if not place.exists() and '"status"' in path.read_text(encoding="utf-8"):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def _measurer(run: Run, folder: Path) -> Callable[..., None]:
    options, prompt, seed = run.recipe.predict, run.prompt, run.recipe.seed
    examples = {name: run.examples(name, options.split) for name in run.recipe.data.languages}
    benchmarks = run.benchmarks()

    def measure(system: str, model: Any, languages: Sequence[str], routing: Path | None = None) -> None:
        own = system_folder(system)
        chosen = [example for name in languages for example in examples[name]]
        write_losses(
            folder / "losses" / f"{own}.jsonl",
            system,
            model,
            chosen,
            [prompt.encode(example) for example in chosen],
            run.recipe.data.languages,
            options,
            routing,
        )
        tasks = {name: [task for task in examples[name] if not task.opening][: options.limit] for name in languages}
        write_predictions(folder / "predictions" / own, system, model, prompt, tasks, options, seed)
        for benchmark, problems in benchmarks.items():
            some = {name: problems[name] for name in languages if name in problems}
            write_completions(folder / "benchmarks" / benchmark / own, system, model, prompt, some, options, seed)

    return measure


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def run_comparison(growth: Growth, phase: str, out: Path) -> bool:
    """Runs the phases of every step; returns False if the time was over before."""
    steps = list(range(growth.steps))
    if growth.only == ("dense_anew",) and phase == "train":
        steps.reverse()  # they are independent, and the other arms also begin with the first one
    try:
        for step in steps:
            say(f"step {step}: {', '.join(growth.languages(step))}")
            if phase == "data":
                growth.prepare(step)
            if phase == "keep":
                growth.keep(step)
            if phase in ("all", "train"):
                growth.train(step)
            if phase in ("all", "judge"):
                with _in_turn(growth.measured(step)):
                    if growth.judge(step):
                        write_json(out, results(growth))
    except OutOfTimeError:
        say("the minutes are over; the same command goes on")
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, nargs="?", help="recipe file")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="values that replace the recipe's")
    parser.add_argument("--start", type=_names, help="starting languages, with commas")
    parser.add_argument("--add", type=_names, help="languages that come, one a step, with commas")
    parser.add_argument("--old-share", type=float, default=0.05, help="share of the old programs for dense_on_old")
    parser.add_argument("--step", action="append", default=[], metavar="key=value", help="where a language is learnt")
    parser.add_argument("--first", type=Path, help="a finished run on the starting languages")
    parser.add_argument("--first-dense", type=Path, help="a dense adapter on the starting languages")
    parser.add_argument("--anew", choices=("each", "last"), default="each", help="steps of dense_anew beside the first")
    parser.add_argument("--arms", type=_names, default=list(ARMS), help="what this process trains, with commas")
    parser.add_argument(
        "--phase", choices=("all", "data", "keep", "train", "judge"), default="all", help="what to do here"
    )
    parser.add_argument("--minutes", type=float, help="begin nothing new after so many")
    help_archive = "folder for an archive of what was measured, without weights"
    parser.add_argument("--archive", type=folder_to_write, help=help_archive)
    parser.add_argument("--out", type=file_to_write, help="result file; in the comparison's folder by default")
    parser.add_argument("--table", type=Path, help="print the tables of a result file, run nothing")
    parser.add_argument("--figure", type=file_to_write, help="with --table: write the figure, SVG")
    options = parser.parse_intermixed_args(arguments)
    try:
        if options.table is not None:
            results: Mapping[str, Any] = read_json(options.table)
            print(markdown_tables(results))
            if options.figure is not None:
                options.figure.write_text(figure(results), encoding="utf-8")
            return 0
        if options.recipe is None or not options.start or not options.add:
            parser.error("give RECIPE, --start and --add, or --table FILE")
        if unknown := sorted(set(options.arms) - set(ARMS)):
            parser.error(f"--arms: {', '.join(unknown)} is none of {', '.join(ARMS)}")
        growth = Growth(
            options.recipe,
            options.overrides,
            options.start,
            options.add,
            options.old_share,
            step_overrides=options.step,
            first=options.first,
            first_dense=options.first_dense,
            anew=options.anew,
            only=options.arms,
            minutes=options.minutes,
            archive=options.archive,
        )
        out = options.out or growth.root / "results.json"
        finished = run_comparison(growth, options.phase, out)
        if options.phase in ("all", "judge") and out.exists():
            print(markdown_tables(read_json(out)))
        return 0 if finished else 3
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
