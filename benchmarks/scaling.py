"""Compares the tokens per second of several GPUs of one machine with those of one of them, in one run.

    python benchmarks/scaling.py --out benchmarks/results/scaling_h200_202611.json

The script starts ``torchrun`` itself, with its own environment. Weights are random, tokens are real tokens, and no
network is needed. The measurements run in this order:

    smollm2, coder      expert training at the shapes of SmolLM2-135M and Qwen2.5-Coder-0.5B, compiled, CUDA graphs
    gate-eager          gates and experts together at the shape of Qwen2.5-Coder-0.5B
    mistral-ddp         expert training at Mistral-7B's shape, with the whole base in every process
    mistral-fsdp        the same with the base's layers spread over the processes (processes.shard)
    mistral-fsdp-long   the same with rows of 16,384 tokens instead of 4,096
    sample              programs of a Mixture-of-Experts at Qwen2.5-Coder-0.5B's shape
    gate                as gate-eager, compiled, CUDA graphs
    smollm2-eager, coder-eager      as smollm2 and coder, not compiled

Each measurement is run several times, in turns by one process and by all. The file, and a table beside it (``.md``),
are written after every measurement. If one fails, its row says why, and the processes are started again for the others.
Measurements that do not fit into ``--seconds`` are left out; name them with ``--only`` in another run.

On a machine without a GPU, ``--pico`` runs everything in two processes on a tiny model, to check that it works.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from places import file_to_write

NAMES = (
    "smollm2", "coder", "gate-eager", "mistral-ddp", "mistral-fsdp", "mistral-fsdp-long", "sample", "gate",
    "smollm2-eager", "coder-eager",
)  # fmt: skip
STALL = 75.0
"""Seconds without a result after which processes are considered stuck."""

MARGIN = 12.0
"""Number of seconds before the end during which no measurement is started."""


def start(names: list[str], lines: Path, ends: float, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Starts the processes for some measurements."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={options.processes}", "--nnodes=1",
        "--master-addr=127.0.0.1", f"--master-port={port}", str(Path(__file__).with_name("scaling_worker.py")), *names,
        f"--lines={lines}", f"--deadline={ends - MARGIN}", f"--repeats={options.repeats}", f"--window={options.window}",
        *(["--pico"] if options.pico else []),
    ]  # fmt: skip
    environment = dict(os.environ)
    # Everything stays on this machine, so its name need not be known to a network.
    environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    environment.setdefault("NCCL_SOCKET_IFNAME", "lo")
    environment.setdefault("OMP_NUM_THREADS", "1")
    return subprocess.Popen(command, env=environment, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends torchrun and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def read(lines: Path) -> list[dict[str, Any]]:
    """Returns the complete lines of the workers' file."""
    text = lines.read_text() if lines.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def collect(entries: list[dict[str, Any]], wanted: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Returns the result, with a row for each measurement, including those that failed or were left out."""
    facts = next((entry for entry in entries if entry["kind"] == "facts"), {})
    rows = []
    for name in wanted:
        done = [entry for entry in entries if entry["kind"] == "row" and entry["name"] == name]
        failed = [entry for entry in entries if entry["kind"] == "failed" and entry["name"] == name]
        started = any(entry["kind"] == "started" and entry["name"] == name for entry in entries)
        if done:
            rows.append({key: value for key, value in done[-1].items() if key != "kind"})
        elif failed:
            rows.append({"name": name, "failed": failed[0]["reason"]})
        else:
            rows.append({"name": name, "failed": "did not end in time" if started else "left out: no time"})
    told = {key: value for key, value in facts.items() if key != "kind"}
    return {"date": datetime.date.today().isoformat(), "repeats": options.repeats, **told, "rows": rows}


def table(result: dict[str, Any]) -> str:
    """Returns the result in Markdown."""
    count = result.get("processes", 2)
    lines = [
        f"| {result.get('device', 'no device')}, tokens/s | 1 process | {count} processes | speed-up | repeats |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        if "failed" in row:
            lines.append(f"| {row['name']} | {' '.join(row['failed'].split())} | | | |")
            continue
        one, all_ = row["tokens_per_second_1"], row[f"tokens_per_second_{count}"]
        pairs = zip(row["repeats_1"], row[f"repeats_{count}"], strict=True)
        repeats = ", ".join(f"{b / a:.2f}" for a, b in pairs)
        lines.append(f"| {row['name']} | {one:,} | {all_:,} | {row['speed_up']:.2f} | {repeats} |")
    return "\n".join(lines) + "\n"


def write(result: dict[str, Any], out: Path) -> None:
    """Writes the file and the table beside it."""
    out.write_text(json.dumps(result, indent=1) + "\n")
    out.with_suffix(".md").write_text(table(result))


def main() -> None:
    began = time.time()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=file_to_write, required=True, help="file of the result (JSON)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="measurements; all by default")
    parser.add_argument("--processes", type=int, default=2, help="how many, a GPU each")
    parser.add_argument("--seconds", type=float, default=145, help="when all is over, whatever is missing")
    parser.add_argument("--repeats", type=int, default=3, help="times that one and all are measured")
    parser.add_argument("--window", type=float, default=1.0, help="seconds of one measurement of training")
    parser.add_argument("--pico", action="store_true", help="a tiny model, on a CPU too")
    options = parser.parse_args()
    if not options.pico:
        import torch  # takes seconds, which --help does not need

        if (found := torch.cuda.device_count()) < options.processes:
            parser.error(
                f"this benchmark needs a CUDA GPU for each of its processes (--processes {options.processes}), and "
                f"{found} are here; --pico checks on a tiny model that it works, without a GPU, too"
            )
    ends = began + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines.jsonl"
        left = [name for name in NAMES if name in options.only]
        wanted, seen = list(left), 0
        while left and time.time() < ends - MARGIN:
            process = start(left, lines, ends, options)
            changed = time.time()
            while process.poll() is None and time.time() < ends and time.time() - changed < STALL:
                time.sleep(0.2)
                entries = read(lines)
                if len(entries) > seen:
                    for entry in entries[seen:]:
                        print(f"[{time.time() - began:5.0f} s] {json.dumps(entry)}", flush=True)
                    seen, changed = len(entries), time.time()
                    write(collect(entries, wanted, options), options.out)
            stuck = process.poll() is None
            end(process)
            entries = read(lines)
            started = [entry["name"] for entry in entries if entry["kind"] == "started"]
            over = {entry["name"] for entry in entries if entry["kind"] in ("row", "failed")}
            broken = [name for name in started if name not in over]
            if (broken or stuck) and time.time() < ends:
                with lines.open("a") as file:
                    for name in broken or left[:1]:
                        reason = f"no result in {STALL:.0f} s" if stuck else f"exit code {process.returncode}"
                        file.write(json.dumps({"kind": "failed", "name": name, "reason": reason}) + "\n")
                        over.add(name)
            elif not started or not over & set(left):  # nothing can be started at all
                write(collect(entries, wanted, options), options.out)
                sys.exit(f"the processes ended with exit code {process.returncode} before the first measurement")
            left = [name for name in left if name not in over]
            if process.returncode == 0:
                break
        result = collect(read(lines), wanted, options)
    write(result, options.out)
    print(table(result))


if __name__ == "__main__":
    main()
