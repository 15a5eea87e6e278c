"""Measures throughput and waiting times of a server with 1, 8 and 32 clients, beside ``generate`` one text at a time.

    python benchmarks/serve_load.py MODEL [--clients 1 8 32] [--tasks 2] [--tokens 48] [--slots 32]

The script starts ``moesaic serve`` as a process of its own and sends requests with the official client. All clients
work at the same time; each sends its tasks one after the other, as streams. Answers are cut off at ``--tokens``;
answers that end earlier count with the tokens that they have. Each answer is compared with the one that ``generate``
writes for the same task alone.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import openai
import torch

import moesaic
from moesaic.errors import MoesaicError

TASKS = (
    "Print the sum of the squares of a list of numbers",
    "Reverse the words of a sentence",
    "Count the vowels in a text",
    "Find the largest of three numbers",
    "Print the first n numbers of Fibonacci",
    "Check whether a number is prime",
    "Sort a list of names by their length",
    "Print the digits of a number in reverse",
)


@dataclass
class Load:
    """The measurements of a number of clients; times are in seconds.

    Attributes:
        first: Times from a request to its first token.
        between: Times from a token to the next one of the same answer.
    """

    clients: int
    tokens: int = 0
    seconds: float = 0.0
    lost: int = 0
    different: int = 0
    first: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)

    def row(self) -> str:
        """Returns a line of the table."""
        spans = [quantile(self.first, 0.5), quantile(self.first, 0.99)]
        spans += [quantile(self.between, 0.5), quantile(self.between, 0.99)]
        times = " | ".join(f"{1000 * span:,.0f}" for span in spans)
        rate = self.tokens / self.seconds
        return f"| {self.clients} clients | {len(self.first)} | {rate:.1f} | {times} | {self.lost} | {self.different} |"


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def task(number: int) -> str:
    return TASKS[number % len(TASKS)]


async def ask(client: openai.AsyncOpenAI, number: int, tokens: int, load: Load, expected: str) -> None:
    started, last, text = time.monotonic(), 0.0, ""
    stream = await client.chat.completions.create(
        model="load", messages=[{"role": "user", "content": task(number)}], max_tokens=tokens, stream=True,
        logprobs=True, extra_body={"language": "python"},
    )  # fmt: skip
    async for chunk in stream:
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        if choice.logprobs is not None:  # one token
            now = time.monotonic()
            (load.between if last else load.first).append(now - (last or started))
            last = now
            load.tokens += 1
    load.different += not text.startswith("```python\n" + expected)


async def run(url: str, clients: int, tasks: int, tokens: int, expected: list[str]) -> Load:
    load = Load(clients)
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600) as client:

        async def one(number: int) -> None:
            for turn in range(tasks):
                place = (number + turn * clients) % len(TASKS)
                try:
                    await ask(client, place, tokens, load, expected[place])
                except openai.OpenAIError:
                    load.lost += 1

        started = time.monotonic()
        await asyncio.gather(*map(one, range(clients)))
        load.seconds = time.monotonic() - started
    return load


def serve(model: Path, slots: int) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "moesaic", "serve", str(model), "--port", "0", "--name", "load"]
    process = subprocess.Popen(
        [*command, "--slots", str(slots), "--context", "512"], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "300"},
    )  # fmt: skip
    for line in process.stderr:
        if found := re.search(r"at (http://\S+),", line):
            return process, found[1]
    raise SystemExit("the server did not start")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--slots", type=int, default=32)
    options = parser.parse_args()
    busy = [os.getloadavg()[0]]
    model = moesaic.load(options.model, "cpu")
    model.generate(TASKS[0], language="python", max_new_tokens=2)
    started = time.monotonic()
    answers = [model.generate(each, language="python", max_new_tokens=options.tokens) for each in TASKS]
    seconds = time.monotonic() - started
    print(f"one by one: {seconds:.1f} s", file=sys.stderr)
    one_by_one = sum(answer.num_tokens for answer in answers) / seconds
    expected = [answer.completion for answer in answers]
    del model
    process, url = serve(options.model, options.slots)
    try:
        asyncio.run(run(url, 1, 1, 4, expected))  # the first request takes longer, because some things are made once
        loads = []
        for clients in options.clients:
            loads.append(asyncio.run(run(url, clients, options.tasks, options.tokens, expected)))
            busy.append(os.getloadavg()[0])
            print(loads[-1].row(), file=sys.stderr)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
        process.stderr.close()
    print(f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, torch {torch.__version__},")
    print(f"load of the machine {min(busy):.1f} to {max(busy):.1f} (mean {statistics.mean(busy):.1f}),", end=" ")
    print(f"{torch.get_num_threads()} threads, {options.slots} slots,")
    print(f"answers cut at {options.tokens} tokens; the server ended with {code}\n")
    print("| | answers | tokens/s | first token, ms: p50 | p99 | between tokens, ms: p50 | p99 | lost | different |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(f"| `generate`, one by one | {len(TASKS)} | {one_by_one:.1f} | | | | | | |")
    print("\n".join(load.row() for load in loads))


if __name__ == "__main__":
    try:
        main()
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
