"""Training and generation on a GPU: the factored Mixture-of-Experts beside its dense base and stock code, in one run.

    python benchmarks/speed.py [PART ...] [--out results.json]

Random weights, since speed does not depend on them. Parts, in the order they run:

    train-small     SmolLM2-135M's shape, packed rows of 16,384 tokens: LoRA and joint training, eager and compiled
    train-coder     Qwen2.5-Coder-0.5B's shape (vocabulary 151,936), the same
    sample          Qwen2.5-Coder-0.5B's shape, batch 512: decoding greedily and at temperature 0.8
    generate        Mistral-7B's shape, batch 1 and 32: dense, and 4 experts top-2 with kernels of their own and without
    train           Mistral-7B's shape, 2 x 1,024 tokens: stock PEFT LoRA, factored training, eager and compiled
    cost            Mistral-7B's shape, 8 of its 32 layers: how cost grows with the number and the rank of the experts
    peers           stock transformers: Mixtral-4x7B of Mistral's shape (48 GB) and the dense base (``speed_peers``)
    peers-compiled  the same with transformers' static cache and its own compilation; takes minutes
    nf4             Mistral-7B's shape in NF4: QLoRA of the Mixture-of-Experts and stock, decoding (``speed_nf4``)
    study           a recipe's settings on an NF4 base: time a step, memory, projected hours and cost (``speed_nf4``)

A line is printed, and the file written, after every measurement; one that fails says why and the next one runs.
Training counts real tokens: forward, backward, clipping, optimiser step. A decoding step reads 256 cache columns; the
prompts' own pass is left out. Times are taken
with device events: the median over decoding and stock steps, the mean over 20 of our training steps in a row, of which
each is launched while the one before runs, as the training loop does.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from speed_models import (
    CODER,
    LANGUAGES,
    LARGE,
    RANK,
    SMALL,
    TOP_K,
    adapted,
    program_lengths,
    random_documents,
    random_model,
    routed,
)
from torch import nn
from transformers import MistralConfig

from moesaic.data.packing import PackedBatches
from moesaic.model.attention import packed_attention
from moesaic.model.decode.generate import fastest_step
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.loss import targets
from moesaic.recipe import ExpertsRecipe, GateRecipe, Optimisation
from moesaic.train.checkpointing import checkpointed_activations, checkpointed_slots
from moesaic.train.rows import PackedLoss

SHALLOW_LAYERS = 8

Part = Callable[["Results", argparse.Namespace], None]


class Results:
    """Collects rows, prints each and keeps the file current."""

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
        torch.compiler.reset()  # else the variants of earlier measurements count against the compiler's limit
        gc.collect()  # what the last one left in cycles, a failed one's frames among them
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            row = work()
            row["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
        except Exception as error:  # the other rows are wanted all the same
            return self.failed(part, system, error)
        return self.add(part, system, row)

    def failed(self, part: str, system: str, error: Exception) -> dict[str, Any]:
        """Adds the row of something that did not work."""
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
    """Median seconds of a step."""
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
    """Mean seconds of a step when the next one is launched before the last one has ended, as in the training loop."""
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
    """Steps of what is trainable in the model on packed rows, as ``train.rows`` takes them; a row a step."""
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
        # Every row once before: one whose loss has a new size may be compiled for.
        seconds = seconds_in_a_row(step, max(4, len(rows)), 20)
    mean_tokens = statistics.mean(tokens[-20:])
    return {
        "tokens_per_second": round(mean_tokens / seconds),
        "step_seconds": round(seconds, 4),
        "first_step_seconds": round(first, 1),
    }


def stock_training(model: Any, config: Any) -> dict[str, float]:
    """PEFT as its documentation has it: a batch of 2 x 1,024 tokens, transformers' own loss."""
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
    """Gates and experts together."""
    with routed(model, torch.float32, number, rank), checkpointed_slots(model, options.selective_checkpointing):
        for block in (layer.mlp for layer in model.model.layers):
            for name, parameter in block.named_parameters():
                parameter.requires_grad_(name.endswith(("_PERD", "_PERF", "_ERF", "_ERD", "router.weight_ED")))
        return training(model, config, lengths, options)


def expert_training(model: Any, config: Any, lengths: list[int], options: Optimisation) -> dict[str, float]:
    """One expert; ``options`` may say what it is like."""
    with adapted(model, options if isinstance(options, ExpertsRecipe) else None):
        return training(model, config, lengths, options)


def decoding(model: Any, batch_size: int, kernels: bool = True, temperature: float = 0.0) -> dict[str, float]:
    """Steps of the engine over full slots; ``kernels``: routed blocks with kernels of their own, where they fit."""
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
    """Training options of a measurement; of one adapter, those that it shares with a gate's."""
    return GateRecipe(row_tokens=row_tokens, compile=compile_, selective_checkpointing=selective)


def train_small(results: Results, _: argparse.Namespace) -> None:
    """SmolLM2-135M's shape; program lengths as in XLCoST."""
    train_packed(results, "train-small", SMALL)


def train_coder(results: Results, _: argparse.Namespace) -> None:
    """Qwen2.5-Coder-0.5B's shape; program lengths as in XLCoST."""
    train_packed(results, "train-coder", CODER)


