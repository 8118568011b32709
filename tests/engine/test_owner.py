"""The owner thread: order, exceptions, interrupts at the worst moments, callers on many threads, and its end."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.engine.owner import Cancelled, Owner
from flashmoe_nb.errors import ClosedError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def owner() -> Iterator[Owner]:
    made = Owner("test")
    yield made
    made.close()


def test_results_and_exceptions_come_back(owner: Owner) -> None:
    assert owner.call(lambda: 41 + 1) == 42
    with pytest.raises(OptionError, match="told so"):
        owner.call(lambda: _raise(OptionError("told so")))
    assert owner.call(lambda: "goes on") == "goes on"


def test_all_work_happens_on_one_other_thread(owner: Owner) -> None:
    with ThreadPoolExecutor(16) as pool:
        idents = list(pool.map(lambda _: owner.call(threading.get_ident), range(200)))
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()


def test_calls_from_many_threads_do_not_overlap_and_none_is_lost(owner: Owner) -> None:
    running, most, n_run = 0, 0, 0

    def work(number: int) -> int:
        nonlocal running, most, n_run
        running += 1
        most = max(most, running)
        time.sleep(0)
        n_run += 1
        running -= 1
        if number % 7 == 0:
            raise KeyError(number)
        return number

    def ask(number: int) -> int | str:
        try:
            return owner.call(lambda: work(number))
        except KeyError as error:
            return str(error)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(300)))
    assert (most, n_run) == (1, 300)
    assert answers == [str(number) if number % 7 == 0 else number for number in range(300)]


def test_call_on_the_owner_thread_runs_at_once(owner: Owner) -> None:
    assert owner.call(lambda: owner.call(lambda: "inner")) == "inner"


@pytest.mark.parametrize("when", ["before put", "after put"])
def test_interrupt_stops_the_command_and_waits_for_it(owner: Owner, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command either never begins or has ended by the time the interrupt is raised."""
    state = []

    def work() -> None:
        state.append("begun")
        try:
            while True:
                owner.check()
                time.sleep(0.001)
        finally:
            state.append("undone")

    class Interrupting:
        """Raises once, at one side of `put`."""

        def __init__(self) -> None:
            self.inner, self.armed = owner._queue, True

        def get(self) -> object:
            return self.inner.get()

        def put(self, command: object) -> None:
            armed, self.armed = self.armed, False
            if armed and when == "before put":
                raise KeyboardInterrupt
            self.inner.put(command)  # type: ignore[arg-type]
            if armed:
                time.sleep(0.05)
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, "_queue", Interrupting())
        with pytest.raises(KeyboardInterrupt):
            owner.call(work)
    assert state == ([] if when == "before put" else ["begun", "undone"])
    assert owner.call(lambda: len(state)) == len(state)


def test_interrupt_too_late_to_stop_waits_for_the_result(owner: Owner) -> None:
    """A command that never checks is waited for, and ran once although it was queued twice."""
    n_run = 0
    main = threading.main_thread().ident
    assert main is not None

    def work() -> None:
        nonlocal n_run
        n_run += 1
        _interrupt(main)
        time.sleep(0.1)

    with pytest.raises(KeyboardInterrupt):
        owner.call(work)
    assert owner.call(lambda: n_run) == 1


def test_check_raises_only_for_the_cancelled_command(owner: Owner) -> None:
    owner.check()  # nothing in hand
    assert not owner.cancelled()
    assert owner.call(owner.cancelled) is False
    assert issubclass(Cancelled, Exception)


def test_idle_thread_keeps_nothing_alive(owner: Owner) -> None:
    class Big:
        """Stands for arrays."""

    big = Big()
    gone = weakref.ref(big)
    owner.call(partial(id, big))
    with pytest.raises(ValueError, match="with"):
        owner.call(partial(_fail, big))
    del big
    gc.collect()
    assert gone() is None


def test_call_after_close_is_refused_and_does_not_hang() -> None:
    owner = Owner("test")
    owner.close()
    began = threading.active_count()
    with pytest.raises(ClosedError, match="closed"):
        owner.call(lambda: 1)
    owner.close()
    assert threading.active_count() == began


def test_commands_before_close_are_still_run() -> None:
    owner = Owner("test")
    answers: list[int] = []
    started = threading.Event()

    def slow() -> int:
        started.set()
        time.sleep(0.05)
        return 1

    threads = [threading.Thread(target=lambda: answers.append(owner.call(slow)))]
    threads[0].start()
    started.wait()
    owner.close()
    threads[0].join()
    assert answers == [1]


def _fail(_: object) -> None:
    raise ValueError("with")


def _raise(error: Exception) -> None:
    raise error


def _interrupt(ident: int) -> None:
    import signal

    signal.pthread_kill(ident, signal.SIGINT)
