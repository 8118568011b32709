"""Runs a notebook as a reader would, its folded solutions with it, on the demo model or on another checkpoint."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
CELL_S = 120
"""A cell that takes longer hangs."""

_SOLUTION = re.compile(r"<details>.*?</details>", re.DOTALL)
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_CHECKPOINT = re.compile(r"^CHECKPOINT = None", re.MULTILINE)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", 4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    """The code of every folded solution."""
    return [code for part in _SOLUTION.findall(markdown(notebook)) for code in _PYTHON.findall(part)]


def prepared(name: str, checkpoint: Path | None = None) -> nbformat.NotebookNode:
    """The notebook with its solutions before the cell that closes.

    Where another checkpoint is given it is opened, and a cell `opened` after the solutions prints what was.
    """
    notebook = read(name)
    at = next(n for n, cell in enumerate(notebook.cells) if cell.id == "close")
    solved = enumerate(solutions(notebook), 1)
    added = [nbformat.v4.new_code_cell(code, id=f"solution-{n}") for n, code in solved]
    if checkpoint is not None:
        added.append(nbformat.v4.new_code_cell("print(engine.checkpoint.folder)", id="opened"))
    notebook.cells[at:at] = added
    for cell in code_cells(notebook):
        if checkpoint is not None:
            cell.source = _CHECKPOINT.sub(f"CHECKPOINT = {str(checkpoint)!r}", cell.source)
    return notebook


def executed(name: str, folder: Path, checkpoint: Path | None = None) -> nbformat.NotebookNode:
    """Run it in a folder of its own."""
    from nbclient import NotebookClient

    notebook = prepared(name, checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=CELL_S, coalesce_streams=True, resources=resources).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode, cell_id: str) -> list[nbformat.NotebookNode]:
    return next(cell.outputs for cell in notebook.cells if cell.id == cell_id)


def printed(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    return "".join(output.text for output in outputs(notebook, cell_id) if output.output_type == "stream")


def shown(notebook: nbformat.NotebookNode, cell_id: str) -> dict[str, object]:
    return outputs(notebook, cell_id)[-1].data
