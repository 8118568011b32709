"""Open shards of a source checkpoint, read by range; never written.

Knows file numbers, offsets and sizes; what lies there is for others to know.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import ReadError
from flashmoe_nb.storage.positional import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy.typing as npt

TILE_BYTES = 8 * 2**20
"""What is read at once of a tensor that is only copied or compared."""


class SourceFiles:
    """Descriptors of files, opened when first read and closed together."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._descriptors: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(self, file: int, offset: int, nbytes: int) -> npt.NDArray[np.uint8]:
        """Exactly `nbytes` from `offset`.

        Raises:
            ReadError: the file cannot be opened, or ends early.
        """
        data = np.empty(nbytes, np.uint8)
        if nbytes:
            read_exactly(self._descriptor(file), (data.data,), offset, nbytes, self._paths[file])
        return data

    def tiles(
        self, file: int, offset: int, nbytes: int, tile_bytes: int = TILE_BYTES
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield a range piece by piece."""
        for start in range(0, nbytes, tile_bytes):
            yield self.read(file, offset + start, min(tile_bytes, nbytes - start))

    def close(self) -> None:
        """Close what was opened."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def _descriptor(self, file: int) -> int:
        if file not in self._descriptors:
            path = self._paths[file]
            try:
                self._descriptors[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise ReadError(f"{path} cannot be opened ({error.strerror}): check that it is there") from error
        return self._descriptors[file]
