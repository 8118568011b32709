"""How evenly the experts of each layer are used: share of all choices held by the busiest, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.subject import Subject
from flashmoe_nb.observe.stats_usage import coverage, gini

if TYPE_CHECKING:
    from flashmoe_nb.observe import Trace

_HALF, _MOST = 0.5, 0.9


def usage_figure(trace: Trace) -> go.Figure:
    """Draw one curve a layer: experts by falling use, and the share of choices they hold together.

    A straight line is even use; the further a curve bows, the fewer experts do the work.

    Raises:
        OptionError: a trace without tokens or without routed experts.
    """
    counts = trace.logical_count
    if not counts.size or not counts.sum():
        raise OptionError("the trace has no choices of experts to draw: record at least one token of a sparse model")
    subject, layers = Subject.of_trace(trace), trace.sparse_layers
    ordered = -np.sort(-counts, axis=1)
    shares = np.cumsum(ordered, axis=1) / ordered.sum(axis=1, keepdims=True)
    rank = np.arange(1, counts.shape[1] + 1)
    colors = sample_colorscale("Cividis", np.linspace(0.05, 0.95, len(layers)).tolist())
    uneven, half = gini(counts), coverage(counts, (_HALF, _MOST))
    figure = go.Figure()
    for row, layer in enumerate(layers):
        hover = f"<b>layer {layer}</b><br>Gini {uneven[row]:.2f}<br>{half[row, 0]} experts hold half of the choices, "
        figure.add_scatter(
            x=rank,
            y=shares[row],
            mode="lines",
            line={"color": colors[row], "width": 2},
            name=f"layer {layer}",
            hovertext=f"{hover}{half[row, 1]} hold nine tenths",
            hoverinfo="text",
            showlegend=len(layers) <= 12,  # noqa: PLR2004 - more do not fit in a row
        )
    even = {"color": look.GREY, "width": 1, "dash": "dash"}
    figure.add_scatter(x=[0, rank[-1]], y=[0, 1], mode="lines", line=even, name="even use", hoverinfo="skip")
    middle = int(np.median(half[:, 0]))
    told = f"half of all choices fall on {middle} of {counts.shape[1]} experts in the median layer"
    look.dress(figure, "How evenly experts are used", f"{subject.label} · {len(trace):,} tokens · {told}", 320)
    figure.update_xaxes(title="experts, busiest first", range=[0, rank[-1]])
    figure.update_yaxes(title="share of choices", range=[0, 1.01], tickformat=".0%", showgrid=True, gridcolor=look.GRID)
    figure.update_layout(legend={"x": 1, "y": 0, "yanchor": "bottom", "orientation": "v"})
    return figure
