"""Every tutorial runs top to bottom with its solutions, and is built the way its reader is promised."""

import ast
import re
import time
from pathlib import Path

import nbformat
import pytest

from flashmoe_nb.storage.synth import synthesize
from tests.notebooks.notebook_runs import FOLDER, NAMES, code_cells, executed, markdown, printed, read, solutions
from tests.oracle.checkpoints import Case, write_mlx_checkpoint

OTHER_SHAPES = tuple(name for name in NAMES if name[:2] not in {"09", "11"})
"""Those that are also run on another architecture's shape: what they say holds for any model.

Random weights never end an answer of number 9 and take minutes for it; number 11 only forecasts.
"""

DEMO_LABEL = "demo, top_k"
"""Begins a figure's or a table's words on what was measured, where that was the demo model."""

PROMISES = ("**Question.**", "**Live:**", "**Recorded:**", "**Time:**")
MOST_LINES = 10


def long_functions(source: str) -> list[str]:
    """Functions of more than ten lines."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if node.end_lineno - node.lineno + 1 > MOST_LINES]


def statements(source: str) -> int:
    """Lines that hold code: imports, blank lines and comments aside."""
    lines = [line.strip() for line in source.splitlines()]
    return sum(bool(line) and not line.startswith(("#", "import ", "from ")) for line in lines)


def check_clean(notebook: nbformat.NotebookNode) -> None:
    """Every code cell ran, and nothing was said on stderr."""
    cells = code_cells(notebook)
    assert [cell.id for cell in cells if cell.execution_count is None] == []
    words = [(cell.id, output.text) for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert words == []


def all_outputs(notebook: nbformat.NotebookNode) -> str:
    """Everything the cells gave, as text."""
    return str([output for cell in code_cells(notebook) for output in cell.outputs])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_with_its_solutions(name: str, tmp_path: Path):
    start_s = time.perf_counter()
    notebook = executed(name, tmp_path)
    print(f"{name}: {time.perf_counter() - start_s:.1f} s")
    check_clean(notebook)


@pytest.fixture(scope="module")
def other_shape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 35B's architecture, random weights, few layers and experts."""
    folder = tmp_path_factory.mktemp("other") / "qwen3.5-35b"
    shape = {"layers": 4, "experts": 32, "vocab": 2048, "dtype": "float32"}
    return synthesize("qwen3.5-35b", folder, progress=False, **shape).folder


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_SHAPES)
def test_runs_on_another_checkpoint(name: str, other_shape: Path, tmp_path: Path):
    notebook = executed(name, tmp_path, other_shape)
    check_clean(notebook)
    assert printed(notebook, "opened").strip() == str(other_shape)
    assert DEMO_LABEL not in all_outputs(notebook)


@pytest.mark.slow
def test_linear_attention_takes_the_demo_where_there_are_no_delta_nets(tmp_path: Path):
    folder = write_mlx_checkpoint(Case("qwen3_moe", "4bit-g64", "float32"), tmp_path / "qwen3-moe")
    notebook = executed("06_linear_attention", tmp_path, folder)
    check_clean(notebook)
    assert printed(notebook, "open").startswith("qwen3_moe has attention in every layer")
    assert Path(printed(notebook, "opened").strip()).name == "demo"
    assert DEMO_LABEL in all_outputs(notebook)  # the figures say which


@pytest.mark.parametrize("name", NAMES)
class TestBuilt:
    def test_it_says_what_it_asks_and_what_it_needs(self, name: str):
        first = read(name).cells[0].source
        assert first.startswith(f"# {int(name[:2])} · ")
        assert [promise for promise in PROMISES if promise not in first] == []

    def test_it_ends_with_what_was_learned_and_exercises(self, name: str):
        text = markdown(read(name))
        assert "## What you have learned" in text
        assert 2 <= len(solutions(read(name))) <= 4
        assert len(re.findall(r"^\*\*\d\. ", text, re.MULTILINE)) == len(solutions(read(name)))

    def test_cells_and_functions_are_short(self, name: str):
        notebook = read(name)
        assert {cell.id: statements(cell.source) for cell in code_cells(notebook) if statements(cell.source) > 10} == {}
        sources = [cell.source for cell in code_cells(notebook)] + solutions(notebook)
        assert [function for source in sources for function in long_functions(source)] == []

    def test_nothing_of_a_run_is_stored(self, name: str):
        notebook = read(name)
        nbformat.validate(notebook)
        assert [cell.id for cell in code_cells(notebook) if cell.outputs or cell.execution_count] == []
        assert all(re.fullmatch(r"[a-z0-9-]+", cell.id) and not cell.metadata for cell in notebook.cells)

    def test_links_lead_to_files(self, name: str):
        links = [link for link in re.findall(r"\]\(([^)]+)\)", markdown(read(name))) if "://" not in link]
        assert [link for link in links if not (FOLDER / link.partition("#")[0]).exists()] == []

    def test_the_checkpoint_is_one_variable(self, name: str):
        sources = [cell.source for cell in code_cells(read(name))]
        assert sum("CHECKPOINT = None" in source for source in sources) == 1


def test_long_functions_and_cells_are_found():
    assert long_functions("def f():\n" + "    x = 1\n" * 10) == ["f"]
    assert long_functions("def f():\n" + "    x = 1\n" * 9) == []
    assert statements("import a\n\n# b\nc = 1\nd = 2\n") == 2
