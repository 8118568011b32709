"""A model of our own for the widgets' tests: nobody else reads or evicts its files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

import flashmoe_nb as fm
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize

TRACES = Path(__file__).parents[2] / "data" / "traces"


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """qwen3_5_moe, 4 layers, 16 experts of which 4 are active, float32, packed: residency is exact."""
    folder = tmp_path_factory.mktemp("widgets")
    synthesize("tiny", folder / "tiny", dtype="float32", progress=False)
    pack(folder / "tiny", folder / "packed", progress=False)
    return folder / "packed"


@pytest.fixture
def engine(packed: Path) -> Iterator[fm.Engine]:
    """`packed`, open with default settings."""
    with fm.open(packed) as opened:
        yield opened


@pytest.fixture
def recorded() -> fm.Trace:
    """A prompt and some 160 decoded tokens of the demo model."""
    return fm.load_trace(TRACES / "code.safetensors")


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Ask until the answer is true; what another thread does takes a moment."""

    def ask(question: Callable[[], object], timeout_s: float = 15) -> object:
        end = monotonic() + timeout_s
        while not (answer := question()):
            assert monotonic() < end, "it never came true"
            sleep(0.01)
        return answer

    return ask
