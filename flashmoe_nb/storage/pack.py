"""Packs a checkpoint's experts into one record each, and on demand the rest of it beside them, in bounded memory.

Every large file is written in order under a partial name, fsynced, named, and then recorded in a journal; the manifest
comes last. So a pack that is killed goes on after its last whole file, and nothing half-written is taken for whole.
The source is read only, unless its deletion is asked for (`delete_source.py`).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from flashmoe_nb.errors import CheckpointError, PackError
from flashmoe_nb.storage.atomic import (
    PARTIAL,
    disk_errors,
    partial_path,
    publish,
    remove_partials,
    require_free_space,
    write_json,
    write_whole,
)
from flashmoe_nb.storage.delete_source import delete_source_shards, saved_index
from flashmoe_nb.storage.manifest import MANIFEST_NAME, ORIGINAL_NAME
from flashmoe_nb.storage.pack_journal import JOURNAL_NAME, PackJournal, WholeFile, fingerprint
from flashmoe_nb.storage.pack_manifest import describe
from flashmoe_nb.storage.pack_plan import PACKED_NAME, check_asked, layer_name, plan_pack
from flashmoe_nb.storage.pack_source import read_record
from flashmoe_nb.storage.safetensors_index import INDEX_NAME
from flashmoe_nb.storage.safetensors_writer import index_of, write_partial_shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb.storage.pack_plan import PackPlan

_COPIED_SUFFIXES = (".json", ".jinja", ".txt", ".model", ".md")
_SPARE_BYTES = 32 * 2**20
"""Room for tokenizer, manifest and the file system's own needs."""


@dataclass(frozen=True, slots=True)
class PackResult:
    """What a pack left on disk."""

    folder: Path
    """Of the packed experts."""
    num_layers: int
    num_experts: int
    """In all layers."""
    nbytes: int
    """Of all layer files and resident shards."""
    written_bytes: int
    """By this run; the rest was there from an interrupted one."""
    skipped: tuple[str, ...]
    """Tensors of the source that the output does not hold: vision tower and multi-token prediction."""
    deleted: tuple[str, ...]
    """Shards of the source deleted after verification."""


def pack(
    source: Path,
    output: Path | None = None,
    *,
    bits: int | None = None,
    group_size: int | None = None,
    delete_source: bool = False,
    restart: bool = False,
    progress: bool = True,
) -> PackResult:
    """Pack a checkpoint, or go on with a pack that was interrupted.

    Args:
        source: A checkpoint folder, MLX or Hugging Face layout.
        output: A folder for a whole checkpoint; None puts `packed_experts/` beside a quantized source.
        bits: Of a value, to quantize an unquantized source.
        group_size: Values that share a scale.
        delete_source: Delete each shard of the source once everything in it is verified in `output`.
        restart: Drop what an interrupted pack has written.
        progress: Show a progress bar.

    Raises:
        CheckpointError: the source cannot be read as a checkpoint.
        PackError: the request cannot be met, the disk is too small or full, or the source changed meanwhile.
    """
    asked = check_asked(bits, group_size)
    if output is not None and output.resolve() == source.resolve():
        raise PackError(
            f"{output} is the source itself: leave the output out to pack beside it, or give another folder"
        )
    if delete_source and output is None:
        raise PackError(
            f"{source} cannot be deleted, the packed experts beside it need its other tensors: give an output"
        )
    packed = (output or source) / PACKED_NAME
    known = saved_index(packed, source) if delete_source and (packed / MANIFEST_NAME).exists() else None
    plan = plan_pack(source, output, asked, known)
    with plan.files:
        written_bytes = 0
        if known is None:
            journal = _open_journal(plan, source, restart=restart)
            if not (plan.packed / MANIFEST_NAME).exists():
                written_bytes = _write_all(plan, journal, source, progress=progress)
        deleted = delete_source_shards(plan, source, progress=progress) if delete_source else ()
    return PackResult(
        folder=plan.packed,
        num_layers=len(plan.layers),
        num_experts=sum(plan.experts.store.num_experts(layer) for layer in plan.layers),
        nbytes=sum(plan.file_bytes().values()),
        written_bytes=written_bytes,
        skipped=plan.skipped,
        deleted=deleted,
    )


def _open_journal(plan: PackPlan, source: Path, *, restart: bool) -> PackJournal:
    journal = PackJournal.read(plan.packed / JOURNAL_NAME)
    if journal is not None and restart:
        _forget(plan, journal, source)
        journal = None
    if journal is not None:
        journal.require_same_plan(plan.identity, source)
        return journal
    for folder in {plan.packed, plan.output} - {source}:
        others = [p.name for p in folder.iterdir() if p != plan.packed] if folder.is_dir() else []
        if any(not name.startswith(JOURNAL_NAME) for name in others):
            raise PackError(f"{folder} holds files that no pack of ours began ({min(others)}): move or delete it first")
    require_free_space(plan.output, sum(plan.file_bytes().values()) + _SPARE_BYTES)
    with disk_errors(plan.packed):
        plan.packed.mkdir(parents=True, exist_ok=True)
        return PackJournal.begin(plan.packed / JOURNAL_NAME, plan.identity)


