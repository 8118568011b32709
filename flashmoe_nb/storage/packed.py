"""Packed experts: one file a layer, one record an expert, read in one call.

Knows the folder that `flashmoe pack`, or the original engine's repack_experts.py, writes; sizes are checked when it is
opened, checksums only by `flashmoe verify`.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.atomic import PARTIAL
from flashmoe_nb.storage.manifest import Manifest, PackedLayer, read_manifest
from flashmoe_nb.storage.record import ByteRange, RecordLayout

if TYPE_CHECKING:
    from pathlib import Path

_REMEDY = 'packing stopped early; run "flashmoe pack" on the source again'


@dataclass(frozen=True, slots=True)
class PackedStore:
    """The experts of a packed folder."""

    folder: Path
    manifest: Manifest = field(repr=False)
    files: tuple[Path, ...] = field(repr=False)
    layers: tuple[int, ...] = field(repr=False)
    _file_numbers: dict[int, int] = field(repr=False)
    _layouts: dict[int, RecordLayout] = field(repr=False)
    kind: Literal["packed"] = "packed"

    @classmethod
    def open(cls, folder: Path) -> PackedStore:
        """Open a folder of packed experts, e.g. `MODEL/packed_experts`.

        Raises:
            CheckpointError: no or a malformed description, a missing layer file, one of the wrong size, a leftover
                of a pack that did not finish.
        """
        if not folder.is_dir():
            raise CheckpointError(f'{folder} is no folder: run "flashmoe pack" on the source to make it')
        leftover = min(folder.glob(f"*{PARTIAL}"), default=None)
        if leftover is not None:
            raise CheckpointError(f"{leftover} is half-written: {_REMEDY}")
        manifest = read_manifest(folder)
        for layer in manifest.layers.values():
            _check_size(folder / layer.file, layer)
        interned: dict[RecordLayout, RecordLayout] = {}
        return cls(
            folder,
            manifest,
            files=tuple(folder / layer.file for layer in manifest.layers.values()),
            layers=tuple(manifest.layers),
            _file_numbers={number: at for at, number in enumerate(manifest.layers)},
            _layouts={number: interned.setdefault(of.layout, of.layout) for number, of in manifest.layers.items()},
        )

    def layout(self, layer: int) -> RecordLayout:
        """The components of one expert."""
        return self._layouts[layer]

    def num_experts(self, layer: int) -> int:
        """How many records the layer's file holds."""
        return self.manifest.layers[layer].num_experts

    def ranges(self, layer: int, expert: int) -> tuple[ByteRange, ...]:
        """One range per component; they follow one another without gaps."""
        packed = self.manifest.layers[layer]
        assert 0 <= expert < packed.num_experts, f"expert {expert} of {packed.num_experts} in layer {layer}"
        file, start = self._file_numbers[layer], expert * packed.record_bytes
        return tuple(ByteRange(file, start + part.offset, part.nbytes) for part in packed.layout.components)

    def shares_pages(self, layer: int) -> bool:
        """False unless records are no whole pages, as the original engine's may be for small experts."""
        packed = self.manifest.layers[layer]
        return packed.num_experts > 1 and packed.record_bytes % mmap.PAGESIZE != 0


def _check_size(path: Path, layer: PackedLayer) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing, the manifest lists it with {layer.file_bytes:,} bytes: {_REMEDY}")
    file_bytes = path.stat().st_size
    if file_bytes != layer.file_bytes:
        raise CheckpointError(f"{path} is {file_bytes:,} bytes, the manifest says {layer.file_bytes:,}: {_REMEDY}")
