"""A model without experts: every view records and draws it, with nothing where experts would be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.cache_sim import CacheSim
from flashmoe_nb.widgets.page_cache_view import PageCacheView
from flashmoe_nb.widgets.read_timeline import ReadTimeline
from flashmoe_nb.widgets.token_strip import TokenStrip
from flashmoe_nb.widgets.view import View
from tests.oracle.checkpoints import Case, write_mlx_checkpoint


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fm.Engine]:
    """qwen3_5, 4 layers, without a tokenizer."""
    folder = write_mlx_checkpoint(Case("qwen3_5", "4bit-g64", "float32"), tmp_path_factory.mktemp("dense") / "model")
    with fm.open(folder) as opened:
        yield opened


def in_residency_mode(session: fm.Session) -> View:
    view = fm.RouterView(session)
    view.mode = "residency"
    return view


@pytest.mark.parametrize(
    "make", [fm.RouterView, in_residency_mode, PageCacheView, ReadTimeline, TokenStrip, CacheSim, fm.Dashboard]
)
def test_every_view_shows_a_model_without_experts(make: type[View], dense: fm.Engine, tmp_path: Path):
    session = dense.session()
    view = make(session)
    session.feed([1, 2, 3])
    assert "image/png" in view._repr_mimebundle_()[0]
    assert view.to_html(tmp_path / "page.html").exists()
    view.detach()
    assert len(view.trace) == 3
    assert view.get_stats()["rows"] == 3
    view.close()


def test_it_has_no_page_cache_to_change(dense: fm.Engine):
    view = PageCacheView(dense.session())
    assert view.cache.sweeper is None
    assert view.state["sweep"]["state"] == "none"
    with pytest.raises(OptionError, match="this model has no experts"):
        view.evict()
    view.close()
