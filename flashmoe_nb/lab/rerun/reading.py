"""Experiments with ways of reading: mmap, hints, threads, chunks, direct reads, packed against in place."""

from __future__ import annotations

import mmap
import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from flashmoe_nb.lab.rerun.caches import trust_os
from flashmoe_nb.lab.rerun.decoding import Opened, decode_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.setting import experts_of
from flashmoe_nb.lab.rerun.swapped import WayReader, swapped_reader
from flashmoe_nb.lab.rerun.ways import Chunked, Direct, Mapped, Plain
from flashmoe_nb.storage.pack import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from flashmoe_nb.lab.rerun.setting import Setting
    from flashmoe_nb.lab.rerun.ways import Way
    from flashmoe_nb.storage import ExpertStore

    Ways = dict[str, Callable[[], AbstractContextManager[Opened]]]

THREADS = (1, 2, 4, 8, 16)
_CHUNKS = (2, 4, 8)
READ_THREADS = 8
"""Of the ways that are no question of threads: as many as the engine takes on four cores and more."""


@contextmanager
def read_through(
    setting: Setting, make: Callable[[ExpertStore], Way], n_threads: int = READ_THREADS
) -> Iterator[Opened]:
    """The engine with another way of reading."""
    with setting.reopened() as engine, swapped_reader(engine, lambda store: WayReader(store, make(store), n_threads)):
        yield Opened(engine.session())


def compare_ways(
    setting: Setting, makes: dict[str, Callable[[ExpertStore], Way]], *, judged: tuple[str, ...] = ()
) -> Found:
    """Plain preadv without hint, and others, all through the same threads."""
    ways: Ways = {"preadv": partial(read_through, setting, Plain)}
    ways |= {name: partial(read_through, setting, make) for name, make in makes.items()}
    return Found.of(decode_in_turns(setting, ways), judged=judged)


def _mmap(setting: Setting) -> Found:
    makes: dict[str, Callable[[ExpertStore], Way]] = {
        "mmap": Mapped,
        "mmap, MADV_RANDOM": partial(Mapped, advice=mmap.MADV_RANDOM),
        "mmap, MADV_WILLNEED before each copy": partial(Mapped, will_need=True),
    }
    return compare_ways(setting, makes, judged=("mmap",))


def _hints(setting: Setting) -> Found:
    if sys.platform != "linux":
        return compare_ways(setting, {"preadv again": Plain})
    return compare_ways(
        setting,
        {
            "told RANDOM: no read-ahead": partial(Plain, advice=os.POSIX_FADV_RANDOM),
            "told SEQUENTIAL: more read-ahead": partial(Plain, advice=os.POSIX_FADV_SEQUENTIAL),
        },
    )


def _chunked(setting: Setting) -> Found:
    return compare_ways(setting, {f"{count} chunks a record": partial(Chunked, n_chunks=count) for count in _CHUNKS})


def _direct(setting: Setting) -> Found:
    return compare_ways(setting, {"past the page cache": Direct})


@contextmanager
def _with_threads(setting: Setting, count: int) -> Iterator[Opened]:
    with setting.reopened(read_threads=count) as engine:
        yield Opened(engine.session())


def _threads(setting: Setting) -> Found:
    ways: Ways = {f"{count} threads": partial(_with_threads, setting, count) for count in THREADS}
    return Found.of(decode_in_turns(setting, ways))


@contextmanager
def _from(setting: Setting, experts: str) -> Iterator[Opened]:
    with setting.reopened(experts=experts) as engine:
        yield Opened(engine.session())


def _packed(setting: Setting) -> Found:
    """Packs into the scratch folder where the engine reads in place."""
    store = setting.engine.checkpoint.routed
    assert store is not None
    if store.kind == "packed":
        ways: Ways = {"in place": partial(_from, setting, "in-place"), "packed": partial(trust_os, setting)}
        return Found.of(decode_in_turns(setting, ways))
    with setting.scratch_folder() as folder:
        made = folder / "packed"
        pack(setting.engine.checkpoint.folder, made, progress=False)
        ways = {
            "in place": partial(_from, setting, experts_of(setting.engine)),
            "packed": partial(_from, setting, str(made)),
        }
        return Found.of(decode_in_turns(setting, ways))


READING = (
    Experiment(
        "mmap",
        "Experts mapped into memory, against preadv",
        _mmap,
        "0.56 against 2.8 tok/s: a fault a page, 5 x slower when cold",
        Verdict.SLOWER,
        "Linux maps large folios and reads around a fault, so a fault brings 64 KiB and more; macOS brought 16 KiB "
        "at a time.",
    ),
    Experiment(
        "hints",
        "What the system is told about read-ahead",
        _hints,
        "no improvement, the cost of a call (F_RDADVISE)",
        Verdict.NO_DIFFERENCE,
        "The hints compared here set the read-ahead of a file; the original's asked for bytes in advance.",
    ),
    Experiment(
        "read-threads",
        "1 to 16 reading threads",
        _threads,
        "threads that live on 4.28 against 4.09 tok/s; 8 threads 18.8 GB/s cold in isolation",
        Verdict.FASTER,
        "Threads help while the device, or a second core that copies, has something left to give.",
    ),
    Experiment(
        "chunked-reads",
        "Records cut into chunks that threads share",
        _chunked,
        "a fork (Anemll, gorroai) cuts reads in 4: 72 against 62 GB/s warm on an M5 Max",
        Verdict.FASTER,
        "With K records at once there are already as many reads as cores here: cutting adds calls and shares "
        "nothing more.",
    ),
    Experiment(
        "direct-reads",
        "Reads past the page cache",
        _direct,
        "+3 %, -1 % or a keep at 2 bits, by document; 1.8 GB/s in Python",
        None,
        "",
    ),
    Experiment(
        "packed",
        "One record an expert, against nine ranges in the shards",
        _packed,
        "6.6-7.5 against 5.3 GB/s, 2.49 against 2.2 tok/s",
        Verdict.FASTER,
        "In place an expert is nine ranges of 128 KiB to 2 MiB: large enough that a warm copy takes as long "
        "either way.",
    ),
)
