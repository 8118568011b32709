"""RouterView's Python half: a router's whole decision for the last tokens, the mode, a picture without a browser."""

import struct
import zlib

import numpy as np
import pytest
import traitlets

import flashmoe_nb as fm
from flashmoe_nb.errors import ClosedError
from flashmoe_nb.widgets import RouterView, router_tape
from tests.observe.made_traces import made_trace


@pytest.fixture(scope="module")
def engine() -> fm.Engine:
    with fm.open() as opened:
        yield opened


def answer(view: RouterView, layer: int, token: int) -> tuple[dict, list[bytes]]:
    told: list[tuple[dict, list[bytes]]] = []
    view._sender.put = lambda content, buffers=(), **_: told.append((content, list(buffers)))
    view.routers.answer(layer, token)
    return told[0]


def test_all_probabilities_of_a_live_token_are_the_routers(engine: fm.Engine):
    session = engine.session()
    view = RouterView(session)
    session.feed(list(range(20, 27)))
    session.feed([3])
    for token in (0, 6, 7):
        part, buffers = answer(view, 5, token)
        shares = np.frombuffer(buffers[0], np.float32)
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        row = view.trace.layer_row(5)
        chosen = view.trace.routed_experts[token, row]
        assert set(np.argsort(-shares)[: len(chosen)]) == set(chosen.tolist())
        assert shares[chosen].sum() == pytest.approx(float(view.trace.column("kept_mass")[token, row]), abs=1e-3)
        assert (part["layer"], part["token"], part["note"]) == (5, token, "")
    view.detach()


def test_a_rolled_back_token_is_not_counted(engine: fm.Engine):
    session = engine.session()
    view = RouterView(session)
    session.feed([5])
    steps = session.steps([6])
    for _ in range(3):
        next(steps)
    steps.close()
    session.feed([7])
    assert len(view.trace) == 2
    assert answer(view, 0, 1)[1]
    assert not answer(view, 0, 2)[1]
    view.detach()


def test_logits_of_old_tokens_are_let_go(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(router_tape, "MOST_BYTES", 2 * 8 * 512 * 4)
    session = engine.session()
    view = RouterView(session)
    for token in range(4):
        session.feed([token])
    assert [bool(answer(view, 1, token)[1]) for token in range(4)] == [False, False, True, True]
    assert "not kept any more" in answer(view, 1, 0)[0]["note"]
    view.detach()


def test_a_trace_says_that_it_has_only_the_chosen():
    view = RouterView(made_trace())
    part, buffers = answer(view, 0, 3)
    assert buffers == []
    assert "attach a session" in part["note"]


def test_the_mode_is_handed_to_every_front_end():
    view = RouterView(made_trace())
    view.mode = "counts"
    assert view.state["mode"] == {"kind": "mode", "mode": "counts"}
    view._hear(None, {"kind": "command", "name": "mode", "args": {"mode": "source"}}, [])
    assert view.mode == "source"
    with pytest.raises(traitlets.TraitError):
        view.mode = "colourful"


def test_the_page_cache_is_swept_only_while_it_is_shown(engine: fm.Engine):
    view = RouterView(engine.session())
    assert view.cache.sweeper is None
    view.mode = "residency"
    assert view.cache.sweeper is not None
    view.mode = "now"
    assert view.cache.sweeper is None
    view.mode = "residency"
    view.detach()
    assert view.cache.sweeper is None


def test_a_picture_without_a_browser_is_brightest_where_most_was_chosen():
    trace = made_trace(prompt=5, decoded=40)
    pixels = decoded(RouterView(trace).snapshot().data)
    assert pixels.shape == (3 * 12, 16 * 64, 3)
    light = pixels.astype(int).sum(axis=2)[::12, ::64].ravel()
    by_count = np.argsort(trace.logical_count.ravel(), kind="stable")
    assert np.all(np.diff(light[by_count]) >= 0)
    assert light[by_count[-1]] > light[by_count[0]]


def decoded(png: bytes) -> np.ndarray:
    """Pixels of a PNG with one IDAT and no filters."""
    width, height = struct.unpack(">II", png[16:24])
    (length,) = struct.unpack(">I", png[33:37])
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(height, 1 + 3 * width)
    assert png[37:41] == b"IDAT"
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_closed_engine_leaves_what_was_recorded():
    with fm.open() as own:
        session = own.session()
        view = RouterView(session)
        session.feed([1, 2, 3])
    assert "closed" in answer(view, 0, 1)[0]["note"]
    view.detach()
    assert (len(view.trace), view.trace.complete) == (3, True)
    with pytest.raises(ClosedError):
        view.attach(session)
