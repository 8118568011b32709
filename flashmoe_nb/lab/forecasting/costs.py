"""What a token costs on a machine, layer by layer: measured by `probe`, or taken from published numbers.

A token's time is the head's, plus for each layer its computing, plus the reads: what K reads take when everything is in
the page cache, and so much more for each byte that is not. Knows no model but the one it was made for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.forecasting.bandwidth import Bandwidth

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.lab.sizes import ModelSizes


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one shape on one machine at one K."""

    machine: str
    top_k: int
    layer_ns: dict[str, float]
    """Computing of one layer by kind of mixer, K experts and the shared one included, reads left out."""
    head_ns: float
    """Embedding, last norm and logits, and what Python does once a token."""
    warm_read_ns: float
    """Of a layer's K reads from the page cache."""
    miss_ns_per_byte: float
    """What a byte takes longer when the page cache does not hold it, and must throw something out for it."""
    fresh_ns_per_byte: float
    """The same while there is memory to spare."""
    prefill_ns: float
    """Computing of one prompt token in one layer, reads left out."""
    load_ns_per_byte: float
    """Of resident weights, at opening."""
    spread: float
    """Relative standard deviation of a token's time between parts of the measurement; a guess for published ones."""
    miss_spread: float = 0.0
    """Relative standard error of `miss_ns_per_byte`."""
    notes: tuple[str, ...] = ()
    bandwidth: tuple[Bandwidth, ...] = ()
    """Of plain reads by size and threads; empty for published machines."""

    def token_ns(self, sizes: ModelSizes, hit_rate: float, *, fresh: float = 0.0) -> float:
        """Of one decoded token; `fresh` is the share of the misses that find memory to spare."""
        kinds = sizes.config.mixer_kinds
        computing = self.head_ns + sum(self.layer_ns[kind] for kind in kinds)
        return computing + sizes.n_sparse * self.read_ns(sizes, hit_rate, fresh=fresh)

    def read_ns(self, sizes: ModelSizes, hit_rate: float, *, fresh: float = 0.0) -> float:
        """Of one layer's reads."""
        a_byte = fresh * self.fresh_ns_per_byte + (1 - fresh) * self.miss_ns_per_byte
        return self.warm_read_ns + a_byte * (1 - hit_rate) * self.top_k * sizes.expert.nbytes

    def with_ssd(self, bytes_per_s: float, sizes: ModelSizes) -> Costs:
        """The same machine with another disk, of which a missing byte takes its time, but never less than memory."""
        warm = self.warm_read_ns / (self.top_k * sizes.expert.nbytes)
        miss = max(0.0, 1e9 / bytes_per_s - warm)
        return replace(self, miss_ns_per_byte=miss, fresh_ns_per_byte=miss)

    @property
    def read_note(self) -> str:
        """The best of the plain reads, for people; empty where none was measured."""
        if not self.bandwidth:
            return ""
        best = max(self.bandwidth, key=lambda rate: rate.cold_bytes_per_s or rate.warm_bytes_per_s)
        cold = "" if best.cold_bytes_per_s is None else f", {best.cold_bytes_per_s / 1e9:.2g} cold"
        size = f"{best.read_bytes / 2**20:g} MiB by {best.threads} threads"
        return f"plain reads of {size}: {best.warm_bytes_per_s / 1e9:.2g} GB/s warm{cold}"

    def save(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Costs:
        """Back from JSON.

        Raises:
            CheckpointError: no such file, or no costs.
        """
        try:
            values = json.loads(path.read_text("utf-8"))
            rates = tuple(Bandwidth(**rate) for rate in values["bandwidth"])
            return cls(**(values | {"notes": tuple(values["notes"]), "bandwidth": rates}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} holds no costs of a machine ({error}): probe it again") from error
