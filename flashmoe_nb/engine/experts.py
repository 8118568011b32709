"""Experts into slots for one running step: stores, readers, slot banks and the policy between them.

A `Lease` is the slots one step holds from its first layer to its last; two steps that are both in the middle of a token
have two, so neither overwrites what the other still computes with. Knows no layers' maths.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING

from flashmoe_nb.engine.owner import Cancelled
from flashmoe_nb.engine.residency import ExpertPages
from flashmoe_nb.errors import OptionError
from flashmoe_nb.model import WaveRead
from flashmoe_nb.storage import ExpertReader, ReadCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flashmoe_nb.events import ExpertRead
    from flashmoe_nb.ops import Ops, SlotBank
    from flashmoe_nb.storage import ExpertStore, RecordLayout
    from flashmoe_nb.storage.policy import Placement, SlotPolicy, SlotTable

    Probe = Callable[[int, int, int], float]
    Rewrite = Callable[[RecordLayout, tuple[memoryview, ...]], None]


@dataclass(frozen=True, slots=True)
class _Slots:
    """A bank, what it is laid out for, and the policy's account of what is in it."""

    layout: RecordLayout
    bank: SlotBank
    table: SlotTable

    @property
    def n_slots(self) -> int:
        return self.bank.n_slots

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        return self.bank.buffers(slot)


class Lease:
    """`ExpertSource` for one step."""

    def __init__(self, experts: StreamedExperts, slots: dict[RecordLayout, _Slots]) -> None:
        self._experts = experts
        self._slots = slots
        self.measure = False
        """Ask, before each read, what the page cache holds of it."""
        self.rewrites: Mapping[tuple[int, int], Rewrite] = MappingProxyType({})
        """Changes to the bytes of (layer, expert) after they were read."""

    @property
    def shared(self) -> bool:
        """Whether reads land in the memory the arithmetic uses."""
        return all(slots.bank.shared for slots in self._slots.values())

    def n_slots(self, layer: int) -> int:
        """How many experts of the layer fit at once."""
        return self._slots[self._experts.layout(layer)].n_slots

    def forget_rewritten(self) -> None:
        """Rely on no slot whose bytes may have been changed; the step is over."""
        if self.rewrites:
            self.rewrites = MappingProxyType({})
            for slots in self._slots.values():
                slots.table.forget()

    def read(self, layer: int, experts: Sequence[int]) -> WaveRead:
        """Bring experts into slots.

        Raises:
            ReadError: the bytes could not be had.
            Cancelled: the step was asked to stop.
        """
        slots = self._slots[self._experts.layout(layer)]
        if self.rewrites:
            slots.table.forget()  # what is kept may hold other bytes than the file
        placed = slots.table.place(layer, experts)
        _check_places(placed, len(experts), slots.n_slots)
        wanted = [(expert, place.slot) for expert, place in zip(experts, placed, strict=True) if place.must_read]
        try:
            reads = self._experts.read(layer, wanted, slots, measure=self.measure) if wanted else ()
        except ReadCancelled:
            slots.table.forget()
            raise Cancelled from None
        except BaseException:
            slots.table.forget()
            raise
        for read in reads if self.rewrites else ():
            rewrite = self.rewrites.get((layer, read.expert))
            if rewrite is not None:
                rewrite(slots.layout, slots.buffers(read.slot))
        return WaveRead(reads, tuple(place.slot for place in placed), slots.bank)


