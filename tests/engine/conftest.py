"""Small checkpoints every engine test starts from; a test that damages one asks for a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmoe_nb as fm
from flashmoe_nb.storage.synth import synthesize
from tests.oracle.checkpoints import Case, write_mlx_checkpoint


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen3_5_moe, 4 layers, 16 experts of which 4 are active, float32, with tokenizer and chat template."""
    folder = tmp_path_factory.mktemp("engine") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen3_5, 4 layers, without a tokenizer."""
    return write_mlx_checkpoint(Case("qwen3_5", "4bit-g64", "float32"), tmp_path_factory.mktemp("engine") / "dense")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of `tiny` to damage."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


@pytest.fixture
def engine(tiny: Path) -> Iterator[fm.Engine]:
    """`tiny`, open with default settings."""
    with fm.open(tiny) as opened:
        yield opened
