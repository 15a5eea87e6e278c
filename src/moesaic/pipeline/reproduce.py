"""Repeats a finished run with the recipe that it stored, and reports which results differ.

For each stage, its inputs and the digests of its files are compared; then every number in ``results.json`` is compared.
Files that contain times are not compared, and neither is the report, which is made from the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from moesaic.errors import CheckpointError
from moesaic.files import read_json_object
from moesaic.pipeline.stages import Run
from moesaic.recipe import Recipe, load_recipe
from moesaic.workspace import Workspace

_TIMED: Final = ("metrics.jsonl", "evaluate.json", "results.json", "README.md")
_COMPARED: Final = ("systems", "guards", "routing", "paired", "kept")
_SHOWN: Final = 10


@dataclass
class Comparison:
    """The differences between two runs of a recipe.

    Attributes:
        surroundings: Versions and hardware that differ.
        inputs: Stage -> inputs that differ.
        files: Stage -> files whose bytes differ.
        num_files: Number of files compared.
        numbers: Path of a number in ``results.json`` -> both values, if they differ.
        num_numbers: Number of numbers compared.
    """

    surroundings: list[str] = field(default_factory=list)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    num_files: int = 0
    numbers: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    num_numbers: int = 0

    @property
    def is_same(self) -> bool:
        """Whether all inputs, bytes and numbers that were compared are the same."""
        return not (self.inputs or self.files or self.numbers)

    def lines(self) -> Iterator[str]:
        """Yields lines that describe the differences."""
        for text in self.surroundings:
            yield f"other surroundings: {text}"
        for stage, names in self.inputs.items():
            yield f"{stage}: made from another {', '.join(names)}"
        for stage, names in self.files.items():
            yield f"{stage}: other bytes in {_some(names)}"
        if self.numbers:
            worst = sorted(self.numbers.items(), key=lambda item: -_distance(*item[1]))
            for path, (first, second) in worst[:_SHOWN]:
                yield f"{path}: {first} before, {second} now"
            if len(worst) > _SHOWN:
                yield f"and {len(worst) - _SHOWN:,} other numbers, by less"
        same = self.num_files - sum(map(len, self.files.values()))
        yield (
            f"{same:,} of {self.num_files:,} files have the same bytes, {self.num_numbers - len(self.numbers):,} of "
            f"{self.num_numbers:,} numbers are the same"
        )


def recipe_of(run: Path, output: Path) -> Recipe:
    """Returns the recipe that a finished run stored, with another output folder.

    Args:
        run: Folder of the run.
        output: Parent folder of the new run, which gets the same name.

    Raises:
        CheckpointError: There is no finished run in ``run``, or the new run would have the same folder.
    """
    if not (run / "recipe.yaml").is_file() or not (run / "results.json").is_file():
        raise CheckpointError(f"{run} holds no finished run: recipe.yaml or results.json is missing (RUN)")
    recipe = load_recipe(run / "recipe.yaml", [f"output={output}"])
    if recipe.workspace.resolve() == run.resolve():
        raise CheckpointError(f"--out: {output} contains the run that is reproduced: choose another folder")
    return recipe


def compare_runs(before: Path, recipe: Recipe) -> Comparison:
    """Compares an earlier run with the run in a recipe's workspace.

    Args:
        before: Folder of the earlier run.
        recipe: Recipe of the new run.

    Raises:
        CheckpointError: A manifest cannot be read.
    """
    after = Run(recipe)
    earlier = Workspace(before)
    found = Comparison()
    for name in after.stage_names():
        first, second = earlier.manifest(name) or {}, after.workspace.manifest(name) or {}
        for key in ("versions", "hardware"):
            old, new = first.get(key, {}), second.get(key, {})
            for part in sorted({*old, *new}):
                if old.get(part) != new.get(part):
                    found.surroundings.append(f"{part} {old.get(part)} before, {new.get(part)} now")
        inputs = _other(first.get("inputs", {}), second.get("inputs", {}))
        # A stage also depends on earlier stages through a digest of their files, which includes times. The files of
        # these stages are compared instead.
        if inputs := [item for item in inputs if not item.startswith("stage ")]:
            found.inputs[name] = inputs
        old, new = (
            {file: digest for file, digest in manifest.get("sha256", {}).items() if not _is_timed(name, file)}
            for manifest in (first, second)
        )
        found.num_files += len({*old, *new})
        if files := _other(old, new):
            found.files[name] = files
    found.surroundings = list(dict.fromkeys(found.surroundings))
    first, second = (read_json_object(root / "results.json") for root in (before, recipe.workspace))
    old, new = (dict(_leaves({key: results.get(key) for key in _COMPARED})) for results in (first, second))
    found.num_numbers = len({*old, *new})
    found.numbers = {path: (old.get(path), new.get(path)) for path in _other(old, new)}
    return found


def _is_timed(stage: str, file: str) -> bool:
    return PurePath(file).name in _TIMED or (stage == "evaluate" and file.startswith("rows/"))


def _other(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    missing = object()
    return [key for key in {**before, **now} if before.get(key, missing) != now.get(key, missing)]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, value


def _distance(first: Any, second: Any) -> float:
    numbers = [value for value in (first, second) if isinstance(value, int | float)]
    return abs(numbers[0] - numbers[1]) if len(numbers) == 2 else float("inf")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} others" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
