"""Initial gates against naive ones: one program at a time, without packing, by least squares and plain loops."""

from __future__ import annotations

import contextlib
import math
import random
import re

import pytest
import torch

from moesaic.data.prompts import EncodedExample
from moesaic.errors import DataError
from moesaic.model.attention import packed_attention
from moesaic.model.moe import compose, extract_router, force_base, force_expert, moe_blocks
from moesaic.train.gate_init import (
    CALIBRATION_SHARE,
    RIDGE_LAMBDA,
    calibrated_scale,
    initial_gates,
    ridge_weights,
    router_inputs,
)
from pico import pico_llama, random_experts, random_gates

NAMES = ("python", "java", "cpp")


def composed(names=NAMES, kind="top_k", **sizes):
    model = pico_llama(**sizes).requires_grad_(False)
    return compose(model, random_experts(model, names, (4, 2, 3)[: len(names)]), kind, dtype=torch.float32)


def programs_of(counts):
    """Random programs of different lengths, of tokens of which some are those of a language alone."""
    generator = random.Random(0)

    def program(name):
        own = range(10 * NAMES.index(name), 10 * NAMES.index(name) + 10)
        ids = [generator.choice(own) if generator.random() < 0.7 else generator.randrange(30, 40) for _ in range(40)]
        length = generator.randrange(10, 41)
        return EncodedExample(ids[:length], generator.randrange(1, 4), 1, name)

    return {name: [program(name) for _ in range(count)] for name, count in counts.items()}


def inputs_of(model, texts, running):
    """Each layer's MLP inputs, (T, D) float64, of texts that run one by one."""
    norms, found = [layer.post_attention_layernorm for layer in model.model.layers], [[] for _ in model.model.layers]
    hooks = [
        norm.register_forward_hook(lambda _module, _inputs, output, own=own: own.append(output[0].double()))
        for norm, own in zip(norms, found, strict=True)
    ]
    with running, torch.no_grad():
        for ids in texts:
            model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return [torch.cat(parts) for parts in found]


def balanced_loss(logits_by_class, scale):
    """Mean over classes of the mean negative log likelihood of the class."""
    means = []
    for label, logits_TE in enumerate(logits_by_class):
        if len(logits_TE):
            losses = [math.log(sum(math.exp(scale * (x - row[label])) for x in row)) for row in logits_TE.tolist()]
            means.append(sum(losses) / len(losses))
    return sum(means) / len(means)


def is_best_scale(logits_by_class, scale):
    """Whether it is a half power of two from 1 to 128, and the next ones are no better."""
    others = [scale * factor for factor in (2**0.5, 2**-0.5) if 0.99 < scale * factor < 129]
    here = balanced_loss(logits_by_class, scale) - 1e-9
    is_known = 0.99 < scale < 129 and abs(round(2 * math.log2(scale)) - 2 * math.log2(scale)) < 1e-3
    return is_known and all(here <= balanced_loss(logits_by_class, other) for other in others)


COUNTS = [
    {"python": 9, "java": 2, "cpp": 1},  # a single program is fitted on and calibrated with
    {"cpp": 3, "java": 7},  # in another order than the experts', of which one has none
    {"java": 6},
]


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("row_tokens", [60, 1000])
def test_ridge_gates_are_those_of_balanced_least_squares(counts, row_tokens):
    model, programs = composed(), programs_of(counts)
    with packed_attention(model):
        initial_gates(model, programs, "ridge", row_tokens, contextlib.nullcontext)
    names = [name for name in NAMES if name in programs]
    fitted, held_out = [], []
    for name in names:
        own = [example.ids for example in programs[name]]
        later = [ids for place, ids in enumerate(own) if place % CALIBRATION_SHARE != 0]
        fitted.append(inputs_of(model, later or own[:1], force_expert(model, name)))
        held_out.append(inputs_of(model, own[::CALIBRATION_SHARE], force_expert(model, name)))
    for layer, gate_ED in enumerate(extract_router(model).values()):
        inputs = [own[layer] for own in fitted]
        weights_T = torch.cat([torch.full((len(x_TD),), 1 / (len(x_TD) * len(names))).double() for x_TD in inputs])
        targets_TE = torch.cat([torch.eye(len(names))[[label]].expand(len(x), -1) for label, x in enumerate(inputs)])
        x_TD = torch.cat(inputs)
        mean_square = (weights_T[:, None] * x_TD.square()).sum() / x_TD.shape[1]
        # The penalty as observations: of every coordinate alone, with a target of zero.
        rows = torch.cat([x_TD * weights_T.sqrt()[:, None], (RIDGE_LAMBDA * mean_square).sqrt() * torch.eye(32)])
        targets = (targets_TE - 1 / len(names)) * weights_T.sqrt()[:, None]
        targets = torch.cat([targets, torch.zeros(32, len(names))])
        weight_ED = torch.linalg.lstsq(rows, targets).solution.T
        known = [NAMES.index(name) for name in names]
        if len(names) == 1:  # nothing to tell apart
            assert gate_ED.abs().max() < 1e-9
            continue
        scale = float((gate_ED[known] * weight_ED).sum() / weight_ED.square().sum())
        torch.testing.assert_close(gate_ED[known].double(), scale * weight_ED, rtol=1e-3, atol=1e-4 * scale)
        assert not gate_ED[[place for place in range(3) if place not in known]].any()
        assert is_best_scale([own[layer] @ weight_ED.T for own in held_out], scale)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("row_tokens", [4, 1000])
