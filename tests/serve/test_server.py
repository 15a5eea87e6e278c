"""What the server refuses, how it ends, and what it says of itself; over real sockets of 127.0.0.1."""

import concurrent.futures
import contextlib
import json
import logging
import re
import socket
import threading
import urllib.error
import urllib.request

import openai
import pytest
import torch
from running import EXPERTS, NAME, held, running, until

from moesaic.data.fill_in import file_end_ids, fill_in_ids
from moesaic.data.prompts import PromptFormat
from moesaic.errors import DataError
from moesaic.model.decode.generate import generate
from moesaic.model.moe import force_base, record_routing
from moesaic.serve.guard import Keys, Policy
from moesaic.serve.lanes import Lane
from pico import pico_tokenizer

CHAT = {"model": NAME, "messages": [{"role": "user", "content": "Sort a list"}], "max_tokens": 4}


def call(server, path, body=None, headers=None, method=None):
    """Returns status, headers and body of a request."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def problem(answer):
    """The error of an answer, which has to have OpenAI's shape."""
    (only,) = json.loads(answer[2]).items()
    assert only[0] == "error"
    assert set(only[1]) == {"message", "type", "param", "code"}
    return only[1]


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def post(body):
    data = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(data)}\r\n\r\n".encode() + data


@pytest.fixture(scope="module")
def server():
    with running(Policy(most_bytes=20_000), connections={"header_seconds": 1000, "most_connections": 40}) as found:
        yield found


def test_health_and_metrics(server):
    assert call(server, "/healthz")[0] == call(server, "/readyz")[0] == 200
    assert call(server, "/v1/chat/completions", {**CHAT, "trace": True})[0] == 200
    text = call(server, "/metrics")[2].decode()
    for name in ("moesaic_queue 0.0", "moesaic_time_to_first_token_seconds_count", 'reason="length"'):
        assert name in text
    weights = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("moesaic_expert_weight_total")]
    assert sum(weights) == pytest.approx(4 * 2, rel=1e-2)  # tokens and layers


def load_of_prompts(server):
    text = call(server, "/metrics")[2].decode()
    rows = re.findall(r'moesaic_expert_prompt_weight_total\{expert="(\w+)",layers="(\w+)"\} (\S+)', text)
    return {(expert, layers): float(weight) for expert, layers, weight in rows}


def test_the_load_of_experts_is_there_though_nobody_asks_for_traces(server):
    before = load_of_prompts(server)
    _, _, answer = call(server, "/v1/chat/completions", CHAT)
    num_tokens = json.loads(answer)["usage"]["prompt_tokens"]
    after = load_of_prompts(server)
    new = {key: weight - before.get(key, 0.0) for key, weight in after.items()}
    assert set(new) == {(expert, layers) for expert in EXPERTS for layers in ("first", "middle", "last")}
    for layers, share in (("first", 1), ("middle", 1), ("last", 0)):  # of two layers
        assert sum(new[expert, layers] for expert in EXPERTS) == pytest.approx(share * num_tokens, rel=1e-3)
    with record_routing(server.model) as routing, torch.inference_mode():
        server.model(torch.tensor([server.service.prompts.prompt_ids("Sort a list", "python")]))
    for number, expert in enumerate(EXPERTS):
        expected = float((routing[1].weights_TK * (routing[1].experts_TK == number)).sum())
        assert new[expert, "middle"] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_base_s_prompts_load_no_expert(server):
    before = load_of_prompts(server)
    assert call(server, "/v1/chat/completions", {**CHAT, "base": True})[0] == 200
    assert load_of_prompts(server) == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/nothing", None, 404),
        ("/v1/chat/completions", None, 405),
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b"\xff\xfe", 400),
        ("/v1/chat/completions", b"[" * 15_000, 400),
        ("/v1/chat/completions", {**CHAT, "model": "other"}, 404),
        ("/v1/chat/completions", {**CHAT, "messages": []}, 400),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": " "}]}, 400),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "assistant", "content": "x"}]}, 400),
        ("/v1/chat/completions", {**CHAT, "\ud800": 1}, 400),
        ("/v1/chat/completions", {**CHAT, "seed": 2**70}, 400),
        ("/v1/chat/completions", {**CHAT, "temperature": float("nan")}, 400),
        ("/v1/completions", {"model": NAME, "prompt": ""}, 400),
        ("/v1/completions", {"model": NAME, "prompt": [10**9]}, 400),
        ("/v1/completions", {"model": NAME, "prompt": [2**70]}, 400),
        ("/v1/completions", {"model": NAME, "prompt": []}, 400),
        ("/v1/completions", {"model": NAME, "prompt": "\ud800"}, 400),
        ("/v1/chat/completions", b"x" * 20_001, 413),
    ],
)
def test_mistakes_are_answered_in_openais_shape(server, path, body, status):
    answer = call(server, path, body)
    assert answer[0] == status, answer[2]
    error = problem(answer)
    assert "Traceback" not in error["message"]
    assert "/work" not in error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_base_answers_where_it_is_asked_for(server, stream):
    body = {**CHAT, "max_tokens": 12, "temperature": 1, "seed": 5, "logprobs": True}
    prompts = server.service.prompts
    ids = prompts.prompt_ids("Sort a list", "python")
    with force_base(server.model):
        alone = generate(server.model, [ids], 12, prompts.stop_ids, temperature=1.0, seed=5)[0]
    found = {}
    for base in (True, False):
        status, _, answer = call(server, "/v1/chat/completions", {**body, "base": base, "stream": stream})
        assert status == 200
        if stream:
            chunks = [json.loads(line[6:]) for line in answer.decode().split("\n\n") if line.startswith("data: {")]
            said = chunks[0]["moesaic"]
            choices = [chunk["choices"][0] for chunk in chunks]
            rows = [row for choice in choices for row in (choice.get("logprobs") or {}).get("content") or ()]
        else:
            said = json.loads(answer)["moesaic"]
            rows = json.loads(answer)["choices"][0]["logprobs"]["content"]
        assert ("base" in said) is base
        found[base] = [row["logprob"] for row in rows]
    assert found[True] == pytest.approx(alone.logprobs, abs=1e-4)
    assert found[False] != found[True]


