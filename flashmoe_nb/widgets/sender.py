"""Sends a widget's messages from a thread of its own, never faster than the front end takes them. Knows no traces.

At most 30 messages a second with at most two not yet acknowledged; without acknowledgements (a busy kernel cannot hear
them, a closed page sends none) four a second. Nothing is dropped: what waits goes along with the next message.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Content = Mapping[str, object]

FASTEST_S = 1 / 30
OPEN_LOOP_S = 1 / 4
"""Between messages while nobody acknowledges; also how long an acknowledgement is waited for."""
MOST_UNACKED = 2
IDLE_S = 0.05
"""How often the source is asked while it has nothing new."""
KEPT_LATENCIES = 4096


class Source(Protocol):
    """What has rows to send."""

    def next_chunk(self) -> tuple[bytes, int] | None:
        """What is new, and how many rows that is; None for nothing. Called on the sender's thread."""


class Post(Protocol):
    """How a message leaves, such as `ipywidgets.Widget.send`."""

    def __call__(self, content: object, buffers: Sequence[bytes]) -> object:
        """Send JSON and binary data."""


@dataclass(slots=True)
class Stats:
    """Counters since the widget was made, or since `reset_stats`."""

    sent: int = 0
    """Messages."""
    rows: int = 0
    """Tokens they carried."""
    coalesced: int = 0
    """Tokens that came in one message with an earlier one."""
    dropped: int = 0
    """Tokens whose message could not be sent."""
    bytes: int = 0
    unacked: int = 0
    """Messages under way when asked."""
    open_loop: int = 0
    """Messages sent although the last ones were not acknowledged in time."""
    painted: int = -1
    """Newest token on a screen, as the front end told with its last acknowledgement."""
    frames: int = 0
    """Drawn by the front end that told last."""
    latencies_ms: list[float] = field(default_factory=list)
    """From the end of a token's pass to the frame that showed it."""


class Sender:
    """One thread between a source and a front end; parts put by others go along."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._source: Source | None = None
        self._parts: dict[object, tuple[Content, Sequence[bytes]]] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._seq = self._acked = 0
        self._sent_at = 0.0
        self.stats = Stats()

    def start(self, source: Source) -> None:
        """Send what `source` has, until `stop`."""
        self.stop()
        self._source, self._stopping = source, False
        self._thread = threading.Thread(target=self._run, name="flashmoe-widget-sender", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is there, then end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._wake:
            self._stopping = True
            self._wake.notify()
        thread.join()
        self._flush()

    def put(self, content: Content, buffers: Sequence[bytes] = (), *, key: object = None) -> None:
        """Have a part sent: with the next message, or now where no thread runs.

        Args:
            content: JSON; its "kind" says who takes it in the front end.
            buffers: binary data.
            key: a part not yet sent with the same key is replaced, such as an older state of the same layer.
        """
        with self._wake:
            self._parts[object() if key is None else key] = (content, buffers)
            running = self._thread is not None
            self._wake.notify()
        if not running:
            self._flush()

    def acknowledged(self, seq: int, painted: int, frames: int, latencies_ms: Sequence[float]) -> None:
        """The front end has taken message `seq`; and what it had drawn by then."""
        with self._wake:
            self._acked = max(self._acked, min(seq, self._seq))
            self.stats.painted, self.stats.frames = painted, frames
            self.stats.latencies_ms = [*self.stats.latencies_ms, *latencies_ms][-KEPT_LATENCIES:]
            self._wake.notify()

    def get_stats(self) -> dict[str, object]:
        """As a copy."""
        with self._wake:
            self.stats.unacked = self._seq - self._acked
            return asdict(self.stats)

    def reset_stats(self) -> None:
        """Count from 0."""
        with self._wake:
            self.stats = Stats()

    # -- on its thread -----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while self._wait():
            if not self._flush():
                with self._wake:
                    if not self._parts and not self._stopping:
                        self._wake.wait(IDLE_S)

    def _wait(self) -> bool:
        """Until a message may leave; False when the thread shall end."""
        with self._wake:
            while not self._stopping:
                since_s = perf_counter() - self._sent_at
                free = self._seq - self._acked < MOST_UNACKED
                wait_s = (FASTEST_S if free else OPEN_LOOP_S) - since_s
                if wait_s <= 0:
                    self.stats.open_loop += not free
                    return True
                self._wake.wait(wait_s)
            return False

    def _flush(self) -> bool:
        """One message with all there is; False when there is nothing."""
        chunk = None if self._source is None else self._source.next_chunk()
        with self._wake:
            parts, self._parts = list(self._parts.values()), {}
            if chunk is not None:
                parts.insert(0, ({"kind": "rows"}, [chunk[0]]))
            if not parts:
                return False
            self._seq += 1
            self._sent_at = perf_counter()
            self._count(chunk, parts)
        listed = [{**content, "n_buffers": len(buffers)} for content, buffers in parts]
        try:
            self._post({"seq": self._seq, "parts": listed}, [buffer for _, buffers in parts for buffer in buffers])
        except Exception:
            self.stats.dropped += chunk[1] if chunk else 0
            raise
        return True

    def _count(self, chunk: tuple[bytes, int] | None, parts: Sequence[tuple[Content, Sequence[bytes]]]) -> None:
        self.stats.sent += 1
        self.stats.bytes += sum(len(buffer) for _, buffers in parts for buffer in buffers)
        if chunk is not None:
            self.stats.rows += chunk[1]
            self.stats.coalesced += max(0, chunk[1] - 1)
