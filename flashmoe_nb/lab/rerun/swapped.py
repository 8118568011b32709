"""A way of reading put into an open engine for a while, so that real tokens go through it.

The engine offers no such switch, because nobody but an experiment needs it: its readers are replaced here, in one
place, and put back.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from flashmoe_nb.events import ExpertRead
from flashmoe_nb.storage.read_threads import ReadThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.lab.rerun.ways import Job, Way
    from flashmoe_nb.storage import ExpertStore, SlotBuffers


class WayReader:
    """Stands where an `ExpertReader` does: the same records, errors raised once no thread writes."""

    def __init__(self, store: ExpertStore, way: Way, n_threads: int) -> None:
        self._store, self._way = store, way
        self._threads = ReadThreads(n_threads)
        self.bytes_read = 0
        self.n_reads = 0

    def read(
        self,
        layer: int,
        requests: Sequence[tuple[int, int]],
        slots: SlotBuffers,
        *,
        measure: bool = False,  # noqa: ARG002 - what the page cache holds means nothing for some ways
        cancelled: Callable[[], bool] | None = None,  # noqa: ARG002 - runs of an experiment are short
    ) -> tuple[ExpertRead, ...]:
        """Fill slots with experts of a layer."""
        timed = [
            [_Timed(job) for job in self._way.jobs(layer, expert, slots.buffers(slot))] for expert, slot in requests
        ]
        self._threads.run([job for of_one in timed for job in of_one], lambda: None)
        for job in (job for of_one in timed for job in of_one):
            if job.error is not None:
                raise job.error
        nbytes = self._store.layout(layer).payload_bytes
        self.bytes_read += nbytes * len(requests)
        self.n_reads += len(requests)
        return tuple(
            ExpertRead(
                layer,
                expert,
                slot,
                nbytes,
                min(job.start_ns for job in of_one),
                max(job.end_ns for job in of_one),
                of_one[0].thread,
                sum(job.calls for job in of_one),
            )
            for (expert, slot), of_one in zip(requests, timed, strict=True)
        )

    def close(self) -> None:
        """End the threads and close the files."""
        self._threads.close()
        self._way.close()


class _Timed:
    """A job of `ReadThreads` that keeps its error."""

    __slots__ = ("_job", "calls", "end_ns", "error", "start_ns", "thread")

    def __init__(self, job: Job) -> None:
        self._job = job
        self.calls = self.start_ns = self.end_ns = self.thread = 0
        self.error: Exception | None = None

    def __call__(self, thread: int) -> None:
        self.thread, self.start_ns = thread, perf_counter_ns()
        try:
            self.calls = self._job()
        except Exception as error:  # noqa: BLE001 - the asking thread raises it, a helper must live on
            self.error = error
        self.end_ns = perf_counter_ns()


@contextmanager
def swapped_reader(engine: Engine, make: Callable[[ExpertStore], Any]) -> Iterator[None]:
    """Read the routed experts of `engine` through what `make` gives for their store."""
    store = engine.checkpoint.routed
    assert store is not None, "checked when the experiment was started"
    streamed: Any = engine._experts  # noqa: SLF001 - see the module's text
    reader = make(store)
    readers, of_layer = streamed._readers, streamed._of_layer  # noqa: SLF001 - as above
    replaced = {layer: (of, reader if of is store else its) for layer, (of, its) in of_layer.items()}

    def put(now: list[Any], by_layer: dict[int, Any]) -> None:
        streamed._readers, streamed._of_layer = now, by_layer  # noqa: SLF001 - as above

    engine.owner_call(lambda: put([reader], replaced))
    try:
        yield
    finally:
        engine.owner_call(lambda: put(readers, of_layer))
        reader.close()
