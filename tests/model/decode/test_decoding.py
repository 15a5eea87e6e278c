"""A layer taken apart for decoding computes what transformers' layer computes, with one graph for all."""

import contextlib

import pytest
import torch

from moesaic.model.decode.slots import SlotBatch, allow_variants
from moesaic.model.decode.step import attend
from moesaic.model.moe import compose, force_base, force_expert
from pico import TracedGraphs, pico_llama, random_experts, random_gates

PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7], [9, 3, 2, 3]]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_attention_equals_repeated_heads(groups):
    generator = torch.Generator().manual_seed(0)
    rows, heads, columns, size = 3, 4, 9, 8
    query = torch.randn(rows, groups, heads // groups, size, generator=generator)
    key, value = (torch.randn(rows, groups, columns, size, generator=generator) for _ in range(2))
    mask = torch.zeros(rows, columns)
    mask[0, 4:], mask[2, :2] = float("-inf"), float("-inf")
    mixed = attend(query, key, value, mask, 0.3)
    repeated_key, repeated_value = (x.repeat_interleave(heads // groups, dim=1) for x in (key, value))
    weights = (0.3 * query.flatten(1, 2)[:, :, None] @ repeated_key.transpose(2, 3) + mask[:, None, None]).softmax(-1)
    assert torch.allclose(mixed.flatten(1, 2), (weights @ repeated_value)[:, :, 0], atol=1e-6)


@pytest.mark.slow
def test_compiled_once_for_all_layers_rows_and_lengths():
    model = compose(pico_llama(num_hidden_layers=3), random_experts(pico_llama(num_hidden_layers=3)), "top_k", 2)
    random_gates(model)
    graphs = TracedGraphs()
    torch._dynamo.reset()
    with torch.inference_mode():
        for num_slots, capacity in ((4, 24), (3, 40)):
            plain, compiled = (SlotBatch(model, num_slots, capacity, 0.0, 1.0) for _ in range(2))
            graphs.compile_steps(compiled)
            for batch in (plain, compiled):
                batch.admit(range(num_slots), PROMPTS[:num_slots])
            for num_rows, num_columns in ((num_slots, 9), (num_slots, 16), (2, 16)):
                for batch in (plain, compiled):
                    batch.step(num_rows, num_columns)
                assert torch.equal(compiled.ids_B, plain.ids_B)
                assert torch.allclose(compiled.logprobs_B, plain.logprobs_B, atol=1e-5)
    assert len(graphs) == 2


@pytest.mark.slow
@pytest.mark.untraced
def test_more_systems_than_the_compilers_own_limit_are_all_compiled():
    model = compose(pico_llama(), random_experts(pico_llama()), "top_k", 2)
    random_gates(model)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=2), torch.inference_mode():
        allow_variants()
        for system in (force_base(model), force_expert(model, "python"), contextlib.nullcontext()):
            with system:
                batch = SlotBatch(model, 1, 24, 0.0, 1.0)
                TracedGraphs().compile_steps(batch)  # of whole graphs: it fails where the compiler gives up
                batch.admit(range(1), PROMPTS[:1])
                batch.step(1, 16)