class StreamedExperts:
    """All layers that stream, and the leases their slots are given out in."""

    def __init__(
        self,
        stores: Sequence[ExpertStore],
        ops: Ops,
        policy: SlotPolicy,
        *,
        n_slots: int,
        hidden_size: int,
        read_threads: int,
        probe: Probe | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._ops, self._policy, self._hidden_size, self._cancelled = ops, policy, hidden_size, cancelled
        self.pages = ExpertPages(stores)
        self._readers: list[ExpertReader] = []
        try:
            self._readers = [ExpertReader(store, read_threads, probe=probe) for store in stores]
        except BaseException:
            self.close()
            raise
        self._of_layer = {
            layer: (store, reader)
            for store, reader in zip(stores, self._readers, strict=True)
            for layer in store.layers
        }
        self._layouts = {layer: store.layout(layer) for layer, (store, _) in self._of_layer.items()}
        self._sizes = slot_counts(stores, n_slots)
        self._free: list[Lease] = []
        self.read_ns = 0
        """Spent waiting for reads since opening."""
        self._measured_bytes = 0
        self._resident_bytes = 0.0

    @property
    def resident_fraction(self) -> float | None:
        """Share of the bytes read, where it was measured, that the page cache held; None when it never was."""
        return self._resident_bytes / self._measured_bytes if self._measured_bytes else None

    @property
    def bytes_read(self) -> int:
        """Since opening."""
        return sum(reader.bytes_read for reader in self._readers)

    @property
    def n_reads(self) -> int:
        """Experts read since opening."""
        return sum(reader.n_reads for reader in self._readers)

    def layout(self, layer: int) -> RecordLayout:
        """Of the layer's experts."""
        return self._layouts[layer]

    def read(
        self, layer: int, wanted: list[tuple[int, int]], slots: _Slots, *, measure: bool
    ) -> tuple[ExpertRead, ...]:
        """(expert, slot) pairs from the layer's own store."""
        reader = self._of_layer[layer][1]
        start_ns = perf_counter_ns()
        reads = reader.read(layer, wanted, slots, measure=measure, cancelled=self._cancelled)
        self.read_ns += perf_counter_ns() - start_ns
        for read in reads if measure else ():
            if read.resident_fraction_before is not None:
                self._measured_bytes += read.nbytes
                self._resident_bytes += read.nbytes * read.resident_fraction_before
        return reads

    def lease(self) -> Lease:
        """Slots for one step: those of the last one, or new ones while they are out."""
        return self._free.pop() if self._free else Lease(self, {key: self._make(key) for key in self._sizes})

    def give_back(self, lease: Lease) -> None:
        """One set is kept for the next step, further ones are freed."""
        lease.forget_rewritten()
        if not self._free:
            self._free.append(lease)

    def close(self) -> None:
        """Close the files and free the slots."""
        for reader in self._readers:
            reader.close()
        self._free = []

    def _make(self, layout: RecordLayout) -> _Slots:
        n_slots = self._sizes[layout]
        width = next(part.shape[0] for part in layout.components if part.name == "gate_proj.weight")
        bank = self._ops.slot_bank(layout.components, n_slots, (self._hidden_size, self._hidden_size, width))
        return _Slots(layout, bank, self._policy.table(n_slots))


def _check_places(placed: Sequence[Placement], n_experts: int, n_slots: int) -> None:
    """A policy of the user's own may err; an expert in the wrong slot would compute something else, fluently."""
    taken = {place.slot for place in placed}
    if len(placed) != n_experts or len(taken) != n_experts or not 0 <= min(taken) <= max(taken) < n_slots:
        msg = f"the policy placed {n_experts} experts in slots {[place.slot for place in placed]}: expected "
        raise OptionError(f"{msg}{n_experts} different slots from 0 to {n_slots - 1}")


def slot_counts(stores: Sequence[ExpertStore], n_slots: int) -> dict[RecordLayout, int]:
    """How many slots each layout gets: as asked, but never more than a layer has experts."""
    counts: dict[RecordLayout, int] = {}
    for store in stores:
        for layer in store.layers:
            layout = store.layout(layer)
            counts[layout] = max(counts.get(layout, 0), min(n_slots, store.num_experts(layer)))
    return counts


def slot_bytes(stores: Sequence[ExpertStore], n_slots: int) -> int:
    """Memory of one lease."""
    return sum(layout.payload_bytes * count for layout, count in slot_counts(stores, n_slots).items())
