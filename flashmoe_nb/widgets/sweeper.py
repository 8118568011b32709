"""Asks what the page cache holds, one layer at a time on a thread of its own, and does what is posted in between.

A sweep over everything at once would hold the kernel up for seconds; a layer costs milliseconds, and pauses keep the
thread below a tenth of one core. Knows no widgets and no engine: what to ask is passed in.
"""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Self

import numpy as np

from flashmoe_nb.errors import ClosedError, FlashMoeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TICK_S = 0.05
"""Least pause between two layers."""
_PAUSE_SHARE = 9
"""The pause is at least so many times what the last answer took."""

_AFTER_ERROR_S = 1.0

UNKNOWN = 255
"""Residency nobody knows."""
FULL = 254
"""Residency of a whole expert; what is between 0 and this is its share."""


class Sweeper:
    """One thread that goes round the layers until it, or the engine it asks, is closed; a context manager."""

    def __init__(
        self,
        layers: Sequence[int],
        residency: Callable[[int], NDArray[np.float32]],
        on_layer: Callable[[int, NDArray[np.uint8]], None],
        on_error: Callable[[str], None],
        *,
        tick_s: float = TICK_S,
    ) -> None:
        """Start to sweep.

        Args:
            layers: to go round.
            residency: share of each expert of a layer, [E].
            on_layer: called on the thread with a layer and its quantized shares [E], only when they are new.
            on_error: called on the thread with what went wrong; one sentence once, until something works again.
            tick_s: least pause between two layers.
        """
        self._residency, self._on_layer, self._on_error, self._tick_s = residency, on_layer, on_error, tick_s
        self._round = deque(layers)
        self._jobs: deque[Callable[[], object]] = deque()
        self._known: dict[int, NDArray[np.uint8]] = {}
        self._wake = threading.Event()
        self._closed = False
        self._said = ""
        self._paused = False
        self._thread = threading.Thread(target=self._run, name="flashmoe residency", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def paused(self) -> bool:
        """Whether it does only what is posted."""
        return self._paused

    def pause(self) -> None:
        """Ask no more by itself."""
        self._paused = True

    def resume(self) -> None:
        """Go round again."""
        self._paused = False
        self._wake.set()

    def post(self, job: Callable[[], object]) -> None:
        """Run something on the thread soon; what it raises is told as an error. Then all layers are asked again."""
        self._jobs.append(job)
        self._wake.set()

    def resend(self) -> None:
        """Tell every layer again, new or not: somebody looks who has seen nothing."""
        self.post(self._known.clear)

    def close(self) -> None:
        """Stop, and wait for the answer or job under way."""
        self._closed = True
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.clear()  # before anything is looked at: what changes later wakes again
            if self._closed:
                return
            if self._jobs:
                self._attempt(self._work)
            else:
                self._wake.wait(None if self._paused else self._look())

    def _work(self) -> None:
        try:
            self._jobs.popleft()()
        finally:
            for layer in tuple(self._round):
                if self._closed:
                    break
                self._ask(layer)

    def _look(self) -> float:
        """Ask the next layer; returns the pause that is due."""
        start = perf_counter()
        if not self._attempt(lambda: self._ask(self._round[0])):
            return _AFTER_ERROR_S
        self._round.rotate(-1)
        return max(self._tick_s, _PAUSE_SHARE * (perf_counter() - start))

    def _ask(self, layer: int) -> None:
        found = quantized(self._residency(layer))
        self._said = ""
        if layer not in self._known or not np.array_equal(found, self._known[layer]):
            self._known[layer] = found
            self._on_layer(layer, found)

    def _attempt(self, what: Callable[[], None]) -> bool:
        """False: it failed, and that was told."""
        try:
            what()
        except (FlashMoeError, OSError) as error:
            self._closed |= isinstance(error, ClosedError)  # no later look would find more
            if str(error) != self._said:
                self._said = str(error)
                self._on_error(self._said)
            return False
        return True


def quantized(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Shares as one byte each: 0 only for nothing, `FULL` only for all, `UNKNOWN` for NaN.

    Shapes: both [E].
    """
    between = np.clip(np.round(np.nan_to_num(shares) * FULL), 1, FULL - 1)
    exact = np.where(shares <= 0, 0, np.where(shares >= 1, FULL, between))
    return np.where(np.isnan(shares), UNKNOWN, exact).astype(np.uint8)
