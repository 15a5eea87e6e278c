"""Runs all programs of the embedded corpus, compiled once a language, so that it takes seconds and not minutes.

Every ``run_LANGUAGE`` is given a folder with a folder per task, which holds the program and its inputs ``0.in``,
``1.in``, ...; it writes ``0.out``, ``1.out``, ... beside them. In the interpreted languages and in Java, one process
runs everything. All programs in C++ become one translation unit, each in a namespace of its own, and all in Go one
module, each a package. What each of them prints to standard error is returned: a compiler's or an interpreter's
complaints.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 280
_INCLUDE = re.compile(r"^#include <\w+>\n", re.MULTILINE)


class MissingToolError(Exception):
    """A compiler or run-time is not installed."""


def find(executable: str) -> str:
    path = shutil.which(executable)
    if path is None:
        raise MissingToolError(f"{executable} is not installed")
    return path


def _run(command: list[str], folder: Path, stdin: str = "") -> str:
    done = subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.stderr or ("" if done.returncode == 0 else f"{command[0]} ended with {done.returncode}")


def run_python(folder: Path) -> str:
    return _run([sys.executable, "-S", str(HERE / "corpus_runner.py"), str(folder)], folder)


def run_javascript(folder: Path) -> str:
    return _run([find("node"), str(HERE / "corpus_runner.js"), str(folder)], folder)


def run_typescript(folder: Path) -> str:
    """Types are taken away, not checked: esbuild is no type checker."""
    sources = sorted(map(str, folder.glob("*/main.ts")))
    options = ["--format=cjs", "--target=node18", "--log-level=warning", f"--outdir={folder}", f"--outbase={folder}"]
    return _run([find("esbuild"), *sources, *options], folder) or run_javascript(folder)


def run_ruby(folder: Path) -> str:
    return _run([find("ruby"), "-W", "--disable-gems", str(HERE / "corpus_runner.rb"), str(folder)], folder)


def run_php(folder: Path) -> str:
    """Without the machine's settings and extensions, as in the sandbox."""
    return _run([find("php"), "-n", "-ddisplay_errors=stderr", str(HERE / "corpus_runner.php"), str(folder)], folder)


def run_java(folder: Path) -> str:
    for source in folder.glob("*/Main.java"):
        source.write_text(f"package {source.parent.name};\n{source.read_text()}")
    find("javac")
    # Scanner and printf follow the locale of the machine, which may write a decimal comma.
    command = [find("java"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.language=en"]
    return _run([*command, str(HERE / "CorpusRunner.java"), str(folder)], folder)


def run_cpp(folder: Path) -> str:
    sources = {path.parent.name: path.read_text() for path in sorted(folder.glob("*/main.cpp"))}
    includes = sorted(
        {line for source in sources.values() for line in _INCLUDE.findall(source)} | {"#include <cstring>\n"}
    )
    parts = [*includes, "#define main run_program\n"]
    for name, source in sources.items():
        program = _INCLUDE.sub("\n", source)
        parts.append(f'namespace of_{name} {{\n#line 1 "{name}/main.cpp"\n{program}}}\n')
    cases = "".join(
        f'    if (std::strcmp(name[1], "{name}") == 0) return of_{name}::run_program();\n' for name in sources
    )
    parts.append(f"#undef main\nint main(int, char** name) {{\n{cases}    return 1;\n}}\n")
    (folder / "all.cpp").write_text("".join(parts))
    options = ["-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror"]
    return _run([find("g++"), *options, "-o", "all", "all.cpp"], folder) or _run_each([str(folder / "all")], folder)


def run_go(folder: Path) -> str:
    names = sorted(path.parent.name for path in folder.glob("*/main.go"))
    for name in names:
        source = folder / name / "main.go"
        program = source.read_text().replace("package main\n", f"package {name}\n", 1)
        source.write_text(program.replace("func main() {", "func Main() {"))
    imports = "".join(f'\t"corpus/{name}"\n' for name in names)
    cases = "".join(f'\tcase "{name}":\n\t\t{name}.Main()\n' for name in names)
    body = f"func main() {{\n\tswitch os.Args[1] {{\n{cases}\t}}\n}}\n"
    (folder / "all.go").write_text(f'package main\n\nimport (\n\t"os"\n{imports})\n\n{body}')
    (folder / "go.mod").write_text("module corpus\n\ngo 1.18\n")
    command = [find("go"), "build", "-o", "all", "."]
    return _run(command, folder) or _run_each([str(folder / "all")], folder)


def _run_each(command: list[str], folder: Path) -> str:
    problems = []
    for path in sorted(folder.glob("*/*.in")):
        with path.open() as stdin, path.with_suffix(".out").open("w") as stdout:
            done = subprocess.run(
                [*command, path.parent.name], stdin=stdin, stdout=stdout, timeout=SECONDS, check=False
            )
        if done.returncode:
            problems.append(f"{path.parent.name} ended with {done.returncode} on {path.name}")
    return "\n".join(problems)


RUNNERS = {
    "python": run_python,
    "java": run_java,
    "javascript": run_javascript,
    "cpp": run_cpp,
    "ruby": run_ruby,
    "typescript": run_typescript,
    "go": run_go,
    "php": run_php,
}
