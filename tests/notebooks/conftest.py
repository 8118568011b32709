"""JupyterLab in a real browser, for the tests of the notebooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flashmoe_nb.lab.bench.jupyter import Notebook, jupyter_server

_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab server on a folder, and a page of a Chromium."""

    url: str
    folder: Path
    page: object

    def open(self, name: str) -> Notebook:
        """Show a notebook and wait until its kernel answers."""
        notebook = Notebook(self.page, self.folder / name)
        notebook.open(self.url)
        return notebook

    def theme(self, name: str) -> None:
        """Switch to "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate(_THEME, name)
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{name}'")


@pytest.fixture
def lab_folder(tmp_path: Path) -> Path:
    """The folder JupyterLab shows: put notebooks here."""
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


@pytest.fixture
def lab(lab_folder: Path, tmp_path: Path, chromium: object) -> Iterator[Lab]:
    """A running JupyterLab and a tall page: what is off screen is not drawn."""
    with jupyter_server(lab_folder, tmp_path) as url:
        page = chromium.new_page(viewport={"width": 1360, "height": 7600})
        yield Lab(url, lab_folder, page)
        page.close()
