"""Resident weights from a checkpoint's shards into a back end's memory, checked against the shapes the config promises.

Bits and group size come from the tensors' shapes; an override in config.json for the very path must agree. Knows no
layers: they ask for what they need by canonical name, and whatever nobody asked for is an error.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from flashmoe_nb.config import SUPPORTED_BITS, SUPPORTED_GROUP_SIZES, GroupQuantization
from flashmoe_nb.errors import CheckpointError, UnsupportedError
from flashmoe_nb.ops import Linear
from flashmoe_nb.storage import Transform
from flashmoe_nb.storage.positional import read_exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.config import Quantization
    from flashmoe_nb.ops import Array, Ops
    from flashmoe_nb.storage import CheckpointIndex, NameMap, TensorEntry

FLOAT_DTYPES = ("F32", "BF16", "F16")


@dataclass(slots=True)
class ResidentLoader:
    """Loads tensors by canonical name; use as a context manager, it keeps the shards open."""

    index: CheckpointIndex
    names: NameMap
    quantization: Quantization | None
    ops: Ops
    progress: Callable[[int], object]
    """Called with the bytes of each tensor read."""
    notes: list[str] = field(default_factory=list)
    """What was found that a user should know, e.g. bits that differ from the config's default."""
    _asked: set[str] = field(default_factory=set)
    _fds: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    def vector(self, name: str, shape: tuple[int, ...], *, dtype: str | None = None) -> Array:
        """A tensor that is not multiplied: norm weights, conv taps, decay parameters.

        Args:
            name: canonical.
            shape: what the config promises, after any transform.
            dtype: to keep it in; the activation dtype by default.

        Raises:
            CheckpointError: missing, or of another shape or dtype.
        """
        entry = self._entry(name)
        self._check_float(entry)
        transform = self.names.resident[name].transform
        stored = (shape[0], 1, shape[1]) if transform is Transform.MOVE_CONV_AXIS else shape
        if entry.shape not in (stored, (*shape, 1)):
            raise self._shape_error(entry, stored)
        x = self.ops.reshape(self._read(entry), shape)
        if transform is Transform.SHIFT_NORM:
            x = self.ops.add(self.ops.cast(x, "float32"), self.ops.constant(np.ones((), np.float32)))
        return self.ops.cast(x, dtype)

    def linear(self, path: str, out_dim: int, in_dim: int, *, bias: bool = False) -> Linear:
        """The matrix of module `path`, quantized or not.

        Raises:
            CheckpointError: a part is missing, or of a shape or dtype that cannot be [out_dim, in_dim].
        """
        entry = self._entry(f"{path}.weight")
        added = self.vector(f"{path}.bias", (out_dim,)) if bias else None
        if entry.dtype != "U32":
            self._check_float(entry)
            if entry.shape != (out_dim, in_dim):
                raise self._shape_error(entry, (out_dim, in_dim))
            return self.ops.prepare(Linear(self._read(entry), None, None, added, out_dim, in_dim, 0, 0))
        scales, biases = self._entry(f"{path}.scales"), self._entry(f"{path}.biases")
        found = self._infer(path, entry, scales, (out_dim, in_dim))
        if biases.shape != scales.shape:
            raise self._shape_error(biases, scales.shape)
        for part in (scales, biases):
            self._check_float(part)
        weight, kept_scales, kept_biases = (self._read(part) for part in (entry, scales, biases))
        return self.ops.prepare(
            Linear(weight, kept_scales, kept_biases, added, out_dim, in_dim, found.bits, found.group_size)
        )

    def finish(self, tolerated: tuple[str, ...] = ()) -> None:
        """Every tensor must have been asked for.

        Args:
            tolerated: canonical prefixes of tensors that may stay unread.

        Raises:
            CheckpointError: naming the first tensor nobody knows.
        """
        left = [name for name in self.names.resident if name not in self._asked and not name.startswith(tolerated)]
        if left:
            key = self.names.resident[left[0]].key
            msg = f"{self.index.folder} holds {len(left)} tensors this architecture has no place for, e.g. {key}: "
            raise UnsupportedError(msg + "is model_type in config.json right?")

    def _entry(self, name: str) -> TensorEntry:
        self._asked.add(name)
        named = self.names.resident.get(name)
        if named is None:
            msg = f"{self.index.folder} has no tensor {name} (in any prefix), which config.json makes necessary: "
            raise CheckpointError(msg + "the download is incomplete, or the config belongs to another model")
        return self.index.entries[named.key]

    def _read(self, entry: TensorEntry) -> Array:
        path = self.index.files[entry.file]
        if entry.file not in self._fds:
            self._fds[entry.file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fd = self._fds[entry.file]

        def fill(view: memoryview) -> None:
            read_exactly(fd, (view,), entry.offset, entry.nbytes, path)

        result = self.ops.tensor(entry.dtype, entry.shape, fill)
        self.progress(entry.nbytes)
        return result

    def _infer(self, path: str, weight: TensorEntry, scales: TensorEntry, dims: tuple[int, int]) -> GroupQuantization:
        """Bits and group size are what makes the shapes fit [out_dim, in_dim]."""
        out_dim, in_dim = dims
        packed, groups = weight.shape[-1], scales.shape[-1]
        fits = weight.shape == (out_dim, packed) and scales.shape == (out_dim, groups) and groups > 0
        bits, rest = divmod(32 * packed, in_dim)
        group_size, group_rest = divmod(in_dim, groups) if fits else (0, 1)
        if rest or group_rest or bits not in SUPPORTED_BITS or group_size not in SUPPORTED_GROUP_SIZES:
            msg = (
                f"tensor {weight.name} is {list(weight.shape)} with scales {list(scales.shape)}: no bits of "
                f"{SUPPORTED_BITS} and group of {SUPPORTED_GROUP_SIZES} make that the "
                f"[{out_dim}, {in_dim}] of config.json: the shards and the config belong to different models"
            )
            raise CheckpointError(msg)
        found = GroupQuantization(bits, group_size)
        self._compare(path, weight, found)
        return found

    def _compare(self, path: str, weight: TensorEntry, found: GroupQuantization) -> None:
        if self.quantization is None:
            self.notes.append(f"{path} is {found.bits}-bit though config.json has no quantization block")
            return
        stated, explicit = self.quantization.stated(path)
        if stated == found:
            return
        said = "not quantized" if stated is None else f"{stated.bits}-bit in groups of {stated.group_size}"
        text = f"{weight.name} is {found.bits}-bit in groups of {found.group_size}, config.json says {said}"
        if explicit:
            raise CheckpointError(f"{text} for this very path: the shards and the config belong to different models")
        self.notes.append(f"{text} by default: its shape decides")

    def _check_float(self, entry: TensorEntry) -> None:
        if entry.dtype not in FLOAT_DTYPES:
            msg = f"tensor {entry.name} is {entry.dtype}, supported are {', '.join(FLOAT_DTYPES)} and affine U32: "
            raise CheckpointError(msg + "convert the checkpoint with mlx-lm")

    def _shape_error(self, entry: TensorEntry, expected: tuple[int, ...]) -> CheckpointError:
        msg = f"tensor {entry.name} is {list(entry.shape)}, config.json makes it {list(expected)}: "
        return CheckpointError(msg + "the shards and the config belong to different models")
