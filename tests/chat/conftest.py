"""A tiny random model with the demo's chat template, and a way to put words into its mouth."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.sampling import Sampler
from flashmoe_nb.storage.synth import synthesize

TEMPLATE = Path(fm.__file__).parent / "lab" / "demo" / "chat_template.jinja"

Script = Callable[..., None]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen3_5_moe, 4 layers, a tokenizer of bytes, the template with both tool formats."""
    folder = tmp_path_factory.mktemp("chat") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    shutil.copy(TEMPLATE, folder / "chat_template.jinja")
    return folder


@pytest.fixture(scope="session")
def shared_engine(checkpoint: Path) -> Iterator[fm.Engine]:
    with fm.open(checkpoint) as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: fm.Engine) -> fm.Engine:
    """Sessions are the tests' own."""
    return shared_engine


@pytest.fixture
def script(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Make the model say these turns, each ended by its stop token; after the last it is silent."""
    waiting: list[int] = []
    assert engine.tokenizer is not None
    end = engine.tokenizer.eos_id
    assert end is not None

    def draw(_self: Sampler, _logits: np.ndarray, _rng: np.random.Generator) -> int:
        return waiting.pop(0) if waiting else end

    def say(*turns: str) -> None:
        waiting.clear()
        for turn in turns:
            waiting.extend([*engine.encode(turn), end] if turn else [end])
        monkeypatch.setattr(Sampler, "draw", draw)

    return say
