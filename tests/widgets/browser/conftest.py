"""One JupyterLab a worker for the widgets' browser tests: a test opens a notebook of cells and waits by effects."""

import ast
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[3]
TOKEN = "t"  # noqa: S105 - of a server that lives for one run of tests
_METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
VIEWPORT = {"width": 1280, "height": 2600}  # tall: what is off screen is not drawn

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
_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
_ASK = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code: "", silent: true, store_history: false,
        user_expressions: {asked: code}, allow_stdin: false, stop_on_error: false});
    const reply = await future.done;
    const asked = reply.content.user_expressions.asked;
    return asked.status === "ok" ? [asked.data["text/plain"], ""] : [null, asked.ename + ": " + asked.evalue];
}"""
_RESTART = """async () => {
    await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""


@dataclass(frozen=True)
class Notebook:
    """A notebook that was opened in JupyterLab, and its page."""

    page: Any
    path: Path

    def run_all(self) -> None:
        """Run every cell; returns when the last one has run, and fails when one raised."""
        self.page.evaluate(_RUN_ALL)
        errors = self.page.evaluate(_ERRORS)
        assert not errors, errors

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the notebook's kernel: numbers, text, lists, dicts."""
        text, error = self.page.evaluate(_ASK, expression)
        assert not error, error
        return ast.literal_eval(text)

    def wait_for(self, expression: str, timeout_s: float = 15) -> Any:
        """Ask until the answer is true."""
        for _ in range(int(timeout_s / 0.1)):
            if value := self.ask(expression):
                return value
            self.page.wait_for_timeout(100)
        pytest.fail(f"{expression} is still {self.ask(expression)!r}")
        return None

    def status(self, nth: int = 0) -> dict[str, str]:
        """The counters a widget's status line keeps: tokens, painted, messages, rows, frames, connected, ..."""
        return self.page.locator(".fm-status").nth(nth).evaluate("el => ({...el.dataset})")

    def wait_for_status(self, nth: int = 0, **wanted: object) -> dict[str, str]:
        """Wait until counters of a widget's status line have these values."""
        for _ in range(150):
            found = self.status(nth) if self.page.locator(".fm-status").count() > nth else {}
            if all(found.get(name) == str(value) for name, value in wanted.items()):
                return found
            self.page.wait_for_timeout(100)
        shown = self.page.locator(".jp-OutputArea").all_inner_texts()
        pytest.fail(f"the status is {found}, expected {wanted}; the cells show {shown}")
        return {}

    def theme(self, name: str) -> None:
        """Switch to "light" or "dark"."""
        full = f"JupyterLab {name.capitalize()}"
        self.page.evaluate(_THEME, full)
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{full}'")
        self.page.wait_for_timeout(200)  # its style sheet is read

    def restart_kernel(self) -> None:
        """As the menu does."""
        self.page.evaluate(_RESTART)

    def save(self) -> None:
        """Write the notebook with its outputs."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def reload(self) -> None:
        """Load the page again; the kernel goes on."""
        self.page.reload()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        self.page.wait_for_function(_READY, arg=self.path.name, timeout=60_000)
        self.page.evaluate(_INFO)


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterLab shows."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def lab_url(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab that runs as long as the tests of this worker."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    own = tmp_path_factory.mktemp("jupyter")
    server = _start_server(lab_folder, own, port)
    try:
        _wait_until_answers(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A tall page; errors in its scripts fail the test."""
    context = chromium.new_context(viewport=VIEWPORT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not [error for error in errors if not any(one in error for one in _HARMLESS)], errors


_HARMLESS = ("ResizeObserver loop", "Canceled future for")
"""The second is JupyterLab's own, when a kernel restarts while it is asked something."""

_NUMBERS = itertools.count()


@pytest.fixture
def notebook(page: Any, lab_url: str, lab_folder: Path) -> Iterator[Callable[..., Notebook]]:
    """`notebook([source, ...])`: open a notebook of these code cells and, unless `run=False`, run them all."""
    opened: list[Notebook] = []

    def open_notebook(cells: list[str], *, run: bool = True) -> Notebook:
        path = lab_folder / f"test_{os.getpid()}_{next(_NUMBERS)}.ipynb"
        made = nbformat.v4.new_notebook(metadata=_METADATA, cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(made, path)
        page.goto(f"{lab_url}/lab/tree/{path.name}?token={TOKEN}&reset")
        shown = Notebook(page, path)
        opened.append(shown)
        shown._wait_until_ready()
        if run:
            shown.run_all()
        return shown

    yield open_notebook
    shut = "async () => { await window.jupyterapp?.serviceManager.sessions.shutdownAll(); }"
    if opened:
        page.evaluate(shut)


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where screenshots are kept: SCREENSHOTS of the environment, else the test's own folder."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _start_server(folder: Path, own: Path, port: int) -> subprocess.Popen:
    dirs = {f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env = {**os.environ, **dirs, "IPYTHONDIR": str(own / "ipython"), "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
    options += [f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    options += ["--LabApp.news_url=None"]
    with (own / "jupyter.log").open("w") as log:
        return subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, stdout=log, stderr=log)


def _wait_until_answers(port: int, server: subprocess.Popen) -> None:
    for _ in range(600):
        assert server.poll() is None, "JupyterLab ended before it answered"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("JupyterLab did not answer within a minute")
