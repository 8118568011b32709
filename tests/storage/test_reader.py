import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from flashmoe_nb.errors import PageCacheError, ReadError
from flashmoe_nb.storage.in_place import InPlaceStore
from flashmoe_nb.storage.manifest import Manifest, PackedLayer, write_manifest
from flashmoe_nb.storage.naming import canonical_names
from flashmoe_nb.storage.packed import PackedStore
from flashmoe_nb.storage.reader import INLINE_BYTES, ExpertReader, ReadCancelled
from flashmoe_nb.storage.record import RecordLayout
from flashmoe_nb.storage.safetensors_index import CheckpointIndex
from flashmoe_nb.storage.stores import ExpertStore
from tests.storage.shards import Slots, Tensors, quantized_experts, quantized_layout, write_index, write_shard

E = 12
SMALL = quantized_layout(32, 64)
LARGE = quantized_layout(256, 512)  # above INLINE_BYTES, so threads share the work
assert SMALL.payload_bytes < INLINE_BYTES < LARGE.payload_bytes


def packed_store(folder: Path, layout: RecordLayout) -> ExpertStore:
    data = random.Random(1).randbytes(E * layout.record_bytes)
    (folder / "layer_00.bin").write_bytes(data)
    layer = PackedLayer("layer_00.bin", E, layout, layout.record_bytes, len(data), None)
    write_manifest(folder, Manifest(1, {0: layer}))
    return PackedStore.open(folder)


def in_place_store(folder: Path, layout: RecordLayout) -> ExpertStore:
    shape = (32, 64) if layout is SMALL else (256, 512)
    tensors = list(quantized_experts(0, E, *shape).items())
    write_index(folder, {f"model-{n}.safetensors": dict(tensors[n::2]) for n in range(2)})
    index = CheckpointIndex.open(folder)
    return InPlaceStore.from_index(index, canonical_names(index, "qwen3_5_moe"))


def expected(store: ExpertStore, expert: int) -> bytes:
    data = [path.read_bytes() for path in store.files]
    return b"".join(data[at.file][at.offset : at.offset + at.nbytes] for at in store.ranges(0, expert))


