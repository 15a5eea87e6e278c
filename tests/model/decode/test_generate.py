"""Batched decoding equals one by one, and that equals plain forward passes."""

import functools
import math
from itertools import pairwise

import pytest
import torch

from moesaic.errors import ModelError
from moesaic.model.decode import generate as module
from moesaic.model.decode.cuda import GraphedStep, bucket
from moesaic.model.decode.generate import generate
from moesaic.model.decode.sampling import sample, sample_rows
from moesaic.model.moe import compose, force_expert, record_routing
from pico import pico_llama, pico_mistral, pico_tokenizer, random_experts, random_gates

MODELS = {
    "llama": pico_llama,
    "mistral": pico_mistral,
    "mistral with a window": lambda: pico_mistral(sliding_window=6),
    "composed": lambda: compose(pico_llama(), random_experts(pico_llama()), "top_k", 2),
}


def build(name):
    model = MODELS[name]()
    if name == "composed":
        random_gates(model)
    return model


def prompts(count=11):
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (1 + 7 * i % 13,), generator=generator).tolist() for i in range(count)]


def plain_greedy(model, prompt, max_new_tokens, stop_ids):
    """The whole sequence again for every token, no cache."""
    ids, logprobs = list(prompt), []
    for _ in range(max_new_tokens):
        scores = model(torch.tensor([ids])).logits[0, -1].detach().log_softmax(-1)
        token = int(scores.argmax())
        if token in stop_ids:
            return ids[len(prompt) :], logprobs, True
        ids.append(token)
        logprobs.append(float(scores[token]))
    return ids[len(prompt) :], logprobs, False


# A tenth of the vocabulary stops, so that rows end at different times and slots are taken over.
STOP_IDS = tuple(range(0, 260, 10))


@functools.cache
def expected_answers(name):
    """What every size of batch is compared with."""
    model = build(name)
    return [plain_greedy(model, prompt, 20, STOP_IDS) for prompt in prompts()]


@pytest.mark.filterwarnings("error")  # the cache's argument was renamed during transformers 5
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_equals_plain_forward_passes(name, batch_size):
    model = build(name)
    progress, steps = [], []
    results = generate(
        model, prompts(), 20, STOP_IDS, batch_size=batch_size, on_progress=progress.append, on_step=steps.append
    )
    assert sum(progress) == len(prompts())
    assert sum(steps) == sum(len(result.ids) + result.stopped for result in results)
    assert {result.stopped for result in results} == {True, False}
    for (ids, logprobs, stopped), result in zip(expected_answers(name), results, strict=True):
        assert result.ids == ids
        assert result.stopped == stopped
        assert result.logprobs == pytest.approx(logprobs, abs=1e-4)
        assert result.trace is None


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_sampling_depends_on_seed_and_prompt_only(top_p):
    model = build("composed")
    options = {"temperature": 1.3, "top_p": top_p, "seed": 7}
    together = generate(model, prompts(), 12, (), batch_size=5, **options)
    again = generate(model, prompts(), 12, (), batch_size=2, **options)
    assert [result.ids for result in together] == [result.ids for result in again]
    other = generate(model, prompts(), 12, (), batch_size=5, **{**options, "seed": 8})
    assert [result.ids for result in together] != [result.ids for result in other]
    same_prompt = generate(model, [prompts()[2]] * 4, 12, (), **options)
    assert len({tuple(result.ids) for result in same_prompt}) > 1


def test_samples_follow_the_distribution():
    logits = torch.tensor([2.0, -math.inf, 0.5, 1.0, -1.0])
    uniforms = (torch.arange(20_000, dtype=torch.double) + 0.5) / 20_000
    ids, logprobs = sample(logits.expand(20_000, 5), uniforms, temperature=0.7, top_p=1.0)
    shares = torch.bincount(ids, minlength=5) / 20_000
    torch.testing.assert_close(shares, (logits / 0.7).softmax(-1), atol=2e-4, rtol=0)
    torch.testing.assert_close(logprobs, logits.log_softmax(-1)[ids])
    # Probabilities are 0.60, 0.13, 0.22, 0.03 (and one 0): the fewest that hold 0.7 are the first and the fourth.
    ids, _ = sample(logits.expand(20_000, 5), uniforms, temperature=1.0, top_p=0.7)
    shares = torch.bincount(ids, minlength=5) / 20_000
    expected = torch.tensor([2.0, -math.inf, -math.inf, 1.0, -math.inf]).softmax(-1)
    torch.testing.assert_close(shares, expected, atol=2e-4, rtol=0)
    assert int(sample(logits[None], torch.tensor([0.999999999999]).double(), 1.0, 1.0)[0]) == 4


@pytest.mark.parametrize("size", [511, 512, 513, 5000])
def test_drawing_by_blocks_is_drawing_from_the_whole_distribution(size):
    torch.manual_seed(size)
    logits_BV = 3 * torch.randn(300, size)
    uniforms_B = torch.rand(300, dtype=torch.double)
    ids, _ = sample(logits_BV, uniforms_B, temperature=0.8, top_p=1.0)
    cumulative_BV = (logits_BV / 0.8).double().softmax(-1).cumsum(-1)
    plain = torch.searchsorted(cumulative_BV, uniforms_B[:, None], right=True).squeeze(1)
    assert int((ids != plain).sum()) <= 1  # a number at the very edge between two tokens may fall to either


