"""Training and generation on a GPU: the factored Mixture-of-Experts beside its dense base and stock PEFT, in one run.

    python benchmarks/speed.py [PART ...] [--out results.json]

Random weights, since speed does not depend on them. Parts, in the order they run:

    train-small     SmolLM2-135M's shape, packed rows of 16,384 tokens: LoRA and joint training, eager and compiled
    generate        Mistral-7B's shape, batch 1 and 32: dense and 4 experts top-2 in this engine
    train           Mistral-7B's shape, 2 x 1,024 tokens: stock PEFT LoRA, factored training, eager and compiled

A line is printed, and the file written, after every measurement; one that fails says why and the next one runs.
Training counts real tokens: forward, backward, clipping, optimiser step. A decoding step reads 256 cache columns; the
prompts' own pass is left out. Every figure is the median over its steps, timed with device events.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.model.attention import packed_attention
from moesaic.model.generate import fastest_step
from moesaic.model.lora import LoraExpert, LowRank
from moesaic.model.loss import targets
from moesaic.model.moe import compose, decompose
from moesaic.model.slots import SlotBatch
from moesaic.recipe import MLP_TARGETS, Optimisation
from moesaic.train.loop import PackedLoss

LANGUAGES = ("python", "java", "javascript", "cpp")
RANK, TOP_K = 16, 2
SMALL = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    vocab_size=49152,
    max_position_embeddings=8192,
    tie_word_embeddings=True,
)
LARGE = MistralConfig(sliding_window=None)  # the defaults are Mistral-7B's


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

    def measure(self, part: str, system: str, work: Callable[[], dict[str, float]]) -> None:
        """Runs one measurement; a failure becomes a row of its own."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            row: dict[str, Any] = work()
            row["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
        except Exception as error:  # the other rows are wanted all the same
            row = {"failed": f"{type(error).__name__}: {str(error).strip()[:600]}"}
        row = {"part": part, "system": system, **row}
        self.facts["rows"].append(row)
        print(f"[{time.monotonic() - self.started:5.0f} s] {json.dumps(row)}", flush=True)
        if self.path is not None:
            self.path.write_text(json.dumps(self.facts, indent=1))


def random_model(config: Any) -> Any:
    """A model of this shape in bfloat16 on the GPU."""
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return model.eval().requires_grad_(False)


def random_experts(model: Any) -> list[LoraExpert]:
    """Four adapters on the MLP, and gates that prefer different experts for different tokens."""
    linear = {path: module for path, module in model.named_modules() if path.endswith(MLP_TARGETS)}

    def deltas() -> dict[str, LowRank]:
        return {
            path: LowRank(
                torch.randn(RANK, module.in_features, device="cuda") / module.in_features**0.5,
                torch.randn(module.out_features, RANK, device="cuda") * 0.01,
            )
            for path, module in linear.items()
        }

    return [LoraExpert(name, RANK, 2.0, deltas()) for name in LANGUAGES]


@contextmanager
def routed(model: Any, dtype: torch.dtype) -> Iterator[Any]:
    """The model as a Mixture-of-Experts."""
    compose(model, random_experts(model), "top_k", TOP_K, dtype=dtype)
    for layer in model.model.layers:
        nn.init.normal_(layer.mlp.router.weight_ED, std=0.05)
    try:
        yield model
    finally:
        decompose(model)


def random_documents(config: Any, lengths: list[int]) -> list[EncodedExample]:
    generator = random.Random(0)
    return [
        EncodedExample(
            [generator.randrange(3, config.vocab_size) for _ in range(length)], length // 5, length * 4 // 5 - 2, name
        )
        for length, name in zip(lengths, LANGUAGES * len(lengths), strict=False)
    ]


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


def training(model: Any, config: Any, lengths: list[int], row_tokens: int, compile_: bool) -> dict[str, float]:
    """Steps of what is trainable in the model on packed rows, as ``train.loop`` takes them."""
    options = Optimisation(row_tokens=row_tokens, compile=compile_)
    loss_module = PackedLoss(model, options).train()
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=1e-5, fused=True)
    rows = [(row, *targets(row)) for row in PackedBatches(random_documents(config, lengths), LANGUAGES, row_tokens)]
    tokens: list[int] = []

    def step() -> None:
        row, positions_N, labels_N = rows[len(tokens) % len(rows)]
        with torch.autocast("cuda", torch.bfloat16):
            loss, _ = loss_module(row.to("cuda"), positions_N.to("cuda"), labels_N.to("cuda"))
        (loss / len(labels_N)).backward()
        nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        tokens.append(row.num_tokens)

    started = time.monotonic()
    with packed_attention(model):
        step()
        torch.cuda.synchronize()
        first = time.monotonic() - started
        seconds = timed_steps(step, 4, 10)
    mean_tokens = statistics.mean(tokens[-10:])
    return {"tokens_per_second": round(mean_tokens / seconds), "first_step_seconds": round(first, 1)}


