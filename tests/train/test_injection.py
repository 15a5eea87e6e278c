"""The shared delta: zero at first, on every linear layer, and folded into the weights without changing the function."""

from __future__ import annotations

import pytest
import torch
from peft.tuners.lora import LoraLayer

from moesaic.model.moe import compose, decompose
from moesaic.train.injection import fold_in, put_in, take_out
from pico import ATTENTION, MLP, pico_llama, random_experts, random_gates

TOKENS = torch.tensor([[5, 9, 200, 33, 7, 7, 120, 64], [1, 2, 3, 4, 250, 90, 17, 0]])
PATHS = {
    f"model.layers.{layer}.{block}.{projection}"
    for layer in range(2)
    for block, projections in (("self_attn", ATTENTION), ("mlp", MLP))
    for projection in projections
}


def model_of(is_composed: bool, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    model = pico_llama(seed=3).requires_grad_(False).to(dtype)
    if is_composed:
        compose(model, random_experts(model), "top_k", 2)
        random_gates(model)
    return model


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The base's linear layers by path; under an adapter, the plain layer."""
    found = {}
    for path, module in model.named_modules():
        if path in PATHS:
            found[path] = getattr(module, "base_layer", module).weight.detach().clone()
    return found


def put_in_random(model: torch.nn.Module, rank: int = 3) -> dict[str, torch.Tensor]:
    """Puts a random delta in; returns B A by path, in float64."""
    parameters = put_in(model, rank)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    deltas = {}
    for name, parameter in parameters.items():
        path, _, factor = name.removeprefix("base_model.model.").rpartition(".default")[0].rpartition(".")
        if factor == "lora_B":
            deltas[path] = parameter.double() @ parameters[name.replace("lora_B", "lora_A")].double()
    return deltas


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS).logits


@pytest.mark.parametrize("is_composed", [False, True])
def test_a_new_delta_is_on_every_linear_layer_and_changes_nothing(is_composed: bool) -> None:
    model = model_of(is_composed)
    before = logits(model)
    parameters = put_in(model, 3)
    assert {name.removeprefix("base_model.model.").partition(".lora_")[0] for name in parameters} == PATHS
    assert all(parameter.requires_grad for parameter in parameters.values())
    assert torch.equal(logits(model), before)
    take_out(model)
    assert not any(isinstance(module, LoraLayer) for module in model.modules())
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("is_composed", [False, True])
def test_folding_adds_in_float32_and_rounds_once(is_composed: bool, dtype: torch.dtype) -> None:
    model = model_of(is_composed, dtype)
    others = {
        name: value.clone() for name, value in model.state_dict().items() if name.removesuffix(".weight") not in PATHS
    }
    before, deltas = weights(model), put_in_random(model)
    fold_in(model)
    after = weights(model)
    assert set(deltas) == set(after) == PATHS
    eps = torch.finfo(dtype).eps
    for path, delta_OI in deltas.items():
        exact = before[path].double() + delta_OI
        assert after[path].dtype == dtype
        assert (after[path] != before[path]).float().mean() > 0.9
        # Half a unit in the last place, and what float32 sums lose before.
        assert ((after[path].double() - exact).abs() <= 0.5 * eps * exact.abs() + 1e-6 * exact.abs().max()).all(), path
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in others.items())
    assert not hasattr(model, "peft_config")


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-5), (torch.float64, 1e-6)])
@pytest.mark.parametrize("is_composed", [False, True])
def test_the_folded_model_computes_what_the_unfolded_one_did(
    is_composed: bool, dtype: torch.dtype, bound: float
) -> None:
    model = model_of(is_composed).to(dtype)
    plain = logits(model)
    put_in_random(model)
    if dtype == torch.float64:
        model.double()
    unfolded = logits(model)
    assert (unfolded - plain).abs().max() > 0.1  # the delta is no rounding error
    fold_in(model)
    torch.testing.assert_close(logits(model), unfolded, atol=bound, rtol=bound)


def test_the_folded_weights_stay_when_the_experts_are_taken_off() -> None:
    composed, plain = model_of(is_composed=True), model_of(is_composed=False)
    for model in (composed, plain):
        put_in_random(model)
        fold_in(model)
    decompose(composed)
    assert torch.equal(logits(composed), logits(plain))


def test_folding_twice_adds_twice() -> None:
    once, twice = model_of(is_composed=False), model_of(is_composed=False)
    deltas = put_in_random(once)
    fold_in(once)
    for _ in range(2):
        put_in_random(twice)
        fold_in(twice)
    after_one, after_two = weights(once), weights(twice)
    for path, delta_OI in deltas.items():
        torch.testing.assert_close(after_two[path].double(), after_one[path] + delta_OI, atol=1e-5, rtol=1e-5)
