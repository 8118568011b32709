"""Latencies of the same reads under several conditions, e.g. cold and warm, side by side for every layer."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.choices import reads_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flashmoe_nb.events import ExpertRead, StageEvent
    from flashmoe_nb.figures.subject import Subject

_LOOKS = ((look.ORANGE, "diamond"), (look.BLUE, "circle"), (look.GREEN, "square"), (look.PINK, "cross"))


def latency_figure(runs: Mapping[str, Iterable[StageEvent]], subject: Subject) -> go.Figure:
    """Draw the latency of every read, one colour and symbol a run; a dashed line marks each run's median.

    Args:
        runs: up to 4, by name, e.g. `{"cold": events, "warm": events}`.
        subject: the model.

    Raises:
        OptionError: no runs or more than 4, or one in which nothing was read.
    """
    if not 1 <= len(runs) <= len(_LOOKS):
        raise OptionError(f"{len(runs)} runs in one picture: give 1 to {len(_LOOKS)}")
    reads = {name: reads_of(events) for name, events in runs.items()}
    layers = sorted({read.layer for mine in reads.values() for read in mine})
    figure = go.Figure()
    for number, (name, mine) in enumerate(reads.items()):
        offset = 0.44 * ((number + 0.5) / len(reads) - 0.5)
        figure.add_trace(_dots(name, mine, layers, offset, _LOOKS[number]))
    medians = {name: median(read.duration_ns for read in mine) for name, mine in reads.items()}
    spoken = ", ".join(f"{name} {look.duration_text(ns)}" for name, ns in medians.items())
    look.dress(figure, "Latency of each read", f"{subject.label} · median {spoken}", look.lanes_px(len(layers)))
    figure.update_layout(shapes=look.bands(len(layers)), yaxis=look.layer_axis(layers))
    figure.update_xaxes(look.latency_axis([read.duration_ns for mine in reads.values() for read in mine]))
    for ns, (color, _) in zip(medians.values(), _LOOKS, strict=False):
        figure.add_vline(ns / 1e6, line={"color": color, "width": 1.5, "dash": "dash"}, layer="below")
    return figure


def _dots(
    name: str, reads: Sequence[ExpertRead], layers: Sequence[int], offset: float, style: tuple[str, str]
) -> go.Scatter:
    color, symbol = style
    return go.Scatter(
        x=[read.duration_ns / 1e6 for read in reads],
        y=[round(layers.index(read.layer) + offset, 3) for read in reads],
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": 8, "opacity": 0.8},
        name=name,
        hovertext=[
            f"<b>{name}: layer {read.layer}, expert {read.expert}</b><br>{look.duration_text(read.duration_ns)}, "
            f"{read.nbytes:,} bytes"
            for read in reads
        ],
        hoverinfo="text",
    )
