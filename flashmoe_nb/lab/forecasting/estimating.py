"""What a model will do on a machine, before it is downloaded: tokens a second, hits, first token, memory, disk.

From its config, a machine's costs and a routing trace. Every number says what it rests on; what cannot run is refused
with what would. Knows how the parts add up, not how they were measured.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.engine.options import DEFAULT_SLOTS
from flashmoe_nb.errors import BudgetError, OptionError
from flashmoe_nb.lab.bench.machine import describe_machine
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.forecasting.demand import HitRate, Routing, hit_rate, routing_of, shipped_routing
from flashmoe_nb.lab.forecasting.machines import GIB, find_machine
from flashmoe_nb.lab.forecasting.probing import probe
from flashmoe_nb.lab.sizes import ModelSizes, load_config, model_sizes
from flashmoe_nb.observe import Trace, load_trace
from flashmoe_nb.storage.synth_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.lab.forecasting.costs import Costs

MODEL_SPREAD = 0.08
"""Relative standard deviation of what the model leaves out: a page cache that is not LRU, a machine that drifts. From
the checks in data/experiments."""
_Z90 = 1.645
_RESERVE_BYTES = 4 * GIB
"""For the system and other programs, where only the machine's memory is given."""
_INTERPRETER_BYTES = 160 * 10**6
_WORK_BYTES = 176 * 2**20
_CHUNK_TOKENS = 512
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def spread(cls, value: float, relative: float) -> Estimate:
        """Log-normal about `value`."""
        factor = math.exp(_Z90 * relative)
        return cls(value, value / factor, value * factor)

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


def forecast(
    shape_or_config: str | PathLike[str] | Mapping[str, Any] | ModelConfig,
    *,
    ram: int | None = None,
    ssd: float | None = None,
    machine: str | None = None,
    top_k: int | None = None,
    trace: Trace | str | PathLike[str] | None = None,
    costs: Costs | None = None,
    prompt_tokens: int = _CHUNK_TOKENS,
    folder: str | PathLike[str] | None = None,
) -> Forecast:
    """Foretell decoding from a config alone; downloads nothing.

    Args:
        shape_or_config: a name like "qwen3.5-397b", a config.json or its folder, or parsed JSON.
        ram: bytes of memory; None takes the machine's, less what is in use where this machine is meant.
        ssd: bytes a second of cold reads of whole experts; None takes the machine's.
        machine: a name of `MACHINES`; None probes this one, for about 15 seconds.
        top_k: experts a token; None takes the trained number.
        trace: of routing; None takes the demo model's, one a domain.
        costs: from `probe`, to forecast again without measuring again.
        prompt_tokens: of the prompt whose first answer is foretold.
        folder: on the disk to probe; None takes the system's temporary folder.

    Raises:
        OptionError: an unknown shape or machine, or a trace that does not fit.
        UnsupportedError: an architecture that is not implemented, or cannot be probed for.
        BudgetError: the model cannot run in this memory, with what would.
    """
    name, config = load_config(shape_or_config)
    sizes = model_sizes(config)
    if config.moe is None:
        raise OptionError(f"{name} is dense, nothing of it streams by routing: see dense_against_moe")
    k = _checked_top_k(top_k, sizes)
    memory = _memory(name, sizes, k, ram, machine)
    if costs is None:
        costs = find_machine(machine).costs(sizes, k) if machine else probe(config, top_k=k, folder=folder)
    if ssd is not None:
        costs = costs.with_ssd(ssd, sizes)
    routings, told = _routings(trace)
    hits = hit_rate(routings, _held(memory, sizes), k)
    notes = (*_notes(sizes, memory, hits, told, k, folder, machine), *costs.notes)
    return Forecast(
        name,
        costs.machine,
        k,
        sizes.own_top_k,
        tokens_per_s(sizes, costs, hits),
        Estimate(hits.mean, max(0.0, hits.mean - _Z90 * hits.spread), min(1.0, hits.mean + _Z90 * hits.spread)),
        _first_token_s(sizes, costs, _held(memory, sizes), prompt_tokens),
        sizes.resident.nbytes * costs.load_ns_per_byte / 1e9,
        prompt_tokens,
        memory,
        sizes.total.nbytes,
        sizes.record_bytes * sizes.num_experts * sizes.n_sparse,
        sizes.read_bytes(k),
        _changes(sizes, costs, memory, routings, k),
        notes,
    )


def tokens_per_s(sizes: ModelSizes, costs: Costs, hits: HitRate, *, fresh: float = 0.0) -> Estimate:
    """Of decoding, with everything that is not known in the interval; `fresh` as for `Costs.token_ns`."""
    token_ns = costs.token_ns(sizes, hits.mean, fresh=fresh)
    per_hit = costs.token_ns(sizes, 0.0) - costs.token_ns(sizes, 1.0)
    relative = math.hypot(costs.spread, hits.spread * per_hit / token_ns, MODEL_SPREAD)
    return Estimate.spread(1e9 / token_ns, relative)


def kept_bytes(sizes: ModelSizes, top_k: int) -> int:
    """What an engine with default options holds, the interpreter included, a short context."""
    delta = sizes.config.delta
    state = 0
    if delta is not None:
        a_layer = delta.num_v_heads * delta.v_head_dim * delta.k_head_dim + (delta.conv_kernel - 1) * delta.conv_dim
        state = 4 * a_layer * sizes.config.mixer_kinds.count("linear_attention")
    slots = max(top_k, DEFAULT_SLOTS) * sizes.expert.nbytes
    return sizes.resident.nbytes + slots + state + _WORK_BYTES + _INTERPRETER_BYTES


