"""Verifying packed experts: silence when all is well, and a byte that changed is named by layer and expert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.manifest import read_manifest
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.storage.verify import verify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    synthesize("tiny", tmp_path / "source", layers=2, experts=8, progress=False)
    return tmp_path / "source"


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_verify_says_nothing_of_a_good_pack(source: Path, tmp_path: Path) -> None:
    packed = pack(source, progress=False)
    result = verify(source, progress=False)
    assert result.ok
    assert result.hashed_bytes == packed.nbytes
    assert result.compared_experts == 16
    assert verify(source / "packed_experts", samples=3, progress=False).compared_experts == 3

    whole = pack(source, tmp_path / "out", progress=False)
    alone = verify(tmp_path / "out", progress=False)
    assert (alone.ok, alone.compared_experts, alone.hashed_bytes) == (True, 0, whole.nbytes)
    assert verify(tmp_path / "out", source=source, samples=5, progress=False).compared_experts == 5


def test_verify_names_layer_expert_and_component_of_a_flipped_byte(source: Path) -> None:
    packed = pack(source, progress=False)
    of = read_manifest(packed.folder).layers[1]
    down = next(c for c in of.layout.components if c.name == "down_proj.scales")
    _flip(packed.folder / "layer_01.bin", 5 * of.record_bytes + down.offset + 7)
    result = verify(source, samples=0, progress=False)
    assert len(result.problems) == 2
    assert result.problems[0].startswith("layer 1: layer_01.bin has checksum")
    assert result.problems[1].startswith("layer 1 expert 5 differs")
    assert "(down_proj.scales)" in result.problems[1]


def test_verify_finds_experts_in_the_wrong_place(source: Path) -> None:
    packed = pack(source, progress=False)
    of = read_manifest(packed.folder).layers[0]
    path = packed.folder / "layer_00.bin"
    data = path.read_bytes()
    size = of.record_bytes
    path.write_bytes(data[size : 2 * size] + data[:size] + data[2 * size :])
    problems = verify(source, progress=False).problems
    assert any("layer 0 expert 0" in p for p in problems)
    assert any("layer 0 expert 1" in p for p in problems)


def test_verify_reports_missing_short_and_half_written_files(source: Path, tmp_path: Path) -> None:
    packed = pack(source, tmp_path / "out", progress=False).folder
    (packed / "layer_00.bin").unlink()
    path = packed / "layer_01.bin"
    path.write_bytes(path.read_bytes()[:-1])
    (packed / "layer_07.bin.partial").write_bytes(b"")
    _flip(tmp_path / "out" / "resident.safetensors", -3)
    problems = verify(tmp_path / "out", source=source, progress=False).problems
    assert len(problems) == 4
    assert "half-written" in problems[0]
    assert "layer_00.bin is missing" in problems[1]
    assert "bytes" in problems[2]
    assert problems[3].startswith("resident.safetensors has checksum")


def test_verify_refuses_what_is_no_pack_or_no_source_of_it(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="manifest"):
        verify(source, progress=False)
    pack(source, tmp_path / "out", progress=False)
    synthesize("tiny", tmp_path / "other", layers=2, experts=4, progress=False)
    with pytest.raises(CheckpointError, match="shape of layer 0"):
        verify(tmp_path / "out", source=tmp_path / "other", progress=False)


def test_verify_tells_another_seed_from_the_source(source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "out", progress=False)
    synthesize("tiny", tmp_path / "other", layers=2, experts=8, seed=1, progress=False)
    assert len(verify(tmp_path / "out", source=tmp_path / "other", samples=6, progress=False).problems) == 6


def test_verify_quantizes_again(tmp_path: Path) -> None:
    synthesize("tiny", tmp_path / "source", bits=None, layers=2, experts=4, progress=False)
    pack(tmp_path / "source", tmp_path / "out", bits=4, group_size=64, progress=False)
    result = verify(tmp_path / "out", source=tmp_path / "source", progress=False)
    assert (result.ok, result.compared_experts) == (True, 8)
    manifest = json.loads((tmp_path / "out" / "packed_experts" / "manifest.json").read_text())
    assert manifest["source"]["folder"] == "source"
