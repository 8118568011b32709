"""What every widget is: a trace, whole or growing, that a canvas in the browser shows. Draws nothing itself."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anywidget
import numpy as np
import traitlets
from IPython.display import Image

from flashmoe_nb.engine import Player, Session
from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.observe import record
from flashmoe_nb.observe.trace import Trace
from flashmoe_nb.widgets.feed import Feed
from flashmoe_nb.widgets.live import LiveRun
from flashmoe_nb.widgets.png import png_bytes
from flashmoe_nb.widgets.sender import Sender
from flashmoe_nb.widgets.static_page import write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine

    Attachable: TypeAlias = "Session | Player | Trace | View"
    """What a view can show."""
    Handler = Callable[[dict[str, Any]], object]

STATIC = Path(__file__).parent / "static"
PAGE_BYTES = 32_000_000
"""What `to_html` may hold of the wide columns."""


class View(anywidget.AnyWidget):
    """A widget over one trace; subclasses set `_esm` to their bundle and may draw `picture` and answer commands."""

    run = traitlets.Bytes(b"").tag(sync=True)
    """The last snapshot: a chunk with all a redraw needs. Survives a reload and the saving of the notebook."""
    token = traitlets.Int(-1).tag(sync=True)
    """Row of the selected token, -1: none. Link it with another view's by `ipywidgets.jslink`, as the next three."""
    layer = traitlets.Int(-1).tag(sync=True)
    """Number of the selected layer, -1: none."""
    expert = traitlets.Int(-1).tag(sync=True)
    """Selected expert, -1: none."""
    following = traitlets.Bool(default_value=True).tag(sync=True)
    """The newest token is shown, whatever `token` says."""

    state = traitlets.Dict().tag(sync=True)
    """Small parts by their kind, such as what a banner says: see `keep`."""

    KEPT_TRAITS: tuple[str, ...] = ("token", "layer", "expert", "following", "state")
    """What a page written by `to_html` starts with; subclasses add their own traits."""

    def __init__(self, source: Attachable | None = None) -> None:
        super().__init__()
        self._handlers: dict[str, Handler] = {}
        self._holding = ExitStack()
        self._live: LiveRun | None = None
        self._trace: Trace | None = None
        self._engine: Engine | None = None
        self._keeping = threading.Lock()
        self._drawn: bytes | None = None
        self._sender = Sender(self._post)
        self.on_msg(self._hear)
        if source is not None:
            self.attach(source)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._trace!r}>" if self._trace is not None else f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """With a picture for where no widget can live."""
        bundle: tuple[dict[str, Any], dict[str, Any]] | None = super()._repr_mimebundle_(**options)
        if bundle is not None and self._trace is not None:
            bundle[0]["image/png"] = self.snapshot().data
        return bundle

    # -- what it shows -----------------------------------------------------------------------------------------------
    @property
    def trace(self) -> Trace | None:
        """What is shown; it grows while a session is recorded."""
        return self._trace

    @property
    def engine(self) -> Engine | None:
        """Of the session that is shown; None for a trace."""
        return self._engine

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """Show a session from now on, a trace, or what another view shows.

        Args:
            source: a session is recorded while it is attached; a trace that is being recorded grows in the view too.
            measure_residency: of a session, ask before every read how much of it the page cache holds: costs up to
                0.1 ms a read; without it the read's time and size decide.

        Raises:
            OptionError: anything else.
        """
        self.detach()
        self._drawn = None
        self._trace = self._trace_of(source, measure_residency=measure_residency)
        self._engine = engine_of(source)
        self._live = LiveRun(Feed(self._trace), self._publish)
        self._sender.start(self._live)
        return self

    def detach(self) -> Self:
        """Stop recording; what is shown stays."""
        self._sender.stop()
        self._holding.close()
        if self._live is not None:
            if self._live.next_chunk() is not None:
                self._sender.put({"kind": "rows"}, [self._live.snapshot()])
            self._live.finish()
        self._live = None
        return self

    def close(self) -> None:
        """Detach, and take the widget from the page."""
        self.detach()
        super().close()

    # -- pictures ----------------------------------------------------------------------------------------------------
    def picture(self) -> NDArray[np.uint8]:
        """Pixels drawn from the data, for where no front end drew. Shapes: [height, width, 3]."""
        return blank_picture()

    def snapshot(self) -> Image:
        """What a front end drew last, or without one a picture of the data, as PNG."""
        png = png_bytes(self.picture()) if self._drawn is None else self._drawn
        return Image(data=png, format="png")  # type: ignore[no-untyped-call]

    def to_html(self, path: str | Path) -> Path:
        """Write it as one page that opens from disk, needs no network and can be scrubbed.

        Raises:
            OptionError: nothing is attached, or the path is taken.
        """
        if self._trace is None:
            raise OptionError(f"nothing is attached to this {type(self).__name__}: attach(session) or attach(trace)")
        feed = Feed(self._trace)
        feed.next_chunk()
        traits = {name: getattr(self, name) for name in self.KEPT_TRAITS}
        title = f"{type(self).__name__}: {self._trace.facts.label}"
        run = feed.snapshot(PAGE_BYTES)
        return write_page(Path(path), title=title, bundle=str(self._esm), traits=traits, run=run)

    # -- talking to the front end ------------------------------------------------------------------------------------
    def get_stats(self) -> dict[str, object]:
        """Messages sent, tokens in them, coalesced, dropped, bytes, and what the front end painted."""
        return self._sender.get_stats()

    def reset_stats(self) -> None:
        """Count from 0."""
        self._sender.reset_stats()

    def on_command(self, name: str, handler: Handler) -> None:
        """Have `handler` called with the arguments of a command of the front end.

        It runs on whatever thread the kernel takes messages on, so it only hands work to others. An error of ours that
        it raises is shown in the widget.
        """
        self._handlers[name] = handler

    def put(self, content: Mapping[str, object], buffers: Sequence[bytes] = (), *, key: object = None) -> None:
        """Send a part to the front end; see `Sender.put`."""
        self._sender.put(content, buffers, key=key)

    def keep(self, part: Mapping[str, object]) -> None:
        """Hand a small part to every front end, also after a reload and in a page; the last of its kind counts.

        For what changes seldom: it is sent as a trait, past the sender.
        """
        with self._keeping:
            self.state = {**self.state, str(part["kind"]): dict(part)}

    def show_error(self, error: BaseException) -> None:
        """Show an error in the widget."""
        self.put({"kind": "error", "text": str(error) or repr(error)})

    def _trace_of(self, source: Attachable, *, measure_residency: bool) -> Trace:
        if isinstance(source, View) and source.trace is not None:
            return source.trace
        if isinstance(source, Player):
            source = source.session
        if isinstance(source, Session):
            session: Session = source
            return session.engine.owner_call(lambda: self._begin(session, measure_residency=measure_residency))
        if isinstance(source, Trace):
            return source
        msg = (
            f"{type(self).__name__}.attach was given {source!r}: give a session, a player, a trace, or a view with one"
        )
        raise OptionError(msg)

    def _begin(self, session: Session, *, measure_residency: bool) -> Trace:
        """On the engine's thread, between two tokens: whatever is recorded begins with the same one."""
        trace = self._holding.enter_context(record(session, measure_residency=measure_residency))
        self._record(session)
        return trace

    def _record(self, session: Session) -> None:
        """Subclasses record more of a session than a trace has, in `self._holding`."""

    def _publish(self, blob: bytes) -> None:
        self.run = blob

    def _post(self, content: object, buffers: Sequence[bytes]) -> None:
        self.send(content, list(buffers))

    def _hear(self, _: object, content: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        match content.get("kind"):
            case "ack":
                self._sender.acknowledged(content["seq"], content["painted"], content["frames"], content["latencies"])
            case "snapshot?":
                self._answer(content["run"], content["tokens"])
            case "picture":
                self._drawn = bytes(buffers[0])
            case "command":
                self._command(content["name"], content["args"])

    def _answer(self, run: str, tokens: int) -> None:
        """A front end is new or missed rows."""
        live = self._live
        if live is not None and (run != live.feed.run or tokens < live.feed.sent_tokens):
            self.put({"kind": "rows"}, [live.snapshot()])
        else:
            self.put({"kind": "hello"})
        self._fresh()

    def _fresh(self) -> None:
        """A front end is new, or missed something: subclasses send what is neither rows nor kept."""

    def _command(self, name: str, args: dict[str, Any]) -> None:
        handler = self._handlers.get(name)
        if handler is None:
            return
        try:
            handler(args)
        except FlashMoeError as error:
            self.show_error(error)


def blank_picture() -> NDArray[np.uint8]:
    """White: nothing to draw. Shapes: [32, 512, 3]."""
    return np.full((32, 512, 3), 255, np.uint8)


def engine_of(source: Attachable) -> Engine | None:
    """The engine behind what is attached; a trace has none."""
    if isinstance(source, Player):
        return source.session.engine
    return source.engine if isinstance(source, Session | View) else None
