"""Finds the compiler and run-time of each language, and the commands that use them.

The interpreters run isolated from the machine's packages, so that a program has the same result on every machine. The
JVM and Node.js reserve far more address space than they use, so their heaps are limited by flags and their resident
memory by the watchdog. Flags shorten the start of the JVM: the serial collector, only the first compiler tier, no
statistics file.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from moesaic.errors import ToolchainError
from moesaic.execution import patience
from moesaic.languages import Language

__all__ = ["Toolchain", "csharp", "go", "java", "javascript", "native", "php", "python", "ruby", "typescript"]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """How one language is compiled and run on this machine.

    In the commands, ``{folder}`` is the program's folder, ``{cache}`` is the folder with what was prepared once (when
    compiling), and ``{heap_mb}`` is half the memory limit in MiB.

    Attributes:
        language: Name of the language.
        versions: Tool -> version, as the tool prints it.
        folders: Folders outside the system's folders in which the tools are installed.
        run: Command that runs a program.
        run_test: Command that runs a program with its test; None if the result could not be judged.
        compile: Command that compiles a program, or None. It is None for Java, too, because a server compiles
            (``java_compiler``).
        limit_address_space: False for run-times with a managed heap.
        tools: Paths and flags that are needed to prepare what all programs share.
        hidden: Folders of installed packages, which programs must not see.
    """

    language: str
    versions: dict[str, str]
    folders: tuple[Path, ...]
    run: tuple[str, ...]
    run_test: tuple[str, ...] | None = None
    compile: tuple[str, ...] | None = None
    limit_address_space: bool = True
    tools: dict[str, str] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()


def python(_: Language) -> Toolchain:
    """Finds a Python interpreter; programs do not see its installed packages."""
    # The interpreter on which a virtual environment is based, so that the environment's packages are not visible.
    candidates = [Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"]
    candidates += [Path(path) for path in (shutil.which("python3", path=os.defpath), shutil.which("python3")) if path]
    # If started as root, programs run as an unprivileged user, who cannot enter root's home.
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
        run_test=(str(program), "-s", "{folder}/launch.py"),
        hidden=tuple(sorted(path for library in libraries for path in library.glob("python*/*-packages"))),
    )


def javascript(row: Language) -> Toolchain:
    """Finds Node.js."""
    node = _find("node", row)
    command = (str(node), "--max-old-space-size={heap_mb}")
    return Toolchain(
        language="javascript",
        versions={"node": _version(str(node), "--version")},
        folders=_folders(node),
        run=(*command, "--require", "{folder}/preamble.js", "{folder}/main.js"),
        run_test=(*command, "{folder}/launch.js"),
        limit_address_space=False,
    )


def typescript(row: Language) -> Toolchain:
    """Finds esbuild, which translates TypeScript to JavaScript, and Node.js.

    A program is judged by what it does, not by its types. esbuild removes types and translates constructs that are more
    than types (enums, namespaces, parameter properties). Node.js itself removes types from version 22.6 on, but refuses
    such constructs. TypeScript's own compiler would also check types, which does not change what a program does.
    """
    esbuild, node = _find("esbuild", row), javascript(row)
    options = ("--format=cjs", "--target=node18", "--log-level=error", "--log-limit=5")
    return replace(
        node,
        language="typescript",
        versions={"esbuild": _version(str(esbuild), "--version"), **node.versions},
        folders=tuple(dict.fromkeys([*_folders(esbuild), *node.folders])),
        compile=(str(esbuild), "{folder}/main.ts", "{folder}/test.ts", "--outdir={folder}", *options),
    )


def java(row: Language) -> Toolchain:
    """Finds a JDK."""
    javac = _find("javac", row).resolve()
    program = javac.with_name("java")
    if not program.is_file():
        raise ToolchainError(f"java: no java beside {javac}; install a complete JDK, 17 or later")
    # The number of processors is fixed because, by default, a large machine would get more threads than are allowed.
    threads = ("-XX:+UseSerialGC", "-XX:ActiveProcessorCount=2")
    flags = (*threads, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData")
    command = (str(program), *flags, "-Xmx{heap_mb}m", "-Xss16m", "-cp", "{folder}")
    settings = tuple(path for path in Path("/etc").glob("java-*") if path.is_dir())
    return Toolchain(
        language="java",
        versions={"java": _version(str(program), "-version")},
        folders=(*_folders(program), *settings),
        run=(*command, "Main"),
        run_test=(*command, "-ea", "MoesaicLauncher"),
        limit_address_space=False,
        tools={"java": str(program), "flags": " ".join(flags)},
    )


def native(compiler: str, flags: tuple[str, ...], libraries: tuple[str, ...] = ()) -> Callable[[Language], Toolchain]:
    """Returns a function that finds a compiler of GCC and makes its toolchain."""

    def find(row: Language) -> Toolchain:
        path = _find(compiler, row)
        linker = ("-fuse-ld=gold",) if shutil.which("ld.gold", path=os.defpath) else ()  # takes a third of the time
        command = (str(path), *flags, *linker, "-w", "-I{cache}", "-o", "{folder}/main", "{cache}/assert.o")
        return Toolchain(
            language=row.name,
            versions={compiler: _version(str(path), "--version")},
            folders=_folders(path),
            run=("{folder}/main",),
            run_test=("{folder}/main",),
            compile=(*command, f"{{folder}}/{row.source_file}", *libraries),
            tools={"compiler": str(path), "flags": " ".join(flags)},
        )

    return find


def go(row: Language) -> Toolchain:
    """Finds Go. Compiler and linker are called directly, which takes a tenth of the time of ``go build``."""
    program, shell = _find("go", row), _find("sh", row)
    done = patience.ask([str(program), "env", "GOROOT", "GOTOOLDIR"])
    if len(found := done.stdout.split()) != 2:
        raise ToolchainError(f"go: {program} env does not say where Go is: {(done.stderr.splitlines() or [''])[0]}")
    root, tools = found
    job = (
        f"{{{{ {tools}/compile -complete -p main -importcfg {{cache}}/importcfg -o {{folder}}/main.a "
        "{folder}/*.go && "
        f"{tools}/link -importcfg {{cache}}/importcfg -s -o {{folder}}/main {{folder}}/main.a; }}}} >&2"
    )
    return Toolchain(
        language="go",
        versions={"go": _version(str(program), "version")},
        folders=tuple(dict.fromkeys([*_folders(program), *(() if root.startswith("/usr/") else (Path(root),))])),
        run=("{folder}/main",),
        run_test=("{folder}/main",),
        compile=(str(shell), "-c", job),
        limit_address_space=False,
        tools={"go": str(program), "shell": str(shell), "compile": f"{tools}/compile"},
    )


def php(row: Language) -> Toolchain:
    """Finds PHP."""
    program = _find("php", row)
    # -n ignores the machine's settings. Reflection would show a program the launcher's variables.
    command = (str(program), "-n", "-ddisplay_errors=stderr", "-dmemory_limit={heap_mb}M")
    hidden = "-ddisable_classes=ReflectionMethod,ReflectionFunction"
    return Toolchain(
        language="php",
        versions={"php": _version(str(program), "--version")},
        folders=_folders(program),
        run=(*command, "{folder}/main.php"),
        run_test=(*command, "-dzend.assertions=1", hidden, "{folder}/launch.php"),
    )


def ruby(row: Language) -> Toolchain:
    """Finds Ruby. Programs see only the gems that come with it, and ``Set`` is loaded as it is from Ruby 3.2 on."""
    program = _find("ruby", row)
    command = (str(program), "-EUTF-8", "-rset", "--disable=did_you_mean,error_highlight,rubyopt")
    gems = Path("/usr/share/rubygems-integration")  # Debian's packages
    return Toolchain(
        language="ruby",
        versions={"ruby": _version(str(program), "--version")},
        folders=_folders(program),
        run=(*command, "{folder}/main.rb"),
        run_test=(*command, "{folder}/launch.rb"),
        hidden=tuple(sorted(path for path in gems.glob("*/gems") if path.is_dir())),
    )


def lua(row: Language) -> Toolchain:
    """Finds Lua 5.4, which runs without the machine's settings."""
    program = _find("lua5.4", row)
    return Toolchain(
        language="lua",
        versions={"lua": _version(str(program), "-v")},
        folders=_folders(program),
        run=(str(program), "-E", "{folder}/main.lua"),
    )


