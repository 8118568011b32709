"""Byte ranges of a file as whole pages, and the checks that keep a page cache from being asked nonsense.

The kernels answer "0 pages" for pipes, directories and bytes after the end of a file; here those are errors, because a
zero that was not measured looks like a cold cache. Knows no system call but fstat.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.errors import PageCacheError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PageSpan:
    """The whole pages that a byte range touches; its partial first and last page count as pages."""

    start_bytes: int
    """Offset of the first page in the file, a multiple of `page_bytes`."""
    n_pages: int
    page_bytes: int

    @classmethod
    def covering(cls, offset: int, nbytes: int, page_bytes: int) -> PageSpan:
        """Widen `nbytes` > 0 bytes at `offset` to whole pages."""
        first = offset // page_bytes
        last = (offset + nbytes - 1) // page_bytes
        return cls(first * page_bytes, last - first + 1, page_bytes)

    @property
    def nbytes(self) -> int:
        """Size of all pages together; may reach past the end of the file by less than a page."""
        return self.n_pages * self.page_bytes


def file_label(fd: int) -> str:
    """Name an open file for a message: its path where the system tells it, else the descriptor's number."""
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return f"file descriptor {fd}"


def regular_file(fd: int) -> os.stat_result:
    """Stat an open regular file.

    Raises:
        PageCacheError: `fd` is not open, or is no regular file.
    """
    try:
        status = os.fstat(fd)
    except OSError as error:
        msg = f"file descriptor {fd} cannot be asked about ({error.strerror}): pass one that is open"
        raise PageCacheError(msg) from error
    if not stat.S_ISREG(status.st_mode):
        msg = f"{file_label(fd)} is no regular file (mode {status.st_mode:o}): the page cache is only known for those"
        raise PageCacheError(msg)
    return status


def page_span(fd: int, offset: int, nbytes: int, page_bytes: int) -> PageSpan:
    """Return the pages of a byte range that lies wholly inside the file.

    Raises:
        PageCacheError: `fd` is no open regular file, or the range is empty or not inside it.
    """
    size_bytes = regular_file(fd).st_size
    if offset < 0 or nbytes <= 0 or offset + nbytes > size_bytes:
        msg = (
            f"{file_label(fd)} is {size_bytes:,} bytes, asked about {nbytes:,} bytes at {offset:,}: "
            "a range must be at least one byte and end inside the file"
        )
        raise PageCacheError(msg)
    return PageSpan.covering(offset, nbytes, page_bytes)


def span_to_evict(fd: int, offset: int, nbytes: int, page_bytes: int) -> PageSpan | None:
    """Like `page_span`, but `nbytes` 0 means up to the end of the file; None when that leaves no bytes.

    Raises:
        PageCacheError: as `page_span`.
    """
    if nbytes == 0:
        nbytes = regular_file(fd).st_size - offset
        if nbytes == 0:
            return None
    return page_span(fd, offset, nbytes, page_bytes)


def leading_bytes(pages: NDArray[np.bool_], offset: int, nbytes: int, page_bytes: int) -> int:
    """Return how many bytes of a range lie in resident pages before the first page that is not.

    Shapes: pages [n_pages], those the range touches.
    """
    if pages.all():
        return nbytes
    n_leading = int(pages.argmin())
    return max(0, n_leading * page_bytes - offset % page_bytes)
