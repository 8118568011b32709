"""Joins a view and a memory limit of its engine: what makes reads reach the SSD when all are hits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flashmoe_nb.engine import MemoryLimit, memory_limit
from flashmoe_nb.errors import FlashMoeError, OptionError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.engine.memory_limit import Kind
    from flashmoe_nb.widgets.view import View

SHARES = (0.5, 0.25, 0.125)
"""Of all expert bytes: the limits offered."""
LEAST_BYTES = 16 * 2**20
GROUP_BYTES = 2**30
"""A memory cgroup smaller than this would end the kernel once a cell allocates as much: eviction is imposed then."""


class LimitPanel:
    """Takes the commands "limit" and "lift" of a view; the part it keeps there is called "limit"."""

    def __init__(self, view: View) -> None:
        self.limit: MemoryLimit | None = None
        """In force."""
        self._view = view
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flashmoe limit")
        view.on_command("limit", lambda args: self.impose(int(args["nbytes"])))
        view.on_command("lift", lambda _: self.lift())

    def show(self) -> None:
        """Say what may be limited of what the view shows now."""
        self._tell()

    def impose(self, nbytes: int) -> Future[None]:
        """Limit the page cache of the view's engine, as `fm.memory_limit`; returns at once.

        Args:
            nbytes: of the limit; below 1 GiB eviction is imposed instead of a memory cgroup, which would end the
                process as soon as it allocates as much itself.

        Raises:
            OptionError: nothing with an engine is attached, or too few bytes.
        """
        engine = self._view.engine
        if engine is None:
            raise OptionError("a limit needs a model that runs: attach(session), a trace was recorded earlier")
        kind: Kind = "auto" if nbytes >= GROUP_BYTES else "imposed"
        limit = memory_limit(nbytes, engine, kind)
        self._tell("busy", "Taking the memory away …")
        return self._worker.submit(self._enter, limit)

    def lift(self) -> Future[None]:
        """End the limit; returns at once."""
        return self._worker.submit(self._leave)

    def close(self) -> None:
        """Lift the limit and take no more."""
        self._worker.shutdown()
        self._leave()

    def _enter(self, limit: MemoryLimit) -> None:
        self._leave()
        try:
            limit.__enter__()
        except FlashMoeError as error:
            self._tell("off", str(error))
        else:
            self.limit = limit
            self._tell()

    def _leave(self) -> None:
        limit, self.limit = self.limit, None
        if limit is not None:
            limit.__exit__()
            self._tell()

    def _tell(self, state: str = "", text: str = "") -> None:
        """What the banner says."""
        engine, limit = self._view.engine, self.limit
        if not state:
            state = "none" if engine is None else "off" if limit is None else "on"
            text = "" if limit is None else in_force(limit)
        offered = [] if engine is None else choices(engine)
        self._view.keep({"kind": "limit", "state": state, "text": text, "choices": offered})


def choices(engine: Engine) -> list[dict[str, Any]]:
    """Limits worth trying: shares of all expert bytes, none below what a limit may be; none where all would fit."""
    total = engine.checkpoint.expert_bytes
    sizes = sorted({size for share in SHARES if (size := max(LEAST_BYTES, int(total * share))) < total}, reverse=True)
    return [{"nbytes": size, "text": f"{size / 1e6:,.0f} MB ({size / total:.0%} of the experts)"} for size in sizes]


def in_force(limit: MemoryLimit) -> str:
    """What a limit does, in a sentence."""
    how = {
        "imposed eviction": "experts are evicted at random to hold them below it: not what a kernel would choose",
        "locked memory": "the rest of memory is locked, also for other programs",
    }.get(limit.kind, "the kernel evicts what is beyond it")
    return f"A limit of {limit.nbytes / 1e6:,.0f} MB is in force ({limit.kind}): {how}."
