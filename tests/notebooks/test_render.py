"""`make docs`: a notebook as a page that needs no network, with live figures and widgets."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.canvases import MOST_BLANK, colours
from tests.notebooks.notebook_runs import FOLDER, NAMES, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NAME = "02_the_router"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, FOLDER / "render.py", folder, FOLDER / f"{NAME}.ipynb"]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, timeout=240)
    return folder


def test_the_page_asks_for_nothing_and_draws(site: Path, chromium: Any, screenshots: Path):
    page = chromium.new_page(viewport={"width": 1000, "height": 6000})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto((site / f"{NAME}.html").as_uri())
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 3")
    canvas = page.frame_locator("iframe.RouterView").locator("canvas").first
    canvas.wait_for()
    page.wait_for_timeout(500)
    assert colours(canvas) > MOST_BLANK
    page.screenshot(path=screenshots / f"{NAME}_page.png")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert said == []
    page.close()


def test_links_lead_to_pages_and_nothing_is_an_error(site: Path):
    text = (site / f"{NAME}.html").read_text("utf-8")
    assert all(f'href="{name}.html"' in text for name in NAMES)
    assert ".ipynb" not in text
    assert "Traceback" not in text
    assert (site / "index.html").read_text("utf-8") == text
    assert not (site / "scratch").exists()
