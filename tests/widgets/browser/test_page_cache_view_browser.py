"""PageCacheView in JupyterLab: every button, with its effect on the page cache of the kernel's engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.widgets.browser.pixels import centre, coloured

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIVE = """
import flashmoe_nb as fm
from flashmoe_nb.widgets import PageCacheView
engine = fm.open({folder!r})
engine.evict()
session = engine.session()
view = PageCacheView(session)
view
"""
RESIDENT, ABSENT, ROUTED = "#FEE838", "#00224E", "#D55E00"
MEANS = "engine.residency_map().mean(axis=1).tolist()"


def test_every_button_of_the_view(notebook: Callable[..., Any], screenshots: Path, packed: Path):
    opened = notebook([LIVE.format(folder=str(packed))])
    page = opened.page
    says, chart, cells = page.locator("[data-name=says]"), *page.locator(".fm-canvas").all()
    resident = "() => document.querySelector('[data-name=says]').dataset.resident"
    swept = "() => document.querySelector('[data-name=says]').dataset.swept === '64'"
    page.wait_for_function(swept)
    assert says.get_attribute("data-resident") == "0"
    assert coloured(chart, ABSENT) > 1000
    assert coloured(chart, RESIDENT) == 0

    page.locator("[data-name=warm_all]").click()
    opened.wait_for(f"{MEANS} == [1.0] * 4")
    page.wait_for_function(f"{resident} > 0")
    page.wait_for_function("() => document.querySelector('[data-name=detail]').innerText.includes('16 of 16 experts')")
    assert coloured(chart, ABSENT) == 0
    chart.click(position={"x": 300, "y": 2 + 22 * 2 + 8})
    opened.wait_for("view.layer == 2 and view.expert >= 0")
    page.locator("[data-name=evict_layer]").click()
    opened.wait_for(f"{MEANS} == [1.0, 1.0, 0.0, 1.0]")
    page.wait_for_function("() => document.querySelector('[data-name=detail]').innerText.includes('0 of 16 experts')")
    assert coloured(cells, RESIDENT) == 0

    page.locator("[data-name=evict_all]").click()
    question = page.locator("[data-name=question]")
    question.wait_for()
    page.locator("[data-name=evict_keep]").click()
    question.wait_for(state="hidden")
    assert opened.ask(MEANS) == [1.0, 1.0, 0.0, 1.0]
    page.locator("[data-name=evict_all]").click()
    page.locator("[data-name=evict_sure]").click()
    opened.wait_for(f"{MEANS} == [0.0] * 4")
    page.locator("[data-name=warm_layer]").click()
    opened.wait_for(f"{MEANS} == [0.0, 0.0, 1.0, 0.0]")

    page.locator("[data-name=sweep]").click()
    opened.wait_for("view.cache.sweeper.paused")
    page.locator("[data-name=sweep]", has_text="Go on").click()
    opened.wait_for("not view.cache.sweeper.paused")

    opened.ask("session.feed([1, 2, 3]).shape")
    opened.ask("session.feed([4]).shape")
    opened.wait_for_status(tokens=4, painted=3)
    assert coloured(chart, ROUTED) > 10
    routed = set(opened.ask("view.trace.routed_experts[-1, 2].tolist()"))
    cells.click(position=centre(cells, ROUTED))
    opened.wait_for(f"view.expert in {routed}")
    for theme in ("light", "dark"):
        opened.theme(theme)
        page.locator(".fm-root").screenshot(path=screenshots / f"page_cache_view_{theme}.png")

    opened.save()
    opened.reload()
    says.wait_for()
    page.wait_for_function(swept)  # the residency is sent again
