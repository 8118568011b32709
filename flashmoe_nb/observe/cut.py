"""Some tokens of a trace, with the reads and patches that belong to them, renumbered from 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.observe.schema import BY_NAME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace

Rows = slice | np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A column source over another; contiguous rows stay views."""

    trace: Trace
    tokens: NDArray[np.int64]
    rows: dict[str, Rows]
    """For each table, which rows are in."""

    @classmethod
    def of(cls, trace: Trace, tokens: NDArray[np.int64]) -> Cut:
        """Take tokens, in ascending order, and the reads and patches that are booked to one of them."""
        rows: dict[str, Rows] = {"token": _compact(tokens), "text": slice(None)}
        for table in ("read", "patch"):
            owners = trace.column(f"{table}_token")
            rows[table] = _owned(owners, tokens)
        return cls(trace, tokens, rows)

    def column(self, name: str) -> NDArray[Any]:
        """The rows that are in."""
        found = self.trace.column(name)[self.rows[BY_NAME[name].table]]
        if name in ("pass_start", "read_token", "patch_token"):  # a pass that was cut starts at its first token kept
            return np.searchsorted(self.tokens, found)
        return found

    def tail(self, name: str, start: int) -> NDArray[Any]:
        """Of those the rows from number `start` on."""
        return self.column(name)[start:]


def _compact(rows: NDArray[np.int64]) -> Rows:
    """A slice where rows follow each other."""
    if len(rows) == 0:
        return slice(0, 0)
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _owned(owners: NDArray[np.int64], tokens: NDArray[np.int64]) -> Rows:
    """Rows, sorted by owner, whose owner is among the tokens."""
    if isinstance(compact := _compact(tokens), slice):
        return slice(int(np.searchsorted(owners, compact.start)), int(np.searchsorted(owners, compact.stop)))
    place = np.minimum(np.searchsorted(tokens, owners), len(tokens) - 1)
    return np.flatnonzero(tokens[place] == owners)
