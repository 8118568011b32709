"""`fm.memory_limit`: a model larger than memory, on a machine with more memory than the model.

Inside the block the page cache is really scarce, so that hits, evictions and reads from disk can be lived through.
Three ways, the most exact first: a memory cgroup around this process; locked memory that leaves the machine only so
much; eviction of the engine's own files, paced to hold them below the limit, and labelled as imposed.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Literal, Self

from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import OptionError, PageCacheError
from flashmoe_nb.pagecache import cgroup
from flashmoe_nb.pagecache.ballast import Ballast

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.engine.engine import Engine

Kind = Literal["auto", "cgroup", "ballast", "imposed"]

_LEAST_BYTES = 16 * 2**20
_LOOK_S = 0.05
"""How often paced eviction looks."""


class MemoryLimit:
    """A limit on page cache; a context manager, made by `flashmoe_nb.memory_limit`."""

    def __init__(self, nbytes: int, engine: Engine | None, kind: Kind) -> None:
        self.nbytes, self._engine, self._asked = nbytes, engine, kind
        self.kind = ""
        """In force: "cgroup v1", "cgroup v2", "locked memory" or "imposed eviction"; empty outside the block."""
        self.notes: tuple[str, ...] = ()
        """Why a more exact way could not be had."""
        self._group: cgroup.MemoryGroup | None = None
        self._leave: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<MemoryLimit {self.nbytes / 2**30:.2f} GiB, {self.kind or 'not in force'}>"

    @property
    def cached_bytes(self) -> int | None:
        """Page cache charged to the limit; None where the system does not count it apart."""
        return self._group.cached_bytes if self._group else None

    def __enter__(self) -> Self:
        """Put the limit in force, and start from a cold cache where an engine was given.

        Raises:
            PageCacheError: none of the ways is open to this user, with each reason.
        """
        if self.kind:
            raise OptionError(f"{self!r} is in force already: make another one, or leave this one first")
        if self._engine is not None:  # what is cached already was charged elsewhere
            self._engine.evict()
        ways = {"cgroup": self._cgroup, "ballast": self._ballast, "imposed": self._imposed}
        reasons: list[str] = []
        for name in ways if self._asked == "auto" else [self._asked]:
            try:
                self.kind, self._leave = ways[name]()
                break
            except PageCacheError as error:
                reasons.append(str(error))
        else:
            raise PageCacheError("memory cannot be limited here: " + "; ".join(reasons))
        self.notes = tuple(reasons)
        if self._engine is not None:
            self._engine.memory_limit = f"{self.nbytes / 2**30:.2f} GiB, {self.kind}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.memory_limit = ""
        leave, self._leave, self.kind, self._group = self._leave, None, "", None
        if leave is not None:
            leave()

    def _cgroup(self) -> tuple[str, Callable[[], None]]:
        self._group = cgroup.enter(self.nbytes, cgroup.find_hierarchy())
        return self._group.kind, self._group.leave

    def _ballast(self) -> tuple[str, Callable[[], None]]:
        ballast = Ballast(self.nbytes)
        return ballast.kind, ballast.release

    def _imposed(self) -> tuple[str, Callable[[], None]]:
        if self._engine is None:
            raise PageCacheError("eviction can be imposed on an engine's files only: give memory_limit(..., engine)")
        pacer = _Pacer(self._engine, self.nbytes)
        return "imposed eviction", pacer.stop


class _Pacer:
    """Evicts experts at random whenever more of them is cached than the limit; not what a kernel would choose."""

    def __init__(self, engine: Engine, nbytes: int) -> None:
        self._engine, self._nbytes = engine, nbytes
        self._random = random.Random(0)  # noqa: S311 - which expert goes, no secret
        self._stop = threading.Event()
        self.trim()  # here, so that a system that does not let us says so at once
        self._thread = threading.Thread(target=self._run, name="flashmoe memory limit", daemon=True)
        self._thread.start()

    def trim(self) -> None:
        """Evict until below the limit."""
        engine = self._engine
        shares = engine.residency_map()
        expert_bytes = engine.checkpoint.expert_bytes / shares.size
        held = [(int(row), int(expert)) for row, expert in zip(*shares.nonzero(), strict=True)]
        layers = [n for n, sparse in enumerate(engine.config.sparse_layers) if sparse]
        self._random.shuffle(held)
        excess_bytes = float(shares.sum()) * expert_bytes - self._nbytes
        kept: PageCacheError | None = None
        for row, expert in held:
            if excess_bytes <= 0:
                return
            try:
                engine.evict(layers[row], [expert])
            except PageCacheError as error:  # its pages are in one block with others', or in use: take another expert
                kept = error
            else:
                excess_bytes -= float(shares[row, expert]) * expert_bytes
        if kept is not None and excess_bytes > 0:
            raise kept

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S) and not self._engine.closed:
            try:
                self.trim()
            except PageCacheError:  # a block is in use this moment; the next look tries again
                continue


def memory_limit(nbytes: int, engine: Engine | None = None, kind: Kind = "auto") -> MemoryLimit:
    """Make the page cache scarce inside a `with` block.

    What was cached or allocated before is not counted, so open the engine first and give it here: its files are evicted
    on entering. What is allocated inside counts: a cgroup of version 1 kills a process whose own memory outgrows it.

    Args:
        nbytes: bytes that memory taken from now on, the page cache above all, may have.
        engine: whose experts start cold, and are evicted where nothing but imposed eviction can be had.
        kind: "auto" takes the first that works of "cgroup" (this process only, exact), "ballast" (locked memory,
            presses on the whole machine) and "imposed" (eviction of the engine's experts at random).

    Raises:
        OptionError: too few bytes to run in, or an unknown kind.
        PageCacheError: on entering, when no way is open to this user.
    """
    if whole("nbytes", nbytes) < _LEAST_BYTES:
        raise OptionError(f"a limit of {nbytes:,} bytes leaves nothing to work with: give {_LEAST_BYTES:,} or more")
    if kind not in ("auto", "cgroup", "ballast", "imposed"):
        raise OptionError(f'kind is {kind!r}: give "auto", "cgroup", "ballast" or "imposed"')
    return MemoryLimit(whole("nbytes", nbytes), engine, kind)


def limit_in_force(engine: Engine) -> str:
    """What the page cache may hold, to be shown beside hit rates; empty without a limit.

    A memory group that `memory_limit` made without an engine is found too; locked memory without one is not.
    """
    if engine.memory_limit:
        return engine.memory_limit
    group = cgroup.own_group()
    return f"{group.nbytes / 2**30:.2f} GiB, {group.kind}" if group else ""
