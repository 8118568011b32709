"""What every test shares: how Hypothesis searches, a Chromium, and where screenshots go."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.bench import jupyter

# No deadline: the first call of a backend compiles. The same examples every time in CI, new ones at a desk.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A headless Chromium, one a worker; tests open pages of it and close them."""
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(jupyter.chromium())
        except OptionError as error:
            pytest.skip(f"{error}; make setup installs one where it can")
        yield browser


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where screenshots are kept: SCREENSHOTS of the environment, else the test's own folder."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
