"""How sure each router is: entropy of its probabilities, and the margin between last chosen and first left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from plotly.subplots import make_subplots

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.subject import Subject

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    from flashmoe_nb.observe import Trace

_PERCENTILES = (5, 25, 50, 75, 95)


def certainty_figure(trace: Trace) -> go.Figure:
    """Draw, for each layer, the middle half of the tokens as a bar, nine tenths as a line, and the median.

    Raises:
        OptionError: a trace without tokens or without routers.
    """
    layers = trace.sparse_layers
    if not len(trace) or not layers:
        raise OptionError("the trace has no routing to draw: record at least one token of a sparse model")
    subject = Subject.of_trace(trace)
    panels = (
        ("entropy of the router, bits", trace.column("router_entropy") / math.log(2), look.BLUE),
        ("margin, logits: rank K less rank K+1", trace.column("router_margin"), look.ORANGE),
    )
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05)
    for column, (title, values, color) in enumerate(panels, 1):
        _add(figure, column, np.where(np.isfinite(values), values, np.nan), layers, color)
        figure.update_xaxes(title=title, rangemode="tozero", row=1, col=column)
    most = math.log2(subject.num_experts)
    told = f"{len(trace):,} tokens · an even choice would have {most:.2g} bits"
    look.dress(figure, "How sure the routers are", f"{subject.label} · {told}", look.lanes_px(len(layers), 26))
    axis = look.layer_axis(layers)
    figure.update_layout(shapes=look.bands(len(layers)), yaxis=axis, yaxis2={**axis, "title": None}, barmode="overlay")
    figure.update_layout(showlegend=False)
    return figure


def _add(figure: go.Figure, column: int, values: NDArray[Any], layers: tuple[int, ...], color: str) -> None:
    least, low, middle, high, most = np.nanpercentile(values, _PERCENTILES, axis=0)
    rows = list(range(len(layers)))
    hover = [
        f"<b>layer {layer}</b><br>median {middle[row]:.3g}<br>half of the tokens {low[row]:.3g} to {high[row]:.3g}<br>"
        f"nine tenths {least[row]:.3g} to {most[row]:.3g}"
        for row, layer in enumerate(layers)
    ]
    spread = {"array": most - middle, "arrayminus": middle - least, "color": color, "thickness": 1.5, "width": 0}
    half = {"x": high - low, "base": low, "y": rows, "orientation": "h", "width": 0.5, "opacity": 0.45}
    figure.add_bar(**half, marker={"color": color}, hovertext=hover, hoverinfo="text", row=1, col=column)
    point = {"color": color, "size": 9, "symbol": "line-ns-open", "line": {"width": 2.5, "color": color}}
    figure.add_scatter(
        x=middle, y=rows, mode="markers", marker=point, error_x=spread, hoverinfo="skip", row=1, col=column
    )
