"""One answer after the other: a worker thread, a bounded queue before it, sessions that stay for the next turn.

Whoever leaves the queue, or hangs up, stops the decoding of that answer within a token. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from flashmoe_nb.chat.pieces import Finish
from flashmoe_nb.chat.prefix_session import PrefixSession
from flashmoe_nb.serve.problem import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from flashmoe_nb.chat.pieces import Piece
    from flashmoe_nb.chat.turn import Turn
    from flashmoe_nb.engine import Engine

    MakeTurn: TypeAlias = Callable[[PrefixSession], Turn]
    Item: TypeAlias = Piece | Finish

SILENCE_S = 15.0
"""After so long without a piece, a place says that it is still there."""


class HungUp(Exception):  # noqa: N818 - nobody is left to be told
    """The client is gone."""


class Desk:
    """Answers for many clients, one at a time.

    Args:
        engine: the model.
        queue: how many may wait besides the one being answered.
        sessions: conversations whose state is kept; each holds its own keys and values in memory.
    """

    def __init__(self, engine: Engine, *, queue: int, sessions: int) -> None:
        self._engine, self._most, self._sessions = engine, queue + 1, sessions
        self._lines: list[PrefixSession] = []  # the one used last stands last
        self._worker = ThreadPoolExecutor(1, "flashmoe-answers")
        self._places: set[Place] = set()
        self.n_started = 0
        """Answers begun since the start."""
        self.n_tokens = 0
        """Tokens generated since the start, also for clients that left."""

    @property
    def n_here(self) -> int:
        """Clients being answered or waiting."""
        return len(self._places)

    def enter(self, make: MakeTurn, ids: tuple[int, ...]) -> Place:
        """Take a place in the queue; whoever does must `leave` it.

        Raises:
            Problem: the queue is full.
        """
        if len(self._places) >= self._most:
            raise Problem(429, f"{self.n_here} requests are here already: try again later", code="busy", retry_s=5)
        place = Place(self, make, ids)
        self._places.add(place)
        return place

    def close(self) -> None:
        """Stop the answers; no more can be given."""
        for place in list(self._places):
            place.leave()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def submit(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Queue work for the worker thread."""
        return asyncio.get_running_loop().run_in_executor(self._worker, work)

    def forget(self, place: Place) -> None:
        """A place is free."""
        self._places.discard(place)

    def line_for(self, ids: tuple[int, ...]) -> PrefixSession:
        """The session that has seen the most of a prompt; a new one for what goes on with none of them."""
        best = max(self._lines, key=lambda line: line.common(ids), default=None)
        if best is None or (best.common(ids) < best.last_turn and len(self._lines) < self._sessions):
            best = PrefixSession(self._engine)
        else:
            self._lines.remove(best)
        self._lines.append(best)
        return best


class Place:
    """One client's place in the queue, and its answer."""

    def __init__(self, desk: Desk, make: MakeTurn, ids: tuple[int, ...]) -> None:
        self._desk, self._make, self._ids = desk, make, ids
        self._gone = threading.Event()
        self._turn: Turn | None = None
        self._job: asyncio.Future[None] | None = None

    def leave(self) -> None:
        """Give the place up; an answer on its way stops after the token in hand."""
        self._gone.set()
        if self._turn is not None:
            self._turn.stop()
        if self._job is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._job.cancel()  # where it has not begun
        self._desk.forget(self)

    async def pieces(self, hung_up: Callable[[], Awaitable[object]]) -> AsyncGenerator[Item | None, None]:
        """The answer as it comes, its `Finish` last; None now and then while there is nothing to say.

        Args:
            hung_up: returns when the client is gone.

        Raises:
            HungUp: it is.
            Whatever decoding raises.
        """
        loop, outbox = asyncio.get_running_loop(), asyncio.Queue["Item | BaseException"]()

        def send(item: Item | BaseException) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, nobody listens
                loop.call_soon_threadsafe(outbox.put_nowait, item)

        async def watch() -> None:
            await hung_up()
            outbox.put_nowait(HungUp())

        self._job = self._desk.submit(lambda: self._work(send))
        watcher = asyncio.create_task(watch())
        try:
            while True:
                try:
                    item = await asyncio.wait_for(outbox.get(), SILENCE_S)
                except TimeoutError:
                    yield None
                    continue
                if isinstance(item, BaseException):
                    raise item
                yield item
                if isinstance(item, Finish):
                    return
        finally:
            watcher.cancel()
            self.leave()

    def _work(self, send: Callable[[Item | BaseException], None]) -> None:
        """On the worker thread."""
        try:
            if self._gone.is_set():
                return
            self._turn = self._make(self._desk.line_for(self._ids))
            if self._gone.is_set():
                self._turn.stop()
            self._desk.n_started += 1
            for piece in self._turn.pieces():
                send(piece)
            send(self._turn.finish)
        except BaseException as error:  # noqa: BLE001 - the waiting client is told
            send(error)
        finally:
            if self._turn is not None:
                self._desk.n_tokens += self._turn.finish.n_generated
