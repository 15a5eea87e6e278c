"""Losses and routing of a Mixture-of-Experts: one pass for both, made again only if a file is missing."""

from __future__ import annotations

import pytest
import torch

from moesaic.data.examples import Example
from moesaic.data.prompts import PromptFormat
from moesaic.files import read_json
from moesaic.model.moe import compose, moe_blocks
from moesaic.pipeline.predict import write_losses
from moesaic.recipe import PredictRecipe
from pico import pico_llama, pico_tokenizer, random_experts, random_gates

LANGUAGES = ("python", "java")
EXAMPLES = [Example(f"{i}", LANGUAGES[i % 2], "add", f"x = {'1 + ' * i}1\n") for i in range(8)]


@pytest.fixture(scope="module")
def model():
    model = pico_llama().requires_grad_(False)
    compose(model, random_experts(model, LANGUAGES, (4, 2)), "top_k", 1, dtype=torch.float32)
    random_gates(model)
    return model


def write(model, folder, routing=True) -> int:
    """Writes what is missing in ``folder``; returns the number of forward passes that it took."""
    prompt = PromptFormat(pico_tokenizer(chat=False))
    encoded = [prompt.encode(example) for example in EXAMPLES]
    passes = []
    handle = model.model.register_forward_hook(lambda *_: passes.append(1))
    write_losses(
        folder / "moe.jsonl",
        "moe",
        model,
        EXAMPLES,
        encoded,
        LANGUAGES,
        PredictRecipe(row_tokens=200),
        folder / "routing.json" if routing else None,
    )
    handle.remove()
    return len(passes)


def test_routing_costs_no_pass_and_leaves_the_losses_bit_for_bit(model, tmp_path):
    passes = write(model, tmp_path / "losses", routing=False)
    assert passes > 1
    assert write(model, tmp_path / "both") == passes
    assert (tmp_path / "losses" / "moe.jsonl").read_bytes() == (tmp_path / "both" / "moe.jsonl").read_bytes()
    assert not (tmp_path / "losses" / "routing.json").exists()
    routing = read_json(tmp_path / "both" / "routing.json")
    assert sum(routing["tokens_G"]) == sum(len(example.code) for example in EXAMPLES)  # a byte is a token
    assert set(routing["own_expert"]) == set(LANGUAGES)
    assert not any(block.router._forward_hooks for block in moe_blocks(model).values())


@pytest.mark.parametrize("lost", ["moe.jsonl", "routing.json"])
def test_either_file_lost_to_a_kill_is_made_again_and_nothing_when_both_are_there(model, tmp_path, lost):
    passes = write(model, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("moe.jsonl", "routing.json")}
    assert write(model, tmp_path) == 0
    (tmp_path / lost).unlink()
    assert write(model, tmp_path) == passes
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
