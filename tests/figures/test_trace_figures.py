"""Figures of traces and lenses: what is drawn is what was recorded, and a browser draws them all."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import plotly.offline
import pytest

import flashmoe_nb as fm
from flashmoe_nb import figures
from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import Subject
from flashmoe_nb.observe.replay import replay
from tests.observe.made_traces import made_trace, with_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = (
    "document.querySelectorAll("
    + repr(", ".join(f".cartesianlayer {mark}" for mark in (".js-line", ".point path", "path.point", "image")))
    + ").length"
)


@pytest.fixture(scope="module")
def drawn() -> dict[str, go.Figure]:
    """Every figure of one real run of the demo model."""
    with fm.open() as engine:
        session, subject = engine.session(), Subject.of(engine)
        with fm.record(session, measure_residency=True) as trace:
            for _ in session.generate("And the LORD said unto Moses,", max_tokens=30, seed=1, temperature=0.8):
                pass
        events = list(session.fork().steps())
        engine.evict(3)
        return {
            "usage": figures.usage_figure(trace),
            "capacity": figures.capacity_figure(replay(trace, warmup=5), Subject.of_trace(trace)),
            "certainty": figures.certainty_figure(trace),
            "traffic": figures.traffic_figure(trace),
            "counts": figures.counts_figure(trace),
            "residency": figures.residency_figure(engine.residency_map(), subject),
            "gantt": figures.gantt_figure(events, subject),
            "layer_gantt": figures.layer_gantt_figure(trace, -2),
            "logit_lens": figures.logit_lens_figure(fm.logit_lens(session), subject),
            "contributions": figures.contributions_figure(fm.contributions(session), subject),
            "decay": figures.decay_figure(fm.delta_view(session), subject),
            "routing": figures.routing_figure(events, subject),
            "reads": figures.reads_figure(events, subject),
        }


def test_every_title_says_model_and_top_k(drawn: dict[str, go.Figure]) -> None:
    for name, figure in drawn.items():
        assert figure.layout.title.text, name
        assert "demo, top_k 10 of 512 experts" in figure.layout.title.subtitle.text, name


@pytest.fixture(scope="module")
def page(chromium: Any) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 960, "height": 700})
    yield page
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("background", ["white", "#111111"])
def test_every_figure_is_drawn(drawn: dict[str, go.Figure], background: str, page: Any, tmp_path: Path) -> None:
    """A PNG of each, with marks of its own colours inside the plot; an empty figure of the same look has none."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    empty = figures.residency_figure(np.zeros((2, 4)), Subject("m", 1, 1, 4, residency_per_expert=True))
    empty.data = ()
    script = plotly.offline.get_plotlyjs()
    for name, figure in {**drawn, "empty": empty}.items():
        body = figure.to_html(full_html=False, include_plotlyjs=False)
        page.set_content(f"<body style='background:{background}'><script>{script}</script>{body}</body>")
        page.wait_for_function("() => document.querySelector('.plotly .main-svg .cartesianlayer')")
        if name == "empty":
            page.wait_for_timeout(500)
            assert page.evaluate(_MARKS) == 0
        else:
            page.wait_for_function(f"() => {_MARKS} > 0")
        path = folder / f"{name}_{'light' if background == 'white' else 'dark'}.png"
        assert page.screenshot(path=path)[:4] == b"\x89PNG"


def test_usage_curves_are_the_counts() -> None:
    trace = made_trace(prompt=4, decoded=9)
    figure = figures.usage_figure(trace)
    counts = np.sort(trace.logical_count, axis=1)[:, ::-1]
    for row, curve in enumerate(figure.data[: len(counts)]):
        np.testing.assert_allclose(curve.y, counts[row].cumsum() / counts[row].sum())
    assert "Gini" in figure.data[0].hovertext


def test_traffic_adds_up_to_the_bytes_read() -> None:
    trace = made_trace(prompt=4, decoded=9)
    figure = figures.traffic_figure(trace)
    bars = [one for one in figure.data if one.type == "bar"]
    assert [one.name for one in bars] == ["prefill", "decode"]
    assert sum(sum(one.y) for one in bars) * 1e6 == pytest.approx(trace.reads.nbytes.sum())
    assert len(bars[0].y) == 1
    hits = next(one for one in figure.data if one.name == "held by the page cache")
    assert 0 <= min(hits.y) <= max(hits.y) <= 1


def test_hits_that_were_not_measured_are_not_drawn() -> None:
    trace = made_trace()
    unknown = np.full(len(trace.reads), np.nan, np.float32)
    figure = figures.traffic_figure(with_columns(trace, read_resident_fraction_before=unknown))
    assert not any(len(one.y) for one in figure.data if one.name == "held by the page cache")
    assert "were not measured" in figure.layout.title.subtitle.text


