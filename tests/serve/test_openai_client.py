"""The official client, unmodified, against a real server: the answers are those of ``generate``."""

import concurrent.futures

import openai
import pytest
from running import EXPERTS, NAME, running

from moesaic.data.fill_in import fill_in_ids
from moesaic.model.decode.generate import generate
from pico import pico_tokenizer

TASK = "Print the sum of two numbers"


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as found:
        yield found


def alone(server, prompt, tokens, **options):
    """What ``generate`` writes for a prompt of tokens; the engine's model is read, not changed."""
    prompts = server.service.prompts
    (generation,) = generate(server.model, [prompt], tokens, prompts.stop_ids, **options)
    return generation


def chat(client, text=TASK, **options):
    options = {"model": NAME, "max_tokens": 24, **options}
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **options)


def test_models(client):
    (model,) = client.models.list().data
    assert model.id == NAME
    assert model.moesaic["experts"] == list(EXPERTS)
    assert client.models.retrieve(NAME).id == NAME
    with pytest.raises(openai.NotFoundError, match="allowed: pico"):
        client.models.retrieve("gpt-5")


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 1.0, "seed": 7}, {"temperature": 1.3, "top_p": 0.6, "seed": 8}]
)
def test_chat_asks_as_the_model_was_trained(server, client, options):
    prompt = server.service.prompts.prompt_ids(TASK, "java")
    expected = alone(server, prompt, 24, **options)
    answer = chat(client, extra_body={"language": "java"}, **options)
    (choice,) = answer.choices
    assert choice.message.content.startswith("```java\n" + server.service.prompts.decode(expected.ids))
    assert choice.finish_reason == ("stop" if expected.stopped else "length")
    assert answer.usage.prompt_tokens == len(prompt)
    assert answer.usage.completion_tokens == len(expected.ids)
    assert choice.moesaic == {"language": "java", "language_from": "request"}


def test_a_stream_is_the_same_text(client):
    for text, options in [(TASK, {}), ("In C++: " + TASK, {"temperature": 1.1, "seed": 5, "stop": ["e", "\n\n"]})]:
        whole = chat(client, text, **options)
        chunks = list(chat(client, text, stream=True, stream_options={"include_usage": True}, **options))
        assert (
            "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
        )
        assert chunks[0].choices[0].delta.role == "assistant"
        assert [chunk.choices[0].finish_reason for chunk in chunks[-2:-1]] == [whole.choices[0].finish_reason]
        assert chunks[-1].usage == whole.usage
        assert chunks[0].choices[0].moesaic == whole.choices[0].moesaic


@pytest.mark.parametrize(
    ("text", "language", "origin"),
    [
        ("Sort a list", "python", "default"),
        ("Sort a list in Java", "java", "words"),
        ("Mend this:\n```cpp\nint x\n```", "cpp", "fence"),
    ],
)
def test_the_language_is_inferred_and_said(client, text, language, origin):
    choice = chat(client, text, max_tokens=2).choices[0]
    assert choice.moesaic == {"language": language, "language_from": origin}
    assert choice.message.content.startswith(f"```{language}\n")


def test_raw_prompts_stay_raw(server, client):
    ids = server.service.prompts.raw_ids("<|im_start|>def f(")
    assert len(ids) == len("def f(") + 1
    expected = alone(server, ids, 12)
    for prompt in ("<|im_start|>def f(", ids):
        answer = client.completions.create(model=NAME, prompt=prompt, max_tokens=12, logprobs=0)
        (choice,) = answer.choices
        assert choice.text == server.service.prompts.decode(expected.ids)
        assert choice.logprobs.token_logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert answer.usage.prompt_tokens == len(ids)


def test_several_prompts_and_choices(server, client):
    answer = client.completions.create(model=NAME, prompt=["ab", "xyz"], max_tokens=9, n=2, temperature=1.0, seed=40)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    for choice, prompt, seed in zip(answer.choices, ["ab", "ab", "xyz", "xyz"], range(40, 44), strict=True):
        expected = alone(server, server.service.prompts.raw_ids(prompt), 9, temperature=1.0, seed=seed)
        assert choice.text == server.service.prompts.decode(expected.ids)
    assert answer.usage.prompt_tokens == 5
    chunks = client.completions.create(
        model=NAME, prompt=["ab", "xyz"], max_tokens=9, n=2, temperature=1.0, seed=40, stream=True
    )
    texts = [""] * 4
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in answer.choices]


