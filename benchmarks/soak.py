"""Disturbs runs in many ways, and checks that the same command, given again, leads to the same result.

    python benchmarks/soak.py [--moments 50] [--only kill,disk,...] [--seed 0] [--out FILE.md]

A pico pipeline is first run twice without disturbance. What differs between the two runs depends on time, and is
ignored from then on. Then every stage, and every export, is made again many times, based on the finished stages before
it, and each time something happens to it: the process is killed or stopped; its disk is full, read-only or gone; its
clock jumps back; its base changes; a loss is not a number; or the memory is full. The command has to end in the way
that is promised for this case, and the same command, given again, has to produce the same numbers and bytes. The exit
code is 1 if any of this fails.

``make soak`` writes the table that is committed beside this file. ``make test`` runs a few moments of each kind.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from places import file_to_write
from soak_kinds import KINDS
from soak_pipeline import RECIPE, Soak

from pico import pico_base
from test_pipeline import write_pairs


def table(soak: Soak, seconds: float, arguments: argparse.Namespace) -> Iterator[str]:
    """Yields the lines of the committed table."""
    yield f"# Soak, {time.strftime('%Y-%m-%d', time.gmtime())}\n"
    where = f"on a CPU ({platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
    yield (
        f"`python benchmarks/soak.py --moments {arguments.moments} --seed {arguments.seed}`: {len(soak.rows)} "
        f"disturbed attempts in {seconds:,.0f} s {where}{torch.__version__}). "
        "A pico model; the seed chooses the moments.\n"
    )
    yield (
        "A moment is the number of a file operation of the stage, before which it happened, or some milliseconds "
        'after. "exit 0" means that the stage was done before, or in spite of it. "The same" compares numbers and '
        "bytes of the stage with an undisturbed run's, times left out, after the same command was given again.\n"
    )
    yield "| kind | stage | moment | it ended with | again |\n|---|---|---|---|---|"
    for row in soak.rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def main() -> None:
    """Runs the chosen disturbances and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=50, help="kills; other kinds have about as many as stages")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas")
    parser.add_argument("--few", action="store_true", help="one or two of each other kind, one undisturbed run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=file_to_write)
    arguments = parser.parse_args()
    if unknown := [kind for kind in arguments.only.split(",") if kind not in KINDS]:
        parser.error(f"--only {','.join(unknown)}: known are {', '.join(KINDS)}")
    started = time.monotonic()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = Path(temporary)
        pico_base(folder / "base", max_position_embeddings=1024, intermediate_size=64)
        write_pairs(folder / "pairs")
        (folder / "toy.yaml").write_text(RECIPE.format(folder=folder))
        soak = Soak(folder, random.Random(arguments.seed))
        soak.undisturbed(twice=not arguments.few)
        print(f"undisturbed: {time.monotonic() - started:.0f} s", file=sys.stderr)
        for kind in arguments.only.split(","):
            wanted = arguments.moments if kind == "kill" else 2 if kind == "signal" else 1
            if not arguments.few and kind != "kill":
                wanted = arguments.moments // 4
            try:
                KINDS[kind](soak, wanted)
            except PermissionError as error:
                soak.rows.append((kind, "", "", f"left out: {error}", ""))
            print(f"{kind}: {len(soak.rows)} rows, {time.monotonic() - started:.0f} s", file=sys.stderr)
        text = "\n".join(table(soak, time.monotonic() - started, arguments)) + "\n"
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(text)
    sys.exit(int(soak.failed))


if __name__ == "__main__":
    main()
