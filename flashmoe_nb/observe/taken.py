"""A pass as it waits for its rows to be made: numpy's arrays and plain numbers, nothing of a back end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flashmoe_nb.observe.routed import routed
from flashmoe_nb.observe.schema import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.events import ExpertRead, Phase, Stage
    from flashmoe_nb.observe.routed import OneToken, Routed
    from flashmoe_nb.ops import Ops


READS = (
    "read_layer",
    "read_expert",
    "read_slot",
    "read_bytes",
    "read_start_ns",
    "read_end_ns",
    "read_thread",
    "read_calls",
    "read_resident_fraction_before",
)
"""In the order of the fields of an `ExpertRead`."""
_READ_DTYPES = [np.dtype(BY_NAME[name].dtype) for name in READS]


class TakenPass(NamedTuple):
    """A pass of T tokens. Rows can be made of it later, by any thread.

    No read is kept as an object: thousands that live on have Python's collector look through everything there is, 80 ms
    where numba is loaded.
    """

    ids: Sequence[int]
    position: int
    phase: Phase
    chunk: int
    start_ns: int
    end_ns: int
    layer_times_ns: list[int]
    """As in `PassTape`."""
    patches: list[tuple[int | None, Stage]]
    routed: Routed | OneToken
    reads: list[NDArray[Any]]
    """In the order of `READS`."""
    previous: NDArray[np.float32] | None
    """Logits [V] its first token was drawn from, if they are known."""


def take(tape: PassTape, ops: Ops, most_experts: int, previous: NDArray[np.float32] | None) -> TakenPass:
    """Let go of the back end's arrays, on its own thread.

    Args:
        tape: of the pass.
        ops: whose arrays are in it.
        most_experts: of a token and layer that the trace keeps.
        previous: logits [V] its first token was drawn from, if they are known.

    Raises:
        OptionError: a layer was made to choose more than `most_experts`.
    """
    return TakenPass(
        tape.ids,
        tape.position,
        tape.phase,
        tape.chunk,
        tape.start_ns,
        tape.end_ns,
        tape.layer_times_ns,
        tape.patches,
        # a patch is an array of the user's own
        routed(ops, tape.routing, len(tape.ids), most_experts, keep=not tape.patches),
        _by_field(tape.reads),
        previous,
    )


def _by_field(reads: Sequence[ExpertRead]) -> list[NDArray[Any]]:
    """Half the time of read by read."""
    if not reads:
        return [np.empty(0, dtype) for dtype in _READ_DTYPES]
    *fields, before = zip(*reads, strict=True)
    arrays: list[NDArray[Any]] = [
        np.fromiter(values, dtype, len(reads)) for values, dtype in zip(fields, _READ_DTYPES, strict=False)
    ]
    if before.count(None) == len(reads):
        return [*arrays, np.full(len(reads), np.nan, np.float32)]
    return [*arrays, np.array(before, np.float32)]  # None becomes NaN