def test_the_base_has_no_trace(server):
    body = {"model": NAME, "messages": [{"role": "user", "content": "x"}], "base": True, "trace": True}
    status, _, answer = call(server, "/v1/chat/completions", body)
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, "trace")
    assert "no experts" in error["message"]


def test_a_body_without_a_length_is_limited_too(server):
    with connect(server) as client:
        client.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(OSError):  # it may hang up before all is sent
            for _ in range(30):
                client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
    ],
)
def test_names_and_origins_from_elsewhere_are_refused(server, headers, status):
    answer = call(server, "/v1/models", headers=headers)
    assert answer[0] == status
    assert "access-control-allow-origin" not in {name.lower() for name in answer[1]}


def test_keys(tmp_path, caplog):
    file = tmp_path / "keys"
    file.write_text("# mine\nsecret-one\n\nsecret-two\n")
    caplog.set_level(logging.INFO, "moesaic.serve")
    with running(Policy(keys=Keys.read(file)), most_of_key=2) as server:
        assert call(server, "/healthz")[0] == 200
        for path in ("/v1/models", "/metrics", "/openapi.json"):
            for key in (None, "Bearer secret", "Bearer ", "secret-one", "Basic secret-one", "Bearer \xe9"):
                answer = call(server, path, headers={"Authorization": key} if key else None)
                assert answer[0] == 401
                assert problem(answer)["code"] == "invalid_api_key"
            assert call(server, path, headers={"Authorization": "Bearer secret-two"})[0] == 200
        own = {"Authorization": "Bearer secret-one"}
        answer = call(server, "/v1/chat/completions", {**CHAT, "n": 3}, own)
        assert answer[0] == 429
        assert answer[1]["Retry-After"] == "1"
        for _ in range(3):  # what was refused and what has ended does not count
            assert call(server, "/v1/chat/completions", {**CHAT, "n": 2}, own)[0] == 200
    logged = [json.loads(record.getMessage()) for record in caplog.records if record.name == "moesaic.serve"]
    assert {line["status"] for line in logged} == {200, 401, 429}
    assert logged[-1] == logged[-1] | {"route": "/v1/chat/completions", "completion_tokens": 8, "key": 0}
    assert "secret" not in caplog.text
    assert "Sort a list" not in caplog.text


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "a key\n", "key\x7f\n", "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel\n"]
)
def test_files_without_usable_keys(tmp_path, text):
    (tmp_path / "keys").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="key"):
        Keys.read(tmp_path / "keys")


