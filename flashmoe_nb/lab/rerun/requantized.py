"""A checkpoint written again with its routed experts at fewer bits, so that speed, size and damage are all real.

2 bits as the original made them: from the values there are, scale (max - min) / 3 a group, bias the minimum. Other
widths by MLX's own quantiser. Streams expert by expert; everything else is copied byte for byte.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from flashmoe_nb.errors import UnsupportedError
from flashmoe_nb.lab.demo.fewer_bits import minmax
from flashmoe_nb.lab.rerun.ways import Plain
from flashmoe_nb.observe.requantize import requantize_slot
from flashmoe_nb.storage.atomic import partial_path, require_free_space
from flashmoe_nb.storage.positional import read_exactly
from flashmoe_nb.storage.record import PARTS, PROJECTIONS
from flashmoe_nb.storage.safetensors_index import INDEX_NAME
from flashmoe_nb.storage.safetensors_writer import TensorSpec, index_of, plan_shards, write_partial_shard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.engine.checkpoint import Checkpoint
    from flashmoe_nb.storage import ExpertStore

_ORIGINAL_BITS = 2
_MLX_DTYPES = {"BF16": mx.bfloat16, "F16": mx.float16, "F32": mx.float32}


def write_requantized(
    checkpoint: Checkpoint,
    folder: Path,
    bits: int,
    layers: Collection[int] | None = None,
    experts: Collection[int] | None = None,
) -> int:
    """Write it; returns the bytes of its routed experts.

    Args:
        checkpoint: what is written again.
        folder: an empty one.
        bits: of the coarser experts.
        layers: only these become coarser; None for all.
        experts: only these of each of the layers. Their records keep the width of the others', so bytes are not saved:
            the values are those of fewer bits.

    Raises:
        UnsupportedError: experts that are not quantized, or at fewer bits already.
        PackError: too little disk.
    """
    store = checkpoint.routed
    assert store is not None, "checked when the experiment was started"
    with closing(_Writer(checkpoint, store, bits, layers, experts)) as writer:
        specs = [*writer.resident_specs(), *writer.expert_specs()]
        require_free_space(folder, sum(spec.nbytes for spec in specs))
        shards = plan_shards(specs)
        for shard in shards:
            write_partial_shard(folder, shard, writer.chunks, lambda _: None)
            partial_path(folder / shard.file_name).replace(folder / shard.file_name)
        (folder / INDEX_NAME).write_text(json.dumps(index_of(shards)), encoding="utf-8")
        (folder / "config.json").write_text(json.dumps(writer.config()), encoding="utf-8")
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"):
            if (checkpoint.folder / name).exists():
                shutil.copy(checkpoint.folder / name, folder / name)
        return sum(spec.nbytes for spec in writer.expert_specs())


class _Writer:
    """Where every tensor's bytes come from."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        store: ExpertStore,
        bits: int,
        layers: Collection[int] | None,
        experts: Collection[int] | None,
    ) -> None:
        self._checkpoint, self._store, self._bits = checkpoint, store, bits
        self._changed = frozenset(store.layers if layers is None else layers)
        self._some = None if experts is None else frozenset(experts)
        self._group_size, self._own_bits = self._stored()
        self._plain = Plain(store)  # opens files: after whatever may be refused
        entries, names = checkpoint.index.entries, checkpoint.names
        self._resident = {named.key: entries[named.key] for named in names.resident.values()}
        norm = names.resident["layers.0.input_layernorm.weight"].key
        self._root = norm.removesuffix("0.input_layernorm.weight")
        """What stands before a layer's number."""
        self._sources: dict[str, tuple[int, str]] = {}
        self._made: tuple[tuple[int, str], list[tuple[bytes, bytes, bytes]]] | None = None
        """The three parts of one projection of one layer, expert by expert; only the last asked for is kept."""

    def _stored(self) -> tuple[int, int]:
        """Group size and bits of gate_proj, as its shapes tell."""
        layout = {part.name: part for part in self._store.layout(self._store.layers[0]).components}
        if "gate_proj.scales" not in layout:
            raise UnsupportedError(
                "the experts are not quantized, so there are no bits to take away: quantize them first"
            )
        hidden = self._checkpoint.config.hidden_size
        group = hidden // layout["gate_proj.scales"].shape[1]
        own = 32 * layout["gate_proj.weight"].shape[1] // hidden
        if own <= self._bits:
            raise UnsupportedError(f"the experts have {own} bits already, {self._bits} were asked for: give fewer")
        return group, own

    def resident_specs(self) -> Iterator[TensorSpec]:
        for key, entry in self._resident.items():
            yield TensorSpec(key, entry.dtype, entry.shape)

    def expert_specs(self) -> Iterator[TensorSpec]:
        for layer in self._store.layers:
            count = self._store.num_experts(layer)
            for part in self._store.layout(layer).components:
                projection, _, kind = part.name.rpartition(".")
                rows, columns = part.shape
                if kind == "weight" and self._is_narrower(layer):
                    columns = columns * self._bits // self._own_bits
                name = f"{self._path(layer, projection)}.{kind}"
                self._sources[name] = (layer, part.name)
                yield TensorSpec(name, part.dtype, (count, rows, columns))

    def chunks(self, spec: TensorSpec) -> Iterator[bytes]:
        if spec.name not in self._sources:
            yield self._copied(spec.name)
            return
        layer, component = self._sources[spec.name]
        projection, _, kind = component.rpartition(".")
        if self._made is None or self._made[0] != (layer, projection):
            self._made = ((layer, projection), [self._coarse(layer, n, projection) for n in self._experts(layer)])
        place = PARTS.index(kind)
        for parts in self._made[1]:
            yield parts[place]

    def config(self) -> dict[str, Any]:
        raw: dict[str, Any] = json.loads((self._checkpoint.folder / "config.json").read_text("utf-8"))
        block = dict(raw.get("quantization") or raw["quantization_config"])
        for layer in filter(self._is_narrower, self._store.layers):
            for projection in PROJECTIONS:
                block[self._path(layer, projection)] = {"bits": self._bits, "group_size": self._group_size}
        return raw | {"quantization": block, "quantization_config": block}

    def close(self) -> None:
        self._plain.close()

    def _path(self, layer: int, projection: str) -> str:
        return f"{self._root}{layer}.mlp.switch_mlp.{projection}"

    def _is_narrower(self, layer: int) -> bool:
        """Whether the layer's codes have fewer bits, and not only values of fewer."""
        return layer in self._changed and self._some is None

    def _experts(self, layer: int) -> range:
        return range(self._store.num_experts(layer))

    def _copied(self, key: str) -> bytes:
        entry = self._resident[key]
        path = self._checkpoint.index.files[entry.file]
        raw = bytearray(entry.nbytes)
        fd = os.open(path, os.O_RDONLY)
        try:
            read_exactly(fd, [memoryview(raw)], entry.offset, entry.nbytes, path)
        finally:
            os.close(fd)
        return bytes(raw)

    def _coarse(self, layer: int, expert: int, projection: str) -> tuple[bytes, bytes, bytes]:
        parts = self._store.layout(layer).components
        blocks = {part.name: np.empty(part.nbytes, np.uint8) for part in parts}
        buffers = tuple(block.data for block in blocks.values())
        for job in self._plain.jobs(layer, expert, buffers):
            job()
        if not self._is_narrower(layer):
            if layer in self._changed and self._some is not None and expert in self._some:
                requantize_slot(self._bits)(self._store.layout(layer), buffers)
            return tuple(blocks[f"{projection}.{kind}"].tobytes() for kind in PARTS)  # type: ignore[return-value]
        shapes = {part.name: (part.dtype, part.shape) for part in parts}
        packed, scales, biases = (
            _array(blocks[f"{projection}.{kind}"], *shapes[f"{projection}.{kind}"]) for kind in PARTS
        )
        group = packed.shape[1] * 32 // self._own_bits // scales.shape[1]
        values = mx.dequantize(
            packed, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=self._own_bits
        )
        made = (
            minmax(values, _ORIGINAL_BITS, group)
            if self._bits == _ORIGINAL_BITS
            else mx.quantize(values, group, self._bits)
        )
        words, scale, low = made
        return tuple(_raw(part) for part in (words, scale.astype(scales.dtype), low.astype(scales.dtype)))  # type: ignore[return-value]


def _array(raw: NDArray[np.uint8], dtype: str, shape: tuple[int, ...]) -> mx.array:
    if dtype == "U32":
        return mx.array(raw.view(np.uint32).reshape(shape))
    kind = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32}[dtype]
    plain = mx.array(raw.view(kind).reshape(shape))
    return plain.view(mx.bfloat16) if dtype == "BF16" else plain


def _raw(values: mx.array) -> bytes:
    held = values.view(mx.uint16) if values.dtype == mx.bfloat16 else values
    return np.array(held).tobytes()
