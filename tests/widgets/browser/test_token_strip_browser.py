"""TokenStrip in JupyterLab: choosing tokens and measures, with the effect in the kernel and on the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.widgets.browser.pixels import drawn

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRACE = Path(__file__).parents[3] / "data" / "traces" / "json.safetensors"

LINKED = f"""
import flashmoe_nb as fm
import ipywidgets
from flashmoe_nb.widgets import ReadTimeline, TokenStrip
trace = fm.load_trace({str(TRACE)!r})
strip, timeline = TokenStrip(trace), ReadTimeline(trace)
for name in ("token", "layer", "expert", "following"):
    ipywidgets.jslink((strip, name), (timeline, name))
display(strip, timeline)
"""


def test_every_control_of_the_strip(notebook: Callable[..., Any], screenshots: Path):
    opened = notebook([LINKED])
    page, tokens = opened.page, opened.ask("len(trace)")
    opened.wait_for_status(tokens=tokens, painted=tokens - 1)
    root = page.locator(".fm-root").first
    sampled = "trace.column('token_rank')[n] >= 0"
    brace = opened.ask(f"max(n for n, text in enumerate(trace.token_texts) if '{{' in text and {sampled})")
    token = root.locator(f"[data-token='{brace}']")
    assert "{" in token.inner_text()
    token.click()
    opened.wait_for(f"strip.token == {brace} and not strip.following")
    drawn(page)
    assert token.get_attribute("aria-selected") == "true"
    opened.wait_for(f"timeline.token == {brace}")  # the linked view shows it too
    opened.wait_for_status(1, shown=brace)
    assert f"Token {brace} " in root.locator("[data-name=says]").inner_text()
    alternatives = root.locator("[data-name=alternatives]").inner_text()
    assert alternatives.startswith("Drawn from: ")
    assert alternatives.count("%") == 5
    root.press("ArrowLeft")
    opened.wait_for(f"timeline.token == {brace - 1}")

    seen = set()
    for name in ("probability", "bytes", "ssd", "time", "surprise"):
        root.locator(f"[data-name={name}]").click()
        page.wait_for_function(
            f"() => document.querySelector(\"[data-token='{brace}']\").dataset.value.startsWith('{name} ')"
        )
        seen.add(token.evaluate("el => el.dataset.value + el.style.background"))
    assert len(seen) == 5
    root.locator("[data-name=follow]").click()
    opened.wait_for("strip.following and timeline.following")
    for theme in ("light", "dark"):
        opened.theme(theme)
        root.screenshot(path=screenshots / f"token_strip_{theme}.png")


def test_a_page_draws_and_scrubs_without_a_network(page: Any, tmp_path: Path):
    import flashmoe_nb as fm
    from flashmoe_nb.widgets import TokenStrip

    view = TokenStrip(fm.load_trace(TRACE))
    path = view.to_html(tmp_path / "tokens.html")
    view.close()
    page.context.set_offline(True)
    page.goto(path.as_uri())
    page.locator("[data-token='7']").click()
    page.wait_for_function("() => document.querySelector('.fm-status').dataset.shown === '7'")
    assert "Token 7 " in page.locator("[data-name=says]").inner_text()
