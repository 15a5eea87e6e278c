"""Measures training and generation on a GPU: factored Mixture-of-Experts, dense base and stock code, in one run.

    python benchmarks/speed.py [PART ...] [--out results.json]

Weights are random, since speed does not depend on them. The parts run in this order:

    train-small     SmolLM2-135M's shape, packed rows of 16,384 tokens: LoRA and joint training, eager and compiled
    train-coder     Qwen2.5-Coder-0.5B's shape (vocabulary 151,936), the same
    sample          Qwen2.5-Coder-0.5B's shape, batch 512: decoding greedily and at temperature 0.8
    generate        Mistral-7B's shape, batch 1 and 32: dense, and 4 experts top-2 with and without moesaic's kernels
    train           Mistral-7B's shape, 2 x 1,024 tokens: stock PEFT LoRA, factored training, eager and compiled
    cost            Mistral-7B's shape, 8 of its 32 layers: how cost grows with the number and the rank of the experts
    peers           stock transformers: Mixtral-4x7B of Mistral's shape (48 GB) and the dense base (``speed_peers``)
    peers-compiled  the same with transformers' static cache and its own compilation; takes minutes
    nf4             Mistral-7B's shape in NF4: QLoRA of the Mixture-of-Experts and stock, decoding (``speed_nf4``)
    study           a recipe's settings on an NF4 base: time per step, memory, projected hours and cost (``speed_nf4``)

After every measurement, a line is printed and the file is written. If a measurement fails, its row says why, and the
next one runs. Training speed counts real tokens, and a training step includes the forward and backward pass, clipping
and the optimiser step. A decoding step reads 256 cache columns; the pass over the prompts is not included. Times are
taken with device events. They are medians over decoding steps and stock steps. For moesaic's training steps they are
means over 20 consecutive steps, each of which is launched while the one before runs, as in the training loop.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import speed_nf4
import speed_peers
import torch
from places import file_to_write
from speed_models import CODER, LARGE, RANK, SMALL, TOP_K, program_lengths, random_model, routed
from speed_steps import (
    Part,
    Results,
    decode,
    decoding,
    expert_training,
    joint,
    joint_selective,
    joint_training,
    rows_of,
    stock_training,
)
from transformers import MistralConfig

SHALLOW_LAYERS = 8


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
    """Qwen2.5-Coder-0.5B's shape: the cost of sampling a token beside choosing the most likely one."""
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


def train_large(results: Results, _: argparse.Namespace) -> None:
    """Mistral-7B's shape, 2 x 1,024 tokens a step."""
    model = random_model(LARGE)
    results.measure("train", "PEFT LoRA, stock", partial(stock_training, model, LARGE))
    work = partial(expert_training, model, LARGE, [1024] * 8, rows_of(2048, True))
    results.measure("train", "one LoRA expert on the dense base, compiled", work)
    joint(results, "train", "4 experts top-2, joint", model, LARGE)
    joint_selective(results, "train", "4 experts top-2, joint", model)


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
    parts: Mapping[str, Part] = {**PARTS, **speed_peers.PARTS, **speed_nf4.PARTS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(parts)}; all when none is named")
    parser.add_argument("--out", type=file_to_write, help="file of all rows (JSON)")
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
            except Exception as error:  # the model could not be made, but the next part may succeed
                results.failed(name, "the part itself", error)


if __name__ == "__main__":
    main()
