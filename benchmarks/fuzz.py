"""Fuzzes the readers of files from outside: each must end with a result or one message, soon and in little memory.

    nice python benchmarks/fuzz.py --engine both --inputs 20000 --out benchmarks/fuzz_x86_64_202611.md
    nice python benchmarks/fuzz.py --engine both --inputs 20000 --shards 4 --jobs 12 --results counts
    nice python benchmarks/fuzz.py --inputs 1000 --only recipe,gguf
    python benchmarks/fuzz.py --page --results counts --out benchmarks/fuzz_x86_64_202611.md

Every target reads the bytes of one hostile file. hypothesis draws valid files in which any value may be replaced by any
other (tests/hostile.py). atheris, if it is installed, changes bytes and keeps inputs that reach new code. An input is a
finding if it raises an exception other than a MoesaicError, takes more than 10 s of CPU time, or lets the process grow
by more than 512 MiB. Each finding is a file in ``--findings``. Findings that were fixed are tests
(tests/benchmarks/test_fuzz.py).

The inputs of a target can be split among processes (``--shards``), each with its own seed. A process writes its counts
while it runs, so that they are kept if the run is stopped. The same command then repeats the processes that did not
end.
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
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from places import file_to_write, folder_to_write

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

SECONDS = 10
MEBIBYTES = 512
SHARE = 4
"""hypothesis takes longer to draw an input than most targets take to read one: it draws one in so many."""
WRITTEN = 5
"""Seconds after which a process writes its counts again."""


@dataclass
class Count:
    """Counts what happened to the inputs of one target.

    Attributes:
        target: Name of the target.
        engine: Name of the engine that made the inputs.
        inputs: Number of inputs.
        accepted: Number of inputs that were read to the end.
        refused: Number of inputs that were refused with a message.
        findings: What was raised or exceeded, and where -> number of inputs.
        seconds: Seconds for all inputs.
        slowest: Seconds for the slowest input.
        grown: Maximum growth of the process in MiB.
        planned: Number of inputs that were planned.
        where: Versions and machine.
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
    planned: int = 0
    where: str = ""

    def write(self, path: Path) -> None:
        """Writes the counts to a file, completely or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)


class TooLong(BaseException):  # not an Exception, so that no other code catches it
    """Raised if an input takes longer than ``SECONDS``."""


class Judge:
    """Runs a target on inputs and counts what happens to them.

    Args:
        check: Reads the bytes.
        count: An empty count.
        result: File of the counts, which is written every few seconds. The input that is being read is stored beside
            it, in case it ends the process.
        findings: Folder for inputs that are findings.
    """

    def __init__(self, check: Callable[[bytes], None], count: Count, result: Path, findings: Path) -> None:
        from moesaic.errors import MoesaicError

        self.count, self.result, self.running = count, result, result.with_suffix(".input")
        self._check, self._findings, self._message = check, findings, MoesaicError
        self._written = self._began = time.monotonic()
        self._cpu = time.process_time()
        signal.signal(signal.SIGALRM, self._ring)

    def __call__(self, data: bytes) -> None:
        """Runs one input."""
        self.running.write_bytes(data)
        self.count.inputs += 1
        before, found = resident(), ""
        self._began, self._cpu = time.monotonic(), time.process_time()
        most = "VmHWM"
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets the maximum
        except OSError:
            most = "VmRSS"  # not possible in some containers: measure the remaining growth
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
        seconds, grown = time.monotonic() - self._began, (resident(most) - before) / 2**20
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
        if time.monotonic() - self._written > WRITTEN:
            self.count.write(self.result)
            self._written = time.monotonic()

    def end(self) -> None:
        """Writes the last counts."""
        self.count.write(self.result)
        self.running.unlink(missing_ok=True)

    def _ring(self, *_: object) -> None:
        # A busy machine is not a finding: CPU time counts, unless almost none of it is used.
        if time.process_time() - self._cpu < SECONDS and time.monotonic() - self._began < 6 * SECONDS:
            signal.setitimer(signal.ITIMER_REAL, 1)
        else:
            raise TooLong


def resident(kind: str = "VmRSS") -> int:
    """Returns the resident memory of this process in bytes, or with ``VmHWM`` its maximum so far."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(kind))


