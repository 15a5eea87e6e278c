"""Every kind of gate is known everywhere, and a new one is used nowhere that it does not say it can be."""

from typing import get_args, get_type_hints

import pytest
import torch
import torch.nn.functional as F

from moesaic.checkpoint.exchange.gguf import export_gguf
from moesaic.checkpoint.exchange.mixtral import export_mixtral
from moesaic.checkpoint.native import load_moe, read_model_folder, save_model_folder
from moesaic.cli import exchange
from moesaic.errors import ModelError
from moesaic.gates import GATES, Gate, GateKind, experts_per_token
from moesaic.model.backbone import load_base
from moesaic.model.moe import compose, extract_experts, extract_router
from moesaic.model.router import RULES, Router, Routing
from moesaic.recipe import GateRecipe
from pico import pico_base, random_experts, random_gates

NUM_EXPERTS, TOP_K = 3, 2


def routed_to_the_least(router, _x_TD, logits_TE):
    """A kind that nobody has thought of yet: the expert with the smallest logit."""
    experts_TK = logits_TE.argmin(-1, keepdim=True)
    chosen_TKE = F.one_hot(experts_TK, logits_TE.shape[1]).bool()
    return Routing(torch.ones_like(experts_TK, dtype=torch.float32), experts_TK, logits_TE, logits_TE, None, chosen_TKE)


@pytest.fixture
def new_kind(monkeypatch):
    monkeypatch.setitem(GATES, "least", Gate())
    monkeypatch.setitem(RULES, "least", routed_to_the_least)
    return "least"


def saved(tmp_path, kind, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    base = load_base(str(pico_base(tmp_path / "base")))
    top_k = experts_per_token(kind, TOP_K, NUM_EXPERTS)
    model = compose(base.model, random_experts(base.model), kind, top_k)
    random_gates(model)
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    save_model_folder(
        tmp_path / "model",
        base_spec={"model": str(base.path)},
        base_digest=base.digest,
        experts=extract_experts(model),
        router_tensors=extract_router(model),
        kind=kind,
        top_k=TOP_K,
    )
    with torch.inference_mode():
        return ids, model.eval()(ids).logits


def test_every_place_that_lists_kinds_has_the_tables():
    listed = set(get_args(GateKind))
    assert listed == set(GATES) == set(RULES)
    assert set(get_args(GateRecipe.model_fields["kind"].annotation)) == listed
    assert set(get_args(get_type_hints(exchange._import)["kind"])) == listed


@pytest.mark.parametrize("kind", GATES)
def test_a_routers_parameters_are_its_rows(kind):
    names = {name.removesuffix("_ED") for name, _ in Router(8, NUM_EXPERTS, kind).named_parameters()}
    assert names == set(GATES[kind].tensors)


@pytest.mark.parametrize("kind", [kind for kind, gate in GATES.items() if gate.is_mixtral])
def test_what_claims_mixtrals_form_has_it(kind):
    router = Router(8, NUM_EXPERTS, kind, experts_per_token(kind, TOP_K, NUM_EXPERTS)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in router.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    x = torch.randn(50, 8, generator=generator)
    routing = router(x)
    probs, experts = F.softmax(x @ router.weight_ED.T, dim=-1).topk(router.top_k, dim=-1)
    found = torch.zeros(50, NUM_EXPERTS).scatter(1, routing.experts_TK, routing.weights_TK)
    torch.testing.assert_close(found, torch.zeros(50, NUM_EXPERTS).scatter(1, experts, probs / probs.sum(-1, True)))


@pytest.mark.parametrize("kind", GATES)
def test_a_model_folder_keeps_every_kind(kind, tmp_path, monkeypatch):
    ids, expected = saved(tmp_path, kind, monkeypatch)
    model, _, folder = load_moe(tmp_path / "model")
    assert (folder.kind, folder.top_k) == (kind, experts_per_token(kind, TOP_K, NUM_EXPERTS))
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, expected)


@pytest.mark.parametrize("export", [export_mixtral, export_gguf])
def test_a_kind_without_mixtrals_form_is_not_exported(new_kind, export, tmp_path, monkeypatch):
    saved(tmp_path, new_kind, monkeypatch)
    out = tmp_path / "out.gguf"
    with pytest.raises(ModelError, match="gates of kind least have no Mixtral form"):
        export(tmp_path / "model", out)
    assert not out.exists()


def test_an_unknown_kind_in_a_folder_is_named(new_kind, tmp_path, monkeypatch):
    saved(tmp_path, new_kind, monkeypatch)
    monkeypatch.delitem(GATES, new_kind)
    with pytest.raises(ModelError, match="unknown kind of gate 'least': allowed: softmax, top_k, noisy_top_k"):
        read_model_folder(tmp_path / "model")
