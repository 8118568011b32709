import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from flashmoe_nb.errors import CheckpointError, FlashMoeError, ReadError
from flashmoe_nb.storage.safetensors_index import INDEX_NAME, CheckpointIndex
from tests.storage.shards import Tensors, write_index, write_shard

TWO_SHARDS: dict[str, Tensors] = {
    "model-00001-of-00002.safetensors": {"a": ("BF16", (3, 5)), "b": ("U8", (7,))},
    "model-00002-of-00002.safetensors": {"c": ("F32", (2, 2)), "empty": ("F32", (0, 4)), "scalar": ("F32", ())},
}


def test_index_reads_what_the_safetensors_library_wrote(tmp_path: Path):
    tensors = {
        "x.weight": np.arange(24, dtype=np.uint32).reshape(2, 3, 4),
        "y": np.linspace(0, 1, 7, dtype=np.float32),
        "h": np.ones((2, 2), np.float16),
        "i": np.arange(3, dtype=np.int64),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    index = CheckpointIndex.open(tmp_path)
    assert set(index.entries) == set(tensors)
    for name, value in tensors.items():
        assert index.entries[name].shape == value.shape
        assert index.read(name).view(value.dtype).reshape(value.shape).tolist() == value.tolist()
    assert index.entries["x.weight"].dtype == "U32"


def test_index_reads_what_mlx_wrote(tmp_path: Path):
    mx = pytest.importorskip("mlx.core")
    value = mx.arange(10).astype(mx.bfloat16)
    mx.save_safetensors(str(tmp_path / "model.safetensors"), {"w": value})
    index = CheckpointIndex.open(tmp_path)
    assert index.entries["w"].dtype == "BF16"
    assert index.read("w").tobytes() == bytes(memoryview(value.view(mx.uint16)))


@pytest.mark.parametrize("with_index", [True, False])
def test_index_reads_shards_at_odd_offsets(tmp_path: Path, with_index: bool):
    values = write_index(tmp_path, TWO_SHARDS)
    if not with_index:
        (tmp_path / INDEX_NAME).unlink()
    index = CheckpointIndex.open(tmp_path)
    assert index.entries["a"].offset % 2 == 1
    assert {name: index.read(name).tobytes() for name in index.entries} == values
    assert [path.name for path in index.files] == list(TWO_SHARDS)


def test_index_takes_the_shards_it_names_and_no_others(tmp_path: Path):
    write_index(tmp_path, TWO_SHARDS)
    write_shard(tmp_path / "consolidated.safetensors", {"a": ("BF16", (3, 5))})
    assert len(CheckpointIndex.open(tmp_path).files) == 2


def test_read_of_a_shard_cut_after_opening_is_an_error(tmp_path: Path):
    write_shard(tmp_path / "model.safetensors", {"w": ("F32", (8,))})
    index = CheckpointIndex.open(tmp_path)
    os.truncate(index.files[0], index.entries["w"].offset + 5)
    with pytest.raises(ReadError, match=r"expected 32 bytes at offset [\d,]+, got 5"):
        index.read("w")


def test_missing_folder_is_an_error(tmp_path: Path):
    with pytest.raises(CheckpointError, match="absent does not exist"):
        CheckpointIndex.open(tmp_path / "absent")


def test_a_file_in_place_of_a_folder_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="is not a folder"):
        CheckpointIndex.open(tmp_path / "file")


def test_folder_without_safetensors_is_an_error(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no \.safetensors file"):
        CheckpointIndex.open(tmp_path)


def test_missing_shard_is_an_error(tmp_path: Path):
    write_index(tmp_path, TWO_SHARDS)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002.safetensors is missing"):
        CheckpointIndex.open(tmp_path)


@pytest.mark.parametrize("change_bytes", [-1, -20, +3])
def test_shard_of_another_size_is_an_error_with_both_sizes(tmp_path: Path, change_bytes: int):
    path = tmp_path / "model.safetensors"
    write_shard(path, {"w": ("F32", (8,))})
    whole = path.stat().st_size
    os.truncate(path, whole + change_bytes)
    with pytest.raises(CheckpointError, match=f"is {whole + change_bytes:,} bytes, its header describes {whole:,}"):
        CheckpointIndex.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x10", (1 << 40).to_bytes(8, "little") + b"{}", b"version https://git-lfs"])
def test_header_longer_than_the_file_is_an_error(tmp_path: Path, content: bytes):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        CheckpointIndex.open(tmp_path)


@pytest.mark.parametrize("text", [b"{nonsense", b"\xff\xfe\x00", b'{"w": 1, "w": 2}', b"[1]"])
def test_header_that_is_no_json_object_is_an_error(tmp_path: Path, text: bytes):
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(CheckpointError, match="header is"):
        CheckpointIndex.open(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "that is 8 bytes, but its offsets 0..4 hold 4"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}, "the header is damaged"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}, "the header is damaged"),
        ({"dtype": "Q3_K", "shape": [4], "data_offsets": [0, 4]}, "has dtype Q3_K"),
        ({"dtype": "F32", "shape": [1]}, "is malformed"),
        ({"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}, "is malformed"),
    ],
)
def test_damaged_entry_is_an_error_naming_the_tensor(tmp_path: Path, fields: dict[str, object], message: str):
    text = json.dumps({"the.tensor": fields}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"1234")
    with pytest.raises(CheckpointError, match=message) as caught:
        CheckpointIndex.open(tmp_path)
    assert "the.tensor" in str(caught.value)


def test_overlapping_tensors_are_an_error(tmp_path: Path):
    part = {"dtype": "U8", "shape": [4]}
    text = json.dumps({"a": {**part, "data_offsets": [0, 4]}, "b": {**part, "data_offsets": [3, 7]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"1234567")
    with pytest.raises(CheckpointError, match="before the end of a"):
        CheckpointIndex.open(tmp_path)


def test_index_naming_an_absent_tensor_is_an_error(tmp_path: Path):
    names = {"a": "model-00001-of-00002.safetensors", "ghost": "model-00002-of-00002.safetensors"}
    write_index(tmp_path, TWO_SHARDS, names)
    with pytest.raises(CheckpointError, match=r"ghost is in model-00002-of-00002.safetensors, but no shard holds it"):
        CheckpointIndex.open(tmp_path)


def test_index_naming_the_wrong_shard_is_an_error(tmp_path: Path):
    names = {"c": "model-00001-of-00002.safetensors", "a": "model-00002-of-00002.safetensors"}
    write_index(tmp_path, TWO_SHARDS, names)
    with pytest.raises(CheckpointError, match="but it is in model-0000"):
        CheckpointIndex.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": "../x"}}'])
def test_malformed_index_is_an_error(tmp_path: Path, text: str):
    write_shard(tmp_path / "x.safetensors", {"a": ("U8", (1,))})
    (tmp_path / INDEX_NAME).write_text(text)
    with pytest.raises(CheckpointError, match=INDEX_NAME):
        CheckpointIndex.open(tmp_path)


def test_tensor_in_two_shards_is_an_error(tmp_path: Path):
    for name in ("x.safetensors", "y.safetensors"):
        write_shard(tmp_path / name, {"a": ("U8", (1,))})
    with pytest.raises(FlashMoeError, match=r"tensor a is in x.safetensors and in y.safetensors"):
        CheckpointIndex.open(tmp_path)
