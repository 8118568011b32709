"""What the page cache holds of each expert, and how to fill or empty it: whole layers or chosen experts.

Measures by pages. An expert's share counts the pages that are its own; where experts are so small that most of their
pages are shared, the question has no answer, and is refused. Opens the files itself, so it may be asked from any thread
while the engine decodes. Knows files and layouts, no arrays of a back end.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import OptionError, PageCacheError
from flashmoe_nb.pagecache import open_probe
from flashmoe_nb.storage import tells_experts_apart
from flashmoe_nb.storage.record import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.storage import ExpertStore


class ExpertPages:
    """The experts of an engine as ranges of pages."""

    def __init__(self, stores: Sequence[ExpertStore]) -> None:
        self._stores = tuple(stores)
        self._store_of = {layer: store for store in stores for layer in store.layers}
        self._spans_of: dict[int, tuple[_Span, ...]] = {}

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers whose experts stream, in order."""
        return tuple(sorted(self._store_of))

    def residency(self, layer: int) -> NDArray[np.float32]:
        """Share of each expert's own pages that are in the page cache. Shapes: [E].

        Raises:
            OptionError: a layer without experts.
            PageCacheError: experts share their pages, or the system does not say.
        """
        store, probe = self._store(layer), open_probe()
        if not tells_experts_apart(store, layer):
            msg = f"experts of layer {layer} are {store.layout(layer).payload_bytes:,} bytes and share pages of "
            msg += f"{probe.page_bytes:,} with their neighbours, so what is resident of one cannot be told: run "
            raise PageCacheError(msg + '"flashmoe pack" and open the packed copy')
        held, own = (np.zeros(store.num_experts(layer), np.int64) for _ in range(2))
        for span in self._spans(store, layer):
            low, high = _own_pages(span, probe.page_bytes, shared=store.shares_pages(layer))
            start, end = int(span.starts.min()), int(span.ends.max())
            with _opened(store, span.file) as fd:
                pages = probe.resident_pages(fd, start, end - start)
            before = np.concatenate([[0], np.cumsum(pages)])
            first = start // probe.page_bytes
            held[span.experts] += before[high - first] - before[low - first]
            own[span.experts] += high - low
        return (held / own).astype(np.float32)

    def residency_map(self) -> NDArray[np.float32]:
        """`residency` of every layer in turn. Shapes: [layers, E]."""
        return np.stack([self.residency(layer) for layer in self.layers])

    def evict(self, layer: int | None = None, experts: Iterable[int] | None = None) -> float:
        """Drop expert bytes from the page cache; returns the share still resident, by bytes.

        Raises:
            OptionError: an unknown layer or expert, or experts without a layer.
            PageCacheError: the system does not let us.
        """
        probe, held, total = open_probe(), 0.0, 0
        kept: list[PageCacheError] = []
        wanted = list(self._wanted(layer, experts))
        for store, file, offset, nbytes in wanted:
            with _opened(store, file) as fd:
                try:
                    share = probe.evict(fd, offset, nbytes)
                except PageCacheError as error:  # a block of pages reaches out of a small range on both sides
                    kept.append(error)
                    share = probe.residency(fd, offset, nbytes)
            held, total = held + share * nbytes, total + nbytes
        if kept and len(kept) == len(wanted):
            raise kept[0]
        return held / total if total else 0.0

    def warm(self, layer: int | None = None, experts: Iterable[int] | None = None) -> int:
        """Read expert bytes into the page cache, and nowhere else; returns how many.

        Raises:
            OptionError: an unknown layer or expert, or experts without a layer.
            PageCacheError: the bytes could not be read.
        """
        probe, total = open_probe(), 0
        for store, file, offset, nbytes in self._wanted(layer, experts):
            with _opened(store, file) as fd:
                probe.warm(fd, offset, nbytes)
            total += nbytes
        return total

    def _spans(self, store: ExpertStore, layer: int) -> tuple[_Span, ...]:
        """Worked out once: where an expert lies does not change while a store is open."""
        if layer not in self._spans_of:
            self._spans_of[layer] = tuple(_spans(store, layer))
        return self._spans_of[layer]

    def _store(self, layer: int) -> ExpertStore:
        store = self._store_of.get(whole("layer", layer))
        if store is None:
            layers = ", ".join(map(str, self.layers)) or "no layer"
            raise OptionError(f"layer {layer} has no experts that stream: give one of {layers}")
        return store

    def _wanted(self, layer: int | None, experts: Iterable[int] | None) -> Iterator[tuple[ExpertStore, int, int, int]]:
        """(store, file, offset, bytes) to act on: whole files where nothing is chosen."""
        if layer is None:
            if experts is not None:
                raise OptionError("experts were given without a layer: say which layer they are in")
            for store in self._stores:
                yield from ((store, n, 0, path.stat().st_size) for n, path in enumerate(store.files))
            return
        store = self._store(layer)
        chosen = self._experts(store, layer, experts)
        for file, start, end in _merged(span for expert in chosen for span in _joined(store, layer, expert)):
            yield store, file, start, end - start

    @staticmethod
    def _experts(store: ExpertStore, layer: int, experts: Iterable[int] | None) -> Sequence[int]:
        count = store.num_experts(layer)
        if experts is None:
            return range(count)
        chosen = [whole("expert", expert) for expert in experts]
        wrong = next((expert for expert in chosen if not 0 <= expert < count), None)
        if wrong is not None:
            raise OptionError(f"expert {wrong} is not in layer {layer}: give 0 to {count - 1}")
        return chosen


@dataclass(frozen=True, slots=True)
class _Span:
    """The same part of many experts in one file. Shapes: experts, starts and ends [n], the latter in bytes."""

    file: int
    experts: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def _spans(store: ExpertStore, layer: int) -> Iterator[_Span]:
    """All bytes of a layer's experts, grouped so that each group lies close together."""
    groups: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for expert in range(store.num_experts(layer)):
        for number, (file, start, end) in enumerate(_joined(store, layer, expert)):
            groups.setdefault((file, number), []).append((expert, start, end))
    for (file, _), members in groups.items():
        yield _Span(file, *np.array(members, np.int64).T)


def _own_pages(span: _Span, page_bytes: int, *, shared: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First page and the page after the last. A record in whole pages has its last one to itself."""
    if not shared:
        return span.starts // page_bytes, -(-span.ends // page_bytes)
    low = -(-span.starts // page_bytes)
    return low, np.maximum(low, span.ends // page_bytes)


def _joined(store: ExpertStore, layer: int, expert: int) -> list[tuple[int, int, int]]:
    """(file, start, end) of an expert's bytes, neighbouring components as one."""
    spans: list[tuple[int, int, int]] = []
    for part in store.ranges(layer, expert):
        if spans and spans[-1][0] == part.file and spans[-1][2] == part.offset:
            spans[-1] = part.file, spans[-1][1], part.offset + part.nbytes
        else:
            spans.append((part.file, part.offset, part.offset + part.nbytes))
    return spans


def _merged(spans: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """(file, start, end) with neighbours as one: the longer a range, the fewer blocks of pages reach out of it."""
    merged: list[tuple[int, int, int]] = []
    for file, start, end in sorted(spans):
        if merged and merged[-1][0] == file and start <= merged[-1][2] + PAGE_BYTES:
            merged[-1] = file, merged[-1][1], max(end, merged[-1][2])
        else:
            merged.append((file, start, end))
    return merged


@contextmanager
def _opened(store: ExpertStore, file: int) -> Iterator[int]:
    fd = os.open(store.files[file], os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)
