"""Fuzzing: what moesaic reads from strangers ends in a result or in one message, soon, and in little memory.

    nice python benchmarks/fuzz.py --engine both --inputs 20000 --out benchmarks/fuzz_x86_64_202611.md
    nice python benchmarks/fuzz.py --inputs 1000 --only recipe,gguf

Every target takes the bytes of one hostile file. hypothesis draws valid files with anything in the place of anything
(tests/hostile.py); atheris, where it is installed, changes bytes and keeps what reaches new code. An input is a finding
when it raises anything but a MoesaicError, takes longer than 10 s, or lets the process grow by more than 512 MiB. What
was found lies in ``--findings``, a file each; the ones that were mended are tests (tests/benchmarks/test_fuzz.py).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

SECONDS = 10
MEBIBYTES = 512
SHARE = 4
"""hypothesis takes longer to draw an input than most targets take to read one: it draws one in so many."""
COSTLY = {"score": 50, "gguf_conversion": 200}
"""Targets that take long for an input -> so many times fewer of them."""


@dataclass
class Count:
    """What became of one target's inputs.

    Attributes:
        target: Its name.
        engine: Who made the inputs.
        inputs: How many.
        accepted: Read to the end.
        refused: Ended in a message.
        findings: What was raised or exceeded, and where -> how often.
        seconds: For all of them.
        slowest: Seconds of the slowest.
        grown: MiB that the process grew by at most.
    """

    target: str
    engine: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: float = 0.0
    grown: float = 0.0


class TooLong(BaseException):  # no Exception: nothing on the way may catch it
    """An input takes longer than ``SECONDS``."""


class Judge:
    """Runs a target on inputs and counts what becomes of them.

    Args:
        target: Its name.
        check: Reads the bytes.
        engine: Who makes the inputs.
        findings: Folder for inputs that are findings.
    """

    def __init__(self, target: str, check: Callable[[bytes], None], engine: str, findings: Path) -> None:
        from moesaic.errors import MoesaicError

        self.count = Count(target, engine)
        self._check, self._findings, self._message = check, findings, MoesaicError
        signal.signal(signal.SIGALRM, self._ring)

    def __call__(self, data: bytes) -> None:
        """Runs one input."""
        self.count.inputs += 1
        before, began, found = resident(), time.monotonic(), ""
        Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts again from here
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
                self._check(data)
            self.count.accepted += 1
        except self._message:
            self.count.refused += 1
        except TooLong:
            found = f"longer than {SECONDS} s"
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "moesaic" in frame.filename] or frames
            found = f"{type(error).__name__} in {Path(own[-1].filename).name}:{own[-1].name}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds, grown = time.monotonic() - began, (resident("VmHWM") - before) / 2**20
        self.count.slowest, self.count.grown = max(self.count.slowest, seconds), max(self.count.grown, grown)
        self.count.seconds += seconds
        if grown > MEBIBYTES and not found:
            found = f"grew by more than {MEBIBYTES} MiB"
        if found:
            if found not in self.count.findings:
                name = f"{self.count.target}-{''.join(c if c.isalnum() else '_' for c in found)}"
                self._findings.mkdir(parents=True, exist_ok=True)
                (self._findings / name).write_bytes(data)
            self.count.findings[found] = self.count.findings.get(found, 0) + 1

    def _ring(self, *_: object) -> None:
        raise TooLong


def resident(kind: str = "VmRSS") -> int:
    """Bytes of this process in memory, or with ``VmHWM`` the most that there were."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(kind))


def by_hypothesis(judge: Judge, strategy: Any, inputs: int, seed: int) -> None:
    """Draws inputs and runs them."""
    import hypothesis

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def run(data: bytes) -> None:
        judge(data)

    run()


def by_atheris(judge: Judge, examples: list[bytes], inputs: int, seed: int, result: Path) -> None:
    """Lets atheris change inputs; the process ends with it, so the counts are written by then."""
    import atheris

    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as corpus:
        for number, example in enumerate(examples):
            (Path(corpus) / str(number)).write_bytes(example)

        def run(data: bytes) -> None:
            judge(data)
            if judge.count.inputs >= inputs:
                result.write_text(json.dumps(asdict(judge.count)))
                os._exit(0)

        options = [f"-runs={2 * inputs}", f"-seed={seed}", "-max_len=65536", "-verbosity=0", "-rss_limit_mb=0", corpus]
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


