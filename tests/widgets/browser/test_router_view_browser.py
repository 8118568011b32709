"""RouterView in JupyterLab: what it paints, of a saved trace and of a session that decodes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
TRACE = ROOT / "data" / "traces" / "code.safetensors"

SAVED = f"""
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
view = RouterView(fm.load_trace({str(TRACE)!r}))
view
"""

LIVE = """
import threading
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
engine = fm.open()
session = engine.session()
view = RouterView(session)
view
"""

DECODE = """
def decode():
    global decoded
    decoded = sum(1 for _ in session.generate("def read_file(path):", max_tokens=60))
thread = threading.Thread(target=decode)
thread.start()
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_saved_trace_is_drawn(notebook: Callable[..., Any], screenshots: Path, theme: str):
    opened = notebook([SAVED], run=False)
    opened.theme(theme)
    opened.run_all()
    opened.wait_for_status(tokens=170, painted=169)
    opened.page.locator(".fm-root").screenshot(path=screenshots / f"router_view_{theme}.png")


def test_a_session_is_drawn_as_it_decodes(notebook: Callable[..., Any], screenshots: Path):
    opened = notebook([LIVE, DECODE])
    tokens = opened.wait_for("not thread.is_alive() and len(view.trace)")
    status = opened.wait_for_status(tokens=tokens, painted=tokens - 1)
    assert int(status["rows"]) + 0 <= tokens
    opened.page.locator(".fm-root").screenshot(path=screenshots / "router_view_live.png")
    print(status, opened.ask("view.get_stats()"))
