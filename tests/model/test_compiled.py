"""Compiled layers compute what the layers compute, with one graph for all layers and rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.backends.debugging import aot_eager

from moesaic.data.packing import IGNORED_LABEL, pack_row
from moesaic.data.prompts import EncodedExample
from moesaic.model import attention
from moesaic.model.attention import block_diagonal_mask, packed_attention
from moesaic.model.compiled import CompiledDecoder, CompiledLayers, document_room, fixed_shape
from moesaic.model.loss import hidden_states
from moesaic.model.moe import compose
from moesaic.train.checkpointing import checkpointed_activations, checkpointed_slots
from pico import pico_llama, random_experts, random_gates

LANGUAGES = ("python", "java")


def row(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    examples = [
        EncodedExample(
            language=LANGUAGES[index % 2],
            ids=torch.randint(0, 256, (length,), generator=generator).tolist(),
            num_prompt_tokens=1,
            num_code_tokens=max(0, length - 2),
        )
        for index, length in enumerate(lengths)
    ]
    return pack_row(examples, LANGUAGES)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=70), st.integers(0, 100))
def test_fixed_shape_keeps_the_row_and_adds_only_padding(lengths, room):
    batch = row(lengths)
    total = batch.num_tokens + room
    fixed = fixed_shape(batch, total)
    count = batch.num_tokens
    assert fixed.num_tokens == total
    assert torch.equal(fixed.input_ids_1T[:, :count], batch.input_ids_1T)
    assert torch.equal(fixed.position_ids_1T[:, :count], batch.position_ids_1T)
    assert (fixed.labels_1T[:, count:] == IGNORED_LABEL).all()
    assert not fixed.code_mask_1T[:, count:].any()
    assert (fixed.language_ids_1T[:, count:] == -1).all()
    boundaries = fixed.cu_seqlens_D1
    assert torch.equal(boundaries[: len(batch.cu_seqlens_D1)], batch.cu_seqlens_D1)
    assert boundaries[-1] == total
    assert boundaries.dtype == torch.int32
    assert (len(boundaries) - 1) % document_room(total) == 0
    assert len(fixed.example_ids_D) == len(boundaries) - 1
    lengths_D = boundaries.diff()
    assert (lengths_D >= 0).all()
    assert lengths_D.max() <= fixed.max_seqlen
    # Positions restart with every document, the padding's too.
    expected = torch.cat([torch.arange(length) for length in lengths_D.tolist()])
    assert torch.equal(fixed.position_ids_1T[0], expected)


def by_mask(query, key, value, scaling, window, cu_seqlens):
    """Attention without a loop over documents, as a GPU has it: nothing here depends on the lengths' values."""
    mask = block_diagonal_mask(cu_seqlens, query.shape[2], window)
    mixed = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=True
    )
    return mixed.transpose(1, 2)


def models():
    composed = compose(pico_llama(num_hidden_layers=3), random_experts(pico_llama(num_hidden_layers=3)), "top_k", 2)
    random_gates(composed)
    return {"dense": pico_llama(num_hidden_layers=3), "composed": composed}


@pytest.mark.parametrize("name", ["dense", "composed"])
def test_compiled_equals_eager_with_gradients_and_one_graph(name, monkeypatch):
    monkeypatch.setattr(attention, "_by_document", by_mask)
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    model = models()[name].train()
    layers = CompiledLayers(model, backend)
    parameters = [parameter for parameter in model.model.layers.parameters() if parameter.requires_grad]
    for seed, lengths in enumerate([(5, 9, 30), (20, 17), (31, 4, 4, 4)]):
        batch = row(lengths, seed)
        with packed_attention(model):
            expected = hidden_states(model, batch)
            weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(seed))
            gradients = torch.autograd.grad((expected * weights).sum(), parameters)
            with layers.active():
                found = hidden_states(model, fixed_shape(batch, 64))[: batch.num_tokens]
            assert torch.allclose(found, expected, atol=1e-5)
            for one, other in zip(torch.autograd.grad((found * weights).sum(), parameters), gradients, strict=True):
                assert torch.allclose(one, other, atol=1e-4, rtol=1e-4)
    assert len(graphs) == 1
    assert all(layer._compiled_call_impl is None for layer in model.model.layers)


