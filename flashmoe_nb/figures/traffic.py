"""What every token read: megabytes of experts a token, and the share of them that the page cache held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from plotly.subplots import make_subplots

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.subject import Subject
from flashmoe_nb.observe.schema import DECODE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from flashmoe_nb.observe import Trace


def traffic_figure(trace: Trace) -> go.Figure:
    """Draw bytes read above and hit rates below, decoded tokens one by one; a prefill is one bar at its first token.

    Raises:
        OptionError: nothing was read.
    """
    reads, subject = trace.reads, Subject.of_trace(trace)
    if not len(reads):
        raise OptionError("the trace has no reads to draw: record at least one token of a model whose experts stream")
    count = len(trace)
    known = ~np.isnan(reads.resident_fraction_before)
    nbytes = np.bincount(reads.token, reads.nbytes, count)
    measured = np.bincount(reads.token[known], reads.nbytes[known], count)
    held = np.bincount(reads.token[known], (reads.nbytes * reads.resident_fraction_before)[known], count)
    tokens = np.flatnonzero(nbytes)
    decoded = trace.phase[tokens] == DECODE
    texts = trace.token_texts
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.5, 0.5], vertical_spacing=0.08)
    for name, mine, color in (("prefill", tokens[~decoded], look.GREY), ("decode", tokens[decoded], look.BLUE)):
        hover = [f"<b>token {n} {texts[n]!r}</b><br>{nbytes[n] / 1e6:,.2f} MB read, {name}" for n in mine.tolist()]
        figure.add_bar(x=mine, y=nbytes[mine] / 1e6, name=name, marker={"color": color, "line": {"width": 0}},
                       hovertext=hover, hoverinfo="text", row=1, col=1)  # fmt: skip
    seen = tokens[measured[tokens] > 0]
    rate = held[seen] / measured[seen]
    figure.add_scatter(x=seen, y=rate, mode="lines+markers", name="held by the page cache", marker={"size": 5},
                       line={"color": look.GREEN, "width": 1.5, "shape": "hvh"}, row=2, col=1,
                       hovertemplate="token %{x}: %{y:.1%} of the bytes<extra></extra>")  # fmt: skip
    rates = trace.hit_rates
    shown = ", ".join(
        f"{name} {value:.1%}"
        for name, value in (("lifetime", rates.lifetime), ("steady state", rates.steady_state))
        if value is not None
    )
    if shown and trace.facts.memory_limit:
        shown += f", memory limit {trace.facts.memory_limit}"
    told = f"hit rate {shown}" if shown else "hit rates were not measured: record(..., measure_residency=True)"
    look.dress(figure, "Bytes read and hits, token by token", f"{subject.label} · {told}", 320)
    figure.update_yaxes(title="MB read", rangemode="tozero", showgrid=True, gridcolor=look.GRID, row=1, col=1)
    figure.update_yaxes(
        title="hits", range=[-0.03, 1.05], tickformat=".0%", showgrid=True, gridcolor=look.GRID, row=2, col=1
    )
    figure.update_xaxes(title="token", row=2, col=1)
    figure.update_layout(bargap=0.15)
    return figure
