"""The part of a token's events the pictures are about: per layer, who was chosen and what reading them took.

Knows no plotly and no arrays but their `tolist`, which every back end's arrays have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import ExpertRead, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flashmoe_nb.events import StageEvent


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """What one layer chose for one token."""

    layer: int
    position: int
    expert_ids: tuple[int, ...]
    """By falling weight."""
    routing_weights: tuple[float, ...]
    reads: tuple[ExpertRead, ...] | None
    """In the order they began. Of a prefill: those of all its tokens. Shorter than the experts where a policy kept some
    in their slots; None when stepping stopped before the layer read."""
    patched: bool = False
    """True when the router's decision was replaced by hand."""

    @property
    def nbytes(self) -> int:
        """Bytes read, from the page cache or from disk."""
        return sum(read.nbytes for read in self.reads or ())

    @property
    def wall_ns(self) -> int:
        """From the start of the first read to the end of the last."""
        return _span_ns(self.reads) if self.reads else 0

    @property
    def slowest(self) -> ExpertRead | None:
        """The read that took longest."""
        return max(self.reads, key=lambda read: read.duration_ns) if self.reads else None


def layer_choices(events: Iterable[StageEvent]) -> list[LayerChoice]:
    """Gather router and reads of every layer and token, in the order they happened.

    Raises:
        OptionError: no router decided anything in these events.
    """
    found: list[LayerChoice] = []
    n_events, first = 0, 0
    for event in events:
        n_events += 1
        if event.stage is Stage.ROUTER:
            first = len(found)
            found += _decided(event)
        elif event.stage is Stage.EXPERT_READ and found and event.layer == found[-1].layer:
            reads = tuple(sorted(event.value, key=lambda read: read.start_ns))
            found[first:] = [replace(choice, reads=(choice.reads or ()) + reads) for choice in found[first:]]
    if not found:
        msg = f"no router decision in {n_events} events: give all events of a token of a Mixture-of-Experts model, "
        raise OptionError(msg + "as list(session.steps(token_ids)) has them")
    return found


def reads_of(events: Iterable[StageEvent]) -> list[ExpertRead]:
    """Every expert read, by layer and start.

    Raises:
        OptionError: nothing was read in these events.
    """
    reads = [read for event in events if event.stage is Stage.EXPERT_READ for read in event.value]
    if not reads:
        raise OptionError("no expert was read in these events: every one was in its slot, or stepping stopped before")
    return sorted(reads, key=lambda read: (read.layer, read.start_ns))


def _decided(event: StageEvent) -> list[LayerChoice]:
    assert event.layer is not None
    rows = zip(event.value.expert_ids.tolist(), event.value.routing_weights.tolist(), strict=True)
    return [
        LayerChoice(event.layer, event.position + row, tuple(ids), tuple(weights), None, event.patched)
        for row, (ids, weights) in enumerate(rows)
    ]


def _span_ns(reads: tuple[ExpertRead, ...]) -> int:
    return max(read.end_ns for read in reads) - min(read.start_ns for read in reads)
