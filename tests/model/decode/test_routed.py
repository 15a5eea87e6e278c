"""Blocks decoded with kernels of their own compute what the same blocks compute without."""

import os
import sys
import types

import pytest
import torch
from torch import nn

from moesaic.gates import GATES, Gate
from moesaic.model.decode import routed
from moesaic.model.decode.cuda import GraphedStep
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.decode.step import after_attention
from moesaic.model.moe import compose, force_expert, record_routing
from moesaic.model.stacks import LayerStacks, stack_layer
from pico import TracedGraphs, pico_llama, random_expert, random_experts, random_gates, with_anchor

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7], [9, 3, 2, 3]]


def needs_kernels(test):
    """For tests that run the kernels, on a GPU or interpreted (``test_routed_kernels``)."""
    return test if INTERPRETED else needs_gpu(test)


def needs_gpu(test):
    return pytest.mark.gpu(
        pytest.mark.skipif(INTERPRETED or not torch.cuda.is_available(), reason="needs a CUDA device")(test)
    )


@pytest.fixture
def interpreted(monkeypatch):
    """Lets a CPU run the kernels, where Triton interprets them."""
    if INTERPRETED:
        monkeypatch.setattr(routed, "_has_kernels", lambda device: True)


def composed(kind="top_k", top_k=2, dtype=torch.float16, device="cpu", anchor=False, **sizes):
    model = pico_llama(**sizes)
    experts = random_experts(model)
    compose(model, with_anchor(experts) if anchor else experts, kind, top_k)
    random_gates(model)
    model = model.to(dtype).to(device)
    for layer in model.model.layers:
        layer.mlp.router.float()
    return model


@pytest.fixture
def ready(monkeypatch):
    """A layer that fits, as on a GPU with Triton."""
    monkeypatch.setattr(routed, "_has_kernels", lambda device: True)
    monkeypatch.setitem(sys.modules, "moesaic.model.decode.routed_kernels", types.ModuleType("kernels"))
    layer = composed().model.layers[0]
    assert routed.fits(layer)
    return layer


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.float(),
        lambda layer: layer.mlp.train(),
        lambda layer: setattr(layer.mlp, "forced", 1),
        lambda layer: layer.mlp.register_forward_hook(lambda *_: None),
        lambda layer: layer.mlp.router.register_forward_hook(lambda *_: None),
        lambda layer: setattr(layer.mlp, "down_A_ERF", nn.Parameter(layer.mlp.down_A_ERF.float())),
        lambda layer: setattr(layer, "mlp", layer.mlp.base[0]),
        lambda layer: setattr(layer.mlp.router, "kind", "least"),
    ],
    ids=["float32", "training", "forced", "hooked block", "hooked router", "float32 masters", "dense", "new gate"],
)
def test_layers_that_do_not_fit(ready, change, monkeypatch):
    monkeypatch.setitem(GATES, "least", Gate())
    change(ready)
    assert not routed.fits(ready)


@pytest.mark.parametrize(("experts", "rank", "top_k"), [(65, 1, 1), (9, 1, 9), (3, 400, 1)])
def test_blocks_that_are_too_large_for_the_tiles(ready, experts, rank, top_k):
    model = pico_llama(num_hidden_layers=1)
    compose(model, [random_expert(model, f"e{i}", rank) for i in range(experts)], "top_k", top_k)
    assert not routed.fits(model.half().model.layers[0])


def test_a_cpu_has_no_kernels():
    model = composed()
    assert SlotBatch(model, 2, 16, 0.0, 1.0).kernels == [False, False]


def test_recorded_and_forced_experts_run_without_kernels(monkeypatch):
    monkeypatch.setattr(routed, "_has_kernels", lambda device: True)
    monkeypatch.setitem(sys.modules, "moesaic.model.decode.routed_kernels", types.ModuleType("kernels"))
    model = composed()
    for context in (record_routing(model), force_expert(model, "java")):
        with context:
            assert SlotBatch(model, 2, 16, 0.0, 1.0).kernels == [False, False]
    assert SlotBatch(model, 2, 16, 0.0, 1.0).kernels == [True, True]


