"""CacheSim in JupyterLab: its sliders, policies and replay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.widgets.browser.pixels import coloured, drawn, picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIVE = """
import flashmoe_nb as fm
from flashmoe_nb.widgets import CacheSim
trace = fm.load_trace({trace!r})
engine = fm.open({folder!r})
session = engine.session()
view = CacheSim(trace)
view
"""
TRACE = Path(__file__).parents[3] / "data" / "traces" / "code.safetensors"
BELADY, FIFO = "#E69F00", "#CC79A7"


def test_every_control_of_the_simulation(notebook: Callable[..., Any], screenshots: Path, packed: Path):
    opened = notebook([LIVE.format(folder=str(packed), trace=str(TRACE))])
    page = opened.page
    opened.wait_for_status(tokens=opened.ask("len(trace)"))
    page.locator("tr[data-policy=belady]").wait_for()
    canvas, body = page.locator(".fm-canvas"), page.locator(".fm-body")
    shares = opened.ask("[view.sizes.hit_rates[n, -1].item() for n in range(4)]")

    size = page.locator("[data-name=size]")
    size.fill("1")
    drawn(page)
    assert body.get_attribute("data-capacity") == "512"
    assert page.locator("[data-name=size_text]").inner_text().startswith("47.2 MB")
    lru = page.locator("tr[data-policy=lru] td").first.inner_text()
    assert float(lru.removesuffix(" %")) == pytest.approx(shares[0] * 100, abs=0.051)
    size.fill("0")
    drawn(page)
    assert body.get_attribute("data-capacity") == "10"
    assert page.locator("tr[data-policy=lru] td").first.inner_text() != lru

    speed = page.locator("tr[data-policy=lru] td").last.inner_text()
    page.locator("[data-name=ssd]").fill("0.1")
    drawn(page)
    assert float(page.locator("tr[data-policy=lru] td").last.inner_text()) < float(speed)
    slower = page.locator("tr[data-policy=lru] td").last.inner_text()
    page.locator("[data-name=latency]").fill("5000")
    drawn(page)
    assert float(page.locator("tr[data-policy=lru] td").last.inner_text()) < float(slower)

    assert coloured(canvas, FIFO) == 0
    page.locator("[data-name=policy_fifo]").check()
    assert coloured(canvas, FIFO) > 50
    before = picture(canvas)
    for policy in ("lru", "lfu", "belady"):
        page.locator(f"[data-name=policy_{policy}]").uncheck()
    assert coloured(canvas, BELADY) == 0
    assert picture(canvas) != before
    for policy in ("lru", "lfu", "belady"):
        page.locator(f"[data-name=policy_{policy}]").check()

    page.locator("[data-name=latency]").fill("70")
    size.fill("0.6")
    for theme in ("light", "dark"):
        opened.theme(theme)
        page.locator(".fm-root").screenshot(path=screenshots / f"cache_sim_{theme}.png")

    opened.ask("view.attach(session).token")
    for token in range(6):
        opened.ask(f"session.feed([{token}]).shape")
    page.locator("[data-name=replay]").click()
    opened.wait_for("view.sizes is not None and view.sizes.tokens == 5")
    page.wait_for_function("() => document.querySelector('[data-name=says]').innerText.startsWith('5 decoded tokens')")
