"""Defines every exception that moesaic raises on purpose.

    MoesaicError                 the root: catch this to catch them all
    ├── RecipeError              a recipe file or override is wrong; lists every problem
    ├── DataError                a data source is missing, empty or malformed
    ├── ModelError               a base model, adapter or model folder does not fit
    ├── CheckpointError          a stored file is corrupt or half-written
    ├── ToolchainError           a compiler, run-time or sandbox tool is missing
    ├── ConsentError             running model-written code was not allowed
    ├── BusyError                another run is working in the workspace
    ├── DeviceMemoryError        the memory of the GPU (or of the machine) is full
    ├── ProcessError             another process of the same run is gone
    ├── StoreError               an object store is not there, refuses, or does not answer
    ├── SpaceError               the disk is full, or would be
    ├── TrainingError            a loss or a gradient is not finite
    └── DependencyError          an optional package (an extra) is not installed

Each message says what is wrong, the value found, what is allowed, and which key or flag to change. The command line
prints only the message and exits with the ``exit_code`` of the class, which is usually 2. Exit code 1 and a traceback
mean a defect of moesaic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class MoesaicError(Exception):
    """Root of the exception tree; shown to a user without a traceback.

    Attributes:
        exit_code: Exit code of the command line.
    """

    exit_code: int = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Makes an error keep its message when it is sent between processes, whatever arguments its class takes."""
        return _again, (type(self), str(self), vars(self))


def _again(kind: type[MoesaicError], message: str, facts: dict[str, Any]) -> MoesaicError:
    error = kind.__new__(kind)
    error.args = (message,)
    vars(error).update(facts)
    return error


class RecipeError(MoesaicError):
    """One or more problems in a recipe, all reported at once.

    Args:
        problems: One line per problem, with the dotted key, its value, and what is allowed.
        source: File or origin of the recipe, which begins the message.
    """

    def __init__(self, problems: Sequence[str], source: str = "recipe") -> None:
        self.problems = list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  - {problem}" for problem in self.problems)]))


class DataError(MoesaicError):
    """A data source is missing, empty or malformed."""


class ModelError(MoesaicError):
    """A base model, adapter or model folder is missing or does not fit the rest."""


class CheckpointError(MoesaicError):
    """A stored file is corrupt, half-written or of an unknown format."""


class ToolchainError(MoesaicError):
    """A compiler, interpreter, formatter or sandbox tool is missing."""


class ConsentError(MoesaicError):
    """Programs that a model wrote were to be run, but the user has not allowed it."""


class SpaceError(MoesaicError):
    """The disk is full, or would be before the work is done."""


class BusyError(MoesaicError):
    """Another run is working in the workspace."""


class StoreError(MoesaicError):
    """An object store has no such bucket, refuses access, or cannot be reached."""


class DeviceMemoryError(MoesaicError):
    """The memory of the GPU, or of the machine, is full."""


class TrainingError(MoesaicError):
    """A loss or a gradient is not finite; the best state so far is kept."""

    exit_code = 4


class ProcessError(MoesaicError):
    """Another process of the same run has ended.

    Args:
        message: Says which process ended, and how.
        reason: Why the process ended; None if it was killed.
        is_said: Whether another process reports this error, so that the command line shows it only once.
    """

    exit_code = 5

    def __init__(self, message: str, reason: str | None = None, is_said: bool = False) -> None:
        self.reason, self.is_said = reason, is_said
        super().__init__(message)


class DependencyError(MoesaicError):
    """An optional dependency is not installed.

    Args:
        package: Import name of the missing package.
        extra: The extra of moesaic that installs it.
        purpose: What the package is needed for, which begins the message.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}: pip install 'moesaic[{extra}]'")
