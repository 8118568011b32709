"""Unquantized experts and tensors, quantized while they are packed: one expert, or one tile of rows, at a time.

Affine quantization as `mlx_lm.convert` applies it: linear layers and embeddings, routers at 8 bits in groups of 64,
rows that are no multiple of the group left as they are. On the CPU, so that doing it again gives the same bytes.
Source: mlx-lm utils.py `quantize_model`, models/qwen3_next.py `quant_predicate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.config import GroupQuantization
from flashmoe_nb.storage.naming import Transform
from flashmoe_nb.storage.record import PARTS, RecordLayout
from flashmoe_nb.storage.safetensors_writer import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.storage.in_place import InPlaceStore
    from flashmoe_nb.storage.naming import NamedTensor, NameMap
    from flashmoe_nb.storage.safetensors_index import CheckpointIndex
    from flashmoe_nb.storage.safetensors_writer import Chunk
    from flashmoe_nb.storage.source_files import SourceFiles

ROUTER_QUANTIZATION = GroupQuantization(8, 64)
FLOAT_DTYPES = {"BF16": mx.bfloat16, "F16": mx.float16, "F32": mx.float32}

_ROUTERS = (".mlp.gate", ".mlp.shared_expert_gate")
_TILE_VALUES = 4 * 2**20


class QuantizedExperts:
    """Experts stored as plain weights, turned into packed words, scales and biases."""

    def __init__(self, store: InPlaceStore, files: SourceFiles, quantization: GroupQuantization) -> None:
        self.store = store
        self._files = files
        self._quantization = quantization

    def layout(self, layer: int) -> RecordLayout:
        """Three components for each of the source's (one where its rows are no multiple of the group)."""
        return RecordLayout.of(
            (spec.name, spec.dtype, spec.shape)
            for part in self.store.layout(layer).components
            for spec in quantized_specs(TensorSpec(part.name, part.dtype, part.shape), self._quantization)
        )

    def parts(self, layer: int, expert: int, number: int) -> tuple[Chunk, ...]:
        """Quantize one projection of one expert."""
        at, part = self.store.ranges(layer, expert)[number], self.store.layout(layer).components[number]
        raw = self._files.read(at.file, at.offset, at.nbytes)
        if part.shape[-1] % self._quantization.group_size:
            return (raw.data,)
        return _quantize_rows(_to_mlx(raw, part.dtype, part.shape), self._quantization)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One tensor of the source and what becomes of it."""

    tensor: NamedTensor
    spec: TensorSpec
    """As written when it is not quantized: MLX name and axes."""
    quantization: GroupQuantization | None


class QuantizedResidents:
    """The tensors beside the experts in MLX's names and conventions, quantized as `mlx_lm.convert` would."""

    def __init__(
        self,
        index: CheckpointIndex,
        names: NameMap,
        files: SourceFiles,
        quantization: GroupQuantization,
        config: ModelConfig,
    ) -> None:
        self._entries = index.entries
        self._files = files
        self._planned: dict[str, _Planned] = {}
        self._side: tuple[str, dict[str, bytes]] = ("", {})
        specs: list[TensorSpec] = []
        for tensor in sorted(names.resident.values(), key=lambda t: self._place(t.key)):
            if config.tie_word_embeddings and tensor.canonical.startswith("lm_head."):
                continue
            planned = self._plan(tensor, quantization, config.model_type)
            written = quantized_specs(planned.spec, planned.quantization) if planned.quantization else (planned.spec,)
            self._planned.update(dict.fromkeys((spec.name for spec in written), planned))
            specs.extend(written)
        self.specs = tuple(specs)

    def overrides(self) -> dict[str, GroupQuantization | None]:
        """Router modules, by full path: quantized unlike the rest, or (None) not at all."""
        return {
            _module(planned.spec.name): planned.quantization
            for planned in self._planned.values()
            if _module(planned.spec.name).endswith(_ROUTERS)
        }

    def chunks(self, spec: TensorSpec) -> Iterator[Chunk]:
        """Quantize row tiles of the tensor; scales and biases are kept from the pass that gave the weight."""
        planned = self._planned[spec.name]
        if planned.quantization is None:
            yield from self._unquantized(planned)
            return
        module, _, part = spec.name.rpartition(".")
        if part == "weight":
            yield from self._weights(planned, module)
            return
        if self._side[0] != module:  # packing goes on in a shard that begins between the parts of one module
            for _ in self._weights(planned, module):
                pass
        yield self._side[1][part]

    def source_file(self, spec: TensorSpec) -> int:
        """The shard its weights lie in."""
        return self._entries[self._planned[spec.name].tensor.key].file

    def _place(self, key: str) -> tuple[int, int]:
        return self._entries[key].file, self._entries[key].offset

    def _plan(self, tensor: NamedTensor, quantization: GroupQuantization, model_type: str) -> _Planned:
        entry = self._entries[tensor.key]
        shape = entry.shape
        if tensor.transform is Transform.MOVE_CONV_AXIS:
            shape = (shape[0], shape[2], shape[1])  # [C, 1, k] -> [C, k, 1]: the same bytes
        spec = TensorSpec(mlx_name(tensor.canonical, model_type), entry.dtype, shape)
        chosen = ROUTER_QUANTIZATION if _module(spec.name).endswith(_ROUTERS) else quantization
        is_linear = tensor.canonical.endswith(".weight") and len(shape) == 2 and entry.dtype in FLOAT_DTYPES  # noqa: PLR2004 - [rows, columns]
        fits = is_linear and not shape[-1] % quantization.group_size and not shape[-1] % chosen.group_size
        return _Planned(tensor, spec, chosen if fits else None)

    def _unquantized(self, planned: _Planned) -> Iterator[Chunk]:
        entry = self._entries[planned.tensor.key]
        for raw in self._files.tiles(entry.file, entry.offset, entry.nbytes):
            if planned.tensor.transform is Transform.SHIFT_NORM:
                values = _to_mlx(raw, entry.dtype, (raw.size * 8 // _bits(entry.dtype),))
                yield _to_bytes(mx.add(values, mx.array(1.0, values.dtype), stream=mx.cpu))
            else:
                yield raw.data

    def _weights(self, planned: _Planned, module: str) -> Iterator[Chunk]:
        assert planned.quantization is not None
        entry = self._entries[planned.tensor.key]
        rows, columns = entry.shape
        row_bytes = entry.nbytes // rows
        step = max(1, _TILE_VALUES // columns)
        scales, biases = [], []
        for start in range(0, rows, step):
            count = min(step, rows - start)
            raw = self._files.read(entry.file, entry.offset + start * row_bytes, count * row_bytes)
            weight, *side = _quantize_rows(_to_mlx(raw, entry.dtype, (count, columns)), planned.quantization)
            scales.append(bytes(side[0]))
            biases.append(bytes(side[1]))
            yield weight
        self._side = (module, {"scales": b"".join(scales), "biases": b"".join(biases)})


def mlx_name(canonical: str, model_type: str) -> str:
    """The name mlx-lm saves a tensor under."""
    root = "language_model." if model_type in ("qwen3_5", "qwen3_5_moe") else ""
    return root + canonical if canonical.startswith("lm_head.") else f"{root}model.{canonical}"


def quantized_specs(spec: TensorSpec, quantization: GroupQuantization) -> tuple[TensorSpec, ...]:
    """What `spec` (a `module.weight`) becomes: packed weight, scales, biases; itself when its rows do not divide."""
    columns = spec.shape[-1]
    if columns % quantization.group_size:
        return (spec,)
    words, groups = columns * quantization.bits // 32, columns // quantization.group_size
    kinds = (("U32", words), (spec.dtype, groups), (spec.dtype, groups))
    return tuple(
        TensorSpec(f"{_module(spec.name)}.{part}", dtype, (*spec.shape[:-1], last))
        for part, (dtype, last) in zip(PARTS, kinds, strict=True)
    )


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _bits(dtype: str) -> int:
    return int(FLOAT_DTYPES[dtype].size) * 8


def _to_mlx(raw: npt.NDArray[np.uint8], dtype: str, shape: tuple[int, ...]) -> mx.array:
    assert raw.size * 8 == math.prod(shape) * _bits(dtype)
    carrier = np.uint32 if _bits(dtype) == 32 else np.uint16  # noqa: PLR2004 - numpy has no bfloat16
    return mx.array(raw.view(carrier).reshape(shape)).view(FLOAT_DTYPES[dtype], stream=mx.cpu)


def _to_bytes(array: mx.array) -> memoryview:
    plain = mx.contiguous(array, stream=mx.cpu).view(mx.uint8, stream=mx.cpu)
    mx.eval(plain)
    return memoryview(plain).cast("B")  # type: ignore[arg-type]  # a buffer, whatever the stub says


def _quantize_rows(values: mx.array, quantization: GroupQuantization) -> tuple[memoryview, ...]:
    parts = mx.quantize(values, group_size=quantization.group_size, bits=quantization.bits, stream=mx.cpu)
    return tuple(_to_bytes(part) for part in parts)
