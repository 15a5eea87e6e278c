"""The factored MoE against a naive loop, transformers' Mixtral, PEFT, and its own algebra."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import MixtralConfig, MixtralForCausalLM

from moesaic.errors import ModelError
from moesaic.model.backbone import mlp_blocks
from moesaic.model.block import FactoredMoE
from moesaic.model.lora import LoraExpert, LowRank, read_adapter
from moesaic.model.moe import (
    compose,
    decompose,
    expert_names,
    extract_experts,
    extract_router,
    force_base,
    force_expert,
    load_router,
    moe_blocks,
    record_routing,
)
from moesaic.model.router import Routing
from pico import pico_llama, pico_mistral, random_expert, random_experts, random_gates, random_peft_adapter, with_anchor


def naive_moe(block: FactoredMoE, x_TD: torch.Tensor) -> torch.Tensor:
    """Token by token, expert by expert, with the full weights W + scale * B A."""
    routing: Routing = block.router(x_TD)
    rows = []
    for t, x_D in enumerate(x_TD):
        y_D = torch.zeros_like(x_D)
        for k in range(routing.experts_TK.shape[1]):
            e = int(routing.experts_TK[t, k])
            if block.ranks[e] == 0:  # the anchor
                gate, up, down = (p.weight for p in (block.gate_proj, block.up_proj, block.down_proj))
                y_D = y_D + routing.weights_TK[t, k] * (down @ (F.silu(gate @ x_D) * (up @ x_D)))
                continue
            scale = block.scales[e]
            gate = block.gate_proj.weight + scale * block.gate_up_B_PERF[0, e].T @ block.gate_up_A_PERD[0, e]
            up = block.up_proj.weight + scale * block.gate_up_B_PERF[1, e].T @ block.gate_up_A_PERD[1, e]
            down = block.down_proj.weight + scale * block.down_B_ERD[e].T @ block.down_A_ERF[e]
            y_D = y_D + routing.weights_TK[t, k] * (down @ (F.silu(gate @ x_D) * (up @ x_D)))
        rows.append(y_D)
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("kind", "top_k"),
    [("softmax", None), ("top_k", 1), ("top_k", 2), ("top_k", 4), ("noisy_top_k", 1), ("noisy_top_k", 2)],
)
@pytest.mark.parametrize("ranks", [(3, 3, 3, 3), (4, 1, 2, 3), (4, 1, 2, 0)])
def test_equals_naive_loop_with_all_gradients(kind, top_k, ranks):
    model = pico_llama(num_hidden_layers=1).double()
    experts = [
        random_expert(model, f"e{i}", rank, seed=i, scale=[2.0, 0.5, 1.0, 4.0][i])
        for i, rank in enumerate(ranks)
        if rank
    ]
    compose(model, experts if all(ranks) else with_anchor(experts), kind, top_k)
    random_gates(model)
    (block,) = moe_blocks(model).values()
    if kind == "noisy_top_k":
        with torch.no_grad():
            block.router.noise_ED.normal_(generator=torch.Generator().manual_seed(3))
    block.train()
    for projection in (block.gate_proj, block.up_proj, block.down_proj):
        projection.requires_grad_(True)
    x_TD = torch.randn(7, 32, generator=torch.Generator().manual_seed(4), dtype=torch.double, requires_grad=True)
    upstream_TD = torch.randn(7, 32, generator=torch.Generator().manual_seed(5), dtype=torch.double)
    wanted = [x_TD, *block.parameters()]

    torch.manual_seed(6)  # the same noise in both
    y_TD = block(x_TD)
    gradients = torch.autograd.grad(y_TD, wanted, upstream_TD, allow_unused=True)
    torch.manual_seed(6)
    naive_TD = naive_moe(block, x_TD)
    naive_gradients = torch.autograd.grad(naive_TD, wanted, upstream_TD, allow_unused=True)

    torch.testing.assert_close(y_TD, naive_TD, rtol=1e-11, atol=1e-11)
    torch.manual_seed(6)
    with torch.no_grad():  # other products than with gradients
        torch.testing.assert_close(block(x_TD), naive_TD, rtol=1e-11, atol=1e-11)
    names = ["x", *(name for name, _ in block.named_parameters())]
    for name, ours, naive in zip(names, gradients, naive_gradients, strict=True):
        assert (ours is None) == (naive is None), name
        if ours is not None and naive is not None:
            torch.testing.assert_close(ours, naive, rtol=1e-9, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}")
    if top_k != 1:  # with one expert the weight is always 1
        router_gradient = gradients[names.index("router.weight_ED")]
        assert router_gradient is not None
        assert router_gradient.abs().max() > 1e-3


SHARED = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "rope_parameters",
]


def mixtral_of(model, experts, top_k):
    """transformers' Mixtral with the full weights of every expert and the gates of a composed copy of ``model``."""
    shared = {key: getattr(model.config, key) for key in SHARED}
    config = MixtralConfig(**shared, num_local_experts=len(experts), num_experts_per_tok=top_k, sliding_window=None)
    mixtral = MixtralForCausalLM(config).eval().to(model.dtype)
    state = {key: value for key, value in model.state_dict().items() if ".mlp." not in key}
    missing, unexpected = mixtral.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(".mlp." in key for key in missing)
    composed = compose(copy.deepcopy(model), experts, "top_k", top_k)
    random_gates(composed)
    with torch.no_grad():
        for path, mlp in mlp_blocks(model).items():
            block = mixtral.get_submodule(path)
            block.gate.weight.copy_(composed.get_submodule(path).router.weight_ED)
            for e, expert in enumerate(experts):
                delta = expert.delta if expert.deltas else lambda _: 0.0
                gate, up, down = (
                    (getattr(mlp, p).weight.float() + delta(f"{path}.{p}")).to(model.dtype)
                    for p in ("gate_proj", "up_proj", "down_proj")
                )
                block.experts.gate_up_proj[e].copy_(torch.cat([gate, up]))
                block.experts.down_proj[e].copy_(down)
    return mixtral, composed


