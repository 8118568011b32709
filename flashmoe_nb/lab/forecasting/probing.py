"""A short measurement of this machine at a model's true shape: two synthesised layers with a part of the experts.

One layer of each kind of mixer, run by the engine itself: computing apart from reads, reads warm and with a part
missing, a prefill. Takes about 15 seconds, which its notes tell, and up to 1.5 GB of disk; downloads nothing.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine import open_engine
from flashmoe_nb.errors import UnsupportedError
from flashmoe_nb.lab.bench.machine import describe_machine
from flashmoe_nb.lab.forecasting.bandwidth import measure_bandwidth
from flashmoe_nb.lab.forecasting.costs import Costs, model_facts
from flashmoe_nb.lab.forecasting.misses import measure_misses, num_experts, random_ids
from flashmoe_nb.lab.sizes import ModelSizes, model_sizes
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.storage.synth_shapes import SynthShape

if TYPE_CHECKING:
    from os import PathLike

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.engine import Engine, Session

_EXPERT_BYTES = 640 * 10**6
"""Of all experts of the probe: more than a processor's caches, little enough to write in a second or two."""
_MOST_VOCAB = 65_536
_BLOCKS = 5
_TOKENS = 8


@dataclass(frozen=True, slots=True)
class _Block:
    """Means over some tokens."""

    computing_ns: float
    reading_ns: float


def shape_of(config: ModelConfig) -> SynthShape:
    """What `synthesize` must be given for layers like this model's.

    Raises:
        UnsupportedError: an architecture that cannot be synthesised.
    """
    delta, moe, attention = config.delta, config.moe, config.attention
    if delta is None or moe is None or config.model_type not in ("qwen3_5_moe", "qwen3_next"):
        msg = f"layers of {config.model_type} cannot be synthesised, so this machine cannot be probed for it: give a "
        raise UnsupportedError(msg + "machine by name, or open the model itself and decode")
    return SynthShape(
        config.model_type, config.num_layers, config.hidden_size, config.vocab_size, attention.num_heads,
        attention.num_kv_heads, attention.head_dim, delta.num_k_heads, delta.num_v_heads, delta.v_head_dim,
        moe.num_experts, moe.top_k, moe.intermediate_size, moe.shared_intermediate_size, conv_kernel=delta.conv_kernel,
    )  # fmt: skip


def probe(
    config: ModelConfig,
    *,
    top_k: int | None = None,
    folder: str | PathLike[str] | None = None,
    ops: str = "auto",
    read_threads: int | None = None,
) -> Costs:
    """Measure what a token of this model costs here.

    Args:
        config: of the model.
        top_k: experts a token; None takes the trained number.
        folder: on the disk the model would be on; None takes the system's temporary folder.
        ops: back end.
        read_threads: parallel reads.

    Raises:
        UnsupportedError: an architecture that cannot be synthesised.
        PackError: too little disk.
    """
    sizes = model_sizes(config)
    k = top_k or sizes.own_top_k
    began_ns = perf_counter_ns()
    with tempfile.TemporaryDirectory(prefix="flashmoe-probe-", dir=folder) as scratch:
        made = Path(scratch) / "model"
        _synthesize(sizes, k, made)
        start_ns = perf_counter_ns()
        with open_engine(made, top_k=k, ops=ops, read_threads=read_threads) as engine:
            load_ns = (perf_counter_ns() - start_ns) / engine.memory.resident_bytes
            costs = _measure(engine, sizes, load_ns)
    took = f"probing with K={k} took {(perf_counter_ns() - began_ns) / 1e9:.0f} s"
    return replace(costs, notes=(*costs.notes, took))


