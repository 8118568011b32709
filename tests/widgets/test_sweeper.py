"""The thread that asks for residency: every layer in turn, only what is new, errors once, work between."""

import threading

import numpy as np
import pytest

from flashmoe_nb.errors import ClosedError, PageCacheError
from flashmoe_nb.widgets.sweeper import FULL, UNKNOWN, Sweeper, quantized

WAIT_S = 10


class Cache:
    """A made-up page cache of 3 layers of 4 experts, and what was told of it."""

    def __init__(self) -> None:
        self.shares = {layer: np.zeros(4, np.float32) for layer in (2, 5, 7)}
        self.asked: list[int] = []
        self.told: list[tuple[int, list[int]]] = []
        self.errors: list[str] = []
        self.broken = False
        self.rounds = threading.Event()
        self.changed = threading.Event()

    def residency(self, layer: int) -> np.ndarray:
        self.asked.append(layer)
        if len(self.asked) >= 7:
            self.rounds.set()
        if self.broken:
            raise PageCacheError("this system does not say")
        return self.shares[layer]

    def on_layer(self, layer: int, shares: np.ndarray) -> None:
        self.told.append((layer, shares.tolist()))
        self.changed.set()

    def on_error(self, text: str) -> None:
        self.errors.append(text)
        self.changed.set()

    def sweeper(self, tick_s: float = 0.001) -> Sweeper:
        return Sweeper((2, 5, 7), self.residency, self.on_layer, self.on_error, tick_s=tick_s)


def test_layers_are_asked_in_turn_and_told_only_when_new():
    cache = Cache()
    with cache.sweeper():
        assert cache.rounds.wait(WAIT_S)
        cache.changed.clear()
        assert [layer for layer, _ in cache.told] == [2, 5, 7]
        cache.shares[5] = np.array([0, 1, 0.5, np.nan], np.float32)
        assert cache.changed.wait(WAIT_S)
    assert cache.asked[:7] == [2, 5, 7, 2, 5, 7, 2]
    assert cache.told[3:] == [(5, [0, FULL, 127, UNKNOWN])]


def test_work_is_done_on_the_thread_and_its_effect_is_told_at_once():
    cache = Cache()
    with cache.sweeper(tick_s=60) as sweeper:
        done, where = threading.Event(), []

        def fill() -> None:
            where.append(threading.current_thread().name)
            cache.shares[7][:] = 1

        sweeper.post(fill)
        sweeper.post(done.set)
        assert done.wait(WAIT_S)
    assert where == ["flashmoe residency"]
    assert (7, [FULL] * 4) in cache.told


def test_an_error_is_told_once_until_something_works_again():
    cache = Cache()
    cache.broken = True
    with cache.sweeper() as sweeper:
        for _ in range(3):
            done = threading.Event()
            sweeper.post(done.set)
            assert done.wait(WAIT_S)
        assert cache.errors == ["this system does not say"]
        cache.broken = False
        done = threading.Event()
        sweeper.post(lambda: None)
        sweeper.post(done.set)
        assert done.wait(WAIT_S)
        cache.broken = True
        done = threading.Event()
        sweeper.post(lambda: None)
        sweeper.post(done.set)
        assert done.wait(WAIT_S)
    assert cache.errors == ["this system does not say"] * 2


def test_paused_it_asks_nothing_by_itself_but_still_works():
    cache = Cache()
    with cache.sweeper() as sweeper:
        assert cache.rounds.wait(WAIT_S)
        sweeper.pause()
        asked = []
        for _ in range(3):
            done = threading.Event()
            sweeper.post(lambda: asked.append(len(cache.asked)))
            sweeper.post(done.set)
            assert done.wait(WAIT_S)
        assert sweeper.paused
        # Between two looks at the counter lie the rounds after two jobs, of 3 layers each, and nothing else.
        assert np.diff(asked).tolist() == [6, 6]
        cache.rounds.clear()
        sweeper.resume()
        assert cache.rounds.wait(WAIT_S)
    assert len(cache.asked) > asked[-1] + 6


def test_resend_tells_what_was_told_before():
    cache = Cache()
    with cache.sweeper(tick_s=60) as sweeper:
        for job in (sweeper.resend, sweeper.resend):
            job()
        done = threading.Event()
        sweeper.post(done.set)
        assert done.wait(WAIT_S)
    assert [layer for layer, _ in cache.told].count(5) >= 2


def test_closing_ends_the_thread_also_from_within():
    cache = Cache()
    sweeper = cache.sweeper()
    sweeper.post(sweeper.close)
    sweeper._thread.join(WAIT_S)
    assert not sweeper._thread.is_alive()


class ClosedWhileCleared(threading.Event):
    """Somebody closes the sweeper just before it forgets what woke it: the worst moment there is."""

    def __init__(self, sweeper: Sweeper) -> None:
        super().__init__()
        self._sweeper = sweeper

    def clear(self) -> None:
        self._sweeper._closed = True
        self.set()
        super().clear()


def test_closing_a_paused_one_between_two_looks_ends_it():
    sweeper = Cache().sweeper()
    sweeper.close()
    sweeper._closed = False  # its thread has ended: the same work again, on one that meets the bad moment
    sweeper.pause()
    sweeper._wake = ClosedWhileCleared(sweeper)
    thread = threading.Thread(target=sweeper._run, daemon=True)
    thread.start()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_closing_does_not_wait_for_a_whole_round():
    cache = Cache()
    sweeper = cache.sweeper(tick_s=60)
    asked: list[int] = []

    def close() -> None:
        asked.append(len(cache.asked))
        sweeper.close()

    sweeper.post(close)
    sweeper._thread.join(WAIT_S)
    assert len(cache.asked) == asked[0]


def test_it_ends_with_its_engine_and_says_so_once():
    cache = Cache()

    def residency(layer: int) -> np.ndarray:
        raise ClosedError("this engine was closed")

    cache.residency = residency
    sweeper = cache.sweeper()
    sweeper._thread.join(WAIT_S)
    assert not sweeper._thread.is_alive()
    assert cache.errors == ["this engine was closed"]


@pytest.mark.parametrize(
    ("share", "byte"), [(0.0, 0), (1e-6, 1), (0.5, 127), (0.99999, 253), (1.0, 254), (np.nan, 255)]
)
def test_a_share_keeps_nothing_all_and_unknown_apart(share: float, byte: int):
    assert quantized(np.array([share], np.float32)).tolist() == [byte]
