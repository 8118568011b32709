"""A trace as wide as a large model's, for tests: the columns of a real one, its layers set side by side over and over.

Synthetic: the demo model chose these experts, no model of 60 layers did.
"""

from dataclasses import replace

import numpy as np

from flashmoe_nb.observe import Trace
from flashmoe_nb.observe.schema import COLUMNS
from flashmoe_nb.observe.segments import Segments

_OF_LAYERS = ("L", "N")


def tiled(trace: Trace, layers: int = 60) -> Trace:
    """`trace` with so many layers; layer n is layer n % L of the trace, its experts moved so that no two look alike."""
    facts, experts = trace.facts, trace.facts.num_experts
    own = len(facts.sparse_layers)
    source = np.arange(layers) % own
    columns = {}
    for column in COLUMNS:
        values = trace.column(column.name)
        columns[column.name] = values[:, source] if set(_OF_LAYERS) & set(column.tail[:1]) else values
    shift = np.arange(layers) // own * 37
    columns["expert_ids"] = ((columns["expert_ids"] + shift[:, None]) % experts).astype(np.uint16)
    columns |= _tiled_reads(trace, layers)
    wide = replace(
        facts,
        model="synthetic: demo, tiled",
        num_layers=layers,
        sparse_layers=tuple(range(layers)),
        fingerprint="0" * 16,
    )
    return Trace(wide, Segments([columns]), None, complete=True)


def _tiled_reads(trace: Trace, layers: int) -> dict[str, np.ndarray]:
    """Each read again for every copy of its layer; still in the order of tokens."""
    own = len(trace.facts.sparse_layers)
    names = [column.name for column in COLUMNS if column.table == "read"]
    copies = -(-layers // own)
    reads = {name: np.repeat(trace.column(name), copies) for name in names}
    copy = np.tile(np.arange(copies), len(trace.column("read_token")))
    reads["read_layer"] = (reads["read_layer"] + copy * own).astype(np.uint16)
    reads["read_expert"] = ((reads["read_expert"] + copy * 37) % trace.facts.num_experts).astype(np.uint16)
    kept = reads["read_layer"] < layers
    return {name: values[kept] for name, values in reads.items()}
