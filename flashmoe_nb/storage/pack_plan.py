"""Decides what a pack will write, before a byte is written: sources, shards, sizes, and the config of the output.

Knows headers and config.json; reads no weights and writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flashmoe_nb.config import SUPPORTED_BITS, SUPPORTED_GROUP_SIZES, GroupQuantization, ModelConfig
from flashmoe_nb.errors import PackError
from flashmoe_nb.storage.in_place import InPlaceStore
from flashmoe_nb.storage.naming import canonical_names
from flashmoe_nb.storage.pack_journal import fingerprint
from flashmoe_nb.storage.pack_source import CopiedExperts, CopiedResidents, ExpertSource, ResidentSource
from flashmoe_nb.storage.quantize_source import QuantizedExperts, QuantizedResidents, mlx_name
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from flashmoe_nb.storage.safetensors_writer import Shard, plan_shards
from flashmoe_nb.storage.source_files import SourceFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flashmoe_nb.storage.naming import NameMap

PACKED_NAME = "packed_experts"


@dataclass(frozen=True, slots=True)
class PackPlan:
    """All there is to write."""

    index: CheckpointIndex = field(repr=False)
    files: SourceFiles = field(repr=False)
    experts: ExpertSource = field(repr=False)
    residents: ResidentSource | None = field(repr=False)
    """None when the output lies beside the source, which keeps its other tensors."""
    shards: tuple[Shard, ...] = field(repr=False)
    config: dict[str, Any] = field(repr=False)
    """config.json of the output."""
    output: Path
    packed: Path
    identity: dict[str, Any] = field(repr=False)
    """What must not change between an interrupted run and the next."""
    skipped: tuple[str, ...] = field(repr=False)
    """Tensors of the source that the output does not hold."""

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers with routed experts."""
        return self.experts.store.layers

    def layer_bytes(self, layer: int) -> int:
        """Size of a layer's file."""
        return self.experts.layout(layer).record_bytes * self.experts.store.num_experts(layer)

    def file_bytes(self) -> dict[str, int]:
        """Size of every large file, in the order of writing."""
        sizes = {layer_name(layer): self.layer_bytes(layer) for layer in self.layers}
        return sizes | {shard.file_name: shard.nbytes for shard in self.shards}


def layer_name(layer: int) -> str:
    """As the original engine names it."""
    return f"layer_{layer:02d}.bin"


def plan_pack(
    source: Path,
    output: Path | None,
    quantization: GroupQuantization | None,
    known: CheckpointIndex | None = None,
) -> PackPlan:
    """Look at the source and lay the output out.

    Args:
        source: A checkpoint folder.
        output: A folder for a checkpoint of its own, or None for `source/packed_experts` alone.
        quantization: For an unquantized source, and only for one.
        known: The source's index, where its shards are partly deleted already.

    Raises:
        CheckpointError: the source cannot be read.
        PackError: it has no routed experts, or the quantization asked for does not go with it.
    """
    config = ModelConfig.load(source)
    index = known or CheckpointIndex.open(source)
    names = canonical_names(index, config.model_type)
    store = InPlaceStore.from_index(
        index, names, num_experts=config.moe.num_experts if config.moe else None, include_dense=False
    )
    if not store.layers:
        raise PackError(
            f"{source} has no routed experts ({config.model_type}): there is nothing to pack, open it as it is"
        )
    _check_quantization(source, config, names, quantization, output)
    files = SourceFiles(index.files)
    experts = QuantizedExperts(store, files, quantization) if quantization else CopiedExperts(store, files)
    residents, written_config = _residents(source, index, names, files, quantization=quantization, config=config)
    folder = output or source
    return PackPlan(
        index=index,
        files=files,
        experts=experts,
        residents=residents if output else None,
        shards=plan_shards(residents.specs, stem="resident") if output else (),
        config=written_config,
        output=folder,
        packed=folder / PACKED_NAME,
        identity={
            "bits": quantization.bits if quantization else None,
            "group_size": quantization.group_size if quantization else None,
            "whole_checkpoint": output is not None,
            "source": {} if known else fingerprint(index.files),
        },
        skipped=names.skipped if quantization else (),
    )


def check_asked(bits: int | None, group_size: int | None) -> GroupQuantization | None:
    """The quantization asked for, if any.

    Raises:
        PackError: one number without the other, or one that is not supported.
    """
    if bits is None and group_size is None:
        return None
    if bits not in SUPPORTED_BITS or group_size not in SUPPORTED_GROUP_SIZES:
        raise PackError(
            f"bits {bits} with group_size {group_size}: give both, bits of {_listed(SUPPORTED_BITS)} "
            f"and group_size of {_listed(SUPPORTED_GROUP_SIZES)}",
        )
    return GroupQuantization(bits, group_size)


def _check_quantization(
    source: Path, config: ModelConfig, names: NameMap, asked: GroupQuantization | None, output: Path | None
) -> None:
    has_scales = any(part.endswith(".scales") for layer in names.experts.values() for part in layer.keys)
    quantized = has_scales or config.quantization is not None
    if quantized and asked:
        raise PackError(f"{source} is quantized already, bits {asked.bits} cannot be applied: leave out --bits")
    if not quantized and not asked:
        raise PackError(f"{source} is not quantized: give bits and group_size (--bits 4 --group-size 64)")
    if asked and output is None:
        raise PackError(f"{source} is not quantized, the packed model needs a folder of its own: give an output folder")


def _residents(
    source: Path,
    index: CheckpointIndex,
    names: NameMap,
    files: SourceFiles,
    *,
    quantization: GroupQuantization | None,
    config: ModelConfig,
) -> tuple[ResidentSource, dict[str, Any]]:
    raw: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if quantization is None:
        return CopiedResidents(index, names, files), raw
    residents = QuantizedResidents(index, names, files, quantization, config)
    block: dict[str, Any] = {"group_size": quantization.group_size, "bits": quantization.bits, "mode": "affine"}
    for path, stored in residents.overrides().items():
        block[path] = {"group_size": stored.group_size, "bits": stored.bits} if stored else False
    for path in _unquantized_experts(names, index, quantization, config.model_type):
        block[path] = False
    return residents, raw | {"quantization": block, "quantization_config": block}


def _unquantized_experts(
    names: NameMap, index: CheckpointIndex, quantization: GroupQuantization, model_type: str
) -> Iterable[str]:
    store = InPlaceStore.from_index(index, names, include_dense=False)
    for layer in store.layers:
        for part in store.layout(layer).components:
            if part.shape[-1] % quantization.group_size:
                yield mlx_name(f"layers.{layer}.mlp.switch_mlp.{part.name.rpartition('.')[0]}", model_type)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