def test_prompt_gates_are_mean_inputs_of_own_prompts_less_those_of_the_others(counts, row_tokens):
    model, programs = composed(), programs_of(counts)
    with packed_attention(model):
        initial_gates(model, programs, "prompts", row_tokens, contextlib.nullcontext)
    means = {}
    for name, own in programs.items():
        prompts = [example.ids[: example.num_prompt_tokens] for example in own]
        means[name] = [x_TD.mean(0) for x_TD in inputs_of(model, prompts, force_base(model))]
    for layer, gate_ED in enumerate(extract_router(model).values()):
        for name, gate_D in zip(NAMES, gate_ED, strict=True):
            if name not in means:
                assert not gate_D.any()
                continue
            others = [mean[layer] for other, mean in means.items() if other != name]
            wanted_D = means[name][layer] - (sum(others) / len(others) if others else 0)
            torch.testing.assert_close(gate_D.double(), wanted_D / wanted_D.norm(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("init", ["ridge", "prompts"])
def test_a_model_of_one_layer_and_two_experts_has_initial_gates_too(init):
    model, programs = composed(NAMES[:2], num_hidden_layers=1), programs_of({"python": 3, "java": 3})
    with packed_attention(model):
        initial_gates(model, programs, init, 100, contextlib.nullcontext)
    (gate_ED,) = extract_router(model).values()
    assert gate_ED.norm(dim=1).min() > 0.1


@pytest.mark.parametrize("tokens", [(1, 30, 2), (5, 1, 40), (0, 12, 1)])
def test_the_scale_is_the_best_of_a_naive_loop_for_an_expert_with_one_token_too(tokens):
    generator = torch.Generator().manual_seed(sum(tokens))
    for signal in (0.05, 0.2, 0.8):
        logits = [torch.randn(count, 3, generator=generator).double() * 0.1 for count in tokens]
        for label, own_TE in enumerate(logits):
            own_TE[:, label] += signal
        labels = torch.cat([torch.full((count,), label) for label, count in enumerate(tokens)])
        assert is_best_scale(logits, calibrated_scale(torch.cat(logits), labels))


def test_the_bar_of_the_fit_ends_at_the_number_of_programs(capfd):
    model, programs = composed(), programs_of(COUNTS[0])
    with packed_attention(model):
        initial_gates(model, programs, "ridge", 100, contextlib.nullcontext)
    total = sum(map(len, programs.values())) + 1  # one language has a single program, which is run twice
    assert re.search(rf"^gates: ridge fit: {total}/{total} programs", capfd.readouterr().err, re.MULTILINE)


def test_router_inputs_of_programs_that_fill_a_row_each_are_those_of_the_programs_alone():
    model, (own,) = composed(), programs_of({"java": 4}).values()
    shortest = min(len(example.ids) for example in own)
    with packed_attention(model):  # rows are as long as the longest program, in which no two of these fit
        rows = list(router_inputs(model, own, ("java",), shortest, contextlib.nullcontext, force_base(model)))
    assert len(rows) == len(own)
    for example in own:
        expected = inputs_of(model, [example.ids], force_base(model))
        (found,) = [row for row in rows if row[0].shape == expected[0].shape]
        for pair in zip(found, expected, strict=True):
            torch.testing.assert_close(pair[0].double(), pair[1])


@pytest.mark.parametrize("was_training", [False, True])
def test_capturing_runs_in_evaluation_mode_and_leaves_the_model_as_it_was(was_training):
    model, (own,) = composed(kind="noisy_top_k"), programs_of({"java": 3}).values()
    random_gates(model)
    for block in moe_blocks(model).values():
        block.router.noise_ED.data.fill_(3.0)  # in training it would change where tokens go
    model.train(was_training)

    def inputs(examples=own, names=("java",)):
        with packed_attention(model):
            return list(router_inputs(model, examples, names, 100, contextlib.nullcontext, contextlib.nullcontext()))

    first, second = inputs(), inputs()
    assert all(torch.equal(*pair) for pair in zip(first[0], second[0], strict=True))
    with pytest.raises(DataError, match="no example"):
        inputs(examples=[])
    with packed_attention(model):
        broken_off = router_inputs(model, own, ("java",), 100, contextlib.nullcontext, force_base(model))
        next(broken_off)
        broken_off.close()
    assert model.training is was_training
    assert not any(block._forward_pre_hooks for block in moe_blocks(model).values())


@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_a_ridge_classifier_does_not_depend_on_the_unit_of_its_inputs(ratio):
    """The penalty is a share of the inputs' size, so that the logits of inputs in another unit are the same."""
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(40, 5, generator=generator, dtype=torch.double) + shift for shift in (0.0, 0.7, -0.4)]

    def logits(factor):
        scaled = [x_TD * factor for x_TD in inputs]
        gram_DD = sum(x_TD.T @ x_TD / (3 * len(x_TD)) for x_TD in scaled)
        weight_ED = ridge_weights(gram_DD, torch.stack([x_TD.mean(0) for x_TD in scaled]))
        return torch.cat(scaled) @ weight_ED.T

    torch.testing.assert_close(logits(ratio), logits(1.0))
