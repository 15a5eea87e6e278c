"""Every family that is listed computes what transformers computes: packed training, decoding steps, generation."""

import math

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from moesaic.checkpoint.formats import FORMATS
from moesaic.data.packing import PackedBatch
from moesaic.errors import ModelError
from moesaic.model.attention import packed_attention
from moesaic.model.backbone import mlp_blocks
from moesaic.model.base_files import BaseSource
from moesaic.model.decode.generate import generate
from moesaic.model.decode.slots import SlotBatch
from moesaic.model.families import FAMILIES, ROTARY_TYPES, check_equations, check_modules, windows
from moesaic.model.loss import hidden_states
from moesaic.model.moe import compose, decompose, force_base
from moesaic.model.plain import load_plain
from pico import random_experts, random_gates

SIZES = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4], [9, 3, 2, 3]]
NEW_TOKENS = 8

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
WINDOWED = {"use_sliding_window": True, "sliding_window": 4}

VARIANTS = {
    "llama": ("llama", {}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, biases": ("llama", {"attention_bias": True}),
    "llama, wide heads": ("llama", {"head_dim": 12}),
    "llama, one key head": ("llama", {"num_key_value_heads": 1}),
    "llama, no grouping": ("llama", {"num_key_value_heads": 4}),
    "llama, linear": ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}),
    "llama, dynamic": ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}),
    "llama, yarn": ("llama", {"rope_parameters": {**YARN, "rope_theta": 1e4}}),
    "llama, llama3": ("llama", {"rope_parameters": {**LLAMA3, "rope_theta": 5e5}}),
    "llama, settings of others": ("llama", {"sliding_window": 4, "layer_types": ["sliding_attention"] * 3}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral, window": ("mistral", {"sliding_window": 4}),
    "mistral, window, tied, wide heads": (
        "mistral",
        {"sliding_window": 6, "tie_word_embeddings": True, "head_dim": 12},
    ),
    "mistral, window, settings of others": ("mistral", {"sliding_window": 4, "layer_types": ["full_attention"] * 3}),
    "mistral, yarn": ("mistral", {"sliding_window": None, "rope_parameters": {**YARN, "rope_theta": 1e4}}),
    "qwen2": ("qwen2", {}),
    "qwen2, tied, yarn": ("qwen2", {"tie_word_embeddings": True, "rope_parameters": {**YARN, "rope_theta": 1e6}}),
    "qwen2, unused window": ("qwen2", {"use_sliding_window": False, "sliding_window": 4, "max_window_layers": 0}),
    "qwen2, window": ("qwen2", {**WINDOWED, "max_window_layers": 0}),
    "qwen2, window in some layers": ("qwen2", {**WINDOWED, "max_window_layers": 2}),
    "qwen2, wide heads": ("qwen2", {"head_dim": 12}),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "qwen3, tied, wide heads": ("qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
    "qwen3, biases": ("qwen3", {"head_dim": 8, "attention_bias": True}),
    "qwen3, window in some layers": ("qwen3", {"head_dim": 8, **WINDOWED, "max_window_layers": 1}),
    "qwen3, linear": ("qwen3", {"head_dim": 8, "rope_parameters": {"rope_type": "linear", "factor": 2.0}}),
}


def made(family, **settings):
    """A model of the family in which every parameter matters: biases, norms and weights are random and not small."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **{**SIZES, **settings})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
            else:
                parameter.mul_(6.0)
    return model


@pytest.fixture(params=VARIANTS)
def model(request):
    family, settings = VARIANTS[request.param]
    return made(family, **settings)


def packed(prompts):
    """The prompts as one training row, all tokens trained."""
    lengths = [len(prompt) for prompt in prompts]
    ids = torch.tensor([[token for prompt in prompts for token in prompt]])
    return PackedBatch(
        input_ids_1T=ids,
        position_ids_1T=torch.cat([torch.arange(length) for length in lengths])[None],
        labels_1T=ids,
        code_mask_1T=torch.ones_like(ids, dtype=torch.bool),
        language_ids_1T=torch.zeros_like(ids),
        cu_seqlens_D1=torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32),
        max_seqlen=max(lengths),
        example_ids_D=torch.arange(len(prompts)),
    )


def gradients(model, loss):
    parameters = [parameter for _, parameter in sorted(model.named_parameters()) if parameter.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters, allow_unused=True) if g is not None])


def test_every_family_has_its_rows_and_variants():
    assert {family for family, _ in VARIANTS.values()} == set(FAMILIES)
    assert set(FORMATS) == set(FAMILIES)
    used = {settings.get("rope_parameters", {}).get("rope_type", "default") for _, settings in VARIANTS.values()}
    assert used == set(ROTARY_TYPES)


def test_packed_training_is_training_document_by_document(model):
    model.train()
    with packed_attention(model):
        hidden = hidden_states(model, packed(PROMPTS))
    expected = torch.cat([model.model(input_ids=torch.tensor([prompt])).last_hidden_state[0] for prompt in PROMPTS])
    assert torch.allclose(hidden, expected, atol=1e-4)
    found, wanted = (gradients(model.model, states.square().mean()) for states in (hidden, expected))
    assert torch.allclose(found, wanted, atol=1e-4 * wanted.abs().max().item())


def test_steps_give_the_probabilities_of_whole_passes(model):
    texts = [list(prompt) for prompt in PROMPTS]
    with torch.inference_mode():
        batch = SlotBatch(model, len(PROMPTS), 32, 0.0, 1.0)
        batch.admit(range(len(PROMPTS)), PROMPTS)
        for _ in range(NEW_TOKENS):
            ids, logprobs = batch.tokens(range(len(PROMPTS)))
            for text, token, logprob in zip(texts, ids, logprobs, strict=True):
                expected = model(torch.tensor([text])).logits[0, -1].log_softmax(-1)
                assert token == expected.argmax().item()
                assert math.isclose(logprob, expected[token].item(), abs_tol=1e-4)
                text.append(token)
            batch.step(len(PROMPTS), max(map(len, texts)))


def test_generation_is_that_of_transformers(model):
    # Its cache takes a window from the settings even where the layers have none: there, it has to do without.
    options = {"use_cache": any(windows(model)) or getattr(model.config, "sliding_window", None) is None}
    options |= {"max_new_tokens": NEW_TOKENS, "do_sample": False, "eos_token_id": None}
    found = generate(model, PROMPTS, NEW_TOKENS, (), batch_size=3)
    for prompt, result in zip(PROMPTS, found, strict=True):
        assert result.ids == model.generate(torch.tensor([prompt]), **options)[0, len(prompt) :].tolist()


def test_composed_models_decode_what_their_passes_say(model):
    text = torch.tensor([PROMPTS[2]])
    with torch.inference_mode():
        base = model(text).logits
    compose(model, random_experts(model), "top_k", 2)
    random_gates(model)
    (result,) = generate(model, [PROMPTS[2]], NEW_TOKENS, ())
    whole = torch.tensor([PROMPTS[2] + result.ids])
    with torch.inference_mode():
        assert model(whole).logits[0, len(PROMPTS[2]) - 1 : -1].argmax(-1).tolist() == result.ids
        assert not torch.allclose(model(text).logits, base, atol=1e-2)
        with force_base(model):
            assert torch.equal(model(text).logits, base)
        decompose(model)
        assert torch.equal(model(text).logits, base)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "gemma2"}, "architecture 'gemma2' cannot carry .* allowed: llama, mistral, qwen2, qwen3"),
        ({"model_type": None}, "architecture None"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"mlp_bias": True}, "mlp_bias is set"),
        (
            {"rope_scaling": {"type": "longrope", "factor": 4.0}},
            "rotary type 'longrope' .* allowed: default, lin",
        ),
        ({"rope_scaling": {"type": "su"}}, "rotary type 'su'"),
        ({"rope_parameters": {"rope_type": "mrope"}}, "rotary type 'mrope'"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "one for each kind of layer"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ({"partial_rotary_factor": 0.25}, "partial_rotary_factor"),
    ],
)
def test_settings_that_change_the_equations_are_refused_by_name(settings, message):
    with pytest.raises(ModelError, match=message):
        check_equations({"model_type": "llama", "hidden_act": "silu", **settings}, "config.json")


@pytest.mark.parametrize("rotary", [None, {}, {"type": "linear", "factor": 2.0}, {"rope_type": "default"}])
def test_either_spelling_of_rotary_settings_is_read(rotary):
    check_equations({"model_type": "mistral", "rope_scaling": rotary}, "config.json")
    check_equations({"model_type": "mistral", "rope_parameters": rotary, "partial_rotary_factor": 1.0}, "config.json")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", ["model", "model.layers.1", "model.layers.2.self_attn"])
def test_a_module_that_the_row_does_not_know_is_refused_by_name(family, place):
    model = made(family)
    check_modules(model)
    model.get_submodule(place).scaled_norm = torch.nn.LayerNorm(8)
    message = rf"of this {family} does not have the expected modules \(additional or missing: scaled_norm"
    with pytest.raises(ModelError, match=message):
        generate(model, PROMPTS, 1, ())


def test_a_module_that_is_missing_is_named():
    model = made("qwen3")
    del model.model.layers[0].self_attn.q_norm
    with pytest.raises(ModelError, match="additional or missing: q_norm"):
        check_modules(model)


def test_windows_are_read_where_each_family_says_them():
    assert windows(made("llama", sliding_window=4)) == [None] * 3
    assert windows(made("mistral", sliding_window=4)) == [4] * 3
    assert windows(made("qwen2", **WINDOWED, max_window_layers=1)) == [None, 4, 4]
    assert windows(made("qwen3", sliding_window=4, max_window_layers=0)) == [None] * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_of_attention_is_refused_in_training_and_has_no_effect_outside(family):
    model = made(family, attention_dropout=0.1)
    assert mlp_blocks(model)
    with packed_attention(model):
        hidden_states(model, packed(PROMPTS))
        with pytest.raises(ModelError, match=r"attention_dropout is 0.1, which packed attention does not have"):
            hidden_states(model.train(), packed(PROMPTS))


def test_a_base_that_only_writes_is_the_same_without_transformers(model, tmp_path):
    """Bit for bit where the configuration is plain; the others are left to transformers."""
    model.save_pretrained(tmp_path)
    base = load_plain(BaseSource("x", tmp_path))
    rotary, family = model.config.rope_parameters["rope_type"], model.config.model_type
    has_windows = family in ("qwen2", "qwen3") and model.config.use_sliding_window
    assert (base is not None) == (rotary == "default" and not has_windows)
    if base is None:
        return
    check_modules(base.model)
    assert windows(base.model) == windows(model)
    assert (base.model.dtype, base.model.device.type) == (torch.float32, "cpu")
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    experts = random_experts(model)
    for composed in (False, True):
        if composed:
            for each in (base.model, model):
                random_gates(compose(each, experts))
        got, expected = (generate(each, PROMPTS, NEW_TOKENS, ()) for each in (base.model, model))
        assert [each.ids for each in got] == [each.ids for each in expected]
        assert [each.logprobs for each in got] == [each.logprobs for each in expected]
