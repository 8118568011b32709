"""A trace in pieces, some in files and some in memory, that reads as whole columns. Grows while it is read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe.schema import Columns


class Segments:
    """Pieces with the same columns, one after the other. Any thread may read while one appends."""

    def __init__(self, pieces: Sequence[Columns]) -> None:
        """The first piece may be empty: it says what the columns are."""
        self._pieces = list(pieces)
        self._joined: dict[str, tuple[int, NDArray[np.generic]]] = {}
        self._version = 0
        self._lock = threading.Lock()

    def column(self, name: str) -> NDArray[np.generic]:
        """All rows there are now; a view of the file when there is one piece."""
        with self._lock:
            version, found = self._joined.get(name, (-1, np.empty(0)))
            if version != self._version:
                parts = [piece[name] for piece in self._pieces if len(piece[name])] or [self._pieces[0][name]]
                found = parts[0] if len(parts) == 1 else np.concatenate(parts)
                self._joined[name] = self._version, found
            return found

    def tail(self, name: str, start: int) -> NDArray[np.generic]:
        """Rows from number `start` on; costs what they cost, however many came before."""
        pieces = self.pieces()
        parts, end = [], sum(len(piece[name]) for piece in pieces)
        for piece in reversed(pieces):
            first = end - len(piece[name])
            parts.append(piece[name][max(0, start - first) :])
            if first <= start:
                break
            end = first
        return parts[0] if len(parts) == 1 else np.concatenate(parts[::-1])

    def pieces(self) -> list[Columns]:
        """As they are now."""
        with self._lock:
            return list(self._pieces)

    def append(self, piece: Columns) -> None:
        """Add rows."""
        with self._lock:
            self._pieces.append(piece)
            self._version += 1

    def replace(self, start: int, piece: Columns) -> None:
        """One piece for all from number `start` on, with the same rows."""
        with self._lock:
            self._pieces[start:] = [piece]

    def replace_all(self, piece: Columns) -> None:
        """One piece for all, with the same rows; lets go of what the others were mapped from."""
        with self._lock:
            self._pieces = [piece]
            self._joined = {}


def join(pieces: Sequence[Mapping[str, NDArray[np.generic]]]) -> dict[str, NDArray[np.generic]]:
    """One piece of the rows of all."""
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
