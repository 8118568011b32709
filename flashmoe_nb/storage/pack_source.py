"""What a pack writes, and where it takes it from: experts as records, everything else as tensors.

Here are the two protocols and the sources that copy bytes as they are; `quantize_source.py` has those that quantize.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flashmoe_nb.storage.safetensors_writer import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.storage.in_place import InPlaceStore
    from flashmoe_nb.storage.naming import NameMap
    from flashmoe_nb.storage.record import RecordLayout
    from flashmoe_nb.storage.safetensors_index import CheckpointIndex
    from flashmoe_nb.storage.safetensors_writer import Chunk
    from flashmoe_nb.storage.source_files import SourceFiles


class ExpertSource(Protocol):
    """Experts in the order of their records."""

    @property
    def store(self) -> InPlaceStore:
        """Where the source's own components lie."""

    def layout(self, layer: int) -> RecordLayout:
        """Of the records to be written."""

    def parts(self, layer: int, expert: int, number: int) -> tuple[Chunk, ...]:
        """The record's components that come from component `number` of the source, in record order."""


class ResidentSource(Protocol):
    """Every tensor that is not an expert's, as it shall be written."""

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """Names, dtypes and shapes, in the order of writing."""

    def chunks(self, spec: TensorSpec) -> Iterator[Chunk]:
        """The bytes of one of `specs`, piece by piece."""

    def source_file(self, spec: TensorSpec) -> int:
        """Number of the source shard that `spec` comes from."""


class CopiedExperts:
    """Experts whose bytes stay as they are."""

    def __init__(self, store: InPlaceStore, files: SourceFiles) -> None:
        self.store = store
        self._files = files

    def layout(self, layer: int) -> RecordLayout:
        """The source's own."""
        return self.store.layout(layer)

    def parts(self, layer: int, expert: int, number: int) -> tuple[Chunk, ...]:
        """The component itself."""
        at = self.store.ranges(layer, expert)[number]
        return (self._files.read(at.file, at.offset, at.nbytes).data,)


class CopiedResidents:
    """Tensors whose names and bytes stay as they are; also those the text model skips, so that nothing is lost."""

    def __init__(self, index: CheckpointIndex, names: NameMap, files: SourceFiles) -> None:
        experts = {key for layer in names.experts.values() for key in layer.keys.values()}
        kept = sorted((e for e in index.entries.values() if e.name not in experts), key=lambda e: (e.file, e.offset))
        self.specs = tuple(TensorSpec(entry.name, entry.dtype, entry.shape) for entry in kept)
        self._entries = index.entries
        self._files = files

    def chunks(self, spec: TensorSpec) -> Iterator[Chunk]:
        """Tiles of the tensor."""
        entry = self._entries[spec.name]
        return (tile.data for tile in self._files.tiles(entry.file, entry.offset, entry.nbytes))

    def source_file(self, spec: TensorSpec) -> int:
        """The shard it lies in."""
        return self._entries[spec.name].file


def read_record(source: ExpertSource, layer: int, expert: int, record: memoryview) -> None:
    """Fill the start of `record` with one expert's payload."""
    offset = 0
    for number in range(len(source.store.layout(layer).components)):
        for part in source.parts(layer, expert, number):
            view = memoryview(part).cast("B")
            record[offset : offset + view.nbytes] = view
            offset += view.nbytes
    assert offset == source.layout(layer).payload_bytes, (layer, expert, offset)
