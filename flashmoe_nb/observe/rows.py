"""Turns what a session hands over about a pass into rows of columns. Knows arrays of a back end only through `Ops`."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.observe.prediction import Drawn, drawn_from, not_drawn
from flashmoe_nb.observe.router import router_summary
from flashmoe_nb.observe.schema import BY_NAME, COLUMNS, DECODE, PREFILL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.events import ExpertRead, Routing
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

_LOGITS_AT_ONCE = 2**20


class RowMaker:
    """Numbers rows and bytes of text from the start of the trace."""

    def __init__(self, facts: TraceFacts, ops: Ops, tokenizer: Tokenizer | None) -> None:
        self._facts, self._ops, self._tokenizer = facts, ops, tokenizer
        self._stages = {stage: number for number, stage in enumerate(facts.stages)}

    def rows(self, tape: PassTape, at: RowNumbers, previous: NDArray[np.float32] | None) -> Rows:
        """Rows of one pass.

        Args:
            tape: of the pass.
            at: where its rows begin.
            previous: logits [V] its first token was drawn from, if they are known.
        """
        drawn = not_drawn() if previous is None else drawn_from(previous, tape.ids[0])
        rows = self._token_rows(tape, at)
        rows |= _drawn_rows(drawn, len(tape.ids))
        rows |= self._routing_rows(tape)
        rows |= _read_rows(tape.reads, at.token)
        rows["patch_token"] = np.full(len(tape.patches), at.token)
        rows["patch_layer"] = np.array([-1 if layer is None else layer for layer, _ in tape.patches])
        rows["patch_stage"] = np.array([self._stages[stage] for _, stage in tape.patches])
        return {column.name: rows[column.name].astype(column.dtype, copy=False) for column in COLUMNS}

    def _token_rows(self, tape: PassTape, at: RowNumbers) -> Rows:
        count = len(tape.ids)
        texts = [self._tokenizer.token_bytes(token) if self._tokenizer else b"" for token in tape.ids]
        ends = at.text + np.cumsum([len(text) for text in texts])
        one = {
            "start_ns": tape.start_ns,
            "end_ns": tape.end_ns,
            "pass_start": at.token,
            "turn": at.turn,
            "phase": PREFILL if tape.phase == "prefill" else DECODE,
        }
        rows: Rows = {name: np.full(count, value) for name, value in one.items()}
        rows["token_id"] = np.asarray(tape.ids)
        rows["position"] = tape.position + np.arange(count)
        rows["text_end"] = ends
        rows["text_start"] = np.concatenate([[at.text], ends[:-1]])
        rows["text"] = np.frombuffer(b"".join(texts), np.uint8)
        return rows

    def _routing_rows(self, tape: PassTape) -> Rows:
        """Layers together, so that a GPU is asked once; of a long prefill some at a time, which bounds memory."""
        ops, tokens, layers = self._ops, len(tape.ids), len(self._facts.sparse_layers)
        if not layers:
            shapes = {"expert_ids": (0, 0), "routing_weights": (0, 0)}
            names = ("expert_ids", "routing_weights", "router_entropy", "kept_mass", "router_margin")
            return {name: np.empty((tokens, *shapes.get(name, (0,)))) for name in names}
        step = max(1, _LOGITS_AT_ONCE // (tokens * self._facts.num_experts))
        parts = [_routing_arrays(ops, tape.routing[start : start + step]) for start in range(0, layers, step)]
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def _routing_arrays(ops: Ops, routing: list[Routing]) -> Rows:
    """Of some layers. Shapes: each [T, L, ...]."""
    tokens = routing[0].expert_ids.shape[0]
    logits, expert_ids, weights = (
        ops.to_numpy(ops.concat([layer[part] for layer in routing])).reshape(tokens, len(routing), -1)
        for part in range(3)
    )
    summary = router_summary(logits, expert_ids)
    return {
        "expert_ids": expert_ids.astype(np.uint16),
        "routing_weights": weights,
        "router_entropy": summary.entropy,
        "kept_mass": summary.kept_mass,
        "router_margin": summary.margin,
    }


class RowNumbers:
    """Where the next rows begin."""

    __slots__ = ("text", "token", "turn")

    def __init__(self, token: int = 0, text: int = 0, turn: int = 0) -> None:
        self.token, self.text, self.turn = token, text, turn

    def copy(self) -> RowNumbers:
        """To go back to."""
        return RowNumbers(self.token, self.text, self.turn)

    def advance(self, rows: Rows) -> None:
        """Past these rows."""
        self.token += len(rows["token_id"])
        self.text += len(rows["text"])


def _drawn_rows(drawn: Drawn, count: int) -> Rows:
    """Only the first token of a pass was drawn from something known."""
    nothing = not_drawn()
    names = ("token_rank", "token_logprob", "sampled_from_entropy", "sampled_from_ids", "sampled_from_logprobs")
    return {
        name: np.array([first] + [other] * (count - 1), BY_NAME[name].dtype)
        for name, first, other in zip(names, drawn, nothing, strict=True)
    }


def _read_rows(reads: list[ExpertRead], token: int) -> Rows:
    values = chain.from_iterable(map(_READ_VALUES, reads))
    numbers = np.fromiter(values, np.int64, len(reads) * len(_READS)).reshape(-1, len(_READS))
    rows: Rows = dict(zip(_READS, numbers.T, strict=True))
    before = [r.resident_fraction_before for r in reads]
    rows["read_resident_fraction_before"] = np.array(before, np.float32)  # None becomes NaN
    rows["read_token"] = np.full(len(reads), token)
    return rows
