"""Balance losses against loops that follow the papers' equations token by token."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moesaic.model.balance import importance_loss, language_loss, load_loss, squared_variation, switch_loss, z_loss
from moesaic.model.router import Router, Routing

EXPERTS = 4


def routing(top_k=2, num_tokens=30, seed=0, noisy=True):
    torch.manual_seed(seed)
    router = Router(6, EXPERTS, "noisy_top_k" if noisy else "top_k", top_k).train()
    torch.nn.init.normal_(router.weight_ED)
    if noisy:
        torch.nn.init.normal_(router.noise_ED)
    return router(torch.randn(num_tokens, 6))


def mask(num_tokens=30):
    return torch.arange(num_tokens) % 3 > 0


def kept(given: Routing) -> list[int]:
    return [t for t in range(len(given.probs_TE)) if mask(len(given.probs_TE))[t]]


def variation(values):
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values) / mean**2


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_switch_loss(top_k):
    given = routing(top_k)
    tokens, total = kept(given), 0.0
    for e in range(EXPERTS):
        choices = sum(int(given.experts_TK[t, k]) == e for t in tokens for k in range(top_k))
        f_e = choices / (len(tokens) * top_k)
        p_e = sum(given.probs_TE[t, e].item() for t in tokens) / len(tokens)
        total += EXPERTS * f_e * p_e
    assert switch_loss(given, mask()).item() == pytest.approx(total, rel=1e-5)


def test_importance_loss():
    given = routing()
    sums = [0.0] * EXPERTS
    for t in kept(given):
        for k in range(2):
            sums[int(given.experts_TK[t, k])] += given.weights_TK[t, k].item()
    assert importance_loss(given, mask()).item() == pytest.approx(variation(sums), rel=1e-5)


def test_load_loss():
    given = routing()
    loads = [sum(given.load_TE[t, e].item() for t in kept(given)) for e in range(EXPERTS)]
    assert load_loss(given, mask()).item() == pytest.approx(variation(loads), rel=1e-5)
    assert load_loss(routing(noisy=False), mask()).item() == 0.0


def test_z_loss():
    given = routing()
    terms = [math.log(sum(math.exp(value) for value in given.logits_TE[t].tolist())) ** 2 for t in kept(given)]
    assert z_loss(given, mask()).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_language_loss():
    given = routing()
    labels = torch.arange(30) % EXPERTS
    terms = [-math.log(given.probs_TE[t, labels[t]].item()) for t in kept(given)]
    assert language_loss(given, labels, mask()).item() == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def losses(given, labels, tokens):
    pure = [loss(given, tokens) for loss in (switch_loss, importance_loss, load_loss, z_loss)]
    return torch.stack([*pure, language_loss(given, labels, tokens)])


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), padding=st.integers(1, 9))
def test_tokens_outside_the_mask_change_nothing(seed, padding):
    whole = routing(seed=seed)
    labels = torch.arange(30) % EXPERTS
    real = 30 - padding
    part = Routing(*(field[:real] for field in whole))
    expected = losses(part, labels[:real], None)
    torch.testing.assert_close(losses(whole, labels, torch.arange(30) < real), expected)
    torch.testing.assert_close(losses(part, labels[:real], torch.ones(real)), expected)


def test_even_and_collapsed_routing():
    even = Routing(
        torch.ones(8, 1), (torch.arange(8) % EXPERTS)[:, None], torch.full((8, EXPERTS), 0.25), torch.zeros(8, EXPERTS)
    )
    assert switch_loss(even).item() == pytest.approx(1.0)
    assert importance_loss(even).item() == 0.0
    one = torch.zeros(8, EXPERTS)
    one[:, 0] = 1.0
    collapsed = Routing(torch.ones(8, 1), torch.zeros(8, 1, dtype=torch.long), one, one * 20)
    assert switch_loss(collapsed).item() == pytest.approx(EXPERTS)
    assert importance_loss(collapsed).item() == pytest.approx(EXPERTS - 1)


def test_an_empty_mask_gives_zero_and_finite_gradients():
    router = Router(6, EXPERTS, "noisy_top_k", 2).train()
    given = router(torch.randn(5, 6))
    total = losses(given, torch.zeros(5, dtype=torch.long), torch.zeros(5))
    assert torch.equal(total, torch.zeros(5))
    total.sum().backward()
    assert router.weight_ED.grad.isfinite().all()


def test_minimising_switch_loss_balances():
    torch.manual_seed(0)
    router = Router(6, EXPERTS, "top_k", 1)
    torch.nn.init.normal_(router.weight_ED)
    x = torch.randn(128, 6) + 1.0
    before = importance_loss(router(x))
    optimizer = torch.optim.Adam(router.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        switch_loss(router(x)).backward()
        optimizer.step()
    assert importance_loss(router(x)) < 0.3 * before


def test_a_single_token_counts_as_one():
    given = routing(num_tokens=5)
    alone = torch.arange(5) == 2
    probabilities = given.probs_TE[2]
    share = torch.zeros(EXPERTS).index_add(0, given.experts_TK[2], torch.full((2,), 0.5))
    torch.testing.assert_close(switch_loss(given, alone), EXPERTS * (share * probabilities).sum())
    torch.testing.assert_close(z_loss(given, alone), given.logits_TE[2].logsumexp(-1).square())


def test_small_sums_have_the_variation_of_large_ones():
    values = torch.tensor([0.1, 0.2, 0.3, 0.2])
    torch.testing.assert_close(squared_variation(values), squared_variation(100 * values))
    torch.testing.assert_close(squared_variation(values), torch.tensor(variation(values.tolist())))
