"""Threads that share the chunks of one kernel with the thread that asks for it.

The asking thread leads: it publishes a job and takes chunks itself, so it waits only for chunks a helper has begun. A
helper that sleeps or was not scheduled costs nothing but its help; there is no barrier, which on a busy machine costs
milliseconds a call (measured with OpenMP: 2 cores, one of them taken: 2.3 ms in place of 0.1 ms). One crew a process,
and a new one in a process forked off: while one thread leads, another works alone.
"""

from __future__ import annotations

import os
import threading
from functools import cache

import numpy as np
from numba import types

from flashmoe_nb.ops.kernels.address import (
    atomic_add,
    atomic_load,
    atomic_store,
    atomic_swap_if,
    call_at,
    peek,
    poke,
    spin,
    store_fence,
)
from flashmoe_nb.ops.kernels.compiled import compiled

# Places in the shared words; the two that every thread writes to have a cache line each.
_TICKET, _DONE, _LIMIT = 0, 8, 16
_KERNEL, _TASK, _X, _Y, _ROWS, _CHUNKS = 24, 25, 26, 27, 28, 29
_WORDS = 40
_CLOSED = 0x7FFFFFFF
"""A chunk number no job reaches."""
_CHUNK_MASK = 0xFFFFFFFF
_SPINS = 4000
"""Looks before a helper goes to sleep: about 0.1 ms, more than lies between two products of a layer."""
_WAKING_BYTES = 2 * 2**20
"""One thread reads as much in 0.1 ms; waking another takes as long."""
_CHUNKS_PER_THREAD = 4
"""So that a thread that was held up does not hold up the others."""

_LONG = types.int64


@compiled(types.void(_LONG), nogil=True)
def _work(words: int) -> None:
    """Take chunks of the job that is published until none is left.

    A ticket is the job's number and the next chunk. What is read between looking at the ticket and taking it belongs to
    that job, because a leader closes the ticket before it writes the next job's words.
    """
    while True:
        ticket = atomic_load(words, _TICKET)
        chunk, n_chunks = ticket & _CHUNK_MASK, peek(words, _CHUNKS)
        if chunk >= n_chunks:
            return
        kernel, task, x, y = peek(words, _KERNEL), peek(words, _TASK), peek(words, _X), peek(words, _Y)
        n_rows = peek(words, _ROWS)
        if atomic_swap_if(words, _TICKET, ticket, ticket + 1):
            call_at(kernel, task, x, y, chunk * n_rows // n_chunks, (chunk + 1) * n_rows // n_chunks)
            atomic_add(words, _DONE, 1)


@compiled(types.void(_LONG, _LONG), nogil=True)
def _help(words: int, number: int) -> None:
    """Work on what comes; returns when nothing came for a while."""
    idle = 0
    while idle < _SPINS:
        ticket = atomic_load(words, _TICKET)
        if number < peek(words, _LIMIT) and (ticket & _CHUNK_MASK) < peek(words, _CHUNKS):
            _work(words)
            idle = 0
        else:
            spin()
            idle += 1


@compiled(types.void(*([_LONG] * 7)), nogil=True)
def share(words: int, n_threads: int, kernel: int, task: int, x: int, y: int, n_rows: int) -> None:
    """Run a kernel over rows 0 to n_rows; on this thread alone where n_threads is 1.

    Args:
        words: of a `Crew` this thread leads.
        n_threads: leader and helpers.
        kernel: address of void(task, x, y, start, stop).
        task: handed on.
        x: handed on.
        y: handed on.
        n_rows: cut into chunks.
    """
    if n_threads == 1:
        call_at(kernel, task, x, y, 0, n_rows)
        return
    job = ((atomic_load(words, _TICKET) >> 32) + 1) << 32
    atomic_store(words, _TICKET, job | _CLOSED)
    atomic_store(words, _DONE, 0)
    store_fence()  # who sees one of these words and the ticket before it was closed fails to take it
    poke(words, _KERNEL, kernel)
    poke(words, _TASK, task)
    poke(words, _X, x)
    poke(words, _Y, y)
    poke(words, _ROWS, n_rows)
    n_chunks = min(_CHUNKS_PER_THREAD * n_threads, n_rows)
    poke(words, _CHUNKS, n_chunks)
    poke(words, _LIMIT, n_threads - 1)
    atomic_store(words, _TICKET, job)
    _work(words)
    while atomic_load(words, _DONE) < n_chunks:
        spin()


class Crew:
    """Helpers, started when they are first needed, and the words they share with a leader."""

    def __init__(self) -> None:
        self._words = np.zeros(_WORDS, np.int64)
        self._words[_TICKET] = _CLOSED
        self.words = int(self._words.ctypes.data)
        self._leading = threading.Lock()
        self._asleep: list[threading.Event] = []
        self._n_helpers = 0

    def lead(self, n_threads: int, work_bytes: int = _WAKING_BYTES) -> int:
        """Become the leader, and call the helpers; returns how many threads to use. `leave` follows unless it is 1.

        Args:
            n_threads: at most.
            work_bytes: read in the job; for little of it nobody is woken.
        """
        if n_threads == 1 or (self._asleep and work_bytes < _WAKING_BYTES):
            return 1
        if not self._leading.acquire(blocking=False):
            return 1
        if self._n_helpers < n_threads - 1:
            n_threads = self._grow(n_threads)
        while self._asleep:
            self._asleep.pop().set()
        return n_threads

    def leave(self) -> None:
        """Let somebody else lead."""
        self._leading.release()

    def _grow(self, n_threads: int) -> int:
        """Start the helpers that are missing; returns how many threads there are then, and leads no more if it is 1."""
        try:
            while (number := self._n_helpers) < n_threads - 1:
                name = f"flashmoe-cpu-{number}"
                threading.Thread(target=self._serve, args=(number,), name=name, daemon=True).start()
                self._n_helpers += 1
        except RuntimeError:  # the system starts no more threads
            n_threads = self._n_helpers + 1
        except BaseException:
            self._leading.release()
            raise
        if n_threads == 1:
            self._leading.release()
        return n_threads

    def _serve(self, number: int) -> None:
        while True:
            _help(self.words, number)
            awake = threading.Event()
            self._asleep.append(awake)
            awake.wait()


@cache
def crew() -> Crew:
    """The one of this process."""
    return Crew()


os.register_at_fork(after_in_child=crew.cache_clear)  # of a crew a child has the count and the lock, but no thread
