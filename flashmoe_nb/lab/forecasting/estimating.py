"""What a model will do on a machine, before it is downloaded: tokens a second, hits, first token, memory, disk.

From its config, a machine's costs and a routing trace. Every number says what it rests on; what cannot run is refused
with what would. Knows how the parts add up, not how they were measured.
"""

from __future__ import annotations

import math
import os
import statistics
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.forecasting.demand import HitRate, Routing, hit_rate, routing_of, shipped_routing
from flashmoe_nb.lab.forecasting.machines import find_machine
from flashmoe_nb.lab.forecasting.outcome import Z90, Estimate, Forecast, Memory
from flashmoe_nb.lab.forecasting.probing import probe
from flashmoe_nb.lab.forecasting.room import plan_room
from flashmoe_nb.lab.sizes import ModelSizes, load_config, model_sizes
from flashmoe_nb.observe import Trace, load_trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.lab.forecasting.costs import Costs

MODEL_SPREAD = 0.08
"""Relative standard deviation of what the model leaves out: a page cache that is not LRU, a machine that drifts. From
the checks in data/experiments: what `check.residual_spread` makes of them."""
_CHUNK_TOKENS = 512


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
        OptionError: an unknown shape or machine, or a trace or costs that do not fit.
        UnsupportedError: an architecture that is not implemented, or cannot be probed for.
        BudgetError: the model cannot run in this memory, with what would.
    """
    name, config = load_config(shape_or_config)
    sizes = model_sizes(config)
    if config.moe is None:
        raise OptionError(f"{name} is dense, nothing of it streams by routing: see dense_against_moe")
    k = _checked_top_k(top_k, sizes)
    memory = plan_room(name, sizes, k, ram, machine)
    if costs is not None:
        costs.require(sizes, k)
    else:
        costs = find_machine(machine).costs(sizes, k) if machine else probe(config, top_k=k, folder=folder)
    if ssd is not None:
        costs = costs.with_ssd(ssd, sizes)
    routings, told = _routings(trace)
    hits = hit_rate(routings, _held(memory, sizes), k)
    read = [costs.read_note] if costs.read_note else []
    notes = (*_notes(sizes, memory, hits, told, k, folder, machine), *costs.notes, *read)
    return Forecast(
        name,
        costs.machine,
        k,
        sizes.own_top_k,
        tokens_per_s(sizes, costs, hits),
        Estimate(hits.mean, max(0.0, hits.mean - Z90 * hits.spread), min(1.0, hits.mean + Z90 * hits.spread)),
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
    of_texts = [costs.waves_ns(missing, fresh=fresh) for missing in hits.missing]
    reads = [sizes.n_sparse * float(of_text.mean()) for of_text in of_texts]
    token_ns = statistics.mean(costs.token_ns(sizes, missing, fresh=fresh) for missing in hits.missing)
    # Another text is another sample, of the same length, and may be of another kind.
    sampling = statistics.mean(
        sizes.n_sparse * math.sqrt(2 / len(of_text)) * float(of_text.mean(axis=1).std()) for of_text in of_texts
    )
    between = statistics.stdev(reads) if len(reads) > 1 else 0.0
    of_misses = costs.miss_spread * (statistics.mean(reads) - sizes.n_sparse * costs.full_ns[0])
    unsure_ns = math.hypot(sampling, between, of_misses)
    return Estimate.spread(1e9 / token_ns, math.hypot(costs.spread, unsure_ns / token_ns, MODEL_SPREAD))


def _checked_top_k(top_k: int | None, sizes: ModelSizes) -> int:
    k = sizes.own_top_k if top_k is None else top_k
    if not 1 <= k <= sizes.num_experts:
        raise OptionError(f"top_k is {k}: give 1 to {sizes.num_experts}; the model's own is {sizes.own_top_k}")
    return k


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
    warm, miss = costs.full_ns[0] / costs.top_k, (costs.fresh_ns[-1] - costs.fresh_ns[0]) / costs.top_k
    while left > 0:
        count = min(left, _CHUNK_TOKENS)
        wanted = sizes.num_experts * (1 - (1 - costs.top_k / sizes.num_experts) ** count)
        spent_ns += len(sizes.mixers) * count * costs.prefill_ns + sizes.n_sparse * wanted * (warm + (1 - held) * miss)
        left -= count
    return Estimate.spread(spent_ns / 1e9, math.hypot(costs.spread, 2 * MODEL_SPREAD))


def _changes(
    sizes: ModelSizes, costs: Costs, memory: Memory, routings: Sequence[Routing], top_k: int
) -> dict[str, float]:
    more = replace(memory, cache_bytes=memory.cache_bytes + memory.ram_bytes)
    now, then = (hit_rate(routings, _held(one, sizes), top_k) for one in (memory, more))
    times = {
        "twice the memory": _mean_ns(sizes, costs, then),
        "misses half as dear (a disk about twice as fast)": _mean_ns(sizes, costs.with_misses(0.5), now),
        "all experts in the page cache": costs.token_ns(sizes, np.zeros(1)),
    }
    return {name: 1e9 / token_ns for name, token_ns in times.items()}


def _mean_ns(sizes: ModelSizes, costs: Costs, hits: HitRate) -> float:
    return statistics.mean(costs.token_ns(sizes, missing) for missing in hits.missing)


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
