"""The only driver of the layers' generators: evaluation, timing, events, and values sent back in place of others.

It runs T tokens through the model and yields a `StageEvent` for every stage if somebody watches, nothing otherwise: the
layers do the same in both cases. Knows no sampling, no text and no sessions.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.engine.patch import take_patch
from flashmoe_nb.errors import NumericError
from flashmoe_nb.events import Stage, StageEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.events import Phase
    from flashmoe_nb.model import ExpertSource, LayerState, Transformer
    from flashmoe_nb.ops import Array

Events = Generator[StageEvent, Any, Any]

_LARGE_PASS = 2**18
"""Tokens x hidden size above which stages run one by one, to bound their temporaries; 64 tokens of the 397B model."""


_TAPED = (Stage.ROUTER, Stage.EXPERT_READ)
"""All that a tape takes down; asked here, because a call for every stage would cost a token of the demo 3 %."""

PATCHED = "a value was sent in place of a stage's before; look whether that one is finite"


@dataclass(slots=True)
class Pass:
    """One run of T tokens through all layers."""

    ids: Sequence[int]
    position: int
    phase: Phase
    chunk: int
    state: list[LayerState]
    source: ExpertSource
    watched: bool
    check: Callable[[], None]
    """Called between stages; raises to stop."""
    patched: bool = False
    """Whether a value was sent in place of a stage's."""
    tape: PassTape | None = None
    """Takes routing and reads down, watched or not."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Drives one model."""

    model: Transformer

    def run(self, run: Pass, *, want_logits: bool) -> Events:
        """Run a pass; returns logits [V] of the last position, or None, with all states evaluated.

        Raises:
            NumericError: a value that is not finite.
        """
        model, ops = self.model, self.model.ops
        ids = np.asarray(run.ids, np.int32)
        x = yield from self._outside(run, Stage.EMBED, lambda: ops.embed(model.embed_tokens, ids))
        for layer, state in zip(model.layers, run.state, strict=True):
            x = yield from self._drive(run, layer.number, layer.steps(ops, x, state, run.source))
        logits = None
        if want_logits:
            row = ops.last_row(x)
            normed = yield from self._outside(
                run, Stage.FINAL_NORM, lambda: ops.rms_norm(row, model.norm, model.config.rms_norm_eps)
            )
            logits = yield from self._outside(
                run, Stage.LOGITS, lambda: ops.reshape(ops.linear(normed, model.lm_head), (model.config.vocab_size,))
            )
        ops.evaluate(logits, tuple(state.arrays() for state in run.state))
        return logits

    def _drive(self, run: Pass, layer: int, steps: Generator[tuple[Stage, Any], Any, Any]) -> Events:
        """Resume one layer until it returns."""
        value: Any = None
        wave = -1
        began_ns = perf_counter_ns()
        while True:
            run.check()
            start_ns = perf_counter_ns()
            try:
                stage, value = steps.send(value)
            except StopIteration as stop:
                if run.tape is not None:
                    run.tape.end_layer(began_ns)
                return stop.value
            if stage is Stage.EXPERT_READ:
                wave += 1
            if run.watched:
                in_wave = stage in (Stage.EXPERT_READ, Stage.EXPERT_COMPUTE)
                value = yield from self._show(run, stage, layer, max(wave, 0) if in_wave else 0, start_ns, value)
            elif stage is not Stage.EXPERT_READ and len(run.ids) * self.model.config.hidden_size > _LARGE_PASS:
                self.model.ops.evaluate(value)
                self.model.ops.release()  # the stage's temporaries, before the next one allocates its own
            if run.tape is not None and stage in _TAPED:
                run.tape.add(stage, value)

    def _outside(self, run: Pass, stage: Stage, compute: Callable[[], Array]) -> Events:
        """A stage that belongs to no layer."""
        run.check()
        start_ns = perf_counter_ns()
        value = compute()
        if run.watched:
            value = yield from self._show(run, stage, None, 0, start_ns, value)
        return value

    def _show(self, run: Pass, stage: Stage, layer: int | None, wave: int, start_ns: int, value: Any) -> Events:
        """Evaluate, yield the event, and go on with what was sent back, if anything."""
        ops = self.model.ops
        if stage is not Stage.EXPERT_READ:
            ops.evaluate(value)
        if stage is Stage.COMBINE and not np.isfinite(ops.to_numpy(value)).all():
            msg = f"layer {layer} gave values that are not finite at position {run.position}: "
            damaged = 'its weights are damaged; run "flashmoe verify" on the checkpoint'
            raise NumericError(msg + (PATCHED if run.patched else damaged))
        n_tokens = 1 if stage in (Stage.FINAL_NORM, Stage.LOGITS) else len(run.ids)
        position = run.position + len(run.ids) - n_tokens
        event = StageEvent(
            stage,
            layer,
            position,
            n_tokens,
            run.phase,
            run.chunk,
            wave,
            start_ns,
            perf_counter_ns(),
            synced=True,
            value=value,
        )
        sent = yield event
        if sent is not None:
            event.value, event.patched, run.patched = take_patch(ops, event, sent), True, True
            if run.tape is not None:
                run.tape.patches.append((layer, stage))
        return event.value
