"""Dropping pages and looking whether they went: the rounds common to all systems.

Does not know how pages are dropped or counted; the caller passes that in. A drop is a request: dirty pages, pages being
read at that moment and mapped pages stay, so every round is followed by a count.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flashmoe_nb.errors import PageCacheError

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUND_PAUSES_S = (0.0, 0.0, 0.005)
"""Waits before each round; the last gives reads under way the time to end."""


def evict_in_rounds(
    *,
    drop: Callable[[], None],
    flush: Callable[[], None],
    resident: Callable[[], float],
    why_kept: Callable[[], str],
) -> float:
    """Drop until nothing is left or the rounds are used up; return the share still resident.

    Args:
        drop: Asks the system to drop the pages.
        flush: Writes dirty pages to disk; called only when a first drop left something.
        resident: Counts, as a share of the pages.
        why_kept: Looks for the likely reason, called only when nothing went.

    Raises:
        PageCacheError: not one page went, or a call failed.
    """
    before = resident()
    left = before
    for round_number, pause_s in enumerate(_ROUND_PAUSES_S):
        if left == 0.0:
            return 0.0
        time.sleep(pause_s)
        try:
            if round_number == 1:
                flush()
            drop()
        except OSError as error:
            msg = f"the system refused: {error.strerror or error}"
            raise PageCacheError(msg) from error
        left = resident()
    if left >= before:
        msg = f"{before:.1%} of the pages were resident before and {left:.1%} after: {why_kept()}"
        raise PageCacheError(msg)
    return left
