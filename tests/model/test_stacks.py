"""Stacked projections: the same values in the same parameters, in one piece of memory."""

import copy

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

from moesaic.model.decode.generate import generate
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.moe import compose, decompose, force_base, force_expert
from moesaic.model.stacks import LayerStacks, products, stack_layer
from pico import TracedGraphs, pico_llama, pico_mistral, random_experts, random_gates, random_peft_adapter

PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7], [9, 3, 2, 3]]


def qwen():
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2}
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=260, num_hidden_layers=2, **sizes)).eval()
    with torch.no_grad():
        for layer in model.model.layers:
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
                projection.bias.normal_()
    return model


def composed(kind="top_k", top_k=2):
    model = compose(pico_llama(), random_experts(pico_llama()), kind, top_k)
    random_gates(model)
    return model


MODELS = {"llama": pico_llama, "mistral": pico_mistral, "biased": qwen, "composed": composed}


def stack_model(model):
    return [stack_layer(layer) for layer in model.model.layers]


def projections(layer):
    attention = layer.self_attn
    return (attention.q_proj, attention.k_proj, attention.v_proj), (layer.mlp.gate_proj, layer.mlp.up_proj)


def rows(layer):
    """The weights that belong into each of the two stacks."""
    weights = [[linear.weight for linear in group] for group in projections(layer)]
    if hasattr(layer.mlp, "gate_up_A_PERD"):
        weights[1].append(layer.mlp.gate_up_A_PERD.flatten(0, 2))
    return weights


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_parameters_keep_identity_values_and_gradients(name, mode):
    model = MODELS[name]()
    parameters = dict(model.named_parameters())
    values = {key: value.clone() for key, value in model.state_dict().items()}
    with mode():
        stacks = stack_model(model)
    assert list(model.state_dict()) == list(values)
    assert all(torch.equal(value, values[key]) for key, value in model.state_dict().items())
    assert all(parameters[key] is parameter for key, parameter in model.named_parameters())
    for layer, layer_stacks in zip(model.model.layers, stacks, strict=True):
        for weights, stack in zip(rows(layer), layer_stacks, strict=True):
            assert torch.equal(stack.weight_OI, torch.cat(weights))
            # No memory of its own: a change of the layers is one of the stack.
            storages = {weight.untyped_storage().data_ptr() for weight in weights}
            assert storages == {stack.weight_OI.untyped_storage().data_ptr()}
            assert stack.weight_OI.untyped_storage().nbytes() == stack.weight_OI.nbytes
    before = copy.deepcopy(model)
    model(torch.tensor(PROMPTS[0])[None], labels=torch.tensor(PROMPTS[0])[None]).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    for layer, old, layer_stacks in zip(model.model.layers, before.model.layers, stacks, strict=True):
        for weights, old_weights, stack in zip(rows(layer), rows(old), layer_stacks, strict=True):
            assert torch.equal(stack.weight_OI, torch.cat(weights))
            assert not torch.equal(stack.weight_OI, torch.cat(old_weights))


def addresses(model):
    return [parameter.data_ptr() for parameter in model.parameters()]


def test_stacked_once_and_again_after_a_move():
    model = qwen()
    first = stack_model(model)
    expected = addresses(model)
    second = stack_model(model)
    assert addresses(model) == expected
    for one, other in zip(first, second, strict=True):
        for stack, same in zip(one, other, strict=True):
            assert stack.weight_OI.data_ptr() == same.weight_OI.data_ptr()
            assert (stack.bias_O is None) == (same.bias_O is None)
    model.double()  # parameters lie apart again
    x = torch.randn(3, 32, dtype=torch.double)
    for layer, stacks in zip(model.model.layers, stack_model(model), strict=True):
        for group, stack in zip(projections(layer), stacks, strict=True):
            for one, linear in zip(products(group, stack, x), group, strict=True):
                torch.testing.assert_close(one, linear(x))


def stacked_batch(model, *options):
    batch = SlotBatch(model, *options)
    batch._stacks = stack_model(model)
    return batch


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("forced", [None, "base", "java"])
def test_steps_are_those_of_separate_products(name, forced):
    if forced and name != "composed":
        pytest.skip("only experts can be forced")
    model, same = MODELS[name](), MODELS[name]()
    modes = {None: lambda _m: torch.no_grad(), "base": force_base, "java": lambda m: force_expert(m, "java")}
    with torch.inference_mode(), modes[forced](model), modes[forced](same):
        batch, plain = stacked_batch(model, 4, 24, 0.0, 1.0), SlotBatch(same, 4, 24, 0.0, 1.0)
        assert all(stack is not None for stacks in batch._stacks for stack in stacks)
        assert plain._stacks == [LayerStacks()] * 2  # on a CPU
        for each in (batch, plain):
            each.admit(range(4), PROMPTS)
        for _ in range(5):
            for each in (batch, plain):
                each.step(4, 16)
            assert torch.equal(batch.ids_B, plain.ids_B)
            torch.testing.assert_close(batch.logprobs_B, plain.logprobs_B, atol=1e-5, rtol=1e-5)


