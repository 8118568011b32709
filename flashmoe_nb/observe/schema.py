"""The columns of a trace: names, types and what each row stands for.

Three tables (tokens, reads, patches) and the text as bytes. Knows no files and no engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[np.generic]]

Table = Literal["token", "read", "patch", "text"]

VERSION = 2
"""Of the schema; a reader refuses a higher one. 2 added the times of layers, and K may be wider than `top_k`."""

UNKNOWN_NS = -1
"""Fills the times of layers where a trace of an earlier schema has none."""

TOP_TOKENS = 5
"""Likeliest tokens kept of the distribution each token was drawn from."""

PREFILL, DECODE = 0, 1
"""Values of the column `phase`."""

NO_EXPERT = 65535
"""Fills `expert_ids`, with weight 0, where a layer was made to choose fewer than K."""


class Column(NamedTuple):
    """One column. `tail` names the axes after the first: N layers, L sparse ones, K experts a token, or a number."""

    name: str
    table: Table
    dtype: str
    tail: tuple[str | int, ...] = ()
    since: int = 1
    """Schema version that brought it."""


COLUMNS = (
    Column("start_ns", "token", "int64"),  # of the pass the token went through in; `time.perf_counter_ns`
    Column("end_ns", "token", "int64"),
    Column("text_start", "token", "int64"),  # bytes in `text`
    Column("text_end", "token", "int64"),
    Column("pass_start", "token", "int64"),  # row of the first token that went through the layers with this one
    Column("layer_start_ns", "token", "int64", ("N",), 2),  # of the pass, as all times of layers
    Column("layer_routed_ns", "token", "int64", ("N",), 2),  # the router's choice went on
    Column("layer_read_ns", "token", "int64", ("N",), 2),  # the last experts were in their slots
    Column("layer_end_ns", "token", "int64", ("N",), 2),
    Column("token_id", "token", "int32"),
    Column("position", "token", "int32"),
    Column("turn", "token", "int32"),  # prefills so far
    Column("token_rank", "token", "int32"),  # 0: the likeliest; -1: not predicted
    Column("sampled_from_ids", "token", "int32", (TOP_TOKENS,)),  # -1: unknown
    Column("sampled_from_logprobs", "token", "float32", (TOP_TOKENS,)),
    Column("sampled_from_entropy", "token", "float32"),  # nats; NaN inside a prefill, which predicts its end alone
    Column("token_logprob", "token", "float32"),
    Column("routing_weights", "token", "float32", ("L", "K")),
    Column("router_entropy", "token", "float32", ("L",)),  # nats, over all experts
    Column("kept_mass", "token", "float32", ("L",)),  # share of the softmax over all experts that the chosen K hold
    Column("router_margin", "token", "float32", ("L",)),  # logit of the last chosen less that of the best left out
    Column("expert_ids", "token", "uint16", ("L", "K")),
    Column("phase", "token", "uint8"),
    Column("read_token", "read", "int64"),  # row of the first token of the pass it was for
    Column("read_start_ns", "read", "int64"),
    Column("read_end_ns", "read", "int64"),
    Column("read_bytes", "read", "int64"),
    Column("read_resident_fraction_before", "read", "float32"),  # NaN: not measured
    Column("read_layer", "read", "uint16"),
    Column("read_expert", "read", "uint16"),
    Column("read_slot", "read", "uint16"),
    Column("read_thread", "read", "uint16"),
    Column("read_calls", "read", "uint16"),
    Column("patch_token", "patch", "int64"),  # row of the first token of the pass it was in
    Column("patch_layer", "patch", "int16"),  # -1: outside the layers
    Column("patch_stage", "patch", "uint8"),  # index into the stages named in the trace's facts
    Column("text", "text", "uint8"),
)
"""By falling element size, table by table; a file holds them in this order of size, so that each is aligned."""

BY_NAME = {column.name: column for column in COLUMNS}


class Axes(NamedTuple):
    """Lengths of the axes that columns name."""

    N: int
    """Layers."""
    L: int
    """Sparse layers."""
    K: int
    """Experts kept of a token and sparse layer: those in force, or more where a patch was to raise them."""

    def tail(self, column: Column) -> tuple[int, ...]:
        """A column's axes after the first."""
        return tuple(getattr(self, axis) if isinstance(axis, str) else axis for axis in column.tail)


def empty_columns(axes: Axes) -> dict[str, NDArray[np.generic]]:
    """A trace of nothing."""
    return {column.name: np.empty((0, *axes.tail(column)), np.dtype(column.dtype)) for column in COLUMNS}
