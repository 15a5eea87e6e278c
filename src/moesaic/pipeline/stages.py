"""The stages of a run, in order; the table of contents in code.

    data -> keep -> experts -> compose -> gate -> reward -> baselines -> predict -> evaluate -> report

A stage is a function of the recipe and of finished stages. It is skipped when its folder was made from exactly the same
things (a digest of recipe sections and input files), and resumes when it was killed. ``keep``, ``reward`` and
``baselines`` make nothing unless the recipe asks for it. ``predict`` is all that needs the models at test time,
``evaluate`` all that needs compilers and grammars: a run can be trained and sampled on a GPU machine and judged on
another.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from moesaic.errors import CheckpointError, RecipeError
from moesaic.files import digest_of, link_or_copy, read_json, require_space, write_json
from moesaic.gates import ANCHOR
from moesaic.pipeline.session import Session
from moesaic.progress import say
from moesaic.recipe import Recipe
from moesaic.workspace import Stage

STAGES = ("data", "keep", "experts", "compose", "gate", "reward", "baselines", "predict", "evaluate", "report")
"""Names of the stages, in order."""


class Run(Session):
    """One recipe being run: a method a stage.

    Args:
        recipe: The recipe.
        only: Restrict the experts stage to these languages; the others are taken as they are.
    """

    def __init__(self, recipe: Recipe, only: tuple[str, ...] = ()) -> None:
        unknown = [name for name in only if name not in recipe.data.languages]
        if unknown:
            raise RecipeError([f"only: {unknown} not in data.languages ({', '.join(recipe.data.languages)})"])
        super().__init__(recipe)
        self.only = only

    def __call__(self, stages: tuple[str, ...] = STAGES) -> None:
        """Runs stages in order.

        Raises:
            MoesaicError: As the stages do.
        """
        (self.workspace.root / "recipe.yaml").write_text(
            yaml.safe_dump(self.recipe.model_dump(mode="json"), sort_keys=False)
        )
        table: dict[str, Callable[[], None]] = {
            "data": self.data,
            "keep": self.keep,
            "experts": self.experts,
            "compose": self.compose,
            "gate": self.gate,
            "reward": self.reward,
            "baselines": self.baselines,
            "predict": self.predict,
            "evaluate": self.evaluate,
            "report": self.report,
        }
        for name in stages:
            table[name]()
        self.close()

    def data(self) -> None:
        """Reads, repairs and splits the text-to-code pairs."""
        from moesaic.data.extras import input_digest
        from moesaic.data.prepare import prepare

        options = self.recipe.data
        digest = digest_of([self.section("data", "base"), input_digest(options)])
        with self.stage("data", digest) as stage:
            if stage is not None:
                self.check_context(options.max_tokens)
                report = prepare(options, stage.folder, count_tokens=self.prompt.count_tokens)
                say(report.summary())

    def keep(self) -> None:
        """Lets the base answer the prompts of ``data.keep``, when the recipe names some."""
        source = self.recipe.data.keep
        if source is None:
            return
        from moesaic.data.extras import source_files

        options, languages = self.recipe.keep, self.recipe.data.languages
        answers = digest_of(
            [
                self.recipe.base.model_dump(mode="json"),
                [options.samples, options.temperature, options.max_new_tokens],
                self.recipe.seed if options.temperature > 0 else None,
                [source_files(source, languages, "data.keep"), languages],
            ]
        )
        judged = [self.recipe.data.max_tokens, self.recipe.evaluate.allow_code_execution]
        with self.stage("keep", digest_of([answers, judged])) as stage:
            if stage is not None:
                from moesaic.pipeline.keep import ANSWERS, write_kept

                stage.notes["answers_digest"] = answers
                before = self.workspace.manifest("keep") or {}
                if before.get("answers_digest") == answers and not (stage.folder / ANSWERS).exists():
                    # Answered on one machine, judged on another: the base is not asked again.
                    shutil.copytree(self.workspace.path("keep") / ANSWERS, stage.folder / ANSWERS)
                for language, report in write_kept(self, source, stage.folder).items():
                    left_out = ", ".join(f"{count:,} {reason}" for reason, count in report.left_out.items() if count)
                    checked = "run" if report.verified else "not run"
                    say(
                        f"keep, {language}: {report.kept:,} of {report.answers:,} answers kept "
                        f"({', '.join(filter(None, [f'{checked} against tests', left_out]))})"
                    )

    def _kept_digest(self, languages: tuple[str, ...] | None = None) -> list[object]:
        """What a stage that trains on the base's answers depends on; nothing in a recipe without."""
        if self.recipe.data.keep is None:
            return []
        options = self.recipe.keep
        examples = [[split, self.kept_examples(split, languages)] for split in ("train", "validation")]
        return [options.loss, options.weight, options.share, digest_of(repr(examples))]

    def experts(self) -> None:
        """Trains one LoRA expert per language."""
        for language in self.only or self.recipe.data.languages:
            name = f"experts/{language}"
            digest = digest_of(
                [
                    self.section("base", "experts"),
                    language,
                    self.data_digest(language, splits=("train", "validation")),
                    *(self._kept_digest((language,)) if self.recipe.experts.keep else []),
                ]
            )
            if self.only and self.workspace.is_done(name, digest):
                (self.workspace.path(name) / "manifest.json").unlink()  # asked for by name: train it again
            with self.stage(name, digest) as stage:
                if stage is not None:
                    self._train_expert(language, stage)

    def _train_expert(self, language: str, stage: Stage) -> None:
        from moesaic.train.experts import train_adapter

        result = train_adapter(
            self.accelerator,
            self.base,
            language,
            self.encoded("train", (language,)),
            self.encoded("validation", (language,)),
            self.recipe.data.languages,
            self.recipe.experts,
            self.recipe.seed,
            stage.folder,
            self.kept((language,)) if self.recipe.experts.keep else None,
        )
        write_json(stage.folder / "training.json", {**vars(result), "base_digest": self.base.digest})

    def compose(self) -> None:
        """Puts the experts side by side and fits the initial gates."""
        options = self.recipe.gate
        digest = digest_of(
            [
                {key: getattr(options, key) for key in ("kind", "top_k", "anchor", "init", "init_programs")},
                [self.workspace.output_digest(f"experts/{name}") for name in self.recipe.data.languages],
                self.data_digest(splits=("train",)),
                *(self._kept_digest() if options.anchor else []),
            ]
        )
        with self.stage("compose", digest) as stage:
            if stage is None:
                return
            from moesaic.train.composition import compose_folder

            programs = {
                name: [self.prompt.encode(example) for example in self.examples(name, "train")[: options.init_programs]]
                for name in self.recipe.data.languages
            }
            if options.anchor and self.recipe.data.keep is not None:
                kept = self.kept_examples("train").values()
                programs[ANCHOR] = [
                    self.prompt.encode(example) for examples in kept for example in examples[: options.init_programs]
                ]
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

    def gate(self) -> None:
        """Trains the gates, then gates and experts together."""
        digest = digest_of(
            [
                self.section("gate"),
                self.workspace.output_digest("compose"),
                self.data_digest(splits=("train", "validation")),
                *self._kept_digest(),
            ]
        )
        with self.stage("gate", digest) as stage:
            if stage is None:
                return
            shared = self.recipe.gate.shared_rank > 0
            if shared:
                size = sum(parameter.nbytes for parameter in self.base.model.parameters())
                require_space(stage.folder, size, "the base that gate.shared_rank changes")
            try:
                self._train_gate(stage)
            finally:
                if shared:
                    self.drop_base()  # its weights may be others now

    def _train_gate(self, stage: Stage) -> None:
        from moesaic.checkpoint.native import read_model_folder, save_model_folder
        from moesaic.model.moe import extract_experts, extract_router
        from moesaic.train.gate import train_gate

        start = read_model_folder(self.workspace.path("compose") / "model")
        with self.loaded(start.path) as model:
            result = train_gate(
                self.accelerator,
                model,
                self.encoded("train"),
                self.encoded("validation"),
                self.recipe.data.languages,
                self.recipe.gate,
                self.recipe.seed,
                stage.folder,
                self.kept(),
            )
            experts, gates = extract_experts(model), extract_router(model)
        save_model_folder(
            stage.folder / "model",
            base_spec=self.base_spec(),
            base_digest=self.base.digest,
            experts=experts,
            router_tensors=gates,
            kind=start.kind,
            top_k=start.top_k,
            reuse={} if result.experts_changed else {name: start.expert_path(name) for name in start.names},
            own_base=self.base if result.base_changed else None,
        )
        write_json(stage.folder / "training.json", {"gates": vars(result.gates), "joint": vars(result.joint)})

    def reward(self) -> None:
        """Trains experts and gates on the model's own programs, when the recipe wants rounds of that."""
        if self.recipe.reward.rounds == 0:
            return
        digest = digest_of(
            [
                self.section("reward"),
                self.workspace.output_digest("gate"),
                self.data_digest(splits=("train", "validation")),
            ]
        )
        with self.stage("reward", digest) as stage:
            if stage is not None:
                self._train_reward(stage)

    def _train_reward(self, stage: Stage) -> None:
        from moesaic.checkpoint.native import BASE, read_model_folder, save_model_folder
        from moesaic.codebleu.rewards import CodeBleuScores
        from moesaic.model.moe import extract_experts, extract_router
        from moesaic.train.reward import train_reward

        languages, options = self.recipe.data.languages, self.recipe.reward
        start = read_model_folder(self.workspace.path("gate") / "model")
        with CodeBleuScores(options.workers) as score, self.loaded(start.path) as model:
            result = train_reward(
                self.accelerator,
                model,
                self.prompt,
                [example for name in languages for example in self.examples(name, "train")],
                [example for name in languages for example in self.examples(name, "validation")],
                languages,
                score,
                options,
                self.recipe.data.max_tokens,
                self.recipe.seed,
                stage.folder,
            )
            experts, gates = extract_experts(model), extract_router(model)
        save_model_folder(
            stage.folder / "model",
            base_spec=self.base_spec(),
            base_digest=start.base_digest,
            experts=experts,
            router_tensors=gates,
            kind=start.kind,
            top_k=start.top_k,
            reuse={name: start.expert_path(name) for name in start.names} if result.best_round == 0 else {},
            own_base=start.path / BASE if start.has_own_base else None,
        )
        write_json(stage.folder / "training.json", vars(result))

    def baselines(self) -> None:
        """Makes what the recipe wants the Mixture-of-Experts compared with; none by default."""
        for name in self.recipe.compare:
            # From the data alone: a retrained expert changes nothing about it.
            trained = name in ("dense_lora", "dense_lora_keep")
            used = [f"experts/{language}" for language in (() if trained else self.recipe.data.languages)]
            used += ["gate"] if name == "moe_gates" else []
            digest = digest_of(
                [
                    name,
                    self.section("base", "experts", "gate"),
                    [self.workspace.output_digest(stage) for stage in used],
                    self.data_digest(splits=("train", "validation")),
                    *(self._kept_digest() if trained else []),  # its budget counts them, too
                ]
            )
            with self.stage(f"baselines/{name}", digest) as stage:
                if stage is not None:
                    from moesaic.train.baselines import make_baseline

                    make_baseline(
                        name,
                        self.accelerator,
                        self.base,
                        self.trained_experts(),
                        self.encoded("train"),
                        self.encoded("validation"),
                        self.recipe,
                        stage.folder,
                        self.kept(),
                        self.workspace.path("gate"),
                    )

    def predict(self) -> None:
        """Losses, routing and generated programs of every system."""
        models = ["compose", "gate", *(["reward"] if self.recipe.reward.rounds > 0 else [])]
        common = digest_of(
            [
                self.section("predict"),
                *(self.workspace.output_digest(name) for name in models),
                self.data_digest(splits=(self.recipe.predict.split,)),
            ]
        )
        baselines = {name: self.workspace.output_digest(f"baselines/{name}") for name in self.recipe.compare}
        with self.stage("predict", digest_of([common, baselines])) as stage:
            if stage is not None:
                stage.notes |= {"common_digest": common, "baselines": baselines}
                self._take_over(stage)
                from moesaic.pipeline.predict import measure_systems

                measure_systems(self, stage.folder)

    def _take_over(self, stage: Stage) -> None:
        """Keeps what an earlier ``predict`` wrote of unchanged systems, so that a new baseline costs its own time."""
        before = self.workspace.manifest("predict") or {}
        if before.get("common_digest") != stage.notes["common_digest"]:
            return
        now = stage.notes["baselines"]
        changed = {name for name, digest in before["baselines"].items() if digest != now.get(name)}
        for path in map(Path, before["files"]):
            if changed.isdisjoint((*path.parts, path.stem)) and not (stage.folder / path).exists():
                (stage.folder / path).parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(self.workspace.path("predict") / path, stage.folder / path)

    def evaluate(self) -> None:
        """Judges the predictions: needs no model."""
        options = self.recipe.evaluate
        if self.workspace.manifest("predict") is None:
            raise CheckpointError(f"no predictions in {self.workspace.root}: run moesaic predict RECIPE first")
        digest = digest_of([self.section("evaluate"), self.workspace.output_digest("predict")])
        with self.stage("evaluate", digest) as stage:
            if stage is not None:
                from moesaic.evaluate.table import build_results

                examples = {name: self.examples(name, self.recipe.predict.split) for name in self.recipe.data.languages}
                results = build_results(
                    self.workspace.path("predict"), stage.folder, examples, options, self.benchmarks()
                )
                write_json(stage.folder / "results.json", results)

    def report(self) -> None:
        """Writes results.json, report.html and the model with its card into the workspace."""
        from moesaic.checkpoint.card import write_card
        from moesaic.checkpoint.native import read_model_folder
        from moesaic.report import write_report

        root = self.workspace.root
        results = read_json(self.workspace.path("evaluate") / "results.json")
        manifests = {name: self.workspace.manifest(name) for name in self.stage_names()}
        trained = manifests["gate"] or {}
        results |= {
            "versions": trained.get("versions", {}),
            "hardware": trained.get("hardware", {}),
            "recipe_digest": self.recipe.digest(),
            "recipe": self.recipe.model_dump(mode="json"),
            "seconds": {name: manifest["seconds"] for name, manifest in manifests.items() if manifest},
            "data": read_json(self.workspace.path("data") / "report.json"),
        }
        if self.recipe.data.keep is not None:
            results["keep"] = read_json(self.workspace.path("keep") / "report.json")
        write_json(root / "results.json", results)
        write_report(root)
        partial = root / ".model.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.final_model, partial, copy_function=link_or_copy)
        (partial / "README.md").unlink(missing_ok=True)
        write_card(read_model_folder(partial), results)
        shutil.rmtree(root / "model", ignore_errors=True)
        partial.rename(root / "model")
        say(f"report: {root / 'report.html'}, model: {root / 'model'}")

    def stage_names(self) -> list[str]:
        """Returns the folder names of all stages that leave one, in order."""
        parts = {"experts": self.recipe.data.languages, "baselines": self.recipe.compare}
        return [
            name
            for stage in STAGES[:-1]
            if not (stage == "reward" and self.recipe.reward.rounds == 0)
            and not (stage == "keep" and self.recipe.data.keep is None)
            for name in ([f"{stage}/{part}" for part in parts[stage]] if stage in parts else [stage])
        ]
