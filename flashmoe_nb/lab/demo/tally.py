"""Counts of what was hit, by group, and one digit a prompt, so that two runs can be compared prompt by prompt.

The things that can be hit are nested: a call that is exact is parsed too. The digit says how many were hit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Tally:
    """Counts so far."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By group, and by "group part": n and the hits by name."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """By group: a digit for every prompt, in the order of the set."""

    def add(self, group: str, part: str | None, hits: Mapping[str, bool]) -> None:
        """Count one prompt."""
        for name in (group, f"{group} {part}") if part else (group,):
            row = self.counts.setdefault(name, {"n": 0, **dict.fromkeys(hits, 0)})
            row["n"] += 1
            for key, hit in hits.items():
                row[key] += hit
        self.outcomes[group] = self.outcomes.get(group, "") + str(sum(hits.values()))

    def table(self) -> dict[str, object]:
        """As it is stored."""
        return {"counts": dict(sorted(self.counts.items())), "outcomes": dict(self.outcomes)}
