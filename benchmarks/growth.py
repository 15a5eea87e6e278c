"""What a Mixture-of-Experts is worth when languages come one after the other: it grows, a dense LoRA is trained on.

    python benchmarks/growth.py RECIPE [key=value ...] --start python,java,javascript,cpp --add ruby,go,php,typescript
                                [--old-share 0.05] [--phase all|train|judge] [--minutes M] [--out results.json]
    python benchmarks/growth.py --table results.json [--figure growth.svg]

RECIPE says where the programs of all languages are and how experts and gates are trained; the script puts in the
languages of each step. After each step every arm is measured on every language so far:

    moe             step 0: the recipe's own run on the starting languages; then ``moesaic grow``, a language a step
    dense_on        one dense LoRA on the starting languages, then trained on, on the new language alone
    dense_on_old    the same, with ``--old-share`` of the programs of every old language beside the new one's
    dense_anew      one dense LoRA trained anew on all languages so far: the ceiling
    expert:<new>    the new language's own expert alone, on its language

All dense adapters have the experts' rank times the number of all languages, so that none has fewer parameters than the
grown model, and the experts' alpha / rank, learning rate and epochs. Each keeps its state of lowest validation loss:
``dense_on`` on the new language, the other two on all languages. Answers of ``data.keep`` go to the first arm alone.

Everything is below ``<output>/<name>-growth/``: a workspace a step, ``measured/step-<n>`` with losses, programs and
verdicts. Stopped at any moment, by a kill or by ``--minutes``, the same command goes on where it was. ``--phase train``
trains and writes programs, and needs no compilers; ``--phase judge`` runs the programs elsewhere, and needs no GPU. The
result file is written again after each step.

Figures: loss in nats per code token; pass@1 on ``predict.benchmarks`` and, with the metric pass@1, on the test split.
``kept`` compares each arm with itself at the step at which a language was learnt: problems that both solve, lost, won.
Tokens are those that went through training; ``fitted_tokens`` went through the model so that the gates could be fitted.
Seconds are the training's own, summed over resumed runs.

``tests/benchmarks/test_growth.py`` runs the whole script on a tiny base on a CPU.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from growth_figures import figure, markdown_tables
from growth_plan import ARMS, Plan
from growth_results import results

from moesaic.checkpoint.native import locate, read_model_folder
from moesaic.data.prompts import EncodedExample
from moesaic.errors import MoesaicError
from moesaic.evaluate.table import build_results, system_folder
from moesaic.execution.judges import find_toolchains
from moesaic.files import digest_of, read_json, write_json
from moesaic.model.moe import force_base, force_expert
from moesaic.pipeline.growing import model_digest
from moesaic.pipeline.predict import write_completions, write_losses, write_predictions
from moesaic.pipeline.stages import Run
from moesaic.progress import say
from moesaic.train.budget import adapter_stretch
from moesaic.train.experts import train_adapter
from moesaic.train.injection import adapted
from moesaic.workspace import Workspace

TO_THE_MODEL = ("data", "keep", "experts", "compose", "gate", "reward")


class OutOfTimeError(Exception):
    """The minutes that were given are over; what is finished stays."""


class Growth(Plan):
    """A comparison that is run.

    Args:
        plan: Arguments of ``Plan``.
        minutes: Nothing new is begun after so many; None: no limit.
    """

    def __init__(self, *plan: Any, minutes: float | None = None) -> None:
        super().__init__(*plan)
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def train(self, step: int) -> None:
        """Trains the arms of a step and writes their losses and programs."""
        run = Run(self.recipe(step))
        self._check_time()
        run(TO_THE_MODEL)
        with run.workspace.lock():
            for arm in ("dense_anew",) if step == 0 else ARMS[1:]:
                self._check_time()
                self._train_dense(run, step, arm)
            self._predict(run, step)

    def _check_time(self) -> None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise OutOfTimeError

    def training_data(self, run: Run, step: int, arm: str) -> tuple[list[EncodedExample], tuple[str, ...]]:
        """Programs that a dense arm is trained on at a step, and the languages that it is validated on."""
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

    def _train_dense(self, run: Run, step: int, arm: str) -> None:
        name, before = f"dense/{arm}", None if arm == "dense_anew" else self.adapter(step - 1, arm)
        inputs = {
            "arm": arm,
            "options": self.dense.model_dump(mode="json", exclude={"checkpoint_minutes", "compile"}),
            "seed": run.recipe.seed,
            "old_share": self.old_share if arm == "dense_on_old" else None,
            "languages": self.languages(step),
            "data": run.workspace.output_digest("data"),
            "base": run.base_source.digest,
            "before": None if before is None else self._output_digest(step - 1, arm),
        }
        digest = digest_of(inputs)
        if run.workspace.is_done(name, digest):
            say(f"step {step}, {name}: finished earlier, skipped")
            return
        training, validated = self.training_data(run, step, arm)
        with run.workspace.stage(name, digest, seed=run.recipe.seed) as stage:
            result = train_adapter(
                run.accelerator,
                run.base,
                f"{name}/{step}",
                training,
                run.encoded("validation", validated),
                self.languages(step),
                self.dense,
                run.recipe.seed,
                stage.folder,
                start=before,
            )
            planned = adapter_stretch(name, training, run.recipe, self.dense)
            tokens = planned.processed * result.steps / (planned.steps or 1)
            write_json(stage.folder / "training.json", {**asdict(result), "tokens": round(tokens)})

    def _predict(self, run: Run, step: int) -> None:
        """Losses and programs of every arm; files that are there stay."""
        languages, final = self.languages(step), locate(run.workspace.root)
        new, arms = (languages[-1:], ARMS[1:]) if step else (languages, ("dense_anew",))
        inputs = {
            "moe": model_digest(read_model_folder(final)),
            "dense": {arm: self._output_digest(step, arm) for arm in arms},
            "data": run.workspace.output_digest("data"),
            "options": run.recipe.predict.model_dump(mode="json", exclude={"batch_size", "row_tokens", "compile"}),
            "seed": run.recipe.seed,
        }
        workspace, digest = Workspace(self.measured(step)), digest_of(inputs)
        if workspace.is_done("predict", digest):
            return
        with workspace.stage("predict", digest, seed=run.recipe.seed) as stage:
            measure = _measurer(run, stage.folder)
            with run.loaded(final, run.base.model.dtype) as model:
                self._check_time()
                measure("moe", model, languages, stage.folder / "routing.json")
                for name in new:
                    self._check_time()
                    with force_expert(model, name):
                        measure(f"expert:{name}", model, (name,))
                self._check_time()
                with force_base(model):
                    measure("base", model, new)
            for arm in arms:
                self._check_time()
                with adapted(run.base, self.adapter(step, arm)) as model:
                    measure(arm, model, languages)

    def _output_digest(self, step: int, arm: str) -> str:
        adapter = self.adapter(step, arm)
        return Workspace(adapter.parents[1]).output_digest(f"dense/{adapter.name}")

    def judge(self, step: int) -> None:
        """Runs and scores the programs of a step."""
        run, workspace = Run(self.recipe(step)), Workspace(self.measured(step))
        predictions = workspace.path("predict")
        found, missing = find_toolchains(self.languages(step))
        inputs = {
            "predictions": {str(path): path.stat().st_size for path in sorted(predictions.rglob("*.jsonl"))},
            "options": run.recipe.evaluate.model_dump(mode="json"),
            "tools": {name: tools.versions for name, tools in found.items()},
            "missing": sorted(missing),
        }
        if workspace.is_done("evaluate", digest_of(inputs)):
            return
        with workspace.stage("evaluate", digest_of(inputs)) as stage:
            examples = {name: run.examples(name, run.recipe.predict.split) for name in self.languages(step)}
            results = build_results(predictions, stage.folder, examples, run.recipe.evaluate, run.benchmarks())
            write_json(stage.folder / "results.json", results)


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
        tasks = {name: examples[name][: options.limit] for name in languages}
        write_predictions(folder / "predictions" / own, system, model, prompt, tasks, options, seed)
        for benchmark, problems in benchmarks.items():
            some = {name: problems[name] for name in languages if name in problems}
            write_completions(folder / "benchmarks" / benchmark / own, system, model, prompt, some, options, seed)

    return measure


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def run_comparison(growth: Growth, phase: str, out: Path) -> bool:
    """Runs the phases of every step; returns False when the time was over first."""
    try:
        for step in range(growth.steps):
            say(f"step {step}: {', '.join(growth.languages(step))}")
            if phase != "judge":
                growth.train(step)
            if phase != "train":
                growth.judge(step)
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
    parser.add_argument("--phase", choices=("all", "train", "judge"), default="all", help="what to do here")
    parser.add_argument("--minutes", type=float, help="begin nothing new after so many")
    parser.add_argument("--out", type=Path, help="result file; in the comparison's folder by default")
    parser.add_argument("--table", type=Path, help="print the tables of a result file, run nothing")
    parser.add_argument("--figure", type=Path, help="with --table: write the figure, SVG")
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
        growth = Growth(
            options.recipe,
            options.overrides,
            options.start,
            options.add,
            options.old_share,
            minutes=options.minutes,
        )
        out = options.out or growth.root / "results.json"
        finished = run_comparison(growth, options.phase, out)
        if options.phase != "train" and out.exists():
            print(markdown_tables(read_json(out)))
        return 0 if finished else 3
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
