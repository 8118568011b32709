"""An experiment as data: what it asks, what the original found, and the function that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.lab.rerun.decoding import Decoded
    from flashmoe_nb.lab.rerun.effect import Verdict
    from flashmoe_nb.lab.rerun.result import Arm
    from flashmoe_nb.lab.rerun.setting import Setting


@dataclass(slots=True)
class Found:
    """What came out of one run."""

    arms: dict[str, Arm]
    """The first is the baseline."""
    same_tokens: bool | None
    per: str = "token"
    notes: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    """Arms the verdict is about; empty: all but the baseline."""

    @classmethod
    def of(cls, decoded: Decoded, *notes: str, judged: tuple[str, ...] = ()) -> Found:
        """Of ways that decoded the same tokens."""
        return cls(decoded.arms, decoded.same_tokens, notes=notes, judged=judged)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One of the original's, made runnable."""

    name: str
    title: str
    run: Callable[[Setting], Found]
    original: str
    """What its log, or a fork's, says."""
    original_verdict: Verdict | None
    why: str
    """Why it may come out differently on another machine."""
    changes_tokens: bool = False
    """Computes something else: the others must give the baseline's tokens."""
    needs_streaming: bool = True
    """False: compares kernels, and reads no experts."""
    tokens: int = 24
    """Timed in a repetition when nothing else is asked for."""
