"""Writes safetensors files chunk by chunk, so that a tensor larger than memory can be written.

Knows the format (8 bytes of header length, a JSON header, the data) and nothing of what tensors mean.
Source: https://github.com/huggingface/safetensors, section "Format".
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.storage.atomic import partial_path
from flashmoe_nb.storage.safetensors_index import DTYPE_BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    Chunk = bytes | memoryview

MAX_SHARD_BYTES = 5 * 10**9
"""Where mlx-lm and the Hub split checkpoints too."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, safetensors dtype and shape of a tensor to be written."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8


@dataclass(frozen=True, slots=True)
class Shard:
    """One file to be written and its tensors, in file order."""

    file_name: str
    tensors: tuple[TensorSpec, ...]

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return len(encode_header(self.tensors)) + sum(spec.nbytes for spec in self.tensors)


def plan_shards(
    tensors: Iterable[TensorSpec], stem: str = "model", max_bytes: int = MAX_SHARD_BYTES
) -> tuple[Shard, ...]:
    """Split tensors, in order, into files of at most `max_bytes` of data (a larger tensor gets a file of its own)."""
    groups: list[list[TensorSpec]] = [[]]
    filled_bytes = 0
    for spec in tensors:
        if groups[-1] and filled_bytes + spec.nbytes > max_bytes:
            groups.append([])
            filled_bytes = 0
        groups[-1].append(spec)
        filled_bytes += spec.nbytes
    count = len(groups)
    if count == 1:
        return (Shard(f"{stem}.safetensors", tuple(groups[0])),)
    return tuple(Shard(f"{stem}-{i:05d}-of-{count:05d}.safetensors", tuple(g)) for i, g in enumerate(groups, 1))


def encode_header(tensors: Sequence[TensorSpec]) -> bytes:
    """The first bytes of a file that holds `tensors`, not padded, as MLX writes it: data may begin at an odd byte."""
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    offset = 0
    for spec in tensors:
        end = offset + spec.nbytes
        header[spec.name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return len(encoded).to_bytes(8, "little") + encoded


def write_partial_shard(
    folder: Path,
    shard: Shard,
    chunks_of: Callable[[TensorSpec], Iterable[Chunk]],
    on_bytes: Callable[[int], object],
) -> str:
    """Write `shard` under its partial name and fsync it; the caller publishes it. Returns the file's SHA-256.

    Args:
        folder: Where the shard goes.
        shard: Its name and tensors.
        chunks_of: Yields the bytes of one tensor, in order, `nbytes` in all.
        on_bytes: Told how many bytes were written, for a progress bar.
    """
    with partial_path(folder / shard.file_name).open("wb", buffering=0) as file:
        header = encode_header(shard.tensors)
        digest = hashlib.sha256(header)
        _write_all(file.fileno(), header)
        for spec in shard.tensors:
            written_bytes = 0
            for chunk in chunks_of(spec):
                view = memoryview(chunk).cast("B")
                _write_all(file.fileno(), view)
                digest.update(view)
                written_bytes += view.nbytes
                on_bytes(view.nbytes)
            assert written_bytes == spec.nbytes, (spec, written_bytes)
        os.fsync(file.fileno())
    return digest.hexdigest()


def index_of(shards: Sequence[Shard]) -> dict[str, object]:
    """The content of `model.safetensors.index.json`."""
    total_bytes = sum(spec.nbytes for shard in shards for spec in shard.tensors)
    where = {spec.name: shard.file_name for shard in shards for spec in shard.tensors}
    return {"metadata": {"total_size": total_bytes}, "weight_map": dict(sorted(where.items()))}


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data).cast("B")
    while view.nbytes:
        view = view[os.write(descriptor, view) :]
