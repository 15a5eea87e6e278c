"""One process of ``scaling.py``: times the same work in one of the processes and in all of them, one after the other.

A training step is that of ``moesaic`` (``train.rows.add_gradients``). It has as many rows as there are processes:
either one process computes all rows, or each process computes one. Sampling continues the same prompts in both cases.
While the first process works alone, the others wait without using their GPUs.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate
import peft
import torch
import transformers
from accelerate import Accelerator
from speed_models import (
    CODER,
    LANGUAGES,
    LARGE,
    SMALL,
    adapted,
    program_lengths,
    random_documents,
    random_model,
    routed,
)
from transformers import LlamaConfig

from moesaic.data.packing import PackedBatches
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import generate
from moesaic.model.loss import targets
from moesaic.model.sharded import shard_base
from moesaic.ranks import ALONE, Ranks
from moesaic.recipe import Optimisation
from moesaic.train.loop import Update
from moesaic.train.pieces import PreparedRow
from moesaic.train.rows import PackedLoss, add_gradients
from moesaic.train.trainable import trainable_parameters

PICO = LlamaConfig(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=300,
    max_position_embeddings=2048,
    tie_word_embeddings=True,
)
NEW_TOKENS, PROMPT_TOKENS = 128, 64


class FirstAlone:
    """An accelerator that behaves as if its process were the only one of a run.

    Args:
        accelerator: The accelerator of the first of several processes.
    """

    process_index, num_processes = 0, 1

    def __init__(self, accelerator: Accelerator) -> None:
        self.device, self.autocast, self.backward = accelerator.device, accelerator.autocast, accelerator.backward


class Worker:
    """This process, its options, and the file for its results.

    Args:
        options: See ``main``.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        cpu = not torch.cuda.is_available()
        if not cpu:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        self.accelerator = Accelerator(cpu=cpu, mixed_precision="no" if cpu else "bf16")
        self.ranks = Ranks(self.accelerator.process_index, self.accelerator.num_processes)
        self.device = self.accelerator.device
        self.out, self.deadline = options.lines, options.deadline
        self.window, self.repeats, self.pico = options.window, options.repeats, options.pico
        self.one_large: dict[int, list[float]] = {}  # repeats of one process at Mistral's shape, by length of rows

    def write(self, kind: str, **facts: Any) -> None:
        """Adds a line to the file that ``scaling.py`` reads."""
        with self.out.open("a") as file:
            file.write(json.dumps({"kind": kind, **facts}) + "\n")

    def config(self, config: Any) -> Any:
        """The shape to measure."""
        return PICO if self.pico else config

    def wait(self) -> None:
        """Waits until the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, work: Callable[[], Any]) -> float:
        """Returns the seconds that all processes need for their parts; processes without a part do nothing."""
        self.wait()
        self.ranks.gather(None)
        started = time.monotonic()
        work()
        self.wait()
        return max(self.ranks.gather(time.monotonic() - started))

    def compare(self, measure: Callable[[bool], float]) -> dict[str, Any]:
        """Measures the tokens per second of one process and of all, in turns.

        Args:
            measure: Takes whether all processes work, or only the first, and returns tokens per second.
        """
        one, all_ = [], []
        for _ in range(self.repeats):
            one.append(measure(False))
            all_.append(measure(True))
        return speeds(self.ranks.count, one, all_)


def speeds(count: int, one: list[float], all_: list[float]) -> dict[str, Any]:
    """Returns a row of results with the medians and all repeats."""
    ratio = statistics.median(all_) / statistics.median(one)
    return {
        "tokens_per_second_1": round(statistics.median(one)),
        f"tokens_per_second_{count}": round(statistics.median(all_)),
        "speed_up": round(ratio, 3),
        "repeats_1": [round(value) for value in one],
        f"repeats_{count}": [round(value) for value in all_],
    }


class Training:
    """Training steps of the trainable parameters of a model after a warm-up, in one process and in all.

    Args:
        worker: This process.
        model: The model, with packed attention.
        rows: Rows; each step takes as many as there are processes.
        options: The length of the rows and ``compile``.
    """

    def __init__(self, worker: Worker, model: Any, rows: PackedBatches, options: Optimisation) -> None:
        self._worker = worker
        self._loss = PackedLoss(model, options).train()
        trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._update = Update(trainable, 1e-5, 0.0, 1.0)
        prepared = [PreparedRow(row, targets(row)) for row in rows]
        if worker.device.type == "cuda":
            prepared = [row.pin_memory() for row in prepared]
        count = worker.ranks.count
        self._steps = [prepared[start : start + count] for start in range(0, len(prepared) - count + 1, count)]
        self._cycle = itertools.cycle(self._steps)
        self.num_trained = sum(parameter.numel() for parameter in trainable.values())

    def step(self, together: bool) -> int:
        """Takes one step and returns its number of tokens, without padding."""
        rows = next(self._cycle)
        accelerator: Any = self._worker.accelerator if together else FirstAlone(self._worker.accelerator)
        add_gradients(accelerator, self._loss, rows)
        self._update()
        return sum(row.batch.num_tokens for row in rows)

    def warm_up(self, kinds: tuple[bool, ...] = (False, True)) -> float:
        """Runs every row once in both ways; returns the seconds of the first step, which may compile."""
        worker = self._worker
        started = time.monotonic()
        # All processes compile at the same time, instead of the first one alone.
        self.step(True)
        worker.wait()
        first = time.monotonic() - started
        for together in kinds:
            worker.timed(lambda together=together: self._run(len(self._steps), together))
        return first

    def tokens_per_second(self, together: bool) -> float:
        """Returns the speed over a window of steps, each of which is launched while the last one runs."""
        worker = self._worker
        seconds = worker.timed(lambda: self._run(2, together)) / 2
        count = worker.ranks.first(max(3, round(worker.window / seconds)))
        tokens: list[int] = []
        seconds = worker.timed(lambda: tokens.extend(self._run(count, together)))
        return float(worker.ranks.first(sum(tokens))) / seconds

    def _run(self, count: int, together: bool) -> list[int]:
        if not together and not self._worker.ranks.is_first:
            return []
        return [self.step(together) for _ in range(count)]


def train_expert(worker: Worker, config: Any, compile_: bool) -> dict[str, Any]:
    """One LoRA expert of rank 16 on packed rows of 16,384 tokens, lengths of programs as in XLCoST."""
    config = worker.config(config)
    row_tokens = 512 if worker.pico else 16_384
    lengths = program_lengths(40 if worker.pico else 420, 256 if worker.pico else 1024)
    model = random_model(config, worker.device, worker_dtype(worker))
    options = Optimisation(row_tokens=row_tokens, compile=compile_)
    with adapted(model), packed_attention(model):
        training = Training(worker, model, packed(config, lengths, row_tokens), options)
        first = training.warm_up()
        row = worker.compare(training.tokens_per_second)
    return row | {"trained": training.num_trained, "first_step_seconds": round(first, 1), "row_tokens": row_tokens}


def train_gates(worker: Worker, config: Any, compile_: bool) -> dict[str, Any]:
    """Gates and four experts of rank 16 together, top 2, on packed rows of 16,384 tokens."""
    config = worker.config(config)
    row_tokens = 512 if worker.pico else 16_384
    lengths = program_lengths(40 if worker.pico else 420, 256 if worker.pico else 1024)
    model = random_model(config, worker.device, worker_dtype(worker))
    with routed(model, torch.float32), packed_attention(model):
        model.requires_grad_(False)
        for parameter in trainable_parameters(model).values():
            parameter.requires_grad_(True)
        options = Optimisation(row_tokens=row_tokens, compile=compile_)
        training = Training(worker, model, packed(config, lengths, row_tokens), options)
        first = training.warm_up()
        row = worker.compare(training.tokens_per_second)
    return row | {"trained": training.num_trained, "first_step_seconds": round(first, 1), "row_tokens": row_tokens}


def train_large(worker: Worker, config: Any, sharded: bool, length: int = 4) -> dict[str, Any]:
    """One LoRA expert of rank 16, rows of several times 1,024 tokens, eager; FSDP2 against one GPU with the base.

    Layers are gathered once per row, so that gathering takes a smaller share of the time for longer rows.
    """
    config = worker.config(config)
    document = 128 if worker.pico else 1024
    row_tokens = length * document
    documents = packed(config, [document] * (length * 2 * worker.ranks.count), row_tokens)
    model = random_model(config, worker.device, worker_dtype(worker))
    options = Optimisation(row_tokens=row_tokens)
    with adapted(model), packed_attention(model):
        if not sharded:
            training = Training(worker, model, documents, options)
            training.warm_up()
            row = worker.compare(training.tokens_per_second)
            worker.one_large[row_tokens] = row["repeats_1"]
            return row | {"row_tokens": row_tokens, "peak_memory_gb": memory(worker)}
        if row_tokens not in worker.one_large:
            training = Training(worker, model, documents, options)
            training.warm_up((False,))
            worker.one_large[row_tokens] = [training.tokens_per_second(False) for _ in range(worker.repeats)]
            del training
    model.requires_grad_(False)
    shard_base(model, worker.device)
    clean(worker)
    with adapted(model), packed_attention(model):
        training = Training(worker, model, documents, options)
        training.warm_up((True,))
        together = [training.tokens_per_second(True) for _ in range(worker.repeats)]
        row = speeds(worker.ranks.count, worker.one_large[row_tokens], together)
        return row | {"row_tokens": row_tokens, "peak_memory_gb": memory(worker)}


def sample(worker: Worker, config: Any) -> dict[str, Any]:
    """Four experts top 2: greedy programs of 128 tokens for prompts of 64, in batches of 512, including the prompts."""
    config = worker.config(config)
    number, new_tokens = (16, 8) if worker.pico else (8192, NEW_TOKENS)
    draw = random.Random(0)
    prompts = [[draw.randrange(3, config.vocab_size) for _ in range(PROMPT_TOKENS)] for _ in range(number)]
    model = random_model(config, worker.device, worker_dtype(worker))
    with routed(model, worker_dtype(worker)):

        def write(ranks: Ranks, count: int) -> int:
            own = ranks.share(range(count))
            generations = generate(
                model, [prompts[index] for index in own], new_tokens, (), batch_size=512, streams=own
            )
            merged = ranks.merge(ranks.gather(generations))
            return sum(len(generation.ids) for generation in merged)

        def measure(together: bool) -> float:
            made: list[int] = []

            def work() -> None:
                if together or worker.ranks.is_first:
                    made.append(write(worker.ranks if together else ALONE, number))

            seconds = worker.timed(work)
            return float(worker.ranks.first(made[0] if made else 0)) / seconds

        worker.timed(lambda: write(worker.ranks, min(number, 512 * worker.ranks.count)))
        return worker.compare(measure) | {"prompts": number, "new_tokens": new_tokens}


def packed(config: Any, lengths: list[int], row_tokens: int) -> PackedBatches:
    """Rows of random documents."""
    return PackedBatches(random_documents(config, lengths), LANGUAGES, row_tokens)


def worker_dtype(worker: Worker) -> torch.dtype:
    """Number format of the base."""
    return torch.bfloat16 if worker.device.type == "cuda" else torch.float32


def memory(worker: Worker) -> float | None:
    """Returns the maximum memory in use since ``clean`` in GB; None on a CPU."""
    return round(torch.cuda.max_memory_allocated() / 1e9, 1) if worker.device.type == "cuda" else None


def clean(worker: Worker) -> None:
    """Frees the memory that the last measurement left in cycles and caches."""
    gc.collect()
    if worker.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


MEASUREMENTS: dict[str, Callable[[Worker], dict[str, Any]]] = {
    "smollm2": lambda worker: train_expert(worker, SMALL, True),
    "coder": lambda worker: train_expert(worker, CODER, True),
    "gate-eager": lambda worker: train_gates(worker, CODER, False),
    "mistral-ddp": lambda worker: train_large(worker, LARGE, False),
    "mistral-fsdp": lambda worker: train_large(worker, LARGE, True),
    "mistral-fsdp-long": lambda worker: train_large(worker, LARGE, True, 16),
    "sample": lambda worker: sample(worker, CODER),
    "gate": lambda worker: train_gates(worker, CODER, True),
    "smollm2-eager": lambda worker: train_expert(worker, SMALL, False),
    "coder-eager": lambda worker: train_expert(worker, CODER, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=MEASUREMENTS)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--deadline", type=float, required=True)
    parser.add_argument("--window", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pico", action="store_true")
    options = parser.parse_args()
    if "WORLD_SIZE" not in os.environ:
        parser.error("torchrun starts this as one of several processes: run scaling.py")
    worker = Worker(options)
    if worker.ranks.is_first:
        gpu = torch.cuda.get_device_name() if worker.device.type == "cuda" else "CPU"
        versions = {module.__name__: module.__version__ for module in (torch, transformers, peft, accelerate)}
        worker.write("facts", device=gpu, processes=worker.ranks.count, **versions)
    for name in options.names:
        if worker.ranks.first(time.time() > worker.deadline):
            break
        if worker.ranks.is_first:
            worker.write("started", name=name)
        torch.compiler.reset()
        clean(worker)
        torch.manual_seed(0)
        started = time.monotonic()
        try:
            row = MEASUREMENTS[name](worker)
        except BaseException as error:  # the other processes wait for this one, so all end and are started again
            traceback.print_exc()
            worker.write(
                "failed", name=name, process=worker.ranks.index, reason=f"{type(error).__name__}: {error}"[:600]
            )
            sys.stderr.flush()
            os._exit(1)
        if worker.ranks.is_first:
            worker.write("row", name=name, **row, seconds=round(time.monotonic() - started, 1))
    worker.ranks.gather(None)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
