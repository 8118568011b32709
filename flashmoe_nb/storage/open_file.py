"""A file held open for reading, and whether it changed since.

Knows sizes and times, not contents: a file that was replaced under its name stays readable as it was.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path

_F_RDAHEAD = 45
"""Of macOS, sys/fcntl.h; Python's fcntl does not name it everywhere."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that must stay as it was when it was opened."""

    path: Path
    fd: int
    file_bytes: int
    mtime_ns: int

    @classmethod
    def open(cls, path: Path, *, read_ahead: bool = True) -> OpenFile:
        """Open for reading.

        Args:
            path: the file.
            read_ahead: False tells the system that reads jump about, so that it brings nothing beyond what is asked.

        Raises:
            ReadError: it is missing or not readable.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ReadError(
                f"{path} cannot be opened: {error.strerror}; check that it exists and is readable"
            ) from error
        if not read_ahead:
            _expect_jumps(fd)
        status = os.fstat(fd)
        return cls(path, fd, status.st_size, status.st_mtime_ns)

    def check_unchanged(self) -> None:
        """Compare size and time of the last write with those at opening; costs one fstat.

        Raises:
            ReadError: somebody wrote to the file, or cut it.
        """
        status = os.fstat(self.fd)
        if status.st_size != self.file_bytes:
            change = f"it was {self.file_bytes:,} bytes, now it is {status.st_size:,}"
        elif status.st_mtime_ns != self.mtime_ns:
            change = f"it was last written at {self.mtime_ns / 1e9:.3f} s, now at {status.st_mtime_ns / 1e9:.3f} s"
        else:
            return
        raise ReadError(f"{self.path} changed while open: {change}; close the engine and open the model again")

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


def _expect_jumps(fd: int) -> None:
    """A hint only: a file system that does not take it reads as before."""
    with suppress(OSError):
        if sys.platform == "darwin":
            fcntl.fcntl(fd, _F_RDAHEAD, 0)
        else:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
