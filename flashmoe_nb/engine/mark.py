"""A place in a session's past to come back to, for the price of its delta-net memories; keys and values are not copied.

A KV cache comes back by its length alone, so a mark holds only while nothing before it was fed anew. Knows no tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flashmoe_nb.engine.run import Memory
    from flashmoe_nb.model import LayerState


@dataclass(eq=False, slots=True, weakref_slot=True)
class Mark:
    """Where a session stood; made by `session.mark()`."""

    position: int
    pending: int | None
    states: tuple[LayerState, ...]
    memory: Memory
    """Of the session it belongs to."""
    valid: bool = True

    @classmethod
    def of(cls, memory: Memory, pending: int | None) -> Mark:
        """Now."""
        return cls(memory.position, pending, tuple(state.snapshot() for state in memory.state), memory)

    def rewind(self, others: Iterable[Mark]) -> None:
        """Put the memory back; marks further on lose their past.

        Raises:
            SessionBusyError: the session was reset, or rewound to before this place, since.
        """
        if not self.valid:
            msg = f"the mark at position {self.position} is gone: the session was reset or rewound past it; "
            raise SessionBusyError(msg + "feed the tokens again, or fork() where a place must last")
        for state, saved in zip(self.memory.state, self.states, strict=True):
            state.restore(saved)
        self.memory.position = self.position
        for other in others:
            other.valid &= other.position <= self.position
