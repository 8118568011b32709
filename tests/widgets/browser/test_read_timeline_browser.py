"""ReadTimeline in JupyterLab: every control is used, and what it did is asked of the kernel or seen in the pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flashmoe_nb.storage.pack import pack
from tests.widgets.browser.pixels import centre, coloured, drawn, picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DEMO = Path(__file__).parents[3] / "data" / "demo"
CACHE, SSD = "#009E73", "#E69F00"

LIVE = """
import flashmoe_nb as fm
from flashmoe_nb.widgets import ReadTimeline
engine = fm.open({folder!r})
engine.warm()
session = engine.session()
view = ReadTimeline().attach(session, measure_residency=True)
view
"""
DECODE = """
for _ in session.generate("def read_file(path):", max_tokens=40):
    pass
"""


@pytest.fixture(scope="session")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model packed for us alone: what we evict, nobody else misses."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    pack(DEMO, folder, progress=False)
    return folder


def test_every_control_of_the_timeline(notebook: Callable[..., Any], screenshots: Path, own_demo: Path):
    opened = notebook([LIVE.format(folder=str(own_demo)), DECODE])
    page, tokens = opened.page, opened.ask("len(view.trace)")
    opened.wait_for_status(tokens=tokens, painted=tokens - 1)
    bars, lanes = page.locator(".fm-canvas").nth(0), page.locator(".fm-canvas").nth(1)
    assert coloured(lanes, CACHE) > 20
    assert coloured(lanes, SSD) == 0  # the engine was warm
    assert float(page.locator("[data-name=running]").get_attribute("data-hit")) > 0.95

    page.locator("[data-name=layer]").click()
    in_layer = picture(lanes)
    page.locator("[data-name=token]").click()
    assert picture(lanes) != in_layer

    whole = page.locator("[data-name=whole]")
    assert whole.is_disabled()
    box = lanes.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 50)
    page.mouse.up()
    zoomed = picture(lanes)
    whole.click()
    assert picture(lanes) != zoomed
    assert whole.is_disabled()
    page.locator("[data-name=closer]").press("Enter")
    assert coloured(lanes, CACHE) > 1000  # reads of microseconds are bars now
    whole.press("Enter")

    bars.click(position={"x": 46 + 6 * 20 + 2, "y": 40})
    assert opened.wait_for("view.token") == 20
    assert opened.ask("view.following") is False
    page.locator(".fm-root").press("ArrowRight")
    opened.wait_for("view.token == 21")
    drawn(page)
    assert "Token 21" in page.locator("[data-name=says]").inner_text()
    page.locator("[data-name=layer]").click()
    lanes.click(position=centre(lanes, CACHE))
    opened.wait_for("view.layer >= 0 and view.expert >= 0")
    page.locator(".fm-root").press("Escape")
    opened.wait_for("view.following and view.layer == -1")


def test_the_banner_imposes_a_limit_and_reads_reach_the_ssd(
    notebook: Callable[..., Any], screenshots: Path, own_demo: Path
):
    opened = notebook([LIVE.format(folder=str(own_demo)), DECODE])
    page, banner = opened.page, opened.page.locator("[data-name=banner]")
    banner.wait_for()
    drawn(page)
    assert "You are measuring RAM" in banner.inner_text()
    page.locator("[data-name=limit_bytes]").select_option(index=1)
    page.locator("[data-name=limit]").click()
    opened.wait_for("view.limit is not None and view.limit.kind == 'imposed eviction'")
    page.locator("[data-name=banner][data-state=on]").wait_for()
    assert "17 MB is in force" in banner.inner_text()
    opened.ask("len(list(session.generate(' = open(path)', max_tokens=40)))")
    tokens = opened.ask("len(view.trace)")
    opened.wait_for_status(tokens=tokens, painted=tokens - 1)
    for theme in ("light", "dark"):
        opened.theme(theme)
        page.locator(".fm-root").screenshot(path=screenshots / f"read_timeline_{theme}.png")
    assert opened.ask("view.trace[-40:].reads.resident_fraction_before.min().item()") == 0
    page.locator("[data-name=lift]").click()
    opened.wait_for("view.limit is None")
    page.locator("[data-name=lift]").wait_for(state="hidden")