def test_a_full_queue_is_answered_at_once():
    with running(slots=1, queue=1) as server:
        with held(), openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            messages = [{"role": "user", "content": "Sort"}]
            first = client.chat.completions.create(model=NAME, messages=messages, max_tokens=1900, stream=True)
            next(iter(first))
            until(lambda: server.service.engine.num_active == 1)
            second = client.chat.completions.create(model=NAME, messages=messages, max_tokens=2, stream=True)
            until(lambda: server.service.engine.num_waiting == 1)
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model=NAME, messages=messages)
            assert caught.value.response.headers["retry-after"] == "1"
            assert caught.value.code == "queue_full"
            first.close()
            second.close()
        server.until_idle()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_frees_its_slot(stream):
    with running(slots=1) as server:
        engine = server.service.engine
        with held():
            with connect(server) as client:
                client.sendall(post({**CHAT, "max_tokens": 1900, "stream": stream, "n": 2}))
                until(lambda: engine.num_active == 1 and engine.num_waiting == 1)
            server.until_idle()
        assert engine.statistics.ended == {"cancelled": 2}
        assert engine.statistics.tokens < 10
        assert call(server, "/v1/chat/completions", CHAT)[0] == 200


def until_closed(client):
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(10) == b""


def test_the_oldest_silent_clients_make_room_and_others_are_answered(server):
    slow = [connect(server) for _ in range(10)]
    for client in slow:
        client.sendall(b"POST /v1/chat")
    silent = [connect(server) for _ in range(200)]  # five times as many as are allowed
    assert call(server, "/v1/chat/completions", CHAT)[0] == 200
    assert call(server, "/healthz")[0] == 200
    for client in (*slow, *silent[:150]):
        until_closed(client)
    for client in (*slow, *silent):
        client.close()
    until(lambda: len(server.server.server_state.connections) == 0)


def test_slow_and_silent_clients_are_closed():
    with running(connections={"header_seconds": 0.2}) as server:
        slow, silent = connect(server), connect(server)
        with contextlib.suppress(ConnectionError):
            slow.sendall(b"POST /v1/chat")
        for client in (slow, silent):
            until_closed(client)
            client.close()


def test_a_body_that_does_not_come(caplog):
    with running(Policy(body_seconds=0.5)) as server, connect(server) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_the_end_answers_what_was_accepted():
    answers = []
    with running(slots=1, drain_seconds=120) as server:

        def ask():
            answers.append(call(server, "/v1/chat/completions", {**CHAT, "max_tokens": 150}))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        with held():
            for thread in threads:
                thread.start()
            engine = server.service.engine
            until(lambda: engine.num_active == 1 and engine.num_waiting == 2)
            server.server.should_exit = True
    for thread in threads:
        thread.join(60)
    assert [answer[0] for answer in answers] == [200] * 3
    assert all(json.loads(answer[2])["usage"]["completion_tokens"] == 150 for answer in answers)


def test_the_end_cuts_what_takes_too_long():
    with running(slots=1, drain_seconds=1) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call, server, "/v1/chat/completions", {**CHAT, "max_tokens": 1900, "n": 16})
        with held():
            until(lambda: server.service.engine.num_active == 1)
            server.server.should_exit = True
            with contextlib.suppress(OSError):
                assert answer.result(120)[0] >= 500
    assert not server.service.engine.is_alive


def test_a_failed_engine_is_said(monkeypatch):
    def fail(*_):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with running() as server:
        monkeypatch.setattr(Lane, "step", fail)
        answer = call(server, "/v1/chat/completions", CHAT)
        assert answer[0] == 503
        assert b"secret" not in answer[2]
        assert call(server, "/healthz")[0] == call(server, "/readyz")[0] == 503


def test_a_defect_shows_neither_path_nor_traceback(caplog, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("/secret/path")

    with running() as server:
        monkeypatch.setattr("moesaic.serve.app.ask_chat", fail)
        answer = call(server, "/v1/chat/completions", CHAT)
    assert answer[0] == 500
    assert problem(answer)["type"] == "server_error"
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text + answer[2].decode()


def test_suffix_uses_the_tokens_of_the_tokenizer():
    tokenizer = pico_tokenizer()
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"]}
    )
    first, middle, last = tokenizer.convert_tokens_to_ids(["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"])
    prompts = PromptFormat(tokenizer)
    ids = fill_in_ids(prompts, "a<|fim_suffix|>", "b")
    assert (ids[0], ids[-1]) == (first, last)
    assert ids.count(middle) == 1, "the name in the text of a user is text"
    assert prompts.text_of(ids) == "<|fim_prefix|>a<|fim_suffix|><|fim_suffix|>b<|fim_middle|>"
    assert {first, middle, last} <= set(file_end_ids(prompts))
    assert fill_in_ids(PromptFormat(pico_tokenizer()), "a", "b") is None
