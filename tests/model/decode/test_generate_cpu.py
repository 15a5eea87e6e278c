"""Products of few rows are the same products, packed or weight first, and the layers come back as they were."""

import pytest
import torch
from torch import nn

from moesaic.model.decode import cpu as generate_cpu
from moesaic.model.decode.cpu import PACKED_ROWS, WEIGHT_FIRST_ROWS, few_row_products
from moesaic.model.decode.generate import generate
from moesaic.model.moe import compose
from pico import pico_llama, random_experts, random_gates

needs_packing = pytest.mark.skipif(not generate_cpu._can_pack(), reason="torch without MKL's packed products")


@pytest.fixture(params=[pytest.param(True, marks=needs_packing, id="packed"), pytest.param(False, id="weight first")])
def packs(request, monkeypatch):
    """Whether there are operators for packing."""
    monkeypatch.setattr(generate_cpu, "_can_pack", lambda: request.param)
    return request.param


@pytest.fixture
def plain_rows(monkeypatch):
    """Numbers of rows that were multiplied in the plain way."""
    rows = []
    monkeypatch.setattr(generate_cpu.F, "linear", lambda x, *_: rows.append(len(x)) or torch.zeros(len(x), 3))
    return rows


@pytest.mark.parametrize("rows", [1, 2, WEIGHT_FIRST_ROWS.start, 24, WEIGHT_FIRST_ROWS.stop, PACKED_ROWS.stop])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_plain_product(packs, rows, bias):
    torch.manual_seed(0)
    layer = nn.Linear(48, 31, bias=bias)
    x = torch.randn(rows, 1, 48)
    with torch.inference_mode(), few_row_products(nn.Sequential(layer), 24):
        found = layer(x)
    assert found.shape == (rows, 1, 31)
    assert found.is_contiguous()
    assert torch.allclose(found, layer(x), atol=1e-6)


def test_rows_may_lie_apart(packs):
    torch.manual_seed(0)
    layer = nn.Linear(48, 31)
    x = torch.randn(24, 100)[:, :96:2]
    with torch.inference_mode(), few_row_products(nn.Sequential(layer), 24):
        found = layer(x)
    assert torch.allclose(found, layer(x), atol=1e-6)


def test_few_rows_are_not_multiplied_in_the_plain_way(packs, plain_rows):
    layer = nn.Linear(4, 3)
    with few_row_products(nn.Sequential(layer), 24):
        for rows in (1, 2, 7, 8, 56, 57, 128, 129):
            layer(torch.randn(rows, 4))
    assert plain_rows == ([1, 129] if packs else [1, 2, 7, 57, 128, 129])


@needs_packing
def test_nothing_is_packed_for_one_row(plain_rows):
    layer = nn.Linear(4, 3)
    with few_row_products(nn.Sequential(layer), 1):
        layer(torch.randn(2, 4))
    assert plain_rows == [2]


@needs_packing
def test_packing_stops_at_its_limit(monkeypatch, plain_rows):
    model = nn.Sequential(*(nn.Linear(4, 3, bias=False) for _ in range(3)))
    monkeypatch.setattr(generate_cpu, "PACKED_BYTES", 2 * model[0].weight.nbytes)
    with few_row_products(model, 24):
        for layer in model:
            layer(torch.randn(2, 4))
    assert len(plain_rows) == 1


def test_layers_come_back_and_others_are_left_alone(packs):
    half, derived = nn.Linear(4, 4, dtype=torch.bfloat16), type("Derived", (nn.Linear,), {})(4, 4)
    model = nn.Sequential(nn.Linear(4, 4), half, derived)
    with few_row_products(model, 24):
        assert ["forward" in vars(layer) for layer in model] == [True, False, False]
    assert all("forward" not in vars(layer) for layer in model)


@needs_packing
def test_texts_are_those_of_products_that_are_not_packed(monkeypatch):
    model = compose(pico_llama(), random_experts(pico_llama()), "top_k", 2)
    random_gates(model)
    prompts = [[n + 1, 2 * n + 1, 5] for n in range(9)]
    packed = generate(model, prompts, 12, (), batch_size=9)
    monkeypatch.setattr(generate_cpu, "_can_pack", lambda: False)
    plain = generate(model, prompts, 12, (), batch_size=9)
    assert [one.ids for one in packed] == [one.ids for one in plain]
    assert torch.allclose(
        torch.tensor([p.logprobs for p in packed]), torch.tensor([p.logprobs for p in plain]), atol=1e-5
    )
