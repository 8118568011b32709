import hashlib
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from flashmoe_nb.errors import CheckpointError, UnsupportedError
from flashmoe_nb.storage.manifest import Manifest, PackedLayer, read_manifest, write_manifest
from flashmoe_nb.storage.packed import PackedStore
from flashmoe_nb.storage.record import RecordLayout
from tests.storage.shards import quantized_layout

# The 397B shape: the layout the original engine's files have.
ORIGINAL_OFFSETS = [0, 2097152, 2228224, 2359296, 4456448, 4587520, 4718592, 6815744, 6946816]


def write_pack(folder: Path, layout: RecordLayout, E: int = 3, layers: tuple[int, ...] = (0, 2)) -> Manifest:
    folder.mkdir(exist_ok=True)
    found: dict[int, PackedLayer] = {}
    for number in layers:
        name = f"layer_{number:02d}.bin"
        data = random.Random(number).randbytes(E * layout.record_bytes)
        (folder / name).write_bytes(data)
        found[number] = PackedLayer(name, E, layout, layout.record_bytes, len(data), hashlib.sha256(data).hexdigest())
    manifest = Manifest(len(layers), found, {"folder": "source"}, {"bits": 4, "group_size": 32})
    write_manifest(folder, manifest)
    return manifest


def original_json(layout: RecordLayout, E: int, expert_bytes: int, layers: int = 2) -> dict[str, object]:
    components = [
        {"name": part.name, "offset": part.offset, "size": part.nbytes, "dtype": part.dtype, "shape": list(part.shape)}
        for part in layout.components
    ]
    return {"expert_size": expert_bytes, "num_layers": layers, "num_experts": E, "components": components}


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_layer(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    data["layers"]["0"] |= changes
    path.write_text(json.dumps(data))


@pytest.fixture
def layout() -> RecordLayout:
    return quantized_layout(32, 64)


@pytest.fixture
def packed(tmp_path: Path, layout: RecordLayout) -> Path:
    write_pack(tmp_path / "packed_experts", layout)
    return tmp_path / "packed_experts"


def test_manifest_comes_back_as_it_was_written(tmp_path: Path, layout: RecordLayout):
    manifest = write_pack(tmp_path, layout)
    assert read_manifest(tmp_path) == manifest
    assert json.loads((tmp_path / "manifest.json").read_text())["format_version"] == 1


def test_packed_ranges_follow_one_another_in_whole_records(packed: Path, layout: RecordLayout):
    store = PackedStore.open(packed)
    assert (store.kind, store.layers, store.num_experts(2)) == ("packed", (0, 2), 3)
    assert store.layout(0) is store.layout(2)
    assert store.layout(0) == layout
    ranges = store.ranges(2, 1)
    assert store.files[ranges[0].file].name == "layer_02.bin"
    at = layout.record_bytes
    for part, where in zip(layout.components, ranges, strict=True):
        assert (where.offset, where.nbytes) == (at, part.nbytes)
        at += where.nbytes
    assert not store.shares_pages(0)
    with pytest.raises(AssertionError):
        store.ranges(0, 3)


def test_layout_of_the_397b_shape_is_the_original_engines():
    layout = quantized_layout(1024, 4096, group_size=64)
    assert [part.offset for part in layout.components] == ORIGINAL_OFFSETS
    assert layout.record_bytes == layout.payload_bytes == 7_077_888


def test_original_layout_json_is_read_where_there_is_no_manifest(packed: Path, layout: RecordLayout):
    (packed / "manifest.json").unlink()
    (packed / "layer_02.bin").rename(packed / "layer_01.bin")
    (packed / "layout.json").write_text(json.dumps(original_json(layout, 3, layout.record_bytes)))
    store = PackedStore.open(packed)
    assert (store.layers, store.layout(1), store.num_experts(1)) == ((0, 1), layout, 3)
    assert not store.shares_pages(0)


def test_original_records_without_padding_share_pages(tmp_path: Path, layout: RecordLayout):
    (tmp_path / "layout.json").write_text(json.dumps(original_json(layout, 2, layout.payload_bytes, layers=1)))
    (tmp_path / "layer_00.bin").write_bytes(bytes(2 * layout.payload_bytes))
    store = PackedStore.open(tmp_path)
    assert store.shares_pages(0)
    assert store.ranges(0, 1)[0].offset == layout.payload_bytes


@pytest.mark.parametrize("change_bytes", [-8192, 1])
def test_layer_file_of_another_size_is_an_error_with_both(packed: Path, change_bytes: int):
    path = packed / "layer_02.bin"
    whole = path.stat().st_size
    os.truncate(path, whole + change_bytes)
    message = (
        rf"layer_02.bin is {whole + change_bytes:,} bytes, the manifest says {whole:,}: packing stopped early; run"
    )
    with pytest.raises(CheckpointError, match=message):
        PackedStore.open(packed)


def test_missing_layer_file_is_an_error(packed: Path):
    (packed / "layer_00.bin").unlink()
    with pytest.raises(CheckpointError, match=r"layer_00.bin is missing"):
        PackedStore.open(packed)


def test_leftover_partial_is_an_error_with_the_remedy(packed: Path):
    (packed / "layer_03.bin.partial").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r'layer_03.bin.partial is half-written.*run "flashmoe pack"'):
        PackedStore.open(packed)


