"""The one interface to a page cache, and the choice of who answers it on this machine.

Knows no system calls; `linux` and `darwin` do. What a probe cannot measure raises `PageCacheError`, never reads as 0.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from flashmoe_nb.errors import PageCacheError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PageCacheProbe(Protocol):
    """Asks what the page cache holds, and empties or fills it; safe to call from many threads at once.

    All methods take an open file descriptor and a byte range inside the file; partial pages at either end count as
    pages. Every answer is a moment's: another process may change it before the caller reads it. All methods raise
    `PageCacheError` for a descriptor that is not an open regular file, an empty range, or one not inside the file.
    """

    @property
    def name(self) -> str:
        """What answers `residency`, for a label: "cachestat", "mincore" or "mincore (macOS)"."""

    @property
    def page_bytes(self) -> int:
        """Size of a page."""

    def residency(self, fd: int, offset: int, nbytes: int) -> float:
        """Return the share of the range's pages that are in the page cache, 0.0 to 1.0.

        Raises:
            PageCacheError: it cannot be measured, e.g. the file belongs to someone else.
        """

    def resident_pages(self, fd: int, offset: int, nbytes: int) -> NDArray[np.bool_]:
        """Return for each page whether it is in the page cache.

        Shapes: [n_pages], page 0 holds `offset`.

        Raises:
            PageCacheError: as `residency`.
        """

    def evict(self, fd: int, offset: int = 0, nbytes: int = 0) -> float:
        """Drop the range's pages from the page cache, writing dirty ones to disk first; return the share still there.

        The range is widened to whole pages. 0.0 means cold, as measured afterwards. A small rest is normal where the
        kernel keeps pages in larger blocks that reach out of the range, or where another process reads meanwhile.

        Args:
            fd: An open file.
            offset: Start in bytes.
            nbytes: Length in bytes; 0 means up to the end of the file.

        Raises:
            PageCacheError: nothing could be evicted, with the reason, or the result cannot be verified.
        """

    def prefix_resident_bytes(self, fd: int, offset: int, nbytes: int) -> int:
        """Return how many bytes from `offset` on are in the page cache without a gap; reads nothing in.

        Raises:
            PageCacheError: as `residency`.
        """

    def prefix_before_read(self, fd: int, offset: int, nbytes: int) -> int:
        """Return the resident prefix in bytes of a range that is about to be read; works for any readable file.

        On Linux the system starts to read what is missing, so asking without reading next warms the file unasked.

        Raises:
            PageCacheError: the file system cannot tell.
        """

    def warm(self, fd: int, offset: int, nbytes: int) -> None:
        """Read the range into the page cache; read-ahead may bring neighbours along.

        Raises:
            PageCacheError: the bytes could not be read.
        """

    def device_bytes_read(self) -> int:
        """Return the bytes this process, all threads, has caused to be read from storage since it started.

        Raises:
            PageCacheError: the system does not say.
        """


def open_probe(platform: str = sys.platform) -> PageCacheProbe:
    """Return the most exact probe this system offers: cachestat (Linux 6.5), else mincore; on macOS mincore.

    Raises:
        PageCacheError: there is none for this operating system.
    """
    if platform == "linux":
        from flashmoe_nb.pagecache.linux import open_linux_probe  # noqa: PLC0415 - each system loads its own

        return open_linux_probe()
    if platform == "darwin":
        from flashmoe_nb.pagecache.darwin import open_darwin_probe  # noqa: PLC0415 - each system loads its own

        return open_darwin_probe()
    msg = f'the page cache of "{platform}" cannot be asked: only linux and darwin (macOS) can; run without residency'
    raise PageCacheError(msg)
