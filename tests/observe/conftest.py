"""A small model to record."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmoe_nb as fm
from flashmoe_nb.storage.synth import synthesize


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen3_5_moe, 4 layers, 16 experts of which 4 are active, float32, with tokenizer."""
    folder = tmp_path_factory.mktemp("observe") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.fixture(scope="session")
def engine(tiny: Path) -> Iterator[fm.Engine]:
    """`tiny`, open with default settings."""
    with fm.open(tiny) as opened:
        yield opened
