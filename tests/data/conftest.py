"""The demo model as it is shipped, open in float32."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.engine import Engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo() -> Path:
    return ROOT / "data" / "demo"


@pytest.fixture(scope="session")
def engine(demo: Path) -> Iterator[Engine]:
    with fm.open(demo, dtype="float32") as engine:
        yield engine
