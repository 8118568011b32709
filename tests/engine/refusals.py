"""How a test of bad input asks for a refusal, and checks what it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from flashmoe_nb.errors import (
    FlashMoeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb import Session


def generate(prompt: Any, **options: Any) -> Callable[[Session], object]:
    return lambda session: list(session.generate(prompt, **{"max_tokens": 2, **options}))


def feed(ids: Any, **options: Any) -> Callable[[Session], object]:
    return lambda session: session.feed(ids, **options)


def steps(ids: Any, *, prefill: bool = False) -> Callable[[Session], object]:
    return lambda session: list(session.steps(ids, prefill=prefill))


def refused(kind: type[FlashMoeError], call: Callable[[], object]) -> FlashMoeError:
    with pytest.raises(FlashMoeError) as caught:
        call()
    assert isinstance(caught.value, kind), f"{type(caught.value).__name__}: {caught.value}"
    return caught.value


def says(error: FlashMoeError, words: tuple[str, ...]) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 700
    for part in words:
        assert part in text, f"{part!r} is not in: {text}"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open the folder twice
