"""The compiled step of one row computes what the batch's own step computes, and stays away where it cannot."""

import ctypes
import subprocess

import pytest
import torch
from test_families import PROMPTS, VARIANTS, made
from torch import nn

from moesaic.gates import GATES
from moesaic.model.decode import compiler, native
from moesaic.model.decode.compiler import library
from moesaic.model.decode.generate import generate
from moesaic.model.decode.native import NativeStep, code_for, fits
from moesaic.model.decode.single import SingleStep
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.decode.streaming import stream_ids
from moesaic.model.int8 import Int8Linear, to_int8
from moesaic.model.moe import compose, force_base, force_expert, record_routing
from pico import pico_routed, random_experts, random_gates

NEW_TOKENS = 12


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """The library, compiled into a cache of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOESAIC_CACHE", str(tmp_path_factory.mktemp("cache")))
        library.cache_clear()
        found = library()
    if found is None:
        pytest.skip("no C++ compiler with OpenMP here")
    yield found
    library.cache_clear()


@pytest.fixture
def small(code, monkeypatch):
    """Pico models are worth it, too."""
    monkeypatch.setattr(native, "WORTH_BYTES", 0)
    return code


def rounded(model):
    """Weights that are bfloat16, as those of most checkpoints."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16())
    return model


def admitted(model, prompt=PROMPTS[2]):
    batch = SlotBatch(model, 2, 40, 0.0, 1.0)
    batch.admit(range(1), [prompt])
    return batch


def step_for(batch):
    return NativeStep(batch, code_for(batch))


def compare(model, prompt=PROMPTS[2]):
    """Steps of both kinds beside each other, fed with the same tokens."""
    with torch.inference_mode():
        batches = [admitted(model, prompt) for _ in range(2)]
        plain, compiled = batches[0].step, step_for(batches[1])
        for count in range(1, NEW_TOKENS):
            plain(1, len(prompt) + count)
            compiled()
            (ids, logprobs), (own_ids, own_logprobs) = (batch.tokens(range(1)) for batch in batches)
            assert own_ids == ids
            assert own_logprobs == pytest.approx(logprobs, abs=1e-4)
            assert batches[1].positions_B[0] == batches[0].positions_B[0]
        for expected, found in zip(*(batch.cache for batch in batches), strict=True):
            for one, other in zip(expected, found, strict=True):
                torch.testing.assert_close(other, one, atol=1e-3, rtol=1e-3)
    return compiled


def types(step):
    return {matrix.type for layer in step._layers for matrix in (layer.query, layer.down)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_routed", [False, True])
def test_every_family(variant, is_routed, small):
    family, settings = VARIANTS[variant]
    model = made(family, **settings)
    if is_routed:
        compose(model, random_experts(model), "top_k", 2)
        random_gates(model)
    assert types(compare(model)) == {0}
    assert types(compare(rounded(model))) == {1}


@pytest.mark.parametrize("kind", [kind for kind, gate in GATES.items() if gate.is_mixtral])
@pytest.mark.parametrize("anchor", [False, True])
def test_every_kind_of_gate(kind, anchor, small):
    top_k = 3 + anchor if GATES[kind].mixes_all else 1
    compare(pico_routed(anchor, kind, top_k))


def test_sizes_that_fill_registers_and_leave_a_rest(small):
    sizes = {"hidden_size": 136, "intermediate_size": 330, "num_attention_heads": 2, "num_key_value_heads": 1}
    compare(pico_routed(anchor=True, head_dim=70, **sizes))
    compare(rounded(pico_routed(head_dim=70, **sizes)))


def test_int8_without_rounding_the_rows(small):
    model = to_int8(pico_routed(anchor=True, hidden_size=136))
    with torch.inference_mode():
        batches = [admitted(model) for _ in range(3)]
        compiled, short = step_for(batches[0]), SingleStep(batches[1])
        short._code = None
        compiled()
        short(1, len(PROMPTS[2]) + 1)
        for module in model.modules():  # the same weights, multiplied in float32
            if isinstance(module, Int8Linear):
                module.forward = lambda x, own=module: nn.functional.linear(x, own.restored(x.dtype))
        batches[2].step(1, len(PROMPTS[2]) + 1)
        exact, rounded = (float((batches[2].logprobs_B - batch.logprobs_B)[0].abs()) for batch in batches[:2])
    assert types(compiled) == {2}
    assert exact < 1e-4
    assert exact < rounded


def test_equal_logits_take_the_first_experts(small):
    model = pico_routed(anchor=True, top_k=1)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.mlp.router.weight_ED.zero_()
    compare(model)


def test_forced_experts_and_the_base(small):
    model = pico_routed(anchor=True)
    texts = []
    for context in (force_base(model), force_expert(model, "java")):
        with context:
            compare(model)
            texts.append(list(stream_ids(model, PROMPTS[0], NEW_TOKENS, ())))
    assert texts[0] != texts[1]


def test_the_number_of_threads_changes_no_bit(small):
    model = rounded(pico_routed(hidden_size=64))
    logits, before = [], torch.get_num_threads()
    with torch.inference_mode():
        for threads in (1, 2, 3):
            batch = admitted(model)
            step = step_for(batch)
            torch.set_num_threads(threads)
            try:
                step()
                step()
            finally:
                torch.set_num_threads(before)
            logits.append(step._logits_1V.clone())
    assert logits[0].equal(logits[1])
    assert logits[0].equal(logits[2])


def test_it_is_what_generates(small, monkeypatch):
    model, calls = pico_routed(), []
    run = NativeStep.__call__
    monkeypatch.setattr(NativeStep, "__call__", lambda self: (calls.append(1), run(self))[1])
    alone = [list(stream_ids(model, prompt, NEW_TOKENS, ())) for prompt in PROMPTS]
    assert len(calls) == len(PROMPTS) * (NEW_TOKENS - 1)  # the first token comes from the prompt
    assert [found.ids for found in generate(model, PROMPTS, NEW_TOKENS, (), batch_size=2)] == alone


@pytest.mark.parametrize("kind", [kind for kind, gate in GATES.items() if gate.is_mixtral])
def test_whoever_records_routes_is_told(kind, small, monkeypatch):
    model = pico_routed(anchor=True, kind=kind, top_k=4 if GATES[kind].mixes_all else 2)
    routes, calls = [], []
    run = NativeStep.__call__
    monkeypatch.setattr(NativeStep, "__call__", lambda self: (calls.append(1), run(self))[1])
    with torch.inference_mode():
        for make in (lambda batch: batch.step, SingleStep):
            batch = admitted(model)
            step = make(batch)
            for count in range(1, 4):
                with record_routing(model) as routing:
                    step(1, len(PROMPTS[2]) + count)
                routes.append([each for layer in routing.values() for each in (layer.experts_TK, layer.weights_TK)])
    assert len(calls) == 3
    assert len(routes[0]) == 2 * len(model.model.layers)
    for plain, compiled in zip(routes[:3], routes[3:], strict=True):
        for one, other in zip(plain, compiled, strict=True):
            torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)
    (traced,) = generate(model, [PROMPTS[2]], 4, (), trace=True)
    assert len(calls) == 6
    assert [torch.tensor(token.experts_LK).tolist() for token in traced.trace[1:]] == [
        torch.cat(layers[::2]).tolist() for layers in routes[3:]
    ]