def test_all_experts_from_a_stack():
    layer = composed("softmax", None).model.layers[0]
    x = torch.randn(5, 32)
    expected = layer.mlp(x)
    torch.testing.assert_close(layer.mlp(x, stack_layer(layer).gate_up), expected)


def test_factors_of_another_type_stay_out_of_the_stack():
    model = compose(pico_llama().bfloat16(), random_experts(pico_llama()), "top_k", 2, dtype=torch.float32)
    random_gates(model)
    layer, x = model.model.layers[0], torch.randn(5, 32).bfloat16()
    expected = layer.mlp(x)
    stack = stack_layer(layer).gate_up
    assert stack.sizes == (48, 48)
    torch.testing.assert_close(layer.mlp(x, stack), expected, atol=0.05, rtol=0.05)


def test_one_graph_for_all_stacked_layers():
    model = composed()
    graphs = TracedGraphs()
    torch._dynamo.reset()
    with torch.inference_mode():
        for num_slots, capacity in ((4, 24), (3, 40)):
            batch = stacked_batch(model, num_slots, capacity, 0.0, 1.0)
            graphs.compile_steps(batch)
            batch.admit(range(num_slots), PROMPTS[:num_slots])
            for num_rows, num_columns in ((num_slots, 9), (num_slots, 16), (2, 16)):
                batch.step(num_rows, num_columns)
    assert len(graphs) == 2
    linear = [[node for node in graph.graph.nodes if node.target is torch._C._nn.linear] for graph in graphs]
    assert [len(nodes) for nodes in linear] == [1, 5]  # o; gate, up and their A; router; down; A of down


def test_decompose_gives_the_base_back_and_it_can_be_saved(tmp_path):
    model, plain = composed(), pico_llama()
    stack_model(model)
    decompose(model)
    expected = addresses(model)
    assert [stacks.gate_up.sizes for stacks in stack_model(model)] == [(48, 48)] * 2
    assert addresses(model) == expected  # found as they lay
    assert list(model.state_dict()) == list(plain.state_dict())
    ids = torch.tensor(PROMPTS[0])[None]
    assert torch.equal(model(ids).logits, plain(ids).logits)
    model.save_pretrained(tmp_path / "stacked")
    plain.save_pretrained(tmp_path / "plain")
    names = [path.name for path in (tmp_path / "stacked").iterdir()]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "plain").iterdir())
    for name in names:
        assert (tmp_path / "stacked" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path / "stacked")(ids).logits, plain(ids).logits)


def test_what_is_not_a_plain_linear_layer_keeps_its_own_products(tmp_path):
    class Quantised(nn.Linear):
        pass

    def hooked(layer):
        layer.self_attn.k_proj.register_forward_hook(lambda *_: None)
        layer.mlp.register_forward_pre_hook(lambda *_: None)

    def replaced(layer):
        layer.self_attn.v_proj = Quantised(32, 16, bias=False)
        layer.mlp.up_proj = Quantised(32, 48, bias=False)

    def patched(layer):
        layer.self_attn.q_proj.forward = layer.self_attn.q_proj.forward
        layer.mlp.gate_proj.forward = layer.mlp.gate_proj.forward

    def mixed(layer):
        layer.self_attn.q_proj.half()
        layer.mlp.gate_proj.half()

    for change in (hooked, replaced, patched, mixed):
        layer = pico_llama().model.layers[0]
        change(layer)
        before = [parameter.data_ptr() for parameter in layer.parameters()]
        assert stack_layer(layer) == (None, None)
        assert [parameter.data_ptr() for parameter in layer.parameters()] == before
    adapted = random_peft_adapter(pico_llama(), tmp_path, targets=("q_proj", "gate_proj"))
    assert [stack_layer(layer) for layer in adapted.get_base_model().model.layers] == [(None, None)] * 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", MODELS)
def test_generation_on_a_gpu_stacks_and_leaves_a_model_that_trains(name):
    expected = generate(MODELS[name](), PROMPTS, 8, (), batch_size=3)
    model = MODELS[name]().cuda()
    for _ in range(2):
        results = generate(model, PROMPTS, 8, (), batch_size=3)
        assert [result.ids for result in results] == [result.ids for result in expected]
    for layer in model.model.layers:
        for group in projections(layer):
            assert len({linear.weight.untyped_storage().data_ptr() for linear in group}) == 1
    ids = torch.tensor(PROMPTS[0], device="cuda")[None]
    model(ids, labels=ids).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