def _synthesize(sizes: ModelSizes, top_k: int, folder: Path) -> None:
    shape = shape_of(sizes.config)
    fitting = _EXPERT_BYTES // (2 * sizes.expert.nbytes)
    experts = min(sizes.num_experts, max(4 * top_k, fitting))
    own = sizes.config.quantization
    stored = own.stated("layers.0.mlp.switch_mlp.gate_proj")[0] if own else None
    router = own.stated("layers.0.mlp.gate")[0] if own else None
    synthesize(
        replace(shape, top_k=min(shape.top_k, experts)),
        folder,
        layers=2,
        experts=experts,
        vocab=min(sizes.config.vocab_size, _MOST_VOCAB),
        bits=stored.bits if stored else None,
        group_size=stored.group_size if stored else 64,
        router_bits=router.bits if router else 8,
        progress=False,
    )


def _measure(engine: Engine, sizes: ModelSizes, load_ns: float) -> Costs:
    rng = np.random.default_rng(0)
    session = engine.session()
    engine.warm()
    session.feed(random_ids(rng, engine, 4))
    blocks = [_warm_block(engine, session, random_ids(rng, engine, _TOKENS)) for _ in range(_BLOCKS)]
    computing = statistics.median(block.computing_ns for block in blocks)
    layers, head = _split(session, random_ids(rng, engine, _TOKENS), computing)
    misses, warm_ns = measure_misses(engine, rng), statistics.median(block.reading_ns for block in blocks) / 2
    probed = model_sizes(engine.config)
    head_bytes = (sizes.head.nbytes or sizes.embedding.nbytes) / (probed.head.nbytes or probed.embedding.nbytes)
    router_ns = sum(layers.values()) / (sum(w.nbytes for w in probed.mixers) or 1)
    more_router = (sizes.router.nbytes - probed.router.nbytes) * router_ns
    machine = describe_machine()
    return Costs(
        f"{machine.cores} cores {machine.cpu}, {machine.memory_bytes / 2**30:.0f} GiB, {engine.ops.name}, probed",
        model_facts(sizes),
        engine.top_k,
        {kind: spent + more_router for kind, spent in layers.items()},
        head * head_bytes,
        tuple(warm_ns + added for added in misses.full_ns),
        tuple(warm_ns + added for added in misses.fresh_ns),
        _prefill_ns(engine, sizes),
        load_ns,
        _spread([block.computing_ns + block.reading_ns for block in blocks]),
        misses.spread,
        misses.notes,
        measure_bandwidth(engine.checkpoint.index.files[0]),
    )


def _warm_block(engine: Engine, session: Session, ids: list[int]) -> _Block:
    engine.warm()
    reading, start_ns = engine.read_ns, perf_counter_ns()
    for token in ids:
        session.feed([token])
    whole, reading = perf_counter_ns() - start_ns, engine.read_ns - reading
    return _Block((whole - reading) / len(ids), reading / len(ids))


def _split(session: Session, ids: list[int], computing_ns: float) -> tuple[dict[str, float], float]:
    """Computing dealt out to the two layers and the rest, by how long their stages take when looked at."""
    kinds = session.engine.config.mixer_kinds
    spent: dict[str, list[float]] = {name: [] for name in (*kinds, "")}
    for token in ids:
        sums = dict.fromkeys(spent, 0.0)
        for event in session.steps([token]):
            if event.stage != "expert_read":
                sums["" if event.layer is None else str(kinds[event.layer])] += event.end_ns - event.start_ns
        for name, value in sums.items():
            spent[name].append(value)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    scale = computing_ns / sum(medians.values())
    return {name: value * scale for name, value in medians.items() if name}, medians[""] * scale


def _prefill_ns(engine: Engine, sizes: ModelSizes) -> float:
    """Of a token in a layer, with as many tokens to an expert as in 512 tokens of the whole model."""
    count = max(8, 512 * num_experts(engine) // sizes.num_experts)
    engine.warm()
    spent = []
    for seed in range(2):
        reading, start_ns = engine.read_ns, perf_counter_ns()
        engine.session().feed(random_ids(np.random.default_rng(seed), engine, count))
        spent.append(perf_counter_ns() - start_ns - (engine.read_ns - reading))
    return min(spent) / count / engine.config.num_layers


def _spread(values: list[float]) -> float:
    return statistics.stdev(values) / statistics.mean(values)
