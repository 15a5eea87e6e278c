"""Limits connections: closes slow ones, and closes idle ones to make room for new ones.

uvicorn waits for the header of a request without a limit, so that a client that sends one byte per minute keeps its
connection (Slowloris). Here, the header has to arrive within some seconds. If there are many idle connections, the
oldest are closed when new ones come, so that clients with requests get through.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 512
HEADER_SECONDS = 10.0


def run(
    app: ASGIApp,
    sockets: list[socket.socket],
    on_signal: Callable[[], None],
    drain_seconds: float = 30.0,
    most_connections: int = MOST_CONNECTIONS,
    header_seconds: float = HEADER_SECONDS,
) -> None:
    """Serves until SIGINT or SIGTERM, then answers the accepted requests and returns.

    Args:
        app: The app.
        sockets: Bound sockets.
        on_signal: Called when a signal asks the server to end.
        drain_seconds: Maximum time in seconds to answer the accepted requests. A second signal ends the server at once.
        most_connections: Number of connections above which the oldest idle ones are closed.
        header_seconds: Maximum time in seconds until the header of a request has arrived.
    """
    server_for(app, on_signal, drain_seconds, most_connections, header_seconds).run(sockets=sockets)


def server_for(
    app: ASGIApp,
    on_signal: Callable[[], None] = lambda: None,
    drain_seconds: float = 30.0,
    most_connections: int = MOST_CONNECTIONS,
    header_seconds: float = HEADER_SECONDS,
) -> uvicorn.Server:
    """Returns the server that :func:`run` runs; the arguments are the same."""
    idle: dict[_Protocol, None] = {}

    class Protocol(_Protocol):
        _idle, _most, _seconds = idle, most_connections, header_seconds

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
        h11_max_incomplete_event_size=32 << 10,
        backlog=512,
    )
    return _Server(config, on_signal)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address and listens; port 0 means any free port.

    Raises:
        OSError: The address is in use, or is not an address of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(512)
    except BaseException:
        bound.close()
        raise
    bound.set_inheritable(False)
    return bound


class _Protocol(H11Protocol):
    """A connection that is closed if it does not send the header of a request in time."""

    _idle: dict[_Protocol, None]
    _most: int
    _seconds: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        while len(self.connections) > self._most and self._idle:
            oldest = next(iter(self._idle))
            self.connections.discard(oldest)
            oldest._drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None and not self.transport.is_closing():
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self._idle[self] = None  # has the time of a kept-alive connection until data comes

    def _wait(self) -> None:
        self._idle[self] = None
        self._deadline = self.loop.call_later(self._seconds, self._drop)

    def _stop_waiting(self) -> None:
        self._idle.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        self._stop_waiting()
        self.transport.abort()


class _Server(uvicorn.Server):
    """A server that ends gracefully on SIGTERM and SIGINT."""

    def __init__(self, config: uvicorn.Config, on_signal: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_signal = on_signal

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends after the first signal when all requests are answered, or at the second signal; the exit code is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Records that a signal asked the server to end."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._on_signal()
