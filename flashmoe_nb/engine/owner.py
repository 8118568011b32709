"""The one thread of an engine that touches arrays: everyone else hands it commands and waits.

MLX streams belong to threads and lazy arrays must not cross them, so loading, stepping and closing all happen here. A
KeyboardInterrupt reaches the waiting thread at once; it asks the command to stop, waits until the command has put
everything back, and only then goes on. Knows no model.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from flashmoe_nb.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOOK_S = 1.0
"""How often a waiting thread looks whether there is still an owner."""


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The command in hand was asked to stop."""


class _Command(Generic[T]):
    """A call, its outcome, and whether it was asked to stop. Running it twice runs it once."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call: Callable[[], T] | None = call
        self._result: T | None = None
        self._error: BaseException | None = None
        self.cancel = False
        self.done = threading.Event()

    def run(self) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        try:
            if self.cancel:
                raise Cancelled  # noqa: TRY301 - kept as the outcome
            self._result = call()
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            self._error = error
        del call
        self.done.set()

    def outcome(self) -> T:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return cast("T", self._result)


class Owner:
    """A daemon thread that runs commands one after the other."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[_Command[object] | None] = SimpleQueue()
        self._current: _Command[object] | None = None
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` on the owner thread and wait; what it raises is raised here.

        Raises:
            ClosedError: the thread has ended.
            KeyboardInterrupt: it came while waiting; the command has stopped or finished by then.
        """
        if self.is_current():
            return function()
        command = _Command(function)
        try:
            self._queue.put(cast("_Command[object]", command))
            self._wait(command)
        except KeyboardInterrupt:
            self._stop(command)
            raise
        return command.outcome()

    def cancelled(self) -> bool:
        """Whether the command in hand was asked to stop; for the owner thread."""
        return self._current is not None and self._current.cancel

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises:
            Cancelled: it was.
        """
        if self._current is not None and self._current.cancel:
            raise Cancelled

    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """End the thread after the commands already queued."""
        self._queue.put(None)
        if not self.is_current():
            self._thread.join()

    def leave(self, last: Callable[[], object]) -> None:
        """End the thread after `last`, without waiting: for an object that was dropped."""
        self._queue.put(_Command(last))
        self._queue.put(None)

    def _stop(self, command: _Command[T]) -> None:
        """Ask the command to stop and wait for it; a second interrupt does not hurry it."""
        command.cancel = True
        self._queue.put(cast("_Command[object]", command))  # the first put may not have happened
        while not command.done.is_set():
            try:
                self._wait(command)
            except KeyboardInterrupt:
                continue

    def _wait(self, command: _Command[T]) -> None:
        """A command that came after the last one the thread took would wait for ever."""
        while not command.done.wait(_LOOK_S):
            if not self._thread.is_alive() and not command.done.is_set():
                raise ClosedError("this engine is closed: open the model again")

    def _serve(self) -> None:
        while (command := self._queue.get()) is not None:
            self._current = command
            command.run()
            self._current = None
            del command  # an idle thread must not keep arrays alive
