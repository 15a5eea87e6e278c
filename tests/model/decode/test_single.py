"""The short step of one row computes what the batch's own step computes, in every family, dense and routed."""

import pytest
import torch
from test_families import PROMPTS, VARIANTS, made

from moesaic.gates import GATES
from moesaic.model.decode.generate import fastest_step, generate
from moesaic.model.decode.single import SingleStep, fits
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.decode.streaming import stream_ids
from moesaic.model.int8 import to_int8
from moesaic.model.moe import compose, force_base, force_expert, record_routing
from pico import pico_routed, random_experts, random_gates

NEW_TOKENS = 12


def compare(model, prompt=PROMPTS[2], tolerance=1e-4):
    """Steps of both kinds beside each other, fed with the same tokens."""
    with torch.inference_mode():
        batches = [SlotBatch(model, 2, 40, 0.0, 1.0) for _ in range(2)]
        for batch in batches:
            batch.admit(range(1), [prompt])
        plain, short = batches[0].step, SingleStep(batches[1])
        for count in range(1, NEW_TOKENS):
            for step in (plain, short):
                step(1, len(prompt) + count)
            (ids, logprobs), (own_ids, own_logprobs) = (batch.tokens(range(1)) for batch in batches)
            assert own_ids == ids
            assert own_logprobs == pytest.approx(logprobs, abs=tolerance)
            assert batches[1].positions_B[0] == batches[0].positions_B[0]
        for expected, found in zip(*(batch.cache for batch in batches), strict=True):
            for one, other in zip(expected, found, strict=True):
                torch.testing.assert_close(other, one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_routed", [False, True])
def test_every_family(variant, is_routed):
    family, settings = VARIANTS[variant]
    model = made(family, **settings)
    if is_routed:
        compose(model, random_experts(model), "top_k", 2)
        random_gates(model)
    compare(model)


@pytest.mark.parametrize("kind", [kind for kind, gate in GATES.items() if gate.is_mixtral])
@pytest.mark.parametrize("anchor", [False, True])
def test_every_kind_of_gate(kind, anchor):
    top_k = 3 + anchor if GATES[kind].mixes_all else 1
    compare(pico_routed(anchor, kind, top_k))


def test_the_anchor_can_be_all_there_is():
    model = pico_routed(anchor=True, top_k=1)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.router.weight_ED.zero_()
            layer.mlp.router.weight_ED[-1] = 0  # equal logits: the first expert
    compare(model)


def test_forced_experts_and_the_base():
    model = pico_routed()
    texts = []
    for context in (force_base(model), force_expert(model, "java")):
        with context:
            compare(model)
            texts.append(list(stream_ids(model, PROMPTS[0], NEW_TOKENS, ())))
    assert texts[0] != texts[1]


def test_routes_are_recorded():
    model = pico_routed(anchor=True)
    routes = []
    with torch.inference_mode():
        for is_short in (False, True):
            batch = SlotBatch(model, 1, 40, 0.0, 1.0)
            batch.admit(range(1), [PROMPTS[2]])
            with record_routing(model) as routing:
                (SingleStep(batch) if is_short else batch.step)(1, len(PROMPTS[2]) + 1)
            routes.append([(each.experts_TK.tolist(), each.weights_TK[0]) for each in routing.values()])
    assert [experts for experts, _ in routes[0]] == [experts for experts, _ in routes[1]]
    for (_, one), (_, other) in zip(*routes, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_int8_in_one_row_is_int8_in_a_batch():
    compare(to_int8(pico_routed(anchor=True)), tolerance=0.05)


def test_several_rows_are_run_by_the_batch():
    model = pico_routed()
    alone = [list(stream_ids(model, prompt, NEW_TOKENS, ())) for prompt in PROMPTS]
    # Texts of different lengths: the last of them goes on alone, in a slot that others had.
    assert [found.ids for found in generate(model, PROMPTS, NEW_TOKENS, (), batch_size=2)] == alone


def test_it_is_taken_where_it_fits():
    model = pico_routed()
    with torch.inference_mode():
        assert isinstance(fastest_step(SlotBatch(model, 1, 16, 0.0, 1.0)), SingleStep)
        half = SlotBatch(model.bfloat16(), 1, 16, 0.0, 1.0)
    assert not fits(half)
    assert fastest_step(half) == half.step
