"""What a caller may give for an option, checked before anything is opened or fed. Knows no files and no arrays."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from flashmoe_nb.config import ModelConfig

DEFAULT_SLOTS = 16
_MOST_THREADS = 64
"""More would only wait in line."""


def whole(name: str, value: object) -> int:
    """An option that counts something.

    Raises:
        OptionError: no whole number.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise OptionError(f"{name} is {value!r}, a {type(value).__name__}: give a whole number")
    return operator.index(value)


def number(name: str, value: object) -> float:
    """An option that measures something.

    Raises:
        OptionError: no number; text that looks like one is none.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        raise OptionError(f"{name} is {value!r}, a {type(value).__name__}: give a number")
    return float(value)


def stop_strings(stop: object) -> list[str]:
    """One string, or several.

    Raises:
        OptionError: anything else.
    """
    if isinstance(stop, str):
        return [stop]
    if not isinstance(stop, list | tuple) or not all(isinstance(one, str) for one in stop):
        raise OptionError(f"stop is {stop!r}: give a string, or a list of strings")
    return list(stop)


def check_top_k(top_k: int | None, config: ModelConfig) -> int:
    """Experts per token; 0 for a dense model.

    Raises:
        OptionError: outside 1 to the number of experts, or given for a dense model.
    """
    if config.moe is None:
        if top_k is not None:
            raise OptionError(f"top_k={top_k}, but {config.model_type} is dense here: leave it out")
        return 0
    if top_k is None:
        return config.moe.top_k
    if not 1 <= whole("top_k", top_k) <= config.moe.num_experts:
        msg = f"top_k is {top_k}, the model has {config.moe.num_experts} experts a layer: give 1 to "
        raise OptionError(f"{msg}{config.moe.num_experts}; the checkpoint's own is {config.moe.top_k}")
    return whole("top_k", top_k)


def check_slots(slots: int | None, top_k: int, config: ModelConfig) -> int:
    """Experts that fit in memory at once.

    Raises:
        OptionError: fewer than a token needs, or more than a layer has.
    """
    most = config.moe.num_experts if config.moe else 1
    least = max(top_k, 1)
    if slots is None:
        return min(most, max(least, DEFAULT_SLOTS))
    if not least <= whole("slots", slots) <= most:
        raise OptionError(f"slots is {slots}: give {least} (top_k) to {most} (experts a layer)")
    return whole("slots", slots)


def check_threads(read_threads: int | None) -> int:
    """Parallel reads.

    Raises:
        OptionError: outside 1 to 64.
    """
    if read_threads is None:
        return min(8, 2 * (os.cpu_count() or 1))
    return _threads("read_threads", read_threads)


def check_compute_threads(compute_threads: int | None) -> int | None:
    """Cores the CPU back end may use; None leaves it to the back end.

    Raises:
        OptionError: outside 1 to 64.
    """
    return None if compute_threads is None else _threads("compute_threads", compute_threads)


def _threads(name: str, value: int) -> int:
    if not 1 <= whole(name, value) <= _MOST_THREADS:
        raise OptionError(f"{name} is {value}: give 1 to {_MOST_THREADS}")
    return whole(name, value)
