"""The block that runs inside vLLM computes what moesaic's own block computes, whole and split over ranks."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from moesaic.errors import ModelError
from moesaic.model.moe import compose, moe_blocks
from moesaic.vllm_plugin.block import RoutedMLP
from moesaic.vllm_plugin.layout import SETTINGS, TENSORS, RoutedSettings
from pico import pico_llama, random_experts, random_gates, with_anchor

HIDDEN, INTERMEDIATE = 32, 48


class Product(nn.Module):
    """A linear layer that returns a pair, as vLLM's do."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return nn.functional.linear(x, self.weight), None


def factored(top_k, anchor=False, kind="top_k"):
    """One of moesaic's blocks, and its settings."""
    model = pico_llama()
    experts = random_experts(model)
    experts = with_anchor(experts) if anchor else experts
    compose(model, experts, kind, top_k)
    random_gates(model)
    block = next(iter(moe_blocks(model).values()))
    adapted = [expert for expert in experts if not expert.is_anchor]
    settings = RoutedSettings(
        tuple(expert.name for expert in experts),
        tuple(expert.scale for expert in adapted),
        max(expert.rank for expert in adapted),
        top_k,
    )
    return block, settings


def split(block, settings, rank, num_ranks):
    """The block of one rank, loaded as vLLM loads it: each parameter by its own loader, from the whole tensor."""
    own = INTERMEDIATE // num_ranks
    rows = slice(rank * own, (rank + 1) * own)
    gate_up = torch.cat([block.gate_proj.weight[rows], block.up_proj.weight[rows]])
    mlp = SimpleNamespace(gate_up_proj=Product(gate_up), down_proj=Product(block.down_proj.weight[:, rows]))
    made = RoutedMLP(mlp, HIDDEN, INTERMEDIATE, settings, rank, num_ranks)
    stored = {"router_ED": block.router.weight_ED, **dict(block.named_parameters())}
    for name in TENSORS:
        parameter = getattr(made, name)
        parameter.weight_loader(parameter, stored[name].detach())
    return made


@pytest.mark.parametrize(
    ("top_k", "anchor", "kind"),
    [(1, False, "top_k"), (2, False, "top_k"), (2, True, "top_k"), (3, False, "softmax"), (4, True, "top_k")],
)
@pytest.mark.parametrize("num_ranks", [1, 2, 4])
@torch.no_grad()
def test_the_ranks_add_up_to_the_block(top_k, anchor, kind, num_ranks):
    block, settings = factored(top_k, anchor, kind)
    x_TD = torch.randn(3, 7, HIDDEN, generator=torch.Generator().manual_seed(2))
    ranks = [split(block, settings, rank, num_ranks) for rank in range(num_ranks)]
    parts = [rank(x_TD) for rank in ranks]
    torch.testing.assert_close(torch.stack(parts).sum(0), block(x_TD), atol=1e-5, rtol=1e-5)
    if num_ranks > 1:
        assert not torch.allclose(parts[0], parts[1], atol=1e-3)


@torch.no_grad()
def test_the_block_adds_up_over_ranks_once():
    block, settings = factored(2)
    calls = []
    made = split(block, settings, 0, 1)
    made._all_reduce = lambda y_TD: calls.append(y_TD.shape) or 2 * y_TD
    x_TD = torch.randn(5, HIDDEN)
    torch.testing.assert_close(made(x_TD), 2 * block(x_TD), atol=1e-5, rtol=1e-5)
    assert calls == [(5, HIDDEN)]


@torch.no_grad()
def test_gates_are_in_float32_under_a_bfloat16_model():
    block, settings = factored(2)
    torch.set_default_dtype(torch.bfloat16)
    try:
        made = split(block.bfloat16(), settings, 0, 1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert made.router_ED.dtype == made.scale_E.dtype == torch.float32
    assert made.down_A_ERF.dtype == torch.bfloat16
    x_TD = torch.randn(6, HIDDEN, dtype=torch.bfloat16)
    y_TD = made(x_TD)
    assert y_TD.dtype == torch.bfloat16
    torch.testing.assert_close(y_TD, block(x_TD), atol=0.05, rtol=0.05)


@torch.no_grad()
def test_a_tensor_of_another_shape_is_refused():
    block, settings = factored(2)
    made = split(block, settings, 0, 1)
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        made.router_ED.weight_loader(made.router_ED, torch.zeros(1, 2))


@torch.no_grad()
def test_it_is_one_graph_for_any_number_of_tokens():
    block, settings = factored(2, anchor=True)
    made = split(block, settings, 0, 1)
    traced = torch.compile(made, backend="aot_eager", fullgraph=True, dynamic=True)
    for num_tokens in (3, 8, 17):
        x_TD = torch.randn(num_tokens, HIDDEN)
        torch.testing.assert_close(traced(x_TD), made(x_TD), atol=1e-5, rtol=1e-5)


def test_settings_survive_being_written():
    settings = RoutedSettings(("java", "base"), (2.0,), 4, 2)
    assert RoutedSettings.read(settings.as_json()) == settings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layout": 2}, "moesaic.layout is 2, this moesaic reads 1"),
        ({"scales": [1.0, 2.0, 3.0]}, "3 scales for 2 experts"),
        ({"scales": []}, "0 scales for 2 experts"),
        ({"rank": 0}, "rank 0"),
        ({"rank": "four"}, "damaged"),
        ({"top_k": 3}, "top_k is 3, but there are 2 experts"),
    ],
)
def test_settings_that_do_not_fit_are_named(change, said):
    settings = RoutedSettings(("java", "base"), (2.0,), 4, 2).as_json() | change
    with pytest.raises(ModelError, match=said):
        RoutedSettings.read(settings)


def test_a_folder_of_another_program_is_named():
    with pytest.raises(ModelError, match=rf"{SETTINGS}.layout is None"):
        RoutedSettings.read(None)
