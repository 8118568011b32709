"""A JupyterLab of its own, and a notebook in it in a headless Chromium: where widgets are measured and tested.

Knows no widget. playwright drives the browser; it is no dependency of the package.
"""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "t"  # noqa: S105 - of a server on loopback that ends with the measurement
_OPTIONS = ("--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--allow-root", "--LabApp.news_url=None")
_START_S = 60
_LOOK_S = 0.1

_CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-sync",
)
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_OF_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

# The execution indicator is no sign of readiness: ask the kernel itself.
_READY = """(name) => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    const kernel = widget?.sessionContext?.session?.kernel;
    return widget?.context?.path === name && kernel?.connectionStatus === "connected" && kernel?.status === "idle";
}"""
_INFO = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.context.ready; await widget.sessionContext.ready; await widget.sessionContext.session.kernel.info;
}"""
_RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
_ERRORS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
    .flatMap(cell => cell.outputs?.toJSON() ?? [])
    .filter(output => output.output_type === "error").map(output => output.ename + ": " + output.evalue)"""
_ASK = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code: "", silent: true, store_history: false,
        user_expressions: {asked: code}, allow_stdin: false, stop_on_error: false});
    const reply = await future.done;
    const asked = reply.content.user_expressions.asked;
    return asked.status === "ok" ? [asked.data["text/plain"], ""] : [null, asked.ename + ": " + asked.evalue];
}"""


class NotebookError(RuntimeError):
    """A cell raised, or what was waited for never came."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of a JupyterLab's folder, and the page that shows it."""

    page: Any
    """Of playwright."""
    path: Path

    def open(self, url: str) -> None:
        """Show it and wait until its kernel answers."""
        self.page.goto(f"{url}/lab/tree/{self.path.name}?token={TOKEN}&reset")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Until the kernel answers, after opening or loading the page again."""
        self.page.wait_for_function(_READY, arg=self.path.name, timeout=90_000)
        self.page.evaluate(_INFO)

    def run_all(self) -> None:
        """Run every cell; returns when the last one has run.

        Raises:
            NotebookError: one raised.
        """
        self.page.evaluate(_RUN_ALL)
        if errors := self.page.evaluate(_ERRORS):
            raise NotebookError("; ".join(errors))

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the notebook's kernel: numbers, text, lists, dicts.

        Raises:
            NotebookError: the expression raised.
        """
        text, error = self.page.evaluate(_ASK, expression)
        if error:
            raise NotebookError(f"{expression}: {error}")
        return ast.literal_eval(text)

    def wait_for(self, expression: str, timeout_s: float = 15) -> Any:
        """Ask until the answer is true.

        Raises:
            NotebookError: it never was.
        """
        for _ in range(int(timeout_s / _LOOK_S)):
            if value := self.ask(expression):
                return value
            self.page.wait_for_timeout(1000 * _LOOK_S)
        raise NotebookError(f"{expression} is still {self.ask(expression)!r} after {timeout_s} s")


@contextmanager
def jupyter_server(folder: Path, own: Path) -> Iterator[str]:
    """A JupyterLab on a free port; gives its address.

    Args:
        folder: what it shows.
        own: for its settings and its log; the user's are not read.

    Raises:
        NotebookError: it ended or did not answer; the log is in `own`.
    """
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    server = _start(folder, own, port)
    try:
        _wait_until_answers(port, server, own)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium of playwright: the system's, or the one playwright brought.

    Raises:
        OptionError: playwright or a Chromium is missing.
    """
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - no dependency of the package
    except ImportError as error:
        raise OptionError("widgets are measured in a browser that playwright drives: pip install playwright") from error
    with sync_playwright() as playwright:
        found = [*filter(None, map(shutil.which, _CHROMIUMS)), _CHROMIUM_OF_MAC, playwright.chromium.executable_path]
        path = next((path for path in found if Path(path).exists()), None)
        if path is None:
            raise OptionError("no Chromium on this machine: python -m playwright install chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(_CHROMIUM_OPTIONS))
        yield browser
        browser.close()


def _start(folder: Path, own: Path, port: int) -> subprocess.Popen[bytes]:
    dirs = {f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    ours = str(Path(__file__).parents[3])
    env = {**os.environ, **dirs, "IPYTHONDIR": str(own / "ipython"), "PYTHONPATH": ours}
    options = [*_OPTIONS, f"--port={port}", f"--ServerApp.root_dir={folder}", "--expose-app-in-browser"]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--IdentityProvider.token={TOKEN}"]
    with (own / "jupyter.log").open("w") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def _wait_until_answers(port: int, server: subprocess.Popen[bytes], own: Path) -> None:
    for _ in range(int(_START_S / _LOOK_S)):
        if server.poll() is not None:
            raise NotebookError(f"JupyterLab ended before it answered: {own / 'jupyter.log'} says why")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except OSError:
            time.sleep(_LOOK_S)
    raise NotebookError(f"JupyterLab did not answer within {_START_S} s")
