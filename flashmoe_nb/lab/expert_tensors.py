"""One expert's matrices as they lie on disk, and the numbers they stand for. Knows files and bits, no session."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from flashmoe_nb.errors import OptionError, UnsupportedError
from flashmoe_nb.storage.open_file import OpenFile
from flashmoe_nb.storage.positional import read_exactly
from flashmoe_nb.storage.record import PROJECTIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.storage import ExpertStore
    from flashmoe_nb.storage.record import ByteRange, Component

_WORD_BITS = 32
_NUMPY: dict[str, Any] = {"U32": np.uint32, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}


@dataclass(frozen=True, slots=True)
class ExpertMatrix:
    """One projection of one expert."""

    words: NDArray[np.uint32]
    """[out, in * bits / 32], the first value in the lowest bits."""
    scales: NDArray[np.float32]
    """[out, in / group_size]."""
    biases: NDArray[np.float32]
    """As `scales`."""
    bits: int

    def __repr__(self) -> str:
        return f"<ExpertMatrix {list(self.shape)}, {self.bits} bits in groups of {self.group_size}>"

    @property
    def shape(self) -> tuple[int, int]:
        """[out, in], as the matrix it stands for."""
        return self.words.shape[0], self.words.shape[1] * _WORD_BITS // self.bits

    @property
    def group_size(self) -> int:
        """Values that share a scale and a bias."""
        return int(self.shape[1] // self.scales.shape[1])

    @property
    def values(self) -> NDArray[np.float32]:
        """What it stands for: code times scale plus bias. Shapes: [out, in]."""
        arrays = (mx.array(self.words), mx.array(self.scales), mx.array(self.biases))
        return np.array(mx.dequantize(*arrays, group_size=self.group_size, bits=self.bits))


def expert_matrices(engine: Engine, layer: int, expert: int) -> dict[str, ExpertMatrix]:
    """Read one expert: gate_proj, up_proj and down_proj.

    Raises:
        OptionError: no such expert.
        UnsupportedError: experts that are not quantized.
        ReadError: the file ends early, or cannot be read.
    """
    store = engine.checkpoint.routed
    if store is None or layer not in store.layers or not 0 <= expert < store.num_experts(layer):
        raise OptionError(f"{engine!r} has no expert {expert} in layer {layer}: give one of a layer with experts")
    parts = _read(store, layer, expert)
    if "gate_proj.scales" not in parts:
        raise UnsupportedError("the experts are not quantized, so there are no codes to look at: quantize them first")
    hidden, inner = engine.config.hidden_size, parts["gate_proj.weight"].shape[0]
    return {name: _matrix(parts, name, inner if name == "down_proj" else hidden) for name in PROJECTIONS}


def _matrix(parts: dict[str, NDArray[Any]], name: str, width: int) -> ExpertMatrix:
    words = parts[f"{name}.weight"]
    return ExpertMatrix(words, parts[f"{name}.scales"], parts[f"{name}.biases"], words.shape[1] * _WORD_BITS // width)


def _read(store: ExpertStore, layer: int, expert: int) -> dict[str, NDArray[Any]]:
    pairs = zip(store.layout(layer).components, store.ranges(layer, expert), strict=True)
    return {part.name: _array(store, part, place) for part, place in pairs}


def _array(store: ExpertStore, part: Component, place: ByteRange) -> NDArray[Any]:
    """bfloat16, which numpy has not, as float32."""
    raw = np.empty(part.shape, _NUMPY[part.dtype])
    with closing(OpenFile.open(store.files[place.file])) as file:
        read_exactly(file.fd, [raw.reshape(-1).view(np.uint8).data], place.offset, place.nbytes, file.path)
    if part.dtype == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw if part.dtype == "U32" else raw.astype(np.float32)