@pytest.mark.parametrize("build", [pico_llama, pico_mistral])
@pytest.mark.parametrize(("top_k", "anchor"), [(1, False), (2, False), (3, False), (1, True), (2, True), (4, True)])
def test_equals_transformers_mixtral(build, top_k, anchor):
    model = build(tie_word_embeddings=False)
    experts = random_experts(model)
    mixtral, composed = mixtral_of(model, with_anchor(experts) if anchor else experts, top_k)
    input_ids = torch.randint(0, 256, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = composed(input_ids).logits, mixtral(input_ids).logits
        plain = model(input_ids).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert (ours - plain).abs().max() > 1e-2  # the experts do something


def test_bfloat16_mixtral_differs_by_rounding_only():
    exact = pico_llama(tie_word_embeddings=False)
    model = copy.deepcopy(exact).bfloat16()
    experts = random_experts(model)
    mixtral, composed = mixtral_of(model, experts, 2)
    wide = compose(copy.deepcopy(model).float(), experts, "top_k", 2)
    random_gates(wide)
    x_TD = torch.randn(64, 32, generator=torch.Generator().manual_seed(1)).bfloat16()
    for path in moe_blocks(composed):
        with torch.no_grad():
            reference_TD = wide.get_submodule(path)(x_TD.float())
            ours = (composed.get_submodule(path)(x_TD).float() - reference_TD).norm() / reference_TD.norm()
            theirs = (mixtral.get_submodule(path)(x_TD[None])[0].float() - reference_TD).norm() / reference_TD.norm()
        # bfloat16 keeps 8 significant bits; the factored form must not round worse than the merged weights do.
        assert ours < 2**-6
        assert ours < 1.5 * theirs


def tokens(seed=0, length=12):
    return torch.randint(0, 256, (1, length), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15)
@given(top_k=st.integers(1, 3), seed=st.integers(0, 1000))
def test_zero_deltas_are_the_base(top_k, seed):
    model = pico_llama(seed % 3)
    expected = model(tokens(seed)).logits
    zero = [
        LoraExpert(e.name, e.rank, e.scale, {p: LowRank(A, torch.zeros_like(B)) for p, (A, B) in e.deltas.items()})
        for e in random_experts(model)
    ]
    compose(model, zero, "top_k", top_k)
    random_gates(model, seed)
    result = model(tokens(seed)).logits
    if top_k == 1:
        assert torch.equal(result, expected)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(index=st.integers(0, 2), kind=st.sampled_from(["softmax", "top_k"]), seed=st.integers(0, 1000))
def test_one_hot_gate_is_that_expert(index, kind, seed):
    model = compose(pico_llama(), random_experts(pico_llama()), kind, None if kind == "softmax" else 2)
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(seed))
    for block in moe_blocks(model).values():
        # A gate of rank one along the token's own direction cannot be one-hot for all tokens; a large x can.
        with torch.no_grad():
            block.router.weight_ED.zero_()
            block.router.weight_ED[index, 0] = 1e4
        x[..., 0] = 1.0
        routed = block(x)
        block.forced = index
        torch.testing.assert_close(routed, block(x), rtol=1e-5, atol=1e-5)
        block.forced = None


