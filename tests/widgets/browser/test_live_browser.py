"""What holds for every widget, shown on RouterView: nothing is lost, a reload restores, views agree, pages."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from flashmoe_nb.observe import load_trace
from flashmoe_nb.widgets import RouterView
from tests.widgets.browser.test_router_view_browser import marks
from tests.widgets.made_large import tiled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
TRACE = ROOT / "data" / "traces" / "code.safetensors"

OPEN = """
import threading
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
engine = fm.open()
session = engine.session()
view = RouterView(session)
view
"""

FEED = """
def feed(n):
    for i in range(n):
        session.feed([10 + i * 7 % 900])
thread = threading.Thread(target=feed, args=({n},))
thread.start()
"""

IS_ALL_FED = "not thread.is_alive() and len(view.trace)"


def test_after_2000_tokens_the_last_is_painted_and_the_counters_add_up(notebook: Callable[..., Any]):
    opened = notebook([OPEN, FEED.format(n=2000)])
    assert opened.wait_for(IS_ALL_FED, timeout_s=120) == 2000
    status = opened.wait_for_status(tokens=2000, painted=1999)
    last = opened.ask("view.trace.routed_experts[-1].tolist()")
    stats = opened.wait_for("(s := view.get_stats())['painted'] == 1999 and s['unacked'] == 0 and s")
    assert (stats["rows"], stats["dropped"]) == (2000, 0)
    assert stats["coalesced"] + stats["sent"] >= 2000, "each token came by itself or with others"
    assert int(status["messages"]) <= stats["sent"]
    shown = opened.page.locator(".fm-status").inner_text()
    assert shown.startswith("2,000 tokens, ")
    assert "newest painted: 1999" in shown
    # The counts the browser keeps are the trace's.
    opened.page.locator('button[data-name="counts"]').click()
    most = opened.ask("int(view.trace.logical_count.max())")
    opened.page.wait_for_function(f"() => document.querySelector('.fm-legend').textContent.endsWith('{most} times')")
    opened.page.locator('button[data-name="now"]').click()
    opened.page.wait_for_function("() => document.querySelector('.fm-legend').textContent.includes('fading')")
    assert all(marks(opened.page, [(row, expert) for row, ids in enumerate(last) for expert in ids]))


def test_a_reload_restores_and_goes_on(notebook: Callable[..., Any], page: Any):
    opened = notebook([OPEN, FEED.format(n=100)])
    opened.wait_for(IS_ALL_FED)
    opened.wait_for_status(painted=99)
    opened.ask("setattr(view, 'layer', 4)")
    opened.save()
    opened.reload()
    opened.wait_for_status(tokens=100, painted=99)
    assert "layer 4, token 99" in page.locator('[data-name="layer_says"]').inner_text()
    opened.ask("feed(20)")
    opened.wait_for_status(tokens=120, painted=119)


_ALIKE = """() => {
    const drawn = [...document.querySelectorAll(".fm-map canvas")].map(canvas => canvas.toDataURL());
    return drawn.length === 3 && new Set(drawn).size === 1;
}"""


def test_two_views_agree(notebook: Callable[..., Any], page: Any):
    opened = notebook([OPEN, "view", "other = RouterView(view)\nother", FEED.format(n=100)])
    opened.wait_for(IS_ALL_FED)
    for nth in range(3):
        opened.wait_for_status(nth, tokens=100, painted=99)
    page.wait_for_function(_ALIKE)  # once the last token's glow has faded in each
    page.locator('[data-name="scrub"]').first.fill("42")
    opened.wait_for("view.token == 42")
    opened.wait_for_status(1, shown=42)
    assert opened.status(2)["shown"] == "99", "another widget is linked only when asked"
    opened.ask("__import__('ipywidgets').jslink((view, 'token'), (other, 'token')) and None")
    opened.ask("__import__('ipywidgets').jslink((view, 'following'), (other, 'following')) and None")
    page.locator('[data-name="scrub"]').first.fill("17")
    opened.wait_for_status(2, shown=17)


def test_a_restarted_kernel_leaves_what_was_shown(notebook: Callable[..., Any], page: Any, screenshots: Path):
    opened = notebook([OPEN, FEED.format(n=50)])
    opened.wait_for(IS_ALL_FED)
    opened.wait_for_status(painted=49, connected="true")
    opened.restart_kernel()
    opened.wait_for_status(painted=49, connected="false")
    page.locator('[data-name="scrub"]').fill("30")
    opened.wait_for_status(shown=30)
    assert "no kernel: what it sent last" in page.locator(".fm-status").inner_text()
    page.locator(".fm-root").screenshot(path=screenshots / "router_view_no_kernel.png")


def test_a_notebook_saved_with_its_widgets_draws_without_a_kernel(notebook: Callable[..., Any], page: Any):
    """JupyterLab's "Save Widget State Automatically"; without it JupyterLab says that it has no model."""
    opened = notebook([OPEN, FEED.format(n=50)])
    opened.wait_for(IS_ALL_FED)
    opened.wait_for_status(painted=49)
    opened.ask("view.detach() and None")
    page.evaluate("() => window.jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')")
    for _ in range(100):
        opened.save()
        saved = nbformat.read(opened.path, 4)
        if "widgets" in saved.metadata and "image/png" in saved.cells[0].outputs[0].data:
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail("the notebook keeps no widgets")
    opened.restart_kernel()
    opened.reload()
    opened.wait_for_status(tokens=50, painted=49, connected="false")
    page.locator('[data-name="scrub"]').fill("30")
    opened.wait_for_status(shown=30)


