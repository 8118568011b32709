from collections.abc import Callable
from dataclasses import replace

import plotly.graph_objects as go
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import StageEvent
from flashmoe_nb.figures import Subject, latency_figure, reads_figure

Make = Callable[..., list[StageEvent]]


def bars(figure: go.Figure) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data if trace.type == "bar"}


def test_reads_figure_sorts_reads_into_classes_of_residency(one_token: Make, subject: Subject):
    counts = {name: len(trace.x) for name, trace in bars(reads_figure(one_token(), subject)).items()}
    assert counts == {
        "in the page cache": 1,
        "partly in the page cache": 1,
        "not in the page cache": 3,
        "not measured": 1,
    }


def test_reads_figure_never_colours_what_cannot_be_told(one_token: Make, subject: Subject):
    figure = reads_figure(one_token(), replace(subject, residency_per_expert=False))
    counts = {name: len(trace.x) for name, trace in bars(figure).items()}
    assert counts == {"not measured": 1, "pages shared by several experts: cannot be told": 5}


def test_reads_figure_counts_time_from_the_layers_first_read(one_token: Make, subject: Subject):
    cold = bars(reads_figure(one_token(), subject))["not in the page cache"]
    assert list(cold.base) == [0, 1, 2]
    assert list(cold.x) == [1, 2, 3]


def test_reads_figure_counts_time_from_the_tokens_start_when_asked(one_token: Make, subject: Subject):
    cold = bars(reads_figure(one_token(), subject, origin="token"))["not in the page cache"]
    assert list(cold.base) == [10, 11, 12]
    assert list(cold.x) == [1, 2, 3]


def test_reads_figure_gives_every_read_a_row_of_its_own_and_the_same_in_both_panels(one_token: Make, subject: Subject):
    figure = reads_figure(one_token(), subject)
    rows = [y for trace in figure.data if trace.type == "bar" for y in trace.y]
    dots = [y for trace in figure.data if trace.type == "scatter" for y in trace.y]
    assert len(set(rows)) == 6
    assert rows == dots


def test_reads_figure_title_names_model_top_k_and_amount(one_token: Make, subject: Subject):
    title = reads_figure(one_token(), subject).layout.title.subtitle.text
    assert title == "made-up, top_k 3 of 16 experts · 6 reads, 0.006 MB · median 2 ms, slowest 3 ms"


def test_reads_figure_without_reads_is_refused(one_token: Make, subject: Subject):
    with pytest.raises(OptionError, match="no expert was read"):
        reads_figure([event for event in one_token() if event.stage != "expert_read"], subject)


def test_latency_figure_has_a_trace_a_run_with_its_own_colour_and_symbol(one_token: Make, subject: Subject):
    figure = latency_figure({"cold": one_token(), "warm": one_token()}, subject)
    assert [trace.name for trace in figure.data] == ["cold", "warm"]
    assert [len(trace.x) for trace in figure.data] == [6, 6]
    assert len({trace.marker.color for trace in figure.data}) == 2
    assert len({trace.marker.symbol for trace in figure.data}) == 2
    assert set(figure.data[0].y).isdisjoint(figure.data[1].y)
    assert "median cold 2 ms, warm 2 ms" in figure.layout.title.subtitle.text


@pytest.mark.parametrize("names", ["", "abcde"])
def test_latency_figure_refuses_what_it_has_no_colours_for(one_token: Make, subject: Subject, names: str):
    with pytest.raises(OptionError, match=f"{len(names)} runs"):
        latency_figure({name: one_token() for name in names}, subject)


def test_figures_read_on_light_and_dark_pages(one_token: Make, subject: Subject):
    for figure in (reads_figure(one_token(), subject), latency_figure({"a": one_token()}, subject)):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert contrast(figure.layout.font.color, 1.0) > 4
        assert contrast(figure.layout.font.color, luminance("#111111")) > 4
    assert contrast("#444444", luminance("#111111")) < 4  # plotly's own grey would not


def luminance(color: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(color: str, other: float) -> float:
    low, high = sorted((luminance(color), other))
    return (high + 0.05) / (low + 0.05)
