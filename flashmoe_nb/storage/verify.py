"""Checks packed experts: file sizes, checksums, and random experts against the source they were packed from.

Reads only. What it finds is returned as sentences; what makes the folder unreadable altogether is raised.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from flashmoe_nb.config import GroupQuantization
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.atomic import PARTIAL
from flashmoe_nb.storage.manifest import read_manifest
from flashmoe_nb.storage.pack_journal import JOURNAL_NAME, PackJournal
from flashmoe_nb.storage.pack_plan import PACKED_NAME, plan_pack
from flashmoe_nb.storage.pack_source import read_record
from flashmoe_nb.storage.source_files import SourceFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb.storage.manifest import Manifest
    from flashmoe_nb.storage.pack_plan import PackPlan

_BLOCK_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was checked and what was wrong."""

    folder: Path
    problems: tuple[str, ...]
    """One sentence each; none means that all is well."""
    hashed_bytes: int
    compared_experts: int
    """With the source; 0 when none was given."""

    @property
    def ok(self) -> bool:
        """Nothing was wrong."""
        return not self.problems


def verify(
    folder: Path, *, source: Path | None = None, samples: int = 16, seed: int = 0, progress: bool = True
) -> VerifyResult:
    """Check a packed folder.

    Args:
        folder: A model folder with `packed_experts/`, or that folder itself.
        source: The checkpoint it was packed from, to compare experts with; a model folder that still holds its
            experts is its own source.
        samples: How many random experts to compare; in a file whose checksum is wrong all are compared.
        seed: Of the choice.
        progress: Show a progress bar.

    Raises:
        CheckpointError: no description of packed experts, or a source that is not of the same shape.
    """
    packed = folder if folder.name == PACKED_NAME or not (folder / PACKED_NAME).is_dir() else folder / PACKED_NAME
    manifest = read_manifest(packed)
    problems = [f"{path} is half-written: run the same pack again" for path in sorted(packed.glob("*" + PARTIAL))]
    expected = _expected_files(packed, manifest)
    readable, suspect = [], set[int]()
    hashed_bytes = 0
    total_bytes = sum(item.nbytes for item in expected)
    with tqdm(total=total_bytes, unit="B", unit_scale=True, desc="verify", disable=not progress) as bar:
        for item in expected:
            problem = _wrong_size(item)
            if problem is None:
                hashed_bytes += item.nbytes
                problem = _wrong_checksum(item, bar.update)
                readable += [] if item.layer is None else [item.layer]
                suspect |= set() if problem is None or item.layer is None else {item.layer}
            problems += [problem] if problem else []
    origin = source or (packed.parent if _holds_experts(packed) else None)
    compared = 0
    if origin is not None:
        wanted = _choose(manifest, readable, suspect, samples, seed)
        problems += _compare(packed, manifest, origin, wanted)
        compared = len(wanted)
    return VerifyResult(packed, tuple(problems), hashed_bytes, compared)


@dataclass(frozen=True, slots=True)
class _Expected:
    path: Path
    nbytes: int
    sha256: str | None
    layer: int | None
    """None for a shard of resident tensors."""


def _expected_files(packed: Path, manifest: Manifest) -> list[_Expected]:
    """The layer files of the manifest, and the resident shards of a whole packed checkpoint."""
    expected = [_Expected(packed / of.file, of.file_bytes, of.sha256, n) for n, of in manifest.layers.items()]
    journal = PackJournal.read(packed / JOURNAL_NAME)
    layer_files = {of.file for of in manifest.layers.values()}
    for name, whole in journal.whole.items() if journal else ():
        if name not in layer_files:
            expected.append(_Expected(packed.parent / name, whole.nbytes, whole.sha256, None))
    return expected


def _wrong_size(item: _Expected) -> str | None:
    if not item.path.is_file():
        return f"{item.path} is missing, {item.nbytes:,} bytes were packed: run the same pack with --restart"
    found_bytes = item.path.stat().st_size
    if found_bytes == item.nbytes:
        return None
    return f"{item.path} is {found_bytes:,} bytes, {item.nbytes:,} were packed: run the same pack with --restart"


def _wrong_checksum(item: _Expected, on_bytes: Callable[[int], object]) -> str | None:
    digest = hashlib.sha256()
    with item.path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_bytes(len(block))
    if item.sha256 is None or digest.hexdigest() == item.sha256:
        return None
    where = item.path.name if item.layer is None else f"layer {item.layer}: {item.path.name}"
    return (
        f"{where} has checksum {digest.hexdigest()[:16]}, packed was {item.sha256[:16]}: "
        "its bytes changed after packing; run the same pack with --restart"
    )


def _holds_experts(packed: Path) -> bool:
    journal = PackJournal.read(packed / JOURNAL_NAME)
    return journal is not None and not journal.plan["whole_checkpoint"]


def _choose(
    manifest: Manifest, readable: list[int], suspect: set[int], samples: int, seed: int
) -> list[tuple[int, int]]:
    """Random (layer, expert) pairs, and every expert of a layer whose checksum is wrong."""
    every = [(layer, expert) for layer in readable for expert in range(manifest.layers[layer].num_experts)]
    chosen = set(random.Random(seed).sample(every, min(samples, len(every))))  # noqa: S311 - a sample, no secret
    return sorted(chosen | {pair for pair in every if pair[0] in suspect})


def _compare(packed: Path, manifest: Manifest, source: Path, wanted: list[tuple[int, int]]) -> list[str]:
    plan = _plan_again(packed, manifest, source)
    problems: list[str] = []
    paths = [packed / manifest.layers[layer].file for layer in manifest.layers]
    numbers = {layer: at for at, layer in enumerate(manifest.layers)}
    with plan.files, SourceFiles(paths) as files:
        for layer, expert in wanted:
            of = manifest.layers[layer]
            record = bytearray(of.record_bytes)
            read_record(plan.experts, layer, expert, memoryview(record))
            found = files.read(numbers[layer], expert * of.record_bytes, of.record_bytes).tobytes()
            if found != record:
                at = next(i for i, (a, b) in enumerate(zip(found, record, strict=True)) if a != b)
                name = next((c.name for c in of.layout.components if c.offset <= at < c.offset + c.nbytes), "padding")
                problems.append(
                    f"layer {layer} expert {expert} differs from {source} at byte {at:,} of its record ({name}): "
                    "run the same pack with --restart",
                )
    return problems


def _plan_again(packed: Path, manifest: Manifest, source: Path) -> PackPlan:
    """What packing `source` now would write, laid out as it was; quantized as it was if it was quantized."""
    quantization = None
    if manifest.source.get("quantized_here"):
        quantization = GroupQuantization(manifest.quantization["bits"], manifest.quantization["group_size"])
    plan = plan_pack(source, packed.parent if quantization else None, quantization)
    for layer, of in manifest.layers.items():
        known = layer in plan.layers
        if (
            not known
            or plan.experts.store.num_experts(layer) != of.num_experts
            or plan.experts.layout(layer) != of.layout
        ):
            raise CheckpointError(
                f"{source} and {packed} differ in the shape of layer {layer}: give the checkpoint this was packed from",
            )
    return plan
