"""Products with the weight first are the same products, and the layers come back as they were."""

import pytest
import torch
from torch import nn

from moesaic.model.generate_cpu import ROWS, weight_first


@pytest.mark.parametrize("rows", [1, ROWS.start, 24, ROWS.stop - 1, ROWS.stop])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_plain_product(rows, bias):
    torch.manual_seed(0)
    layer = nn.Linear(48, 31, bias=bias)
    x = torch.randn(rows, 1, 48)
    with weight_first(nn.Sequential(layer)):
        found = layer(x)
    assert found.shape == (rows, 1, 31)
    assert found.is_contiguous()
    assert torch.allclose(found, layer(x), atol=1e-6)


def test_the_weight_goes_first_only_for_few_rows(monkeypatch):
    plain = []
    monkeypatch.setattr(
        "moesaic.model.generate_cpu.F.linear",
        lambda x, *_: plain.append(len(x)) or torch.zeros(len(x), 3),
    )
    layer = nn.Linear(4, 3)
    with weight_first(nn.Sequential(layer)):
        for rows in (1, 7, 8, 56, 57):
            layer(torch.randn(rows, 4))
    assert plain == [1, 7, 57]


def test_layers_come_back_and_others_are_left_alone():
    half, derived = nn.Linear(4, 4, dtype=torch.bfloat16), type("Derived", (nn.Linear,), {})(4, 4)
    model = nn.Sequential(nn.Linear(4, 4), half, derived)
    with weight_first(model):
        assert ["forward" in vars(layer) for layer in model] == [True, False, False]
    assert all("forward" not in vars(layer) for layer in model)
