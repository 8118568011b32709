"""Engines with coarser experts: only what was asked for changes, and it is what the formula says."""

from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError, UnsupportedError
from flashmoe_nb.lab.expert_tensors import expert_matrices
from flashmoe_nb.lab.requantizing import requantize
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize

IDS = [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("requantize") / "tiny"
    synthesize("tiny", made, dtype="float32", progress=False)
    return made


@pytest.fixture
def engine(folder: Path):
    with fm.open(folder) as opened:
        yield opened


def values(engine: fm.Engine, layer: int, expert: int) -> dict[str, np.ndarray]:
    return {name: matrix.values for name, matrix in expert_matrices(engine, layer, expert).items()}


def bits_of(engine: fm.Engine, layer: int, expert: int = 0) -> set[int]:
    return {matrix.bits for matrix in expert_matrices(engine, layer, expert).values()}


def logits(engine: fm.Engine) -> np.ndarray:
    return np.array(engine.session().feed(IDS))


def test_two_bits_are_min_and_max_of_each_group(engine: fm.Engine):
    with requantize(engine, 2) as coarse:
        assert bits_of(coarse, 0) == {2}
        for name, own in expert_matrices(engine, 1, 3).items():
            groups = own.values.reshape(-1, own.group_size)
            low, high = groups.min(1, keepdims=True), groups.max(1, keepdims=True)
            scale = (high - low) / 3
            expected = np.rint((groups - low) / np.maximum(scale, 1e-10)).clip(0, 3) * scale + low
            found = values(coarse, 1, 3)[name].reshape(expected.shape)
            assert np.abs(found - expected).max() <= 0.02 * np.abs(groups).max()
        assert coarse.checkpoint.expert_bytes < 0.65 * engine.checkpoint.expert_bytes
        assert not np.allclose(logits(coarse), logits(engine), atol=1e-3)


@pytest.mark.parametrize("bits", [2, 3])
def test_only_the_layers_asked_for_change(engine: fm.Engine, bits: int):
    with requantize(engine, bits, layers=[1, 2]) as coarse:
        assert [bits_of(coarse, layer) for layer in range(4)] == [{4}, {bits}, {bits}, {4}]
        for layer in (0, 3):
            for name, own in values(engine, layer, 5).items():
                assert np.array_equal(values(coarse, layer, 5)[name], own)


def test_only_the_experts_asked_for_change(engine: fm.Engine):
    with requantize(engine, 2, layers=[1], experts=[0, 7]) as coarse:
        assert bits_of(coarse, 1) == {4}
        assert coarse.checkpoint.expert_bytes == engine.checkpoint.expert_bytes
        for layer in range(4):
            for expert in range(16):
                changed = [
                    not np.array_equal(values(coarse, layer, expert)[name], own)
                    for name, own in values(engine, layer, expert).items()
                ]
                assert changed == [layer == 1 and expert in (0, 7)] * 3


def test_no_layers_change_nothing(engine: fm.Engine):
    with requantize(engine, 2, layers=[]) as same:
        assert np.array_equal(logits(same), logits(engine))


def test_a_folder_is_kept_and_opens_again(engine: fm.Engine, tmp_path: Path):
    with requantize(engine, 3, folder=tmp_path / "three") as coarse:
        expected = logits(coarse)
    with fm.open(tmp_path / "three", dtype="float32") as again:
        assert np.array_equal(logits(again), expected)
    with pytest.raises(OptionError, match="is not empty"):
        requantize(engine, 3, folder=tmp_path / "three")


def test_the_kept_folder_packs_into_smaller_records(engine: fm.Engine, tmp_path: Path):
    with requantize(engine, 2, folder=tmp_path / "two") as coarse:
        expected = logits(coarse)
    pack(tmp_path / "two", progress=False)
    with fm.open(tmp_path / "two", dtype="float32", experts="packed") as packed:
        assert bits_of(packed, 0) == {2}
        assert np.array_equal(logits(packed), expected)


def test_a_temporary_folder_goes_with_the_engine(engine: fm.Engine):
    coarse = requantize(engine, 2)
    written = coarse.checkpoint.folder
    assert written.exists()
    coarse.close()
    del coarse
    assert not written.exists()


def test_what_cannot_be_had_is_refused(engine: fm.Engine, tmp_path: Path):
    with pytest.raises(OptionError, match="bits is 7"):
        requantize(engine, 7)
    with pytest.raises(OptionError, match="layer 9 has no routed experts"):
        requantize(engine, 2, layers=[9])
    with pytest.raises(OptionError, match="expert 16 does not exist"):
        requantize(engine, 2, experts=[16])
    with pytest.raises(UnsupportedError, match="have 4 bits already, 5 were asked for"):
        requantize(engine, 5)
