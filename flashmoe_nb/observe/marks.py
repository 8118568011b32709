"""Marks before a debugger's tokens, thinned out so that they fit in a budget: many of late, few of long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmoe_nb.engine import Session
    from flashmoe_nb.engine.mark import Mark


class Marks:
    """Places before tokens 0, 1, 2, ... of a debugger."""

    def __init__(self, session: Session, most: int) -> None:
        """At most so many; the first is never dropped."""
        self._session, self._most = session, most
        self._before: dict[int, Mark] = {0: session.mark()}

    def take(self, number: int) -> None:
        """Mark the place before token `number`, where the session stands."""
        self._before = {n: mark for n, mark in self._before.items() if mark.valid}
        if number not in self._before:
            self._before[number] = self._session.mark()
        if len(self._before) > self._most:
            older = sorted(self._before)[1:-1]  # every second one goes, but for the first and the last
            for gone in older[::2]:
                del self._before[gone]

    def rewind(self, number: int) -> int:
        """Stand at the last mark before token `number` or at it; returns the token that comes next there."""
        found = max(n for n, mark in self._before.items() if n <= number and mark.valid)
        self._session.rewind(self._before[found])
        return found

    def rewind_to_start(self) -> None:
        """Stand before token 0."""
        self._session.rewind(self._before[0])
