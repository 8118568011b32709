"""A checkpoint folder made ready to open: config, tensor index, and the store its experts stream from.

Reads headers only, so a wrong folder is refused before a byte of weights is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.config import ModelConfig
from flashmoe_nb.errors import CheckpointError, OptionError
from flashmoe_nb.storage import CheckpointIndex, InPlaceStore, NameMap, PackedStore, canonical_names

if TYPE_CHECKING:
    from flashmoe_nb.storage import ExpertStore
    from flashmoe_nb.storage.record import ByteRange

PACKED = "packed_experts"
_SAMPLE_BYTES = 4096
_STRIDE = 37
"""Between the experts looked at in successive layers."""
_FLOATS = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds."""

    folder: Path
    config: ModelConfig
    index: CheckpointIndex
    names: NameMap
    routed: ExpertStore | None
    """Where the routed experts are; None for a dense model."""
    notes: tuple[str, ...]

    @property
    def dtype(self) -> str:
        """What its norms are stored in."""
        return _FLOATS.get(self.index.entries[self.names.resident["norm.weight"].key].dtype, "float32")

    @property
    def expert_bytes(self) -> int:
        """All routed experts together, without padding."""
        store = self.routed
        return sum(store.layout(n).payload_bytes * store.num_experts(n) for n in store.layers) if store else 0

    def dense_store(self) -> InPlaceStore:
        """Dense MLPs, one expert a layer, where they lie."""
        only_dense = NameMap(self.names.layout, {}, {}, self.names.dense, ())
        return InPlaceStore.from_index(self.index, only_dense)


def open_checkpoint(folder: Path, experts: str | Path) -> Checkpoint:
    """Look at a folder.

    Args:
        folder: of config.json and the shards.
        experts: "auto" (packed where there is a pack, else in place), "in-place", "packed", or the path of a pack.

    Raises:
        CheckpointError: something is missing, damaged or contradictory.
    """
    if not isinstance(experts, str | Path):
        raise OptionError(f'experts is {experts!r}: give "auto", "in-place", "packed" or the folder of a pack')
    config = ModelConfig.load(folder)
    index = CheckpointIndex.open(folder)
    names = canonical_names(index, config.model_type)
    if "norm.weight" not in names.resident:
        raise CheckpointError(f"{folder} has no final norm tensor (model.norm.weight): the download is incomplete")
    notes = []
    if names.skipped:
        notes.append(f"{len(names.skipped)} tensors skipped, e.g. {names.skipped[0]}: text only, no vision or drafting")
    routed = _routed_store(folder, config, index, names, experts) if config.moe else None
    return Checkpoint(folder, config, index, names, routed, tuple(notes))


def _routed_store(
    folder: Path, config: ModelConfig, index: CheckpointIndex, names: NameMap, experts: str | Path
) -> ExpertStore:
    assert config.moe is not None
    in_place = None
    if names.experts:
        in_place = InPlaceStore.from_index(index, names, num_experts=config.moe.num_experts, include_dense=False)
        _check_shapes(in_place, config)
    packed_folder = folder / PACKED if experts in ("auto", "packed") else _pack_folder(Path(experts))
    if experts == "in-place" or (experts == "auto" and in_place is not None and not packed_folder.exists()):
        if in_place is None:
            raise CheckpointError(f'{folder} holds no expert tensors to read in place: open it with experts="packed"')
        return in_place
    if experts not in ("auto", "packed") and not packed_folder.is_dir():
        raise OptionError(f'experts="{experts}" is no folder; give "auto", "in-place", "packed" or a pack\'s folder')
    packed = PackedStore.open(packed_folder)
    _check_shapes(packed, config)
    if in_place is not None:
        _check_same(packed, in_place, packed_folder)
    return packed


def _pack_folder(folder: Path) -> Path:
    """The folder itself, or the pack in a checkpoint folder that `flashmoe pack` wrote."""
    return folder / PACKED if (folder / PACKED).is_dir() else folder


def _check_shapes(store: ExpertStore, config: ModelConfig) -> None:
    """Layers, experts and dimensions must be those of the config."""
    assert config.moe is not None
    expected = tuple(n for n, sparse in enumerate(config.sparse_layers) if sparse)
    if store.layers != expected:
        missing = sorted(set(expected) ^ set(store.layers))
        msg = f"{store.kind} experts are there for {len(store.layers)} layers, config.json has {len(expected)} sparse "
        raise CheckpointError(msg + f"ones; layer {missing[0]} differs: the download or the pack is incomplete")
    for layer in expected:
        dims = {part.name: part.shape[0] for part in store.layout(layer).components}
        found = store.num_experts(layer), dims["gate_proj.weight"], dims["down_proj.weight"]
        wanted = config.moe.num_experts, config.moe.intermediate_size, config.hidden_size
        if found != wanted:
            msg = f"layer {layer} has (experts, width, hidden) {found}, config.json says {wanted}: "
            raise CheckpointError(msg + "the shards and the config belong to different models")


def _check_same(packed: PackedStore, in_place: InPlaceStore, folder: Path) -> None:
    """The pack must be of these very shards: same layout, and the same bytes wherever one looks."""
    for layer in packed.layers:
        if packed.layout(layer) != in_place.layout(layer):
            msg = f"{folder} holds experts of another quantization than the shards (layer {layer}): "
            raise CheckpointError(msg + 'it was packed from other files; delete it and run "flashmoe pack" again')
        expert = layer * _STRIDE % packed.num_experts(layer)
        if _sample(packed, layer, expert) != _sample(in_place, layer, expert):
            msg = f"{folder} holds other weights than the shards (layer {layer}, expert {expert}): "
            raise CheckpointError(msg + 'it was packed from another model; delete it and run "flashmoe pack" again')


def _sample(store: ExpertStore, layer: int, expert: int) -> list[bytes]:
    """The first bytes of every component of one expert."""
    return [_first_bytes(store.files[part.file], part) for part in store.ranges(layer, expert)]


def _first_bytes(path: Path, part: ByteRange) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(part.offset)
        return file.read(min(part.nbytes, _SAMPLE_BYTES))
