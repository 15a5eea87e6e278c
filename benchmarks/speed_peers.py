"""Stock transformers generating: a Mixtral of as many experts, and the dense base. Parts of ``speed.py``.

The Mixtral has 4 experts of Mistral-7B's shape, top-2, in bfloat16: 24 billion parameters, 48 GB. transformers has
several implementations of a block's experts; each is measured. ``model.generate`` runs as it is, greedy, after prompts
of 64 tokens. A decoding step is the time between two calls of a stopping criterion, so that the prompts' own pass is
left out here as it is in the other parts. The first steps of each text are not counted.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from speed import LARGE, Part, Results, random_model
from torch import Tensor
from transformers import MixtralConfig, StoppingCriteria, StoppingCriteriaList

PROMPT_TOKENS, NEW_TOKENS, UNCOUNTED = 64, 33, 4
MIXTRAL = MixtralConfig(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)  # else the shape of LARGE
EXPERTS_IMPLEMENTATIONS = ("grouped_mm", "batched_mm", "eager")


class StepClock(StoppingCriteria):  # type: ignore[misc]
    """Stops nothing; notes when each step was done."""

    def __init__(self) -> None:
        self.events: list[torch.cuda.Event] = []

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self.events.append(event)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    def step_seconds(self) -> float:
        """Median seconds between two steps."""
        torch.cuda.synchronize()
        counted = self.events[UNCOUNTED:]
        return statistics.median(a.elapsed_time(b) / 1000 for a, b in zip(counted, counted[1:], strict=False))


def stock_generation(model: Any, batch_size: int, **cache: Any) -> dict[str, Any]:
    """Median decoding step of ``model.generate``, after one text to warm up."""
    ids = torch.randint(3, model.config.vocab_size, (batch_size, PROMPT_TOKENS), device=model.device)
    clock = StepClock()
    for _ in range(2):
        clock = StepClock()
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            stopping_criteria=StoppingCriteriaList([clock]),
            **cache,
        )
    if len(clock.events) != NEW_TOKENS:
        raise RuntimeError(f"{len(clock.events)} steps were made, not {NEW_TOKENS}")
    seconds = clock.step_seconds()
    return {"tokens_per_second": round(batch_size / seconds, 1), "milliseconds": round(1000 * seconds, 2)}


def endless(model: Any) -> Any:
    """The model without a token that ends a text: random weights might choose it."""
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


@contextmanager
def experts_implementation(model: Any, name: str) -> Iterator[None]:
    """Runs a Mixtral's experts by one of transformers' implementations."""
    before = model.config._experts_implementation
    model.set_experts_implementation(name)
    try:
        yield
    finally:
        model.set_experts_implementation(before)


def generations(results: Results, part: str, name: str, model: Any, caches: dict[str, dict[str, Any]]) -> None:
    """Rows of one model: every cache, batch 1 and 32."""
    for cache, arguments in caches.items():
        for batch_size in (1, 32):
            torch.compiler.reset()
            work = partial(stock_generation, model, batch_size, **arguments)
            results.measure(part, f"{name}, {cache}, batch {batch_size}", work)


def both_models(results: Results, part: str, caches: dict[str, dict[str, Any]]) -> None:
    """Rows of the Mixtral with each implementation of its experts, then of the dense base."""
    model = endless(random_model(MIXTRAL))
    for name in EXPERTS_IMPLEMENTATIONS:
        try:
            with experts_implementation(model, name):
                generations(results, part, f"stock Mixtral-4x7B, experts {name}", model, caches)
        except Exception as error:  # a release without this implementation
            results.failed(part, f"stock Mixtral-4x7B, experts {name}", error)
    del model
    generations(results, part, "stock dense base", endless(random_model(LARGE)), caches)


def peers(results: Results, _: argparse.Namespace) -> None:
    """Without compilation."""
    static = {"cache_implementation": "static", "disable_compile": True}
    both_models(results, "peers", {"dynamic cache": {}, "static cache, not compiled": static})


def peers_compiled(results: Results, _: argparse.Namespace) -> None:
    """With the compilation that transformers starts by itself when its cache is static."""
    both_models(results, "peers-compiled", {"static cache, compiled": {"cache_implementation": "static"}})


PARTS: dict[str, Part] = {"peers": peers, "peers-compiled": peers_compiled}