@pytest.mark.parametrize("place", [0, 511, 512, 700, 999])
@pytest.mark.parametrize("top_p", [1.0, 0.5, 5e-324])
def test_a_token_without_probability_is_never_drawn(place, top_p):
    logits_BV = torch.full((3, 1000), -math.inf)
    logits_BV[:, place] = 0.0
    uniforms_B = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.double)
    for temperature in (1.0, 5e-324):
        assert sample(logits_BV, uniforms_B, temperature, top_p)[0].tolist() == [place] * 3
        settings = torch.tensor([[temperature, top_p]] * 3).T
        assert sample_rows(logits_BV, uniforms_B, *settings, "nucleus")[0].tolist() == [place] * 3


def test_trace_names_the_experts_that_produced_each_token():
    model = build("composed")
    tokenizer = pico_tokenizer()
    texts = ["Sum of é", "Print"]
    rows = [tokenizer(text)["input_ids"] for text in texts]
    results = generate(model, rows, 9, (), trace=True, tokenizer=tokenizer)
    plain = generate(model, rows, 9, ())
    for prompt, result, untraced in zip(rows, results, plain, strict=True):
        assert result.ids == untraced.ids
        assert [token.token_id for token in result.trace] == result.ids
        assert [token.logprob for token in result.trace] == result.logprobs
        with record_routing(model) as routing, torch.no_grad():
            model(torch.tensor([[*prompt, *result.ids]]))
        for place, token in enumerate(result.trace, start=len(prompt) - 1):
            for layer in (0, 1):
                assert token.experts_LK[layer] == routing[layer].experts_TK[place].tolist()
                assert token.weights_LK[layer] == pytest.approx(routing[layer].weights_TK[place].tolist(), abs=1e-4)
        written = "".join(token.text for token in result.trace)
        assert tokenizer.decode(result.ids).startswith(written)
    with force_expert(model, "java"):
        (forced,) = generate(model, rows[:1], 3, (), trace=True)
    assert [token.experts_LK for token in forced.trace] == [[], [], []]


def test_bytes_of_one_character_go_to_the_token_that_ends_it():
    tokenizer = pico_tokenizer()
    ids = tokenizer("aéb")["input_ids"]
    trace = [module.TokenTrace(token, "", 0.0, [], []) for token in ids]
    result = module._with_text(module.Generation(ids, [0.0] * 4, False, trace), tokenizer)
    assert [token.text for token in result.trace] == ["a", "", "é", "b"]


def test_bucketed_steps_give_the_same(monkeypatch):
    """What CUDA graphs run, without the capture: sizes rounded up, idle rows computed and ignored."""
    model = build("composed")
    stop_ids = tuple(range(0, 260, 10))
    expected = generate(model, prompts(), 20, stop_ids, batch_size=6)
    sizes = []

    def graphed(batch):
        step, run = GraphedStep(batch), batch.step
        batch.step = lambda *size: (sizes.append(size), run(*size))
        return step

    monkeypatch.setattr(module, "fastest_step", graphed)
    monkeypatch.setattr("moesaic.model.decode.cuda.COLUMNS", 8)
    results = generate(model, prompts(), 20, stop_ids, batch_size=6)
    assert [result.ids for result in results] == [result.ids for result in expected]
    assert {rows for rows, _ in sizes} <= {4, 6}
    assert {columns for _, columns in sizes} <= {8, 16, 32, 40}


def test_buckets():
    sizes = [bucket(size, 256, 2, 1000) for size in range(1, 1001)]
    assert set(sizes) == {256, 512, 1000}
    assert all(size <= rounded for size, rounded in enumerate(sizes, start=1))
    assert all(low <= high for low, high in pairwise(sizes))


def test_length_ends_at_the_context_and_long_prompts_are_refused():
    model = pico_llama(max_position_embeddings=16)
    (result,) = generate(model, [list(range(12))], 50, ())
    assert len(result.ids) == 4
    assert not result.stopped
    assert result.ids == plain_greedy(model, list(range(12)), 4, ())[0]
    with pytest.raises(ModelError, match="prompt 1 has 16 tokens; the model's context allows 1 to 15"):
        generate(model, [[1], [1] * 16], 5, ())
    with pytest.raises(ModelError, match="prompt 0 has 0 tokens"):
        generate(model, [[]], 5, ())
    assert generate(model, [], 5, ()) == []


def test_prompts_of_one_pass_are_limited(monkeypatch):
    model = pico_llama()
    expected = [result.ids for result in generate(model, prompts(), 6, ())]
    monkeypatch.setattr(module, "PREFILL_TOKENS", 30)
    widths = []
    model.get_input_embeddings().register_forward_pre_hook(lambda _module, args: widths.append(args[0].numel()))
    assert [result.ids for result in generate(model, prompts(), 6, ())] == expected
    assert len(prompts()[0]) <= max(widths) <= 30


def test_training_mode_is_kept():
    model = build("composed").train()
    generate(model, prompts(2), 2, ())
    assert model.training
