"""What the page cache held of an expert before it was read, as a class with a name and a colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.figures.look import BLUE, GREY, ORANGE, PINK

if TYPE_CHECKING:
    from flashmoe_nb.events import ExpertRead
    from flashmoe_nb.figures.subject import Subject


@dataclass(frozen=True, slots=True)
class Residency:
    """One class of reads."""

    name: str
    color: str
    symbol: str
    """Of a dot, so that the class does not hang on its colour alone."""


CACHED = Residency("in the page cache", BLUE, "circle")
PARTLY = Residency("partly in the page cache", PINK, "square")
DISK = Residency("not in the page cache", ORANGE, "diamond")
UNKNOWN = Residency("not measured", GREY, "circle-open")
SHARED = Residency("pages shared by several experts: cannot be told", GREY, "circle")

CLASSES = (CACHED, PARTLY, DISK, UNKNOWN, SHARED)
"""In the order of the legend."""


def residency(read: ExpertRead, subject: Subject) -> Residency:
    """Put a read in its class; what cannot be told is never shown as a hit or a miss."""
    fraction = read.resident_fraction_before
    if fraction is None:
        return UNKNOWN
    if not subject.residency_per_expert:
        return SHARED
    if fraction >= 1:
        return CACHED
    return DISK if fraction <= 0 else PARTLY
