"""Reading a range only for its effect: the bytes are copied into a small scratch buffer over and over, and dropped.

One preadv lists the same buffer up to 1024 times, so 64 MiB go by in one call and no large buffer is ever allocated.
"""

from __future__ import annotations

import os

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.ranges import file_label

_SCRATCH_BYTES = 64 * 1024
_MAX_BUFFERS = 1024  # IOV_MAX of Linux and macOS


def read_away(fd: int, offset: int, nbytes: int, flags: int = 0) -> int:
    """Read up to `nbytes` bytes at `offset` and forget them; return how many came before the first empty read.

    Args:
        fd: An open file.
        offset: Start in bytes.
        nbytes: Length in bytes.
        flags: As of `os.preadv`; with RWF_NOWAIT only what is in the page cache is read.

    Raises:
        OSError: as `os.preadv`, except that "would block" ends the reading.
    """
    scratch = memoryview(bytearray(min(nbytes, _SCRATCH_BYTES)))
    done = 0
    while done < nbytes:
        n_whole, rest_bytes = divmod(min(nbytes - done, _SCRATCH_BYTES * _MAX_BUFFERS), len(scratch))
        buffers = [scratch] * n_whole + ([scratch[:rest_bytes]] if rest_bytes else [])
        try:
            # macOS has no flags at all, so they are passed only where there are some
            n_read = os.preadv(fd, buffers, offset + done, flags) if flags else os.preadv(fd, buffers, offset + done)
        except BlockingIOError:
            break
        if n_read == 0:
            break
        done += n_read
    return done


def read_to_warm(fd: int, offset: int, nbytes: int) -> None:
    """Read the whole range into the page cache.

    Raises:
        PageCacheError: the bytes could not be read, or there were fewer.
    """
    try:
        n_read = read_away(fd, offset, nbytes)
    except OSError as error:
        msg = f"{file_label(fd)} could not be read at {offset:,}: {error.strerror}"
        raise PageCacheError(msg) from error
    if n_read != nbytes:
        msg = f"{file_label(fd)} gave {n_read:,} of {nbytes:,} bytes at {offset:,}: it became shorter while being read"
        raise PageCacheError(msg)
