"""Hit rate by how many experts of a layer a cache holds: policies, the oracle, and what the page cache really held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from flashmoe_nb.figures import look

if TYPE_CHECKING:
    from flashmoe_nb.figures.subject import Subject
    from flashmoe_nb.observe.replay import Replay


def capacity_figure(replay: Replay, subject: Subject) -> go.Figure:
    """Draw the curves of one replay; the realised rate, where it was measured, is a line across."""
    every = np.arange(len(replay.lru))
    curves = (
        ("Belady (knows the future)", replay.capacities, replay.belady, look.GREY, "dash", "diamond"),
        ("LRU", every, replay.lru, look.BLUE, "solid", None),
        ("LFU", replay.capacities, replay.lfu, look.GREEN, "solid", "square"),
        ("FIFO", replay.capacities, replay.fifo, look.PINK, "solid", "cross"),
        ("static, filled with the busiest of the first half", every, replay.static, look.ORANGE, "dot", None),
    )
    figure = go.Figure()
    for name, x, y, color, dash, symbol in curves:
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines" if symbol is None else "lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            name=name,
            hovertemplate=f"<b>{name}</b><br>%{{x}} experts a layer: %{{y:.1%}} hits<extra></extra>",
        )
    told = f"{replay.counted:,} decoded tokens after {replay.warmup:,} of warm-up"
    if replay.realised is not None:
        figure.add_hline(replay.realised, line={"color": look.TEXT, "width": 1.5, "dash": "dashdot"})
        limit = f" within {subject.memory_limit}" if subject.memory_limit else ""
        told += f" · the page cache held {replay.realised:.1%}{limit} (dash-dotted)"
    look.dress(figure, "What a cache of experts would hit", f"{subject.label} · {told}", 320)
    figure.update_xaxes(title="experts of each layer the cache holds", range=[0, len(replay.lru) - 1])
    figure.update_yaxes(title="hit rate", range=[0, 1.02], tickformat=".0%", showgrid=True, gridcolor=look.GRID)
    figure.update_layout(legend={"x": 1, "y": 0.02, "yanchor": "bottom", "orientation": "v"})
    return figure
