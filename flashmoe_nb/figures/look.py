"""How the figures look: colours, and a layout that reads on a light and on a dark page alike.

The paper is transparent and text is a grey of the same contrast to white and to black, because a figure cannot know the
theme it will be seen in. Colours are of Okabe and Ito's set, told apart by colour-blind readers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#999999"
TEXT = "#7b7b7b"
GRID = "rgba(128,128,128,0.25)"
BAND = "rgba(128,128,128,0.09)"
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"

_LANE_PX, _LEAST_PX, _MOST_PX = 36, 96, 1500
_TOP_PX, _BOTTOM_PX = 92, 50


def lanes_px(n_lanes: int, lane_px: int = _LANE_PX) -> int:
    """Height of the plot itself, for so many layers."""
    return min(max(n_lanes * lane_px, _LEAST_PX), _MOST_PX)


def dress(figure: go.Figure, title: str, subtitle: str, plot_px: int) -> go.Figure:
    """Give a figure the common look; returns it."""
    figure.update_layout(
        template="none",
        title={
            "text": title,
            "subtitle": {"text": subtitle, "font": {"size": 12, "color": TEXT}},
            "font": {"size": 16, "color": TEXT},
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
        },
        font={"family": FONT, "size": 12, "color": TEXT},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 64, "r": 24, "t": _TOP_PX, "b": _BOTTOM_PX},
        height=plot_px + _TOP_PX + _BOTTOM_PX,
        hoverlabel={"font": {"family": FONT, "size": 12}, "align": "left"},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "itemsizing": "constant"},
        hovermode="closest",
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=GRID)
    figure.update_yaxes(zeroline=False, showgrid=False)
    return figure


def layer_axis(layers: Sequence[int], *, title: str | None = "layer") -> dict[str, Any]:
    """A y axis with one lane a layer, the first on top; lanes are numbered 0, 1, ... whatever the layers' numbers."""
    every = max(1, -(-len(layers) // 40))
    shown = range(0, len(layers), every)
    return {
        "range": [len(layers) - 0.5, -0.5],
        "tickvals": list(shown),
        "ticktext": [str(layers[lane]) for lane in shown],
        "title": title,
        "fixedrange": len(layers) <= 8,  # noqa: PLR2004 - so few lanes are all seen at once
    }


def bands(n_lanes: int) -> list[dict[str, Any]]:
    """A faint shade behind every other lane, over the whole width."""
    common = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "layer": "below", "line_width": 0}
    return [{**common, "y0": lane - 0.5, "y1": lane + 0.5, "fillcolor": BAND} for lane in range(1, n_lanes, 2)]


def duration_text(duration_ns: float) -> str:
    """Three digits and a unit that suits: `14.6 µs`, `2.03 ms`, `1.2 s`."""
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if duration_ns >= size:
            return f"{duration_ns / size:.3g} {unit}"
    return f"{duration_ns / 1e3:.3g} µs"


def latency_axis(durations_ns: Sequence[int]) -> dict[str, Any]:
    """A logarithmic x axis in milliseconds that covers the durations; few decades get more ticks."""
    least, most = (math.log10(max(edge(durations_ns), 1) / 1e6) for edge in (min, max))
    margin = max(0.05 * (most - least), 0.05)
    steps = (1, 2, 5) if most - least < 2 else (1,)  # noqa: PLR2004 - two decades have three ticks of their own
    ticks = [step * 10.0**power for power in range(-6, 6) for step in steps]
    return {
        "type": "log",
        "title": "latency of a read",
        "range": [least - margin, most + margin],
        "tickvals": ticks,
        "ticktext": [duration_text(tick * 1e6) for tick in ticks],
    }
