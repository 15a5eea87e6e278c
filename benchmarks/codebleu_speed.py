"""Compares the speed of moesaic's CodeBLEU with that of the package codebleu 0.7.0, pair by pair on one core.

    python benchmarks/codebleu_speed.py PAIRS.jsonl [--repeats 5]

PAIRS.jsonl holds ``language``, ``prediction`` and ``reference``. The package is installed into a temporary folder
without the old grammars that it pins, and uses the same tree-sitter core and grammars as moesaic. Every repeat measures
three times for each pair in turn: the package; moesaic with empty caches; and moesaic if the reference was analysed
before, as when many predictions are scored against it. The table gives the median over the repeats of the mean CPU time
per pair in milliseconds.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moesaic.codebleu import codebleu, reference, strict
from moesaic.errors import MoesaicError
from moesaic.files import read_json_lines
from moesaic.parsing import grammar_versions

PEER = "codebleu==0.7.0"
CACHES = (reference._tokens, reference._structure, reference._strip_comments, strict._analyse)


def install_peer(folder: str) -> Callable[..., dict[str, float]]:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, PEER]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    sys.path.insert(0, folder)
    logging.disable(logging.WARNING)
    return importlib.import_module("codebleu").calc_codebleu


def clear_caches() -> None:
    for cache in CACHES:
        cache.cache_clear()


def seconds(call: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    call(*arguments)
    return time.process_time() - start


def measure(rows: list[dict[str, str]], peer: Callable[..., dict[str, float]]) -> dict[str, float]:
    """Returns system -> mean milliseconds per pair, in one pass."""
    totals = dict.fromkeys(("codebleu 0.7.0", "reference", "reference, cached", "strict", "strict, cached"), 0.0)
    for row in rows:
        prediction, target, language = row["prediction"], row["reference"], row["language"]
        totals["codebleu 0.7.0"] += seconds(peer, [target], [prediction], language)
        for protocol in ("reference", "strict"):
            clear_caches()
            totals[protocol] += seconds(codebleu, [prediction], [target], language, protocol)
            clear_caches()
            codebleu(["x"], [target], language, protocol)
            totals[f"{protocol}, cached"] += seconds(codebleu, [prediction], [target], language, protocol)
    return {name: 1000 * total / len(rows) for name, total in totals.items()}


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, metavar="PAIRS.jsonl", help="programs and references")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rows = [row for _, row in read_json_lines(arguments.pairs)]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        peer = install_peer(folder)
        measure(rows[:20], peer)  # imports, grammars, regular expressions
        gc.collect()
        passes = [measure(rows, peer) for _ in range(arguments.repeats)]
    print(
        f"{cpu_model()}, one core; Python {platform.python_version()}; {len(rows)} pairs, {arguments.repeats} repeats"
    )
    print(", ".join(f"{name} {version}" for name, version in grammar_versions().items()))
    print("| system | CPU ms a pair (median) | lowest | highest | times the package's speed |\n|---|---|---|---|---|")
    for name in passes[0]:
        values = [run[name] for run in passes]
        ratio = statistics.median(run["codebleu 0.7.0"] / run[name] for run in passes)
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} | {ratio:.1f} |")


if __name__ == "__main__":
    try:
        main()
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
