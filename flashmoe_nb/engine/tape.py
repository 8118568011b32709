"""What a recorder is handed while a session runs: the routing and reads of each pass, without evaluating anything.

A watched run evaluates every stage; a taped one evaluates nothing it would not have evaluated anyway, and keeps
references until the pass is over. Knows no trace format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.events import ExpertRead, Phase, Routing


@dataclass(slots=True)
class PassTape:
    """One run of T tokens through all layers."""

    ids: Sequence[int]
    position: int
    phase: Phase
    chunk: int
    start_ns: int
    end_ns: int = 0
    routing: list[Routing] = field(default_factory=list)
    """As it went on, one for each sparse layer, in order; evaluated once the pass is over."""
    reads: list[ExpertRead] = field(default_factory=list)
    patches: list[tuple[int | None, Stage]] = field(default_factory=list)
    """(layer, stage) of each value that was sent in place of another."""
    layer_times_ns: list[int] = field(default_factory=list)
    """Four moments of every layer, one after the other: its start, when the router's choice went on, when the last wave
    of experts was in its slots, its end; what no stage marks, as in a dense layer, is at the moment before."""
    _routed_ns: int = 0
    _read_ns: int = 0

    def add(self, stage: Stage, value: Any) -> None:
        """A stage's value as the next stage takes it."""
        if stage is Stage.ROUTER:
            self.routing.append(value)
            self._routed_ns = perf_counter_ns()
        elif stage is Stage.EXPERT_READ:
            self.reads += value
            self._read_ns = perf_counter_ns()

    def end_layer(self, start_ns: int) -> None:
        """The layer that began then is done."""
        routed_ns = max(start_ns, self._routed_ns)
        self.layer_times_ns += (start_ns, routed_ns, max(routed_ns, self._read_ns), perf_counter_ns())


class Recorder(Protocol):
    """Told by a session, on the engine's thread, what it fed. A unit is what is kept or undone as a whole."""

    @property
    def measure_residency(self) -> bool:
        """Ask, before each read, what the page cache holds of it."""

    def pass_done(self, tape: PassTape) -> None:
        """All layers ran; whether the tokens stay is not known yet."""

    def unit_done(self, logits: NDArray[np.float32]) -> None:
        """The passes since the last unit stay. Shapes: logits [V] of the last position."""

    def unit_undone(self) -> None:
        """The passes since the last unit were rolled back."""
