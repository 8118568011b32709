"""Locked memory: of this process alone, so that a child that writes has pages of its own."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.ballast import _locked


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ballast_is_private_memory() -> None:
    try:
        block = _locked(ctypes.CDLL(None, use_errno=True))
    except PageCacheError as error:
        pytest.skip(str(error))
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    ranges = (line.split() for line in Path("/proc/self/maps").read_text("ascii").splitlines())
    spans = (([int(end, 16) for end in span.split("-")], rights) for span, rights, *_ in ranges)
    assert [rights for (start, stop), rights in spans if start <= address < stop] == ["rw-p"]
