"""Residency of experts as the page cache has it: files on a real disk, really evicted and read.

Other processes may evict or read too; nobody else knows these files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import ClosedError, OptionError, PageCacheError
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One layer of the true 35B shape, 12 experts of 1.8 MB, and the same packed beside it."""
    folder = tmp_path_factory.mktemp("residency") / "large"
    synthesize("qwen3.5-35b", folder, layers=2, experts=12, vocab=2048, progress=False)
    pack(folder, folder.parent / "packed", progress=False)
    return folder


@pytest.fixture(params=["packed", "in-place"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _open(large: Path, kind: str) -> fm.Engine:
    return fm.open(large.parent / "packed" if kind == "packed" else large, top_k=3, slots=12)


def test_residency_follows_eviction_and_warming(large: Path, kind: str) -> None:
    with _open(large, kind) as engine:
        engine.warm()
        np.testing.assert_array_equal(engine.residency_map(), np.ones((2, 12), np.float32))
        assert engine.evict() < 0.01
        np.testing.assert_array_equal(engine.residency(0), np.zeros(12, np.float32))
        nbytes = engine.warm(1, [3, 7])
        assert nbytes == 2 * engine.checkpoint.expert_bytes // 24
        shares = engine.residency(1)
        assert shares[3] == shares[7] == 1
        assert shares[11] < 0.5  # far from both: read-ahead does not reach it
        assert engine.residency(0).max() < 0.5


def test_eviction_of_one_expert_leaves_the_others(large: Path, kind: str) -> None:
    """Blocks of pages that reach out of the expert may stay, or go whole: so shares, not zeros and ones."""
    with _open(large, kind) as engine:
        engine.evict()
        for expert in range(12):
            engine.warm(0, [expert])
        engine.evict(0, [5])
        shares = engine.residency(0)
        assert shares[5] < 0.5
        assert np.delete(shares, 5).min() > 0.8
        engine.evict(0)
        assert engine.residency(0).max() < 0.1


def test_reads_report_what_was_evicted(large: Path) -> None:
    """`resident_fraction_before` of the next reads against the map taken just before."""
    with _open(large, "packed") as engine:
        session = engine.session()
        engine.warm()
        first = [read for event in session.steps([5]) if event.stage == "expert_read" for read in event.value]
        assert {read.resident_fraction_before for read in first} == {1.0}
        engine.evict()
        gone = first[0]
        for layer, expert in {(read.layer, read.expert) for read in first} - {(gone.layer, gone.expert)}:
            engine.warm(layer, [expert])
        engine.evict(gone.layer, [gone.expert])
        before = engine.residency_map()
        session.reset()
        again = [read for event in session.steps([5]) if event.stage == "expert_read" for read in event.value]
        assert [read.expert for read in again] == [read.expert for read in first]
        for read in again:
            assert read.resident_fraction_before == pytest.approx(before[read.layer, read.expert], abs=0.01)
        assert again[0].resident_fraction_before < 0.5
        assert np.mean([read.resident_fraction_before for read in again[1:]]) > 0.8  # a neighbour may have gone with it


def test_small_experts_that_share_pages_are_refused(tmp_path: Path) -> None:
    """27,648 bytes in nine ranges where they lie; packed, each has whole pages of its own."""
    synthesize("tiny", tmp_path / "tiny", progress=False)
    with fm.open(tmp_path / "tiny") as engine, pytest.raises(PageCacheError, match=r"share pages .*flashmoe pack"):
        engine.residency(0)
    pack(tmp_path / "tiny", tmp_path / "packed", progress=False)
    with fm.open(tmp_path / "packed") as engine:
        engine.warm()
        assert engine.residency(0).tolist() == [1.0] * 16


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda e: e.residency(9), "layer 9 has no experts that stream: give one of 0, 1, 2, 3"),
        (lambda e: e.residency("0"), "layer is '0', a str: give a whole number"),
        (lambda e: e.evict(0, [16]), "expert 16 is not in layer 0: give 0 to 15"),
        (lambda e: e.warm(0, [1.5]), "expert is 1.5, a float"),
        (lambda e: e.evict(experts=[1]), "experts were given without a layer"),
    ],
)
def test_wrong_calls_are_refused(call: Callable[[fm.Engine], object], says: str, engine: fm.Engine) -> None:
    with pytest.raises(OptionError, match=says.replace("(", r"\(")):
        call(engine)


def test_closed_engine_is_refused(tiny: Path) -> None:
    engine = fm.open(tiny)
    engine.close()
    for call in (engine.residency_map, engine.evict, engine.warm):
        with pytest.raises(ClosedError, match="open the model again"):
            call()


def test_where_experts_lie_is_worked_out_once(large: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _open(large, kind) as engine:
        store = type(engine.checkpoint.routed)
        asked: list[int] = []
        ranges = store.ranges
        monkeypatch.setattr(store, "ranges", lambda self, layer, e: asked.append(e) or ranges(self, layer, e))
        first = engine.residency(0)
        assert sorted(asked) == list(range(12))
        np.testing.assert_array_equal(engine.residency(0), first)
        assert len(asked) == 12
        engine.residency(1)
        assert len(asked) == 24, "each layer lies elsewhere"
