"""Plain curves and bars of numbers a cell has just computed, in the look of the other figures. Knows no models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = tuple[Sequence[float], Sequence[float]]
    """x and y."""

Scale = Literal["linear", "log"]

_PLOT_PX = 280
_FEW = 10
"""Places on a logarithmic axis that are all named."""
_COLORS = (look.BLUE, look.ORANGE, look.GREEN, look.PINK, look.GREY)
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def lines_figure(
    curves: Mapping[str, Points],
    *,
    title: str,
    told: str = "",
    x: str = "",
    y: str = "",
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
) -> go.Figure:
    """Draw curves by name, told apart by colour, symbol and dash.

    Args:
        curves: x and y of each.
        title: in one line.
        told: the line below it: of what, measured how.
        x: what the x axis is, with its unit.
        y: as `x`.
        x_scale: of the axis.
        y_scale: of the axis.

    Raises:
        OptionError: no curve, more than can be told apart, or x and y of different lengths.
    """
    _check(curves, {name: (len(points[0]), len(points[1])) for name, points in curves.items()})
    figure = go.Figure()
    for number, (name, (across, up)) in enumerate(curves.items()):
        figure.add_scatter(
            x=list(across),
            y=list(up),
            name=name,
            mode="lines+markers",
            line={"color": _COLORS[number], "dash": _DASHES[number], "width": 2},
            marker={"symbol": _SYMBOLS[number], "size": 7},
            hovertemplate=f"<b>{name}</b><br>{x} %{{x:.4g}}<br>{y} %{{y:.4g}}<extra></extra>",
        )
    figure = _dressed(figure, title, told, x, y, x_scale, y_scale, n_series=len(curves))
    places = sorted({float(place) for across, _ in curves.values() for place in across})
    if x_scale == "log" and len(places) <= _FEW:
        figure.update_xaxes(tickvals=places, ticktext=[f"{place:g}" for place in places])
    return figure


def bars_figure(
    bars: Mapping[str, Sequence[float]],
    labels: Sequence[object],
    *,
    title: str,
    told: str = "",
    x: str = "",
    y: str = "",
    y_scale: Scale = "linear",
) -> go.Figure:
    """Draw groups of bars side by side: one group a label, one colour a name. Arguments as `lines_figure`.

    Raises:
        OptionError: no bars, more kinds than can be told apart, or not one bar a label.
    """
    _check(bars, {name: (len(labels), len(heights)) for name, heights in bars.items()})
    figure = go.Figure()
    for number, (name, heights) in enumerate(bars.items()):
        figure.add_bar(
            x=[str(label) for label in labels],
            y=list(heights),
            name=name,
            marker={"color": _COLORS[number]},
            hovertemplate=f"<b>{name}</b><br>{x} %{{x}}<br>{y} %{{y:.4g}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    return _dressed(figure, title, told, x, y, "category", y_scale, n_series=len(bars))


def _check(series: Mapping[str, object], lengths: Mapping[str, tuple[int, int]]) -> None:
    if not 0 < len(series) <= len(_COLORS):
        raise OptionError(f"{len(series)} series were given: give 1 to {len(_COLORS)}, more cannot be told apart")
    for name, (one, other) in lengths.items():
        if one != other:
            raise OptionError(f"{name!r} has {one:,} places and {other:,} values: give as many of both")


def _dressed(
    figure: go.Figure, title: str, told: str, x: str, y: str, x_scale: str, y_scale: str, *, n_series: int
) -> go.Figure:
    look.dress(figure, title, told, _PLOT_PX)
    figure.update_xaxes(title=x, type=x_scale)
    figure.update_yaxes(title=y, type=y_scale, showgrid=True, gridcolor=look.GRID)
    if y_scale == "log":
        figure.update_yaxes(dtick="D2")  # 1, 2, 5: all nine would run into each other
    return figure.update_layout(showlegend=n_series > 1)