@settings(max_examples=15)
@given(order=st.permutations(range(3)), kind=st.sampled_from(["softmax", "top_k"]), top_k=st.integers(1, 3))
def test_permuting_experts_changes_nothing(order, kind, top_k):
    top_k = None if kind == "softmax" else top_k
    experts = random_experts(pico_llama())
    model = compose(pico_llama(), experts, kind, top_k)
    random_gates(model)
    permuted = compose(pico_llama(), [experts[i] for i in order], kind, top_k)
    load_router(permuted, {name: tensor[list(order)] for name, tensor in extract_router(model).items()})
    with torch.no_grad():
        torch.testing.assert_close(permuted(tokens()).logits, model(tokens()).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["softmax", "top_k"])
def test_forced_expert_is_pefts_own_model(tmp_path, kind):
    peft_model = random_peft_adapter(pico_llama(), tmp_path / "java", rank=3)
    with torch.no_grad():
        expected = peft_model(tokens()).logits
        plain = pico_llama()(tokens()).logits
    experts = [
        random_expert(pico_llama(), "python"),
        read_adapter(tmp_path / "java"),
        random_expert(pico_llama(), "cpp", seed=2),
    ]
    model = compose(pico_llama(), experts, kind, None if kind == "softmax" else 2)
    random_gates(model)
    with torch.no_grad():
        with force_expert(model, "java"):
            torch.testing.assert_close(model(tokens()).logits, expected, rtol=1e-5, atol=1e-5)
        with force_base(model):
            assert torch.equal(model(tokens()).logits, plain)
        assert not torch.allclose(model(tokens()).logits, expected, atol=1e-2)
    assert (expected - plain).abs().max() > 1e-2


def test_forcing_ends_after_an_error():
    model = compose(pico_llama(), random_experts(pico_llama()))
    with pytest.raises(KeyboardInterrupt), force_expert(model, "java"):
        raise KeyboardInterrupt
    assert all(block.forced is None for block in moe_blocks(model).values())
    with pytest.raises(ModelError, match=r"no expert 'rust'.*python, java, cpp"), force_expert(model, "rust"):
        pass


def test_extracted_experts_are_the_composed_ones_bit_for_bit():
    model = pico_llama()
    experts = random_experts(model)
    compose(model, experts, "top_k", 2)
    assert expert_names(model) == ("python", "java", "cpp")
    for given_expert, extracted in zip(experts, extract_experts(model), strict=True):
        assert (extracted.name, extracted.rank, extracted.scale) == (
            given_expert.name,
            given_expert.rank,
            given_expert.scale,
        )
        assert extracted.deltas.keys() == given_expert.deltas.keys()
        for path, (A_RI, B_OR) in given_expert.deltas.items():
            assert torch.equal(extracted.deltas[path].A_RI, A_RI)
            assert torch.equal(extracted.deltas[path].B_OR, B_OR)


