"""Finds each language's compiler and run-time, and knows the commands that use them.

The interpreters run isolated from the machine's packages, so that a program passes or fails everywhere alike. The JVM
and Node.js reserve far more address space than they use; their heaps are bounded by flags and their resident memory by
the watchdog. The JVM's flags cut its start-up: the serial collector, the first compiler tier only, no statistics file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from moesaic.errors import ToolchainError
from moesaic.languages import Language, get_language

__all__ = ["Toolchain", "find_toolchain", "find_toolchains"]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """How one language is compiled and run on this machine.

    In the commands ``{folder}`` is the program's folder, ``{cache}`` the folder of what is prepared once, ``{heap_mb}``
    half the memory limit in MiB.

    Attributes:
        language: Name of the language.
        versions: Tool -> version, as the tool prints it.
        folders: Folders outside the system's that the tools live in.
        run: Command that runs a program.
        compile: Command that compiles it, or None. Java has none either: a server compiles (``java_compiler``).
        limit_address_space: False for run-times with a managed heap.
        tools: Paths and flags for what is prepared once.
        hidden: Folders of installed packages, which programs must not see.
    """

    language: str
    versions: dict[str, str]
    folders: tuple[Path, ...]
    run: tuple[str, ...]
    compile: tuple[str, ...] | None = None
    limit_address_space: bool = True
    tools: dict[str, str] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()


def _python(_: Language) -> Toolchain:
    # The interpreter behind a virtual environment: its own packages stay out.
    candidates = [Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"]
    candidates += [Path(path) for path in (shutil.which("python3", path=os.defpath), shutil.which("python3")) if path]
    # Started as root, programs run as an unprivileged user, who cannot enter root's home.
    programs = [path for path in candidates if path.is_file() and (os.geteuid() != 0 or _is_reachable_by_all(path))]
    if not programs:
        raise ToolchainError("python: no python3 that an unprivileged user can start; install Debian's python3")
    program = programs[0]
    libraries = {path.parent.parent / "lib" for path in (program, program.resolve())} | {Path("/usr/local/lib")}
    return Toolchain(
        language="python",
        versions={"python": _version(str(program), "--version")},
        folders=_folders(program),
        run=(str(program), "-s", "{folder}/main.py"),  # not -I, which would ignore PYTHONHASHSEED
        hidden=tuple(sorted(path for library in libraries for path in library.glob("python*/*-packages"))),
    )


def _javascript(row: Language) -> Toolchain:
    node = _find("node", row)
    run = (str(node), "--max-old-space-size={heap_mb}", "--require", "{folder}/preamble.js", "{folder}/main.js")
    versions = {"node": _version(str(node), "--version")}
    return Toolchain("javascript", versions, _folders(node), run, limit_address_space=False)


def _java(row: Language) -> Toolchain:
    javac = _find("javac", row).resolve()
    java = javac.with_name("java")
    if not java.is_file():
        raise ToolchainError(f"java: no java beside {javac}; install a complete JDK, 17 or later")
    flags = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData")
    run = (str(java), *flags, "-Xmx{heap_mb}m", "-Xss16m", "-cp", "{cache}:{folder}")
    settings = tuple(path for path in Path("/etc").glob("java-*") if path.is_dir())
    version = _version(str(java), "-version")
    tools = {"java": str(java), "flags": " ".join(flags)}
    folders = (*_folders(java), *settings)
    return Toolchain("java", {"java": version}, folders, run, limit_address_space=False, tools=tools)


def _native(compiler: str, flags: tuple[str, ...], libraries: tuple[str, ...] = ()) -> Callable[[Language], Toolchain]:
    def find(row: Language) -> Toolchain:
        path = _find(compiler, row)
        command = (str(path), *flags, "-w", "-I{cache}", "-o", "{folder}/main", f"{{folder}}/{row.source_file}")
        return Toolchain(
            language=row.name,
            versions={compiler: _version(str(path), "--version")},
            folders=_folders(path),
            run=("{folder}/main",),
            compile=(*command, *libraries),
            tools={"compiler": str(path), "flags": " ".join(flags)},
        )

    return find


def _from_table(row: Language) -> Toolchain:
    """The commands of ``languages.py``, for the languages that nobody has tuned."""
    tools = {command[0]: _find(command[0], row) for command in (row.compile, row.run) if command}
    versions = {name: _version(str(path), "--version") for name, path in tools.items()}
    folders = tuple(folder for path in tools.values() for folder in _folders(path))

    def fill(command: tuple[str, ...]) -> tuple[str, ...]:
        arguments = (argument.replace("{source}", f"{{folder}}/{row.source_file}") for argument in command[1:])
        return (str(tools[command[0]]), *arguments)

    managed = row.name == "csharp"
    compile_command = fill(row.compile) if row.compile else None
    return Toolchain(row.name, versions, folders, fill(row.run), compile_command, limit_address_space=not managed)


_FINDERS: dict[str, Callable[[Language], Toolchain]] = {
    "python": _python,
    "java": _java,
    "javascript": _javascript,
    "cpp": _native("g++", ("-std=c++17", "-O1")),
    "c": _native("gcc", ("-std=c11", "-O1"), ("-lm",)),
}


@cache
def find_toolchain(language: str) -> Toolchain:
    """Returns the tools of a language.

    Raises:
        ToolchainError: One is missing; the message names it.
        DataError: The language is not known.
    """
    row = get_language(language)
    return _FINDERS.get(row.name, _from_table)(row)


def find_toolchains(languages: Iterable[str]) -> tuple[dict[str, Toolchain], dict[str, str]]:
    """Returns the tools of the languages that have them, and what is missing for the others, by language."""
    found: dict[str, Toolchain] = {}
    missing: dict[str, str] = {}
    for language in languages:
        try:
            found[language] = find_toolchain(language)
        except ToolchainError as error:
            missing[language] = str(error)
    return found, missing


def _find(tool: str, row: Language) -> Path:
    path = shutil.which(tool)
    if path is None:
        raise ToolchainError(f"{row.name}: {tool} is not on PATH; install it to run {row.title} programs")
    program = Path(path)
    return program.resolve() if program.parent.parent in _shared_prefixes() else program


def _folders(program: Path) -> tuple[Path, ...]:
    """Folders outside /usr that a tool needs: the one above its ``bin``, where it is and where its link points.

    Raises:
        ToolchainError: Such a folder holds much else, all of which programs would see.
    """
    prefixes = {path.parent.parent for path in (program, program.resolve())}
    shared = sorted(prefixes & _shared_prefixes())
    if shared:
        raise ToolchainError(
            f"{program} is installed straight into {shared[0]}, and programs must not see what else is there; "
            "install it into a folder of its own or below /usr"
        )
    return tuple(sorted(p for p in prefixes if not p.is_relative_to("/usr") and p != Path("/")))


def _shared_prefixes() -> set[Path]:
    """Folders that may have a ``bin`` but are nobody's installation alone."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # there may be no home
    return {home, home / ".local", Path("/home"), Path("/opt")}


def _is_reachable_by_all(path: Path) -> bool:
    """True when no folder above a file is closed to other users."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _version(program: str, flag: str) -> str:
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=60)
    first = (done.stdout or done.stderr).strip().splitlines()
    match = re.search(r"\d+(\.\d+)+[\w.+-]*", first[0]) if first else None
    return match.group() if match else "unknown"
