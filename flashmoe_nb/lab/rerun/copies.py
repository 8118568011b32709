"""Copies of a pack laid out differently, and ways to read them: LZ4 records, and records in another order.

Copies are made in a scratch folder for the length of an experiment; the pack itself is not touched.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.rerun.caches import chosen_experts
from flashmoe_nb.lab.rerun.decoding import decode_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.reading import read_through
from flashmoe_nb.lab.rerun.ways import Plain
from flashmoe_nb.pagecache import open_probe
from flashmoe_nb.storage.atomic import require_free_space
from flashmoe_nb.storage.positional import as_bytes, read_exactly
from flashmoe_nb.storage.record import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.lab.rerun.decoding import Opened
    from flashmoe_nb.lab.rerun.setting import Setting
    from flashmoe_nb.lab.rerun.ways import Buffers, Job
    from flashmoe_nb.storage import ExpertStore

    Ways = dict[str, Callable[[], AbstractContextManager[Opened]]]
    Unpack = Callable[[bytearray, int], bytes]
    Places = dict[tuple[int, int], tuple[int, int]]
    """(offset, bytes) of each (layer, expert) in a copy."""


class Copied:
    """Whole records of a copy, each in one piece, as they are or compressed."""

    def __init__(self, files: dict[int, Path], places: Places, unpack: Unpack | None) -> None:
        self._files, self._places, self._unpack = files, places, unpack
        self._fds = {layer: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for layer, path in files.items()}

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """One read, and unpacking."""
        offset, nbytes = self._places[layer, expert]
        return [lambda: self._read(layer, offset, nbytes, buffers)]

    def _read(self, layer: int, offset: int, nbytes: int, buffers: Buffers) -> int:
        fd, path = self._fds[layer], self._files[layer]
        if self._unpack is None:
            return read_exactly(fd, buffers, offset, nbytes, path)
        packed = bytearray(nbytes)
        calls = read_exactly(fd, [memoryview(packed)], offset, nbytes, path)
        raw, at = memoryview(self._unpack(packed, sum(buffer.nbytes for buffer in buffers))), 0
        for buffer in buffers:
            target = as_bytes(buffer)
            target[:] = raw[at : at + target.nbytes]
            at += target.nbytes
        return calls

    def evict(self) -> None:
        """Drop the copy from the page cache; writing it put it there."""
        for fd in self._fds.values():
            open_probe().evict(fd)

    def close(self) -> None:
        """Give the files back."""
        for fd in self._fds.values():
            os.close(fd)


@contextmanager
def evicted_copy(setting: Setting, make: Callable[[], Copied]) -> Iterator[Opened]:
    """The engine reading from a copy that starts as cold as the pack does."""

    def opened(_: ExpertStore) -> Copied:
        copy = make()
        if setting.start != "warm":
            copy.evict()
        return copy

    with read_through(setting, opened) as ready:
        yield ready


def write_copy(
    store: ExpertStore, folder: Path, order: Mapping[int, Sequence[int]], change: Callable[[bytes], bytes] | None = None
) -> tuple[dict[int, Path], Places]:
    """Every record of the store in another order, each on a page of its own; `change` may make it another length.

    Raises:
        PackError: too little disk.
    """
    require_free_space(folder, sum(store.layout(n).record_bytes * store.num_experts(n) for n in store.layers))
    files: dict[int, Path] = {}
    places: Places = {}
    plain = Plain(store)
    try:
        for layer in store.layers:
            files[layer] = folder / f"layer_{layer:02d}.bin"
            blocks = [np.empty(part.nbytes, np.uint8) for part in store.layout(layer).components]
            buffers = tuple(block.data for block in blocks)
            with files[layer].open("wb") as file:
                for expert in order[layer]:
                    for job in plain.jobs(layer, expert, buffers):
                        job()
                    record = b"".join(buffers)
                    record = record if change is None else change(record)
                    places[layer, expert] = (file.tell(), len(record))
                    file.write(record)
                    file.write(bytes(-len(record) % PAGE_BYTES))
                file.flush()
                os.fsync(file.fileno())
    finally:
        plain.close()
    return files, places


def _lz4(setting: Setting) -> Found:
    block = _lz4_block()
    store = setting.engine.checkpoint.routed
    assert store is not None
    as_is = {layer: range(store.num_experts(layer)) for layer in store.layers}
    with setting.scratch_folder() as folder:
        (folder / "lz4").mkdir()
        (folder / "plain").mkdir()
        packed, sizes = write_copy(store, folder / "lz4", as_is, partial(block.compress, store_size=False))
        plain, places = write_copy(store, folder / "plain", as_is)

        def unpack(data: bytearray, size: int) -> bytes:
            return bytes(block.decompress(data, uncompressed_size=size))

        ways: Ways = {
            "plain records": partial(evicted_copy, setting, lambda: Copied(plain, places, None)),
            "LZ4 records": partial(evicted_copy, setting, lambda: Copied(packed, sizes, unpack)),
        }
        found = decode_in_turns(setting, ways)
    small, large = (sum(nbytes for _, nbytes in of.values()) for of in (sizes, places))
    return Found.of(found, f"LZ4 makes {small / large:.1%} of the bytes: {large / 1e9:.2f} to {small / 1e9:.2f} GB")


def _lz4_block() -> Any:
    try:
        import lz4.block  # noqa: PLC0415 - one experiment needs it
    except ImportError:
        raise OptionError("the package lz4 is not installed, so nothing can be compressed: pip install lz4") from None
    return lz4.block


def _clustering(setting: Setting) -> Found:
    """The order is learnt on the warm-up tokens and tried on the others."""
    store = setting.engine.checkpoint.routed
    assert store is not None
    chosen = chosen_experts(setting.engine, setting.ids[: max(2, setting.warmup)])
    count = store.num_experts(store.layers[0])
    clustered = {layer: co_activation_order(chosen[:, row], count) for row, layer in enumerate(store.layers)}
    shuffled = {layer: np.random.default_rng(layer).permutation(count).tolist() for layer in store.layers}
    with setting.scratch_folder() as folder:
        ways: Ways = {}
        for name, order in (("shuffled", shuffled), ("by co-activation", clustered)):
            (folder / name).mkdir()
            files, places = write_copy(store, folder / name, order)
            ways[name] = partial(evicted_copy, setting, partial(Copied, files, places, None))
        return Found.of(decode_in_turns(setting, ways), f"order learnt on {len(chosen)} tokens fed before")


def co_activation_order(chosen: NDArray[np.integer], num_experts: int) -> list[int]:
    """A chain through the experts, from each to the one it was chosen with most of those left.

    Shapes: chosen [N, K].
    """
    together = np.zeros((num_experts, num_experts), np.int64)
    for row in chosen.astype(np.int64):
        together[np.ix_(row, row)] += 1
    np.fill_diagonal(together, 0)
    left = np.ones(num_experts, bool)
    order = [int(together.sum(axis=1).argmax())]
    left[order[0]] = False
    while left.any():
        following = np.where(left, together[order[-1]], -1)
        best = int(following.argmax())
        order.append(best)
        left[best] = False
    return order


COPIES = (
    Experiment(
        "lz4",
        "LZ4 records, against plain ones",
        _lz4,
        "3.55 against 4.09 tok/s (-13 %), 209 to 175 GB: unpacking costs more than warm reads save",
        Verdict.SLOWER,
        "What it can save is the share it compresses times what misses cost; on a slow disk with few hits that can "
        "outweigh unpacking, on random weights nothing is compressed at all.",
    ),
    Experiment(
        "clustering",
        "Records stored in the order of co-activation, against shuffled ones",
        _clustering,
        "0 %: reads of 7 MB do not care where they lie; a pull request measured -28 % of cold read time on an M1 Pro",
        Verdict.NO_DIFFERENCE,
        "Neighbours are read in one sweep of the device, or by read-ahead, where a virtual disk rewards it.",
    ),
)
