"""What a token costs on a machine, layer by layer: measured by `probe`, or taken from published numbers.

A token's time is the head's, plus for each layer its computing, plus its K reads, by how many of them the page cache
does not hold: the first miss costs most, since those that follow are read beside it. Knows no model but the one it was
made for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import CheckpointError, OptionError
from flashmoe_nb.lab.forecasting.bandwidth import Bandwidth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.lab.sizes import ModelSizes


def model_facts(sizes: ModelSizes) -> str:
    """What the costs of a model's layers hang on, to tell models apart whatever they are called."""
    config = sizes.config
    shape = f"{config.model_type}, {config.num_layers} layers of {config.hidden_size}"
    return f"{shape}, {sizes.num_experts} experts of {sizes.record_bytes} bytes"


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one shape on one machine at one K."""

    machine: str
    model: str
    """Whose layers they are, see `model_facts`."""
    top_k: int
    layer_ns: dict[str, float]
    """Computing of one layer by kind of mixer, K experts and the shared one included, reads left out."""
    head_ns: float
    """Embedding, last norm and logits, and what Python does once a token."""
    full_ns: tuple[float, ...]
    """Of a layer's K reads by how many are missing, 0 to K, where what comes in must throw something out."""
    fresh_ns: tuple[float, ...]
    """The same while there is memory to spare."""
    prefill_ns: float
    """Computing of one prompt token in one layer, reads left out."""
    load_ns_per_byte: float
    """Of resident weights, at opening."""
    spread: float
    """Relative standard deviation of a token's time between parts of the measurement; a guess for published ones."""
    miss_spread: float = 0.0
    """Relative standard error of what misses add."""
    notes: tuple[str, ...] = ()
    bandwidth: tuple[Bandwidth, ...] = ()
    """Of plain reads by size and threads; empty for published machines."""

    def require(self, sizes: ModelSizes, top_k: int) -> None:
        """That they are of this model at this K.

        Raises:
            OptionError: they are of another.
        """
        if self.model != model_facts(sizes):
            raise OptionError(f"the costs are of {self.model}, not of {model_facts(sizes)}: probe for this model")
        if self.top_k != top_k:
            raise OptionError(f"the costs are of K={self.top_k}, not of K={top_k}: probe with it, or give that top_k")

    def token_ns(self, sizes: ModelSizes, missing: NDArray[np.floating], *, fresh: float = 0.0) -> float:
        """Of one decoded token; see `waves_ns`."""
        computing = self.head_ns + sum(self.layer_ns[kind] for kind in sizes.config.mixer_kinds)
        return computing + sizes.n_sparse * float(self.waves_ns(missing, fresh=fresh).mean())

    def waves_ns(self, missing: NDArray[np.floating], *, fresh: float = 0.0) -> NDArray[np.float64]:
        """Of a layer's reads, by how many of the K are missing; `fresh` is the share that finds memory to spare.

        Shapes: missing and result [...].
        """
        counts = np.arange(len(self.full_ns))
        full, spare = (np.interp(missing, counts, curve) for curve in (self.full_ns, self.fresh_ns))
        return np.asarray(fresh * spare + (1 - fresh) * full)

    def with_misses(self, factor: float) -> Costs:
        """Where a miss adds that many times as much."""
        full, fresh = (
            tuple(curve[0] + factor * (spent - curve[0]) for spent in curve) for curve in (self.full_ns, self.fresh_ns)
        )
        return replace(self, full_ns=full, fresh_ns=fresh)

    def with_ssd(self, bytes_per_s: float, sizes: ModelSizes) -> Costs:
        """The same machine with another disk, of which a missing byte takes its time, but never less than memory."""
        warm = self.full_ns[0]
        a_miss = max(0.0, sizes.expert.nbytes / bytes_per_s * 1e9 - warm / self.top_k)
        curve = tuple(warm + count * a_miss for count in range(self.top_k + 1))
        return replace(self, full_ns=curve, fresh_ns=curve)

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
            curves = {name: tuple(values[name]) for name in ("full_ns", "fresh_ns", "notes")}
            return cls(**(values | curves | {"bandwidth": rates}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} holds no costs of a machine ({error}): probe it again") from error
