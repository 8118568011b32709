import mmap
from pathlib import Path

import numpy as np
import pytest

from flashmoe_nb.errors import CheckpointError, FlashMoeError, UnsupportedError
from flashmoe_nb.storage.in_place import InPlaceStore
from flashmoe_nb.storage.naming import canonical_names
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from tests.storage.shards import PROJECTIONS, Tensors, quantized_experts, quantized_layout, write_index, write_shard

PREFIX = "language_model.model.layers.0.mlp.switch_mlp"
HF = "model.language_model.layers.0.mlp.experts"


def open_store(folder: Path, model_type: str = "qwen3_5_moe", num_experts: int | None = None) -> InPlaceStore:
    index = CheckpointIndex.open(folder)
    return InPlaceStore.from_index(index, canonical_names(index, model_type), num_experts=num_experts)


def store_of(folder: Path, tensors: Tensors) -> InPlaceStore:
    write_shard(folder / "model.safetensors", tensors)
    return open_store(folder)


def bytes_of(store: InPlaceStore, layer: int, expert: int) -> dict[str, bytes]:
    """What the ranges hold, by component, read in the plainest way."""
    found: dict[str, bytes] = {}
    for part, where in zip(store.layout(layer).components, store.ranges(layer, expert), strict=True):
        data = store.files[where.file].read_bytes()
        found[part.name] = data[where.offset : where.offset + where.nbytes]
        assert where.nbytes == part.nbytes
    return found


def scattered(folder: Path, E: int = 5) -> tuple[InPlaceStore, dict[str, bytes]]:
    """Two layers over three shards; no component beside the one that follows it in a record."""
    tensors = list((quantized_experts(0, E, 32, 64) | quantized_experts(1, E, 32, 64)).items())
    shards = {f"model-0000{n}-of-00003.safetensors": dict(tensors[n::3]) for n in range(3)}
    values = write_index(folder, shards)
    return open_store(folder, num_experts=E), values


def test_stacked_experts_are_found_over_shards_at_odd_offsets(tmp_path: Path):
    store, values = scattered(tmp_path)
    assert store.layers == (0, 1)
    assert store.kind == "in-place"
    odd = 0
    for layer in store.layers:
        assert store.num_experts(layer) == 5
        assert {where.file for where in store.ranges(layer, 0)} == {0, 1, 2}
        odd += sum(where.offset % 2 for where in store.ranges(layer, 3))
        for expert in range(5):
            for name, found in bytes_of(store, layer, expert).items():
                whole = values[f"language_model.model.layers.{layer}.mlp.switch_mlp.{name}"]
                assert found == whole[expert * len(found) : (expert + 1) * len(found)]
    assert odd


def test_layout_is_in_record_order_and_shared_by_layers(tmp_path: Path):
    store, _ = scattered(tmp_path)
    assert store.layout(0) == quantized_layout(32, 64)
    assert store.layout(0) is store.layout(1)


def test_fused_hugging_face_gate_rows_come_first(tmp_path: Path):
    E, intermediate, D = 3, 4, 6
    write_shard(
        tmp_path / "model.safetensors",
        {f"{HF}.gate_up_proj": ("BF16", (E, 2 * intermediate, D)), f"{HF}.down_proj": ("BF16", (E, D, intermediate))},
        pad_bytes=1,
    )
    store = open_store(tmp_path)
    index = CheckpointIndex.open(tmp_path)
    gate_up = index.read(f"{HF}.gate_up_proj").view(np.uint16).reshape(E, 2 * intermediate, D)
    down = index.read(f"{HF}.down_proj").view(np.uint16).reshape(E, D, intermediate)
    for expert in range(E):
        found = bytes_of(store, 0, expert)
        assert list(found) == [f"{projection}.weight" for projection in PROJECTIONS]
        assert found["gate_proj.weight"] == gate_up[expert, :intermediate].tobytes()
        assert found["up_proj.weight"] == gate_up[expert, intermediate:].tobytes()
        assert found["down_proj.weight"] == down[expert].tobytes()