def by_hypothesis(judge: Judge, strategy: Any, seed: int) -> None:
    """Draws inputs with hypothesis and runs them."""
    import hypothesis

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=judge.count.planned,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def run(data: bytes) -> None:
        judge(data)

    run()


def by_atheris(judge: Judge, examples: list[bytes], seed: int) -> None:
    """Lets atheris change inputs. The process ends with atheris, so the counts are written before."""
    import atheris

    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as corpus:
        for number, example in enumerate(examples):
            (Path(corpus) / str(number)).write_bytes(example)

        def run(data: bytes) -> None:
            judge(data)
            if judge.count.inputs >= judge.count.planned:
                judge.end()
                os._exit(0)

        options = [
            f"-runs={2 * judge.count.planned}",
            f"-seed={seed}",
            "-max_len=65536",
            "-verbosity=0",
            "-rss_limit_mb=0",
            corpus,
        ]
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


def atheris_version() -> str | None:
    """Returns the version of atheris, or None if it is not installed."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("atheris")
    return None


def here() -> str:
    """Returns a description of the versions and the machine."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("hypothesis", "transformers", "safetensors"))
    return (
        f"Python {platform.python_version()}, {versions}, atheris {atheris_version() or 'not installed'}; "
        f"{platform.machine()}, {os.cpu_count()} processors, processes at nice {os.nice(0)}, other work beside them"
    )


def fuzz_here(name: str, arguments: argparse.Namespace, result: Path) -> None:
    """Fuzzes one target in this process, ``--inputs`` times, and writes the counts."""
    following: Any = contextlib.nullcontext()
    if arguments.engine == "atheris":
        import atheris

        following = atheris.instrument_imports(include=["moesaic"])
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.environ["MOESAIC_CACHE"] = f"{folder}/cache"
        with following:  # atheris instruments the modules that are imported here for the first time
            from fuzz_targets import TARGETS

            target = TARGETS[name](Path(folder))
            target.check(target.examples[0])  # imports and caches do not count as growth
        count = Count(name, arguments.engine, planned=arguments.inputs, where=here())
        judge = Judge(target.check, count, result, arguments.findings)
        if arguments.engine == "atheris":
            by_atheris(judge, target.examples, arguments.seed)
        by_hypothesis(judge, target.strategy, arguments.seed)
        judge.end()