def test_padding_of_smaller_ranks_stays_zero_in_training():
    model = compose(pico_llama(), random_experts(pico_llama()), "top_k", 2)
    random_gates(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        model(tokens(), labels=tokens()).loss.backward()
        optimizer.step()
    for block in moe_blocks(model).values():
        assert block.ranks == (4, 2, 3)
        assert not block.gate_up_A_PERD[:, 1, 2:].any()
        assert not block.gate_up_B_PERF[:, 1, 2:].any()
        assert not block.down_B_ERD[1, 2:].any()
        assert block.gate_up_A_PERD[:, 1, :2].any()


def test_decompose_restores_the_base():
    model = pico_llama()
    names, expected = list(model.state_dict()), model(tokens()).logits
    compose(model, random_experts(model))
    assert "model.layers.0.mlp.router.weight_ED" in model.state_dict()
    assert set(names) <= set(model.state_dict())
    decompose(model)
    assert list(model.state_dict()) == names
    assert torch.equal(model(tokens()).logits, expected)


def test_float32_factors_under_bfloat16_model():
    model = pico_llama().bfloat16()
    experts = random_experts(pico_llama())
    compose(model, experts, "top_k", 2, dtype=torch.float32)
    assert moe_blocks(model)["model.layers.0.mlp"].down_A_ERF.dtype == torch.float32
    random_gates(model)
    logits = model(tokens()).logits
    assert logits.dtype == torch.bfloat16
    logits.float().sum().backward()
    same = compose(pico_llama().bfloat16(), experts, "top_k", 2)
    random_gates(same)
    assert torch.equal(same(tokens()).logits, logits)


@pytest.mark.parametrize("kind", ["softmax", "top_k"])
def test_autocast_keeps_the_gate_in_float32(kind):
    model = compose(pico_llama(), random_experts(pico_llama()), kind, None if kind == "softmax" else 2)
    random_gates(model)
    with torch.autocast("cpu", torch.bfloat16), record_routing(model) as routing:
        model(tokens()).logits.float().sum().backward()
    assert all(r.logits_TE.dtype == torch.float32 for r in routing.values())
    assert moe_blocks(model)["model.layers.1.mlp"].gate_up_B_PERF.grad[0].abs().max() > 0


def test_recorded_routing_is_each_layers_own_and_differentiable():
    model = compose(pico_llama(), random_experts(pico_llama()), "top_k", 2)
    random_gates(model)
    inputs = {}
    for layer, block in enumerate(moe_blocks(model).values()):
        block.register_forward_pre_hook(lambda _m, args, layer=layer: inputs.update({layer: args[0]}))
    with record_routing(model) as routing:
        model(tokens(1))
        model(tokens(2, length=7))
    assert list(routing) == [0, 1]
    for layer, block in enumerate(moe_blocks(model).values()):
        assert routing[layer].experts_TK.shape == (7, 2)
        assert torch.equal(routing[layer].logits_TE, block.router(inputs[layer][0]).logits_TE)
    routing[0].probs_TE[:, 0].sum().backward()
    assert moe_blocks(model)["model.layers.0.mlp"].router.weight_ED.grad.any()
    kept = dict(routing)
    model(tokens(3))
    assert all(routing[layer] is kept[layer] for layer in kept)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "top_k"), [("top_k", 1), ("top_k", 2), ("top_k", 4), ("softmax", None)])
