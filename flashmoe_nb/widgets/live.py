"""A trace that is being watched: its rows for the sender and, now and then, a snapshot for reload and a second view."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.widgets.feed import Feed

SHORTEST_S = 1.0
"""Between two snapshots while rows come."""
SHARE_OF_TIME = 0.01
BYTES_PER_S = 1_000_000
"""What snapshots may add to the stream of rows."""
QUIET_S = 0.3
"""Without new rows for so long, the snapshot is brought up to date at once."""


class LiveRun:
    """`sender.Source` over a feed. `publish` takes a snapshot; both are called on the sender's thread."""

    def __init__(self, feed: Feed, publish: Callable[[bytes], None]) -> None:
        self.feed = feed
        self._publish = publish
        self._next_at = 0.0
        self._row_at = 0.0
        self._stale = True
        self._lock = threading.Lock()

    def next_chunk(self) -> tuple[bytes, int] | None:
        """New rows; keeps the snapshot fresh on the way."""
        with self._lock:
            chunk = self.feed.next_chunk()
            now = perf_counter()
            if chunk is not None:
                self._row_at, self._stale = now, True
            if self._stale and (now >= self._next_at or now - self._row_at > QUIET_S):
                self._take_snapshot()
            return chunk

    def snapshot(self) -> bytes:
        """All rows given out so far, for a front end that missed some."""
        with self._lock:
            return self.feed.snapshot()

    def finish(self) -> None:
        """A last snapshot."""
        with self._lock:
            if self._stale:
                self._take_snapshot()

    def _take_snapshot(self) -> None:
        start = perf_counter()
        blob = self.feed.snapshot()
        self._publish(blob)
        self._stale = False
        took = perf_counter() - start
        self._next_at = start + max(SHORTEST_S, took / SHARE_OF_TIME, len(blob) / BYTES_PER_S)
