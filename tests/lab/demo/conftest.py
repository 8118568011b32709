"""Small pools and documents, so that no test needs a fetched package."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashmoe_nb.lab.demo.pools import Pools, Split

_NAMES = [
    f"{a}{b}" for a in ("Ada", "Bert", "Carl", "Dora", "Emil", "Fay") for b in ("", "na", "lin", "rick", "son", "ette")
]
_GLOSSES = {f"{a}{b}": f"a kind of {b}" for a in ("sun", "moon", "rain", "fire", "wind", "stone") for b in (
    "berry", "flower", "stick", "wood", "boat", "lamp", "gate", "ring")}  # fmt: skip


@pytest.fixture(scope="session")
def pools() -> dict[Split, Pools]:
    """Both splits of made-up pools."""
    return {split: Pools.of(split, _NAMES, _GLOSSES) for split in Split}


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    """The demo model as it is shipped."""
    return Path(__file__).parents[3] / "data" / "demo"
