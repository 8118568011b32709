"""How much faster or slower one way is than another, from repetitions that took turns, with a 95 % interval.

Repetitions are paired: whatever else the machine did fell on both. Pure functions of numbers.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

_T95 = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Two-sided 95 % points of Student's t by degrees of freedom, from 1."""
_T95_MANY = 2.0
_MOST_SHOWN = 10
_CLOSE = 0.1
"""An interval about 0 no wider than this to either side says that there is no difference worth having."""


class Verdict(StrEnum):
    """Of a way, in speed."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no difference"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Effect:
    """Speed relative to the baseline: 0.1 is a tenth faster."""

    gain: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Whether the interval leaves out 0, or lies close about it."""
        if self.low > 0:
            return Verdict.FASTER
        if self.high < 0:
            return Verdict.SLOWER
        return Verdict.NO_DIFFERENCE if self.high - self.low <= 2 * _CLOSE else Verdict.UNCLEAR

    def __str__(self) -> str:
        return f"{_shown(self.gain)} [{_shown(self.low)}, {_shown(self.high)}]"


def _shown(gain: float) -> str:
    return f"{gain:+.1%}" if gain < _MOST_SHOWN else f"> {_MOST_SHOWN:+.0%}"


def effect(baseline_ns: Sequence[float], other_ns: Sequence[float]) -> Effect:
    """Of `other` against `baseline`, pair by pair, as a ratio of times.

    Raises:
        OptionError: fewer than two pairs, or counts that differ.
    """
    if len(baseline_ns) != len(other_ns) or len(baseline_ns) < 2:  # noqa: PLR2004 - a spread needs two
        msg = f"{len(baseline_ns)} and {len(other_ns)} repetitions: an interval needs the same number, 2 or more"
        raise OptionError(msg)
    logs = [math.log(base / other) for base, other in zip(baseline_ns, other_ns, strict=True)]
    mean, half = statistics.mean(logs), t95(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Effect(math.expm1(mean), math.expm1(mean - half), math.expm1(mean + half))


def t95(freedom: int) -> float:
    """Student's t for a 95 % interval."""
    return _T95[freedom - 1] if freedom <= len(_T95) else _T95_MANY
