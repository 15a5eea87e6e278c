"""Keeping the base's answers: losses against naive ones, what a row is made of, and gates that learn the anchor."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from training_data import LANGUAGES, toy_examples

from moesaic.data.packing import PackedBatches
from moesaic.model.attention import packed_attention
from moesaic.model.loss import chunk_divergences, divergences, hidden_states, targets
from moesaic.model.moe import compose, force_base, force_expert, moe_blocks, record_routing
from moesaic.recipe import GateRecipe, KeepRecipe
from moesaic.train.gate import train_gate
from moesaic.train.gate_init import initial_gates
from moesaic.train.objective import Kept, Objective
from moesaic.train.trainable import gate_parameters
from pico import pico_llama, random_experts, with_anchor

OPTIONS = GateRecipe(row_tokens=400)


def answers(count=6, seed=3):
    """Texts that no language has, as if they were the base's."""
    found = toy_examples(count, seed, LANGUAGES[:1])
    return [replace(e, ids=[(3 * i + 100) % 250 for i in e.ids], language="base") for e in found]


def kept(**options):
    return Kept(answers(), answers(2, 8), KeepRecipe(**options))


def composed(top_k=2, anchor=True):
    model = pico_llama().requires_grad_(False)
    experts = random_experts(model, LANGUAGES, (4, 2))
    return compose(model, with_anchor(experts) if anchor else experts, "top_k", top_k, dtype=torch.float32)


def objective(model, answers_kept, training=None):
    data = training or toy_examples(8)
    return Objective(model, data, toy_examples(2, 9), LANGUAGES, OPTIONS, contextlib.nullcontext, answers_kept)


def test_divergence_is_the_naive_one_with_its_gradient():
    generator = torch.Generator().manual_seed(0)
    hidden, teacher = (torch.randn(5, 8, generator=generator, dtype=torch.double) for _ in range(2))
    head = torch.randn(11, 8, generator=generator, dtype=torch.double)
    hidden.requires_grad_(True)
    ours, theirs = (hidden @ head.T).log_softmax(-1), (teacher @ head.T).log_softmax(-1)
    expected = torch.nn.functional.kl_div(ours, theirs, log_target=True, reduction="none").sum(-1)
    weights = torch.arange(5, dtype=torch.double)
    (naive,) = torch.autograd.grad((expected * weights).sum(), hidden)
    found = divergences(hidden, teacher, head)
    (gradient,) = torch.autograd.grad((found * weights).sum(), hidden)
    torch.testing.assert_close(found.double(), expected.detach(), rtol=1e-5, atol=1e-6)  # logits are float32
    torch.testing.assert_close(gradient, naive, rtol=1e-5, atol=1e-6)
    assert divergences(hidden, hidden.detach(), head).abs().max() < 1e-6


def test_divergence_in_chunks_is_that_of_all_at_once(monkeypatch):
    from moesaic.model import loss

    generator = torch.Generator().manual_seed(0)
    hidden, teacher, head = (torch.randn(7, 8, generator=generator) for _ in range(3))
    whole, _ = chunk_divergences(hidden, teacher, head)
    monkeypatch.setattr(loss, "CHUNK_TOKENS", 3)
    torch.testing.assert_close(divergences(hidden, teacher, head), whole)


def test_answers_come_once_before_any_comes_twice_and_reach_their_share():
    beside = kept(share=0.5).beside(16)
    assert len(beside) == 16
    assert set(Counter(beside).values()) == {2, 3}  # six answers
    assert set(beside[:6]) == set(range(6))
    assert len(kept(share=0.2).beside(16)) == 4
    assert kept().mixed(toy_examples(8))[:16] == toy_examples(8)


@pytest.mark.parametrize("loss", ["likelihood", "kl"])
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_the_loss_of_a_row_is_that_of_its_tokens_one_by_one(loss, weight):
    model = composed()
    ours = objective(model, kept(loss=loss, weight=weight))
    (module, batches) = ours.loss(), ours.batches(0)
    with packed_attention(model):
        for row in list(batches)[:2]:
            arguments = ours.prepare(row)
            assert len(arguments[0]) == len(targets(row)[0])
            summed, extra = module(row, *arguments)
            hidden = hidden_states(model, row)
            with force_base(model):
                theirs = hidden_states(model, row)
            head = model.lm_head.weight
            ours_log, base_log = ((h @ head.T).log_softmax(-1) for h in (hidden, theirs))
            expected = torch.zeros(())
            for position, label in zip(*(t.tolist() for t in targets(row)), strict=True):
                if row.language_ids_1T[0, position + 1] < 2:
                    expected = expected - ours_log[position, label]
                elif loss == "likelihood":
                    expected = expected - weight * ours_log[position, label]
                else:
                    expected = expected + weight * (base_log[position].exp() * (base_log - ours_log)[position]).sum()
            torch.testing.assert_close(summed, expected, rtol=1e-4, atol=1e-4)
            assert extra == 0


