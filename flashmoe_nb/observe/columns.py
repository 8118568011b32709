"""Arrays as one safetensors file with facts in its metadata: written in pieces, read by memory map.

Data starts at a multiple of 8 and wide elements come first, so every column is aligned. Knows no traces.
Source: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import TraceError
from flashmoe_nb.storage.atomic import partial_path, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_NAMES = {
    "float64": "F64", "int64": "I64", "uint64": "U64", "float32": "F32", "int32": "I32", "uint32": "U32",
    "int16": "I16", "uint16": "U16", "int8": "I8", "uint8": "U8",
}  # fmt: skip
_DTYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in _NAMES.items()}
_ALIGN_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000  # the limit of the reference implementation


def write_columns(
    path: Path, pieces: Sequence[Mapping[str, NDArray[np.generic]]], metadata: Mapping[str, str], *, durable: bool
) -> None:
    """Write columns, each the pieces' arrays of that name one after the other; the file is whole or absent.

    Args:
        path: of the file.
        pieces: at least one, all with the same names, types and axes after the first.
        metadata: facts, as text.
        durable: wait until the disk has it, so that it survives a power failure and not only a kill.

    Raises:
        OSError: it could not be written; only a `.partial` file may be left.
    """
    names = sorted(pieces[0], key=lambda name: (-pieces[0][name].dtype.itemsize, name))
    with partial_path(path).open("wb") as file:
        file.write(_header(names, pieces, metadata))
        for name in names:
            for piece in pieces:
                file.write(np.ascontiguousarray(piece[name]).data.cast("B") if piece[name].size else b"")
        file.flush()
        if durable:
            os.fsync(file.fileno())
    if durable:
        publish(path)
    else:
        partial_path(path).replace(path)


def map_columns(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """The columns of a file as read-only views of it, and its metadata; nothing is read until it is looked at.

    Raises:
        TraceError: no safetensors file, or not a whole one.
        OSError: it cannot be opened.
    """
    file_bytes = path.stat().st_size
    header, start = _read_header(path, file_bytes)
    metadata = header.pop("__metadata__", {})
    whole = np.memmap(path, np.uint8, "r") if file_bytes > start else np.empty(0, np.uint8)
    try:
        columns = {name: _view(whole, start, fields) for name, fields in header.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"{path} is damaged ({error}): copy it again") from error
    return columns, {str(key): str(value) for key, value in metadata.items()}


def _header(
    names: Iterable[str], pieces: Sequence[Mapping[str, NDArray[np.generic]]], metadata: Mapping[str, str]
) -> bytes:
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    at = 0
    for name in names:
        first = pieces[0][name]
        shape = [sum(len(piece[name]) for piece in pieces), *first.shape[1:]]
        end = at + math.prod(shape) * first.dtype.itemsize
        header[name] = {"dtype": _NAMES[first.dtype.name], "shape": shape, "data_offsets": [at, end]}
        at = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _ALIGN_BYTES)
    return len(encoded).to_bytes(8, "little") + encoded


def _read_header(path: Path, file_bytes: int) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(file_bytes - 8, _MAX_HEADER_BYTES):
            msg = f"{path} is {file_bytes:,} bytes, its header alone should be {length:,}: "
            raise TraceError(msg + "this is no whole safetensors file")
        text = file.read(length)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise TraceError(f"{path} has a header that is not JSON ({error}): this is no safetensors file") from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise TraceError(f"{path} has a header that is no JSON object of tensors: this is no safetensors file")
    return header, 8 + length


def _view(whole: NDArray[np.uint8], start: int, fields: Any) -> NDArray[np.generic]:
    dtype, shape = _DTYPES[fields["dtype"]], tuple(int(size) for size in fields["shape"])
    begin, end = fields["data_offsets"]
    found, needed = len(whole[start + begin : start + end]), math.prod(shape) * dtype.itemsize
    if found != needed or begin < 0:
        raise ValueError(f"{found:,} bytes for {fields['dtype']} {list(shape)}, expected {needed:,}")
    return whole[start + begin : start + end].view(dtype).reshape(shape)
