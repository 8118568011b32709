"""A recorded run: what was fed, what each router chose and why, what was read. Columns, their slices and first sums.

Opens by memory map and copies nothing until asked. Knows no engine; a live trace grows while it is looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from flashmoe_nb.errors import OptionError, TraceError
from flashmoe_nb.observe import export, trace_card
from flashmoe_nb.observe.columns import map_columns, write_columns
from flashmoe_nb.observe.cut import Cut
from flashmoe_nb.observe.facts import TraceFacts
from flashmoe_nb.observe.hit_rates import HitRates, hit_rates
from flashmoe_nb.observe.journal import journal_path, read_journal
from flashmoe_nb.observe.layer_times import LayerTimes
from flashmoe_nb.observe.reads import Patch, Reads
from flashmoe_nb.observe.schema import BY_NAME, COLUMNS, DECODE, PREFILL, UNKNOWN_NS
from flashmoe_nb.observe.segments import Segments
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from numpy.typing import NDArray


class ColumnSource(Protocol):
    """Where a trace's columns come from."""

    def column(self, name: str) -> NDArray[Any]:
        """All its rows there are now."""

    def tail(self, name: str, start: int) -> NDArray[Any]:
        """Its rows from number `start` on."""


class Trace:
    """Rows of tokens, reads and patches, and what they are of.

    A row is a token that was fed. Arrays over layers have one entry for each sparse layer: `sparse_layers` has their
    numbers. Reads and patches belong to the first token of the pass they were made for.
    """

    def __init__(self, facts: TraceFacts, source: ColumnSource, path: Path | None, *, complete: bool) -> None:
        self.facts = facts
        self.path = path
        self.complete = complete
        """False while it is recorded, and for what a killed run left."""
        self._source = source

    def __repr__(self) -> str:
        return trace_card.one_line(self)

    def _repr_html_(self) -> str:
        return trace_card.html(self)

    def __len__(self) -> int:
        return len(self.column("token_id"))

    def __getitem__(self, at: int | slice) -> Trace:
        """Some tokens, with their reads and patches, as a trace of its own; an int gives one token.

        Raises:
            IndexError: no such token.
            OptionError: a slice with a step other than 1.
        """
        count = len(self)
        if not isinstance(at, slice):
            if not -count <= at < count:
                raise IndexError(f"token {at} of a trace of {count}: give {-count} to {count - 1}")
            at = slice(at % count, at % count + 1)
        start, stop, step = at.indices(count)
        if step != 1:
            raise OptionError(f"the step of the slice is {step}: a trace is cut in one piece, leave the step out")
        return self._cut(np.arange(start, max(start, stop)))

    def column(self, name: str) -> NDArray[Any]:
        """A column by its name in the file; read-only.

        Raises:
            OptionError: no such column.
        """
        _check_name(name)
        return self._source.column(name)

    def tail(self, name: str, start: int) -> NDArray[Any]:
        """Rows of a column from number `start` on: what a live trace has grown by, without copying the rest.

        Raises:
            OptionError: no such column.
        """
        _check_name(name)
        return self._source.tail(name, start)

    # -- parts -------------------------------------------------------------------------------------------------------
    @property
    def prefill(self) -> Trace:
        """The tokens that went through the layers together with others, as prompts do."""
        return self._cut(np.flatnonzero(self.phase == PREFILL))

    @property
    def decode(self) -> Trace:
        """The tokens that went through one by one."""
        return self._cut(np.flatnonzero(self.phase == DECODE))

    @property
    def reads(self) -> Reads:
        """Every expert read."""
        return Reads.of(self)

    @property
    def patches(self) -> list[Patch]:
        """Every value that was sent in place of a stage's own."""
        rows = zip(*(self.column(f"patch_{name}").tolist() for name in ("token", "layer", "stage")), strict=True)
        return [Patch(token, None if layer < 0 else layer, self.facts.stages[stage]) for token, layer, stage in rows]

    # -- columns by name ---------------------------------------------------------------------------------------------
    @property
    def sparse_layers(self) -> tuple[int, ...]:
        """Layer numbers of the axis L."""
        return self.facts.sparse_layers

    @property
    def token_ids(self) -> NDArray[np.int32]:
        """What was fed. Shapes: [N]."""
        return self.column("token_id")

    @property
    def phase(self) -> NDArray[np.uint8]:
        """0 prefill, 1 decode. Shapes: [N]."""
        return self.column("phase")

    @property
    def routed_experts(self) -> NDArray[np.uint16]:
        """Experts chosen, by falling weight. Shapes: [N, L, K]."""
        return self.column("expert_ids")

    @property
    def routing_weights(self) -> NDArray[np.float32]:
        """Shapes: [N, L, K]."""
        return self.column("routing_weights")

    @property
    def layer_times(self) -> LayerTimes:
        """When each layer of each token's pass began and got on."""
        return LayerTimes.of(self)

    @property
    def logical_count(self) -> NDArray[np.int64]:
        """How often each expert was chosen. Shapes: [L, E]."""
        return usage_counts(self.routed_experts, self.facts.num_experts)

    def layer_count(self, layer: int) -> NDArray[np.int64]:
        """How often each expert of one layer was chosen. Shapes: [E].

        Raises:
            OptionError: a layer without routed experts.
        """
        chosen = self.routed_experts[:, self.layer_row(layer)]
        counts: NDArray[np.int64] = usage_counts(chosen[:, None], self.facts.num_experts)[0]
        return counts

    def layer_row(self, layer: int) -> int:
        """Where a layer stands on the axis L.

        Raises:
            OptionError: a layer without routed experts.
        """
        if layer not in self.sparse_layers:
            known = ", ".join(map(str, self.sparse_layers)) or "none"
            raise OptionError(f"layer {layer} has no routed experts in this trace: give one of {known}")
        return self.sparse_layers.index(layer)

    @property
    def text(self) -> str:
        """Of all tokens, special ones included; characters cut by the edge of a slice show as U+FFFD."""
        spans = zip(self.column("text_start").tolist(), self.column("text_end").tolist(), strict=True)
        whole = self.column("text").tobytes()
        return b"".join(whole[start:end] for start, end in spans).decode("utf-8", errors="replace")

    @property
    def token_texts(self) -> list[str]:
        """Of each token by itself; part of a character shows as U+FFFD."""
        spans = zip(self.column("text_start").tolist(), self.column("text_end").tolist(), strict=True)
        whole = self.column("text").tobytes()
        return [whole[start:end].decode("utf-8", errors="replace") for start, end in spans]

    @property
    def hit_rates(self) -> HitRates:
        """Shares of the bytes read that the page cache held, as far as that was measured."""
        return hit_rates(self)

    # -- out ---------------------------------------------------------------------------------------------------------
    def save(self, path: str | Path) -> Path:
        """Write it as one file, whole or not at all.

        Raises:
            OptionError: the path is taken.
            TraceError: it cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise OptionError(f"{path} exists: give another path, or delete it")
        columns = {column.name: self.column(column.name) for column in COLUMNS}
        try:
            write_columns(path, [columns], self.facts.metadata(complete=self.complete), durable=True)
        except OSError as error:
            raise TraceError(f"{path} could not be written ({error}): give another path, or free some space") from error
        return path

    def to_pandas(self) -> pd.DataFrame:
        """One row for each token, sparse layer and expert chosen; `export.COLUMNS` says what they hold.

        Raises:
            OptionError: pandas is not installed.
        """
        return export.to_pandas(self)

    def to_parquet(self, path: str | Path) -> Path:
        """`to_pandas` as a Parquet file.

        Raises:
            OptionError: pandas or pyarrow is not installed, or the path is taken.
        """
        return export.to_parquet(self, Path(path))

    def to_csv(self, path: str | Path) -> Path:
        """The same rows as text; needs no other package.

        Raises:
            OptionError: the path is taken.
        """
        return export.to_csv(self, Path(path))

    def _cut(self, rows: NDArray[np.int64]) -> Trace:
        return Trace(self.facts, Cut.of(self, rows), self.path, complete=self.complete)


def load_trace(path: str | Path) -> Trace:
    """Open a recorded trace, or what a killed run left of one; reads headers alone.

    Raises:
        TraceError: nothing there, no trace, damaged, or written by a later version.
    """
    path = Path(path)
    if path.is_file():
        columns, metadata = map_columns(path)
        segments = [columns]
    elif journal_path(path).is_dir():
        segments, metadata = read_journal(path)
    else:
        raise TraceError(f"{path} does not exist, nor a journal of it: give the path that was given to fm.record")
    facts = TraceFacts.read(metadata, str(path))
    segments = [_whole(columns, metadata["schema_version"], facts, path) for columns in segments]
    return Trace(facts, Segments(segments), path, complete=metadata.get("complete") == "true")


def _check_name(name: str) -> None:
    if name not in BY_NAME:
        raise OptionError(f'a trace has no column "{name}": give one of {", ".join(BY_NAME)}')


def _whole(columns: dict[str, NDArray[Any]], schema: str, facts: TraceFacts, path: Path) -> dict[str, NDArray[Any]]:
    """Every column is there, of its type and shape, and as long as its table's others.

    What a later schema added is unknown, and takes no memory.
    """
    lengths: dict[str, int] = {}
    for column in COLUMNS:
        if column.name not in columns and int(schema) < column.since:
            unknown = np.broadcast_to(np.array(UNKNOWN_NS, column.dtype), (lengths["token"], *facts.axes.tail(column)))
            columns = columns | {column.name: unknown}
        if column.name not in columns:
            raise TraceError(f"{path} has no column {column.name}: it was not written by fm.record, or was edited")
        found = columns[column.name]
        length = lengths.setdefault(column.table, len(found) if found.ndim else -1)
        shape = (length, *facts.axes.tail(column))
        if found.shape != shape or found.dtype != column.dtype:
            msg = f"{path}: column {column.name} is {found.dtype} {list(found.shape)}, expected {column.dtype} "
            raise TraceError(f"{msg}{list(shape)}: the file is damaged or was edited")
    return columns