def test_logprobs_of_a_chat(client):
    answer = chat(client, logprobs=True, max_tokens=6)
    rows = answer.choices[0].logprobs.content
    assert len(rows) == answer.usage.completion_tokens
    assert all(row.logprob <= 0 for row in rows)
    streamed = [
        row.logprob
        for chunk in chat(client, logprobs=True, max_tokens=6, stream=True)
        if chunk.choices[0].logprobs
        for row in chunk.choices[0].logprobs.content
    ]
    assert streamed == [row.logprob for row in rows]


def test_a_trace_names_experts_and_weights(server, client):
    prompt = server.service.prompts.prompt_ids(TASK, "python")
    expected = alone(server, prompt, 8, trace=True)
    answer = chat(client, max_tokens=8, extra_body={"trace": True})
    assert answer.moesaic["experts"] == list(EXPERTS)
    rows = answer.choices[0].moesaic["trace"]
    assert len(rows) == 8
    for row, token in zip(rows, expected.trace, strict=True):
        assert row["experts"] == [expert for layer in token.experts_LK for expert in layer]
        assert row["weights"] == pytest.approx([1000 * weight for layer in token.weights_LK for weight in layer], abs=1)
    assert len(rows[0]["experts"]) == 2 * answer.moesaic["layers"]
    streamed = [
        row
        for chunk in chat(client, max_tokens=8, stream=True, extra_body={"trace": True})
        for row in getattr(chunk.choices[0], "moesaic", {}).get("trace", [])
    ]
    assert streamed == rows


def test_stop_strings_end_before_themselves(client):
    whole = client.completions.create(model=NAME, prompt="abc", max_tokens=40).choices[0].text
    stop = whole[10:14]
    place = whole.index(stop)
    answer = client.completions.create(model=NAME, prompt="abc", max_tokens=40, stop=stop)
    assert answer.choices[0].text == whole[:place]
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"extra_body": {"langauge": "java"}}, "langauge"),
        ({"extra_body": {"language": "klingon"}}, "language"),
        ({"top_logprobs": 3, "logprobs": True}, "top_logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_what_is_not_done_is_refused_by_name(client, options, param):
    with pytest.raises(openai.BadRequestError) as caught:
        chat(client, **options)
    assert caught.value.param.startswith(param)
    assert caught.value.type == "invalid_request_error"


def test_prompts_that_do_not_fit_are_refused(client):
    with pytest.raises(openai.BadRequestError, match="1 to 2,047 are allowed") as caught:
        chat(client, "x" * 3000)
    assert caught.value.param == "messages"
    with pytest.raises(openai.BadRequestError, match="suffix"):
        client.completions.create(model=NAME, prompt="a", suffix="b")


def test_suffix_fills_in_what_is_missing(monkeypatch):
    tokenizer = pico_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]})
    with running(tokenizer=tokenizer) as server:
        prompts = server.service.prompts
        ids = fill_in_ids(prompts, "def f(", "return 1")
        expected = alone(server, ids, 12)
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:

            def fill_in():
                answer = client.completions.create(model=NAME, prompt="def f(", suffix="return 1", max_tokens=12)
                return answer.choices[0].text, answer.choices[0].finish_reason, answer.usage

            text, _, usage = fill_in()
            assert text == prompts.decode(expected.ids)
            assert usage.prompt_tokens == len(ids) == len("def f(" + "return 1") + 3
            end = expected.ids[5]  # as a token that ends a file does
            monkeypatch.setattr("moesaic.serve.prompting.file_end_ids", lambda _: (end,))
            text, reason, _ = fill_in()
            assert text == prompts.decode(expected.ids[: expected.ids.index(end)])
            assert reason == "stop"


def test_choices_of_a_chat_have_seeds_of_their_own(server, client):
    answer = chat(client, n=3, temperature=1.2, seed=9, max_tokens=8)
    prompt = server.service.prompts.prompt_ids(TASK, "python")
    for number, choice in enumerate(answer.choices):
        expected = alone(server, prompt, 8, temperature=1.2, seed=9 + number)
        assert choice.index == number
        assert choice.message.content.startswith("```python\n" + server.service.prompts.decode(expected.ids))
    assert answer.usage.prompt_tokens == len(prompt)


@pytest.fixture(scope="module")
def answers(client):
    """What 32 tasks are answered when one is asked after the other."""
    return [ask(client, number) for number in range(32)]


def ask(client, number):
    """Streams a task; its text, and whether the last chunk says why it ended."""
    chunks = list(chat(client, f"Task {number}", max_tokens=10, temperature=1.0, seed=number, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return text, chunks[-1].choices[0].finish_reason in ("stop", "length")


@pytest.mark.parametrize("clients", [1, 8, 32])
def test_no_request_of_many_clients_is_lost(client, answers, clients):
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        together = list(pool.map(lambda number: ask(client, number), range(max(4, clients))))
    assert together == answers[: len(together)]
    assert all(is_whole for _, is_whole in together)
