"""Judges one right and one wrong program in every language with the tools on PATH; ``carry_tools.sh check`` runs it.

    python benchmarks/carry_tools_check.py FOLDER

A tool is on PATH because FOLDER/bin is on PATH, or because the system has the tool. The exit code is 1 if a verdict is
wrong, or if programs in a language with a tool in FOLDER cannot be run.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from moesaic.errors import MoesaicError
from moesaic.execution.judges import find_toolchains
from moesaic.execution.sandbox import Program, Sandbox

PROGRAMS = {
    "python": ("def twice(x):\n    return 2 * x\n", "assert twice(2) == 4"),
    "java": (
        "class Twice { static int twice(int x) { return 2 * x; } }",
        "class Main { public static void main(String[] a) { assert Twice.twice(2) == 4; } }",
    ),
    "javascript": ("const twice = x => 2 * x;\n", "console.assert(twice(2) === 4);"),
    "cpp": (
        "#include <bits/stdc++.h>\nint twice(int x) { return 2 * x; }\n",
        "int main() { assert(twice(2) == 4); }",
    ),
    "php": ("<?php\nfunction twice($x) { return 2 * $x; }\n", "if (twice(2) !== 4) { throw new Exception('no'); }"),
    "ruby": ("def twice(x)\n  2 * x\nend\n", "raise StandardError, 'no' if twice(2) != 4"),
    "typescript": (
        "const twice = (x: number): number => 2 * x;\n",
        "import * as assert from 'assert'\nassert.deepEqual(twice(2), 4);",
    ),
    "go": (
        'package main\n\nimport "strconv"\n\nfunc twice(x int) int { return 2 * x }\n\nvar _ = strconv.Itoa\n',
        'func main() { if twice(2) != 4 { panic("no") } }',
    ),
}
"""Language -> (program, test)."""

_OF = {"java": "java", "javascript": "node", "php": "php", "ruby": "ruby", "typescript": "esbuild", "go": "go"}


def main(folder: Path) -> int:
    found, missing = find_toolchains(PROGRAMS)
    wrong = 0
    with Sandbox("bubblewrap", allow_code_execution=True) as sandbox:
        for language, (source, test) in PROGRAMS.items():
            carried = (folder / "bin" / _OF.get(language, "")).is_file()
            if language in missing:
                print(f"{language}: {missing[language]}")
                wrong += carried
                continue
            try:
                results = [
                    sandbox.run(Program(language, text, test)) for text in (source, source.replace("2 *", "3 *"))
                ]
            except MoesaicError as error:
                print(f"{language}: {error}")
                wrong += 1
                continue
            verdicts = [str(result.status) for result in results]
            right = verdicts[0] == "passed" and verdicts[1] in ("wrong", "crashed")  # PHP's test throws
            wrong += not right
            details = "" if right else f" {[result.detail for result in results]} {results[0].stderr[-300:]}"
            tools = ", ".join(f"{name} {version}" for name, version in found[language].versions.items())
            print(f"{language}: {verdicts[0]}, {verdicts[1]} ({tools}{', carried' if carried else ''}){details}")
    return int(wrong > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the tools were unpacked")
    options = parser.parse_args()
    os.umask(0o022)
    sys.exit(main(options.folder))
