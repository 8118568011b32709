"""Deletes the shards of a packed source, each only after everything in it was found again in the output.

Experts are compared byte by byte with their records and other tensors with the output's shards; what was quantized is
quantized again for it. Knows nothing of how they were written. A deletion that is cut short goes on where it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from flashmoe_nb.errors import PackError
from flashmoe_nb.storage.atomic import fsync_folder, write_json
from flashmoe_nb.storage.pack_journal import file_fingerprint
from flashmoe_nb.storage.packed import PackedStore
from flashmoe_nb.storage.safetensors_index import INDEX_NAME, CheckpointIndex, TensorEntry
from flashmoe_nb.storage.source_files import SourceFiles

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.storage.pack_plan import PackPlan

SOURCE_INDEX_NAME = "source_index.json"


def saved_index(packed: Path, source: Path) -> CheckpointIndex | None:
    """The index of a source whose deletion has begun; None when it has not."""
    path = packed / SOURCE_INDEX_NAME
    if not path.exists():
        return None
    saved = json.loads(path.read_bytes())
    entries = {
        name: TensorEntry(name, file, dtype, tuple(shape), offset, nbytes)
        for name, (file, dtype, shape, offset, nbytes) in saved["entries"].items()
    }
    return CheckpointIndex(source, tuple(source / name for name in saved["files"]), entries)


def delete_source_shards(plan: PackPlan, source: Path, *, progress: bool) -> tuple[str, ...]:
    """Verify and delete shard by shard; returns the names of those deleted now.

    Raises:
        PackError: something in a shard is not in the output as it should be, or the shard is not the one that was
            packed; it and those after it are kept.
    """
    store = PackedStore.open(plan.packed)
    expected: dict[str, str] = store.manifest.source["shards"]
    _save_index(plan)
    left = [number for number, path in enumerate(plan.index.files) if path.exists()]
    deleted: list[str] = []
    for number in tqdm(left, desc="delete source", unit="shard", disable=not progress):
        path = plan.index.files[number]
        if file_fingerprint(path) != expected[path.name]:
            raise PackError(f"{path} is not the file that was packed: it is kept; compare it and delete it yourself")
        _check_experts(plan, store, number)
        _check_residents(plan, number)
        path.unlink()
        fsync_folder(source)
        deleted.append(path.name)
    (source / INDEX_NAME).unlink(missing_ok=True)
    return tuple(deleted)


def _save_index(plan: PackPlan) -> None:
    path = plan.packed / SOURCE_INDEX_NAME
    if not path.exists():
        entries = {e.name: (e.file, e.dtype, e.shape, e.offset, e.nbytes) for e in plan.index.entries.values()}
        write_json(path, {"files": [file.name for file in plan.index.files], "entries": entries})


def _check_experts(plan: PackPlan, store: PackedStore, number: int) -> None:
    """Compare every component that lies in shard `number` with its place in the records."""
    with SourceFiles(store.files) as packed_files:
        for layer in plan.layers:
            offsets = {part.name: part.offset for part in store.layout(layer).components}
            names = [part.name for part in plan.experts.store.layout(layer).components]
            for expert in range(plan.experts.store.num_experts(layer)):
                record = store.ranges(layer, expert)[0]
                for at, (name, place) in enumerate(zip(names, plan.experts.store.ranges(layer, expert), strict=True)):
                    if place.file != number:
                        continue
                    wanted = b"".join(
                        bytes(memoryview(part).cast("B")) for part in plan.experts.parts(layer, expert, at)
                    )
                    found = packed_files.read(record.file, record.offset + offsets[name], len(wanted))
                    if found.tobytes() != wanted:
                        raise PackError(
                            f"layer {layer} expert {expert} {name} differs from {plan.index.files[number]}: "
                            "the shard is kept; delete the output and pack again",
                        )


def _check_residents(plan: PackPlan, number: int) -> None:
    """Compare every tensor that comes from shard `number` with the output's shards."""
    assert plan.residents is not None
    output = CheckpointIndex.open(plan.output)
    with SourceFiles(output.files) as files:
        for spec in plan.residents.specs:
            if plan.residents.source_file(spec) != number:
                continue
            entry = output.entries.get(spec.name)
            same = entry is not None and (entry.dtype, entry.shape) == (spec.dtype, spec.shape)
            offset = entry.offset if entry else 0
            for chunk in plan.residents.chunks(spec) if same else ():
                wanted = np.frombuffer(memoryview(chunk).cast("B"), np.uint8)
                assert entry is not None
                same = same and np.array_equal(files.read(entry.file, offset, wanted.size), wanted)
                offset += wanted.size
            if not same:
                raise PackError(
                    f"tensor {spec.name} in {plan.output} differs from {plan.index.files[number]}: "
                    "the shard is kept; delete the output and pack again",
                )