def per_expert(E: int = 3, intermediate: int = 4, D: int = 6) -> Tensors:
    shapes = ((intermediate, D), (intermediate, D), (D, intermediate))
    return {
        f"{HF}.{expert}.{projection}.weight": ("F32", shape)
        for expert in range(E)
        for projection, shape in zip(PROJECTIONS, shapes, strict=True)
    }


def test_separate_hugging_face_experts_over_shards(tmp_path: Path):
    tensors = list(per_expert(E=11).items())  # 11: "10" must not sort before "2"
    values = write_index(tmp_path, {f"s{n}.safetensors": dict(tensors[n::2]) for n in range(2)})
    store = open_store(tmp_path, num_experts=11)
    for expert in range(11):
        for name, found in bytes_of(store, 0, expert).items():
            assert found == values[f"{HF}.{expert}.{name}"]


def test_dense_layers_are_one_expert_each_and_can_be_left_out(tmp_path: Path):
    tensors = quantized_experts(1, 4, 32, 64)
    for name, (dtype, shape) in quantized_experts(0, 1, 32, 64).items():
        tensors[name.replace("switch_mlp.", "")] = (dtype, shape[1:])
    values = write_shard(tmp_path / "model.safetensors", tensors)
    store = open_store(tmp_path, num_experts=4)
    assert (store.layers, store.num_experts(0), store.num_experts(1)) == ((0, 1), 1, 4)
    assert not store.shares_pages(0)
    for name, found in bytes_of(store, 0, 0).items():
        assert found == values[f"language_model.model.layers.0.mlp.{name}"]
    index = CheckpointIndex.open(tmp_path)
    names = canonical_names(index, "qwen3_moe")
    assert InPlaceStore.from_index(index, names, include_dense=False).layers == (1,)