def _checked_top_k(top_k: int | None, sizes: ModelSizes) -> int:
    k = sizes.own_top_k if top_k is None else top_k
    if not 1 <= k <= sizes.num_experts:
        raise OptionError(f"top_k is {k}: give 1 to {sizes.num_experts}; the model's own is {sizes.own_top_k}")
    return k


def _memory(name: str, sizes: ModelSizes, top_k: int, ram: int | None, machine: str | None) -> Memory:
    if machine is not None:
        found = find_machine(machine)
        total, reserve = ram or found.ram_bytes, found.reserve_bytes
    elif ram is not None:
        total, reserve = ram, min(_RESERVE_BYTES, ram // 4)
    else:
        total = describe_machine().memory_bytes
        reserve = total - _available_bytes(total)
    kept = kept_bytes(sizes, top_k)
    memory = Memory(total, reserve, kept, total - reserve - kept)
    if memory.cache_bytes <= 0:
        _refuse(name, memory)
    return memory


def _refuse(name: str, memory: Memory) -> None:
    """Say what would run.

    Raises:
        BudgetError: always.
    """
    room = memory.ram_bytes - memory.reserve_bytes
    fitting = [other for other in SHAPES if not other.startswith("tiny") and _kept_of(other) < room]
    remedy = f"{', '.join(fitting)} would" if fitting else "none of the shapes known here would"
    raise BudgetError(
        f"{name} keeps {memory.kept_bytes:,} bytes in memory, {memory.ram_bytes:,} less {memory.reserve_bytes:,} for "
        f"the system are {room:,}: give {memory.kept_bytes + memory.reserve_bytes:,} or more; in this memory {remedy} "
        "run"
    )


def _kept_of(shape: str) -> int:
    sizes = model_sizes(load_config(shape)[1])
    return kept_bytes(sizes, sizes.own_top_k)


def _available_bytes(total: int) -> int:
    """What a program could have now; on a system that does not say, all but a quarter."""
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return total - min(_RESERVE_BYTES, total // 4)


def _held(memory: Memory, sizes: ModelSizes) -> float:
    """Share of all experts that the page cache has room for."""
    return min(1.0, memory.cache_bytes / sizes.experts.nbytes)


def _routings(trace: Trace | str | PathLike[str] | None) -> tuple[list[Routing], str]:
    if trace is None:
        return shipped_routing(), "routing is the demo model's, by domain, scaled to this model's experts"
    opened = trace if isinstance(trace, Trace) else load_trace(Path(os.fspath(trace)))
    return [routing_of(opened)], f"routing is that of the trace of {opened.facts.model}"


def _first_token_s(sizes: ModelSizes, costs: Costs, held: float, prompt_tokens: int) -> Estimate:
    """Chunk by chunk: computing, and each expert that is wanted once; uniform routing, so rather too many experts."""
    left, spent_ns = prompt_tokens, costs.head_ns
    warm = costs.warm_read_ns / costs.top_k
    while left > 0:
        count = min(left, _CHUNK_TOKENS)
        wanted = sizes.num_experts * (1 - (1 - costs.top_k / sizes.num_experts) ** count)
        missing = costs.fresh_ns_per_byte * (1 - held) * sizes.expert.nbytes
        spent_ns += len(sizes.mixers) * count * costs.prefill_ns + sizes.n_sparse * wanted * (warm + missing)
        left -= count
    return Estimate.spread(spent_ns / 1e9, math.hypot(costs.spread, 2 * MODEL_SPREAD))


def _changes(
    sizes: ModelSizes, costs: Costs, memory: Memory, routings: Sequence[Routing], top_k: int
) -> dict[str, float]:
    more = replace(memory, cache_bytes=memory.cache_bytes + memory.ram_bytes)
    hits = {
        "as it is": hit_rate(routings, _held(memory, sizes), top_k).mean,
        "more": hit_rate(routings, _held(more, sizes), top_k).mean,
    }
    faster = replace(costs, miss_ns_per_byte=costs.miss_ns_per_byte / 2)
    times = {
        "twice the memory": costs.token_ns(sizes, hits["more"]),
        "misses half as dear (a disk about twice as fast)": faster.token_ns(sizes, hits["as it is"]),
        "all experts in the page cache": costs.token_ns(sizes, 1.0),
    }
    return {name: 1e9 / token_ns for name, token_ns in times.items()}


def _notes(
    sizes: ModelSizes,
    memory: Memory,
    hits: HitRate,
    told: str,
    top_k: int,
    folder: str | PathLike[str] | None,
    machine: str | None,
) -> list[str]:
    notes = [f"{told}: {hits.source}", f"the page cache has room for {_held(memory, sizes):.0%} of the experts"]
    if top_k != sizes.own_top_k:
        notes.append(f"K={top_k} is not what it was trained with ({sizes.own_top_k}): see flashmoe lab run k-sweep")
    if machine is None:
        disk = os.statvfs(folder or Path.cwd())
        free = disk.f_bavail * disk.f_frsize
        if free < sizes.total.nbytes:
            notes.append(f"this disk has {free / 1e9:.0f} GB free, the checkpoint needs {sizes.total.nbytes / 1e9:.0f}")
    return notes
