"""The command ``serve``: starts an HTTP server for a model that speaks OpenAI's protocol."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
import threading
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moesaic.errors import DataError, DependencyError, ModelError
from moesaic.progress import say

if TYPE_CHECKING:
    from moesaic.serve.talk import Service

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client")


class EngineName(StrEnum):
    """Names of the engines that can run the model."""

    moesaic = "moesaic"
    vllm = "vllm"


def register(app: typer.Typer) -> None:
    """Adds the command to the app."""
    app.command("serve", help="Serve a model over HTTP as OpenAI's clients expect it, with a page to try it at /.")(
        _serve
    )


def _serve(
    model: Annotated[
        Path, typer.Argument(help="A model folder, a run's folder, or owner/name on the hub.", metavar="MODEL")
    ],
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    api_key_file: Annotated[Path | None, typer.Option(help="File with the API keys, one per line.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model in requests; the folder's by default.")] = None,
    slots: Annotated[int, typer.Option(min=1, max=1024, help="Most requests that run at the same time.")] = 8,
    context: Annotated[int, typer.Option(min=2, help="Most tokens of a request, prompt and answer.")] = 2048,
    queue: Annotated[int, typer.Option(min=1, help="Most requests that wait; more are refused with 429.")] = 64,
    per_key: Annotated[
        int | None, typer.Option(min=1, help="Most requests that a key may have at the same time.")
    ] = None,
    max_body: Annotated[int, typer.Option(min=1024, help="Largest body of a request, in bytes.")] = 1 << 20,
    drain: Annotated[float, typer.Option(min=1, help="Seconds that accepted requests get at the end.")] = 30.0,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name that requests may be addressed to; repeatable.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="Where the base is now, if not where the model folder says.")] = None,
    dtype: Annotated[str, typer.Option(help="Type of the weights: auto, float32, bfloat16; int8 on a CPU.")] = "auto",
    engine: Annotated[
        EngineName, typer.Option(help="What runs the model; vllm needs the extra vllm, and gives no traces.")
    ] = EngineName.moesaic,
) -> None:
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise DependencyError(package, "serve", "moesaic serve")
    if engine is EngineName.vllm and importlib.util.find_spec("vllm") is None:
        raise DependencyError("vllm", "vllm", "--engine vllm")
    from moesaic.model.options import check_dtype

    check_dtype(dtype)
    if engine is EngineName.vllm and dtype == "int8":
        raise ModelError(
            "--dtype int8 is only for the built-in engine: with --engine vllm use auto, float32 or bfloat16"
        )
    from moesaic.serve.connections import bind, run
    from moesaic.serve.guard import Keys, Policy, is_loopback

    keys = None if api_key_file is None else Keys.read(api_key_file)
    try:
        socket = bind(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"--host {host} --port {port}: cannot be bound ({reason}); use another port or address"
        ) from error
    with socket:
        limits = _Limits(slots, context, queue, per_key, drain)
        load = _load_vllm if engine is EngineName.vllm else _load
        service = load(model, base, dtype, name, limits)
        from moesaic.serve.app import create_app

        allowed = frozenset(each.lower() for each in allow_host or ())
        policy = Policy(host, allowed, keys, max_body, debug=bool(os.environ.get("MOESAIC_DEBUG")))
        _set_up_logs(policy.debug)
        if keys is None and not is_loopback(host):
            say(f"note: anyone who can reach {host} can use the model; --api-key-file limits it to clients with a key")
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{socket.getsockname()[1]}"
        say(f"serving {service.name} ({', '.join(service.experts)}) at {address}, for OpenAI's clients at {address}/v1")

        def end() -> None:
            service.draining = True

        run(create_app(service, policy, drain), [socket], end, drain)
    say("all accepted requests are answered" if service.engine.num_active == 0 else "stopped")


@dataclass(frozen=True)
class _Limits:
    """The values of the options with the same names."""

    slots: int
    context: int
    queue: int
    per_key: int | None
    drain: float


def _load(path: Path, base: str | None, dtype: str, name: str | None, limits: _Limits) -> Service:
    from moesaic.api import Model
    from moesaic.serve.engine import Engine
    from moesaic.serve.talk import Service

    loaded = Model.to_write(path, base=base, dtype=dtype)
    prompts = loaded.prompts
    loaded.model.eval()
    engine = Engine(loaded.model, prompts.stop_ids, limits.slots, limits.context, limits.queue)
    config = loaded.model.config
    return Service(
        _name(path, name),
        engine,
        prompts,
        config.vocab_size,
        loaded.experts,
        loaded.languages,
        config.num_hidden_layers,
        limits.per_key,
    )


def _load_vllm(path: Path, base: str | None, dtype: str, name: str | None, limits: _Limits) -> Service:
    from moesaic.checkpoint.bases import find_base
    from moesaic.checkpoint.exchange.publishing import fetch
    from moesaic.checkpoint.exchange.vllm import cached_export
    from moesaic.checkpoint.native import read_model_folder
    from moesaic.data.prompts import PromptFormat
    from moesaic.files import read_json_object
    from moesaic.model.backbone import load_tokenizer
    from moesaic.model.stored import CONFIG
    from moesaic.serve.talk import Service
    from moesaic.serve.vllm_engine import VllmEngine, start_vllm

    folder = read_model_folder(fetch(path))
    source = find_base(folder, base)
    prompts = PromptFormat(load_tokenizer(source))
    export = cached_export(folder.path, base)
    config = read_json_object(export / CONFIG)
    wanted = folder.base.get("dtype", "auto") if dtype == "auto" else dtype
    capacity = min(limits.context, int(config["max_position_embeddings"]))
    say("starting vLLM, which takes from half a minute to some minutes")
    start = partial(start_vllm, export, limits.slots, capacity, wanted, limits.drain)
    engine = VllmEngine(start, prompts.stop_ids, limits.slots, capacity, limits.queue)
    return Service(
        _name(path, name),
        engine,
        prompts,
        config["vocab_size"],
        folder.names,
        folder.languages,
        config["num_hidden_layers"],
        limits.per_key,
    )


def _name(path: Path, name: str | None) -> str:
    return name or (path.resolve().name if path.exists() else str(path))


def _set_up_logs(debug: bool) -> None:
    """Logs one JSON object per request to stderr; paths and prompts are shown only with ``--debug``."""
    log = logging.getLogger("moesaic.serve")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(logging.StreamHandler(sys.stderr))
    if not debug:
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())
        logging.getLogger("uvicorn").propagate = False

        def failed(arguments: threading.ExceptHookArgs) -> None:
            log.error(json.dumps({"error": "a thread failed", "kind": arguments.exc_type.__name__}))

        threading.excepthook = failed