def csharp(row: Language) -> Toolchain:
    """Finds Mono and its compiler."""
    compiler, runtime = _find("mcs", row), _find("mono", row)
    return Toolchain(
        language="csharp",
        versions={"mcs": _version(str(compiler), "--version"), "mono": _version(str(runtime), "--version")},
        folders=tuple(dict.fromkeys([*_folders(compiler), *_folders(runtime)])),
        run=(str(runtime), "{folder}/main.exe"),
        compile=(str(compiler), "-out:{folder}/main.exe", "{folder}/main.cs"),
        limit_address_space=False,
    )


_PACKAGES = {
    "javac": "default-jdk-headless",
    "node": "nodejs",
    "mcs": "mono-mcs",
    "mono": "mono-runtime",
    "php": "php-cli",
    "go": "golang-go",
}
"""Tool -> Debian package, for packages whose name differs from the tool's."""


def _find(tool: str, row: Language) -> Path:
    path = shutil.which(tool)
    if path is None:
        package = _PACKAGES.get(tool, tool)
        raise ToolchainError(
            f"{row.name}: {tool} is not on PATH; install it to run {row.title} programs "
            f"(Debian: apt-get install {package})"
        )
    program = Path(path)
    return program.resolve() if program.parent.parent in _shared_prefixes() else program


def _folders(program: Path) -> tuple[Path, ...]:
    """Returns the folders outside /usr that a tool needs: those above its ``bin``, before and after following links.

    Raises:
        ToolchainError: Such a folder contains much else, which programs would then see.
    """
    prefixes = {path.parent.parent for path in (program, program.resolve())}
    shared = sorted(prefixes & _shared_prefixes())
    if shared:
        raise ToolchainError(
            f"{program} is installed directly into {shared[0]}, whose other contents programs must not see; "
            "install it into a folder of its own or below /usr"
        )
    return tuple(sorted(p for p in prefixes if not p.is_relative_to("/usr") and p != Path("/")))


def _shared_prefixes() -> set[Path]:
    """Returns folders that may have a ``bin`` but do not belong to a single installation."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # there may be no home
    return {home, home / ".local", Path("/home"), Path("/opt")}


def _is_reachable_by_all(path: Path) -> bool:
    """Returns True if other users can enter every folder above a file."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _version(program: str, flag: str) -> str:
    done = patience.ask([program, flag])
    first = (done.stdout or done.stderr).strip().splitlines()
    match = re.search(r"\d+(\.\d+)+[\w.+-]*", first[0]) if first else None
    return match.group() if match else "unknown"