def test_weights_are_kept_until_they_change(small):
    model = rounded(pico_routed())
    layer = model.model.layers[0].mlp.up_proj
    kept = native._small(layer)
    assert kept.dtype == torch.bfloat16
    assert native._small(layer) is kept
    with torch.no_grad():
        layer.weight.mul_(2)
    assert native._small(layer).float().equal(layer.weight)
    with torch.no_grad():
        layer.weight.add_(1e-6)
    assert native._small(layer).dtype == torch.float32


def test_what_does_not_fit(small, monkeypatch):
    with torch.inference_mode():
        assert fits(admitted(pico_routed()))
        assert fits(admitted(to_int8(pico_routed())))
        assert not fits(admitted(pico_routed().bfloat16()))
        other = pico_routed()
        other.model.layers[0].mlp = other.model.layers[0].mlp.base[0]
        assert not fits(admitted(other))
        assert not fits(admitted(to_int8(pico_routed(intermediate_size=42))))
        adapted = pico_routed()
        adapted.model.layers[0].self_attn.q_proj.__class__ = type("Adapted", (nn.Linear,), {})
        assert not fits(admitted(adapted))
        monkeypatch.setattr(native, "WORTH_BYTES", 2**26)
        assert not fits(admitted(pico_routed()))


def test_memory_is_left(small, monkeypatch):
    assert native._available_bytes() > 2**20
    with torch.inference_mode():
        batch = admitted(pico_routed())
        monkeypatch.setattr(native, "_available_bytes", lambda: 1000)
        assert code_for(batch) is None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path))
    yield tmp_path / "compiled"
    library.cache_clear()


def again():
    library.cache_clear()
    return library()


def test_it_is_compiled_once(code, cache, monkeypatch, capsys):
    assert isinstance(again(), ctypes.CDLL)
    (made,) = cache.iterdir()
    assert made.suffix == ".so"
    assert "once" in capsys.readouterr().err
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_others: pytest.fail("compiled again"))
    assert isinstance(again(), ctypes.CDLL)
    assert capsys.readouterr().err == ""


def test_what_others_can_write_is_not_loaded(code, cache):
    again()
    (made,) = cache.iterdir()
    made.chmod(0o666)
    assert again() is None
    made.chmod(0o600)
    cache.chmod(0o777)
    assert again() is None
    cache.chmod(0o700)
    target = made.rename(cache / "elsewhere")
    made.symlink_to(target)
    assert again() is None


def test_without_a_compiler(cache, monkeypatch, small):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert again() is None
    assert not cache.exists()
    model = pico_routed()
    assert len(list(stream_ids(model, PROMPTS[0], NEW_TOKENS, ()))) == NEW_TOKENS


def test_a_compiler_that_fails_is_asked_once(cache, monkeypatch):
    monkeypatch.setenv("CXX", "false")
    assert again() is None
    (failed,) = cache.iterdir()
    assert failed.suffix == ".failed"
    assert "false" in failed.read_text()
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_others: pytest.fail("asked again"))
    assert again() is None


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "file"))
    assert again() is None
    library.cache_clear()


def test_the_name_tells_compilers_and_sources_apart():
    true, false = "/bin/true", "/bin/false"
    names = {compiler._digest(source, program) for source in ("a", "b") for program in (true, false)}
    assert len(names) == 4
