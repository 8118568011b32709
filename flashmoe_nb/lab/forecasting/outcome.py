"""A forecast as data: estimates with their intervals, where memory goes, and how it shows itself. Knows no model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashmoe_nb.lab.bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

Z90 = 1.645
"""Standard deviations to either end of a 90 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def spread(cls, value: float, relative: float) -> Estimate:
        """Log-normal about `value`."""
        factor = math.exp(Z90 * relative)
        return cls(value, value / factor, value * factor)

    @property
    def relative(self) -> float:
        """The relative standard deviation that `spread` was given."""
        return math.log(self.high / self.low) / (2 * Z90)

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def __contains__(self, measured: float) -> bool:
        return self.low <= measured <= self.high


@dataclass(frozen=True, slots=True)
class Memory:
    """Where the machine's bytes go."""

    ram_bytes: int
    reserve_bytes: int
    kept_bytes: int
    """Resident weights, slots, state, working memory and the interpreter."""
    cache_bytes: int
    """What is left for the page cache."""


@dataclass(frozen=True, slots=True, repr=False)
class Forecast:
    """Of one model on one machine."""

    model: str
    machine: str
    top_k: int
    own_top_k: int
    tokens_per_s: Estimate
    hit_rate: Estimate
    first_token_s: Estimate
    """Of the prompt, once the model is open."""
    open_s: float
    prompt_tokens: int
    memory: Memory
    disk_bytes: int
    """Of the checkpoint, read in place; packed experts would take `packed_bytes` more."""
    packed_bytes: int
    read_bytes: int
    """Asked for by a token."""
    with_changes: Mapping[str, float]
    """Tokens a second if the machine were otherwise."""
    notes: tuple[str, ...]

    def table(self) -> Table:
        """For people."""
        k = f"K={self.top_k}" + ("" if self.top_k == self.own_top_k else f" (trained with {self.own_top_k})")
        table = Table("forecast", f"{self.model} on {self.machine}, {k}", ("what", "forecast", "90 % interval"))
        memory = self.memory
        for name, estimate, form in (
            ("tokens a second", self.tokens_per_s, ".3g"),
            ("reads answered by the page cache", self.hit_rate, ".0%"),
            (f"seconds to the first token, prompt of {self.prompt_tokens}", self.first_token_s, ".3g"),
        ):
            table.add(name, format(estimate.value, form), f"{estimate.low:{form}} to {estimate.high:{form}}")
        for name, value in (
            ("seconds to open it", f"{self.open_s:.3g}"),
            ("memory kept", f"{memory.kept_bytes / 1e9:.3g} GB of {memory.ram_bytes / 1e9:.3g}"),
            ("left for the page cache", f"{memory.cache_bytes / 1e9:.3g} GB"),
            ("expert bytes a token", f"{self.read_bytes / 1e9:.3g} GB"),
            ("disk", f"{self.disk_bytes / 1e9:.4g} GB in place, {self.packed_bytes / 1e9:.4g} more packed"),
            *((f"tokens a second with {change}", f"{rate:.3g}") for change, rate in self.with_changes.items()),
        ):
            table.add(name, value, None)
        table.notes += self.notes
        return table

    def record(self) -> dict[str, Any]:
        """For JSON."""
        estimates = {name: getattr(self, name) for name in ("tokens_per_s", "hit_rate", "first_token_s")}
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in (*estimates, "memory")}
        memory = {name: getattr(self.memory, name) for name in Memory.__slots__}
        shown = {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in estimates.items()}
        return plain | shown | {"memory": memory, "notes": list(self.notes)}

    def __repr__(self) -> str:
        return f"<Forecast of {self.model} on {self.machine}: {self.tokens_per_s} tok/s at K={self.top_k}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()