@pytest.fixture(params=["packed-small", "packed-large", "in-place-small", "in-place-large"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ExpertStore:
    make = packed_store if request.param.startswith("packed") else in_place_store
    return make(tmp_path, SMALL if request.param.endswith("small") else LARGE)


@pytest.fixture
def large(tmp_path: Path) -> ExpertStore:
    return packed_store(tmp_path, LARGE)


REQUESTS = ((7, 2), (0, 0), (11, 4), (3, 1), (1, 3))


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_read_fills_slots_and_reports_in_request_order(store: ExpertStore, n_threads: int):
    reader = ExpertReader(store, n_threads)
    slots = Slots(store.layout(0), 6)
    before_ns = time.perf_counter_ns()
    reads = reader.read(0, REQUESTS, slots)
    after_ns = time.perf_counter_ns()
    for expert, slot in REQUESTS:
        assert slots.value(slot) == expected(store, expert)
    assert set(slots.value(5)) == {0xAA}, "a slot nobody asked for"
    assert [(read.expert, read.slot) for read in reads] == list(REQUESTS)
    for read in reads:
        assert before_ns <= read.start_ns <= read.end_ns <= after_ns
        assert 0 <= read.thread < n_threads
        assert (read.layer, read.nbytes) == (0, store.layout(0).payload_bytes)
        assert read.n_calls == (1 if store.kind == "packed" else 9)
        assert read.resident_fraction_before is None
    assert (reader.n_reads, reader.bytes_read) == (5, 5 * store.layout(0).payload_bytes)
    reader.close()


def test_small_records_stay_in_the_asking_thread(tmp_path: Path):
    reader = ExpertReader(packed_store(tmp_path, SMALL), 4)
    assert {read.thread for read in reader.read(0, REQUESTS, Slots(SMALL, 5))} == {0}
    reader.close()


def test_threads_really_share_large_records(large: ExpertStore):
    """The probe meets a second thread at a barrier, which one thread alone could never pass."""
    barrier = threading.Barrier(2, timeout=20)

    def meet(fd: int, offset: int, nbytes: int) -> float:
        barrier.wait()
        return 1.0

    reader = ExpertReader(large, 2, probe=meet)
    reads = reader.read(0, [(1, 0), (2, 1)], Slots(LARGE, 2), measure=True)
    assert {read.thread for read in reads} == {0, 1}
    reader.close()


def test_no_requests_read_nothing(large: ExpertStore):
    reader = ExpertReader(large, 2)
    assert reader.read(0, (), Slots(LARGE, 1)) == ()
    reader.close()


def test_slots_of_another_layout_are_refused(large: ExpertStore):
    reader = ExpertReader(large, 1)
    with pytest.raises(AssertionError, match="another layout"):
        reader.read(0, [(0, 0)], Slots(SMALL, 1))
    with pytest.raises(AssertionError, match="a slot twice"):
        reader.read(0, [(0, 0), (1, 0)], Slots(LARGE, 1))
    reader.close()


def test_resident_fraction_is_weighted_by_bytes(tmp_path: Path):
    store = in_place_store(tmp_path, SMALL)
    asked: list[tuple[int, int]] = []

    def probe(fd: int, offset: int, nbytes: int) -> float:
        asked.append((offset, nbytes))
        return 1.0 if nbytes == 1024 else 0.0

    reader = ExpertReader(store, 1, probe=probe)
    assert reader.read(0, [(3, 0)], Slots(SMALL, 1))[0].resident_fraction_before is None
    assert not asked
    read = reader.read(0, [(3, 0)], Slots(SMALL, 1), measure=True)[0]
    assert sorted(asked) == sorted((at.offset, at.nbytes) for at in store.ranges(0, 3))
    assert read.resident_fraction_before == pytest.approx(3 * 1024 / SMALL.payload_bytes)
    reader.close()


def test_resident_fraction_is_unknown_where_the_system_cannot_say(large: ExpertStore):
    def probe(fd: int, offset: int, nbytes: int) -> float:
        raise PageCacheError("not here")

    reader = ExpertReader(large, 1, probe=probe)
    assert reader.read(0, [(3, 0)], Slots(LARGE, 1), measure=True)[0].resident_fraction_before is None
    reader.close()


@pytest.mark.parametrize("n_threads", [1, 4])
def test_file_changed_while_open_is_an_error_before_any_byte(store: ExpertStore, n_threads: int):
    reader = ExpertReader(store, n_threads)
    slots = Slots(store.layout(0), 5)
    path = store.files[-1]
    with path.open("r+b") as file:
        file.write(b"x")
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    with pytest.raises(ReadError, match=f"{path.name} changed while open: it was last written at"):
        reader.read(0, REQUESTS, slots)
    assert set(slots.value(0)) == {0xAA}
    os.truncate(path, status.st_size - 1)
    with pytest.raises(
        ReadError, match=f"changed while open: it was {status.st_size:,} bytes, now it is {status.st_size - 1:,}"
    ):
        reader.read(0, REQUESTS, slots)
    reader.close()


def test_missing_file_is_an_error_and_leaves_nothing_open(large: ExpertStore):
    large.files[0].unlink()
    before = threading.active_count()
    with pytest.raises(ReadError, match=r"layer_00.bin cannot be opened"):
        ExpertReader(large, 4)
    assert threading.active_count() == before


@pytest.mark.parametrize("n_threads", [1, 4])
def test_file_cut_between_check_and_read_is_an_error(large: ExpertStore, n_threads: int):
    """The probe runs after the check: it cuts the file, and the kernel then really gives a short count."""
    size = LARGE.record_bytes * (E - 1) + 100

    def cut(fd: int, offset: int, nbytes: int) -> float:
        os.truncate(large.files[0], size)
        return 0.0

    reader = ExpertReader(large, n_threads, probe=cut)
    slots = Slots(LARGE, 3)
    message = rf"layer_00.bin: expected {LARGE.payload_bytes:,} bytes at offset {LARGE.record_bytes * 11:,}, got 100: "
    with pytest.raises(ReadError, match=message):
        reader.read(0, [(11, 0), (0, 1), (1, 2)], slots, measure=True)
    assert len(set(slots.value(2))) > 1, "the others of the batch were finished before the error was raised"
    reader.close()


def test_small_record_cut_is_an_error_and_nothing_is_counted(tmp_path: Path):
    """Small records are read where they are asked for, without jobs: the first error ends the batch."""
    store = packed_store(tmp_path, SMALL)
    reader = ExpertReader(store, 4, probe=lambda *_: os.truncate(store.files[0], SMALL.record_bytes * 4) or 0.0)
    slots = Slots(SMALL, 3)
    with pytest.raises(ReadError, match=r"got 0: the file ends there"):
        reader.read(0, [(1, 0), (7, 1), (2, 2)], slots, measure=True)
    assert len(set(slots.value(0))) > 1
    assert set(slots.value(2)) == {0xAA}, "after the error"
    assert (reader.n_reads, reader.bytes_read) == (0, 0)
    reader.close()


def test_first_error_in_request_order_is_raised(large: ExpertStore):
    def fail(fd: int, offset: int, nbytes: int) -> float:
        time.sleep(0.01 if offset == LARGE.record_bytes * 4 else 0)
        raise ValueError(offset // LARGE.record_bytes)

    reader = ExpertReader(large, 3, probe=fail)
    with pytest.raises(ValueError, match="4"):
        reader.read(0, [(4, 0), (5, 1), (6, 2)], Slots(LARGE, 3), measure=True)
    slots = Slots(LARGE, 1)
    reader.read(0, [(4, 0)], slots)
    assert slots.value(0) == expected(large, 4), "usable after an error"
    reader.close()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_cancelled_batch_stops_between_experts(large: ExpertStore, n_threads: int):
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(threading.get_ident())
        return len(asked) > 2

    reader = ExpertReader(large, n_threads, probe=lambda *_: time.sleep(0.02) or 0.0)
    slots = Slots(LARGE, E)
    with pytest.raises(ReadCancelled):
        reader.read(0, [(e, e) for e in range(E)], slots, measure=True, cancelled=cancelled)
    assert set(asked) == {threading.get_ident()}
    assert any(set(slots.value(slot)) == {0xAA} for slot in range(E))
    assert slots.value(0) == expected(large, 0)
    reader.read(0, [(5, 0)], slots, cancelled=lambda: False)
    assert slots.value(0) == expected(large, 5)
    reader.close()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_interrupt_leaves_no_thread_writing(large: ExpertStore, n_threads: int):
    """A real SIGINT while helpers read: after KeyboardInterrupt nobody touches the slots any more."""
    main = threading.main_thread().ident
    assert main is not None

    def slow(fd: int, offset: int, nbytes: int) -> float:
        if offset == 0:
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)
        return 0.0

    reader = ExpertReader(large, n_threads, probe=slow)
    slots = Slots(LARGE, E)
    with pytest.raises(KeyboardInterrupt):
        reader.read(0, [(e, e) for e in range(E)], slots, measure=True)
    at_once = [slots.value(slot) for slot in range(E)]
    time.sleep(0.15)
    assert [slots.value(slot) for slot in range(E)] == at_once
    reader.read(0, [(9, 0)], slots)
    assert slots.value(0) == expected(large, 9)
    reader.close()


def test_two_askers_take_turns(large: ExpertStore):
    reader = ExpertReader(large, 2)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        rng, slots = random.Random(seed), Slots(LARGE, 3)
        for _ in range(20):
            experts = rng.sample(range(E), 3)
            reader.read(0, list(zip(experts, range(3), strict=True)), slots)
            wrong.extend(e for slot, e in enumerate(experts) if slots.value(slot) != values[e])

    values = {expert: expected(large, expert) for expert in range(E)}
    askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not wrong
    assert reader.n_reads == 3 * 20 * 3
    reader.close()


def test_close_ends_threads_and_files(large: ExpertStore):
    before = threading.active_count()
    reader = ExpertReader(large, 4)
    assert threading.active_count() == before + 3
    reader.read(0, REQUESTS, Slots(LARGE, 5))
    reader.close()
    reader.close()
    assert threading.active_count() == before
    with pytest.raises(AssertionError, match="closed"):
        reader.read(0, REQUESTS, Slots(LARGE, 5))


def test_repr_is_one_cheap_line(large: ExpertStore):
    reader = ExpertReader(large, 2)
    assert repr(reader) == "<ExpertReader packed, 2 threads, 0 experts, 0.000 GB read>"
    reader.close()


def test_dense_components_are_split_over_threads(tmp_path: Path):
    """One "expert" of three 9 MiB matrices: every component becomes two pieces."""
    prefix = "language_model.model.layers.0.mlp"
    shapes = {"gate_proj": (1536, 1536), "up_proj": (1536, 1536), "down_proj": (1536, 1536)}
    tensors: Tensors = {f"{prefix}.{name}.weight": ("F32", shape) for name, shape in shapes.items()}
    write_shard(tmp_path / "model.safetensors", tensors, pad_bytes=1)
    index = CheckpointIndex.open(tmp_path)
    store = InPlaceStore.from_index(index, canonical_names(index, "qwen3_5"))
    want = expected(store, 0)
    for n_threads, n_calls in ((1, 1), (2, 6)):
        reader = ExpertReader(store, n_threads, probe=lambda *_: 0.5)
        slots = Slots(store.layout(0), 1)
        (read,) = reader.read(0, [(0, 0)], slots, measure=True)
        assert slots.value(0) == want
        assert (read.n_calls, read.nbytes, read.resident_fraction_before) == (n_calls, len(want), 0.5)
        reader.close()


def test_signals_during_reads_lose_nothing(large: ExpertStore):
    """Ten thousand signals a second, with handlers that return: PEP 475 retries, and counts stay whole."""
    fired: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: fired.append(number))
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        reader = ExpertReader(large, 2)
        slots = Slots(LARGE, 5)
        for _ in range(50):
            reader.read(0, REQUESTS, slots)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for expert, slot in REQUESTS:
        assert slots.value(slot) == expected(large, expert)
    assert fired
    reader.close()
