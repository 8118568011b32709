"""Which part of the package may import which, read off the syntax tree, and that a bare import stays light.

Imports inside functions, behind TYPE_CHECKING and by `import_module("flashmoe_nb....")` count like any other.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "flashmoe_nb"
ROOT = Path(__file__).parent.parent / PACKAGE

LEVELS = (
    {"errors", "config", "events"},
    {"pagecache", "storage", "ops", "text"},
    {"model"},
    {"engine"},
    {"observe"},
    {"chat", "figures"},
    {"lab"},
    {"serve", "widgets"},
    {"cli", "commands", "__main__", "__init__"},
)
"""Left never imports right. The package's `__init__` stands last: it re-exports, and nobody inside may import it."""

LEVEL_OF = {unit: number for number, units in enumerate(LEVELS) for unit in units}

FREE_LEVELS = {0, len(LEVELS) - 1}
"""Levels whose members may import each other: the plain data at the bottom, the entry points at the top."""

SIBLING_IMPORTS = {("storage", "pagecache")}
"""The only imports allowed between two units of any other level."""

HEAVY = (
    "ipywidgets",
    "anywidget",
    "plotly",
    "torch",
    "transformers",
    "mlx_lm",
    "tokenizers",
    "jinja2",
    "pydantic",
    "jsonschema",
)


def unit_of(dotted: str) -> str:
    """`flashmoe_nb.storage.reader` -> `storage`; the package itself -> `__init__`."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    base = package.split(".")
    kept = base[: len(base) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def _names(node: ast.AST, package: str) -> Iterator[str]:
    """Every dotted name that one syntax node imports."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            module = _absolute(node, package)
            # `from flashmoe_nb import storage` names a unit, `from flashmoe_nb import open` the package's own __init__.
            for alias in node.names:
                yield f"{module}.{alias.name}" if module == PACKAGE and alias.name in LEVEL_OF else module
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"), args=[ast.Constant(str(name)), *_]
        ):
            yield name


def imported_units(source: str, package: str) -> set[tuple[int, str]]:
    """(line, unit) of every import of our own package in a module that lies in `package`."""
    return {
        (node.lineno, unit_of(name))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)
        for name in _names(node, package)
        if name.split(".")[0] == PACKAGE
    }


def is_allowed(importer: str, imported: str) -> bool:
    """Whether the direction permits unit `importer` to import unit `imported`."""
    if importer == imported:
        return True
    left, right = LEVEL_OF[imported], LEVEL_OF[importer]
    if left == right:
        return left in FREE_LEVELS or (importer, imported) in SIBLING_IMPORTS
    return left < right


def violations(source: str, module: str) -> list[str]:
    """One sentence for each import of `module` that goes against the direction."""
    package = module.removesuffix(".__init__") if module.endswith(".__init__") else module.rpartition(".")[0]
    importer = unit_of(module)
    return [
        f"{module}:{line} imports {imported}, which {importer} must not"
        for line, imported in sorted(imported_units(source, package))
        if not is_allowed(importer, imported)
    ]


def modules() -> list[tuple[str, Path]]:
    """(dotted name, file) of every module of the package; a package's own file ends in `.__init__`."""
    return [
        (".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)), path)
        for path in sorted(ROOT.rglob("*.py"))
    ]


def test_every_unit_has_a_place_in_the_direction():
    units = {unit_of(name) for name, _ in modules()}
    assert units <= set(LEVEL_OF), f"not in LEVELS: {sorted(units - set(LEVEL_OF))}"


def test_imports_go_from_right_to_left_only():
    found = [sentence for name, path in modules() for sentence in violations(path.read_text("utf-8"), name)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flashmoe_nb.storage.bad", "from flashmoe_nb.engine.session import Session"),
        ("flashmoe_nb.storage.bad", "import flashmoe_nb.model"),
        ("flashmoe_nb.storage.bad", "from flashmoe_nb import ops"),
        ("flashmoe_nb.storage.bad", "from ..text import tokenizer"),
        ("flashmoe_nb.storage.bad", "from .. import model"),
        ("flashmoe_nb.pagecache.bad", "from flashmoe_nb.storage import record"),
        ("flashmoe_nb.ops.bad", "from flashmoe_nb.pagecache import probe"),
        ("flashmoe_nb.engine.bad", "def late():\n    from flashmoe_nb.widgets import Dashboard"),
        ("flashmoe_nb.engine.bad", "if TYPE_CHECKING:\n    from flashmoe_nb.observe import Trace"),
        ("flashmoe_nb.engine.bad", "importlib.import_module('flashmoe_nb.cli')"),
        ("flashmoe_nb.engine.bad", "from flashmoe_nb import open as open_engine"),
        ("flashmoe_nb.engine.__init__", "from ..observe import Trace"),
        ("flashmoe_nb.errors", "from flashmoe_nb.storage import record"),
        ("flashmoe_nb.figures.bad", "from flashmoe_nb.lab import forecast"),
    ],
)
def test_a_module_importing_to_the_right_is_found(module: str, source: str):
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flashmoe_nb.storage.good", "import json\nimport numpy as np\nfrom flashmoe_nb.errors import CheckpointError"),
        ("flashmoe_nb.storage.good", "from flashmoe_nb.pagecache import probe"),
        ("flashmoe_nb.storage.good", "from .record import RecordLayout\nfrom . import packed"),
        ("flashmoe_nb.storage.__init__", "from .record import RecordLayout"),
        ("flashmoe_nb.config", "from flashmoe_nb.errors import CheckpointError"),
        ("flashmoe_nb.engine.good", "from flashmoe_nb import config, events\nfrom flashmoe_nb.ops.mlx import MlxOps"),
        ("flashmoe_nb.__init__", "from flashmoe_nb.engine import Engine"),
    ],
)
def test_a_module_importing_to_the_left_passes(module: str, source: str):
    assert violations(source, module) == []


def _import_in_a_new_process() -> tuple[float, set[str]]:
    """Seconds a bare import took, and the top-level modules it left loaded."""
    code = (
        "import time; start_s = time.perf_counter(); import flashmoe_nb; took_s = time.perf_counter() - start_s; "
        "import sys; print(took_s, *{name.partition('.')[0] for name in sys.modules})"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, check=True, capture_output=True, text=True)
    took_s, *names = printed.stdout.split()
    return float(took_s), set(names)


def test_a_bare_import_is_quick_and_loads_nothing_heavy():
    runs = [_import_in_a_new_process() for _ in range(3)]
    assert runs[0][1].isdisjoint(HEAVY), sorted(runs[0][1] & set(HEAVY))
    assert PACKAGE in runs[0][1]
    # The one time a test asserts: half a second is what a first cell may cost, about ten times what it takes.
    assert min(took_s for took_s, _ in runs) < 0.5