def test_pages_are_shared_unless_everything_is_whole_pages(tmp_path: Path):
    assert scattered(tmp_path)[0].shares_pages(0)
    whole = mmap.PAGESIZE
    experts: Tensors = {
        f"{HF}.gate_up_proj": ("BF16", (2, 2 * whole // 64, 32)),
        f"{HF}.down_proj": ("BF16", (2, 32, whole // 64)),
    }
    folder = tmp_path / "aligned"
    folder.mkdir()
    write_shard(folder / "model.safetensors", experts)
    start = CheckpointIndex.open(folder).entries[f"{HF}.gate_up_proj"].offset
    assert open_store(folder).shares_pages(0)
    write_shard(folder / "model.safetensors", experts, pad_bytes=whole - start)
    assert not open_store(folder).shares_pages(0)


def test_no_expert_beyond_the_last(tmp_path: Path):
    store, _ = scattered(tmp_path)
    for expert in (-1, 5):
        with pytest.raises(AssertionError, match=f"expert {expert} of 5"):
            store.ranges(0, expert)


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("up_proj.biases", ("BF16", (6, 32, 2)), r"holds 6 experts \[6, 32, 2\].*holds 5 \[5, 32, 8\]"),
        ("gate_proj.biases", ("BF16", (5, 32, 4)), r"scales is BF16 \[32, 2\].*biases is BF16 \[32, 4\]"),
        ("gate_proj.biases", ("F32", (5, 32, 2)), r"scales is BF16 \[32, 2\].*biases is F32 \[32, 2\]"),
        ("gate_proj.weight", ("F32", (5, 32, 8)), "must be U32, but it is F32"),
        ("gate_proj.weight", ("I8", (5, 32, 8)), "has dtype I8"),
        (
            "gate_proj.weight",
            ("U32", (5, 31, 8)),
            r"up_proj.weight is U32 \[32, 8\].*gate_proj.weight is U32 \[31, 8\]",
        ),
        ("down_proj.scales", ("BF16", (5, 63, 1)), "scales and biases must be alike"),
        ("down_proj.weight", ("U32", (5, 63, 4)), "do not divide over 63 inputs"),
        ("down_proj.weight", ("U32", (5, 64, 7)), "make 7 bits"),
        ("up_proj.weight", ("U32", (5, 32, 9)), "do not divide over 64 inputs"),
        ("gate_proj.weight", ("U32", (5, 32)), "expected 3 axes"),
        ("gate_proj.weight", ("U32", (0, 32, 8)), "none of them empty"),
        ("down_proj.weight", None, "but no down_proj.weight"),
        ("down_proj.biases", None, "but no down_proj.biases.*mode other than affine"),
    ],
)
def test_contradicting_tensors_are_an_error(
    tmp_path: Path, name: str, spec: tuple[str, tuple[int, ...]] | None, message: str
):
    tensors = quantized_experts(0, 5, 32, 64)
    if spec is None:
        del tensors[f"{PREFIX}.{name}"]
    else:
        tensors[f"{PREFIX}.{name}"] = spec
    with pytest.raises(FlashMoeError, match=message) as caught:
        store_of(tmp_path, tensors)
    assert f"{PREFIX}.{name}" in str(caught.value) or spec is None


def test_scales_must_have_the_rows_of_their_weight(tmp_path: Path):
    tensors = quantized_experts(0, 5, 32, 64)
    for part in ("scales", "biases"):
        tensors[f"{PREFIX}.down_proj.{part}"] = ("BF16", (5, 63, 1))
    with pytest.raises(CheckpointError, match=r"\[63, 1\].*\[64, 4\].*must have the same rows"):
        store_of(tmp_path, tensors)


def test_bits_may_differ_between_projections(tmp_path: Path):
    tensors = quantized_experts(0, 5, 32, 64)
    tensors[f"{PREFIX}.down_proj.weight"] = ("U32", (5, 64, 5))  # 5 bits beside 4
    assert store_of(tmp_path, tensors).layout(0).components[6].shape == (64, 5)


def test_weights_alone_must_be_floats(tmp_path: Path):
    tensors = {name: spec for name, spec in quantized_experts(0, 5, 32, 64).items() if name.endswith("weight")}
    with pytest.raises(CheckpointError, match="U32 without scales"):
        store_of(tmp_path, tensors)


def test_group_size_not_implemented_is_unsupported(tmp_path: Path):
    with pytest.raises(UnsupportedError, match="4 bits in groups of 16"):
        store_of(tmp_path, quantized_experts(0, 2, 32, 64, group_size=16))


def test_number_of_experts_must_be_the_configs(tmp_path: Path):
    write_shard(tmp_path / "model.safetensors", quantized_experts(0, 5, 32, 64))
    with pytest.raises(CheckpointError, match=r"holds 5 experts, config.json says 8"):
        open_store(tmp_path, num_experts=8)


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("1.up_proj.weight", None, r"no 1\.up_proj\.weight"),
        ("1.up_proj.weight", ("F32", (5, 6)), r"is F32 \[5, 6\].*is F32 \[4, 6\]"),
        ("1.up_proj.weight", ("BF16", (4, 6)), r"is BF16 \[4, 6\].*is F32 \[4, 6\]"),
    ],
)
def test_separate_experts_must_be_alike_and_complete(
    tmp_path: Path, name: str, spec: tuple[str, tuple[int, ...]] | None, message: str
):
    tensors = per_expert()
    del tensors[f"{HF}.{name}"]
    if spec is not None:
        tensors[f"{HF}.{name}"] = spec
    with pytest.raises(CheckpointError, match=message):
        store_of(tmp_path, tensors)


@pytest.mark.parametrize(
    ("gate_up", "down", "message"),
    [
        ((2, 7, 6), (2, 6, 4), "no two equal halves"),
        ((2, 8, 6), (3, 6, 4), "holds 3 experts"),
        ((2, 8, 6), (2, 6, 5), "columns of the one must be rows of the other"),
        ((2, 8, 5), (2, 6, 4), "columns of the one must be rows of the other"),
    ],
)
def test_fused_tensors_must_agree(tmp_path: Path, gate_up: tuple[int, ...], down: tuple[int, ...], message: str):
    with pytest.raises(CheckpointError, match=message):
        store_of(tmp_path, {f"{HF}.gate_up_proj": ("BF16", gate_up), f"{HF}.down_proj": ("BF16", down)})


def test_fused_without_down_proj_is_an_error(tmp_path: Path):
    with pytest.raises(CheckpointError, match="but no down_proj"):
        store_of(tmp_path, {f"{HF}.gate_up_proj": ("BF16", (2, 8, 6))})
