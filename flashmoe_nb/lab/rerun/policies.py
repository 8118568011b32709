"""Caches of one's own in the expert slots: LRU, LFU, a bank of slots for each layer, and experts pinned for ever.

Each is a `SlotPolicy` for `fm.open(policy=...)`. What one call asks for never throws out what the same call asks for.
They know layers, experts and slots; no bytes. The original kept such caches in Metal buffers, and deleted them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError
from flashmoe_nb.storage.policy import Placement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flashmoe_nb.storage.policy import SlotTable

    Key = tuple[int, int]


class _Counting:
    """How often a policy was asked, and had to say no."""

    def __init__(self) -> None:
        self.asked = 0
        self.missed = 0

    @property
    def hit_rate(self) -> float:
        """Of all experts asked for."""
        return 1 - self.missed / max(1, self.asked)

    def count(self, placed: list[Placement]) -> list[Placement]:
        """Note an answer and give it on."""
        self.asked += len(placed)
        self.missed += sum(place.must_read for place in placed)
        return placed


class OwnLRU(_Counting):
    """All slots for all layers; the expert used longest ago leaves."""

    name = "own-lru"

    def table(self, n_slots: int) -> SlotTable:
        """An empty one."""
        return _LRUTable(n_slots, self)


class OwnLFU(_Counting):
    """All slots for all layers; the expert used least often leaves, of several the one used longest ago."""

    name = "own-lfu"

    def table(self, n_slots: int) -> SlotTable:
        """An empty one."""
        return _LFUTable(n_slots, self)


class SlotBank(_Counting):
    """The slots dealt out evenly to the layers, each an LRU of its own."""

    name = "slot-bank"

    def __init__(self, layers: Sequence[int]) -> None:
        super().__init__()
        self.layers = tuple(layers)

    def table(self, n_slots: int) -> SlotTable:
        """Empty ones.

        Raises:
            OptionError: fewer slots than layers.
        """
        if n_slots < len(self.layers):
            raise OptionError(
                f"{n_slots} slots for {len(self.layers)} layers: open with slots={len(self.layers)} or more"
            )
        return _BankTable(n_slots, self)


class Pinned(_Counting):
    """Some experts keep a slot each for ever; all others share what is left, and keep nothing."""

    name = "pinned"

    def __init__(self, pins: Iterable[Key]) -> None:
        super().__init__()
        self.pins = tuple(pins)

    def table(self, n_slots: int) -> SlotTable:
        """With nothing read yet.

        Raises:
            OptionError: no slot is left for the others.
        """
        if len(self.pins) >= n_slots:
            raise OptionError(f"{len(self.pins)} pins leave none of {n_slots} slots for other experts: pin fewer")
        return _PinnedTable(n_slots, self)


class _LRUTable:
    """Slots in order of last use."""

    def __init__(self, n_slots: int, told: _Counting) -> None:
        self._n_slots, self._told = n_slots, told
        self._slot_of: OrderedDict[Key, int] = OrderedDict()

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        """Hits first, so that nothing asked for now is thrown out."""
        keys = [(layer, expert) for expert in experts]
        for key in keys:
            if key in self._slot_of:
                self._slot_of.move_to_end(key)
        return self._told.count([self._place(key) for key in keys])

    def _place(self, key: Key) -> Placement:
        held = self._slot_of.pop(key, None)
        slot = held
        if slot is None:
            full = len(self._slot_of) == self._n_slots
            slot = self._slot_of.popitem(last=False)[1] if full else len(self._slot_of)
        self._slot_of[key] = slot
        return Placement(slot, must_read=held is None)

    def forget(self) -> None:
        self._slot_of.clear()


class _LFUTable:
    """Uses are counted since opening, also of experts that left."""

    def __init__(self, n_slots: int, told: _Counting) -> None:
        self._n_slots, self._told = n_slots, told
        self._slot_of: dict[Key, int] = {}
        self._uses: dict[Key, int] = {}
        self._last: dict[Key, int] = {}
        self._clock = 0

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        keys = [(layer, expert) for expert in experts]
        for key in keys:
            self._clock += 1
            self._uses[key] = self._uses.get(key, 0) + 1
            self._last[key] = self._clock
        now = set(keys)
        return self._told.count([self._place(key, now) for key in keys])

    def _place(self, key: Key, now: set[Key]) -> Placement:
        slot = self._slot_of.get(key)
        if slot is not None:
            return Placement(slot, must_read=False)
        slot = len(self._slot_of) if len(self._slot_of) < self._n_slots else self._slot_of.pop(self._least(now))
        self._slot_of[key] = slot
        return Placement(slot, must_read=True)

    def _least(self, now: set[Key]) -> Key:
        return min((key for key in self._slot_of if key not in now), key=lambda key: (self._uses[key], self._last[key]))

    def forget(self) -> None:
        self._slot_of.clear()


class _BankTable:
    """One small LRU a layer, side by side."""

    def __init__(self, n_slots: int, told: SlotBank) -> None:
        self._told, self._share = told, n_slots // len(told.layers)
        self._banks = {layer: _LRUTable(self._share, _Counting()) for layer in told.layers}
        self._first = {layer: number * self._share for number, layer in enumerate(told.layers)}

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        if len(experts) > self._share:  # a prompt's wave: takes everybody's slots
            self.forget()
            return self._told.count([Placement(slot, must_read=True) for slot in range(len(experts))])
        placed, first = self._banks[layer].place(layer, experts), self._first[layer]
        return self._told.count([Placement(first + place.slot, place.must_read) for place in placed])

    def forget(self) -> None:
        for bank in self._banks.values():
            bank.forget()


class _PinnedTable:
    """Pins come first; a prompt's wave may borrow slots of pins, which are then read again."""

    def __init__(self, n_slots: int, told: Pinned) -> None:
        self._n_slots, self._told = n_slots, told
        self._slot_of = {key: slot for slot, key in enumerate(told.pins)}
        self._held: set[int] = set()
        """Slots that hold their pin."""

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        own = {self._slot_of[layer, expert] for expert in experts if (layer, expert) in self._slot_of}
        others = iter([slot for slot in range(self._n_slots - 1, -1, -1) if slot not in own])
        return self._told.count([self._place((layer, expert), others) for expert in experts])

    def _place(self, key: Key, others: Iterable[int]) -> Placement:
        slot = self._slot_of.get(key)
        if slot is None:
            slot = next(iter(others))
            self._held.discard(slot)
            return Placement(slot, must_read=True)
        held = slot in self._held
        self._held.add(slot)
        return Placement(slot, must_read=not held)

    def forget(self) -> None:
        self._held.clear()
