"""Gates against the equations of Shazeer et al. 2017 and Mixtral's form."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from moesaic.errors import ModelError
from moesaic.model.router import Router, smooth_load, sorted_experts, top_experts


def router(kind="top_k", top_k=2, num_experts=4, hidden=8, noise=None):
    made = Router(hidden, num_experts, kind, top_k)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        made.weight_ED.copy_(torch.randn(num_experts, hidden, generator=generator))
        if noise is not None:
            made.noise_ED.copy_(torch.randn(num_experts, hidden, generator=generator) * noise)
    return made.eval()


def x(num_tokens=50, hidden=8, seed=0):
    return torch.randn(num_tokens, hidden, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("top_k", [1, 2, 3, 4])
def test_top_k_is_mixtrals_softmax_then_renormalise(top_k):
    gate = router(top_k=top_k)
    routing = gate(x())
    probs = F.softmax(x() @ gate.weight_ED.T, dim=-1)
    weights, experts = probs.topk(top_k, dim=-1)
    assert torch.equal(routing.experts_TK, experts)
    assert torch.equal(routing.chosen_TKE, F.one_hot(experts, 4).bool())
    torch.testing.assert_close(routing.weights_TK, weights / weights.sum(-1, keepdim=True))
    torch.testing.assert_close(routing.probs_TE, probs)
    assert routing.load_TE is None


@settings(max_examples=50)
@given(
    rows=st.lists(st.lists(st.sampled_from([-200.0, -1.0, 0.0, 0.5, 3.0, 90.0]), min_size=5, max_size=5), min_size=1),
    top_k=st.integers(1, 5),
)
def test_top_experts_with_equal_and_far_logits(rows, top_k):
    logits, upstream = torch.tensor(rows, requires_grad=True), torch.arange(1.0, top_k + 1)
    weights, chosen = top_experts(logits, top_k)
    order = [sorted(range(5), key=lambda e, row=row: (-row[e], e))[:top_k] for row in rows]
    assert chosen.long().argmax(-1).tolist() == order
    assert (chosen.sum(-1) == 1).all()
    sorted_weights, indices, same = sorted_experts(logits.detach(), top_k)
    assert indices.tolist() == order
    assert torch.equal(same, chosen)
    torch.testing.assert_close(sorted_weights, weights.detach())
    expected = logits.gather(1, torch.tensor(order)).softmax(-1)
    torch.testing.assert_close(weights, expected)
    (gradient,), (wanted,) = (torch.autograd.grad((w * upstream).sum(), logits) for w in (weights, expected))
    torch.testing.assert_close(gradient, wanted, atol=1e-5, rtol=1e-5)


def test_softmax_uses_all_experts_in_their_order():
    routing = router("softmax", None)(x())
    assert torch.equal(routing.experts_TK, torch.arange(4).expand(50, 4))
    assert torch.equal(routing.weights_TK, routing.probs_TE)
    torch.testing.assert_close(routing.weights_TK.sum(-1), torch.ones(50))


def test_noise_follows_equation_4_and_is_off_in_evaluation():
    gate = router("noisy_top_k", 2, noise=0.5)
    plain = router("top_k", 2)
    assert torch.equal(gate(x()).weights_TK, plain(x()).weights_TK)
    gate.train()
    torch.manual_seed(3)
    routing = gate(x())
    torch.manual_seed(3)
    clean = x() @ gate.weight_ED.T
    noisy = clean + torch.randn(50, 4) * F.softplus(x() @ gate.noise_ED.T)
    top, experts = noisy.topk(2, dim=-1)
    assert torch.equal(routing.experts_TK, experts)
    torch.testing.assert_close(routing.weights_TK, top.softmax(-1))
    torch.testing.assert_close(routing.logits_TE, clean)
    assert not torch.equal(routing.experts_TK, plain(x()).experts_TK)


def test_a_new_noisy_gate_spreads_tokens_evenly():
    gate = Router(8, 4, "noisy_top_k", 1).train()
    torch.manual_seed(0)
    shares = torch.bincount(gate(x(8000)).experts_TK.flatten(), minlength=4) / 8000
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.02, rtol=0)


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_smooth_load_against_monte_carlo(top_k):
    """Equation 8: the chance that expert i is chosen when its noise alone is drawn again."""
    generator = torch.Generator().manual_seed(top_k)
    logits, std = torch.randn(3, 4, generator=generator), torch.rand(3, 4, generator=generator) + 0.3
    noisy = logits + torch.randn(3, 4, generator=generator) * std
    load = smooth_load(logits, noisy, std, top_k)
    draws = 40_000
    for t in range(3):
        for e in range(4):
            again = noisy[t].repeat(draws, 1)
            again[:, e] = logits[t, e] + torch.randn(draws, generator=generator) * std[t, e]
            share = (again.topk(top_k).indices == e).any(1).float().mean()
            assert abs(share - load[t, e]) < 0.012  # five standard errors


def test_smooth_load_is_differentiable_and_one_when_all_are_chosen():
    gate = router("noisy_top_k", 2, noise=0.5).train()
    gate(x()).load_TE[:, 0].sum().backward()
    assert gate.weight_ED.grad.abs().sum() > 0
    assert gate.noise_ED.grad.abs().sum() > 0
    assert torch.equal(router("noisy_top_k", 4, noise=0.5).train()(x()).load_TE, torch.ones(50, 4))


@pytest.mark.parametrize("kind", ["softmax", "top_k", "noisy_top_k"])
def test_computes_in_float32_under_half_precision(kind):
    gate = router(kind, None if kind == "softmax" else 2, noise=0.1 if kind == "noisy_top_k" else None)
    expected = gate(x().bfloat16().float())
    with torch.autocast("cpu", torch.bfloat16):
        routing = gate(x().bfloat16())
    assert routing.logits_TE.dtype == torch.float32
    assert torch.equal(routing.logits_TE, expected.logits_TE)
    assert gate(x().double()).logits_TE.dtype == torch.float64


@pytest.mark.parametrize("kind", ["top_k", "noisy_top_k"])
def test_the_same_routing_with_and_without_gradients(kind):
    gate = router(kind, 2, **({"noise": 1.0} if kind == "noisy_top_k" else {}))
    with torch.no_grad():
        found = gate(x())
    expected = gate(x())
    for name in ("experts_TK", "chosen_TKE", "probs_TE", "logits_TE"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    torch.testing.assert_close(found.weights_TK, expected.weights_TK.detach())


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), top_k=st.integers(1, 4), training=st.booleans())
def test_routing_is_a_distribution(seed, top_k, training):
    routing = router("noisy_top_k", top_k, noise=1.0).train(training)(x(20, seed=seed))
    torch.testing.assert_close(routing.weights_TK.sum(-1), torch.ones(20))
    assert (routing.weights_TK.diff(dim=-1) <= 0).all()
    assert all(len(set(row)) == top_k for row in routing.experts_TK.tolist())


def test_refuses():
    with pytest.raises(ModelError, match="unknown kind of gate 'argmax': allowed: softmax, top_k, noisy_top_k"):
        Router(8, 4, "argmax")
    with pytest.raises(ModelError, match="top_k is 0, but there are 4 experts: allowed: 1 to 4"):
        Router(8, 4, "top_k", 0)
    with pytest.raises(ModelError, match="softmax gate uses all 4 experts, but top_k is 2"):
        Router(8, 4, "softmax", 2)


def test_a_router_says_what_it_is_and_chooses_the_best_by_default():
    made = Router(8, 3)
    assert (made.kind, made.num_experts, made.noise_ED) == ("top_k", 3, None)
    assert made.extra_repr() == "kind=top_k, num_experts=3, top_k=3"
    assert Router(8, 3, "noisy_top_k", 2).noise_ED.shape == (3, 8)
    with pytest.raises(ModelError):
        Router(8, 3, "unheard of", 2)


def test_noise_is_drawn_by_a_router_in_half_precision():
    gate = router("noisy_top_k", noise=1.0).to(torch.bfloat16).train()
    routing = gate(x().to(torch.bfloat16))
    assert routing.logits_TE.dtype == routing.weights_TK.dtype == torch.float32


def test_both_ways_to_choose_on_a_cpu_are_the_same():
    """Without gradients logits are sorted, which is faster; with them they are compared."""
    gate = router(top_k=2)
    compared = gate(x())
    with torch.no_grad():
        by_sorting = gate(x())
    assert torch.equal(compared.experts_TK, by_sorting.experts_TK)
    assert torch.equal(compared.chosen_TKE, by_sorting.chosen_TKE)
    torch.testing.assert_close(compared.weights_TK, by_sorting.weights_TK)


@pytest.mark.parametrize("num_experts", [4, 40])
def test_among_equal_logits_the_lower_index_is_chosen_whichever_way(num_experts):
    gate = Router(8, num_experts, "top_k", 3)
    with torch.no_grad():
        assert gate(x()).experts_TK.tolist() == [[0, 1, 2]] * 50
    assert gate(x()).experts_TK.tolist() == [[0, 1, 2]] * 50
