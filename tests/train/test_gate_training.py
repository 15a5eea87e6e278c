"""Gates: closed-form initial values, training that cannot hurt, and experts that come back unchanged."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from torch.nn import functional
from training_data import LANGUAGES, toy_examples

from moesaic.errors import MoesaicError
from moesaic.evaluate.routing import RoutingSums
from moesaic.model.attention import packed_attention
from moesaic.model.block import FactoredMoE
from moesaic.model.loss import example_losses, validation_loss
from moesaic.model.moe import (
    compose,
    expert_names,
    extract_experts,
    extract_router,
    moe_blocks,
    record_routing,
)
from moesaic.recipe import GateRecipe
from moesaic.train import gate, objective
from moesaic.train.gate import train_gate
from moesaic.train.gate_init import calibrated_scale, initial_gates, ridge_weights
from pico import pico_llama, random_experts, with_anchor


def composed(kind="top_k", top_k=1):
    model = pico_llama().requires_grad_(False)
    experts = random_experts(model, LANGUAGES, (4, 2))
    return compose(model, experts, kind, top_k, dtype=torch.float32)


def programs(count=8, seed=1):
    return {name: toy_examples(count, seed, (name,)) for name in LANGUAGES}


def set_gates(model, init, seed=1):
    with packed_attention(model):
        initial_gates(model, programs(seed=seed), init, 400, contextlib.nullcontext)


def own_experts(model):
    sums = RoutingSums(expert_names(model), LANGUAGES)
    with packed_attention(model), record_routing(model) as routings:
        example_losses(model, toy_examples(6, seed=77), LANGUAGES, 400, on_row=lambda row: sums.add(routings, row))
    return sums.statistics().own_expert()


def test_ridge_is_the_minimum_of_the_balanced_objective():
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(n, 6, generator=generator, dtype=torch.double) + shift for n, shift in ((50, 0.5), (9, -0.5))]
    gram = sum(x.T @ x / (len(x) * 2) for x in inputs)
    weights = ridge_weights(gram, torch.stack([x.mean(0) for x in inputs])).requires_grad_(True)
    penalty = 1e-3 * gram.diagonal().mean()
    objective = penalty * weights.square().sum()
    for label, x in enumerate(inputs):
        target = functional.one_hot(torch.tensor(label), 2) - 0.5
        objective = objective + ((x @ weights.T - target) ** 2).sum() / (len(x) * 2)
    (gradient,) = torch.autograd.grad(objective, weights)
    assert gradient.abs().max() < 1e-10


def test_calibration_finds_the_scale_with_the_lowest_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (4000,), generator=generator)
    logits = functional.one_hot(labels, 3) + torch.randn(4000, 3, generator=generator)
    # With unit noise the right posterior has logits of exactly this size.
    assert calibrated_scale(logits.double() / 8, labels) == pytest.approx(8.0)


@pytest.mark.parametrize("init", ["ridge", "prompts"])
def test_initial_gates_tell_unseen_programs_apart(init):
    model = composed()
    set_gates(model, init)
    shares = [row["top1"] for row in own_experts(model).values()]
    assert sum(shares) / len(shares) > (0.75 if init == "ridge" else 0.5)


@pytest.mark.parametrize("init", ["ridge", "prompts"])
def test_an_anchor_is_fitted_on_programs_of_its_own_or_starts_at_zero(init):
    model = pico_llama().requires_grad_(False)
    compose(model, with_anchor(random_experts(model, LANGUAGES, (4, 2))), "top_k", 1, dtype=torch.float32)
    kept = [
        replace(example, ids=[(3 * i + 100) % 250 for i in example.ids])
        for example in toy_examples(8, 5, LANGUAGES[:1])
    ]
    with packed_attention(model):
        initial_gates(model, programs(), init, 400, contextlib.nullcontext)
        assert all(gate[2].abs().sum() == 0 and gate[:2].abs().sum() > 0 for gate in extract_router(model).values())
        initial_gates(model, programs() | {"base": kept}, init, 400, contextlib.nullcontext)
    assert all(gate.abs().sum(1).min() > 0 for gate in extract_router(model).values())
    with packed_attention(model), record_routing(model) as routings:
        example_losses(model, kept, LANGUAGES, 4000)
    first = torch.stack([routing.experts_TK[:, 0] for routing in routings.values()])
    assert (first == 2).float().mean() > (0.75 if init == "ridge" else 0.4)  # of three experts


def test_the_scale_weighs_every_expert_the_same_however_many_tokens_it_has():
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat([torch.zeros(4000), torch.ones(100)]).long()
    logits = torch.randn(4100, 2, generator=generator)
    logits[:4000, 0] += (
        6.0  # the many are told apart and ask for a large scale; the few are not, and ask for a small one
    )
    balanced, few = calibrated_scale(logits, labels), calibrated_scale(logits[4000:], labels[4000:])
    assert few <= balanced < calibrated_scale(logits, torch.zeros_like(labels))
    assert calibrated_scale(logits[:4000].repeat(3, 1), labels[:4000].repeat(3)) == calibrated_scale(
        logits[:4000], labels[:4000]
    )


@pytest.mark.parametrize("init", ["ridge", "prompts"])
def test_initial_gates_do_not_depend_on_the_rows_that_programs_are_packed_into(init):
    few, many, other = composed(), composed(), composed()
    for model, row_tokens, kind in ((few, 10_000, init), (many, 120, init), (other, 120, "ridge")):
        with packed_attention(model):
            initial_gates(model, programs(), kind, row_tokens, contextlib.nullcontext)
    for name, gate_ED in extract_router(few).items():
        torch.testing.assert_close(extract_router(many)[name], gate_ED, rtol=1e-3, atol=1e-5)
        assert torch.allclose(extract_router(other)[name], gate_ED, rtol=1e-2) == (init == "ridge")


def test_initial_gates_are_deterministic_and_zero_is_zero():
    first, second, zero = composed(), composed(), composed()
    set_gates(first, "ridge")
    set_gates(second, "ridge")
    set_gates(zero, "zero")
    for name, tensor in extract_router(first).items():
        assert torch.equal(tensor, extract_router(second)[name])
    assert all(tensor.abs().sum() == 0 for tensor in extract_router(zero).values())


def train_toy(model, folder, **options):
    folder.mkdir(exist_ok=True)
    settings = GateRecipe(
        **{
            "row_tokens": 400, "gate_steps": 4, "joint_epochs": 1, "evaluations": 2, "joint_learning_rate": 1e-2,
            **options,
        }
    )  # fmt: skip
    return train_gate(Accelerator(cpu=True), model, toy_examples(8), toy_examples(4, 9), LANGUAGES, settings, 0, folder)


def test_training_improves_and_changes_experts_only_in_the_joint_stretch(tmp_path):
    model = composed(top_k=2)
    before = {e.name: e for e in extract_experts(model)}
    result = train_toy(model, tmp_path / "a", joint_epochs=0.0)
    assert not result.experts_changed
    for expert in extract_experts(model):
        assert all(torch.equal(p.A_RI, before[expert.name].deltas[k].A_RI) for k, p in expert.deltas.items())
    result = train_toy(model, tmp_path / "b")
    assert result.experts_changed
    assert result.joint.best_loss < result.gates.best_loss
    with packed_attention(model):
        now = validation_loss(model, toy_examples(4, 9), LANGUAGES, 400)
    assert now == pytest.approx(result.joint.best_loss, rel=1e-6)


@pytest.mark.parametrize("shared_rank", [0, 4])
def test_the_joint_stretch_starts_from_the_loss_that_the_gates_ended_with(shared_rank, tmp_path, monkeypatch):
    measured = []

    def validate(*arguments, ranks):
        measured.append(validation_loss(*arguments))
        return measured[-1]

    monkeypatch.setattr(objective, "validation_loss", validate)
    model = composed(top_k=2)
    result = train_toy(model, tmp_path / "known", joint_epochs=0.0)
    assert len(measured) == 3  # the gates before, in the middle and at the end
    with packed_attention(model):
        now = validation_loss(model, toy_examples(4, 9), LANGUAGES, 400)
    assert result.joint.history == [(0, result.gates.best_loss)] == [(0, pytest.approx(now, rel=1e-6))]
    measured.clear()
    result = train_toy(composed(top_k=2), tmp_path / "joint", shared_rank=shared_rank)
    assert len(measured) == 3 + 2
    assert result.joint.history[0] == (0, result.gates.best_loss)


@pytest.mark.filterwarnings("error:.*checkpointing:FutureWarning")
def test_recomputed_activations_change_nothing(tmp_path):
    results, passes = [], []
    for wanted in (False, True):
        model = composed(top_k=2)
        calls = []
        model.model.layers[0].mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        results.append(train_toy(model, tmp_path / str(wanted), gradient_checkpointing=wanted, language=0.1))
        passes.append(len(calls))
        assert not model.model.layers[0].gradient_checkpointing
    assert results[0] == results[1]
    assert passes[1] > passes[0]  # it did recompute


def test_recomputed_slots_change_nothing(tmp_path, monkeypatch):
    results, calls = [], []
    slots = FactoredMoE._slots
    monkeypatch.setattr(FactoredMoE, "_slots", lambda *arguments: calls.append(1) or slots(*arguments))
    for wanted in (False, True):
        before = len(calls)
        model = composed(top_k=2)
        results.append((train_toy(model, tmp_path / str(wanted), selective_checkpointing=wanted), len(calls) - before))
        assert not any(block.recompute for block in moe_blocks(model).values())
    assert results[0][0] == results[1][0]
    assert results[1][1] == 2 * results[0][1]


def test_training_that_only_hurts_leaves_the_initial_gates(tmp_path):
    model = composed()
    set_gates(model, "ridge")
    before = extract_router(model)
    result = train_toy(model, tmp_path / "a", learning_rate=300.0, joint_epochs=0.0)
    if result.gates.best_step == 0:
        assert all(torch.equal(tensor, before[name]) for name, tensor in extract_router(model).items())
    assert result.gates.best_loss <= result.gates.history[0][1]


@pytest.mark.parametrize(
    ("top_k", "terms"),
    [
        (1, {"load_balance": 1.0}),
        (2, {"importance": 1.0}),  # with one expert a token its weight is 1 and has no gradient
        (1, {"z_loss": 1.0}),
        (1, {"kind": "noisy_top_k", "load": 1.0}),
    ],
)
def test_balance_losses_reach_the_gates(tmp_path, top_k, terms):
    kind = terms.get("kind", "top_k")
    plain, balanced = composed(kind, top_k), composed(kind, top_k)
    for model in (plain, balanced):
        set_gates(model, "ridge")
    short = {"gate_steps": 2, "joint_epochs": 0.01, "evaluations": 1, "kind": kind}
    train_toy(plain, tmp_path / "a", **short)
    train_toy(balanced, tmp_path / "b", **short, **{key: value for key, value in terms.items() if key != "kind"})
    differences = [
        (tensor - extract_router(plain)[name]).abs().max().item() for name, tensor in extract_router(balanced).items()
    ]
    assert max(differences) > 1e-5


def test_language_loss_teaches_the_gate_the_language(tmp_path, monkeypatch):
    # Random experts are no better on "their" language, so a scripted validation keeps the last state.
    scripted = iter([3.0, 2.0, 1.0, 0.5])
    monkeypatch.setattr("moesaic.train.objective.validation_loss", lambda *_, **__: next(scripted))
    model = composed()
    train_toy(model, tmp_path / "a", language=5.0, gate_steps=16, learning_rate=5e-2, joint_epochs=0.0)
    assert all(row["top1"] > 0.8 for row in own_experts(model).values())


def base_weights(model):
    """All weights that are neither gates nor experts, as they are now."""
    own = ("router.", "_PERD", "_PERF", "_ERF", "_ERD")
    return {name: value.clone() for name, value in model.state_dict().items() if not any(part in name for part in own)}


def test_a_shared_delta_trains_beside_experts_and_gates_and_ends_in_the_base(tmp_path, monkeypatch):
    model, moved = composed(top_k=2), {}
    set_gates(model, "ridge")

    def watched(accelerator, loss, parameters, *arguments, name, **options):
        before = {key: parameter.detach().clone() for key, parameter in parameters.items()}
        result = original(accelerator, loss, parameters, *arguments, name=name, **options)
        moved[name] = {key: not torch.equal(parameter, before[key]) for key, parameter in parameters.items()}
        return result

    original = gate.train
    monkeypatch.setattr(gate, "train", watched)
    before = base_weights(model)
    result = train_toy(model, tmp_path / "a", shared_rank=4, joint_epochs=3)
    assert result.base_changed
    assert result.joint.best_loss < result.gates.best_loss
    assert all("router" in key for key in moved["gates"])
    kinds = [
        ("lora_A", 14), ("lora_B", 14), ("router.weight_ED", 2),
        ("gate_up_A_PERD", 2), ("gate_up_B_PERF", 2), ("down_A_ERF", 2), ("down_B_ERD", 2),
    ]  # fmt: skip
    for part, count in kinds:  # of two layers with seven linear layers each
        assert [value for key, value in moved["joint"].items() if part in key] == [True] * count, part
    assert len(moved["joint"]) == sum(count for _, count in kinds)
    after = base_weights(model)
    assert after.keys() == before.keys()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {name for name in after if name.endswith("_proj.weight")}
    assert len(changed) == 14
    with packed_attention(model):
        now = validation_loss(model, toy_examples(4, 9), LANGUAGES, 400)
    assert now == pytest.approx(result.joint.best_loss, rel=1e-5)  # of the unfolded model


def test_a_joint_stretch_that_only_hurts_leaves_the_base_as_it_was(tmp_path, monkeypatch):
    # Both stretches begin with a validation; whatever comes after is worse.
    losses = itertools.count(1)
    monkeypatch.setattr("moesaic.train.objective.validation_loss", lambda *_, **__: float(next(losses)))
    model = composed(top_k=2)
    before, experts = base_weights(model), {e.name: e for e in extract_experts(model)}
    result = train_toy(model, tmp_path / "a", shared_rank=4)
    assert result.joint.steps > 0
    assert not result.base_changed
    assert not result.experts_changed
    after = base_weights(model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    for expert in extract_experts(model):
        assert all(torch.equal(p.A_RI, experts[expert.name].deltas[k].A_RI) for k, p in expert.deltas.items())


def test_a_shared_delta_is_taken_out_when_training_fails(tmp_path, monkeypatch):
    model = composed(top_k=2)
    before = base_weights(model)
    losses = iter([1.0, 0.9, 0.8, float("nan")])
    monkeypatch.setattr("moesaic.train.objective.validation_loss", lambda *_, **__: next(losses))
    with pytest.raises(
        MoesaicError, match=r"joint: validation_loss is nan at step \d .*; lower gate\.joint_learning_rate"
    ):
        train_toy(model, tmp_path / "a", shared_rank=4, gate_steps=2)
    after = base_weights(model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_shared_delta_with_recomputed_activations_and_routing_losses(tmp_path):
    results = []
    for wanted in (False, True):
        model = composed(top_k=2)
        results.append(
            train_toy(model, tmp_path / str(wanted), shared_rank=4, gradient_checkpointing=wanted, language=0.1)
        )
    assert results[0].base_changed
    assert results[0] == results[1]