@pytest.mark.parametrize("name", ["dense", "composed"])
@pytest.mark.slow
@pytest.mark.untraced
def test_recomputed_layers_are_compiled_in_the_backward_pass_too(name, monkeypatch):
    executions, uncompiled = [], []

    def backend(graph, inputs):
        run = aot_eager(graph, inputs)
        return lambda *tensors: executions.append(1) or run(*tensors)

    def counted(*arguments):
        if not torch.compiler.is_compiling():  # a list that grows would make the compiler begin again in every layer
            uncompiled.append(1)
        return by_mask(*arguments)

    monkeypatch.setattr(attention, "_by_document", counted)
    torch._dynamo.reset()
    model = models()[name].train()
    layers = CompiledLayers(model, backend)
    parameters = [parameter for parameter in model.model.layers.parameters() if parameter.requires_grad]
    found = []
    for recompute in (False, True):
        with packed_attention(model), checkpointed_activations(model, recompute):
            with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), layers.active():
                hidden = hidden_states(model, fixed_shape(row((5, 9, 30)), 64))[:44]
            found.append((hidden, *torch.autograd.grad(hidden.float().square().sum(), parameters)))
            assert all(layer.gradient_checkpointing is recompute for layer in model.model.layers)
        assert not uncompiled  # nothing was run as Python, in the backward pass neither
        assert len(executions) == (3 + 6 if recompute else 3)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize(("kind", "num_slots"), [("top_k", 2), ("softmax", 3)])
@pytest.mark.slow
@pytest.mark.untraced
def test_recomputed_slots_are_compiled_and_keep_less(kind, num_slots, monkeypatch):
    monkeypatch.setattr(attention, "_by_document", by_mask)
    base = pico_llama(num_hidden_layers=3)
    model = compose(base, random_experts(base), kind, num_slots).train()
    random_gates(model)
    parameters = [parameter for parameter in model.model.layers.parameters() if parameter.requires_grad]
    found, kept = [], []
    for recompute in (False, True):
        torch._dynamo.reset()
        layers = CompiledLayers(model, aot_eager)
        tensors = {}

        def keep(tensor, tensors=tensors):
            tensors[tensor.untyped_storage().data_ptr()] = tensor  # kept, so that no other gets its place
            return tensor

        with packed_attention(model), checkpointed_slots(model, recompute), layers.active():
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                hidden = hidden_states(model, fixed_shape(row((5, 9, 30)), 64))[:44]
            found.append((hidden, *torch.autograd.grad(hidden.square().sum(), parameters)))
        kept.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors.values()))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    hidden_size = 64 * model.config.intermediate_size * 4  # bytes of one tensor (T, F)
    assert kept[0] - kept[1] >= 3 * num_slots * 2 * hidden_size  # three layers, and more than two tensors a slot


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("name", "recompute"), [("dense", False), ("composed", False), ("composed", True)])
def test_captured_graphs_add_the_gradients_of_every_row(name, recompute):
    model = models()[name].train().cuda()
    parameters = [parameter for parameter in model.model.layers.parameters() if parameter.requires_grad]
    rows = [row(lengths, seed).to("cuda") for seed, lengths in enumerate([(5, 9, 30), (20, 17), (31, 4, 4, 4)])]
    weights = [torch.randn(batch.num_tokens, 32, device="cuda") for batch in rows]
    found, gradients = [], []
    with packed_attention(model), checkpointed_slots(model, recompute):
        for decoder in (lambda batch: hidden_states(model, batch), CompiledDecoder(model, 64, graphs=True)):
            for parameter in parameters:
                parameter.grad = None
            outputs = []
            for batch, weight in zip(rows, weights, strict=True):
                hidden = decoder(batch)[: batch.num_tokens]
                (hidden * weight).sum().backward()
                outputs.append(hidden.detach().clone())
                del hidden  # what an eager pass left on this stream would be in the way of a capture
            found.append(outputs)
            gradients.append([parameter.grad.clone() for parameter in parameters])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-4)
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-3)
