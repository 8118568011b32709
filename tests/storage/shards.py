"""Safetensors files and slots for the tests of storage: any dtype, odd offsets, several shards."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING

from flashmoe_nb.storage.record import RecordLayout
from flashmoe_nb.storage.safetensors_index import DTYPE_BITS

if TYPE_CHECKING:
    from pathlib import Path

Tensors = dict[str, tuple[str, tuple[int, ...]]]

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")


def nbytes_of(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * DTYPE_BITS[dtype] // 8


def write_shard(path: Path, tensors: Tensors, *, seed: int = 0, pad_bytes: int = 0) -> dict[str, bytes]:
    """Random bytes under real names; spaces after the header move everything by `pad_bytes`, to odd offsets too."""
    rng = random.Random(f"{seed}{path.name}")
    values = {name: rng.randbytes(nbytes_of(*spec)) for name, spec in tensors.items()}
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for name, (dtype, shape) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(values[name])]}
        at += len(values[name])
    text = json.dumps(header).encode() + b" " * pad_bytes
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(values.values()))
    return values


def write_index(folder: Path, shards: dict[str, Tensors], weight_map: dict[str, str] | None = None) -> dict[str, bytes]:
    """Several shards with an index; every second one starts at an odd byte."""
    values: dict[str, bytes] = {}
    for number, (name, tensors) in enumerate(shards.items()):
        values |= write_shard(folder / name, tensors, seed=number, pad_bytes=odd_padding(tensors, odd=number % 2 == 0))
    found = {name: shard for shard, tensors in shards.items() for name in tensors}
    text = json.dumps({"metadata": {}, "weight_map": found if weight_map is None else weight_map})
    (folder / "model.safetensors.index.json").write_text(text)
    return values


def odd_padding(tensors: Tensors, *, odd: bool) -> int:
    """Spaces that make the data start at an odd (or even) byte."""
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for name, (dtype, shape) in tensors.items():
        end = at + nbytes_of(dtype, shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return (len(json.dumps(header)) + int(odd)) % 2


def quantized_experts(layer: int, E: int, intermediate: int, D: int, *, bits: int = 4, group_size: int = 32) -> Tensors:
    """The nine stacked tensors of an MLX checkpoint."""
    prefix = f"language_model.model.layers.{layer}.mlp.switch_mlp"
    tensors: Tensors = {}
    for projection, rows, columns in (
        ("gate_proj", intermediate, D),
        ("up_proj", intermediate, D),
        ("down_proj", D, intermediate),
    ):
        tensors[f"{prefix}.{projection}.weight"] = ("U32", (E, rows, columns * bits // 32))
        tensors[f"{prefix}.{projection}.scales"] = ("BF16", (E, rows, columns // group_size))
        tensors[f"{prefix}.{projection}.biases"] = ("BF16", (E, rows, columns // group_size))
    return tensors


def quantized_layout(intermediate: int, D: int, *, bits: int = 4, group_size: int = 32) -> RecordLayout:
    experts = quantized_experts(0, 1, intermediate, D, bits=bits, group_size=group_size)
    return RecordLayout.of(
        (".".join(name.split(".")[-2:]), dtype, shape[1:]) for name, (dtype, shape) in experts.items()
    )


class Slots:
    """Plain memory for a few experts, filled with 0xAA so that what was not written shows."""

    def __init__(self, layout: RecordLayout, n_slots: int) -> None:
        self.layout = layout
        self.n_slots = n_slots
        self._slots = [tuple(bytearray(b"\xaa" * part.nbytes) for part in layout.components) for _ in range(n_slots)]

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        return tuple(memoryview(part) for part in self._slots[slot])

    def value(self, slot: int) -> bytes:
        return b"".join(self._slots[slot])
