"""The sockets: a service on an address, in a thread of its own or on the calling one.

Binds to this machine only unless told otherwise, and then a token is needed; one is made up where none is given.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

import uvicorn

from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.serve.app import Service
from flashmoe_nb.serve.loopback import is_loopback

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine

_SHORTEST_TOKEN = 16
_START_S = 10.0


class Server:
    """A local server; a context manager that serves from a thread while the block runs.

    Args:
        engine: the model; it stays yours to close, after the server.
        host: address to bind.
        port: 0 takes any free one.
        token: what clients must send; None needs none on loopback, and elsewhere makes one up (see `token`).
        queue: how many requests may wait besides the one being answered.
        sessions: conversations whose state is kept.

    Raises:
        OptionError: the address cannot be bound, or the token is too short to be one.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str | None = None,
        queue: int = 32,
        sessions: int = 2,
    ) -> None:
        if queue < 0 or sessions < 1:
            raise OptionError(f"queue is {queue}, sessions is {sessions}: give queue >= 0 and sessions >= 1")
        if token is not None and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
            raise OptionError(f"the token has {len(token)} characters: give at least {_SHORTEST_TOKEN} of plain ASCII")
        self.token = token if token is not None or is_loopback(host) else secrets.token_urlsafe(24)
        """What clients must send as their API key; None where none is needed."""
        self.service = Service(engine, token=self.token, queue=queue, sessions=sessions)
        self._socket = _bound(host, port)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}/v1"
        """Base URL for clients."""
        config = uvicorn.Config(
            self.service.app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            limit_concurrency=queue + 256,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Server of {self.service.model} at {self.url}{'' if self.token is None else ', with a token'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Serve from a thread; returns when requests are taken.

        Raises:
            FlashMoeError: it did not come up.
        """
        self._thread = threading.Thread(target=self.run, name="flashmoe-server", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._uvicorn.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self._uvicorn.started:
            why = f"did not serve within {_START_S:g} s" if self._thread.is_alive() else "ended before it served"
            self._uvicorn.should_exit = True
            self._socket.close()
            raise FlashMoeError(f"the server at {self.url} {why}: make another Server")

    def run(self) -> None:
        """Serve on the calling thread until `close`, or an interrupt on the main thread."""
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self.service.desk.close()

    def close(self) -> None:
        """Stop the answers on their way, and serving."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port < 2**16:
        raise OptionError(f"port is {port}: give 1 to 65535, or 0 for any free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as on_failure:
            bound = on_failure.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            on_failure.pop_all()
    except OSError as error:
        raise OptionError(f"{host} port {port} cannot be bound ({error}): give another --host or --port") from error
    return bound
