"""Joins a view and a replay of its trace with caches of every size, made on a thread of its own."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.errors import FlashMoeError
from flashmoe_nb.observe.cache_sizes import POLICIES, CacheSizes, cache_sizes

if TYPE_CHECKING:
    from concurrent.futures import Future

    from flashmoe_nb.widgets.view import View


class ReplayPanel:
    """Takes the command "replay" of a view; the part it keeps there is called "cache_sim"."""

    def __init__(self, view: View) -> None:
        self.sizes: CacheSizes | None = None
        """The last replay."""
        self._view = view
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flashmoe cache sim")
        view.on_command("replay", lambda _: self.begin())

    def show(self) -> Future[None]:
        """Replay what the view shows now, and forget what was."""
        self.sizes = None
        return self.begin()

    def begin(self) -> Future[None]:
        """Replay the tokens decoded so far; returns at once."""
        return self._worker.submit(self._work)

    def close(self) -> None:
        """Take no more."""
        self._worker.shutdown()

    def _work(self) -> None:
        trace = self._view.trace
        if trace is None:
            return
        try:
            self.sizes = cache_sizes(trace)
        except FlashMoeError as error:
            self._view.keep({"kind": "cache_sim", "sim": None, "note": str(error)})
        else:
            note = "" if trace.complete else f"The run goes on: at the replay it had {len(trace)} tokens."
            self._view.keep({"kind": "cache_sim", "sim": _json(self.sizes), "note": note})


def _json(sizes: CacheSizes) -> dict[str, Any]:
    """As widgets/src/curves.ts takes it; JSON has no NaN."""
    values = {one.name: getattr(sizes, one.name) for one in fields(sizes)}
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
    known = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in plain.items()}
    return {"policies": list(POLICIES), **known}
