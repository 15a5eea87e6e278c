"""Shows progress for people (stderr) and for programs (JSON Lines).

A terminal shows a bar with count, rate and remaining time. Elsewhere (a log file, CI), the same facts are printed as a
line every ten seconds. stdout is reserved for results. Only this module and ``cli`` print.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from moesaic.errors import DataError
from moesaic.files import dump_json, parse_json, read_text, write_json_lines

ItemT = TypeVar("ItemT")

console = Console(stderr=True, highlight=False)
"""The console for all messages to people."""

_LINE_SECONDS = 10.0


class _Output:
    """Whether messages are shown on the console, and the log file that they are also written to.

    Attributes:
        quiet: Whether progress and notes are hidden from the console.
        log: The log file, which gets every line with its time; None if there is none.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.log: TextIO | None = None


_output = _Output()


def be_quiet() -> None:
    """Hides progress and notes from the console from now on. A log file still gets everything."""
    _output.quiet = True


def log_to(path: Path) -> None:
    """Appends every message from now on to a file, even if it is not shown.

    Raises:
        OSError: The file cannot be written.
    """
    _output.log = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)


def record(text: str) -> None:
    """Writes a text to the log file, if there is one."""
    if _output.log is not None:
        moment = time.strftime("%Y-%m-%d %H:%M:%S")
        _output.log.writelines(f"{moment} {line}\n" for line in text.splitlines())


class _RateColumn(ProgressColumn):
    """A column with the recent rate, in units per second."""

    def render(self, task: Task) -> Text:
        return Text(_rate(task.finished_speed or task.speed or 0.0), style="cyan")


class Bar:
    """A context manager that shows the progress of one piece of work.

    Args:
        description: A few words that describe the work.
        total: Number of units, or None if it is unknown.
        unit: Name of the units, in the plural.
    """

    def __init__(self, description: str, total: float | None, unit: str = "items") -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = 0.0
        self._started = self._last_line = time.monotonic()
        self._facts = ""
        self._printed: tuple[float, str] | None = None
        self._progress: Progress | None = None

    def __enter__(self) -> Bar:
        self._started = self._last_line = time.monotonic()
        if console.is_terminal and not _output.quiet:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                _RateColumn(),
                TimeElapsedColumn(),
                TextColumn("eta"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[facts]}"),
                console=console,
            )
            self._task = self._progress.add_task(self._description, total=self._total, unit=self._unit, facts="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        said = self._printed == (self._done, self._facts) and (self._total is None or self._done >= self._total)
        if kind is None and not said:
            self._print_line(final=True)

    def advance(self, amount: float = 1, **facts: float | str) -> None:
        """Counts finished units.

        Args:
            amount: Number of units finished since the last call.
            **facts: Values to show beside the bar, such as a loss; they replace earlier ones.
        """
        self._done += amount
        if facts:
            self._facts = "  ".join(f"{key} {_format(value)}" for key, value in facts.items())
        if self._progress is not None:
            self._progress.update(self._task, advance=amount, facts=self._facts)
        if time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._print_line()

    def _print_line(self, final: bool = False) -> None:
        self._last_line = time.monotonic()
        self._printed = self._done, self._facts
        seconds = self._last_line - self._started
        rate = self._done / seconds if seconds > 0 else 0.0
        parts = [f"{self._description}:", f"{self._done:,.0f}"]
        if self._total is not None:
            parts[-1] += f"/{self._total:,.0f}"
        parts.append("  ".join(part for part in (self._unit, _rate(rate), f"{seconds:,.0f} s") if part))
        if self._total is not None and rate > 0 and not final and self._done < self._total:
            parts.append(f"eta {(self._total - self._done) / rate:,.0f} s")
        line = " ".join([*parts, self._facts]).rstrip()
        record(line)
        if self._progress is None and not _output.quiet:
            console.print(line, markup=False, soft_wrap=True)


def _rate(per_second: float) -> str:
    """Returns a rate in words: units per second, or seconds per unit below one per second; "" if nothing is done."""
    if per_second <= 0:
        return ""
    return f"{per_second:,.1f}/s" if per_second >= 1 else f"{1 / per_second:,.1f} s each"


def track(items: Iterable[ItemT], description: str, total: int | None = None, unit: str = "items") -> Iterator[ItemT]:
    """Yields the items while a bar shows how many are done. ``total`` is by default the length of ``items``."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Bar(description, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()


def say(message: str) -> None:
    """Prints one line for people on stderr."""
    record(message)
    if not _output.quiet:
        console.print(message, markup=False, soft_wrap=True)


class MetricsLog:
    """A log of metrics as JSON Lines, each with a step, the seconds since the start of the log, and values.

    If a run is resumed, lines after the step at which it resumes are removed first, so that each step occurs once.

    Args:
        path: The file, whose folder must exist.
        resume_step: Lines whose ``step`` is at most this are kept; None starts a new file.
    """

    def __init__(self, path: Path, resume_step: int | None = None) -> None:
        kept: list[dict[str, Any]] = []
        if resume_step is not None and path.exists():
            kept = [record for record in read_metrics(path) if record["step"] <= resume_step]
        write_json_lines(path, kept)
        self._path = path
        before = max((float(record.get("seconds", 0.0)) for record in kept), default=0.0)
        self._started = time.monotonic() - before  # the clock continues where that of the killed run stopped

    def write(self, step: int, **values: Any) -> None:
        """Appends one line and flushes it."""
        record = {"step": step, "seconds": round(time.monotonic() - self._started, 3), **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(dump_json(record) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads a log of metrics. Lines without a step are skipped, because a killed process may leave half a line.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        lines = read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it, it only holds a curve") from error
    records = []
    for line in lines:
        with contextlib.suppress(ValueError):
            record = parse_json(line)
            if isinstance(record, dict) and type(record.get("step")) is int:
                records.append(record)
    return records


def _format(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
