"""Checks every request before and after the app: access, limits on size, rate and time, and the log.

Errors have OpenAI's form and contain neither paths nor prompts. A traceback is logged only if the policy asks for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moesaic.errors import DataError
from moesaic.files import read_text

log = logging.getLogger("moesaic.serve")

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
"""Paths that may be requested without a key."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class Keys:
    """API keys, of which only digests are stored.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: list[str]) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    @classmethod
    def read(cls, path: Path) -> Keys:
        """Reads a file with one key per line; empty lines and lines that begin with # are ignored.

        Raises:
            DataError: The file is not text, contains no key, or contains a key that a header cannot carry.
            OSError: The file cannot be read.
        """
        try:
            lines = [line.strip() for line in read_text(path).splitlines()]
        except ValueError as error:
            raise DataError(f"{path}: cannot be read as a file of keys ({error})") from error
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise DataError(f"{path} contains no key: write one key per line")
        for number, line in enumerate(lines, 1):
            if not line.startswith("#") and not (line.isascii() and line.isprintable() and " " not in line):
                raise DataError(f"{path}, line {number}: a key is made of visible ASCII characters without spaces")
        return cls(keys)

    def find(self, authorization: bytes) -> int | None:
        """Returns the index of the key in an Authorization header, or None; takes the same time for wrong keys."""
        scheme, _, key = authorization.partition(b" ")
        digest = hashlib.sha256(key.strip()).digest()
        found = None
        for number, known in enumerate(self._digests):
            if hmac.compare_digest(known, digest):
                found = number
        return found if scheme.lower() == b"bearer" else None


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits and names that the guard enforces.

    Attributes:
        host: Address to which the server is bound. On a loopback address, only requests to a local name are answered,
            and none from a page of another origin, because otherwise a web page could use the servers of its visitors.
        allowed_hosts: Further names to which a request may be addressed.
        keys: Keys of those who may send requests; None to allow everybody.
        most_bytes: Maximum size of a body in bytes.
        body_seconds: Maximum time in seconds until a body has arrived.
        debug: Whether tracebacks are logged.
    """

    host: str = "127.0.0.1"
    allowed_hosts: frozenset[str] = frozenset()
    keys: Keys | None = None
    most_bytes: int = 1 << 20
    body_seconds: float = 30.0
    debug: bool = False

    @property
    def checks_hosts(self) -> bool:
        """Whether the names to which requests are addressed are checked."""
        return is_loopback(self.host) or bool(self.allowed_hosts)


def is_loopback(host: str) -> bool:
    """Returns whether an address can be reached only from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def error_answer(status: int, message: str, param: str | None = None, code: str | None = None) -> Response:
    """Returns an error in OpenAI's form."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        headers["Retry-After"] = "1"
    if status in (408, 413):  # the rest of the body is not read
        headers["Connection"] = "close"
    return Response(json.dumps(body), status, headers, "application/json")  # ASCII, since UTF-8 cannot encode all names


@dataclass(slots=True)
class _Exchange:
    """The facts about a request and its answer that are logged."""

    scope: Scope
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    started: float = field(default_factory=time.monotonic)
    status: int = 0
    error: str | None = None


class Guard:
    """Wraps the app: checks requests before they reach it, and logs answers.

    Args:
        app: The app.
        policy: The limits on requests.
    """

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope)
        scope["moesaic"] = {}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                own = (b"x-request-id", exchange.id.encode())
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS, own]}
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send_on)
            else:
                await self._app(scope, _Body(receive, self._policy), send_on)
        except Exception as error:
            exchange.error = type(error).__name__
            if self._policy.debug:
                log.exception("traceback")
            if not exchange.status:
                await error_answer(500, "the server has a defect; it was logged")(scope, receive, send_on)
        finally:
            _write(exchange)

    def _refusal(self, scope: Scope) -> Response | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        policy = self._policy
        if policy.checks_hosts:
            host = headers.get(b"host", b"").decode("latin-1")
            if _name_of(host) not in _LOCAL_NAMES | policy.allowed_hosts:
                return error_answer(403, "this server does not answer to the name in the Host header", code="host")
            origin = headers.get(b"origin")
            if origin is not None and origin.decode("latin-1").partition("://")[2].lower() != host.lower():
                return error_answer(403, "pages from elsewhere may not use this server", code="origin")
        if policy.keys is not None and scope["path"] not in OPEN_PATHS:
            number = policy.keys.find(headers.get(b"authorization", b""))
            if number is None:
                return error_answer(401, "a valid API key is needed: Authorization: Bearer KEY", code="invalid_api_key")
            scope["moesaic"]["key"] = number
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > policy.most_bytes:
            return _too_large(policy)
        return None


def _name_of(host: str) -> str:
    """Returns the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower().rstrip(".")


def _too_large(policy: Policy) -> Response:
    return error_answer(413, f"the body is larger than {policy.most_bytes:,} bytes", code="body_too_large")


class _Body:
    """Receives a body within the limits of the policy, and later messages without limits."""

    def __init__(self, receive: Receive, policy: Policy) -> None:
        self._receive, self._policy = receive, policy
        self._bytes, self._is_whole = 0, False
        self._deadline = time.monotonic() + policy.body_seconds

    async def __call__(self) -> MutableMapping[str, Any]:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "the body did not come in time") from None
        self._bytes += len(message.get("body", b""))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._bytes > self._policy.most_bytes:
            raise HTTPException(413, f"the body is larger than {self._policy.most_bytes:,} bytes")
        return message


def _write(exchange: _Exchange) -> None:
    """Logs a request: its route, but not the requested path, no header, and no part of the body."""
    route = getattr(exchange.scope.get("route"), "path", None)

    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "id": exchange.id,
        "method": exchange.scope["method"],
        "route": route,
        "status": exchange.status,
        "seconds": round(time.monotonic() - exchange.started, 4),
        **exchange.scope["moesaic"],
    }
    if exchange.error is not None:
        line["error"] = exchange.error
    log.log(logging.ERROR if exchange.status >= 500 else logging.INFO, json.dumps(line))
