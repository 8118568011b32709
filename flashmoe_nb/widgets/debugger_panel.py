"""Joins a view and a debugger's desk: clicks go to the desk on one thread, what it reports goes to every front end."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from flashmoe_nb.errors import SessionBusyError
from flashmoe_nb.widgets.errand import Errands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.widgets.debug_desk import DebugDesk
    from flashmoe_nb.widgets.debug_report import Report
    from flashmoe_nb.widgets.view import View

    Args = Mapping[str, Any]


class DebuggerPanel:
    """Takes the command "debugger" of a view; the part it keeps there is called so too."""

    def __init__(self, view: View) -> None:
        self.errands = Errands()
        self.desk: DebugDesk | None = None
        self._view = view
        self._number = 0
        view.on_command("debugger", self.take)

    def show(self, desk: DebugDesk) -> None:
        """Show this desk from now on."""
        self.errands.wait()
        self.desk = desk
        self._do(desk, {"do": "show"})

    def take(self, args: Args) -> None:
        """Have a command done after those before it; returns at once. "halt" stops a run, and drops what waits.

        One too many is refused, and the panel says so.
        """
        desk = self.desk
        if desk is None:
            return
        if args.get("do") == "halt":
            self.errands.drop()
            desk.halt()
            return
        self._view.put({"kind": "debugger_busy", "doing": args.get("do"), "ahead": self.errands.ahead})
        try:
            self.errands.add(lambda: self._do(desk, args))
        except SessionBusyError as error:
            self._view.put({"kind": "debugger_refused", "text": str(error)})

    def _do(self, desk: DebugDesk, args: Args) -> None:
        try:
            report = desk.answer(args)
        except Exception as error:
            self._view.show_error(error)
            raise
        self._number += 1
        self._view.keep(part(report, self._number))


def part(report: Report, number: int) -> dict[str, Any]:
    """A report as JSON alone, so that it can be kept in a notebook or a page: its arrays as one chunk in base64."""
    arrays = {name: np.ascontiguousarray(_sent(values)) for name, values in report.arrays.items()}
    chunk = base64.b64encode(save(arrays)).decode() if arrays else ""
    return {"kind": "debugger", "number": number, "facts": report.facts, "chunk": chunk}


def _sent(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """As the browser takes it."""
    return values.astype(np.int32) if values.dtype == np.int64 else values