@contextmanager
def adapted(model: Any) -> Iterator[Any]:
    """One PEFT adapter on the MLP, float32."""
    peft_model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=32, target_modules=list(MLP_TARGETS)))
    for parameter in peft_model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    try:
        yield peft_model
    finally:
        peft_model.unload()


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


def joint_training(model: Any, config: Any, lengths: list[int], row_tokens: int, compile_: bool) -> dict[str, float]:
    with routed(model, torch.float32):
        for block in (layer.mlp for layer in model.model.layers):
            for name, parameter in block.named_parameters():
                parameter.requires_grad_(name.endswith(("_PERD", "_ERF", "_ERD", "router.weight_ED")))
        return training(model, config, lengths, row_tokens, compile_)


def expert_training(model: Any, config: Any, lengths: list[int], row_tokens: int, compile_: bool) -> dict[str, float]:
    with adapted(model):
        return training(model, config, lengths, row_tokens, compile_)


def decoding(model: Any, batch_size: int) -> dict[str, float]:
    """Steps of the engine over full slots."""
    prompts = [torch.randint(3, 32000, (64,)).tolist() for _ in range(batch_size)]
    with torch.inference_mode():
        batch = SlotBatch(model, batch_size, 256, 0.0, 1.0, compile=True)
        batch.admit(range(batch_size), prompts)
        step = fastest_step(batch)
        seconds = timed_steps(lambda: step(batch_size, 200), 5, 50)
    return {"tokens_per_second": round(batch_size / seconds, 1), "milliseconds": round(1000 * seconds, 2)}


def train_small(results: Results) -> None:
    """SmolLM2-135M's shape; program lengths as in XLCoST."""
    generator = random.Random(1)
    lengths = [min(1024, max(80, int(generator.lognormvariate(6.05, 0.5)))) for _ in range(420)]
    model = random_model(SMALL)
    for compile_ in (False, True):
        mode = "compiled" if compile_ else "eager"
        for name, work in (("LoRA", expert_training), ("4 experts top-2, joint", joint_training)):
            results.measure(
                "train-small",
                f"{name}, {mode}",
                lambda work=work, compile_=compile_: work(model, SMALL, lengths, 16384, compile_),  # type: ignore[misc]
            )


def generate_large(results: Results, model: Any) -> None:
    """Mistral-7B's shape in the engine."""
    for batch_size in (1, 32):
        results.measure("generate", f"dense, batch {batch_size}", lambda n=batch_size: decoding(model, n))  # type: ignore[misc]
    with routed(model, torch.bfloat16):
        for batch_size in (1, 32):
            results.measure(
                "generate",
                f"4 experts top-2, batch {batch_size}",
                lambda n=batch_size: decoding(model, n),  # type: ignore[misc]
            )


def train_large(results: Results, model: Any) -> None:
    """Mistral-7B's shape, 2 x 1,024 tokens a step."""
    lengths = [1024] * 8
    results.measure("train", "PEFT LoRA, stock", lambda: stock_training(model, LARGE))
    for compile_ in (False, True):
        results.measure(
            "train",
            f"4 experts top-2, joint, {'compiled' if compile_ else 'eager'}",
            lambda compile_=compile_: joint_training(model, LARGE, lengths, 2048, compile_),  # type: ignore[misc]
        )


def main() -> None:
    parts = ("train-small", "generate", "train")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(parts)}; all when none is named")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chosen = options.parts or parts
    if unknown := [part for part in chosen if part not in parts]:
        parser.error(f"unknown parts {unknown}; known: {', '.join(parts)}")
    if not torch.cuda.is_available():
        parser.error("this benchmark needs a CUDA GPU")
    torch.manual_seed(0)
    results = Results(options.out)
    if "train-small" in chosen:
        train_small(results)
        gc.collect()
    if "generate" in chosen or "train" in chosen:
        model = random_model(LARGE)
        if "generate" in chosen:
            generate_large(results, model)
        if "train" in chosen:
            train_large(results, model)


if __name__ == "__main__":
    main()