def atheris_version() -> str | None:
    """The version of atheris, None where it is not installed."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("atheris")
    return None


def fuzz_here(name: str, arguments: argparse.Namespace, result: Path) -> None:
    """Fuzzes one target in this process and writes the counts."""
    following: Any = contextlib.nullcontext()
    if arguments.engine == "atheris":
        import atheris

        following = atheris.instrument_imports(include=["moesaic"])
    inputs = max(1, arguments.inputs // COSTLY.get(name, 1))
    if arguments.engine == "hypothesis":
        inputs = max(1, inputs // SHARE)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.environ["MOESAIC_CACHE"] = f"{folder}/cache"
        with following:  # modules are followed that are imported here, which is when they are first needed
            from fuzz_targets import TARGETS

            target = TARGETS[name](Path(folder))
            target.check(target.examples[0])  # imports and caches do not count as growth
        judge = Judge(name, target.check, arguments.engine, arguments.findings)
        if arguments.engine == "atheris":
            by_atheris(judge, target.examples, inputs, arguments.seed, result)
        by_hypothesis(judge, target.strategy, inputs, arguments.seed)
        result.write_text(json.dumps(asdict(judge.count)))


def table(counts: list[Count], arguments: argparse.Namespace) -> list[str]:
    """The counts as a page."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("hypothesis", "transformers", "safetensors"))
    lines = [
        f"# Fuzzing, {time.strftime('%Y-%m-%d', time.gmtime())}",
        "",
        f"`python benchmarks/fuzz.py --inputs {arguments.inputs} --engine {arguments.engine} --seed {arguments.seed}`; "
        f"Python {platform.python_version()}, {versions}, atheris {atheris_version() or 'not installed'}; "
        f"{platform.machine()}, one process at nice {os.nice(0)}, other work beside it; "
        f"{sum(count.seconds for count in counts):,.0f} s in the targets.",
        "",
        "A finding is an input that raises anything but a message for people, takes longer than "
        f"{SECONDS} s, or lets the process grow by more than {MEBIBYTES} MiB.",
        "",
        "| target | engine | inputs | read | refused | findings | seconds | slowest, ms | grown, MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {count.target} | {count.engine} | {count.inputs:,} | {count.accepted:,} | {count.refused:,} | "
        f"{sum(count.findings.values()):,} | {count.seconds:,.0f} | {count.slowest * 1000:,.0f} | {count.grown:,.0f} |"
        for count in counts
    ]
    found = [
        f"- {count.target} ({count.engine}): {what}, {n:,} inputs"
        for count in counts
        for what, n in count.findings.items()
    ]
    return lines + (["", "Findings:", "", *found] if found else [])


def main() -> None:
    """Fuzzes all targets, each in a process of its own, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--inputs", type=int, default=20_000, help=f"of each cheap target; hypothesis draws a {SHARE}th"
    )
    parser.add_argument("--only", default="", help="targets, with commas")
    parser.add_argument("--engine", choices=("hypothesis", "atheris", "both"), default="hypothesis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--results", type=Path, default=Path("fuzz-results"), help="counts; those there are kept")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("TARGET", "RESULT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        fuzz_here(arguments.one[0], arguments, Path(arguments.one[1]))
        return
    from fuzz_targets import TARGETS

    arguments.results.mkdir(parents=True, exist_ok=True)
    for engine in ["atheris", "hypothesis"] if arguments.engine == "both" else [arguments.engine]:
        for name in arguments.only.split(",") if arguments.only else TARGETS:
            result = arguments.results / f"{engine}-{name}.json"
            if result.exists():
                continue  # of an earlier call, which was stopped
            command = [sys.executable, __file__, "--inputs", str(arguments.inputs), "--engine", engine]
            command += ["--seed", str(arguments.seed), "--findings", str(arguments.findings)]
            command += ["--one", name, str(result)]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
            if not result.exists():
                print(done.stderr[-2000:], file=sys.stderr)
                ended = Count(name, engine, findings={f"the process ended with {done.returncode}": 1})
                result.write_text(json.dumps(asdict(ended)))
            print(table([Count(**json.loads(result.read_text()))], arguments)[8], file=sys.stderr)
    found = [Count(**json.loads(path.read_text())) for path in sorted(arguments.results.glob("*.json"))]
    counts = sorted(found, key=lambda count: (list(TARGETS).index(count.target), count.engine))
    text = "\n".join(table(counts, arguments)) + "\n"
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(text)
    sys.exit(int(any(count.findings for count in counts)))


if __name__ == "__main__":
    main()