@pytest.mark.parametrize("experts", [3, 9])
def test_logits_of_a_compiled_step_are_the_routers(experts):
    model = pico_llama(num_hidden_layers=1)
    compose(model, [random_expert(model, f"e{i}") for i in range(experts)], "top_k", 2)
    random_gates(model)
    router, x = model.model.layers[0].mlp.router, torch.randn(5, 32)
    graphs = TracedGraphs()
    torch._dynamo.reset()
    compiled = torch.compile(routed._logits, backend=graphs, fullgraph=True)
    with torch.inference_mode():
        expected = router(x).logits_TE
        assert torch.equal(routed._logits(router, x), expected)
        assert torch.allclose(compiled(router, x), expected, atol=1e-5)
    has_product = any("linear" in str(node.target) for node in graphs[0].graph.nodes)
    assert has_product == (experts > routed._MOST_ROW_SUMS)


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float16] if INTERPRETED else [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("kind", "top_k"),
    [(kind, k) for kind, gate in GATES.items() for k in ((None,) if gate.mixes_all else (1, 2, 3))],
)
@pytest.mark.parametrize("is_stacked", [True, False])
@pytest.mark.parametrize("anchor", [False, True])
def test_block_with_kernels_is_as_exact_as_without(interpreted, kind, top_k, dtype, is_stacked, anchor):
    layer = composed(kind, top_k, dtype, DEVICE, anchor).model.layers[0]
    assert routed.fits(layer)
    block, stack = layer.mlp, stack_layer(layer).gate_up if is_stacked else None
    assert (stack is None) == (not is_stacked)
    for num_tokens in (1, 2, 40):
        x, hidden, attention = (torch.randn(num_tokens, 32, device=DEVICE).to(dtype) for _ in range(3))
        residual = hidden + attention
        with torch.inference_mode():
            own = block(x, stack) + residual
            found = routed.add_routed(block, x, hidden, attention, stack)
            exact = (
                composed(kind, top_k, dtype, DEVICE, anchor).double().model.layers[0].mlp(x.double())
                + hidden.double()
                + attention.double()
            )
        error = (found.double() - exact).abs().max()
        assert error <= 1.5 * (own.double() - exact).abs().max() + torch.finfo(dtype).eps
        assert error < 0.02 * exact.abs().max()


def lockstep(model, compile, take_step):
    """Decodes with and without kernels, from the same tokens; yields the log probabilities of both."""
    with torch.inference_mode():
        pair = [SlotBatch(model, 4, 32, 0.0, 1.0, compile) for _ in range(2)]
        assert all(pair[0].kernels)
        pair[1].kernels = [False] * len(pair[1].kernels)
        steps = [take_step(batch) for batch in pair]
        for batch in pair:
            batch.admit(range(4), PROMPTS)
        for num_rows, num_columns in [(4, 8), (4, 9), (3, 10), (1, 11), (2, 12), (4, 16)]:
            for step in steps:
                step(num_rows, num_columns)
            yield tuple(batch.logprobs_B[:num_rows].clone() for batch in pair)
            pair[1].ids_B.copy_(pair[0].ids_B)


@needs_kernels
@pytest.mark.parametrize("anchor", [False, True])
def test_decoding_with_kernels_gives_the_same_probabilities(interpreted, anchor):
    for found, expected in lockstep(composed(device=DEVICE, anchor=anchor), False, lambda batch: batch.step):
        assert torch.allclose(found, expected, atol=0.02)


@needs_gpu
@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("anchor", [False, True])
def test_graphed_steps_with_kernels_give_the_same_probabilities(compile, anchor):
    torch._dynamo.reset()
    for found, expected in lockstep(composed(device="cuda", anchor=anchor), compile, GraphedStep):
        assert torch.allclose(found, expected, atol=0.02)


@needs_gpu
def test_compiled_once_for_one_row_and_once_for_several():
    layers = composed(device="cuda", num_hidden_layers=3).model.layers
    stacks: list[LayerStacks] = [stack_layer(layer) for layer in layers]
    assert all(routed.fits(layer) for layer in layers)
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("inductor")
    compiled = torch.compile(after_attention, backend=counter, fullgraph=True)
    with torch.inference_mode():
        for num_rows in (1, 4, 16, 3, 64, 1):
            hidden, mixed = torch.randn(num_rows, 32), torch.randn(num_rows, 2, 2, 8)
            hidden, mixed = hidden.cuda().half(), mixed.cuda().half()
            if num_rows > 1:
                torch._dynamo.mark_dynamic(hidden, 0)
                torch._dynamo.mark_dynamic(mixed, 0)
            for layer, stack in zip(layers, stacks, strict=True):
                found = compiled(layer, hidden, mixed, stack.gate_up, True)
                expected = after_attention(layer, hidden, mixed, stack.gate_up, False)
                assert torch.allclose(found, expected, atol=0.02)
    assert counter.frame_count == 2


@needs_gpu
def test_replayed_block_follows_its_inputs():
    layer = composed(device="cuda").model.layers[0]
    assert routed.fits(layer)
    stack = stack_layer(layer).gate_up
    for num_tokens in (1, 5):
        inputs = [torch.zeros(num_tokens, 32, device="cuda", dtype=torch.float16) for _ in range(3)]
        with torch.inference_mode():
            routed.add_routed(layer.mlp, *inputs, stack)  # kernels are compiled before a capture
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                found = routed.add_routed(layer.mlp, *inputs, stack)
            for _ in range(3):
                for tensor in inputs:
                    tensor.normal_()
                graph.replay()
                assert torch.equal(found, routed.add_routed(layer.mlp, *inputs, stack))
