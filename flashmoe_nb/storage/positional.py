"""Exact positional reads: every byte asked for, from a given offset, straight into the caller's memory, or an error.

Knows file descriptors and buffers, not tensors or experts. `os.preadv` releases the GIL and retries EINTR by itself
(PEP 475); a signal handler that raises, as Ctrl-C does, ends the read with its exception.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_BUFFERS = os.sysconf("SC_IOV_MAX")
"""Buffers one preadv may fill."""

MAX_CALL_BYTES = 1 << 30
"""Bytes asked for in one call: macOS refuses 2**31 and more, Linux silently cuts there."""


def read_exactly(fd: int, buffers: Sequence[memoryview], offset: int, nbytes: int, file: Path) -> int:
    """Fill `buffers` one after the other from `offset`; returns the system calls it took.

    Args:
        fd: open for reading.
        buffers: writable and contiguous, `nbytes` together.
        offset: absolute, in bytes.
        nbytes: what the buffers hold together.
        file: named in errors only.

    Raises:
        ReadError: the file ends early, or the operating system reports an error.
    """
    if len(buffers) <= MAX_BUFFERS and nbytes <= MAX_CALL_BYTES:
        try:
            got = os.preadv(fd, buffers, offset)
        except OSError as error:
            raise _failed(file, offset, nbytes, 0, error) from error
        if got == nbytes:
            return 1
        calls = 1
    else:
        got, calls = 0, 0
    return calls + _read_rest(fd, buffers, (offset, nbytes, got), file)


def _read_rest(fd: int, buffers: Sequence[memoryview], span: tuple[int, int, int], file: Path) -> int:
    """Go on after a short count, or with more than one call can take; returns the further calls."""
    offset, nbytes, got = span
    calls = 0
    while got < nbytes:
        try:
            count = os.preadv(fd, _remaining(buffers, got), offset + got)
        except OSError as error:
            raise _failed(file, offset, nbytes, got, error) from error
        calls += 1
        if count == 0:
            raise _failed(file, offset, nbytes, got, None)
        got += count
    return calls


def _remaining(buffers: Sequence[memoryview], skip_bytes: int) -> list[memoryview]:
    """What one call may fill after the first `skip_bytes` bytes."""
    rest: list[memoryview] = []
    room = MAX_CALL_BYTES
    for buffer in buffers:
        if skip_bytes >= buffer.nbytes:
            skip_bytes -= buffer.nbytes
            continue
        piece = as_bytes(buffer)[skip_bytes : skip_bytes + room]
        skip_bytes = 0
        room -= piece.nbytes
        rest.append(piece)
        if room == 0 or len(rest) == MAX_BUFFERS:
            break
    return rest


def as_bytes(buffer: memoryview) -> memoryview:
    """The same memory by bytes; `memoryview.cast` refuses MLX's bfloat16, whose format has no native letter."""
    return np.frombuffer(buffer, np.uint8).data


def _failed(file: Path, offset: int, nbytes: int, got: int, cause: OSError | None) -> ReadError:
    reason = "the file ends there: it was cut short" if cause is None else f"{cause.strerror} (errno {cause.errno})"
    return ReadError(
        f"{file}: expected {nbytes:,} bytes at offset {offset:,}, got {got:,}: {reason}; "
        "check the disk and the file's size, then open the model again",
    )
