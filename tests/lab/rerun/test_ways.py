"""Every way of reading brings the same bytes, and says so when it cannot."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from flashmoe_nb.engine.checkpoint import open_checkpoint
from flashmoe_nb.errors import FlashMoeError
from flashmoe_nb.lab.rerun.copies import Copied, co_activation_order, write_copy
from flashmoe_nb.lab.rerun.prefetch import Prefetcher
from flashmoe_nb.lab.rerun.swapped import WayReader, swapped_reader
from flashmoe_nb.lab.rerun.ways import Chunked, Direct, Mapped, Plain, cut
from flashmoe_nb.storage import ExpertReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import flashmoe_nb as fm
    from flashmoe_nb.lab.rerun.ways import Way
    from flashmoe_nb.storage import ExpertStore, RecordLayout

WAYS: dict[str, Callable[[ExpertStore], Way]] = {
    "plain": Plain,
    "random": partial(Plain, advice=1),
    "chunked": partial(Chunked, n_chunks=3),
    "mapped": Mapped,
    "mapped, asked for": partial(Mapped, will_need=True),
    "direct": Direct,
}


class Slots:
    def __init__(self, layout: RecordLayout, n_slots: int) -> None:
        self.layout, self.n_slots = layout, n_slots
        self.blocks = [np.zeros((n_slots, part.nbytes), np.uint8) for part in layout.components]

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        return tuple(block[slot].data for block in self.blocks)


def _store(folder: Path) -> ExpertStore:
    store = open_checkpoint(folder, "auto").routed
    assert store is not None
    return store


def _same(reader: WayReader | Prefetcher, store: ExpertStore) -> bool:
    expected, found = Slots(store.layout(1), 4), Slots(store.layout(1), 4)
    requests = [(7, 2), (0, 0), (31, 1), (8, 3)]
    plain = ExpertReader(store, 1)
    plain.read(1, requests, expected)
    reads = reader.read(1, requests, found)
    plain.close()
    assert [(read.expert, read.slot) for read in reads] == requests
    return all((ours == theirs).all() for ours, theirs in zip(found.blocks, expected.blocks, strict=True))


@pytest.mark.parametrize("where", ["folder", "packed_folder"])
@pytest.mark.parametrize("way", WAYS)
def test_a_way_brings_the_bytes_of_the_engines_reader(way: str, where: str, request: pytest.FixtureRequest):
    store = _store(request.getfixturevalue(where))
    reader = WayReader(store, WAYS[way](store), 3)
    assert _same(reader, store)
    assert reader.n_reads == 4
    assert reader.bytes_read == 4 * store.layout(1).payload_bytes
    reader.close()


def test_wrong_bytes_are_found(folder: Path):
    """Negative control of the comparison above."""

    class Shifted(Plain):
        def jobs(self, layer: int, expert: int, buffers: tuple[memoryview, ...]) -> list[Callable[[], int]]:
            return super().jobs(layer, (expert + 1) % 32, buffers)

    store = _store(folder)
    reader = WayReader(store, Shifted(store), 2)
    assert not _same(reader, store)
    reader.close()


def test_a_prefetcher_brings_the_same_bytes_and_counts_its_guesses(packed_folder: Path):
    store = _store(packed_folder)
    reader = Prefetcher(store, 2, lambda _, __: (7, 8, 9))
    reader.advise(1, (7, 9))
    assert _same(reader, store)
    assert reader.facts() == {"guessed of wanted": 0.25, "wasted of guesses": 0.5}
    reader.begin()
    assert reader.facts() == {}
    reader.close()


def test_a_copy_in_another_order_brings_the_same_bytes(folder: Path, tmp_path: Path):
    store = _store(folder)
    order = {layer: list(range(31, -1, -1)) for layer in store.layers}
    files, places = write_copy(store, tmp_path, order)
    assert places[1, 31] == (0, store.layout(1).payload_bytes)
    reader = WayReader(store, Copied(files, places, None), 2)
    assert _same(reader, store)
    reader.close()


def test_compressed_records_bring_the_same_bytes(folder: Path, tmp_path: Path):
    block = pytest.importorskip("lz4.block")
    store = _store(folder)
    order = {layer: range(32) for layer in store.layers}
    files, places = write_copy(store, tmp_path, order, partial(block.compress, store_size=False))
    copied = Copied(files, places, lambda data, size: block.decompress(data, uncompressed_size=size))
    reader = WayReader(store, copied, 2)
    assert _same(reader, store)
    reader.close()


@pytest.mark.parametrize("way", ["plain", "chunked", "direct"])
def test_a_file_cut_short_is_an_error(way: str, packed_folder: Path, tmp_path: Path):
    store = _store(shutil.copytree(packed_folder, tmp_path / "cut"))
    with store.files[1].open("r+b") as file:
        file.truncate(8 * store.layout(1).record_bytes)
    reader = WayReader(store, WAYS[way](store), 2)
    with pytest.raises(FlashMoeError, match="cut short"):
        _same(reader, store)
    reader.close()


def test_the_engines_reader_comes_back(engine: fm.Engine):
    before = engine.session().feed([5])
    reads = engine.n_reads
    with swapped_reader(engine, lambda store: WayReader(store, Plain(store), 2)):
        engine.session().feed([5])
        assert engine.n_reads == 16
    assert engine.n_reads == reads
    with suppress(ZeroDivisionError), swapped_reader(engine, lambda store: WayReader(store, Plain(store), 2)):
        _ = 1 / 0
    assert engine.n_reads == reads
    assert np.array_equal(np.array(engine.session().feed([5])), np.array(before))


def test_cutting_gives_every_byte_once():
    buffers = [memoryview(bytearray(range(n))) for n in (10, 1, 20)]
    parts = [cut(buffers, start, min(start + 7, 31)) for start in range(0, 31, 7)]
    assert b"".join(bytes(view) for part in parts for view in part) == b"".join(map(bytes, buffers))


def test_experts_chosen_together_lie_together():
    rng = np.random.default_rng(0)
    pairs = np.array([[2 * n, 2 * n + 1] for n in rng.integers(0, 8, 200)])
    order = co_activation_order(pairs, 16)
    assert sorted(order) == list(range(16))
    assert sum(abs(order.index(2 * n) - order.index(2 * n + 1)) == 1 for n in range(8)) == 8
