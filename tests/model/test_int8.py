"""Weights in int8: how far they are from what was rounded, few rows as many, and which layers get them."""

import copy

import pytest
import torch
from torch import nn

from moesaic.model.block import FactoredMoE
from moesaic.model.int8 import KERNEL_ROWS, Int8Linear, side_by_side, to_int8
from moesaic.model.moe import compose
from pico import pico_llama, random_experts, random_gates


def layer(outputs=24, inputs=64, bias=True, seed=0):
    torch.manual_seed(seed)
    return nn.Linear(inputs, outputs, bias=bias)


def test_a_weight_is_at_most_half_a_step_off():
    plain = layer()
    with torch.no_grad():
        plain.weight[3] *= 1000  # one channel does not spoil the others
        plain.weight[5] = 0
    rounded = Int8Linear(plain.weight, plain.bias)
    off_OI = (rounded.restored(torch.float32) - plain.weight).abs()
    # bfloat16 has 8 bits: a scale that was rounded down lets the greatest weights overshoot 127 steps by 127 / 256.
    assert (off_OI <= (0.5 + 127 / 256) * rounded.scale_O.float()[:, None]).all()
    assert off_OI.mean() < 0.3 * rounded.scale_O.float().mean()
    assert (rounded.restored(torch.float32)[5] == 0).all()
    assert rounded.weight.dtype == torch.int8


@pytest.mark.parametrize("bias", [True, False])
def test_few_rows_and_many_are_multiplied_alike(bias):
    plain = layer(bias=bias)
    rounded = Int8Linear(plain.weight, plain.bias)
    x = torch.randn(KERNEL_ROWS + 1, 64)
    many = rounded(x)  # exactly, with the weights put back
    few = torch.cat([rounded(x[:KERNEL_ROWS]), rounded(x[KERNEL_ROWS:])])
    expected = nn.functional.linear(x, rounded.restored(torch.float32), plain.bias)
    torch.testing.assert_close(many, expected)
    assert (few - many).norm() < 0.01 * many.norm()  # bfloat16's rounding
    assert not few.equal(many)
    torch.testing.assert_close(rounded(x[None, :3]), rounded(x[:3])[None])
    assert many.dtype == few.dtype == torch.float32


@pytest.mark.parametrize("inputs", [24, 40, 136])
def test_rows_that_the_kernel_does_not_take(inputs):
    rounded = Int8Linear(layer(inputs=inputs).weight)
    x = torch.randn(3, inputs)
    torch.testing.assert_close(rounded(x), nn.functional.linear(x, rounded.restored(torch.float32)))


def test_layers_side_by_side_share_their_weights():
    layers = [Int8Linear(layer(outputs, seed=outputs).weight) for outputs in (24, 8, 40)]
    alone = [copy.deepcopy(each) for each in layers]
    weight_OI, scale_O = side_by_side(layers)
    again = side_by_side(layers)
    assert weight_OI.shape == (72, 64)
    assert again[0].data_ptr() == weight_OI.data_ptr()  # nothing is moved twice
    assert again[0].equal(weight_OI)
    assert again[1].equal(scale_O)
    x = torch.randn(2, 64)
    for now, before in zip(layers, alone, strict=True):
        assert now.weight.equal(before.weight)
        assert now(x).equal(before(x))
    first = layers[:2]  # a part of what lies side by side
    assert side_by_side(first)[0].equal(weight_OI[:32])


def test_a_model_keeps_its_experts_gates_and_embedding():
    model = pico_llama()
    compose(model, random_experts(model), "top_k", 2)
    random_gates(model)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    to_int8(model)
    kept = {name for name, _ in model.named_parameters()}
    assert "model.embed_tokens.weight" in kept
    assert {name for name in before if ".mlp.router." in name or "_A_" in name or "_B_" in name} < kept
    assert all(parameter.equal(before[name]) for name, parameter in model.named_parameters())
    assert not [name for name, module in model.named_modules() if type(module) is nn.Linear]
    assert isinstance(model.lm_head, Int8Linear)
    block = model.model.layers[0].mlp
    assert isinstance(block, FactoredMoE)
    assert isinstance(block.down_proj, Int8Linear)


def test_a_model_is_close_to_what_it_was():
    model = pico_llama()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.div_(3)
    compose(model, random_experts(model), "top_k", 2)
    random_gates(model)
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        expected = model(ids).logits
        found = to_int8(model)(ids).logits
    assert (found - expected).norm() < 0.05 * expected.norm()
    assert not found.equal(expected)
