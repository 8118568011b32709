"""What every test shares: how Hypothesis searches, and a Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-sync",
]

# No deadline: the first call of a backend compiles. The same examples every time in CI, new ones at a desk.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A headless Chromium, one a worker; tests open pages of it and close them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_find_chromium(playwright), args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


def _find_chromium(playwright: object) -> str:
    """The system's, or the one playwright brought."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    found = [*filter(None, map(shutil.which, names)), mac, playwright.chromium.executable_path]
    existing = [path for path in found if Path(path).exists()]
    if not existing:
        pytest.skip("no Chromium on this machine: make setup installs one where it can")
    return existing[0]