def test_counts_map_shows_every_choice() -> None:
    trace = made_trace()
    heat = figures.counts_figure(trace).data[0]
    np.testing.assert_array_equal(heat.customdata, trace.logical_count)
    assert np.asarray(heat.customdata).sum() == len(trace) * len(trace.sparse_layers) * trace.facts.top_k


def test_certainty_is_in_bits_and_leaves_out_endless_margins() -> None:
    trace = made_trace()
    margin = np.array(trace.column("router_margin"))
    margin[0] = np.inf
    figure = figures.certainty_figure(with_columns(trace, router_margin=margin))
    medians = [one.x for one in figure.data if one.type == "scatter"]
    np.testing.assert_allclose(medians[0], np.median(trace.column("router_entropy"), axis=0) / np.log(2), rtol=1e-5)
    np.testing.assert_allclose(medians[1], np.median(margin[1:], axis=0), rtol=1e-5)


def test_capacity_curves_are_the_replay() -> None:
    trace = made_trace(prompt=3, decoded=40)
    found = replay(trace, warmup=10)
    figure = figures.capacity_figure(found, Subject.of_trace(trace))
    by_name = {one.name.split()[0]: one for one in figure.data}
    np.testing.assert_array_equal(by_name["LRU"].y, found.lru)
    np.testing.assert_array_equal(by_name["Belady"].y, found.belady)
    at_capacity = found.lru[found.capacities]
    assert (np.asarray(by_name["Belady"].y) >= at_capacity - 1e-12).all()


def test_a_hit_rate_says_the_limit_it_was_measured_under() -> None:
    found = replay(made_trace(), warmup=2)
    measured, free = dataclasses.replace(found, realised=0.5), Subject("m", 2, 2, 8, residency_per_expert=True)
    limited = dataclasses.replace(free, memory_limit="1.00 GiB, cgroup v1")
    told = "held 50.0% within 1.00 GiB, cgroup v1"
    assert told in figures.capacity_figure(measured, limited).layout.title.subtitle.text
    assert "within" not in figures.capacity_figure(measured, free).layout.title.subtitle.text


@pytest.mark.parametrize("draw", [figures.usage_figure, figures.counts_figure, figures.certainty_figure])
def test_empty_traces_are_refused(draw: Any) -> None:
    with pytest.raises(OptionError, match="record at least one token"):
        draw(made_trace()[:0])


def test_gantt_refuses_what_was_not_waited_for(one_token: Any, subject: Subject) -> None:
    events = one_token()
    assert figures.gantt_figure(events, subject).data
    events[-1].synced = False
    with pytest.raises(OptionError, match="not waited for"):
        figures.gantt_figure(events, subject)


def test_layer_gantt_draws_the_recorded_times_and_reads() -> None:
    with fm.open(ops="cpu") as engine:
        session = engine.session()
        with fm.record(session, measure_residency=True) as trace:
            session.feed([5, 6, 7])
            session.feed([8])
        figure = figures.layer_gantt_figure(trace)
        prompt = figures.layer_gantt_figure(trace, 1)
    bars = {bar.name: bar for bar in figure.data}
    times = trace.layer_times
    computing = bars["mixer and router"]
    np.testing.assert_allclose(computing.x, (times.routed_ns - times.start_ns)[3] / 1e6)
    together = sum(np.asarray(bars[name].x) for name in ("mixer and router", "waiting for experts", "experts and sum"))
    np.testing.assert_allclose(together, (times.end_ns - times.start_ns)[3] / 1e6)
    drawn = sum(len(bar.x) for bar in figure.data if bar.name.startswith("read:"))
    assert drawn == (trace.reads.token == 3).sum() > 0
    drawn = sum(len(bar.x) for bar in prompt.data if bar.name.startswith("read:"))
    assert drawn == (trace.reads.token == 0).sum() > 0, "the three tokens of a prompt share a pass"


def test_layer_gantt_refuses_times_that_are_not_compute() -> None:
    with pytest.raises(OptionError, match="token 3 of a trace of 3"):
        figures.layer_gantt_figure(made_trace()[:3], 3)
    with fm.open(ops="mlx") as engine:
        session = engine.session()
        with fm.record(session) as trace:
            session.feed([5])
    with pytest.raises(OptionError, match="lazy back end"):
        figures.layer_gantt_figure(trace)
    unknown = with_columns(trace, layer_start_ns=np.full_like(trace.column("layer_start_ns"), -1))
    with pytest.raises(OptionError, match="holds no times of layers"):
        figures.layer_gantt_figure(unknown)
