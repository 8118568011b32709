"""Turns what a session hands over about passes into rows of columns, many passes at once. Pure numpy but for `take`."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.prediction import drawn_from, not_drawn
from flashmoe_nb.observe.routed import Routed, join_routed, routed
from flashmoe_nb.observe.schema import BY_NAME, COLUMNS, DECODE, PREFILL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.observe.facts import TraceFacts
    from flashmoe_nb.ops import Ops
    from flashmoe_nb.text import Tokenizer

    Rows = dict[str, NDArray[np.generic]]

_READS = (
    "read_layer",
    "read_expert",
    "read_slot",
    "read_bytes",
    "read_start_ns",
    "read_end_ns",
    "read_thread",
    "read_calls",
)
_READ_VALUES = attrgetter("layer", "expert", "slot", "nbytes", "start_ns", "end_ns", "thread", "n_calls")
"""In the order of `_READS`."""
_DRAWN = ("token_rank", "token_logprob", "sampled_from_entropy", "sampled_from_ids", "sampled_from_logprobs")


class TakenPass(NamedTuple):
    """A pass whose arrays are numpy's: rows can be made of it later, by any thread."""

    tape: PassTape
    routed: Routed
    previous: NDArray[np.float32] | None
    """Logits [V] its first token was drawn from, if they are known."""


def take(tape: PassTape, ops: Ops, top_k: int, previous: NDArray[np.float32] | None) -> TakenPass:
    """Let go of the back end's arrays, on its own thread.

    Raises:
        OptionError: a layer was made to choose more than `top_k` experts.
    """
    found = routed(ops, tape.routing, len(tape.ids), top_k)
    return TakenPass(replace(tape, routing=[]), found, previous)


class RowMaker:
    """Numbers rows, turns and bytes of text from the start of the trace."""

    def __init__(self, facts: TraceFacts, tokenizer: Tokenizer | None) -> None:
        self._tokenizer = tokenizer
        self._stages = {stage: number for number, stage in enumerate(facts.stages)}
        self._token = self._text = self._turn = 0

    def rows(self, passes: Sequence[TakenPass]) -> Rows:
        """Rows of the next passes."""
        tapes = [taken.tape for taken in passes]
        sizes = np.array([len(tape.ids) for tape in tapes])
        starts = self._token + np.cumsum(sizes) - sizes
        rows = self._token_rows(tapes, starts, sizes)
        rows |= join_routed([taken.routed for taken in passes])
        rows |= _drawn_rows(passes)
        rows |= _read_rows(tapes, starts)
        patches = [(start, *patch) for start, tape in zip(starts, tapes, strict=True) for patch in tape.patches]
        rows["patch_token"] = np.array([token for token, _, _ in patches])
        rows["patch_layer"] = np.array([-1 if layer is None else layer for _, layer, _ in patches])
        rows["patch_stage"] = np.array([self._stages[stage] for _, _, stage in patches])
        self._token += int(sizes.sum())
        self._text += len(rows["text"])
        return {column.name: rows[column.name].astype(column.dtype, copy=False) for column in COLUMNS}

    def _token_rows(self, tapes: Sequence[PassTape], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Rows:
        of_pass = {
            "start_ns": [tape.start_ns for tape in tapes],
            "end_ns": [tape.end_ns for tape in tapes],
            "pass_start": starts,
            "turn": [self._turn_of(tape) for tape in tapes],
            "phase": [PREFILL if tape.phase == "prefill" else DECODE for tape in tapes],
        }
        rows: Rows = {name: np.repeat(np.asarray(values), sizes) for name, values in of_pass.items()}
        ids = list(chain.from_iterable(tape.ids for tape in tapes))
        texts = [self._tokenizer.token_bytes(token) if self._tokenizer else b"" for token in ids]
        ends = self._text + np.cumsum([len(text) for text in texts])
        rows["token_id"] = np.array(ids)
        rows["position"] = np.concatenate([tape.position + np.arange(len(tape.ids)) for tape in tapes])
        rows["text_end"] = ends
        rows["text_start"] = np.concatenate([[self._text], ends[:-1]])
        rows["text"] = np.frombuffer(b"".join(texts), np.uint8)
        return rows

    def _turn_of(self, tape: PassTape) -> int:
        self._turn += tape.phase == "prefill" and tape.chunk == 0
        return self._turn


def _drawn_rows(passes: Sequence[TakenPass]) -> Rows:
    """Only the first token of a pass can have been drawn from something known."""
    nothing = not_drawn()
    drawn = []
    for tape, _, previous in passes:
        drawn.append(nothing if previous is None else drawn_from(previous, tape.ids[0]))
        drawn += [nothing] * (len(tape.ids) - 1)
    return {
        name: np.array(values, BY_NAME[name].dtype)
        for name, values in zip(_DRAWN, zip(*drawn, strict=True), strict=True)
    }


def _read_rows(tapes: Sequence[PassTape], starts: NDArray[np.int64]) -> Rows:
    counts = [len(tape.reads) for tape in tapes]
    reads = list(chain.from_iterable(tape.reads for tape in tapes))
    values = chain.from_iterable(map(_READ_VALUES, reads))
    numbers = np.fromiter(values, np.int64, len(reads) * len(_READS)).reshape(-1, len(_READS))
    rows: Rows = dict(zip(_READS, numbers.T, strict=True))
    before = [read.resident_fraction_before for read in reads]
    rows["read_resident_fraction_before"] = np.array(before, np.float32)  # None becomes NaN
    rows["read_token"] = np.repeat(starts, counts)
    return rows
