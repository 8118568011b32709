"""A tiny model with enough experts for caches to miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import flashmoe_nb as fm
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lab") / "tiny"
    synthesize("tiny", made, experts=32, dtype="float32", progress=False)
    return made


@pytest.fixture(scope="session")
def packed_folder(folder: Path) -> Path:
    made = folder.parent / "packed"
    pack(folder, made, progress=False)
    return made


@pytest.fixture
def engine(folder: Path) -> Iterator[fm.Engine]:
    with fm.open(folder, top_k=4, ops="cpu") as opened:
        yield opened
