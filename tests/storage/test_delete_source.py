"""Deleting the source of a pack: shard by shard, and never what was not found again in the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.errors import PackError
from flashmoe_nb.storage import delete_source
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.storage.verify import verify
from tests.storage.source_folders import digests, hugging_face_twin, shard_small

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    synthesize("tiny", tmp_path / "source", progress=False)
    shard_small(tmp_path / "source", 3)
    return tmp_path / "source"


def test_pack_deletes_the_source_shard_by_shard(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(source, tmp_path / "whole", progress=False)
    check, seen = delete_source._check_residents, []

    def failing_later(plan: object, number: int) -> None:
        check(plan, number)  # type: ignore[arg-type]
        seen.append(number)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delete_source, "_check_residents", failing_later)
        with pytest.raises(KeyboardInterrupt):
            pack(source, tmp_path / "out", delete_source=True, progress=False)
    left = sorted(path.name for path in source.glob("*.safetensors"))
    assert left == ["model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"]
    result = pack(source, tmp_path / "out", delete_source=True, progress=False)
    assert result.deleted == tuple(left)
    assert not list(source.glob("*safetensors*"))
    assert (source / "tokenizer.json").exists()
    whole, out = digests(tmp_path / "whole"), digests(tmp_path / "out")
    assert {name: out[name] for name in whole} == whole
    assert verify(tmp_path / "out", progress=False).ok


@pytest.mark.parametrize("file", ["packed_experts/layer_03.bin", "resident.safetensors"])
def test_pack_keeps_a_shard_that_is_not_wholly_in_the_output(source: Path, tmp_path: Path, file: str) -> None:
    output = tmp_path / "out"
    pack(source, output, progress=False)
    damaged = output / file
    data = bytearray(damaged.read_bytes())
    data[-40_000] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(PackError, match="the shard is kept"):
        pack(source, output, delete_source=True, progress=False)
    assert list(source.glob("*.safetensors"))


def test_pack_deletes_a_quantized_source_after_quantizing_again(tmp_path: Path) -> None:
    hf = hugging_face_twin(tmp_path, "tiny", "bfloat16")
    result = pack(hf, tmp_path / "out", bits=4, group_size=64, delete_source=True, progress=False)
    assert len(result.deleted) == 3
    assert verify(tmp_path / "out", progress=False).ok
