"""Routing statistics: sums over packed rows against a count token by token."""

from __future__ import annotations

import math

import pytest
import torch

from moesaic.data.packing import PackedBatches
from moesaic.data.prompts import EncodedExample
from moesaic.evaluate.routing import RoutingSums
from moesaic.model.attention import packed_attention
from moesaic.model.loss import hidden_states
from moesaic.model.moe import compose, expert_names, moe_blocks, record_routing
from pico import pico_llama, random_experts, random_gates

LANGUAGES = ("java", "python")  # not in the order of the experts, python, java and cpp


def documents(count: int = 8) -> list[EncodedExample]:
    generator = torch.Generator().manual_seed(3)
    return [
        EncodedExample(torch.randint(5, 200, (9 + i,), generator=generator).tolist(), 3 + i % 2, 4, LANGUAGES[i % 2])
        for i in range(count)
    ]


@pytest.mark.parametrize(("kind", "top_k"), [("top_k", 1), ("top_k", 2), ("softmax", None)])
def test_sums_over_rows_are_a_count_token_by_token(kind, top_k):
    model = pico_llama().requires_grad_(False)
    compose(model, random_experts(model), kind, top_k, dtype=torch.float32)
    random_gates(model)
    with torch.no_grad():
        for block in moe_blocks(model).values():
            # Opposite logits for the first two and zero for the third, which is never first and always second.
            block.router.weight_ED[1] = -block.router.weight_ED[0]
            block.router.weight_ED[2] = 0.0
    sums = RoutingSums(expert_names(model), LANGUAGES)
    tokens = dict.fromkeys(LANGUAGES, 0)
    first, run, weight, bits = ({} for _ in range(4))
    rows = 0
    with torch.inference_mode(), packed_attention(model), record_routing(model) as routings:
        for batch in PackedBatches(documents(), LANGUAGES, 40, shuffle=False):
            rows += 1
            hidden_states(model, batch)
            sums.add(routings, batch)
            for t in batch.code_mask_1T[0].nonzero()[:, 0].tolist():
                language = LANGUAGES[batch.language_ids_1T[0, t]]
                tokens[language] += 1
                for layer, routing in routings.items():
                    slots = list(zip(routing.weights_TK[t].tolist(), routing.experts_TK[t].tolist(), strict=True))
                    key = language, layer
                    best = max(slots, key=lambda slot: slot[0])[1]
                    first[*key, best] = first.get((*key, best), 0) + 1
                    for share, expert in slots:
                        run[*key, expert] = run.get((*key, expert), 0) + 1
                        weight[*key, expert] = weight.get((*key, expert), 0.0) + share
                    entropy = -sum(p * math.log2(p) for p in routing.probs_TE[t].tolist() if p)
                    bits[key] = bits.get(key, 0.0) + entropy
    assert rows > 1
    statistics = sums.statistics()
    assert statistics.experts == ["python", "java", "cpp"]
    assert statistics.tokens_G == [tokens[name] for name in LANGUAGES] == [16, 16]
    for g, language in enumerate(LANGUAGES):
        for layer in range(2):
            assert statistics.entropy_GL[g][layer] == pytest.approx(bits[language, layer] / 16)
            for e in range(3):
                key = language, layer, e
                assert statistics.top1_GLE[g][layer][e] == first.get(key, 0) / 16
                assert statistics.chosen_GLE[g][layer][e] == run.get(key, 0) / 16
                assert statistics.weight_GLE[g][layer][e] == pytest.approx(weight.get(key, 0.0) / 16)
    assert statistics.dead == (["0/cpp", "1/cpp"] if top_k == 1 else [])
