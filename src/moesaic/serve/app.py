"""The HTTP server: OpenAI's completions on top of the engine, the web page, and endpoints for operations.

The event loop never waits for the model. It submits requests and is called back with tokens. Tokenising, which can take
long for a long text, runs on a thread.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator
from functools import partial
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from moesaic import __version__
from moesaic.errors import ModelError
from moesaic.languages import find_language
from moesaic.serve.answers import EngineLostError
from moesaic.serve.engine import EngineFullError, Sampling
from moesaic.serve.guard import Guard, Policy, error_answer
from moesaic.serve.metrics import Metrics
from moesaic.serve.prompting import Asked, UnfitError, ask_chat, ask_completion
from moesaic.serve.protocol import ChatRequest, CompletionRequest, ErrorAnswer
from moesaic.serve.shapes import ChatShape, CompletionShape, Shape, usage_of
from moesaic.serve.talk import Service, Talk

DEFAULT_TOKENS = {ChatRequest: 512, CompletionRequest: 16}
"""Maximum number of tokens of an answer if the request does not give one; 16 is OpenAI's default."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer} for status in (400, 401, 403, 404, 408, 413, 429, 500, 503)
}


def create_app(service: Service, policy: Policy, drain_seconds: float = 30.0) -> ASGIApp:
    """Returns the server as an ASGI app, which owns the engine and closes it when the app ends.

    Args:
        service: The model that is served, and its engine.
        policy: The limits on requests, and who may send them.
        drain_seconds: Maximum time in seconds to finish accepted requests at the end.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.draining = True
        await asyncio.to_thread(service.engine.close, drain_seconds)

    app = FastAPI(
        title="moesaic", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, responses=_ERRORS
    )
    metrics = Metrics(service.engine, service.experts)
    running: dict[int, int] = {}
    created = int(time.time())
    page, page_policy = _page()

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return Response(page, headers={"Content-Security-Policy": page_policy}, media_type="text/html")

    @app.get("/healthz")
    async def health() -> Response:
        """Says whether the process works."""
        return _status(service.engine.is_alive or service.draining)

    @app.get("/readyz")
    async def ready() -> Response:
        """Says whether the server accepts requests."""
        return _status(service.engine.is_alive and not service.draining)

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Returns the metrics in the format of Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """Lists the one model that is served."""
        return {"object": "list", "data": [_model(service, created)]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """Describes the model with this name."""
        _check_model(service, name)
        return _model(service, created)

    @app.post("/v1/completions", response_model=None)
    async def completions(body: CompletionRequest, request: Request) -> Response:
        """Continues texts."""
        _check_model(service, body.model)
        if body.logprobs and body.temperature:
            raise UnfitError("the likeliest tokens are not kept: allowed: 0, and 1 with temperature 0", "logprobs")
        asked = await asyncio.to_thread(ask_completion, service.prompts, body, service.vocabulary)
        return await answer(body, request, asked, CompletionShape(service.name, body))

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(body: ChatRequest, request: Request) -> Response:
        """Answers a task in words with a program in a code fence."""
        _check_model(service, body.model)
        ask = partial(ask_chat, service.prompts, body.messages, body.language, service.languages)
        return await answer(body, request, [await asyncio.to_thread(ask)], ChatShape(service.name, body))

    async def answer(
        body: ChatRequest | CompletionRequest, request: Request, asked: list[Asked], shape: Shape
    ) -> Response:
        key = request.scope["moesaic"].get("key", -1)
        asked = [each for each in asked for _ in range(body.n or 1)]
        if service.most_of_key is not None and running.get(key, 0) + len(asked) > service.most_of_key:
            metrics.refused.inc()
            return error_answer(429, f"at most {service.most_of_key} requests at the same time", code="key_limit")
        seed = secrets.randbelow(2**31) if body.seed is None else body.seed
        samplings = [_sampling(body, each, seed + number, service) for number, each in enumerate(asked)]

        def release() -> None:
            running[key] -= 1

        running[key] = running.get(key, 0) + len(asked)
        try:
            talk = Talk(service, metrics, asked, samplings, body.stops, release)
        except EngineFullError:
            metrics.refused.inc()
            if service.draining or not service.engine.is_alive:
                return error_answer(503, "the server is shutting down", code="shutting_down")
            return error_answer(429, "too many requests are waiting already", code="queue_full")
        talk.watch(request)
        about = {"seed": seed, **({"base": True} if body.base else {})}
        if body.trace:
            about |= {"experts": list(service.experts), "layers": service.num_layers}  # type: ignore[dict-item]
        if body.stream:
            return StreamingResponse(_events(service, talk, shape, about), media_type="text/event-stream")
        async with contextlib.aclosing(talk.pieces()) as pieces:
            try:
                async for _ in pieces:
                    pass
            except EngineLostError:
                return error_answer(503, _lost(service), code="cut")
        return JSONResponse(shape.whole(talk.choices, about))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        names = [str(part) for part in first["loc"] if part != "body"]
        param = ".".join(names)[:120] or None
        return error_answer(400, f"{param or 'the body'}: {first['msg']}"[:500], param, first["type"])

    @app.exception_handler(UnfitError)
    async def unfit(_: Request, error: UnfitError) -> Response:
        missing = error.param == "model"
        return error_answer(404 if missing else 400, str(error), error.param, "model_not_found" if missing else None)

    @app.exception_handler(ModelError)
    async def too_long(_: Request, error: ModelError) -> Response:
        return error_answer(400, str(error), "messages" if "messages" in str(error) else "prompt", "context_length")

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return error_answer(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    async def defect(_: Request, __: Exception) -> Response:
        return error_answer(500, "the server has a defect; it was logged")

    def schema() -> dict[str, Any]:
        found = FastAPI.openapi(app)
        for path in found["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)  # problems are reported in OpenAI's form
        return found

    app.openapi = schema  # type: ignore[method-assign]
    return Guard(app, policy)


async def _events(service: Service, talk: Talk, shape: Shape, about: dict[str, Any]) -> AsyncIterator[bytes]:
    """Yields the answer as server-sent events."""
    for number, choice in enumerate(talk.choices):
        yield _event(shape.first(number, choice, about))
    async with contextlib.aclosing(talk.pieces()) as pieces:
        try:
            async for number, piece in pieces:
                yield _event(shape.chunk(number, piece))
        except EngineLostError:
            yield _event({"error": {"message": _lost(service), "type": "server_error", "param": None, "code": "cut"}})
            return
    if shape.wants_usage:
        yield _event(shape.last(usage_of(talk.choices, shape.num_choices)))
    yield b"data: [DONE]\n\n"


def _lost(service: Service) -> str:
    is_ending = service.draining or not service.engine.is_alive
    reason = "the server is shutting down" if is_ending else "there is no memory for the base beside the experts"
    return f"the answer was not finished: {reason}"


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def _sampling(body: ChatRequest | CompletionRequest, asked: Asked, seed: int, service: Service) -> Sampling:
    if body.trace and not service.engine.traces:
        raise UnfitError("vLLM does not say which experts made a token: leave trace out", "trace")
    if body.base and not service.engine.compares:
        raise UnfitError("the base alone does not answer here: leave base out", "base")
    if body.base and body.trace:
        raise UnfitError("the base has no experts to name: leave trace or base out", "trace")
    room = service.engine.capacity - len(asked.ids)
    if room < 1:
        raise UnfitError(
            f"the prompt has {len(asked.ids):,} tokens; 1 to {service.engine.capacity - 1:,} are allowed here",
            "messages" if isinstance(body, ChatRequest) else "prompt",
        )
    wanted = (body.max_completion_tokens if isinstance(body, ChatRequest) else None) or body.max_tokens
    return Sampling(
        max_new_tokens=min(room, wanted or DEFAULT_TOKENS[type(body)]),
        temperature=body.temperature or 0.0,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=seed,
        trace=body.trace,
        as_base=body.base,
    )


def _check_model(service: Service, name: str) -> None:
    if name != service.name:
        raise UnfitError(f"there is no such model here: allowed: {service.name}", "model")


def _model(service: Service, created: int) -> dict[str, Any]:
    about = {
        "experts": list(service.experts),
        "languages": list(service.languages),
        "titles": {name: row.title for name in service.languages if (row := find_language(name)) is not None},
        "layers": service.num_layers,
        "context": service.engine.capacity,
        "traces": service.engine.traces,
        "compares": service.engine.compares,
    }
    return {"id": service.name, "object": "model", "created": created, "owned_by": "moesaic", "moesaic": about}


def _status(good: bool) -> Response:
    return JSONResponse({"status": "ok" if good else "unavailable"}, 200 if good else 503)


def _page() -> tuple[bytes, str]:
    """Returns the page, and the content security policy that allows only its own script and style."""
    page = (resources.files("moesaic.serve") / "page.html").read_bytes()
    allowed = {}
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), page, re.DOTALL)
        allowed[tag] = base64.b64encode(hashlib.sha256(text).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{allowed['script']}'; style-src 'sha256-{allowed['style']}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy
