"""The parts of ``speed.py`` in which stock transformers generate: a Mixtral with as many experts, and the dense base.

The Mixtral has 4 experts of Mistral-7B's shape, top-2, in bfloat16: 24 billion parameters, 48 GB. Its experts run with
transformers' ``grouped_mm``, the default (recent releases switch to ``batched_mm`` for decoding steps by themselves),
and with ``eager``. ``model.generate`` is used unchanged, with greedy decoding, after prompts of 64 tokens. A decoding
step is the time between two calls of a stopping criterion, so that the pass over the prompts is not included, as in the
other parts. The first steps are not counted.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from speed_models import LARGE, random_model
from speed_steps import Part, Results
from torch import Tensor
from transformers import MixtralConfig, StoppingCriteria, StoppingCriteriaList

PROMPT_TOKENS, NEW_TOKENS, UNCOUNTED = 64, 32, 4
MIXTRAL = MixtralConfig(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)  # else the shape of LARGE


class StepClock(StoppingCriteria):  # type: ignore[misc]
    """A stopping criterion that never stops, and records when each step was finished."""

    def __init__(self) -> None:
        self.events: list[torch.cuda.Event] = []

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self.events.append(event)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    def step_seconds(self) -> float:
        """Returns the median seconds between two steps."""
        torch.cuda.synchronize()
        counted = self.events[UNCOUNTED:]
        return statistics.median(a.elapsed_time(b) / 1000 for a, b in itertools.pairwise(counted))


def stock_generation(model: Any, batch_size: int, compiled: bool) -> dict[str, Any]:
    """Returns the median decoding step of ``model.generate`` in seconds, after a text to warm up.

    Args:
        model: The model.
        batch_size: Number of texts at a time.
        compiled: Whether a static cache is used, for which transformers compiles its steps; otherwise, ``generate``
            runs with its defaults.
    """
    ids = torch.randint(3, model.config.vocab_size, (batch_size, PROMPT_TOKENS), device=model.device)
    cache = {"cache_implementation": "static"} if compiled else {}

    def generate(num_tokens: int) -> StepClock:
        clock = StepClock()
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=num_tokens,
            do_sample=False,
            stopping_criteria=StoppingCriteriaList([clock]),
            **cache,
        )
        return clock

    generate(NEW_TOKENS if compiled else UNCOUNTED)  # compilation depends on the length, since the cache does
    clock = generate(NEW_TOKENS)
    if len(clock.events) != NEW_TOKENS:
        raise RuntimeError(f"{len(clock.events)} steps were made, not {NEW_TOKENS}")
    seconds = clock.step_seconds()
    return {"tokens_per_second": round(batch_size / seconds, 1), "milliseconds": round(1000 * seconds, 2)}


def endless(model: Any) -> Any:
    """Returns the model without a token that ends a text, because random weights might choose it."""
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


def generations(results: Results, part: str, name: str, model: Any, compiled: bool = False) -> None:
    """Adds the rows of one model at batch 1 and 32."""
    for batch_size in (1, 32):
        work = partial(stock_generation, model, batch_size, compiled)
        results.measure(part, f"{name}, batch {batch_size}", work)


def peers(results: Results, _: argparse.Namespace) -> None:
    """Measures transformers with its defaults: a cache that grows, and nothing compiled."""
    model = endless(random_model(MIXTRAL))
    for name in ("grouped_mm", "eager"):
        with experts_implementation(model, name):
            generations(results, "peers", f"stock Mixtral-4x7B, experts {name}", model)
    del model
    generations(results, "peers", "stock dense base", endless(random_model(LARGE)))


def peers_compiled(results: Results, _: argparse.Namespace) -> None:
    """Measures transformers at its fastest according to its documentation: static cache, compiled steps."""
    for name, config in (("stock Mixtral-4x7B", MIXTRAL), ("stock dense base", LARGE)):
        model = endless(random_model(config))
        generations(results, "peers-compiled", f"{name}, static cache, compiled", model, compiled=True)
        del model


PARTS: dict[str, Part] = {"peers": peers, "peers-compiled": peers_compiled}


if __name__ == "__main__":
    raise SystemExit("speed_peers.py is a part of other scripts: run speed.py")
