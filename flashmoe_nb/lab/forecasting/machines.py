"""Machines nobody here could measure, as their owners' published numbers describe them.

Each has a rate at which weights are worked through (per layer, everything the token touches), a rate of warm and of
cold reads of whole experts, and memory. What was not published is assumed, and said to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.forecasting.costs import Costs, model_facts

if TYPE_CHECKING:
    from flashmoe_nb.lab.sizes import ModelSizes

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """As published."""

    name: str
    ram_bytes: int
    reserve_bytes: int
    """What the system and other programs keep."""
    compute_bytes_per_s: float
    warm_bytes_per_s: float
    cold_bytes_per_s: float
    prefill_ns: float
    """Computing of one prompt token in one layer of the 397B."""
    spread: float
    source: str

    def costs(self, sizes: ModelSizes, top_k: int) -> Costs:
        """For a model: bytes over rates."""
        batch = top_k * sizes.expert.nbytes
        kinds = sizes.config.mixer_kinds
        cold_ns = batch / self.cold_bytes_per_s * 1e9
        warm_ns = batch / self.warm_bytes_per_s * 1e9
        curve = tuple(warm_ns + count / top_k * (cold_ns - warm_ns) for count in range(top_k + 1))
        layer_ns = {
            str(kind): self._compute_ns(mixer.nbytes + sizes.router.nbytes + sizes.shared.nbytes + batch)
            for kind, mixer in zip(kinds, sizes.mixers, strict=True)
        }
        head = sizes.head.nbytes or sizes.embedding.nbytes
        return Costs(
            self.name,
            model_facts(sizes),
            top_k,
            layer_ns,
            self._compute_ns(head),
            curve,
            curve,
            self.prefill_ns * sizes.active().values / _ACTIVE_397B * _LAYERS_397B / len(kinds),
            1e9 / self.cold_bytes_per_s,
            self.spread,
            notes=(self.source,),
        )

    def _compute_ns(self, nbytes: int) -> float:
        return nbytes / self.compute_bytes_per_s * 1e9


_ACTIVE_397B, _LAYERS_397B = 16.33e9, 60

MACHINES = {
    "m3-max-48": Machine(
        "M3 Max, 48 GB",
        48 * GIB,
        7 * GIB,
        54e9,  # 101 MB of weights a layer in the 1.87 ms that 4.28 ms leave beside 2.41 ms of reads
        28.3e9,  # 4 records in 1.0 ms
        4.9e9,  # 4 records in 5.8 ms
        1.75e6,
        0.15,
        "M3 Max: docs/optimization-experiments-q4.md of flash-moe; 105 ms a prompt token from a fork; 7 GiB for the "
        "system assumed",
    ),
    "m5-max-128": Machine(
        "M5 Max, 128 GB",
        128 * GIB,
        10 * GIB,
        135e9,  # 101 MB a layer in 0.75 ms
        45e9,  # four threads
        8e9,
        0.75e6,
        0.25,
        "M5 Max: gorroai's fork; cold reads of 8 GB/s, prefill and 10 GiB for the system assumed",
    ),
    "phone-8": Machine(
        "a phone, 8 GB",
        8 * GIB,
        3 * GIB,
        25e9,
        10e9,
        2e9,
        6e6,
        0.4,
        "phone: all rates assumed, so that the 35B makes about the 5.5 tok/s that Alexintosh reports for an iPhone 17",
    ),
}


def find_machine(name: str) -> Machine:
    """By name.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in MACHINES:
        raise OptionError(
            f'machine "{name}" is not known: give {", ".join(MACHINES)}, or leave it out to probe this one'
        )
    return MACHINES[name]
