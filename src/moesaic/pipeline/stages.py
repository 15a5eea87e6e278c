"""The stages of a run, in order. Start reading here.

    data -> keep -> experts -> expert_rewards -> compose -> gate -> reward -> baselines -> predict -> evaluate -> report

A stage is a function of the recipe and of finished stages. It is skipped if its folder was made from exactly the same
inputs (module ``inputs`` lists them), and it resumes if it was killed. ``keep``, ``expert_rewards``, ``reward`` and
``baselines`` do nothing unless the recipe asks for them. At test time, only ``predict`` needs the models and only
``evaluate`` needs compilers and grammars, so a run can be trained and sampled on a GPU machine and judged on another.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from moesaic.data.examples import Example
from moesaic.data.prompts import EncodedExample
from moesaic.errors import CheckpointError, RecipeError
from moesaic.files import require_space, write_json, write_text
from moesaic.gates import ANCHOR
from moesaic.pipeline.deciding import deciding_programs
from moesaic.pipeline.inputs import asks_again, stage_inputs, stages_read
from moesaic.pipeline.refusals import check_after, check_start, refuse_far_processes
from moesaic.pipeline.session import Session
from moesaic.pipeline.watch import watching
from moesaic.progress import say
from moesaic.recipe import DENSE, DENSE_REWARD, MADE_TOGETHER, Baseline, Recipe
from moesaic.workspace import Stage

STAGES = (
    "data", "keep", "experts", "expert_rewards", "compose", "gate", "reward", "baselines", "predict", "evaluate",
    "report",
)  # fmt: skip
"""Names of the stages, in order."""

_FINISHED = "finished"


class Run(Session):
    """Runs one recipe; each stage is a method.

    Args:
        recipe: The recipe.
        only: Train only the experts of these languages; the others do not change.

    Raises:
        RecipeError: ``only`` names a language that has no expert to train, or a language twice.
    """

    def __init__(self, recipe: Recipe, only: tuple[str, ...] = ()) -> None:
        key = "data.languages" if recipe.grow.model is None else "grow.languages"
        unknown = [name for name in only if name not in recipe.trained_languages]
        if unknown:
            raise RecipeError([f"only: {unknown} not in {key} ({', '.join(recipe.trained_languages)})"])
        if len(set(only)) < len(only):
            raise RecipeError([f"only: a language is named twice (found {', '.join(only)})"])
        super().__init__(recipe)
        self.only = only

    def __call__(self, stages: tuple[str, ...] = STAGES) -> None:
        """Runs stages in order.

        Args:
            stages: Names of the stages; all by default.

        Raises:
            BusyError: Another run is using the workspace.
            ProcessError: Another process of the run is lost.
            MoesaicError: A stage fails.
        """
        table: dict[str, Callable[[], None]] = {
            "data": self.data,
            "keep": self.keep,
            "experts": self.experts,
            "expert_rewards": self.expert_rewards,
            "compose": self.compose,
            "gate": self.gate,
            "reward": self.reward,
            "baselines": self.baselines,
            "predict": self.predict,
            "evaluate": self.evaluate,
            "report": self.report,
        }
        # The first process holds the lock for all processes.
        alone = self.workspace.lock() if self.ranks.is_first else contextlib.nullcontext()
        refuse_far_processes(self)
        with alone, watching(self.workspace.root, self.ranks):
            _ = self.start  # refuses a model to grow that does not fit, before anything is written
            if self.ranks.is_first:
                check_start(self, stages)
                settings = self.recipe.model_dump(mode="json")
                write_text(self.workspace.root / "recipe.yaml", yaml.safe_dump(settings, sort_keys=False))
                self.workspace.share(("recipe.yaml",))
            for name in stages:
                table[name]()
                if self.ranks.is_first:
                    check_after(self, name, stages)
            self.close()

    def data(self) -> None:
        """Reads, repairs and splits the text-to-code pairs."""
        options = self.recipe.data
        with self.stage("data") as stage:
            if stage is not None:
                from moesaic.data.prepare import prepare

                self.check_context(options.max_tokens)
                report = prepare(options, stage.folder, count_tokens=self.prompt.count_tokens)
                say(report.summary())

    def keep(self) -> None:
        """Lets the base answer the prompts of ``data.keep``, if the recipe names any."""
        source = self.recipe.data.keep
        if source is None:
            return
        with self.stage("keep", together=True) as stage:
            if stage is not None:
                from moesaic.pipeline.keep import ANSWERS, write_kept

                first = self.ranks.is_first
                changed = self.changed_inputs("keep", stage.notes["inputs"]) if first else []
                if changed and not any(map(asks_again, changed)) and not (stage.folder / ANSWERS).exists():
                    # Only the judging has changed, so the base does not answer again.
                    shutil.copytree(self.workspace.path("keep") / ANSWERS, stage.folder / ANSWERS)
                for language, report in write_kept(self, source, stage.folder).items():
                    left_out = ", ".join(f"{count:,} {reason}" for reason, count in report.left_out.items() if count)
                    checked = "run" if report.verified else "not run"
                    say(
                        f"keep, {language}: {report.kept:,} of {report.answers:,} answers kept "
                        f"({', '.join(filter(None, [f'{checked} against tests', left_out]))})"
                    )

    def experts(self) -> None:
        """Trains one LoRA expert per language; if a model grows, only those of its new languages."""
        for language in self.only or self.recipe.trained_languages:
            self.expert(language)

    def expert(self, language: str) -> None:
        """Trains the LoRA expert of one language."""
        name = f"experts/{language}"
        if self.only and self.ranks.is_first and self.is_finished(name):
            self.workspace.forget(name)  # an expert that is named by ``only`` is trained again
        with self.stage(name, together=True) as stage:
            if stage is not None:
                self._train_expert(language, stage)

    def _train_expert(self, language: str, stage: Stage) -> None:
        from moesaic.train.experts import train_adapter

        if self.recipe.experts.self_training:
            training, validation = self.passing(language)
        else:
            training, validation = (self.encoded(split, (language,)) for split in ("train", "validation"))
        with deciding_programs(self, self.recipe.experts, (language,)) as programs:
            result = train_adapter(
                self.accelerator,
                self.base,
                language,
                training,
                validation,
                self.recipe.data.languages,
                self.recipe.experts,
                self.recipe.seed,
                stage.folder,
                self.kept((language,)) if self.recipe.experts.keep else None,
                programs=programs,
            )
        if self.ranks.is_first:
            write_json(stage.folder / "training.json", {**vars(result), "base_digest": self.base.digest})

    def expert_rewards(self) -> None:
        """Trains each expert of ``reward.alone`` separately on programs that it writes."""
        for language in self.rewarded_alone():
            self.expert_reward(language)

    def rewarded_alone(self) -> list[str]:
        """Returns the languages whose experts ``expert_rewards`` trains."""
        alone = self.recipe.reward.alone
        return [language for language in self.only or alone if language in alone]

    def expert_reward(self, language: str) -> None:
        """Trains the expert of one language on programs that it writes."""
        with self.stage(f"expert_rewards/{language}", together=True) as stage:
            if stage is not None:
                from moesaic.pipeline.rewards import reward_alone

                reward_alone(self, language, stage.folder)

    def compose(self) -> None:
        """Composes the experts and fits the initial gates; if a model grows, adds the new experts to it."""
        options = self.recipe.gate
        with self.stage("compose", together=self.is_sharded) as stage:
            if stage is None:
                return
            from moesaic.train.composition import compose_folder

            programs = self._programs_to_fit()
            if self.start is not None:
                from moesaic.pipeline.growing import grow

                grow(self, self.start, programs, stage.folder)
                return
            compose_folder(
                self.accelerator,
                self.base,
                self.base_spec(),
                self.trained_experts(),
                programs,
                options,
                options.init,
                self.recipe.predict.row_tokens,
                stage.folder / "model",
            )

    def _programs_to_fit(self) -> dict[str, list[EncodedExample]]:
        """Returns expert name -> programs and kept answers that the initial gates are fitted to."""

        def first(examples: Sequence[Example]) -> list[EncodedExample]:
            return [self.prompt.encode(example) for example in examples[: self.recipe.gate.init_programs]]

        programs = {name: first(self.examples(name, "train")) for name in self.recipe.data.languages}
        if self.recipe.data.keep is None:
            return programs
        answers = {name: first(examples) for name, examples in self.kept_examples("train").items()}
        if not self.recipe.gate.anchor:
            # The prompts of answers look different from those of programs, and gates read both.
            return {name: own + answers.get(name, []) for name, own in programs.items()}
        # If a model grows, ``grow`` decides how answers in the new languages are routed.
        new = () if self.start is None else self.recipe.trained_languages
        return programs | {ANCHOR: [answer for name in answers if name not in new for answer in answers[name]]}

    def gate(self) -> None:
        """Trains the gates, then gates and experts together; if a model grows, only with ``grow.train_gates``."""
        if not self.recipe.trains_gates:
            return
        with self.stage("gate", together=True) as stage:
            if stage is None:
                return
            shared = self.recipe.gate.shared_rank > 0
            if shared and self.ranks.is_first:
                size = sum(parameter.nbytes for parameter in self.base.model.parameters())
                require_space(stage.folder, size, "the base that gate.shared_rank changes")
            try:
                self._train_gate(stage)
            finally:
                if shared:
                    self.drop_base()  # its weights may have changed

    def _train_gate(self, stage: Stage) -> None:
        from moesaic.checkpoint.description import BASE
        from moesaic.checkpoint.native import read_model_folder, save_model_folder
        from moesaic.model.moe import extract_experts, extract_router
        from moesaic.train.gate import train_gate

        start = read_model_folder(self.workspace.path("compose") / "model")
        languages, options = self.recipe.data.languages, self.recipe.gate
        with deciding_programs(self, options, languages) as programs, self.loaded(start.path) as model:
            result = train_gate(
                self.accelerator,
                model,
                self.encoded("train"),
                self.encoded("validation"),
                languages,
                options,
                self.recipe.seed,
                stage.folder,
                self.kept(),
                programs,
            )
            experts, gates = extract_experts(model), extract_router(model)
        if not self.ranks.is_first:
            return
        save_model_folder(
            stage.folder / "model",
            base_spec=self.base_spec(),
            base_digest=start.base_digest,
            experts=experts,
            router_tensors=gates,
            kind=start.kind,
            top_k=start.top_k,
            reuse={} if result.experts_changed else {name: start.expert_path(name) for name in start.names},
            own_base=self.base if result.base_changed else start.path / BASE if start.has_own_base else None,
        )
        write_json(stage.folder / "training.json", {"gates": vars(result.gates), "joint": vars(result.joint)})

    def reward(self) -> None:
        """Trains experts and gates on programs that the model writes, if the recipe asks for rounds of it."""
        if not self.recipe.reward.together:
            return
        with self.stage("reward", together=True) as stage:
            if stage is not None:
                from moesaic.pipeline.rewards import reward_together

                reward_together(self, stage.folder)

    def baselines(self) -> None:
        """Makes the baselines that the recipe compares the Mixture-of-Experts with; none by default."""
        for name in self.recipe.compare:
            self.baseline(name)

    def baseline(self, name: Baseline) -> None:
        """Makes one baseline."""
        with self.stage(f"baselines/{name}", together=name in MADE_TOGETHER) as stage:
            if stage is None:
                return
            if name == DENSE_REWARD:
                from moesaic.pipeline.rewards import reward_dense

                reward_dense(self, stage.folder)
                return
            from moesaic.train.baselines import make_baseline

            options = self.recipe.gate if name in DENSE else None
            with deciding_programs(self, options, self.recipe.data.languages) as programs:
                make_baseline(
                    name,
                    self.accelerator,
                    self.base,
                    {} if name in DENSE else self.trained_experts(),
                    self.encoded("train"),
                    self.encoded("validation"),
                    self.recipe,
                    stage.folder,
                    self.kept(),
                    self.workspace.path("gate"),
                    programs,
                )

    def predict(self) -> None:
        """Measures losses and routing, and generates programs, for every system."""
        with self.stage("predict", together=True) as stage:
            if stage is not None:
                from moesaic.pipeline.predict import take_over

                if self.ranks.is_first:
                    take_over(self.workspace, stage)
                self.measure(stage.folder)

    def measure(self, folder: Path, systems: Sequence[str] | None = None) -> None:
        """Writes the files of the stage ``predict`` for some systems.

        Args:
            folder: Folder of the stage.
            systems: Names of the systems; all by default.
        """
        from moesaic.pipeline.predict import measure_systems

        measure_systems(self, folder, systems)

    def evaluate(self) -> None:
        """Judges the predictions; needs no model. Raises ``CheckpointError`` if there are none."""
        options = self.recipe.evaluate
        if self.ranks.is_first and self.workspace.manifest("predict") is None:
            raise CheckpointError(f"no predictions in {self.workspace.root}: run moesaic predict RECIPE first")
        with self.stage("evaluate") as stage:
            if stage is not None:
                from moesaic.evaluate.table import build_results

                examples = {name: self.examples(name, self.recipe.predict.split) for name in self.recipe.data.languages}
                self.judge(stage.folder)
                results = build_results(
                    self.workspace.path("predict"), stage.folder, examples, options, self.benchmarks()
                )
                write_json(stage.folder / "results.json", results)

    def judge(self, folder: Path) -> None:
        """Runs generated programs ahead of ``evaluate``. Does nothing here, because ``evaluate`` runs them itself.

        Args:
            folder: Folder of the stage ``evaluate``, which takes over the verdicts in its rows files.
        """

    def report(self) -> None:
        """Writes results.json, report.html and the model with its card into the workspace."""
        if not self.ranks.is_first:
            return
        from moesaic.pipeline.publishing import publish

        publish(self)

    def stage_names(self) -> list[str]:
        """Returns the names of all stage folders of the recipe, in order."""
        parts = {
            "experts": self.recipe.trained_languages,
            "expert_rewards": self.recipe.reward.alone,
            "baselines": self.recipe.compare,
        }
        return [
            name
            for stage in STAGES[:-1]
            if not (stage == "reward" and not self.recipe.reward.together)
            and not (stage == "gate" and not self.recipe.trains_gates)
            and not (stage == "keep" and self.recipe.data.keep is None)
            for name in ([f"{stage}/{part}" for part in parts[stage]] if stage in parts else [stage])
        ]

    def to_do(self) -> dict[str, str]:
        """Returns, in order, each stage -> ``finished``, or ``to do`` with the reason, without changing anything.

        A stage that waits for an earlier one may still be skipped, if the earlier one produces the same files again.
        """
        found: dict[str, str] = {}
        for name in self.stage_names():
            waits = [other for other in stages_read(self.recipe, name) if found[other] != _FINISHED]
            if waits:
                found[name] = f"to do, after {', '.join(waits)}"
            elif self.is_finished(name):
                found[name] = _FINISHED
            else:
                changed = self.changed_inputs(name, stage_inputs(self, name))
                found[name] = f"to do, changed: {', '.join(changed)}" if changed else "to do"
        return found | {"report": "to do, each time"}
