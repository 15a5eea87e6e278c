"""``moesaic serve`` as a process: it answers, ends well when it is asked to, and says mistakes before it loads."""

import contextlib
import importlib.util
import json
import os
import re
import resource
import signal
import socket
import time
import urllib.request

import pytest
from running import PicoBackend
from typer.testing import CliRunner

from forked import Forked
from moesaic.checkpoint.native import load_moe
from moesaic.cli import app, serve
from moesaic.errors import DataError, DependencyError, ModelError, MoesaicError
from pico import pico_base
from test_api import make


def start(*arguments):
    """Starts a server; returns the process and its address."""
    process = Forked(
        ["-m", "moesaic", "serve", *map(str, arguments), "--port", "0"], env={**os.environ, "COLUMNS": "300"}
    )
    while not (found := re.search(r"at (http://\S+),", process.said())):
        assert process.poll() is None, process.said()
        time.sleep(0.05)
    return process, found[1]


def ask(address, path, body):
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=120)


def test_a_server_drains_and_ends_with_0(tmp_path):
    folder = make(tmp_path / "mine", pico_base(tmp_path / "base", max_position_embeddings=1024))
    process, address = start(folder, "--slots", "1")
    try:
        with urllib.request.urlopen(f"{address}/v1/models", timeout=60) as answer:
            (model,) = json.load(answer)["data"]
        assert (model["id"], model["moesaic"]["context"]) == ("mine", 1024)
        body = {"model": "mine", "prompt": "secret-prompt", "max_tokens": 400, "stream": True}
        with ask(address, "/v1/completions", body) as stream:
            assert stream.readline().startswith(b"data: ")
            process.send_signal(signal.SIGTERM)
            rest = stream.read().decode()
        assert rest.rstrip().endswith("data: [DONE]")
        assert rest.count('"finish_reason":"') == 1
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    logged = [json.loads(line) for line in process.said().splitlines() if line.startswith("{")]
    assert [line["route"] for line in logged] == ["/v1/models", "/v1/completions"]
    assert logged[1]["prompt_tokens"] == len("secret-prompt")
    assert "secret-prompt" not in process.said()
    assert "Traceback" not in process.said()


@pytest.mark.slow
def test_ten_thousand_connections_leave_it_answering(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11_000:
        pytest.skip(f"a process may open {hard} files here, 11,000 are needed")
    folder = make(tmp_path / "mine", pico_base(tmp_path / "base", max_position_embeddings=1024))
    process, address = start(folder)
    port = int(address.rpartition(":")[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, hard) if soft < 11_000 else (soft, hard))
    with contextlib.ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        held.callback(process.wait)
        held.callback(process.kill)
        for number in range(10_000):
            client = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120))
            if number % 2:
                client.send(b"GET /v1/mod")  # and nothing more
            if number % 2_000 == 1_999:
                with ask(address, "/v1/completions", {"model": "mine", "prompt": "abc", "max_tokens": 4}) as answer:
                    assert json.load(answer)["usage"]["completion_tokens"] <= 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "203.0.113.9"], "cannot be bound"),
        (["--host", "nowhere.invalid"], "cannot be bound"),
        (["--api-key-file", "empty"], "contains no key"),
        (["--api-key-file", "missing"], "missing"),
        (["--dtype", "int3"], "dtype is 'int3': allowed: auto, float32"),
    ],
)
def test_mistakes_are_said_before_the_model_is_loaded(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("\n")
    result = CliRunner().invoke(app, ["serve", "no-such-model", "--port", "0", *options])
    assert isinstance(result.exception, (MoesaicError, OSError))
    assert said in str(result.exception)


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["serve", "no-such-model", "--port", str(taken.getsockname()[1])])
    assert isinstance(result.exception, DataError)
    assert "use another port" in str(result.exception)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["serve", "no-such-model"])
    assert isinstance(result.exception, DependencyError)
    assert "moesaic[serve]" in str(result.exception)


def test_vllm_is_asked_for_by_its_extra():
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is here")
    result = CliRunner().invoke(app, ["serve", "no-such-model", "--engine", "vllm"])
    assert isinstance(result.exception, DependencyError)
    assert "--engine vllm needs the package 'vllm': pip install 'moesaic[vllm]'" in str(result.exception)


def test_int8_is_not_vllm_s(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    result = CliRunner().invoke(app, ["serve", "no-such-model", "--engine", "vllm", "--dtype", "int8"])
    assert isinstance(result.exception, ModelError)
    assert "--dtype int8 is only for the built-in engine" in str(result.exception)


@pytest.mark.parametrize("load", ["_load", "_load_vllm"])
def test_a_base_that_was_moved_is_named(tmp_path, monkeypatch, load):
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "moesaic.serve.vllm_engine.start_vllm", lambda *_: PicoBackend(load_moe(folder, base=str(moved))[0])
    )
    folder = make(tmp_path / "mine", pico_base(tmp_path / "base", max_position_embeddings=256))
    moved = (tmp_path / "base").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "another"))  # which has not seen it
    limits = serve._Limits(1, 256, 5, None, 30.0)
    with pytest.raises(ModelError, match=r"name it \(--base, base=\)"):
        getattr(serve, load)(folder, None, "auto", None, limits)
    service = getattr(serve, load)(folder, str(moved), "auto", None, limits)
    assert service.name == "mine"
    service.engine.close(1)
    other = pico_base(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="other weights"):
        getattr(serve, load)(folder, str(other), "auto", None, limits)


def test_what_vllm_is_started_with(tmp_path, monkeypatch):
    """The cached export of the model, its limits, and the type that the model was trained in."""
    monkeypatch.setenv("MOESAIC_CACHE", str(tmp_path / "cache"))
    folder = make(tmp_path / "mine", pico_base(tmp_path / "base", max_position_embeddings=256))
    started = []

    def start(*arguments):
        started.append(arguments)
        return PicoBackend(load_moe(folder)[0])

    monkeypatch.setattr("moesaic.serve.vllm_engine.start_vllm", start)
    service = serve._load_vllm(folder, None, "auto", None, serve._Limits(3, 2048, 5, 2, 30.0))
    service.engine.close(1)
    ((export, *rest),) = started
    assert json.loads((export / "config.json").read_text())["model_type"] == "moesaic_llama"
    assert export.is_relative_to(tmp_path / "cache")
    assert rest == [3, 256, "auto", 30.0]
    assert (service.name, service.num_layers, service.most_of_key) == ("mine", 2, 2)
    assert (service.engine.capacity, service.engine.queue_size) == (256, 5)
    assert not service.engine.traces
