"""Some tutorials in a real JupyterLab: every cell runs, nothing is red, widgets paint and answer clicks."""

from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.canvases import shows
from tests.notebooks.notebook_runs import FOLDER

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDGETS = {"00_start_here": 2, "02_the_router": 1, "04_trust_the_os": 2, "07_debugging_a_layer": 1}
"""How many each shows."""

ANSWERS = {"07_debugging_a_layer": ('[data-name="step"]', '[data-name="place"]', "number")}
"""What is clicked, and what counts then; elsewhere a canvas, and the frames drawn."""

_LEFT = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.map(one => one.model);
    return cells.filter(cell => cell.type === 'code' && cell.executionCount === null).length;
}"""
_ERRORS = '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type$="stderr"]'


@pytest.mark.parametrize("name", list(WIDGETS))
def test_it_runs_paints_and_answers(name: str, lab: Any, lab_folder: Path, screenshots: Path):
    (lab_folder / f"{name}.ipynb").write_bytes((FOLDER / f"{name}.ipynb").read_bytes())
    page = lab.page
    notebook = lab.open(f"{name}.ipynb")
    page.evaluate("""() => {  // the last cell closes the widgets: they are to be looked at first
        const notebook = window.jupyterapp.shell.currentWidget;
        notebook.model.sharedModel.transact(() => notebook.model.sharedModel.deleteCell(
            notebook.model.sharedModel.cells.findIndex(cell => cell.id === 'close')));
    }""")
    notebook.run_all()
    assert page.evaluate(_LEFT) == 0
    assert page.locator(_ERRORS).all_inner_texts() == []
    page.wait_for_function(f"() => document.querySelectorAll('.fm-status').length >= {WIDGETS[name]}")
    page.wait_for_timeout(1000)
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        page.wait_for_timeout(500)
        page.screenshot(path=screenshots / f"{name}_{theme.split()[1].lower()}.png")
    found = shows(page)
    assert len(found) >= WIDGETS[name]
    assert [widget for widget, something in found if not something] == []  # each of them, not one for all
    clicked, counter, number = ANSWERS.get(name, ("canvas", ".fm-status", "frames"))
    before = page.locator(counter).first.get_attribute(f"data-{number}")
    page.locator(clicked).first.click()
    page.wait_for_function(f"() => document.querySelector('{counter}').dataset.{number} !== '{before}'")
