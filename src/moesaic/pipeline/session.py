"""What the stages of a run share: recipe, workspace, device, base model, prompts and examples.

Everything heavy is created when a stage first needs it, so a run whose stages are all finished does not import torch.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.data.examples import Example, read_examples
from moesaic.errors import CheckpointError, DataError, ModelError, RecipeError
from moesaic.files import digest_of, read_json
from moesaic.gates import ANCHOR
from moesaic.pipeline.inputs import Inputs, changes, stage_inputs, stages_read
from moesaic.pipeline.memory import memory_errors
from moesaic.progress import say
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import BaseRecipe, Recipe
from moesaic.stores.workspace import open_workspace
from moesaic.workspace import Stage

if TYPE_CHECKING:
    from accelerate import Accelerator

    from moesaic.checkpoint.description import ModelFolder
    from moesaic.data.prompts import EncodedExample, PromptFormat
    from moesaic.execution.problems import Problem
    from moesaic.model.backbone import Base
    from moesaic.model.base_files import BaseSource
    from moesaic.train.objective import Kept


class Session:
    """The workspace of a recipe, and the base model when a stage needs it.

    Args:
        recipe: The recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.workspace = open_workspace(recipe.workspace, recipe.store)

    @functools.cached_property
    def start(self) -> ModelFolder | None:
        """The finished model that this run grows from; None if the run does not grow one."""
        from moesaic.pipeline.growing import starting_model

        return starting_model(self.recipe)

    @functools.cached_property
    def accelerator(self) -> Accelerator:
        """Device, precision and processes."""
        from moesaic.pipeline.trackers import start_accelerator

        return start_accelerator(self.recipe, self.workspace.root)

    @functools.cached_property
    def ranks(self) -> Ranks:
        """The processes of the run. The first access waits for all of them."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return ALONE
        count = self.accelerator.num_processes
        here = int(os.environ.get("LOCAL_WORLD_SIZE", count))  # set by torchrun and accelerate
        return Ranks(self.accelerator.process_index, count, min(count, max(1, here)))

    @property
    def is_sharded(self) -> bool:
        """Whether the base's layers are spread over the processes, so that every pass needs all of them."""
        return self.recipe.processes.shard and self.ranks.count > 1

    @functools.cached_property
    def base(self) -> Base:
        """The base model, loaded on first access. Code that changes it has to restore it.

        Raises:
            ModelError: The base cannot be loaded, or is not the one with which this run began.
        """
        from moesaic.checkpoint.bases import check_base

        started = time.monotonic()
        spec = self.recipe.base
        if self.start is not None and self.start.has_own_base:
            spec = spec.model_copy(update={"model": self.start.base["model"], "sha256": None, "revision": None})
        base = self._load(spec, shard=self.is_sharded)
        if base.digest != self.base_source.digest:
            raise ModelError(
                f"base.model: {spec.model} is another base now (digest {base.digest[:12]}) than when this run began "
                f"({self.base_source.digest[:12]}): run again"
            )
        if self.start is not None:
            check_base(self.start, base)
        where = f"over {self.ranks.count} processes" if self.is_sharded else f"on {base.model.device}"
        say(f"base: {spec.model}, {base.model.dtype}, {where} ({time.monotonic() - started:.0f} s)")
        return base

    @functools.cached_property
    def base_source(self) -> BaseSource:
        """The files of the base; no weights are loaded."""
        from moesaic.checkpoint.bases import check_base
        from moesaic.model.base_files import resolve_recorded

        if self.start is not None and self.start.has_own_base:
            source = resolve_recorded(self.start.base)
        else:
            source = resolve_recorded(self.recipe.base.model_dump())
        if self.start is not None:
            check_base(self.start, source)
        return source

    def base_spec(self) -> dict[str, Any]:
        """Returns the recipe's ``base`` section for a model folder, with the commit of a hub model that was loaded."""
        pinned = self.recipe.base.model_dump(mode="json", exclude_none=True)
        return pinned if self.base.revision is None else pinned | {"revision": self.base.revision}

    def drop_base(self) -> None:
        """Releases the base if it is loaded. The next access loads it again."""
        self.__dict__.pop("base", None)

    @functools.cached_property
    def prompt(self) -> PromptFormat:
        """The prompt format of the base's tokenizer."""
        from moesaic.data.prompts import PromptFormat
        from moesaic.model.backbone import load_tokenizer

        if "base" in self.__dict__:
            return PromptFormat(self.base.tokenizer)
        return PromptFormat(load_tokenizer(self.base_source))

    def close(self) -> None:
        """Finishes the experiment trackers, so that they write buffered values."""
        if "accelerator" in self.__dict__:
            for tracker in self.accelerator.trackers:
                tracker.finish()

    @functools.cached_property
    def context(self) -> int:
        """Length of the base's context in tokens, read without loading weights."""
        return int(read_json(self.base_source.path / "config.json")["max_position_embeddings"])

    def check_context(self, max_tokens: int) -> None:
        """Refuses examples longer than the base can read.

        Raises:
            RecipeError: ``data.max_tokens`` is above the base's context.
        """
        if max_tokens > self.context:
            raise RecipeError(
                [
                    f"data.max_tokens: {max_tokens:,} is more than the context of {self.recipe.base.model}: "
                    f"use at most {self.context:,}"
                ]
            )

    def examples(self, language: str, split: str) -> list[Example]:
        """Returns one language's examples of a split.

        Raises:
            DataError: The data stage has not run, or the split is empty.
        """
        return read_examples(self.workspace.path("data") / language / f"{split}.jsonl")

    def encoded(self, split: str, languages: tuple[str, ...] | None = None) -> list[EncodedExample]:
        """Returns the encoded examples of some languages, or of all if ``languages`` is None."""
        chosen = languages or self.recipe.data.languages
        return [self.prompt.encode(example) for name in chosen for example in self.examples(name, split)]

    def kept_examples(self, split: str, languages: tuple[str, ...] | None = None) -> dict[str, list[Example]]:
        """Returns language -> the kept answers of the stage ``keep``; a language may have none.

        Args:
            split: ``train`` or ``validation``.
            languages: Some of the run's languages; all by default.

        Raises:
            DataError: The stage ``keep`` has not run.
        """
        folder = self.workspace.path("keep")
        if self.workspace.manifest("keep") is None:
            raise DataError(f"there are no answers of the base in {folder}: run moesaic keep RECIPE first")
        files = {name: folder / name / f"{split}.jsonl" for name in languages or self.recipe.data.languages}
        return {
            name: read_examples(path) if path.is_file() and path.stat().st_size else [] for name, path in files.items()
        }

    def kept(self, languages: tuple[str, ...] | None = None) -> Kept | None:
        """Returns the kept answers, encoded for training; None if there are none."""
        from moesaic.train.objective import Kept

        if self.recipe.data.keep is None:
            return None
        training, validation = (
            [example for examples in self.kept_examples(split, languages).values() for example in examples]
            for split in ("train", "validation")
        )
        # A language with few answers may have none in one of the splits.
        training, validation = training or validation, validation or training
        languages_of = [example.language for example in training]
        kept = Kept(self._answers(training), self._answers(validation), self.recipe.keep, languages_of)
        return kept if kept.training else None

    def _answers(self, examples: Sequence[Example]) -> list[EncodedExample]:
        return [replace(self.prompt.encode(example), language=ANCHOR) for example in examples]

    def passing(self, language: str) -> tuple[list[EncodedExample], list[EncodedExample]]:
        """Returns ``passing_answers``, encoded: those to train on and those to validate on."""
        training, validation = (
            [self.prompt.encode(example) for example in split] for split in self.passing_answers(language)
        )
        return training, validation

    def passing_answers(self, language: str) -> list[list[Example]]:
        """Returns the base's answers in a language that pass their tests: those to train on and those to validate on.

        Raises:
            DataError: The stage ``keep`` has not run, the base was asked nothing in this language, the answers were
                not run against tests, or none passed.
        """
        splits = [self.kept_examples(split, (language,))[language] for split in ("train", "validation")]
        report = read_json(self.workspace.path("keep") / "report.json")["languages"].get(language)
        if report is None:
            raise DataError(
                f"experts.self_training: data.keep ({self.recipe.data.keep}) has no prompts in {language} that the "
                "base can answer, so there is nothing to train this expert on: give data.keep a source with prompts in "
                f"{language}, take {language} out of data.languages, or set experts.self_training: false"
            )
        if not report["verified"]:
            raise DataError(
                f"experts.self_training: the base's answers in {language} were not run against tests, so it is not "
                "known which are correct: give data.keep a source with tests (mbxp:PATH), set "
                f"evaluate.allow_code_execution: true, and run moesaic keep RECIPE where the tools of {language} are"
            )
        if not all(splits):
            raise DataError(
                f"experts.self_training: {len(splits[0])} of the base's answers in {language} passed to train on, and "
                f"{len(splits[1])} to validate on; both are needed: raise keep.samples (with a keep.temperature), or "
                "give data.keep a source with more prompts"
            )
        return splits

    @contextmanager
    def stage(self, name: str, *, together: bool = False) -> Iterator[Stage | None]:
        """Opens a stage, or yields None if it is finished.

        The first process decides whether the stage is finished, and publishes it. Then all processes leave the stage.

        Args:
            name: Name of the stage's folder.
            together: Whether all processes work in the stage (only the first may write) or wait for the first.

        Raises:
            CheckpointError: A stage that this one reads is not finished, or one of its files was damaged afterwards.
            DataError: The data stage has not run.
            DeviceMemoryError: The memory is full.
            ModelError: The base differs between processes, or its files were changed during the stage.
        """
        if self.ranks.is_first:
            with self._stage(name) as stage:
                if together:
                    self.ranks.first(None if stage is None else (stage.folder, stage.resumed))
                    self._compare_bases()
                yield stage
        else:
            opened = self.ranks.first() if together else None
            with memory_errors(self.recipe, name):
                if together:
                    self._compare_bases()
                yield Stage(*opened) if opened is not None else None
                self._check_base()
        self.ranks.first()

    def _compare_bases(self) -> None:
        """Checks that all processes have found the same base; raises ``ModelError`` otherwise."""
        if self.ranks.count == 1:
            return
        digests = self.ranks.gather(self.base_source.digest)
        if len(set(digests)) > 1:
            found = ", ".join(f"{digest[:12]} in process {index}" for index, digest in enumerate(digests))
            raise ModelError(f"base.model: {self.recipe.base.model} is not the same on all machines: {found}")

    def _check_base(self) -> None:
        """Checks that the base in use is still the one that the stage's inputs name."""
        if "base" in self.__dict__:
            self.base.check_unchanged()

    @contextmanager
    def _stage(self, name: str) -> Iterator[Stage | None]:
        inputs = stage_inputs(self, name)
        digest = digest_of(inputs)
        if self.workspace.is_done(name, digest):
            say(f"{name}: finished earlier, skipped")
            yield None
            return
        for other in stages_read(self.recipe, name):
            self.workspace.verify(other)
        if changed := self.changed_inputs(name, inputs):
            say(f"{name}: made again, because these have changed: {', '.join(changed)}")
        with memory_errors(self.recipe, name), self.workspace.stage(name, digest, seed=self.recipe.seed) as stage:
            stage.notes["inputs"] = inputs
            if self.ranks.count > 1:
                stage.notes["processes"] = self.ranks.count
            yield stage
            try:
                self._check_base()
            except ModelError:
                shutil.rmtree(stage.folder, ignore_errors=True)  # including checkpoints made with other weights
                raise
        manifest = self.workspace.manifest(name)
        say(f"{name}: done in {manifest['seconds'] if manifest else 0:,.0f} s -> {self.workspace.path(name)}")

    def is_finished(self, name: str) -> bool:
        """Returns whether a run would skip a stage, if the stages before it stay as they are."""
        try:
            return self.workspace.matches(name, digest_of(stage_inputs(self, name)))
        except (CheckpointError, DataError):
            return False

    def changed_inputs(self, name: str, inputs: Inputs) -> list[str]:
        """Returns the names of the inputs that have changed since a stage was last finished."""
        before = (self.workspace.manifest(name) or {}).get("inputs")
        return changes(before, inputs) if isinstance(before, dict) else []

    def benchmarks(self) -> dict[str, dict[str, list[Problem]]]:
        """Returns benchmark -> language -> problems, as ``evaluate.benchmarks.read_benchmarks`` does."""
        from moesaic.evaluate.benchmarks import read_benchmarks

        return read_benchmarks(self.recipe)

    @property
    def final_model(self) -> Path:
        """The model folder of the recipe's last training stage."""
        last = "gate" if self.recipe.trains_gates else "compose"
        return self.workspace.path("reward" if self.recipe.reward.together else last) / "model"

    def trained_experts(self) -> dict[str, Path]:
        """Returns language -> adapter folder of its expert. If a model grows, its kept experts are in that model.

        Raises:
            ModelError: An expert was trained on another base than the recipe's.
        """
        trained = {name: self.workspace.path(self.recipe.expert_stage(name)) for name in self.recipe.trained_languages}
        for name, folder in trained.items():
            trained_on = read_json(folder / "training.json")["base_digest"]
            if trained_on != self.base.digest:
                raise ModelError(
                    f"{folder} was trained on another base (digest {trained_on[:12]}) than what is at "
                    f"{self.recipe.base.model} now ({self.base.digest[:12]}): give base.model the earlier one, or "
                    f"train it again with moesaic experts RECIPE only={name}"
                )
        start = self.start
        return {
            name: trained[name] if start is None or name in trained else start.expert_path(name)
            for name in self.recipe.data.languages
        }

    @contextmanager
    def loaded(self, folder: Path, dtype: Any = None) -> Iterator[Any]:
        """Yields the base composed as a model folder describes, and restores it afterwards.

        If the model folder contains its own base, that is composed instead, and the recipe's base is released.

        Args:
            folder: The model folder.
            dtype: Number format of the factors; float32 by default.
        """
        import torch

        from moesaic.checkpoint.native import load_moe, read_model_folder
        from moesaic.model.moe import decompose

        own_base = read_model_folder(folder).has_own_base
        if own_base:
            self.drop_base()  # the device may not have room for two bases
        model, _, _ = load_moe(
            folder,
            device=self.accelerator.device,
            base=None if own_base else self.base,
            factor_dtype=torch.float32 if dtype is None else dtype,
        )
        try:
            yield model
        finally:
            decompose(model)

    @contextmanager
    def original_base(self) -> Iterator[Any]:
        """Loads the recipe's base, if the model that grows has its own base, which training has changed."""
        self.drop_base()  # the device may not have room for two bases
        yield self._load(self.recipe.base).model.eval()

    def _load(self, spec: BaseRecipe, shard: bool = False) -> Base:
        from moesaic.model.backbone import load_base

        device = self.accelerator.device
        return load_base(spec.model, spec.dtype, device, spec.quantize, spec.sha256, spec.revision, shard=shard)
