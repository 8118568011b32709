"""Packing: the original's bytes, and nothing lost or taken for whole when it is cut short."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.errors import CheckpointError, PackError
from flashmoe_nb.storage import pack as pack_module
from flashmoe_nb.storage.in_place import InPlaceStore
from flashmoe_nb.storage.naming import canonical_names
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.packed import PackedStore
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.storage.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.storage.source_folders import digests, hugging_face_twin, records, shard_small

ORIGINAL_OFFSETS = {
    "gate_proj.weight": (0, 2_097_152, "U32", [1024, 512]),
    "gate_proj.scales": (2_097_152, 131_072, "BF16", [1024, 64]),
    "gate_proj.biases": (2_228_224, 131_072, "BF16", [1024, 64]),
    "up_proj.weight": (2_359_296, 2_097_152, "U32", [1024, 512]),
    "up_proj.scales": (4_456_448, 131_072, "BF16", [1024, 64]),
    "up_proj.biases": (4_587_520, 131_072, "BF16", [1024, 64]),
    "down_proj.weight": (4_718_592, 2_097_152, "U32", [4096, 128]),
    "down_proj.scales": (6_815_744, 131_072, "BF16", [4096, 16]),
    "down_proj.biases": (6_946_816, 131_072, "BF16", [4096, 16]),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    synthesize("tiny", tmp_path / "source", progress=False)
    shard_small(tmp_path / "source", 3)
    return tmp_path / "source"


def test_pack_is_byte_compatible_with_the_original_engine(tmp_path: Path) -> None:
    synthesize("qwen3.5-397b", tmp_path / "m", layers=1, experts=2, vocab=512, progress=False)
    result = pack(tmp_path / "m", progress=False)
    layout = json.loads((result.folder / "layout.json").read_text())
    assert (layout["expert_size"], layout["num_layers"], layout["num_experts"]) == (7_077_888, 1, 2)
    assert {c["name"]: (c["offset"], c["size"], c["dtype"], c["shape"]) for c in layout["components"]} == (
        ORIGINAL_OFFSETS
    )
    index = CheckpointIndex.open(tmp_path / "m")
    data = (result.folder / "layer_00.bin").read_bytes()
    assert len(data) == 2 * 7_077_888
    for expert in range(2):
        for name, (offset, nbytes, _, _) in ORIGINAL_OFFSETS.items():
            stacked = index.read(f"language_model.model.layers.0.mlp.switch_mlp.{name}")
            start = expert * 7_077_888 + offset
            assert data[start : start + nbytes] == stacked[expert * nbytes : (expert + 1) * nbytes].tobytes()
    (result.folder / "manifest.json").unlink()  # the original has none
    assert PackedStore.open(result.folder).layout(0).record_bytes == 7_077_888


def test_pack_beside_the_source_leaves_the_source_alone(source: Path) -> None:
    before = digests(source)
    result = pack(source, progress=False)
    after = digests(source)
    assert {name: after[name] for name in before} == before
    assert result.folder == source / "packed_experts"
    assert not list(result.folder.glob("*.partial"))
    index = CheckpointIndex.open(source)
    in_place = InPlaceStore.from_index(index, canonical_names(index, "qwen3_5_moe"))
    packed = PackedStore.open(result.folder)
    for layer in in_place.layers:
        assert packed.layout(layer) == in_place.layout(layer)
        assert packed.manifest.layers[layer].record_bytes % 16_384 == 0
        for expert, record in enumerate(records(result.folder, layer)):
            for at, component in zip(in_place.ranges(layer, expert), in_place.layout(layer).components, strict=True):
                with index.files[at.file].open("rb") as file:
                    file.seek(at.offset)
                    assert record[component.name] == file.read(at.nbytes)
    assert pack(source, progress=False).written_bytes == 0  # packed already: nothing to do


def test_pack_to_a_folder_is_a_whole_checkpoint(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "output"
    result = pack(source, output, progress=False)
    assert result.skipped == ()
    copied = CheckpointIndex.open(output)
    original = CheckpointIndex.open(source)
    residents = {name for name in original.entries if ".switch_mlp." not in name}
    assert set(copied.entries) == residents
    for name in residents:
        assert copied.read(name).tobytes() == original.read(name).tobytes()
        assert copied.entries[name].shape == original.entries[name].shape
    for name in ("config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"):
        assert (output / name).exists()
    assert json.loads((output / "config.json").read_text()) == json.loads((source / "config.json").read_text())


def test_pack_refuses_what_cannot_be(source: Path, tmp_path: Path) -> None:
    hf = hugging_face_twin(tmp_path, "tiny", "bfloat16")
    out = tmp_path / "out"
    with pytest.raises(PackError, match="leave out --bits"):
        pack(source, out, bits=4, group_size=64, progress=False)
    with pytest.raises(PackError, match="--bits 4 --group-size 64"):
        pack(hf, out, progress=False)
    with pytest.raises(PackError, match="output folder"):
        pack(hf, bits=4, group_size=64, progress=False)
    with pytest.raises(PackError, match="bits 7"):
        pack(hf, out, bits=7, group_size=64, progress=False)
    with pytest.raises(PackError, match="give both"):
        pack(hf, out, bits=4, progress=False)
    with pytest.raises(PackError, match="source itself"):
        pack(source, source, progress=False)
    with pytest.raises(PackError, match="give an output"):
        pack(source, delete_source=True, progress=False)
    with pytest.raises(CheckpointError):
        pack(tmp_path / "missing", out, progress=False)
    assert not out.exists()
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(PackError, match=r"letter\.txt"):
        pack(source, out, progress=False)
    with pytest.raises(PackError, match=r"letter\.txt"):
        pack(source, out, restart=True, progress=False)
    assert (out / "letter.txt").read_text() == "mine"


def test_pack_checks_free_space_first(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what shutil returns
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2_000_000, 1_999_000, 1000))
    with pytest.raises(PackError, match=r"needs [\d,]+ bytes.* 1,000 free"):
        pack(source, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def _counted(inner: Callable[..., object], calls: list[int]) -> Callable[..., object]:
    def counted(*args: object, **options: object) -> object:
        calls[0] += 1
        return inner(*args, **options)

    return counted


def _count_calls(source: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many calls of a whole pack `killed_pack.py` would count."""
    calls = [0]
    with monkeypatch.context() as patch:
        for owner, name in ((os, "write"), (os, "fsync"), (pack_module, "read_record"), (Path, "replace")):
            patch.setattr(owner, name, _counted(getattr(owner, name), calls))
        pack(source, output, progress=False)
    return calls[0]


