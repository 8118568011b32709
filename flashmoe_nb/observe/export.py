"""A trace as a table for other tools: one row for each token, sparse layer and expert chosen.

The columns are those other engines' route traces use, so that their scripts work. CSV needs numpy alone.
Source: the columns of `--route-trace` in BigMoeOnEdge.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import OptionError, TraceError
from flashmoe_nb.observe.schema import DECODE, NO_EXPERT
from flashmoe_nb.storage.atomic import partial_path, publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd  # type: ignore[import-untyped]
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace

COLUMNS = (
    "turn",  # prefills so far
    "phase",  # "prefill" or "decode"
    "step",  # position in the context
    "layer",
    "slot",  # where the expert was read to; empty (-1 in arrays) when it was in its slot already
    "expert",
    "weight",
    "residency",  # share the page cache held before the read; empty where it was not measured or nothing was read
    "expert_bytes",  # read for this choice: once for all tokens of a prefill that share it, 0 for the others
)

_PASSES_AT_ONCE = 256


def rows(trace: Trace) -> dict[str, NDArray[Any]]:
    """The table as arrays. Shapes: each [N * L * K], less where a layer was made to choose fewer than K."""
    chosen = trace.routed_experts
    tokens, layers, top_k = chosen.shape
    per_token, per_layer = layers * top_k, top_k
    phase = np.where(trace.phase == DECODE, "decode", "prefill")
    read = _read_of_choice(trace)
    found, reads = read >= 0, trace.reads
    table = {
        "turn": np.repeat(trace.column("turn"), per_token),
        "phase": np.repeat(phase, per_token),
        "step": np.repeat(trace.column("position"), per_token),
        "layer": np.tile(np.repeat(np.array(trace.sparse_layers, np.int64), per_layer), tokens),
        "slot": np.full(chosen.size, -1, np.int64),
        "expert": chosen.reshape(-1),
        "weight": trace.routing_weights.reshape(-1),
        "residency": np.full(chosen.size, np.nan, np.float32),
        "expert_bytes": np.zeros(chosen.size, np.int64),
    }
    table["slot"][found] = reads.slot[read[found]]
    table["residency"][found] = reads.resident_fraction_before[read[found]]
    table["expert_bytes"][found] = reads.nbytes[read[found]]
    if (table["expert"] == NO_EXPERT).any():  # a patch made a layer choose fewer than K
        return {name: values[table["expert"] != NO_EXPERT] for name, values in table.items()}
    return table


def to_pandas(trace: Trace) -> pd.DataFrame:
    """The table as a frame."""
    with _needs("pandas", "a data frame"):
        import pandas as pd  # noqa: PLC0415 - optional

    return pd.DataFrame(rows(trace))


def to_parquet(trace: Trace, path: Path) -> Path:
    """The table as a Parquet file."""
    _refuse_taken(path)
    with _needs("pyarrow", "a Parquet file"):
        import pyarrow as pa  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - optional
        from pyarrow import parquet  # noqa: PLC0415 - optional

    parquet.write_table(pa.table(rows(trace)), partial_path(path))
    partial_path(path).replace(path)
    return path


def to_csv(trace: Trace, path: Path) -> Path:
    """The table as text, written some tokens at a time."""
    _refuse_taken(path)
    try:
        with partial_path(path).open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(COLUMNS) + "\n")
            for part in _parts(trace):
                table = rows(part)
                file.writelines(_line(*row) for row in zip(*(table[name].tolist() for name in COLUMNS), strict=True))
        publish(path)
    except OSError as error:
        raise TraceError(f"{path} could not be written ({error}): give another path, or free some space") from error
    return path


def _line(
    turn: int, phase: str, step: int, layer: int, slot: int, expert: int, weight: float, resident: float, nbytes: int
) -> str:
    residency = "" if np.isnan(resident) else f"{resident:.4g}"
    where = "" if slot < 0 else slot
    return f"{turn},{phase},{step},{layer},{where},{expert},{weight:.7g},{residency},{nbytes}\n"


def _parts(trace: Trace) -> Iterator[Trace]:
    """Some tokens each; a pass is never cut, because its reads are booked to its first token."""
    starts = np.unique(trace.column("pass_start"))
    edges = [*starts[::_PASSES_AT_ONCE].tolist(), len(trace)]
    for low, high in pairwise(edges):
        yield trace[low:high]


def _read_of_choice(trace: Trace) -> NDArray[np.int64]:
    """Which read brought the expert of each choice; -1 for none. The first choice of a pass has it. Shapes: [N*L*K]."""
    chosen, reads = trace.routed_experts, trace.reads
    layers, experts = len(trace.sparse_layers), max(1, trace.facts.num_experts)
    row_of_layer = np.full(max([trace.facts.num_layers, *trace.sparse_layers]) + 1, -1, np.int64)
    row_of_layer[list(trace.sparse_layers)] = np.arange(layers)
    of_choice = (trace.column("pass_start")[:, None] * layers + np.arange(layers))[:, :, None] * experts + chosen
    of_read = (reads.token * layers + row_of_layer[reads.layer]) * experts + reads.expert
    of_choice[chosen == NO_EXPERT] = -1
    routed = np.flatnonzero(row_of_layer[reads.layer] >= 0)  # a streamed dense MLP is chosen by nobody
    keys, first = np.unique(of_choice.reshape(-1), return_index=True)
    place = np.minimum(np.searchsorted(keys, of_read[routed]), max(0, len(keys) - 1))
    result = np.full(chosen.size, -1, np.int64)
    if len(keys):
        matched = keys[place] == of_read[routed]
        result[first[place[matched]]] = routed[matched]
    return result


@contextmanager
def _needs(package: str, what: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise OptionError(f'{what} needs {package}, which is not installed: run "pip install {package}"') from error


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise OptionError(f"{path} exists: give another path, or delete it")
