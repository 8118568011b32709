"""One JupyterLab a worker for the widgets' browser tests: a test opens a notebook of cells and waits by effects."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from flashmoe_nb.lab.bench import jupyter

_METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
VIEWPORT = {"width": 1280, "height": 2600}  # tall: what is off screen is not drawn

_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
_RESTART = """async () => {
    await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""


@dataclass(frozen=True)
class Notebook(jupyter.Notebook):
    """A notebook that was opened in JupyterLab, and its page."""

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
        self.wait_until_ready()


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What JupyterLab shows."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def lab_url(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab that runs as long as the tests of this worker."""
    with jupyter.jupyter_server(lab_folder, tmp_path_factory.mktemp("jupyter")) as url:
        yield url


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
        shown = Notebook(page, path)
        opened.append(shown)
        shown.open(lab_url)
        if run:
            shown.run_all()
        return shown

    yield open_notebook
    shut = "async () => { await window.jupyterapp?.serviceManager.sessions.shutdownAll(); }"
    if opened:
        page.evaluate(shut)


@pytest.fixture
def alone(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`alone(path, **context)`: a saved page without a network; it must ask for itself alone and raise no error."""
    opened: list[tuple[Any, Path, list[str], list[str]]] = []

    def open_alone(path: Path, **context: Any) -> Any:
        page = chromium.new_context(offline=True, **context).new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        opened.append((page, path, asked, errors))
        page.goto(path.as_uri())
        return page

    yield open_alone
    for page, path, asked, errors in opened:
        page.context.close()
        assert (asked, errors) == ([path.as_uri()], [])
