"""The start page of the tutorial: it runs, shows what it says, reads well without running, and draws in JupyterLab."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"
PLOTLY = "application/vnd.plotly.v1+json"
FIGURES = ("routing", "few", "cold", "reads", "in-place")


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    """The code of every folded solution."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    return [code for part in folded for code in re.findall(r"```python\n(.*?)```", part, re.DOTALL)]


def long_functions(source: str) -> list[str]:
    """Functions of more than ten lines."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in functions if node.end_lineno - node.lineno + 1 > 10]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A copy of the notebook, run in a folder of its own, the exercises' solutions before its last code cell."""
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [nbformat.v4.new_code_cell(code, id=f"solution-{n}") for n, code in enumerate(solutions(notebook), 1)]
    at = next(n for n, cell in enumerate(notebook.cells) if cell.id == "close")
    notebook.cells[at:at] = cells
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=120, coalesce_streams=True, resources=resources).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode, cell_id: str) -> list[nbformat.NotebookNode]:
    return next(cell.outputs for cell in notebook.cells if cell.id == cell_id)


def printed(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    return "".join(output.text for output in outputs(notebook, cell_id) if output.output_type == "stream")


def shown(notebook: nbformat.NotebookNode, cell_id: str) -> dict[str, object]:
    return outputs(notebook, cell_id)[-1].data


class TestExecuted:
    def test_every_code_cell_ran_without_a_word_on_stderr(self, executed: nbformat.NotebookNode):
        cells = [cell for cell in executed.cells if cell.cell_type == "code"]
        assert [cell.id for cell in cells if cell.execution_count is None] == []
        assert [cell.id for cell in cells for output in cell.outputs if output.get("name") == "stderr"] == []

    def test_the_card_shows_the_model_and_hides_the_machine(self, executed: nbformat.NotebookNode):
        card = shown(executed, "open")["text/html"]
        assert "qwen3_5_moe" in card
        assert "512 a layer, top_k 10" in card
        assert str(ROOT) not in card

    def test_text_is_written_token_by_token(self, executed: nbformat.NotebookNode):
        assert printed(executed, "generate").startswith("def read_file(path):\n")
        assert "80 experts, 921,600 bytes" in printed(executed, "token")

    def test_the_table_has_a_row_for_each_layer_with_its_ten_experts(self, executed: nbformat.NotebookNode):
        html = shown(executed, "table")["text/html"]
        rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", html)[1:]
        assert len(rows) == 8
        assert [row.count("<b>") for row in rows] == [10] * 8
        assert all("115,200" in row and re.search(r"\d (?:µs|ms) \(expert \d", row) for row in rows)

    @pytest.mark.parametrize("cell_id", FIGURES)
    def test_each_figure_has_marks_and_names_model_and_top_k(self, executed: nbformat.NotebookNode, cell_id: str):
        figure = shown(executed, cell_id)[PLOTLY]
        assert sum(len(trace.get("y", ())) for trace in figure["data"]) >= 80
        assert "demo, top_k 10 of 512 experts" in figure["layout"]["title"]["subtitle"]["text"]

    def test_reads_in_place_are_not_coloured_by_residency(self, executed: nbformat.NotebookNode):
        names = {trace["name"] for trace in shown(executed, "in-place")[PLOTLY]["data"]}
        assert names == {"pages shared by several experts: cannot be told"}

    def test_a_stopped_step_is_rolled_back(self, executed: nbformat.NotebookNode):
        text = printed(executed, "stop")
        assert "stopped at <StageEvent layer 2 router at 45+1" in text
        assert "suspended in layer 2, stage router" in text
        assert text.rstrip().endswith("position after close(): 45")

    def test_the_solutions_run(self, executed: nbformat.NotebookNode):
        assert len(solutions(executed)) == 3
        assert printed(executed, "solution-1").count("[") == 8
        assert "top_k 4 of 512 experts (the checkpoint&#x27;s own: 10)" in shown(executed, "solution-2")["text/html"]
        assert printed(executed, "solution-3").count("[") == 2


class TestStored:
    """What a reader sees without running."""

    def test_outputs_are_stored_small_with_a_picture_for_each_figure(self):
        notebook = nbformat.read(NOTEBOOK, 4)
        nbformat.validate(notebook)
        assert NOTEBOOK.stat().st_size < 300_000
        for cell_id in FIGURES:
            data = shown(notebook, cell_id)
            assert set(data) == {"image/png", "text/plain"}
            assert data["text/plain"].startswith("Figure: ")
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")

    def test_no_function_is_longer_than_ten_lines(self):
        notebook = nbformat.read(NOTEBOOK, 4)
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code"] + solutions(notebook)
        assert [name for source in code for name in long_functions(source)] == []

    def test_a_long_function_is_found(self):
        assert long_functions("def f():\n" + "    x = 1\n" * 10) == ["f"]
        assert long_functions("def f():\n" + "    x = 1\n" * 9) == []

    def test_links_lead_to_files(self):
        text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
        links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
        assert links
        assert [link for link in links if not (NOTEBOOK.parent / link).exists()] == []


_PAINTED = """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => [
    plot.querySelectorAll('path.point, .bars path').length, plot.getBoundingClientRect().width])"""


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_draws_in_jupyterlab(lab: Any, lab_folder: Path, screenshots: Path):
    notebook = nbformat.read(NOTEBOOK, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # what is seen was made by this run
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, lab_folder / NOTEBOOK.name)
    lab.open(NOTEBOOK.name)
    page = lab.page
    assert page.locator(".js-plotly-plot, .jp-OutputArea-output").count() == 0
    lab.run_all()
    page.wait_for_function(f"() => document.querySelectorAll('.js-plotly-plot').length === {len(FIGURES)}")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .gtitle').length >= 5")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        page.wait_for_timeout(500)
        page.screenshot(path=screenshots / f"start_here_{theme.split()[1].lower()}.png")
    painted = page.evaluate(_PAINTED)
    assert len(painted) == len(FIGURES)
    assert all(marks >= 10 and width > 500 for marks, width in painted), painted
    card = page.locator(".jp-RenderedHTML", has_text="qwen3_5_moe").first
    assert card.is_visible()
    assert page.locator(".jp-RenderedHTML table", has_text="slowest read").first.is_visible()
    errors = page.locator('[data-mime-type="application/vnd.jupyter.error"], [data-mime-type$="stderr"]')
    assert errors.all_inner_texts() == []