def _forget(plan: PackPlan, journal: PackJournal, source: Path) -> None:
    """Delete what earlier runs wrote, the manifest first."""
    for name in (MANIFEST_NAME, ORIGINAL_NAME):
        (plan.packed / name).unlink(missing_ok=True)
    ours = [*plan.packed.glob("layer_*.bin"), *plan.packed.glob("*" + PARTIAL)]
    if plan.residents is not None:
        small = [path.name for path in _small_files(source)] + ["config.json", INDEX_NAME]
        ours += [plan.output / name for name in small]
        ours += [*plan.output.glob("resident*.safetensors"), *plan.output.glob("*" + PARTIAL)]
    for path in ours:
        path.unlink(missing_ok=True)
    journal.path.unlink()


def _path_of(plan: PackPlan, name: str) -> Path:
    return (plan.packed if name.startswith("layer_") else plan.output) / name


def _write_all(plan: PackPlan, journal: PackJournal, source: Path, *, progress: bool) -> int:
    sizes = plan.file_bytes()
    remove_partials(plan.packed)
    if plan.residents is not None:
        remove_partials(plan.output)
    with tqdm(total=sum(sizes.values()), unit="B", unit_scale=True, desc="pack", disable=not progress) as bar:
        journal.whole = {n: f for n, f in journal.whole.items() if _is_whole(_path_of(plan, n), f, bar.update)}
        missing_bytes = sum(nbytes for name, nbytes in sizes.items() if name not in journal.whole)
        require_free_space(plan.output, missing_bytes + (_SPARE_BYTES if missing_bytes else 0))
        with disk_errors(plan.output), disk_errors(plan.packed):
            journal.rewrite()
            for layer in plan.layers:
                if layer_name(layer) not in journal.whole:
                    journal.add(layer_name(layer), _write_layer(plan, layer, bar.update))
            for shard in plan.shards:
                if shard.file_name not in journal.whole:
                    journal.add(shard.file_name, _write_shard(plan, shard.file_name, bar.update))
            _finish(plan, journal, source)
    return missing_bytes


def _is_whole(path: Path, expected: WholeFile, on_bytes: Callable[[int], object]) -> bool:
    """Whether a file of the journal is still what was written; its checksum is made again."""
    if not path.is_file() or path.stat().st_size != expected.nbytes:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    same = digest.hexdigest() == expected.sha256
    if same:
        on_bytes(expected.nbytes)
    return same


def _write_layer(plan: PackPlan, layer: int, on_bytes: Callable[[int], object]) -> WholeFile:
    path = plan.packed / layer_name(layer)
    record = bytearray(plan.experts.layout(layer).record_bytes)
    digest = hashlib.sha256()
    with partial_path(path).open("wb", buffering=0) as file:
        for expert in range(plan.experts.store.num_experts(layer)):
            read_record(plan.experts, layer, expert, memoryview(record))
            view = memoryview(record)
            while view.nbytes:
                view = view[file.write(view) :]
            digest.update(record)
            on_bytes(len(record))
        os.fsync(file.fileno())
    publish(path)
    return WholeFile(plan.layer_bytes(layer), digest.hexdigest())


def _write_shard(plan: PackPlan, name: str, on_bytes: Callable[[int], object]) -> WholeFile:
    assert plan.residents is not None
    shard = next(shard for shard in plan.shards if shard.file_name == name)
    digest = write_partial_shard(plan.output, shard, plan.residents.chunks, on_bytes)
    publish(plan.output / name)
    return WholeFile(shard.nbytes, digest)


def _finish(plan: PackPlan, journal: PackJournal, source: Path) -> None:
    """Small files, then the check that the source stood still, then the descriptions of the whole."""
    if plan.residents is not None:
        for path in _small_files(source):
            write_whole(plan.output / path.name, path.read_bytes())
        write_json(plan.output / "config.json", plan.config)
        write_json(plan.output / INDEX_NAME, index_of(plan.shards))
    if fingerprint(plan.index.files) != plan.identity["source"]:
        raise CheckpointError(f"{source} changed while it was packed: run the same command with --restart")
    journal.whole = {name: journal.whole[name] for name in plan.file_bytes()}  # in order, however often it was resumed
    journal.rewrite()
    describe(plan, journal, source)


def _small_files(source: Path) -> list[Path]:
    """Tokenizer, template and generation settings: copied as they are."""
    return [
        path
        for path in sorted(source.iterdir())
        if path.is_file() and path.suffix in _COPIED_SUFFIXES and path.name not in (INDEX_NAME, "config.json")
    ]
