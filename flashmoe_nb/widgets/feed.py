"""Turns the rows of a trace into chunks: safetensors blobs that hold what a view draws. Knows traces, no widgets.

A chunk has the trace's own columns, but a browser's numbers are doubles: times become milliseconds (`start_ns` is sent
as `start_ms`), float64 since the start of the run, those of layers float32 since the start of their pass, NaN where
unknown. `read_source` is added. widgets/src/store.ts takes them in.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np
from safetensors.numpy import save

from flashmoe_nb.observe.read_source import read_sources
from flashmoe_nb.observe.schema import BY_NAME, COLUMNS
from flashmoe_nb.observe.stats_usage import usage_counts
from flashmoe_nb.observe.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe.schema import Table

_WIDE = tuple(column.name for column in COLUMNS if column.table == "token" and {"L", "N"} & set(column.tail))
_NOTHING: dict[Table, int] = {"token": 0, "read": 0, "patch": 0, "text": 0}
SNAPSHOT_BYTES = 4_000_000
"""What a snapshot may hold of the wide columns: older routing and reads are left out, their sums are not."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a trace, and what belongs to them: a column source."""

    trace: Trace
    start: dict[Table, int]
    """First row of each table, byte of the text."""
    end: dict[Table, int]

    @classmethod
    def of(cls, trace: Trace, start: dict[Table, int], end: int) -> Self:
        """Rows from `start` on, as many as belong to the tokens before `end`; a live trace may have more by now."""
        first = start["token"]
        text_ends = trace.tail("text_end", first)[: end - first]
        ends: dict[Table, int] = {"token": end, "text": int(text_ends[-1]) if len(text_ends) else start["text"]}
        for table in ("read", "patch"):
            ends[table] = start[table] + int(np.searchsorted(trace.tail(f"{table}_token", start[table]), end))
        return cls(trace, start, ends)

    def column(self, name: str) -> NDArray[Any]:
        """Of these rows."""
        table = BY_NAME[name].table
        return self.trace.tail(name, self.start[table])[: self.end[table] - self.start[table]]

    def tail(self, name: str, start: int) -> NDArray[Any]:
        """For `ColumnSource`."""
        return self.column(name)[start:]


class Feed:
    """Gives out the rows of one trace, each once, and snapshots of all."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.run = uuid4().hex
        """Tells the front end that these rows are of another run than the ones it has."""
        self._sent: dict[Table, int] = dict(_NOTHING)
        self._told_complete = False
        now_ms, now_ns = time.time() * 1e3, perf_counter_ns()
        self._epoch_ms = now_ms - (now_ns - trace.facts.started_ns) / 1e6

    @property
    def sent_tokens(self) -> int:
        """Rows given out so far."""
        return self._sent["token"]

    def next_chunk(self) -> tuple[bytes, int] | None:
        """All rows that are new, and how many tokens they are; None when there is nothing to tell."""
        complete = self.trace.complete  # asked before the rows: what is whole grows no more
        end = len(self.trace)
        first = self._sent["token"]
        if end == first and complete == self._told_complete:
            return None
        rows = Rows.of(self.trace, self._sent, end)
        self._sent, self._told_complete = rows.end, complete
        return self._chunk(rows, routed=first, complete=complete), end - first

    def snapshot(self, most_bytes: int = SNAPSHOT_BYTES) -> bytes:
        """All rows given out so far; of routing and reads the last ones, where all would be too large."""
        end = self.sent_tokens
        facts = self.trace.facts
        top_k = self.trace.tail("expert_ids", end).shape[2]  # or more, where there was room for a patch
        routed_bytes = len(facts.sparse_layers) * (6 * top_k + 12) + 16 * facts.num_layers
        routed = max(0, end - most_bytes // 2 // max(1, routed_bytes))
        read = self._first_read(most_bytes // 2)
        rows = Rows(self.trace, {**_NOTHING, "read": read}, self._sent)
        return self._chunk(rows, routed=routed, complete=self._told_complete)

    def _first_read(self, most_bytes: int) -> int:
        """The first read of a snapshot: whole tokens that fit."""
        owners = self.trace.tail("read_token", 0)[: self._sent["read"]]
        read_bytes = sum(np.dtype(column.dtype).itemsize for column in COLUMNS if column.table == "read")
        first = len(owners) - most_bytes // read_bytes
        return 0 if first <= 0 else int(np.searchsorted(owners, owners[first], side="right"))

    def _chunk(self, rows: Rows, *, routed: int, complete: bool) -> bytes:
        facts, first = self.trace.facts, rows.start["token"]
        columns = {}
        for column in COLUMNS:
            values = rows.column(column.name)
            if column.name.startswith("layer_"):
                values = values - rows.column("start_ns")[:, None]
            if column.name in _WIDE:
                values = values[routed - first :]
            columns[column.name.replace("_ns", "_ms")] = self._value(column.name, values)
        window = Trace(facts, rows, None, complete=complete)
        columns["read_source"] = read_sources(window)
        if routed > first:
            before = self.trace.routed_experts[:routed]
            columns["counts_before"] = usage_counts(before, facts.num_experts).astype(np.uint32)
        place = {
            "run": self.run,
            "token_row": first,
            "routed_row": routed,
            "read_row": rows.start["read"],
            "patch_row": rows.start["patch"],
            "text_byte": rows.start["text"],
            "epoch_ms": self._epoch_ms,
            "complete": complete,
        }
        metadata = {"place": json.dumps(place)}
        if first == 0:
            metadata["facts"] = json.dumps({**asdict(facts), "label": facts.label})
        return save({name: np.ascontiguousarray(values) for name, values in columns.items()}, metadata)

    def _value(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """As the browser takes it."""
        if name.startswith("layer_"):  # an unknown time lies long before the pass
            return np.where(values < 0, np.nan, values / 1e6).astype(np.float32)
        if name.endswith("_ns"):
            return (values - self.trace.facts.started_ns) / 1e6
        return values.astype(np.int32) if values.dtype == np.int64 else values
