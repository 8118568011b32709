"""Which slot an expert goes to, and whether it must be read: the small protocol a cache policy implements.

The default trusts the operating system: slots hold nothing from one layer to the next, and what is hot lives in the
page cache. Knows layer and expert numbers, no bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Placement(NamedTuple):
    """Where one expert goes."""

    slot: int
    must_read: bool
    """False: the slot holds this expert of this layer already."""


class SlotTable(Protocol):
    """What one set of slots holds; made anew with the slots."""

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        """One distinct slot for each expert; at most as many as there are slots."""

    def forget(self) -> None:
        """A read failed or was stopped: no slot can be relied on."""


@runtime_checkable
class SlotPolicy(Protocol):
    """A way to use slots."""

    @property
    def name(self) -> str:
        """Shown wherever hit rates are."""

    def table(self, n_slots: int) -> SlotTable:
        """An empty table for a new set of slots."""


class _EveryRead:
    """Slots 0, 1, 2, ... and always a read."""

    def __init__(self, n_slots: int) -> None:
        self._places = [Placement(slot, must_read=True) for slot in range(n_slots)]

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:  # noqa: ARG002 - same for all
        return self._places[: len(experts)]

    def forget(self) -> None:
        """Nothing is kept."""


class TrustOS:
    """No cache of our own: every routed expert is read, and the page cache answers for what it holds."""

    name = "trust-os"

    def table(self, n_slots: int) -> SlotTable:
        """See `SlotPolicy`."""
        return _EveryRead(n_slots)


def find_policy(policy: str | SlotPolicy) -> SlotPolicy:
    """A policy by name, or the object itself.

    Raises:
        OptionError: an unknown name, or an object that is no policy.
    """
    if isinstance(policy, SlotPolicy):
        return policy
    if policy != TrustOS.name:
        raise OptionError(f'policy={policy!r} is not known: give "{TrustOS.name}", or an object with name and table()')
    return TrustOS()
