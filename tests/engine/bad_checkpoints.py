"""Ways to damage a good checkpoint; `bad_checkpoints_table.py` says what each must lead to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flashmoe_nb.storage.pack import pack
from tests.engine.damage import Raw, Tensors, edit_json, edit_tensors, key_ending, split_shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb.errors import FlashMoeError


@dataclass(frozen=True, slots=True)
class Row:
    """One way to open a model wrongly."""

    name: str
    damage: Callable[[Path], object]
    error: type[FlashMoeError]
    says: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


def nothing(_: Path) -> None:
    """The folder is fine."""


def config(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "config.json", edit)


def text_fields(**fields: object) -> Callable[[Path], None]:
    return config(lambda config: config["text_config"].update(fields))


def without(key: str) -> Callable[[Path], None]:
    return config(lambda config: config["text_config"].pop(key))


def quantization(**fields: object) -> Callable[[Path], None]:
    def edit(config: dict[str, Any]) -> None:
        config.pop("quantization_config", None)
        config["quantization"].update(fields)

    return config(edit)


def quantized_by(method: str) -> Callable[[Path], None]:
    def edit(config: dict[str, Any]) -> None:
        config.pop("quantization")
        config["quantization_config"] = {"quant_method": method, "bits": 4, "group_size": 128}

    return config(edit)


def replaced(suffix: str, change: Callable[[Raw], Raw]) -> Callable[[Path], None]:
    def edit(tensors: Tensors) -> None:
        key = key_ending(tensors, suffix)
        tensors[key] = change(tensors[key])

    return lambda folder: edit_tensors(folder, edit)


def dropped(suffix: str) -> Callable[[Path], None]:
    return lambda folder: edit_tensors(folder, lambda tensors: tensors.pop(key_ending(tensors, suffix)))


def added(name: str) -> Callable[[Path], None]:
    def edit(tensors: Tensors) -> None:
        tensors[name] = Raw("F32", (1,), b"\0\0\0\0")

    return lambda folder: edit_tensors(folder, edit)


def as_dtype(dtype: str) -> Callable[[Raw], Raw]:
    """Other dtype of the same size in bytes."""
    return lambda raw: Raw(dtype, raw.shape, raw.data)


def one_row_less(raw: Raw) -> Raw:
    row = len(raw.data) // raw.shape[0]
    return Raw(raw.dtype, (raw.shape[0] - 1, *raw.shape[1:]), raw.data[:-row])


def one_row_less_each(raw: Raw) -> Raw:
    """Of every expert."""
    experts, rows, columns = raw.shape
    step, row = len(raw.data) // experts, len(raw.data) // experts // rows
    kept = b"".join(raw.data[at * step : (at + 1) * step - row] for at in range(experts))
    return Raw(raw.dtype, (experts, rows - 1, columns), kept)


def as_fp8(raw: Raw) -> Raw:
    return Raw("F8_E4M3", (*raw.shape[:-1], raw.shape[-1] * 4), raw.data)


def shard_of(folder: Path) -> Path:
    (shard,) = folder.glob("*.safetensors")
    return shard


def truncate(folder: Path) -> None:
    shard = shard_of(folder)
    os.truncate(shard, shard.stat().st_size - 1000)


def long_header(folder: Path) -> None:
    shard = shard_of(folder)
    shard.write_bytes((10**9).to_bytes(8, "little") + shard.read_bytes()[8:])


def without_shards(folder: Path) -> None:
    shard_of(folder).unlink()
    (folder / "model.safetensors.index.json").unlink()


def without_a_shard(folder: Path) -> None:
    split_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def absent_tensor(folder: Path) -> None:
    split_shards(folder)
    index = folder / "model.safetensors.index.json"
    edit_json(index, lambda value: value["weight_map"].update(ghost="model-00001-of-00002.safetensors"))


def half_packed(folder: Path) -> None:
    pack(folder, progress=False)
    (folder / "packed_experts" / "layer_03.bin.partial").write_bytes(b"half")


def pack_cut_short(folder: Path) -> None:
    pack(folder, progress=False)
    packed = folder / "packed_experts" / "layer_03.bin"
    os.truncate(packed, packed.stat().st_size - 1)


def pack_of_other_shape(folder: Path) -> None:
    pack(folder, progress=False)
    edit_json(folder / "packed_experts" / "manifest.json", lambda value: value["layers"].pop("3"))
    edit_json(folder / "packed_experts" / "manifest.json", lambda value: value.update(num_layers=3))


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def unlinked(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def nan_in(suffix: str, at: int = 0) -> Callable[[Path], None]:
    return replaced(suffix, lambda raw: raw.with_nan(at))
