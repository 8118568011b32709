"""What every widget can without a browser: attach, detach, pictures, pages, errors."""

import base64
import json
import re
from pathlib import Path

import pytest
import traitlets
from safetensors.numpy import load

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets import RouterView
from flashmoe_nb.widgets.feed import Feed
from flashmoe_nb.widgets.live import LiveRun
from tests.observe.made_traces import made_trace

PNG = b"\x89PNG\r\n\x1a\n"


def page_data(path: Path) -> dict:
    found = re.search(r'<script id="fm-page-data" type="application/json">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


def test_a_detached_view_keeps_the_whole_run_in_its_snapshot():
    view = RouterView(made_trace(prompt=5, decoded=12))
    view.detach()
    assert len(load(view.run)["token_id"]) == 17
    assert view.get_stats()["rows"] == 17


def test_a_session_is_recorded_while_it_is_attached():
    with fm.open() as engine:
        session = engine.session()
        view = RouterView(session)
        assert view.engine is engine
        session.feed([1, 2, 3])
        view.detach()
        session.feed([4])
        assert len(view.trace) == 3
        assert view.trace.complete
        assert load(view.run)["token_id"].tolist() == [1, 2, 3]


def test_views_of_one_session_can_share_a_recording():
    with fm.open() as engine:
        first = RouterView(engine.session())
        second = RouterView(first)
        assert second.trace is first.trace
        assert second.engine is engine
        second.detach()
        first.detach()


@pytest.mark.parametrize("nothing", [None, 3, "a trace"])
def test_what_cannot_be_shown_is_named(nothing: object):
    view = RouterView()
    with pytest.raises(OptionError, match="give a session, a player, a trace"):
        view.attach(nothing)


def test_a_page_holds_everything_and_fetches_nothing(tmp_path: Path):
    trace = made_trace(prompt=5, decoded=12)
    view = RouterView(trace)
    view.layer, view.token, view.following = 2, 7, False
    path = view.to_html(tmp_path / "page.html")
    text = path.read_text()
    assert "default-src 'none'" in text
    assert re.findall(r"https?://(?!www\.w3\.org/)", text) == []
    assert text.count("</script>") == 2, "nothing inlined ends its element"
    data = page_data(path)
    assert (data["traits"]["layer"], data["traits"]["token"], data["traits"]["following"]) == (2, 7, False)
    assert len(load(base64.b64decode(data["run"]))["token_id"]) == len(trace)
    with pytest.raises(OptionError, match="exists"):
        view.to_html(path)
    view.close()


def test_a_page_of_nothing_is_refused(tmp_path: Path):
    with pytest.raises(OptionError, match="nothing is attached to this RouterView"):
        RouterView().to_html(tmp_path / "page.html")


def test_a_picture_goes_with_the_widget():
    view = RouterView(made_trace())
    data, _ = view._repr_mimebundle_()
    assert data["image/png"].startswith(PNG)
    assert "application/vnd.jupyter.widget-view+json" in data
    view._hear(None, {"kind": "picture"}, [memoryview(PNG + b"drawn")])
    assert view.snapshot().data == PNG + b"drawn"
    view.attach(made_trace(seed=1))
    assert view.snapshot().data.startswith(PNG), "of what is attached now, not of what was drawn before"
    assert not view.snapshot().data.endswith(b"drawn")
    view.close()
    assert "image/png" not in RouterView()._repr_mimebundle_()[0]


def test_an_error_of_a_command_is_shown_and_another_raises():
    view, told = RouterView(), []
    view._sender._post = lambda content, _: told.append(content)

    def fail(args: dict) -> None:
        raise OptionError(f"layer {args['layer']} does not exist")

    view.on_command("bad", fail)
    view._hear(None, {"kind": "command", "name": "bad", "args": {"layer": 99}}, [])
    assert told[0]["parts"][0] == {"kind": "error", "text": "layer 99 does not exist", "n_buffers": 0}
    view.on_command("worse", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        view._hear(None, {"kind": "command", "name": "worse", "args": {}}, [])


def test_selection_traits_refuse_other_types():
    with pytest.raises(traitlets.TraitError):
        RouterView().layer = "three"


def test_snapshots_are_taken_when_it_is_quiet_and_at_the_end():
    taken: list[bytes] = []
    live = LiveRun(Feed(made_trace(prompt=5, decoded=12)), taken.append)
    assert live.next_chunk() is not None
    assert len(taken) == 1, "the first rows are shown to a second view at once"
    assert live.next_chunk() is None
    live.finish()
    assert len(taken) == 1, "nothing was new"
