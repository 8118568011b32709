"""Checkpoint folders with one thing wrong: tensors replaced, added, dropped or poisoned, configs edited.

Works on raw safetensors bytes, so that it can write what no library would.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAN_BYTES = {"F32": struct.pack("<f", float("nan")), "BF16": b"\xc0\x7f", "F16": b"\x00\x7e"}


@dataclass(frozen=True, slots=True)
class Raw:
    """One tensor as a shard holds it."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def with_nan(self, at: int = 0) -> Raw:
        """The same with value number `at` not a number."""
        nan = NAN_BYTES[self.dtype]
        start = at * len(nan)
        return Raw(self.dtype, self.shape, self.data[:start] + nan + self.data[start + len(nan) :])


Tensors = dict[str, Raw]


def edit_tensors(folder: Path, edit: Callable[[Tensors], object]) -> None:
    """Rewrite the one shard of `folder`, its tensors edited in place; an index file is removed."""
    (shard,) = folder.glob("*.safetensors")
    tensors = _read(shard)
    edit(tensors)
    _write(shard, tensors)
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)


def split_shards(folder: Path) -> None:
    """Deal the tensors of the one shard out to two, with an index."""
    (shard,) = folder.glob("*.safetensors")
    tensors = _read(shard)
    shard.unlink()
    weight_map: dict[str, str] = {}
    for number, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2])):
        name = f"model-{number + 1:05d}-of-00002.safetensors"
        _write(folder / name, {key: tensors[key] for key in names})
        weight_map |= dict.fromkeys(names, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def edit_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite a JSON file, its object edited in place."""
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def key_ending(tensors: Tensors, suffix: str) -> str:
    """The first key that ends like this."""
    return next(key for key in sorted(tensors) if key.endswith(suffix))


def _read(shard: Path) -> Tensors:
    raw = shard.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = Raw(entry["dtype"], tuple(entry["shape"]), raw[start + begin : start + end])
    return tensors


def _write(shard: Path, tensors: Tensors) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for name, raw in tensors.items():
        header[name] = {"dtype": raw.dtype, "shape": list(raw.shape), "data_offsets": [at, at + len(raw.data)]}
        at += len(raw.data)
    text = json.dumps(header).encode()
    shard.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(raw.data for raw in tensors.values()))