def fuzz(name: str, engine: str, shard: int, arguments: argparse.Namespace) -> None:
    """Fuzzes one share of a target's inputs in a process of its own, unless an earlier call has done so."""
    result = arguments.results / f"{engine}-{name}-{shard}.json"
    if result.exists() and (count := Count(**json.loads(result.read_text()))).inputs >= count.planned:
        return
    inputs = arguments.inputs // (SHARE if engine == "hypothesis" else 1) // arguments.shards
    command = [sys.executable, __file__, "--inputs", str(max(1, inputs)), "--engine", engine]
    command += ["--seed", str(arguments.seed + shard), "--findings", str(arguments.findings)]
    command += ["--one", name, str(result)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    count = Count(**json.loads(result.read_text())) if result.exists() else Count(name, engine)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        count.findings[f"the process ended with {done.returncode}"] = 1
        count.planned = count.inputs  # the same inputs would end it again
        count.write(result)
    print(row(count), file=sys.stderr)


def merged(counts: Iterable[Count]) -> list[Count]:
    """Returns one count for each target and engine."""
    whole: dict[tuple[str, str], Count] = {}
    for count in counts:
        one = whole.setdefault((count.target, count.engine), Count(count.target, count.engine))
        for name in ("inputs", "accepted", "refused", "seconds", "planned"):
            setattr(one, name, getattr(one, name) + getattr(count, name))
        for name in ("slowest", "grown"):
            setattr(one, name, max(getattr(one, name), getattr(count, name)))
        for what, number in count.findings.items():
            one.findings[what] = one.findings.get(what, 0) + number
        one.where = "; or ".join(sorted({*filter(None, one.where.split("; or ")), count.where}))
    return list(whole.values())


def row(count: Count) -> str:
    """Returns a line of the table."""
    return (
        f"| {count.target} | {count.engine} | {count.inputs:,} | {count.accepted:,} | {count.refused:,} | "
        f"{sum(count.findings.values()):,} | {count.seconds:,.0f} | {count.slowest * 1000:,.0f} | {count.grown:,.0f} |"
    )


def page(counts: list[Count], arguments: argparse.Namespace) -> list[str]:
    """Returns the lines of the page with the counts."""
    lines = [
        f"# Fuzzing, {time.strftime('%Y-%m-%d', time.gmtime())}",
        "",
        f"`python benchmarks/fuzz.py --inputs {arguments.inputs} --engine {arguments.engine} --seed {arguments.seed} "
        f"--shards {arguments.shards} --jobs {arguments.jobs}`; "
        f"{sum(count.seconds for count in counts):,.0f} s in the targets. On:",
        "",
        *(f"- {where}" for where in sorted({where for count in counts for where in count.where.split("; or ")})),
        "",
        "A finding is an input that raises anything but a message for people, takes longer than "
        f"{SECONDS} s of the processor, or lets the process grow by more than {MEBIBYTES} MiB.",
        "",
        "| target | engine | inputs | read | refused | findings | seconds | slowest, ms | grown, MiB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += map(row, counts)
    stopped = [count for count in counts if count.inputs < count.planned]
    if stopped:
        lines += ["", "Stopped before the end:", ""]
        lines += [f"- {one.target} ({one.engine}): {one.inputs:,} of {one.planned:,} inputs" for one in stopped]
    found = [
        f"- {count.target} ({count.engine}): {what}, {n:,} inputs"
        for count in counts
        for what, n in count.findings.items()
    ]
    return lines + (["", "Findings:", "", *found] if found else [])


def main() -> None:
    """Fuzzes all targets, each in processes of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, help=f"of each target; hypothesis draws a {SHARE}th")
    parser.add_argument("--only", default="", help="targets, with commas")
    parser.add_argument("--engine", choices=("hypothesis", "atheris", "both"), default="hypothesis")
    parser.add_argument("--seed", type=int, default=1, help="of the first process of a target; the next have the next")
    parser.add_argument("--shards", type=int, default=1, help="processes that a target's inputs are split among")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--findings", type=folder_to_write, default="fuzz-findings")
    parser.add_argument("--results", type=folder_to_write, default="fuzz-results", help="counts; those there are kept")
    parser.add_argument("--out", type=file_to_write)
    parser.add_argument("--page", action="store_true", help="fuzz nothing, write the page of the counts that are there")
    parser.add_argument("--one", nargs=2, metavar=("TARGET", "RESULT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        fuzz_here(arguments.one[0], arguments, Path(arguments.one[1]))
        return
    from fuzz_targets import TARGETS

    names = arguments.only.split(",") if arguments.only else list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"--only {','.join(unknown)}: known are {', '.join(TARGETS)}")
    arguments.results.mkdir(parents=True, exist_ok=True)
    engines = ["atheris", "hypothesis"] if arguments.engine == "both" else [arguments.engine]
    if not arguments.page:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            # By shards first, so that a run that is stopped has seen every target.
            shards = range(arguments.shards)
            runs = [(name, engine, shard) for shard in shards for engine in engines for name in names]
            for run in [pool.submit(fuzz, *run, arguments) for run in runs]:
                run.result()
    found = merged(Count(**json.loads(path.read_text())) for path in sorted(arguments.results.glob("*.json")))
    counts = sorted(found, key=lambda count: (list(TARGETS).index(count.target), count.engine))
    text = "\n".join(page(counts, arguments)) + "\n"
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(text)
    sys.exit(int(any(count.findings for count in counts)))


if __name__ == "__main__":
    main()