def test_pack_killed_anywhere_and_resumed_is_identical(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_calls = _count_calls(source, tmp_path / "whole", monkeypatch)
    expected, before = digests(tmp_path / "whole"), digests(source)
    chooser = random.Random(0)
    resumed = 0
    for trial in range(20):
        output = tmp_path / f"killed{trial}"
        moment = chooser.randrange(1, num_calls)
        script = Path(__file__).with_name("killed_pack.py")
        command = [sys.executable, str(script), str(moment), str(source), str(output)]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        killed = subprocess.run(command, env=env, check=False, capture_output=True, timeout=60)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-500:]
        assert not (output / "packed_experts" / "manifest.json").exists()
        with pytest.raises(CheckpointError):
            PackedStore.open(output / "packed_experts")
        result = pack(source, output, progress=False)
        resumed += result.written_bytes < result.nbytes
        assert digests(output) == expected, f"killed at call {moment}"
        shutil.rmtree(output)
    assert resumed >= 5  # some trials did go on from whole files
    assert digests(source) == before


def test_pack_resumes_only_what_is_whole(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = pack(source, tmp_path / "whole", progress=False)
    output = tmp_path / "out"
    _interrupt_before(output, source, monkeypatch, layer=2)
    first = output / "packed_experts" / "layer_00.bin"
    data = bytearray(first.read_bytes())
    data[1000] ^= 1  # same size, other bytes: not trusted
    first.write_bytes(data)
    with (output / "packed_experts" / "pack.jsonl").open("ab") as journal:
        journal.write(b'{"file": "layer_02.bin", "nby')  # cut short
    result = pack(source, output, progress=False)
    assert result.written_bytes == expected.nbytes - first.stat().st_size
    assert digests(output) == digests(tmp_path / "whole")


def _interrupt_before(output: Path, source: Path, monkeypatch: pytest.MonkeyPatch, layer: int) -> None:
    read = pack_module.read_record

    def failing(experts: object, at: int, expert: int, record: memoryview) -> None:
        if at == layer:
            raise KeyboardInterrupt
        read(experts, at, expert, record)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "read_record", failing)
        with pytest.raises(KeyboardInterrupt):
            pack(source, output, progress=False)


def test_pack_notices_a_changed_source(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out"
    _interrupt_before(output, source, monkeypatch, layer=2)
    shard = source / "model-00002-of-00003.safetensors"
    data = bytearray(shard.read_bytes())
    data[-10] ^= 1
    shard.write_bytes(data)
    with pytest.raises(PackError, match=r"model-00002-of-00003\.safetensors differs.*--restart"):
        pack(source, output, progress=False)
    pack(source, output, restart=True, progress=False)
    assert verify(output, source=source, progress=False).ok


def test_pack_notices_a_source_that_changes_meanwhile(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pack_module.write_partial_shard

    def touching(*args: object) -> str:
        os.utime(source / "model-00001-of-00003.safetensors")
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pack_module, "write_partial_shard", touching)
    with pytest.raises(CheckpointError, match="changed while it was packed"):
        pack(source, tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "packed_experts" / "manifest.json").exists()


@pytest.mark.root
@pytest.mark.parametrize("room_bytes", [700_000, 2_400_000])
def test_pack_on_a_full_disk_is_one_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room_bytes: int
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room_bytes}", "tmpfs", str(small)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        monkeypatch.setattr(pack_module, "require_free_space", lambda *_: None)
        with pytest.raises(PackError, match=r"disk is full .*free some space"):
            pack(source, small / "out", progress=False)
        assert not list(small.rglob("*.partial"))
        assert not (small / "out" / "packed_experts" / "manifest.json").exists()
        with pytest.raises(CheckpointError):
            PackedStore.open(small / "out" / "packed_experts")
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        pack(source, small / "out", progress=False)
        assert verify(small / "out", source=source, samples=64, progress=False).ok
    finally:
        subprocess.run(["umount", str(small)], check=True)
