"""Runs programs that a model wrote, isolated from the machine: compiled once, run many times.

Nothing runs without consent: ``allow_code_execution=True``. There are two modes. ``bubblewrap``, the default, stops
the following:

    network access           The network namespace has no interfaces; sockets other than AF_UNIX fail (seccomp).
    reading your files       Only /usr and the language's tools exist, read-only; there is no home, no /etc, no /work.
    writing anywhere         Only a private /tmp and 1 MiB of /dev/shm can be written; they are removed afterwards.
    learning your paths      A program's files are copied into the sandbox, because a mount would show where they are.
    filling the disk         The private /tmp is limited in bytes and files, and each file in bytes.
    filling the memory       The resident memory of all processes together is checked every 20 ms. The address space of
                             each process is limited, and the heaps of the JVM and Node.js by their flags. Memory that
                             is not resident, such as unmapped shared pages, is refused (seccomp, no /dev/zero).
    fork bombs               The number of processes and threads is limited.
    running on               Wall and CPU time are limited. All processes, also daemons, end with the PID namespace.
    flooding                 stdout and stderr are read while they are written, and cut off at a limit.
    attacking other programs Programs have their own PID and IPC namespaces, cannot gain privileges, and run as
                             another user if moesaic was started as root.
    tricks with result files No file that a program wrote is opened outside: verdicts come from exit codes and pipes.
    kernel interfaces        Mounts, tracing, keyrings, BPF, io_uring, user namespaces and others fail (seccomp, on
                             x86-64 and ARM64).

It does not stop the following: exploits of a hole in the kernel; side channels, and the use of every core until the
time is up; the use of kernel memory for pipes and sockets, up to what 128 open files per process allow; memory that is
allocated within the 20 ms between two checks; reading /usr; and what ``harness`` says about verdicts.

``rlimit`` must be asked for by name. It stops endless programs, oversized files, endless output, and most memory and
fork bombs, and it changes to an unprivileged user if started as root. It does not stop network access, reading and
writing what the user may read and write, making many files, memory that is not resident, killing the user's other
processes, or a process that detaches itself with setsid and keeps running. Use it only for programs that you trust, or
in a container that you throw away.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Literal, cast, get_args

from moesaic.errors import ConsentError, ToolchainError
from moesaic.execution import cpp_header, patience
from moesaic.execution.harness import HARNESSES, Layout, Program, SwallowedTestError, separated
from moesaic.execution.isolation import Bubblewrap, Isolation, Mount, RlimitOnly
from moesaic.execution.java_compiler import JavaCompiler
from moesaic.execution.judges import find_judge, find_toolchain
from moesaic.execution.supervise import Limits, Outcome, supervise
from moesaic.execution.toolchains import Toolchain
from moesaic.execution.verdicts import ExecutionResult, Status, ending, judge_compilation, judge_run, ran_out_of_time
from moesaic.languages import suggest

__all__ = [
    "COMPILE_LIMITS",
    "Build",
    "ExecutionResult",
    "Limits",
    "Program",
    "Sandbox",
    "SandboxMode",
    "Status",
    "check_mode",
]

SandboxMode = Literal["bubblewrap", "rlimit"]

COMPILE_LIMITS = Limits(wall_seconds=60.0, memory_bytes=2 << 30, file_bytes=256 << 20, disk_bytes=512 << 20)
"""Limits on a compiler, because hostile source can make it hang or use up memory."""

_PROGRAMS_WORTH_A_HEADER = 3  # precompiling the header costs about as much as it saves on three programs


@dataclass(frozen=True, slots=True)
class Build:
    """A compiled program, which can be run any number of times.

    Attributes:
        program: The program that was built.
        folder: The folder with the built files; None if the build failed.
        failure: The result of the failed build; None if it succeeded.
        stdin: The text that the launcher of a test reads.
    """

    program: Program
    folder: Path | None = None
    failure: ExecutionResult | None = None
    stdin: str = ""


def check_mode(mode: str) -> SandboxMode:
    """Returns the mode after checking that it is one of ``SandboxMode``.

    Raises:
        ToolchainError: The mode is unknown.
    """
    for known in get_args(SandboxMode):
        if mode == known:
            return cast("SandboxMode", known)
    raise ToolchainError(f"unknown sandbox {mode!r}: {suggest(mode, get_args(SandboxMode))} (--sandbox)")


class Sandbox:
    """Compiles and runs untrusted programs. Use it as a context manager; threads may share it.

    Args:
        mode: The module's docstring says what each mode stops.
        allow_code_execution: The consent without which nothing runs.
        limits: Limits on a run, unless ``execute`` is given others.

    Raises:
        ConsentError: ``allow_code_execution`` is not True.
        ToolchainError: The mode is unknown, or its tools are missing or do not work here.
    """

    def __init__(
        self,
        mode: SandboxMode = "bubblewrap",
        *,
        allow_code_execution: bool = False,
        limits: Limits | None = None,
    ) -> None:
        check_mode(mode)
        if allow_code_execution is not True:
            raise ConsentError(
                "this runs programs that a model or a data set wrote; they are sandboxed, but nothing is without risk: "
                "allow it with --allow-code-execution (allow_code_execution=True in Python)"
            )
        self.limits = limits or Limits()
        self.isolation: Isolation = Bubblewrap() if mode == "bubblewrap" else RlimitOnly()
        self._folder = Path(tempfile.mkdtemp(prefix="moesaic-sandbox-"))
        self._folder.chmod(0o711)  # programs run as another user when started as root
        self._lock = threading.Lock()
        self._num_with_header = self._num_with_whole_header = 0
        self._whole_header_words: frozenset[str] | None = None
        self._idle_java_compilers: list[JavaCompiler] = []
        self._broken: dict[str, str] = {}  # language -> why its tools do not work; found out only once

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the compiler servers and removes everything that was built."""
        while self._idle_java_compilers:
            self._idle_java_compilers.pop().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, program: Program, stdin: str = "", limits: Limits | None = None) -> ExecutionResult:
        """Compiles a program and runs it once."""
        with self.build(program) as build:
            return self.execute(build, stdin, limits)

    @contextlib.contextmanager
    def build(self, program: Program) -> Iterator[Build]:
        """Compiles a program if its language is compiled; the built files exist as long as the context is open.

        Raises:
            ToolchainError: The language's tools are missing or do not work.
        """
        toolchain, judge = find_toolchain(program.language), find_judge(program.language)
        if program.test and toolchain.run_test is None:
            raise ToolchainError(
                f"{toolchain.language}: no launcher shows that a test ran to its end; use tests with input and output"
            )
        folder = Path(tempfile.mkdtemp(prefix="program-", dir=self._folder))
        folder.chmod(0o755)
        layout = Layout()
        try:
            try:
                program = separated(program)
                layout = judge.lay_out(program, f"moesaic_{token_hex(8)}_")
            except SwallowedTestError as error:
                failure: ExecutionResult | None = ExecutionResult(Status.COMPILE_ERROR, "compile", detail=str(error))
            else:
                for name, text in layout.files.items():
                    (folder / name).write_text(text, encoding="utf-8", errors="replace")
                for name, path in judge.harness.items():
                    (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / name)
                if layout.units:
                    failure = self._compile_java(layout, toolchain, folder)
                elif toolchain.compile is not None:
                    failure = self._compile(program, toolchain, folder)
                else:
                    failure = None
            yield Build(program, None if failure else folder, failure, layout.stdin)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def execute(self, build: Build, stdin: str = "", limits: Limits | None = None) -> ExecutionResult:
        """Runs a built program once, or returns the failure of a failed build.

        Args:
            build: The result of ``build``.
            stdin: Standard input of a program without a test. If there is a test, the launcher reads standard input.
            limits: Limits on this run; None for those of the sandbox.

        Raises:
            ToolchainError: The command cannot be started.
        """
        if build.failure is not None or build.folder is None:
            assert build.failure is not None
            return build.failure
        program, limits = build.program, limits or self.limits
        toolchain = find_toolchain(program.language)
        command, secret = toolchain.run, ""
        if program.test:
            assert toolchain.run_test is not None
            assert not stdin
            command, secret = toolchain.run_test, token_hex(16)
            stdin = f"{secret}\n{build.stdin}"
        box = Mount(build.folder, "/box", copied=True)
        outcome = self._supervise(command, toolchain, {"folder": box}, limits, stdin)
        return judge_run(program, outcome, limits, secret)

    def _supervise(
        self,
        command: Sequence[str],
        toolchain: Toolchain,
        folders: Mapping[str, Mount],
        limits: Limits,
        stdin: str = "",
    ) -> Outcome:
        names = {name: self.isolation.inside(mount) for name, mount in folders.items()}
        names["heap_mb"] = str(limits.memory_bytes >> 21)
        mounts = [*folders.values(), *(Mount(path, str(path)) for path in toolchain.folders)]
        with self.isolation.launch(
            [argument.format_map(names) for argument in command],
            limits,
            mounts,
            limit_address_space=toolchain.limit_address_space,
            hidden=toolchain.hidden,
        ) as launch:
            try:
                return supervise(launch, limits, stdin.encode("utf-8", "replace"))
            except OSError as error:
                raise ToolchainError(f"{toolchain.language}: cannot start {launch.command[0]}: {error}") from error

    def _compile(self, program: Program, toolchain: Toolchain, folder: Path) -> ExecutionResult | None:
        assert toolchain.compile is not None
        cache, command = self._cache(toolchain), list(toolchain.compile)
        headers: list[list[str]] = [[]]
        if "compiler" in toolchain.tools:
            headers = self._prepare_native(program, toolchain, cache)
            if program.test:  # linked first, so that it runs before anything that the program runs before main
                command[1:1] = ["{cache}/main.o", "-Wl,--wrap=main"]
            command += ["-lcrypto"] if "#include<openssl/" in program.source.replace(" ", "") else []
        if "go" in toolchain.tools:
            self._prepare_go(toolchain, cache)
        mounts = {"folder": Mount(folder, "/box", writable=True), "cache": cache}
        for header in headers:
            outcome = self._supervise([command[0], *header, *command[1:]], toolchain, mounts, COMPILE_LIMITS)
            if outcome.exit_code == 0 and not outcome.stopped_by:
                return None
            if outcome.stopped_by:
                break
        return judge_compilation(outcome, COMPILE_LIMITS)

    def _prepare_go(self, toolchain: Toolchain, cache: Mount) -> None:
        """Compiles the packages that programs may import and the launcher's package once, and writes ``importcfg``."""
        from moesaic.execution.go_tests import PACKAGES

        with self._lock:
            if (cache.source / "importcfg").exists():
                return
            shutil.copy(HARNESSES / "go" / "moesaic.go", cache.source)
            tools, form = (
                toolchain.tools,
                "{{{{if .Export}}}}packagefile {{{{.ImportPath}}}}={{{{.Export}}}}{{{{end}}}}",
            )
            settings = "HOME={folder} GOCACHE={folder}/cache GO111MODULE=off CGO_ENABLED=0 GOFLAGS="
            packages = " ".join(PACKAGES)
            jobs = f"{settings} {tools['go']} list -e -export -deps -f '{form}' {packages} > {{folder}}/listed && "
            jobs += f"{tools['compile']} -p moesaic -importcfg {{folder}}/listed -o {{folder}}/moesaic.a "
            jobs += "{folder}/moesaic.go"
            self._run_compiler([tools["shell"], "-c", jobs], toolchain, cache.source)
            there, here = (self.isolation.inside(Mount(cache.source, place)) for place in ("/box", cache.target))
            listed = (cache.source / "listed").read_text().replace(f"={there}/", f"={here}/")
            (cache.source / "importcfg").write_text(f"{listed}packagefile moesaic={here}/moesaic.a\n")

    def _prepare_native(self, program: Program, toolchain: Toolchain, cache: Mount) -> list[list[str]]:
        """Compiles once what all programs share: the harness and, after a few programs, the big header.

        Returns:
            Lists of options with which to compile, in the order in which to try them. The second list is for a program
            for which the lean form of the header is not enough.
        """
        compiler, *flags = toolchain.tools["compiler"], *toolchain.tools["flags"].split()
        with self._lock:
            if not (cache.source / "main.o").exists():
                shutil.copytree(HARNESSES / "c", cache.source, dirs_exist_ok=True)
                options = [*flags[1:], "-x", "c", "-c"]  # without the flag for the standard, which may be that of C++
                for name in ("assert", "main"):
                    job = [compiler, *options, "-o", f"{{folder}}/{name}.o", f"{{folder}}/{name}.c"]
                    self._run_compiler(job, toolchain, cache.source)
            if program.language != "cpp" or cpp_header.NAME not in program.source + program.test:
                return [[]]
            self._num_with_header += 1
            if self._num_with_header >= _PROGRAMS_WORTH_A_HEADER and self._whole_header_words is None:
                self._prepare_header("lean", [compiler, *flags], toolchain, cache)
            if self._whole_header_words is None:
                return [[]]
            if not self._whole_header_words & cpp_header.words(program.source + program.test):
                return [["-I{cache}/lean"], ["-I{cache}/whole"]]
            self._num_with_whole_header += 1
            if self._num_with_whole_header == _PROGRAMS_WORTH_A_HEADER:
                self._prepare_header("whole", [compiler, *flags], toolchain, cache)
            return [["-I{cache}/whole"]]

    def _prepare_header(self, kind: str, compiler: list[str], toolchain: Toolchain, cache: Mount) -> None:
        """Precompiles the big header, or its lean form, into a folder of the cache."""
        building = Path(tempfile.mkdtemp(dir=self._folder))
        building.chmod(0o755)
        shutil.copytree(HARNESSES / "c", building / "harness")  # a separate folder, or the header would include itself
        header = building / cpp_header.NAME
        header.parent.mkdir()
        header.parent.chmod(0o755)
        # A source that includes the header twice, or not first, reads this text instead of the precompiled form.
        header.write_text(f"#pragma once\n#include_next <{cpp_header.NAME}>\n")
        options = [*compiler, "-w", "-I{folder}/harness", "-x", "c++-header"]
        if kind == "lean":
            whole = self._preprocess("whole", options, toolchain, building)
            header.write_text(cpp_header.lean(cpp_header.system_file(whole).read_text(encoding="utf-8")))
            self._whole_header_words = cpp_header.words_beyond(
                whole, self._preprocess(kind, options, toolchain, building)
            )
        job = [*options, "-o", "{folder}/precompiled", f"{{folder}}/{cpp_header.NAME}"]
        self._run_compiler(job, toolchain, building)
        (building / "precompiled").rename(building / f"{cpp_header.NAME}.gch")
        building.rename(cache.source / kind)

    def _preprocess(self, name: str, options: list[str], toolchain: Toolchain, building: Path) -> str:
        job = [*options, "-E", "-o", f"{{folder}}/{name}", f"{{folder}}/{cpp_header.NAME}"]
        self._run_compiler(job, toolchain, building)
        return (building / name).read_text(encoding="utf-8", errors="replace")

    def _run_compiler(self, command: list[str], toolchain: Toolchain, folder: Path) -> None:
        """Compiles moesaic's own code, with a long time limit for busy machines.

        Raises:
            ToolchainError: The compiler does not work or did not answer in time, in this call or an earlier one.
        """
        language = toolchain.language
        if language in self._broken:
            raise ToolchainError(self._broken[language])
        limits, mounts = replace(COMPILE_LIMITS, wall_seconds=patience.SECONDS), {"folder": Mount(folder, "/box", True)}
        before = set(folder.iterdir())
        for _ in range(patience.ATTEMPTS):
            outcome = self._supervise(command, toolchain, mounts, limits)
            if not ran_out_of_time(outcome, limits):
                break
            for left in set(folder.iterdir()) - before:  # the next attempt runs as another user
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        else:
            raise self._given_up(language, f"{language}: {patience.no_answer(command[0])}")
        if outcome.exit_code != 0 or outcome.stopped_by:
            raise self._given_up(language, f"{language}: {command[0]} does not work: {ending(outcome)}")

    def _given_up(self, language: str, why: str) -> ToolchainError:
        self._broken[language] = why
        return ToolchainError(why)

    def _compile_java(self, layout: Layout, toolchain: Toolchain, folder: Path) -> ExecutionResult | None:
        if toolchain.language in self._broken:
            raise ToolchainError(self._broken[toolchain.language])
        with self._java_compiler(toolchain) as compiler:
            try:
                answer = compiler.compile(layout.units, folder)
            except ToolchainError as error:
                raise self._given_up(toolchain.language, str(error)) from error
        if answer.succeeded:
            return None
        status = {"": Status.COMPILE_ERROR, "time": Status.TIMEOUT, "memory": Status.MEMORY}[answer.stopped_by]
        detail = answer.messages.strip().splitlines()[0][:200] if answer.messages.strip() else str(status)
        return ExecutionResult(status, "compile", stderr=answer.messages, seconds=answer.seconds, detail=detail)

    @contextlib.contextmanager
    def _java_compiler(self, toolchain: Toolchain) -> Iterator[JavaCompiler]:
        """Lends a compiler server to one thread; a new server starts only if all others are in use."""
        with self._lock:
            idle = self._idle_java_compilers
            compiler = idle.pop() if idle else JavaCompiler(self.isolation, toolchain, COMPILE_LIMITS)
        try:
            yield compiler
        finally:
            with self._lock:
                idle.append(compiler)

    def _cache(self, toolchain: Toolchain) -> Mount:
        folder = self._folder / f"cache-{toolchain.language}"
        folder.mkdir(mode=0o755, exist_ok=True)
        return Mount(folder, "/cache")
