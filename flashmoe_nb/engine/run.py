"""One feed under way: its units, its slots, and the way back when it is abandoned or fails.

A unit is what is kept or undone as a whole: a prefill of any number of chunks, or one decoded token. Runs on the owner
thread. Knows a session's state, not how the caller is told.
"""

from __future__ import annotations

from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.engine.decoder import PATCHED, Decoder, Events, Pass
from flashmoe_nb.engine.owner import Cancelled
from flashmoe_nb.engine.tape import PassTape
from flashmoe_nb.errors import NumericError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flashmoe_nb.engine.experts import Lease, Rewrite, StreamedExperts
    from flashmoe_nb.engine.tape import Recorder
    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.model import LayerState


class Memory:
    """What a session remembers: the state of each layer, and how many positions it covers."""

    def __init__(self, state: list[LayerState], position: int = 0) -> None:
        self.state = state
        self.position = position

    def fork(self) -> Memory:
        """A copy that shares arrays until one side writes."""
        return Memory([state.fork() for state in self.state], self.position)


class Run:
    """Feeds token ids to a memory, one unit after the other."""

    def __init__(
        self,
        decoder: Decoder,
        experts: StreamedExperts,
        memory: Memory,
        ids: Sequence[int],
        *,
        chunk: int | None,
        watched: bool,
        measure: bool,
        check: Callable[[], None],
        recorders: tuple[Recorder, ...] = (),
        rewrites: Mapping[tuple[int, int], Rewrite] = MappingProxyType({}),
    ) -> None:
        """`chunk` None: token by token, as decode; else prefill in chunks of that many tokens."""
        self._decoder: Decoder | None = decoder
        self._experts, self._memory = experts, memory
        self._ids, self._chunk, self._watched, self._check = ids, chunk, watched, check
        self._measure = measure or any(recorder.measure_residency for recorder in recorders)
        self._recorders, self._rewrites = recorders, rewrites
        self._lease: Lease | None = None
        self._saved: Memory | None = None
        self._events = self._all_units()
        self.last_event: StageEvent | None = None
        self.logits: mx.array | None = None
        self.done = False

    def stop_when(self, asked: Callable[[], bool]) -> None:
        """Between stages ask this too: True gives the unit at hand up."""
        check = self._check

        def both() -> None:
            check()
            if asked():
                raise Cancelled

        self._check = both

    def advance(self, reply: object = None) -> StageEvent | None:
        """Go on to the next event; None once everything is fed. Rolls back and raises when something fails."""
        try:
            self.last_event = self._events.send(reply if self.last_event is not None else None)
        except StopIteration:
            self.done = True
            self._release()
            return None
        except BaseException:
            self.abandon()
            raise
        return self.last_event

    def abandon(self) -> None:
        """Go back to the last whole unit and free the slots, whatever else fails on the way."""
        if self.done:
            return
        self.done = True
        try:
            self._events.close()
            for recorder in self._recorders:
                recorder.unit_undone()
        finally:
            self._roll_back()
            self._release()

    def _roll_back(self) -> None:
        """The state first: what comes after it may fail, again for want of memory."""
        memory, saved = self._memory, self._saved
        if saved is None:
            return
        for state, before in zip(memory.state, saved.state, strict=True):
            state.restore(before)
        memory.position = saved.position
        if not self._settled():
            self._lease = None  # freed with the arrays that still look at its slots; nobody else may fill them

    def _settled(self) -> bool:
        """Whether nothing lazy is left of the unit: keys and values beyond the position may be, and look at slots."""
        assert self._decoder is not None
        ops, settled = self._decoder.model.ops, True
        for state in self._memory.state:
            try:
                ops.evaluate(state.arrays())
            except Exception:  # noqa: BLE001 - whoever evaluates them next is told; here an error is on its way already
                settled = False
        return settled

    def _release(self) -> None:
        self._saved = self._decoder = None  # whoever keeps this run must not keep the weights of a closed engine
        if self._lease is not None:
            self._experts.give_back(self._lease)
            self._lease = None

    def _all_units(self) -> Events:
        self._lease = self._experts.lease()
        self._lease.measure, self._lease.rewrites = self._measure, self._rewrites
        for unit in [self._ids] if self._chunk else [[token] for token in self._ids]:
            memory = self._memory
            self._saved = Memory([state.snapshot() for state in memory.state], memory.position)
            self.logits = yield from self._unit(unit)
            self._saved = None

    def _unit(self, ids: Sequence[int]) -> Events:
        decoder, logits, patched = self._decoder, None, False
        assert decoder is not None
        pieces = list(_chunks(ids, self._chunk or 1))
        for number, piece in enumerate(pieces):
            assert self._lease is not None
            run = Pass(
                piece,
                self._memory.position,
                "prefill" if self._chunk else "decode",
                number,
                self._memory.state,
                self._lease,
                self._watched,
                self._check,
            )
            if self._recorders:
                run.tape = PassTape(piece, run.position, run.phase, number, perf_counter_ns())
            logits = yield from decoder.run(run, want_logits=number == len(pieces) - 1)
            self._tell(run.tape)
            patched |= run.patched
            self._memory.position += len(piece)
        values = decoder.model.ops.to_numpy(logits).astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            msg = f"the logits after position {self._memory.position - 1} are not finite: "
            damaged = "weights or scales are damaged; walk through session.steps() to find the layer, or run "
            raise NumericError(msg + (PATCHED if patched else damaged + '"flashmoe verify"'))
        for recorder in self._recorders:
            recorder.unit_done(values)
        return mx.array(values)

    def _tell(self, tape: PassTape | None) -> None:
        if tape is not None:
            tape.end_ns = perf_counter_ns()
            for recorder in self._recorders:
                recorder.pass_done(tape)


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