def test_folder_without_description_is_an_error(packed: Path):
    (packed / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"neither manifest.json nor layout.json"):
        PackedStore.open(packed)


def test_missing_folder_is_an_error(tmp_path: Path):
    with pytest.raises(CheckpointError, match="is no folder"):
        PackedStore.open(tmp_path / "absent")


def test_newer_format_is_unsupported(packed: Path):
    edit_manifest(packed, format_version=2)
    with pytest.raises(UnsupportedError, match="format_version 2"):
        PackedStore.open(packed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_layers": 3}, "describes 2 layers, its num_layers is 3"),
        ({"num_layers": None}, "is malformed"),
        ({"layers": []}, "is malformed"),
        ({"format_version": "new"}, "is malformed"),
    ],
)
def test_malformed_manifest_is_an_error(packed: Path, changes: dict[str, object], message: str):
    edit_manifest(packed, **changes)
    with pytest.raises(CheckpointError, match=message):
        PackedStore.open(packed)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"'])
def test_manifest_that_is_no_json_object_is_an_error(packed: Path, text: str):
    (packed / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        PackedStore.open(packed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "../layer_00.bin"}, "no file name"),
        ({"file": ""}, "no file name"),
        ({"num_experts": 4}, "is not 4 records"),
        ({"num_experts": 0, "file_bytes": 0}, "is not 0 records"),
        ({"payload_bytes": 5}, "do not fit payload_bytes 5"),
        ({"record_bytes": 128, "file_bytes": 384}, "and record_bytes 128"),
        ({"components": []}, "lists no components"),
        ({"components": [{"name": "w", "dtype": "I4", "shape": [1], "offset": 0}]}, "w has dtype I4"),
        ({"components": [{"name": "w", "dtype": "F32", "shape": [1], "offset": 4}]}, "w is at offset 4, expected 0"),
        ({"components": [{"name": "w"}]}, "is malformed"),
    ],
)
def test_malformed_layer_is_an_error(packed: Path, changes: dict[str, object], message: str):
    edit_layer(packed, **changes)
    with pytest.raises(CheckpointError, match=message):
        PackedStore.open(packed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expert_size": 100}, "expert_size 100"),
        ({"num_experts": 0}, "cannot be"),
        ({"components": None}, "is malformed"),
    ],
)
def test_malformed_original_layout_is_an_error(
    packed: Path, layout: RecordLayout, changes: dict[str, object], message: str
):
    (packed / "manifest.json").unlink()
    data = original_json(layout, 3, layout.record_bytes) | changes
    (packed / "layout.json").write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=message):
        PackedStore.open(packed)


def test_original_component_size_must_fit_its_shape(packed: Path, layout: RecordLayout):
    (packed / "manifest.json").unlink()
    data = original_json(layout, 3, layout.record_bytes)
    components = data["components"]
    assert isinstance(components, list)
    components[4]["size"] = 7
    (packed / "layout.json").write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=r"up_proj.scales .* its size is 7"):
        PackedStore.open(packed)


def test_layers_of_different_layouts_live_in_one_pack(tmp_path: Path, layout: RecordLayout):
    manifest = write_pack(tmp_path, layout, layers=(0,))
    other = quantized_layout(32, 64, bits=8)
    (tmp_path / "layer_01.bin").write_bytes(bytes(other.record_bytes))
    layer = PackedLayer("layer_01.bin", 1, other, other.record_bytes, other.record_bytes, None)
    write_manifest(tmp_path, replace(manifest, num_layers=2, layers={**manifest.layers, 1: layer}))
    store = PackedStore.open(tmp_path)
    assert (store.layout(0), store.layout(1)) == (layout, other)
