"""The same tokens under two settings: how far the next-token distribution moves, and what each read."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.observe.debugger import Debugger
from flashmoe_nb.observe.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session


@dataclass(frozen=True, slots=True)
class Comparison:
    """After the last token, a against b."""

    a: Patches
    b: Patches
    kl_bits: float
    """KL(a || b) of the next-token distributions."""
    largest_logit_difference: float
    top_a: tuple[tuple[str, float], ...]
    """The five likeliest next tokens and their probabilities."""
    top_b: tuple[tuple[str, float], ...]
    bytes_a: int
    """Expert bytes read."""
    bytes_b: int

    def __repr__(self) -> str:
        said = f"{self.top_a[0][0]!r} {self.top_a[0][1]:.3f} -> {self.top_b[0][0]!r} {self.top_b[0][1]:.3f}"
        return f"<Comparison KL {self.kl_bits:.4g} bit, {said}, {self.bytes_a:,} and {self.bytes_b:,} bytes read>"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{escape(repr(one))}</td><td>{p:.4f}</td><td>{escape(repr(other))}</td><td>{q:.4f}</td></tr>"
            for (one, p), (other, q) in zip(self.top_a, self.top_b, strict=True)
        )
        head = f"<tr><th colspan=2>{escape(repr(self.a))}</th><th colspan=2>{escape(repr(self.b))}</th></tr>"
        foot = f"KL {self.kl_bits:.4g} bit, largest logit difference {self.largest_logit_difference:.4g}, "
        return f"<table>{head}{cells}</table><p>{foot}{self.bytes_a:,} and {self.bytes_b:,} bytes of experts read</p>"


def compare(
    session: Session, token_ids: Sequence[int], a: Patches | None = None, b: Patches | None = None
) -> Comparison:
    """Feed the same tokens to two forks, patched as `a` and as `b`; the session stays where it is.

    Args:
        session: stands before the tokens.
        token_ids: what both are fed.
        a: changes of the one; None changes nothing.
        b: changes of the other.
    """
    a, b = a or Patches(), b or Patches()
    (logits_a, bytes_a), (logits_b, bytes_b) = (_patched(session, token_ids, patches) for patches in (a, b))
    log_a, log_b = _log_softmax(logits_a), _log_softmax(logits_b)
    kl = float((np.exp(log_a) * (log_a - log_b)).sum() / np.log(2))
    difference = float(np.abs(logits_a - logits_b).max())
    return Comparison(a, b, kl, difference, _top(session, log_a), _top(session, log_b), bytes_a, bytes_b)


def _patched(session: Session, token_ids: Sequence[int], patches: Patches) -> tuple[NDArray[np.float64], int]:
    before = session.engine.bytes_read
    with Debugger(session.fork(), list(token_ids), mark_bytes=0) as debugger:
        debugger.patches = patches
        debugger.run()
        return np.array(debugger.logits, np.float64), session.engine.bytes_read - before


def _top(session: Session, log_p: NDArray[np.float64], count: int = 5) -> tuple[tuple[str, float], ...]:
    tokenizer = session.engine.tokenizer
    best = np.argsort(-log_p, kind="stable")[:count].tolist()
    return tuple((tokenizer.decode([i]) if tokenizer else str(i), float(np.exp(log_p[i]))) for i in best)


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