def test_all_weight_on_the_anchor_is_the_base(kind, top_k, dtype):
    model = pico_llama().to(dtype)
    input_ids = torch.randint(0, 256, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model(input_ids).logits
        composed = compose(model, with_anchor(random_experts(model)), kind, top_k)
        for block in moe_blocks(composed).values():
            block.router = FixedLogits(block.router, torch.tensor([0.0, 0.0, 0.0, 200.0]))
        routed = composed(input_ids).logits
        with force_expert(composed, "base"):
            assert torch.equal(composed(input_ids).logits, plain)
    # exp(-200) is 0 in float32, so that the other slots add exact zeros.
    assert torch.equal(routed, plain)


class FixedLogits(torch.nn.Module):
    """A router that says the same for every token, through the rule of the one it stands for."""

    def __init__(self, router, logits_E):
        super().__init__()
        self.router, self.logits_E = router, logits_E
        self.top_k, self.num_experts = router.top_k, router.num_experts

    def forward(self, x_TD):
        # One more input that is always 1 carries the logits.
        fixed = copy.deepcopy(self.router)
        fixed.weight_ED = torch.nn.Parameter(self.logits_E[:, None])
        return fixed(torch.ones(len(x_TD), 1))


def test_the_anchor_has_no_parameters_and_is_extracted_as_it_is():
    model = pico_llama()
    experts = random_experts(model)
    factors = {n: p.shape for n, p in compose(copy.deepcopy(model), experts).named_parameters() if "router" not in n}
    compose(model, with_anchor(experts))
    assert {n: p.shape for n, p in model.named_parameters() if "router" not in n} == factors
    assert expert_names(model) == ("python", "java", "cpp", "base")
    assert all(router.shape == (4, 32) for router in extract_router(model).values())
    anchor = extract_experts(model)[-1]
    assert (anchor.name, anchor.rank, anchor.deltas) == ("base", 0, {})


def test_compose_refuses():
    model = pico_llama()
    experts = random_experts(model)
    with pytest.raises(ModelError, match="no experts"):
        compose(model, [])
    with pytest.raises(ModelError, match=r"^there are no experts to compose: name at least one$"):
        compose(model, with_anchor([]))
    with pytest.raises(ModelError, match="must be the last one, but the order is base, python"):
        compose(model, [*with_anchor([]), experts[0]])
    with pytest.raises(ModelError, match="must be the last one, but the order is python, base, java"):
        compose(model, [*with_anchor(experts[:1]), experts[1]])
    with pytest.raises(ModelError, match="must differ, but are python, java, cpp, base, base"):
        compose(model, with_anchor(with_anchor(experts)))
    with pytest.raises(ModelError, match="must differ, but are python, python"):
        compose(model, [experts[0], experts[0]])
    with pytest.raises(ModelError, match="top_k is 4, but there are 3 experts"):
        compose(model, experts, "top_k", 4)
    with pytest.raises(ModelError, match="unknown kind of gate 'hard'"):
        compose(model, experts, "hard")
    with pytest.raises(
        ModelError, match=r"does not fit model.layers.0.mlp.gate_proj: its delta is 64 x 32.*the base has 48 x 32"
    ):
        compose(model, [random_expert(pico_llama(intermediate_size=64), "java")])
    with pytest.raises(ModelError, match=r"model.layers.2.mlp.gate_proj, which is not a linear module"):
        compose(model, [random_expert(pico_llama(num_hidden_layers=3), "java")])
    assert not any(isinstance(mlp, FactoredMoE) for mlp in mlp_blocks(model).values()), (
        "a refusal must not change the model"
    )
    compose(model, experts)
    with pytest.raises(ModelError, match=r"^the model is composed already: decompose it first$"):
        compose(model, experts)
    with pytest.raises(ModelError, match=r"^the model is not composed: it has no routed blocks$"):
        moe_blocks(pico_llama())
    with pytest.raises(ModelError, match=r"2 names differ, the first is layers.0.noise"):
        load_router(
            model, {**extract_router(model), "layers.0.noise": torch.zeros(3, 32), "layers.1.noise": torch.zeros(3, 32)}
        )
    with pytest.raises(ModelError, match=r"layers.0.weight is \(2, 32\), this model needs \(3, 32\)"):
        load_router(model, {name: tensor[:2] for name, tensor in extract_router(model).items()})


def test_deltas_outside_the_mlp_are_refused_or_left_out():
    model = pico_llama()
    expert = random_expert(model, "java", targets=("q_proj", "gate_proj"))
    with pytest.raises(ModelError, match=r"2 deltas outside the MLP \(first: model.layers.0.self_attn.q_proj\)"):
        compose(model, [expert])
    with pytest.warns(UserWarning, match="2 deltas outside the MLP are left out"):
        compose(model, [expert], attention="base")
    assert set(extract_experts(model)[0].deltas) == {
        f"model.layers.{i}.mlp.{p}" for i in (0, 1) for p in ("gate_proj", "up_proj", "down_proj")
    }
