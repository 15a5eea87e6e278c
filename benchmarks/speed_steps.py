"""The measuring tools of the speed benchmarks: rows of results, and timed steps of training and decoding."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from speed_models import LANGUAGES, LARGE, RANK, adapted, random_documents, routed
from torch import nn

from moesaic.data.packing import PackedBatches
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import fastest_step
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.loss import targets
from moesaic.recipe import ExpertsRecipe, GateRecipe, Optimisation
from moesaic.train.checkpointing import checkpointed_activations, checkpointed_slots
from moesaic.train.rows import PackedLoss

Part = Callable[["Results", argparse.Namespace], None]


class Results:
    """Collects rows, prints each of them, and updates the file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.started = time.monotonic()
        self.facts: dict[str, Any] = {
            "gpu": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "date": time.strftime("%Y-%m-%d"),
            "rows": [],
        }

    def measure(self, part: str, system: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Runs one measurement and returns its row; a failure becomes a row of its own."""
        torch.compiler.reset()  # otherwise the variants of earlier measurements count towards the compiler's limit
        gc.collect()  # frees what the last measurement left in cycles, including frames of a failed one
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            row = work()
            row["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
        except Exception as error:  # the other rows are still wanted
            return self.failed(part, system, error)
        return self.add(part, system, row)

    def failed(self, part: str, system: str, error: Exception) -> dict[str, Any]:
        """Adds the row of a measurement that failed."""
        return self.add(part, system, {"failed": f"{type(error).__name__}: {str(error).strip()[:600]}"})

    def add(self, part: str, system: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Adds a row and returns it."""
        row = {"part": part, "system": system, **facts}
        self.facts["rows"].append(row)
        print(f"[{time.monotonic() - self.started:5.0f} s] {json.dumps(row)}", flush=True)
        if self.path is not None:
            self.path.write_text(json.dumps(self.facts, indent=1))
        return row


def timed_steps(step: Callable[[], Any], warmup: int, count: int) -> float:
    """Returns the median seconds of a step."""
    for _ in range(warmup):
        step()
    torch.cuda.synchronize()
    seconds = []
    for _ in range(count):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        step()
        end.record()
        torch.cuda.synchronize()
        seconds.append(begin.elapsed_time(end) / 1000)
    return statistics.median(seconds)


def seconds_in_a_row(step: Callable[[], Any], warmup: int, count: int) -> float:
    """Returns the mean seconds of a step if each is launched before the last one ends, as in the training loop."""
    for _ in range(warmup):
        step()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    for _ in range(count):
        step()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000 / count


def training(model: Any, config: Any, lengths: list[int], options: Optimisation) -> dict[str, float]:
    """Measures training steps on packed rows, one row per step, as in ``train.rows``."""
    loss_module = PackedLoss(model, options).train()
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=1e-5, fused=True)
    rows = [
        (row.pin_memory(), *(tensor.pin_memory() for tensor in targets(row)))
        for row in PackedBatches(random_documents(config, lengths), LANGUAGES, options.row_tokens)
    ]
    tokens: list[int] = []

    def step() -> None:
        row, positions_N, labels_N = rows[len(tokens) % len(rows)]
        with torch.autocast("cuda", torch.bfloat16):
            prepared = (tensor.to("cuda", non_blocking=True) for tensor in (positions_N, labels_N))
            loss, _ = loss_module(row.to("cuda"), *prepared)
        (loss / len(labels_N)).backward()
        nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        tokens.append(row.num_tokens)

    started = time.monotonic()
    with packed_attention(model), checkpointed_activations(model, options.gradient_checkpointing):
        step()
        torch.cuda.synchronize()
        first = time.monotonic() - started
        # Every row runs once before timing, because a loss of a new size may cause a compilation.
        seconds = seconds_in_a_row(step, max(4, len(rows)), 20)
    mean_tokens = statistics.mean(tokens[-20:])
    return {
        "tokens_per_second": round(mean_tokens / seconds),
        "step_seconds": round(seconds, 4),
        "first_step_seconds": round(first, 1),
    }


