"""What the documents show is what happens: every `>>>` in docs/ is run on the demo model."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = sorted(path.name for path in DOCS.glob("*.md") if ">>> " in path.read_text("utf-8"))


@pytest.mark.parametrize("name", SHOWN)
def test_examples_give_what_is_printed(name: str) -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.testfile(str(DOCS / name), module_relative=False, optionflags=flags)
    assert outcome.attempted > 10
    assert outcome.failed == 0


def test_there_is_something_to_run() -> None:
    assert "debugging.md" in SHOWN
