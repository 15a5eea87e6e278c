"""Makes models with random weights and documents of random tokens, for ``speed.py`` and ``scaling.py``.

Speed does not depend on them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config

from moesaic.data.prompts import EncodedExample
from moesaic.model.lora import LoraExpert, LowRank
from moesaic.model.moe import compose, decompose
from moesaic.recipe import MLP_TARGETS, ExpertsRecipe
from moesaic.train.injection import quiet_peft, take_out

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
CODER = Qwen2Config(
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    vocab_size=151936,
    max_position_embeddings=32768,
    tie_word_embeddings=True,
)
LARGE = MistralConfig(sliding_window=None)  # the defaults are Mistral-7B's


def random_model(config: Any, device: str | torch.device = "cuda", dtype: torch.dtype = torch.bfloat16) -> Any:
    """Returns a model of this shape with random weights on the GPU."""
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return model.eval().requires_grad_(False)


def random_experts(model: Any, number: int, rank: int) -> list[LoraExpert]:
    """Returns adapters on the MLP with random factors."""
    linear = {path: module for path, module in model.named_modules() if path.endswith(MLP_TARGETS)}

    def deltas() -> dict[str, LowRank]:
        return {
            path: LowRank(
                torch.randn(rank, module.in_features, device=model.device) / module.in_features**0.5,
                torch.randn(module.out_features, rank, device=model.device) * 0.01,
            )
            for path, module in linear.items()
        }

    return [LoraExpert(f"expert {index}", rank, 2.0, deltas()) for index in range(number)]


@contextmanager
def routed(model: Any, dtype: torch.dtype, number: int = len(LANGUAGES), rank: int = RANK) -> Iterator[Any]:
    """Returns the model as a Mixture-of-Experts whose gates prefer different experts for different tokens."""
    compose(model, random_experts(model, number, rank), "top_k", TOP_K, dtype=dtype)
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


@contextmanager
def adapted(model: Any, options: ExpertsRecipe | None = None) -> Iterator[Any]:
    """Returns the model with one PEFT adapter in float32, by default on the MLP."""
    options = options or ExpertsRecipe(rank=RANK)
    with quiet_peft():
        peft_model = get_peft_model(
            model,
            LoraConfig(
                r=options.rank,
                lora_alpha=options.alpha,
                lora_dropout=options.dropout,
                target_modules=list(options.target_modules()),
            ),
        )
    for parameter in peft_model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    try:
        yield peft_model
    finally:
        take_out(model)


def program_lengths(number: int, longest: int) -> list[int]:
    """Returns lengths of programs in tokens, distributed approximately as in XLCoST."""
    generator = random.Random(1)
    return [min(longest, max(80, int(generator.lognormvariate(6.05, 0.5)))) for _ in range(number)]


if __name__ == "__main__":
    raise SystemExit("speed_models.py is a part of other scripts: run speed.py")