def train_packed(results: Results, part: str, config: Any) -> None:
    """Rows for one LoRA and for joint training on packed rows, eager and compiled."""
    lengths = program_lengths(420, 1024)
    model = random_model(config)
    for compile_ in (False, True):
        mode = "compiled" if compile_ else "eager"
        options = rows_of(16384, compile_)
        for name, work in (("LoRA", expert_training), ("4 experts top-2, joint", joint_training)):
            results.measure(part, f"{name}, {mode}", partial(work, model, config, lengths, options))


def sample_coder(results: Results, _: argparse.Namespace) -> None:
    """Qwen2.5-Coder-0.5B's shape: what drawing a token costs beside taking the likeliest."""
    model = random_model(CODER)
    for name, context in (("dense", nullcontext(model)), ("4 experts top-2", routed(model, torch.bfloat16))):
        with context:
            for temperature in (0.0, 0.8):
                how = "greedy" if temperature == 0 else f"temperature {temperature}"
                work = partial(decoding, model, 512, temperature=temperature)
                results.measure("sample", f"{name}, batch 512, {how}", work)


def generate_large(results: Results, _: argparse.Namespace) -> None:
    """Mistral-7B's shape in the engine."""
    model = random_model(LARGE)
    decode(results, "generate", "dense", model)
    with routed(model, torch.bfloat16):
        decode(results, "generate", "4 experts top-2", model)
        decode(results, "generate", "4 experts top-2 without its kernels", model, kernels=False)


def decode(results: Results, part: str, name: str, model: Any, kernels: bool = True) -> None:
    """Rows for one text and for many."""
    for batch_size in (1, 32):
        results.measure(part, f"{name}, batch {batch_size}", partial(decoding, model, batch_size, kernels))


def train_large(results: Results, _: argparse.Namespace) -> None:
    """Mistral-7B's shape, 2 x 1,024 tokens a step."""
    model = random_model(LARGE)
    results.measure("train", "PEFT LoRA, stock", partial(stock_training, model, LARGE))
    work = partial(expert_training, model, LARGE, [1024] * 8, rows_of(2048, True))
    results.measure("train", "one LoRA expert on the dense base, compiled", work)
    joint(results, "train", "4 experts top-2, joint", model, LARGE)
    joint_selective(results, "train", "4 experts top-2, joint", model)


def joint(results: Results, part: str, name: str, model: Any, config: Any, **experts: int) -> None:
    """Rows for joint training on 2 x 1,024 tokens, eager and compiled."""
    for compile_ in (False, True):
        work = partial(joint_training, model, config, [1024] * 8, rows_of(2048, compile_), **experts)
        results.measure(part, f"{name}, {'compiled' if compile_ else 'eager'}", work)


def joint_selective(results: Results, part: str, name: str, model: Any) -> None:
    """The row of compiled joint training that computes the slots again in the backward pass."""
    work = partial(joint_training, model, LARGE, [1024] * 8, rows_of(2048, True, selective=True))
    results.measure(part, f"{name}, compiled, selective checkpointing", work)


def cost(results: Results, _: argparse.Namespace) -> None:
    """How cost grows with the number and the rank of the experts; fewer layers, since only ratios count."""
    config = MistralConfig(sliding_window=None, num_hidden_layers=SHALLOW_LAYERS)
    model = random_model(config)
    depth = f"{SHALLOW_LAYERS} of {LARGE.num_hidden_layers} layers"
    decode(results, "cost", f"dense, {depth}", model)
    for compile_ in (False, True):
        work = partial(expert_training, model, config, [1024] * 8, rows_of(2048, compile_))
        mode = "compiled" if compile_ else "eager"
        results.measure("cost", f"one LoRA expert on the dense base, rank {RANK}, {depth}, {mode}", work)
    shapes = [(number, RANK) for number in (2, 4, 8, 16, 32)] + [(4, rank) for rank in (8, 32, 64)]
    for number, rank in shapes:
        name = f"{number} experts top-{TOP_K}, rank {rank}, {depth}"
        with routed(model, torch.bfloat16, number, rank):
            decode(results, "cost", name, model)
        joint(results, "cost", f"{name}, joint", model, config, number=number, rank=rank)


PARTS: dict[str, Part] = {
    "train-small": train_small,
    "train-coder": train_coder,
    "sample": sample_coder,
    "generate": generate_large,
    "train": train_large,
    "cost": cost,
}


def main() -> None:
    import speed_nf4
    import speed_peers

    parts: Mapping[str, Part] = {**PARTS, **speed_peers.PARTS, **speed_nf4.PARTS}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(parts)}; all when none is named")
    parser.add_argument("--out", type=Path, help="file of all rows (JSON)")
    speed_nf4.add_options(parser.add_argument_group("the part study"))
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in parts]:
        parser.error(f"unknown parts {unknown}; known: {', '.join(parts)}")
    if not torch.cuda.is_available():
        parser.error("this benchmark needs a CUDA GPU")
    results = Results(options.out)
    for name, part in parts.items():
        if name in (options.parts or parts):
            torch.manual_seed(0)
            try:
                part(results, options)
            except Exception as error:  # the model itself could not be made: the next part may do
                results.failed(name, "the part itself", error)


if __name__ == "__main__":
    # As the module that its siblings import, so that there is one of it.
    from speed import main as run

    run()
