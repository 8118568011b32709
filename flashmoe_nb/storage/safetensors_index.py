"""Where every tensor of a checkpoint folder lies: shard, dtype, shape, absolute byte offset.

Parses safetensors headers itself (8 bytes of header length, JSON, then the data), so that opening a folder of any size
reads headers alone. Knows neither what the tensors are for nor any array library but numpy.
Source: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.positional import read_exactly

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

INDEX_NAME = "model.safetensors.index.json"

DTYPE_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
"""Element sizes of everything the format may hold, so that an unsupported tensor is still measured right."""

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000  # the limit of the reference implementation


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a checkpoint and where its bytes lie."""

    name: str
    file: int
    """Index into `CheckpointIndex.files`."""
    dtype: str
    """As safetensors writes it: "U32", "BF16", ..."""
    shape: tuple[int, ...]
    offset: int
    """Absolute in the file, in bytes; often odd."""
    nbytes: int


@dataclass(frozen=True, slots=True)
class CheckpointIndex:
    """Every tensor of a checkpoint folder by name."""

    folder: Path
    files: tuple[Path, ...]
    entries: dict[str, TensorEntry] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> CheckpointIndex:
        """Read the headers of all shards of a folder.

        Raises:
            CheckpointError: a missing, truncated, malformed or contradictory shard or index; the message names it.
        """
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise CheckpointError(f"{folder} {what}: give the folder that holds the checkpoint's .safetensors files")
        weight_map = _read_weight_map(folder / INDEX_NAME)
        names = sorted(set(weight_map.values())) or sorted(path.name for path in folder.glob("*.safetensors"))
        if not names:
            raise CheckpointError(f"{folder} holds no .safetensors file and no {INDEX_NAME}: is the download complete?")
        files = tuple(folder / name for name in names)
        entries: dict[str, TensorEntry] = {}
        for number, path in enumerate(files):
            for entry in _read_header(path, number):
                if entry.name in entries:
                    first = files[entries[entry.name].file].name
                    raise CheckpointError(
                        f"tensor {entry.name} is in {first} and in {path.name}: remove the file that does not belong",
                    )
                entries[entry.name] = entry
        _check_weight_map(weight_map, files, entries)
        return cls(folder, files, entries)

    def read(self, name: str) -> npt.NDArray[np.uint8]:
        """The raw bytes of one tensor.

        Shapes: [nbytes], uint8; view it as the entry's dtype and shape.
        """
        entry = self.entries[name]
        path = self.files[entry.file]
        data = np.empty(entry.nbytes, np.uint8)
        if entry.nbytes:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                read_exactly(fd, (data.data,), entry.offset, entry.nbytes, path)
            finally:
                os.close(fd)
        return data


def _read_weight_map(path: Path) -> dict[str, str]:
    """Tensor name -> shard name of an index file; empty when there is none."""
    if not path.exists():
        return {}
    try:
        weight_map = json.loads(path.read_bytes())["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f'{path} is not a safetensors index (JSON with a "weight_map"): {error}') from error
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f'{path}: "weight_map" names no tensor; download the file again')
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not shard or (path.parent / shard).name != shard:
            raise CheckpointError(f"{path}: tensor {name} points to {shard!r}, which is no file name of this folder")
    return weight_map


def _check_weight_map(weight_map: dict[str, str], files: tuple[Path, ...], entries: dict[str, TensorEntry]) -> None:
    for name, shard in weight_map.items():
        entry = entries.get(name)
        if entry is None or files[entry.file].name != shard:
            where = "no shard holds it" if entry is None else f"it is in {files[entry.file].name}"
            raise CheckpointError(
                f"{INDEX_NAME} says tensor {name} is in {shard}, but {where}: the index belongs to other shards; "
                "download the folder again",
            )


def _read_header(path: Path, number: int) -> list[TensorEntry]:
    """The entries of one shard, checked against its size."""
    if not path.is_file():
        raise CheckpointError(f"shard {path} is missing: download it again into {path.parent}")
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if file_bytes < _LENGTH_BYTES or header_bytes > min(file_bytes - _LENGTH_BYTES, _MAX_HEADER_BYTES):
            raise CheckpointError(
                f"{path} is {file_bytes:,} bytes, its header says it is {header_bytes:,} bytes itself: "
                "this is no whole safetensors file (a download stub?); download it again",
            )
        text = file.read(header_bytes)
    try:
        header = json.loads(text, object_pairs_hook=_unique_pairs)
    except ValueError as error:
        raise CheckpointError(f"{path}: the header is not JSON ({error}); download the file again") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: the header is a JSON {type(header).__name__}, not an object; download it again")
    header.pop("__metadata__", None)
    data_start = _LENGTH_BYTES + header_bytes
    entries = [_parse_entry(path, number, data_start, name, fields) for name, fields in header.items()]
    _check_extent(path, entries, data_start, file_bytes)
    return entries


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} appears twice")
    return found


def _parse_entry(path: Path, number: int, data_start: int, name: str, fields: Any) -> TensorEntry:
    try:
        dtype, shape = str(fields["dtype"]), tuple(int(size) for size in fields["shape"])
        begin, end = (int(value) for value in fields["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the header entry of tensor {name} is malformed ({error!r})") from error
    if dtype not in DTYPE_BITS:
        raise CheckpointError(f"{path}: tensor {name} has dtype {dtype}, known are {', '.join(sorted(DTYPE_BITS))}")
    expected = math.prod(shape) * DTYPE_BITS[dtype] // 8
    if begin < 0 or min(shape, default=0) < 0 or end - begin != expected:
        raise CheckpointError(
            f"{path}: tensor {name} is {dtype} {list(shape)}, that is {expected:,} bytes, "
            f"but its offsets {begin:,}..{end:,} hold {end - begin:,}: the header is damaged; download the file again",
        )
    return TensorEntry(name, number, dtype, shape, data_start + begin, end - begin)


def _check_extent(path: Path, entries: list[TensorEntry], data_start: int, file_bytes: int) -> None:
    """The tensors must lie one after the other and end where the file ends."""
    at, before = data_start, "the header"
    for entry in sorted(entries, key=lambda entry: (entry.offset, entry.nbytes)):
        if entry.offset < at:
            raise CheckpointError(
                f"{path}: tensor {entry.name} starts at byte {entry.offset:,}, before the end of {before} at {at:,}",
            )
        at, before = entry.offset + entry.nbytes, entry.name
    if at != file_bytes:
        what = "was cut short" if at > file_bytes else "has bytes that belong to no tensor"
        raise CheckpointError(
            f"{path} is {file_bytes:,} bytes, its header describes {at:,}: it {what}; download it again",
        )