def stock_training(model: Any, config: Any) -> dict[str, float]:
    """Measures PEFT as in its documentation: a batch of 2 x 1,024 tokens, transformers' own loss."""
    with adapted(model) as peft_model:
        peft_model.train()
        trainable = [parameter for parameter in peft_model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trainable, lr=1e-5, fused=True)
        ids = torch.randint(3, config.vocab_size, (2, 1024), device="cuda")

        def step() -> None:
            with torch.autocast("cuda", torch.bfloat16):
                loss = peft_model(input_ids=ids, labels=ids).loss
            loss.backward()
            nn.utils.clip_grad_norm_(trainable, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return {"tokens_per_second": round(2048 / timed_steps(step, 3, 10))}


def joint_training(
    model: Any,
    config: Any,
    lengths: list[int],
    options: GateRecipe,
    number: int = len(LANGUAGES),
    rank: int = RANK,
) -> dict[str, float]:
    """Measures training of gates and experts together."""
    with routed(model, torch.float32, number, rank), checkpointed_slots(model, options.selective_checkpointing):
        for block in (layer.mlp for layer in model.model.layers):
            for name, parameter in block.named_parameters():
                parameter.requires_grad_(name.endswith(("_PERD", "_PERF", "_ERF", "_ERD", "router.weight_ED")))
        return training(model, config, lengths, options)


def expert_training(model: Any, config: Any, lengths: list[int], options: Optimisation) -> dict[str, float]:
    """Measures training of one expert; ``options`` may change its settings."""
    with adapted(model, options if isinstance(options, ExpertsRecipe) else None):
        return training(model, config, lengths, options)


def decoding(model: Any, batch_size: int, kernels: bool = True, temperature: float = 0.0) -> dict[str, float]:
    """Measures steps of the engine over full slots; ``kernels``: routed blocks use moesaic's kernels if possible."""
    prompts = [torch.randint(3, 32000, (64,)).tolist() for _ in range(batch_size)]
    with torch.inference_mode():
        batch = SlotBatch(model, batch_size, 256, temperature, 1.0, compile=True)
        if not kernels:
            batch.kernels = [False] * len(batch.kernels)
        batch.set_uniforms(range(batch_size), torch.rand(batch_size, dtype=torch.double).tolist())
        batch.admit(range(batch_size), prompts)
        step = fastest_step(batch)
        seconds = timed_steps(lambda: step(batch_size, 200), 5, 50)
    return {"tokens_per_second": round(batch_size / seconds, 1), "milliseconds": round(1000 * seconds, 2)}


def rows_of(row_tokens: int, compile_: bool, selective: bool = False) -> GateRecipe:
    """Returns the training options of a measurement; for one adapter, those that it shares with the gate stage."""
    return GateRecipe(row_tokens=row_tokens, compile=compile_, selective_checkpointing=selective)


def decode(results: Results, part: str, name: str, model: Any, kernels: bool = True) -> None:
    """Adds rows for decoding one text and many texts."""
    for batch_size in (1, 32):
        results.measure(part, f"{name}, batch {batch_size}", partial(decoding, model, batch_size, kernels))


def joint(results: Results, part: str, name: str, model: Any, config: Any, **experts: int) -> None:
    """Adds rows for joint training on 2 x 1,024 tokens, eager and compiled."""
    for compile_ in (False, True):
        work = partial(joint_training, model, config, [1024] * 8, rows_of(2048, compile_), **experts)
        results.measure(part, f"{name}, {'compiled' if compile_ else 'eager'}", work)


def joint_selective(results: Results, part: str, name: str, model: Any) -> None:
    """Adds the row for compiled joint training that recomputes the slots in the backward pass."""
    work = partial(joint_training, model, LARGE, [1024] * 8, rows_of(2048, True, selective=True))
    results.measure(part, f"{name}, compiled, selective checkpointing", work)


if __name__ == "__main__":
    raise SystemExit("speed_steps.py is a part of other scripts: run speed.py")
