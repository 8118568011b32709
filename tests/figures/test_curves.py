"""Curves and bars of any numbers: every one drawn, none mixed up, what cannot be drawn refused."""

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import bars_figure, lines_figure


def test_lines_keep_their_points_and_are_told_apart():
    figure = lines_figure({"a": ([1, 2], [3, 4]), "b": ([1, 2], [5, 6])}, title="t", x="MB", y="ms", y_scale="log")
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("a", [1, 2], [3, 4]),
        ("b", [1, 2], [5, 6]),
    ]
    assert len({(trace.line.color, trace.line.dash, trace.marker.symbol) for trace in figure.data}) == 2
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("MB", "ms")
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("linear", "log")
    assert figure.layout.showlegend


def test_a_few_places_on_a_logarithmic_axis_are_all_named():
    assert lines_figure({"a": ([1, 2, 16], [1, 2, 3])}, title="t", x_scale="log").layout.xaxis.ticktext == (
        "1",
        "2",
        "16",
    )
    many = lines_figure({"a": (range(1, 30), range(1, 30))}, title="t", x_scale="log")
    assert many.layout.xaxis.ticktext is None
    assert lines_figure({"a": ([1], [2])}, title="t").layout.xaxis.ticktext is None


def test_bars_have_one_group_a_label():
    figure = bars_figure({"a": [3, 4], "b": [5, 6]}, [10, 4], title="t")
    assert [list(trace.x) for trace in figure.data] == [["10", "4"]] * 2
    assert [list(trace.y) for trace in figure.data] == [[3, 4], [5, 6]]
    assert figure.layout.xaxis.type == "category"  # a label 4 is no place on an axis of numbers


def test_one_series_needs_no_legend():
    assert not lines_figure({"a": ([1], [2])}, title="t").layout.showlegend


@pytest.mark.parametrize(
    ("curves", "says"),
    [
        ({}, "0 series"),
        ({str(n): ([1], [1]) for n in range(6)}, "give 1 to 5"),
        ({"a": ([1, 2, 3], [1, 2])}, "'a' has 3 places and 2 values"),
    ],
)
def test_what_cannot_be_drawn_is_refused(curves: dict, says: str):
    with pytest.raises(OptionError, match=says):
        lines_figure(curves, title="t")
    with pytest.raises(OptionError, match="1 places and 2 values"):
        bars_figure({"a": [1, 2]}, ["x"], title="t")
