"""A file on a real disk, big enough for neighbours, and the probe of this machine."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.pagecache import PageCacheProbe

FILE_BYTES = 64 * 1024 * 1024


def _lives_in_memory(folder: Path) -> bool:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():  # macOS has no tmpfs that a temporary folder would be put on
        return False
    points = [(line.split()[1], line.split()[2]) for line in mounts.read_text(encoding="utf-8").splitlines()]
    holding = [(point, kind) for point, kind in points if folder.resolve().is_relative_to(point)]
    return max(holding, key=lambda entry: len(entry[0]))[1] in {"tmpfs", "ramfs"}


@pytest.fixture(scope="session")
def disk_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pagecache")
    if _lives_in_memory(folder):
        pytest.skip(f"{folder} is in memory (tmpfs), nothing can be evicted there: use --basetemp on a disk")
    path = folder / "experts.bin"
    with path.open("wb") as file:
        file.write(random.Random(2).randbytes(FILE_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return path


@pytest.fixture
def disk_file(disk_path: Path) -> Iterator[int]:
    fd = os.open(disk_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def probe() -> PageCacheProbe:
    return open_probe()
