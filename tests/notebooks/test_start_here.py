"""The start page: what its cells show, and that they hide the machine."""

import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.notebook_runs import ROOT, executed, printed, shown

NAME = "00_start_here"
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return executed(NAME, tmp_path_factory.mktemp("start"))


def test_the_first_picture_is_live_and_comes_with_the_second_code_cell(page: nbformat.NotebookNode):
    cells = [cell for cell in page.cells if cell.cell_type == "code"]
    assert cells[1].id == "watch"
    assert set(shown(page, "watch")) >= {WIDGET, "image/png"}  # with a picture for where no front end draws


def test_the_card_shows_the_model_and_hides_the_machine(page: nbformat.NotebookNode):
    card = shown(page, "open")["text/html"]
    assert "qwen3_5_moe" in card
    assert "512 a layer, top_k 10" in card
    assert str(ROOT) not in card


def test_the_player_plays_in_the_background_and_to_the_end(page: nbformat.NotebookNode):
    assert "<Player playing" in printed(page, "play")
    assert printed(page, "wait").startswith("done after 60 tokens\n\ndef read_file(path):\n")


def test_the_table_has_a_row_for_each_layer_with_its_ten_experts(page: nbformat.NotebookNode):
    rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", shown(page, "table")["text/html"])[1:]
    assert [row.count("<b>") for row in rows] == [10] * 8
    assert all("115,200" in row and re.search(r"\d (?:µs|ms) \(expert \d", row) for row in rows)


@pytest.mark.parametrize("cell_id", ["cold", "reads"])
def test_each_figure_has_marks_and_names_model_and_top_k(page: nbformat.NotebookNode, cell_id: str):
    figure = shown(page, cell_id)[PLOTLY]
    assert sum(len(trace.get("y", ())) for trace in figure["data"]) >= 80
    assert "demo, top_k 10 of 512 experts" in figure["layout"]["title"]["subtitle"]["text"]


def test_a_stopped_step_keeps_others_out(page: nbformat.NotebookNode):
    text = printed(page, "stop")
    assert "stopped at <StageEvent layer 1 router" in text
    assert "suspended in layer 1, stage router" in text


def test_it_leads_to_every_other_notebook(page: nbformat.NotebookNode):
    others = {path.name for path in Path(ROOT / "notebooks").glob("[0-9]*.ipynb")} - {f"{NAME}.ipynb"}
    last = next(cell.source for cell in page.cells if cell.id == "next")
    assert set(re.findall(r"\((\d\d_\w+\.ipynb)\)", last)) == others
