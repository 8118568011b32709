"""Joins a view and the page cache of its engine: looks at layer after layer in the background, evicts and warms."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import ClosedError, OptionError
from flashmoe_nb.widgets.sweeper import Sweeper

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.widgets.view import View


class CachePanel:
    """Takes the commands "evict", "warm", "pause" and "resume" of a view.

    The parts it keeps there are "sweep" (how things stand) and "residency_seen" (for a page).
    """

    def __init__(self, view: View) -> None:
        self.sweeper: Sweeper | None = None
        """None where no engine with experts is attached."""
        self.shares: dict[int, NDArray[np.uint8]] = {}
        """What was seen last of each layer, as `sweeper.quantized`."""
        self._view = view
        view.on_command("evict", lambda args: self.evict(args.get("layer")))
        view.on_command("warm", lambda args: self.warm(args.get("layer")))
        view.on_command("pause", lambda _: self.pause())
        view.on_command("resume", lambda _: self.resume())

    def show(self) -> None:
        """Look at the page cache of what the view shows from now on."""
        self.shares = {}
        self._view.keep({"kind": "residency_seen", "layers": {}})
        engine, trace = self._view.engine, self._view.trace
        if engine is None or trace is None or not trace.sparse_layers:
            self._tell("none")
            return
        self.sweeper = Sweeper(trace.sparse_layers, engine.residency, self._found, self._failed)
        self._tell("on")

    def leave(self) -> None:
        """Look no more; what was seen last stays."""
        sweeper, self.sweeper = self.sweeper, None
        if sweeper is not None:
            sweeper.close()
            self._tell("none", "the page cache is not looked at any more.")

    def fresh(self) -> None:
        """A front end that is new has seen no residency."""
        if self.sweeper is not None:
            self.sweeper.resend()

    def keep_seen(self) -> None:
        """What was seen last goes into a page too."""
        if self.shares:
            shares = {str(layer): base64.b64encode(found.tobytes()).decode() for layer, found in self.shares.items()}
            self._view.keep({"kind": "residency_seen", "layers": shares})

    def evict(self, layer: int | None = None) -> None:
        """Drop the experts of a layer, or of all, from the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine and experts is attached.
            ClosedError: its engine was closed.
        """
        engine, what = self._engine_to("evict"), _named(layer)
        self._work(f"evicting {what} …", lambda: engine.evict(layer))

    def warm(self, layer: int | None = None) -> None:
        """Read the experts of a layer, or of all, into the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine and experts is attached.
            ClosedError: its engine was closed.
        """
        engine, what = self._engine_to("warm"), _named(layer)
        self._work(f"reading {what} …", lambda: engine.warm(layer))

    def pause(self) -> None:
        """Look no more until `resume`; evicting and warming still work, and are looked at."""
        if self.sweeper is not None:
            self.sweeper.pause()
            self._tell("paused")

    def resume(self) -> None:
        """Go on looking."""
        if self.sweeper is not None:
            self.sweeper.resume()
            self._tell("on")

    # -- on the sweeper's thread -------------------------------------------------------------------------------------
    def _found(self, layer: int, shares: NDArray[np.uint8]) -> None:
        self.shares[layer] = shares
        self._view.put({"kind": "residency", "layer": layer}, [shares.tobytes()], key=("residency", layer))

    def _failed(self, text: str) -> None:
        self._view.put({"kind": "error", "text": text})

    def _work(self, text: str, job: Callable[[], object]) -> None:
        sweeper = self.sweeper
        assert sweeper is not None

        def do() -> None:
            try:
                job()
            finally:
                self._tell("paused" if sweeper.paused else "on")

        self._tell("busy", text)
        sweeper.post(do)

    def _engine_to(self, verb: str) -> Engine:
        engine = self._view.engine
        if engine is None:
            raise OptionError(f"there is no page cache to {verb}: attach(session), a trace was recorded earlier")
        if engine.closed:
            raise ClosedError(f"there is no page cache to {verb}: its engine was closed; open another and attach it")
        if self.sweeper is None:
            why = "nothing is attached any more" if engine.config.moe else "this model has no experts"
            raise OptionError(f"there is no page cache to {verb}: {why}; attach(session) of one with experts")
        return engine

    def _tell(self, state: str, text: str = "") -> None:
        self._view.keep({"kind": "sweep", "state": state, "text": text})


def _named(layer: Any) -> str:
    return "all layers" if layer is None else f"layer {layer}"
