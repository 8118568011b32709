"""Experts on disk: what a checkpoint holds, where each expert lies, and how it gets into a slot."""

from flashmoe_nb.storage.in_place import InPlaceStore
from flashmoe_nb.storage.naming import Layout, NamedTensor, NameMap, Transform, canonical_names
from flashmoe_nb.storage.packed import PackedStore
from flashmoe_nb.storage.reader import ExpertReader, ReadCancelled, SlotBuffers
from flashmoe_nb.storage.record import ByteRange, Component, RecordLayout
from flashmoe_nb.storage.safetensors_index import CheckpointIndex, TensorEntry
from flashmoe_nb.storage.stores import ExpertStore, tells_experts_apart

__all__ = [
    "ByteRange",
    "CheckpointIndex",
    "Component",
    "ExpertReader",
    "ExpertStore",
    "InPlaceStore",
    "Layout",
    "NameMap",
    "NamedTensor",
    "PackedStore",
    "ReadCancelled",
    "RecordLayout",
    "SlotBuffers",
    "TensorEntry",
    "Transform",
    "canonical_names",
    "tells_experts_apart",
]
