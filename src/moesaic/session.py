"""What the stages of a run share: recipe, workspace, device, base model, prompts and examples.

Everything heavy is made when a stage first asks for it, so that a run whose stages are all finished imports no torch.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesaic.artifacts import Stage, Workspace, digest_of, file_digest
from moesaic.data.examples import Example, read_examples
from moesaic.errors import DataError
from moesaic.progress import say
from moesaic.recipe import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

    from moesaic.data.prompts import EncodedExample, PromptFormat
    from moesaic.model.backbone import Base


class Session:
    """One recipe's workspace, and the base model once something needs it.

    Args:
        recipe: The recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.workspace = Workspace(recipe.workspace)

    @functools.cached_property
    def accelerator(self) -> Accelerator:
        """Device, precision and processes."""
        import torch
        from accelerate import Accelerator

        dtype = self.recipe.base.dtype
        half = dtype == "bfloat16" or (dtype == "auto" and torch.cuda.is_available() and torch.cuda.is_bf16_supported())
        trackers = list(self.recipe.trackers)
        accelerator = Accelerator(
            mixed_precision="bf16" if half else "no",
            cpu=not torch.cuda.is_available(),
            log_with=trackers or None,
            project_dir=self.workspace.root / "trackers" if trackers else None,
        )
        if trackers:
            accelerator.init_trackers("moesaic", config={"recipe": self.recipe.name, "digest": self.recipe.digest()})
        return accelerator

    @functools.cached_property
    def base(self) -> Base:
        """The base model, loaded once; whoever changes it puts it back."""
        from moesaic.model.backbone import load_base

        started = time.monotonic()
        spec = self.recipe.base
        base = load_base(spec.model, spec.dtype, self.accelerator.device, spec.quantize)
        say(f"base: {spec.model}, {base.model.dtype}, on {base.model.device} ({time.monotonic() - started:.0f} s)")
        return base

    @functools.cached_property
    def prompt(self) -> PromptFormat:
        """Prompts of the base's tokenizer."""
        from transformers import AutoTokenizer

        from moesaic.data.prompts import PromptFormat
        from moesaic.model.backbone import resolve_base

        if "base" in self.__dict__:
            return PromptFormat(self.base.tokenizer)
        return PromptFormat(AutoTokenizer.from_pretrained(resolve_base(self.recipe.base.model).path))

    def examples(self, language: str, split: str) -> list[Example]:
        """Returns one language's examples of a split.

        Raises:
            DataError: The data stage has not run, or the split is empty.
        """
        return read_examples(self.workspace.path("data") / language / f"{split}.jsonl")

    def encoded(self, split: str, languages: tuple[str, ...] | None = None) -> list[EncodedExample]:
        """Returns the encoded examples of some or all languages."""
        chosen = languages or self.recipe.data.languages
        return [self.prompt.encode(example) for name in chosen for example in self.examples(name, split)]

    @contextmanager
    def stage(self, name: str, digest: str) -> Iterator[Stage | None]:
        """Opens a stage, or yields None when it is finished."""
        if self.workspace.is_done(name, digest):
            say(f"{name}: finished earlier, skipped")
            yield None
            return
        with self.workspace.stage(name, digest, seed=self.recipe.seed) as stage:
            yield stage
        manifest = self.workspace.manifest(name)
        say(f"{name}: done in {manifest['seconds'] if manifest else 0:,.0f} s -> {self.workspace.path(name)}")

    def data_digest(self, *languages: str, splits: tuple[str, ...] = ("train", "validation", "test")) -> str:
        """Returns a digest of the examples that a stage reads.

        Raises:
            DataError: The data stage has not run.
        """
        folder = self.workspace.path("data")
        if self.workspace.manifest("data") is None:
            raise DataError(f"there is no data in {folder}: run moesaic data RECIPE first")
        names = languages or self.recipe.data.languages
        return digest_of(
            [[name, split, file_digest(folder / name / f"{split}.jsonl")] for name in names for split in splits]
        )

    def section(self, *names: str) -> dict[str, Any]:
        """Returns recipe sections and the seed, for a digest."""
        return self.recipe.model_dump(mode="json", include={*names, "seed"})

    @contextmanager
    def loaded(self, folder: Path, dtype: Any = None) -> Iterator[Any]:
        """The base composed as a model folder says; taken apart afterwards."""
        import torch

        from moesaic.checkpoint.native import load_moe
        from moesaic.model.moe import decompose

        model, _, _ = load_moe(folder, base=self.base, factor_dtype=torch.float32 if dtype is None else dtype)
        try:
            yield model
        finally:
            decompose(model)