def test_rows_without_answers_or_programs_are_fine():
    model = composed()
    ours = objective(model, kept(loss="kl"))
    module = ours.loss()
    alone = [pack for pack in (toy_examples(1)[:1], answers(1)) for pack in [pack]]
    with packed_attention(model):
        for index, examples in enumerate(alone):
            (row,) = PackedBatches(examples, (*LANGUAGES, "base"), 400, shuffle=False)
            row = replace(row, example_ids_D=torch.tensor([0 if index == 0 else 16]))
            summed, _ = module(row, *ours.prepare(row))
            assert torch.isfinite(summed)


def test_without_answers_the_objective_is_the_plain_one():
    model = composed(anchor=False, top_k=1)
    plain = objective(model, None)
    (row, *_) = plain.batches(0)
    assert [t.tolist() for t in plain.prepare(row)] == [t.tolist() for t in targets(row)]


@pytest.mark.parametrize("loss", ["likelihood", "kl"])
def test_the_base_itself_loses_nothing_and_an_expert_something(loss):
    model = composed()
    ours, plain = objective(model, kept(loss=loss)), objective(model, None)
    with packed_attention(model):
        lost = {}
        for name in ("base", "python"):
            with force_expert(model, name):
                lost[name] = ours.validate()["loss"] - plain.validate()["loss"]
    assert lost["base"] < lost["python"]
    if loss == "kl":
        assert lost["base"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", ["likelihood", "kl"])
def test_gates_learn_what_the_anchor_is_for(loss, tmp_path):
    model = composed(top_k=1)
    with packed_attention(model):
        own = {name: toy_examples(8, 1, (name,)) for name in LANGUAGES}
        initial_gates(model, own | {"base": answers()}, "ridge", 400, contextlib.nullcontext)
    settings = GateRecipe(row_tokens=400, gate_steps=6, joint_epochs=0, evaluations=2, anchor=True, learning_rate=1e-2)
    before = [block.router.weight_ED.clone() for block in moe_blocks(model).values()]
    result = train_gate(
        Accelerator(cpu=True),
        model,
        toy_examples(8),
        toy_examples(2, 9),
        LANGUAGES,
        settings,
        0,
        tmp_path,
        kept(loss=loss),
    )
    assert result.gates.best_loss <= result.gates.history[0][1]
    assert (tmp_path / "gates" / "router.safetensors").exists()
    assert not result.experts_changed
    ours = objective(model, kept(loss=loss))
    with packed_attention(model):
        assert ours.validate()["loss"] == pytest.approx(result.gates.best_loss, rel=1e-5)
    with packed_attention(model), record_routing(model) as routings:
        (row,) = PackedBatches(answers(), (*LANGUAGES, "base"), 4000, shuffle=False)
        with torch.no_grad():
            hidden_states(model, row)
    first = torch.stack([routing.experts_TK[:, 0] for routing in routings.values()])
    assert (first == 2).float().mean() > 0.6
    assert before


def test_the_teacher_is_the_base_before_a_shared_delta_changes_it(tmp_path):
    model = composed()
    ours = objective(model, kept(loss="kl"))
    settings = GateRecipe(
        row_tokens=400,
        gate_steps=1,
        joint_epochs=2,
        evaluations=2,
        joint_learning_rate=1e-2,
        shared_rank=2,
        anchor=True,
    )
    train_gate(
        Accelerator(cpu=True),
        model,
        toy_examples(8),
        toy_examples(2, 9),
        LANGUAGES,
        settings,
        0,
        tmp_path,
        kept(loss="kl"),
    )
    with packed_attention(model), force_base(model):
        moved = ours.validate()["answers"]
    assert moved > 1e-4, "the base has changed, its answers' distribution is that of before"


def test_without_an_anchor_answers_have_no_expert_in_the_language_loss(tmp_path):
    model = composed(anchor=False, top_k=1)
    settings = GateRecipe(row_tokens=400, gate_steps=2, joint_epochs=0, evaluations=1, language=0.5, top_k=1)
    train_gate(
        Accelerator(cpu=True), model, toy_examples(8), toy_examples(2, 9), LANGUAGES, settings, 0, tmp_path, kept()
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("loss", ["likelihood", "kl"])
def test_captured_rows_have_the_same_gradients(loss):
    model = composed().cuda()
    gates = [parameter.requires_grad_(True) for parameter in gate_parameters(model).values()]
    gradients = []
    for compiled in (False, True):
        options = GateRecipe(row_tokens=400, compile=compiled)
        data = (toy_examples(8), toy_examples(2, 9), LANGUAGES)
        ours = Objective(model, *data, options, contextlib.nullcontext, kept(loss=loss))
        module = ours.loss().train()
        for parameter in gates:
            parameter.grad = None
        with packed_attention(model):
            for row in list(ours.batches(0))[:3]:
                summed, _ = module(row.to("cuda"), *(tensor.cuda() for tensor in ours.prepare(row)))
                summed.backward()
                del summed  # what an eager pass left on this stream would be in the way of a capture
        gradients.append([parameter.grad.clone() for parameter in gates])
    for eager, captured in zip(*gradients, strict=True):
        assert eager.abs().max() > 1e-3
        assert torch.allclose(eager, captured, atol=1e-2, rtol=1e-2)
