"""Work a widget hands over, done one piece after the other on one thread, so that the kernel stays free.

The thread exists only while there is work; it is no daemon, so the interpreter ends after the piece at hand. Knows no
widgets.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from flashmoe_nb.errors import SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    Job = Callable[[], object]

MOST_WAITING = 8


class Errands:
    """Jobs in the order they came. A job deals with its own errors."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._busy = False

    @property
    def ahead(self) -> int:
        """Jobs not done yet, the one at hand included."""
        with self._changed:
            return len(self._waiting) + self._busy

    def add(self, job: Job) -> None:
        """Have it done after those before it.

        Raises:
            SessionBusyError: too many wait already.
        """
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                msg = f"{len(self._waiting)} clicks wait for the one at hand, at most {MOST_WAITING} may: this one was "
                raise SessionBusyError(msg + "not taken; let them finish")
            self._waiting.append(job)
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="flashmoe widget errands", daemon=False).start()

    def drop(self) -> None:
        """Forget what waits; the piece at hand goes on."""
        with self._changed:
            self._waiting.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Until all is done; False after that many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting or not threading.main_thread().is_alive():
                    self._waiting.clear()
                    self._busy = False
                    self._changed.notify_all()
                    return
                job = self._waiting.popleft()
            try:
                job()
            except BaseException:
                with self._changed:
                    self._waiting.clear()
                    self._busy = False
                    self._changed.notify_all()
                raise
