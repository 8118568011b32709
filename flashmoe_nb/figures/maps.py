"""All layers by all experts as one picture: how often each was chosen, and what the page cache holds of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe import Trace


def counts_figure(trace: Trace) -> go.Figure:
    """Draw how often each expert was chosen, logarithmic; never chosen is the darkest.

    Raises:
        OptionError: a trace without tokens or without routed experts.
    """
    counts = trace.logical_count
    if not counts.size or not counts.sum():
        raise OptionError("the trace has no choices of experts to draw: record at least one token of a sparse model")
    subject, layers = Subject.of_trace(trace), trace.sparse_layers
    most = int(counts.max())
    ticks = [n for n in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000) if n <= most]
    bar = {"title": "chosen", "tickvals": [float(np.log1p(n)) for n in ticks], "ticktext": [f"{n:,}" for n in ticks]}
    figure = go.Figure(_heat(np.log1p(counts), layers, bar, counts, "%{customdata:,} times"))
    never = float((counts == 0).mean())
    told = f"{len(trace):,} tokens · {never:.1%} of the experts never chosen"
    return _dress(figure, "How often each expert was chosen", f"{subject.label} · {told}", layers, counts.shape[1])


def residency_figure(
    shares: NDArray[np.floating], subject: Subject, *, layers: Sequence[int] | None = None
) -> go.Figure:
    """Draw what `engine.residency_map()` gave.

    Args:
        shares: of each expert's pages, [L, E].
        subject: the model.
        layers: numbers of the rows; 0, 1, 2, ... when left out.
    """
    rows = list(layers) if layers is not None else list(range(len(shares)))
    bar = {"title": "in the<br>page cache", "tickformat": ".0%"}
    figure = go.Figure(_heat(shares, rows, bar, shares, "%{customdata:.0%} of its pages"))
    figure.update_traces(zmin=0, zmax=1)
    told = f"{float(shares.mean()):.1%} of all expert pages at this moment"
    return _dress(figure, "What the page cache holds", f"{subject.label} · {told}", rows, shares.shape[1])


def _heat(
    values: NDArray[Any], layers: Sequence[int], bar: dict[str, Any], told: NDArray[Any], words: str
) -> go.Heatmap:
    return go.Heatmap(
        z=values,
        customdata=told,
        colorscale="Cividis",
        colorbar={"thickness": 12, "len": 1, "outlinewidth": 0, **bar},
        hovertemplate="<b>layer %{text}, expert %{x}</b><br>" + words + "<extra></extra>",
        text=[[str(layer)] * values.shape[1] for layer in layers],
        texttemplate="",
    )


def _dress(figure: go.Figure, title: str, subtitle: str, layers: Sequence[int], num_experts: int) -> go.Figure:
    look.dress(figure, title, subtitle, look.lanes_px(len(layers), 26))
    figure.update_layout(yaxis=look.layer_axis(list(layers)))
    figure.update_xaxes(title="expert", range=[-0.5, num_experts - 0.5], showgrid=False)
    return figure
