"""Records what a session feeds into a trace, in memory or into a file that grows, without evaluating anything more.

Called on the engine's thread; tokens that are rolled back leave no row. Knows how to keep rows, not how they are made.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import ClosedError, OptionError
from flashmoe_nb.observe.columns import map_columns
from flashmoe_nb.observe.facts import TraceFacts
from flashmoe_nb.observe.journal import Journal
from flashmoe_nb.observe.rows import RowMaker
from flashmoe_nb.observe.schema import empty_columns
from flashmoe_nb.observe.segments import Segments, join
from flashmoe_nb.observe.taken import take
from flashmoe_nb.observe.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session
    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.observe.taken import TakenPass

FLUSH_NS = 1_000_000_000
"""How often rows are written to the journal at first; later once in a hundredth of the time recorded so far."""
FLUSH_NS_MOST = 30 * FLUSH_NS
FLUSH_ROWS = 4096
"""So many tokens are written at once, however quickly they came."""
PENDING_TOKENS = 32
PENDING_LOGITS = 2**20
"""Rows are made for so many tokens at once, which costs half of one by one; sooner when somebody looks, and where the
logits they were drawn from are many."""


@contextmanager
def record(
    session: Session,
    path: str | Path | None = None,
    *,
    measure_residency: bool = False,
    most_experts: int | None = None,
) -> Iterator[Trace]:
    """Record everything `session` feeds while the block runs; the trace can be looked at at any moment.

    With a path, rows are written once a second (in a long run every half minute) to a journal beside it, which
    `load_trace(path)` reads even after a kill; leaving the block writes one file. Tokens that fail or are abandoned
    leave no row; nor does the token `generate` gave last, until it is fed.

    Args:
        session: to record.
        path: of the file to write; None keeps the trace in memory (`trace.save` writes it later).
        measure_residency: ask before every read how much of it the page cache holds; costs up to 0.1 ms a read.
        most_experts: keep room for so many experts of a token and layer, where a patch is to raise them above the
            engine's `top_k`.

    Raises:
        OptionError: the path is taken; `most_experts` is less than the engine's `top_k`, or more than there are.
        TraceError: it cannot be written.
    """
    _check_room(session, most_experts)
    place = None if path is None else Path(path)
    recorder = TraceRecorder(session, place, measure_residency=measure_residency, most_experts=most_experts)
    try:
        with session.tape(recorder):
            yield recorder.trace
    finally:
        recorder.close(session)


class TraceRecorder:
    """`engine.tape.Recorder` into segments."""

    def __init__(
        self, session: Session, path: Path | None, *, measure_residency: bool, most_experts: int | None = None
    ) -> None:
        engine = session.engine
        facts = TraceFacts.of(engine, most_experts)
        self._ops = engine.ops
        self.most_experts = facts.axes.K
        """Kept of a token and layer."""
        self._maker = RowMaker(facts, engine.tokenizer)
        self._segments = Segments([empty_columns(facts.axes)])
        self._journal = None if path is None else Journal(path, facts)
        self.trace = Trace(facts, self, path, complete=False)
        self.measure_residency = measure_residency
        self._staged: list[TakenPass] = []
        """Of the unit under way."""
        self._pending: list[TakenPass] = []
        """Kept, but not yet rows."""
        self._n_pending = 0
        self._logits: NDArray[np.float32] | None = None
        self._next_position = -1  # where a token drawn from these logits must stand
        self._whole, self._unflushed = 1, 0
        self._started_ns = self._flushed_ns = perf_counter_ns()
        self._closed = False
        self._lock = threading.Lock()

    def column(self, name: str) -> NDArray[np.generic]:
        """For the trace, from any thread."""
        with self._lock:
            self._make_rows()
        return self._segments.column(name)

    def tail(self, name: str, start: int) -> NDArray[np.generic]:
        """For the trace, from any thread."""
        with self._lock:
            self._make_rows()
        return self._segments.tail(name, start)

    def pass_done(self, tape: PassTape) -> None:
        """Take a pass down."""
        previous = self._logits if tape.position == self._next_position else None
        self._staged.append(take(tape, self._ops, self.most_experts, previous))

    def unit_done(self, logits: NDArray[np.float32]) -> None:
        """Keep the passes. What is old is written first: if that fails, this token is undone and the file agrees."""
        with self._lock:
            if self._closed:
                return
            self._flush()
            self._pending += self._staged
            self._n_pending += sum(len(taken.ids) for taken in self._staged)
            if self._n_pending >= min(PENDING_TOKENS, PENDING_LOGITS // len(logits)):
                self._make_rows()
            last = self._staged[-1]
            self._logits, self._next_position = logits, last.position + len(last.ids)
        self._staged = []

    def unit_undone(self) -> None:
        """Forget the passes."""
        self._staged = []

    def close(self, session: Session) -> None:
        """Take no more rows, and write the file. A token in progress is waited for first."""
        try:
            session.engine.owner_call(self._stop)
        except ClosedError:
            self._stop()
        if self._journal is not None:
            self._journal.finish(self._segments.pieces())
            self._segments.replace_all(map_columns(self._journal.path)[0])
        self.trace.complete = True

    def _stop(self) -> None:
        with self._lock:
            self._make_rows()
            self._closed = True

    def _make_rows(self) -> None:
        if self._pending:
            self._segments.append(self._maker.rows(self._pending))
            self._unflushed += self._n_pending
            self._pending, self._n_pending = [], 0

    def _flush(self) -> None:
        """Put what was kept since the last time into one piece, if it is time: a segment of the journal, or arrays."""
        now_ns = perf_counter_ns()
        wait_ns = min(max(FLUSH_NS, (now_ns - self._started_ns) // 100), FLUSH_NS_MOST)
        if now_ns - self._flushed_ns < wait_ns and self._unflushed + self._n_pending < FLUSH_ROWS:
            return
        self._make_rows()
        fresh = self._segments.pieces()[self._whole :]
        if fresh:
            piece = join(fresh) if self._journal is None else self._journal.append(fresh)
            self._segments.replace(self._whole, piece)
            self._whole += 1
        self._flushed_ns, self._unflushed = now_ns, 0


def _check_room(session: Session, most_experts: int | None) -> None:
    moe, top_k = session.engine.config.moe, session.engine.top_k
    if most_experts is not None and not top_k <= whole("most_experts", most_experts) <= (moe.num_experts if moe else 0):
        given = f"most_experts is {most_experts}, the engine's top_k {top_k} of {moe.num_experts if moe else 0} experts"
        raise OptionError(f"{given}: give a number between them, or leave it out")
