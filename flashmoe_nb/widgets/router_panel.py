"""Joins a view and the routers of its session: answers what one of them thought of all experts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import ClosedError
from flashmoe_nb.widgets.router_tape import RouterTape

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session
    from flashmoe_nb.widgets.view import View


class RouterPanel:
    """Takes the command "router" of a view; answers with a part of that kind."""

    def __init__(self, view: View) -> None:
        self.tape: RouterTape | None = None
        """Logits of the session's last tokens; None for a trace."""
        self._view = view
        view.on_command("router", self._ask)

    def record(self, session: Session) -> AbstractContextManager[None]:
        """Keep the logits of what is fed while the block runs."""
        self.tape = RouterTape(session.engine)
        return session.tape(self.tape)

    def forget(self) -> None:
        """Keep no more."""
        self.tape = None

    def answer(self, layer: int, token: int) -> None:
        """Send what the router of a layer thought; waits for the token at hand."""
        found: NDArray[np.float32] | None = None
        note = "A trace keeps the chosen experts only; attach a session for the others."
        tape, trace = self.tape, self._view.trace
        if tape is not None and trace is not None:
            note = f"The router's logits of token {token} are not kept any more, only those of the last tokens."
            try:
                found = tape.probabilities(token, trace.layer_row(layer))
            except ClosedError as error:
                note = str(error)
        part = {"kind": "router", "layer": layer, "token": token, "note": "" if found is not None else note}
        self._view.put(part, [] if found is None else [found.tobytes()], key="router")

    def _ask(self, args: dict[str, Any]) -> None:
        """Answered from a thread: the engine may be in the middle of a token."""
        threading.Thread(target=self.answer, args=(args["layer"], args["token"]), daemon=True).start()