def test_a_busy_cell_still_streams(notebook: Callable[..., Any]):
    """The kernel hears no acknowledgement while a cell runs; the rows come all the same."""
    busy = "import time\ntime.sleep(1)\nview.reset_stats()\nfeed(150)\ntime.sleep(1)\nbusy_stats = view.get_stats()"
    opened = notebook([OPEN, FEED.format(n=10), "thread.join()", busy])
    opened.wait_for_status(tokens=160, painted=159)
    stats = opened.ask("busy_stats")
    assert stats["rows"] == 150
    assert stats["sent"] < 150
    assert opened.wait_for("(s := view.get_stats())['unacked'] == 0 and s")["dropped"] == 0


def test_an_empty_view_says_what_to_call(notebook: Callable[..., Any], page: Any):
    opened = notebook(
        ["import flashmoe_nb as fm\nfrom flashmoe_nb.widgets import RouterView\nview = RouterView()\nview"]
    )
    page.locator(".fm-empty").wait_for()
    assert "view.attach(fm.load_trace(path))" in page.locator(".fm-empty").inner_text()
    opened.ask(f"view.attach(fm.load_trace({str(TRACE)!r})) and None")
    page.locator(".fm-empty").wait_for(state="hidden")
    assert page.locator(".fm-map canvas").is_visible()


def test_snapshot_is_what_the_front_end_drew(notebook: Callable[..., Any], screenshots: Path):
    opened = notebook([OPEN, FEED.format(n=50)])
    opened.wait_for(IS_ALL_FED)
    opened.wait_for_status(painted=49)
    opened.wait_for("view._drawn is not None")
    png = base64.b64decode(opened.ask("__import__('base64').b64encode(view.snapshot().data).decode()"))
    (screenshots / "router_view_snapshot.png").write_bytes(png)
    width = int.from_bytes(png[16:20])
    assert abs(width - opened.page.locator(".fm-root").bounding_box()["width"]) <= 1


@pytest.mark.parametrize("layers", [8, 60])
@pytest.mark.parametrize("width", [600, 2000])
def test_a_page_stands_alone(alone: Callable[..., Any], tmp_path: Path, screenshots: Path, layers: int, width: int):
    trace = load_trace(TRACE)[:120]
    shown = trace if layers == 8 else tiled(trace, layers)
    path = RouterView(shown).to_html(tmp_path / "page.html")
    page = alone(path, viewport={"width": width, "height": 900}, color_scheme="dark")
    page.wait_for_selector('.fm-status[data-painted="119"]')
    page.locator('[data-name="scrub"]').fill("42")
    page.wait_for_selector('.fm-status[data-shown="42"]')
    page.screenshot(path=screenshots / f"router_view_page_{layers}_{width}.png")
    box = page.locator(".fm-map canvas").bounding_box()
    assert width - 40 <= box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    chosen, row_height = shown.routed_experts[42].tolist(), 26 if layers == 8 else 8
    assert all(marks(page, [(row, e) for row, ids in enumerate(chosen) for e in ids], row_height=row_height))
    others = [(0, e) for e in range(8, 504) if not set(range(e - 8, e + 9)) & set(chosen[0])]
    assert others
    assert not any(marks(page, others, row_height=row_height))
