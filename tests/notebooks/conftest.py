"""JupyterLab in a real browser, for the tests of the notebooks and widgets; and where its screenshots go."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "t"  # noqa: S105 - of a server that lives for one test

# The execution indicator is no sign of readiness: ask the kernel itself.
_READY = """() => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    const kernel = widget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel?.status === "idle";
}"""
_INFO = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.context.ready; await widget.sessionContext.ready; await widget.sessionContext.session.kernel.info;
}"""
_RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab server on a folder, and a page of a Chromium."""

    port: int
    page: object

    def open(self, notebook: str) -> None:
        """Show a notebook and wait until its kernel answers."""
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={TOKEN}&reset")
        self.page.wait_for_function(_READY, timeout=90_000)
        self.page.evaluate(_INFO)

    def run_all(self) -> None:
        """Run every cell; returns when the last one has run."""
        self.page.evaluate(_RUN_ALL)

    def theme(self, name: str) -> None:
        """Switch to "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate(_THEME, name)
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{name}'")


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where screenshots are kept: SCREENSHOTS of the environment, else the test's own folder."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def lab_folder(tmp_path: Path) -> Path:
    """The folder JupyterLab shows: put notebooks here."""
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


@pytest.fixture
def lab(lab_folder: Path, tmp_path: Path, chromium: object) -> Iterator[Lab]:
    """A running JupyterLab and a tall page: what is off screen is not drawn."""
    port = _free_port()
    server = _start_server(lab_folder, tmp_path / "jupyter", port)
    try:
        _wait_for(port, server)
        page = chromium.new_page(viewport={"width": 1360, "height": 7600})
        yield Lab(port, page)
        page.close()
    finally:
        server.terminate()
        server.wait(20)


def _start_server(folder: Path, own: Path, port: int) -> subprocess.Popen:
    """A server with configuration and data folders of its own."""
    dirs = {f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env = {**os.environ, **dirs, "IPYTHONDIR": str(own / "ipython"), "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
    options += [f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    options += ["--LabApp.news_url=None"]
    with (own.parent / "jupyter.log").open("w") as log:
        return subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, stdout=log, stderr=log)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    """Until the server answers."""
    for _ in range(600):
        assert server.poll() is None, "JupyterLab ended before it answered"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("JupyterLab did not answer within a minute")


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]
