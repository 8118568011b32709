"""Resident memory of this process, as the system counts it. Knows no models."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Rss:
    """Resident bytes; the split is None where the system does not tell (macOS)."""

    peak_bytes: int
    """The most there has ever been."""
    anon_bytes: int | None
    """Now, allocated: weights, slots, activations, the interpreter's objects."""
    file_bytes: int | None
    """Now, mapped files: the interpreter and its libraries. Page cache that is read, not mapped, is never in here."""


def measure_rss() -> Rss:
    """Of the calling process."""
    if not _STATUS.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Rss(peak if sys.platform == "darwin" else peak * 1024, None, None)
    lines = (line.partition(":") for line in _STATUS.read_text().splitlines())
    fields = {key: value.split() for key, _, value in lines}
    peak, anon, file = (int(fields[key][0]) * 1024 for key in ("VmHWM", "RssAnon", "RssFile"))
    return Rss(peak, anon, file)
