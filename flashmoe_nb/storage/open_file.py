"""A file held open for reading, and whether it changed since.

Knows sizes and times, not contents: a file that was replaced under its name stays readable as it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that must stay as it was when it was opened."""

    path: Path
    fd: int
    file_bytes: int
    mtime_ns: int

    @classmethod
    def open(cls, path: Path) -> OpenFile:
        """Open for reading.

        Raises:
            ReadError: it is missing or not readable.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ReadError(
                f"{path} cannot be opened: {error.strerror}; check that it exists and is readable"
            ) from error
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
