"""The lenses as pictures: next token after each layer, who wrote into the residual, how long delta nets remember."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from flashmoe_nb.figures import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashmoe_nb.figures.subject import Subject
    from flashmoe_nb.observe.lenses import DeltaView, LayerContribution, LogitLens

_SHORT = 10
"""Characters of a token that fit in a cell."""


def logit_lens_figure(lens: LogitLens, subject: Subject) -> go.Figure:
    """Draw the likeliest tokens after each layer, coloured by their probability."""
    n_layers, n_top = lens.top_ids.shape
    named = [
        [text or str(token) for text, token in zip(*row, strict=True)]
        for row in zip(lens.top_text, lens.top_ids, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=lens.top_probabilities,
            x=[str(rank + 1) for rank in range(n_top)],
            text=[[_cut(text) for text in row] for row in named],
            texttemplate="%{text}",
            customdata=named,
            colorscale="Cividis",
            zmin=0,
            zmax=1,
            colorbar={"thickness": 12, "tickformat": ".0%", "title": "probability", "outlinewidth": 0},
            hovertemplate="after layer %{y}, rank %{x}<br><b>%{customdata}</b> %{z:.2%}<extra></extra>",
        )
    )
    look.dress(
        figure, "What would come next after each layer", f"{subject.label} · final norm and head on the residual",
        look.lanes_px(n_layers, 28),
    )  # fmt: skip
    figure.update_layout(yaxis=look.layer_axis(list(range(n_layers)), title="after layer"))
    figure.update_xaxes(title="rank", showgrid=False)
    return figure


def contributions_figure(layers: Sequence[LayerContribution], subject: Subject) -> go.Figure:
    """Draw the size of what mixer, each routed expert and the shared expert of every layer wrote."""
    rows = list(range(len(layers)))
    figure = go.Figure()
    shared = [0.0 if one.shared_expert is None else _norm(one.shared_expert) for one in layers]
    parts = (("mixer", [_norm(one.mixer) for one in layers], look.GREEN), ("shared expert", shared, look.ORANGE))
    for name, lengths, color in parts:
        if any(lengths):
            hover = f"{name}: %{{x:.3g}}<extra></extra>"
            figure.add_bar(x=lengths, y=rows, orientation="h", name=name, marker_color=color, hovertemplate=hover)
    for rank in range(max(len(one.experts) for one in layers)):
        mine = [(row, one) for row, one in enumerate(layers) if rank < len(one.experts)]
        label = [str(one.expert_ids[rank]) if len(one.expert_ids) else "MLP" for _, one in mine]
        figure.add_bar(
            x=[_norm(one.experts[rank]) for _, one in mine],
            y=[row for row, _ in mine],
            orientation="h",
            name="routed experts",
            legendgroup="experts",
            showlegend=rank == 0,
            marker={"color": look.BLUE, "line": {"width": 0.5, "color": "rgba(255,255,255,0.6)"}},
            hovertext=[
                f"expert {name}, rank {rank + 1}: {_norm(one.experts[rank]):.3g}"
                for name, (_, one) in zip(label, mine, strict=True)
            ],
            hoverinfo="text",
        )
    numbers = [one.layer for one in layers]
    told = "lengths of what was written; together they are the residual's change"
    look.dress(
        figure, "Who wrote into the residual stream", f"{subject.label} · {told}", look.lanes_px(len(layers), 30)
    )
    figure.update_layout(barmode="stack", bargap=0.3, shapes=look.bands(len(layers)), yaxis=look.layer_axis(numbers))
    figure.update_xaxes(title="L2 norm, added end to end", rangemode="tozero")
    return figure


def decay_figure(views: Sequence[DeltaView], subject: Subject) -> go.Figure:
    """Draw the half-life of every head of every gated delta net at one token, in tokens, logarithmic."""
    half = np.stack([np.clip(view.half_life_tokens, 1e-2, 1e5) for view in views])
    ticks = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000]
    numbers = [view.layer for view in views]
    named = ("beta", "surprise", "memory_norm")
    told_of_head = [np.stack([getattr(view, name) for view in views]) for name in named]
    figure = go.Figure(
        go.Heatmap(
            z=np.log10(half),
            customdata=np.stack([half, *told_of_head], axis=-1),
            colorscale="Cividis",
            colorbar={"thickness": 12, "title": "half-life,<br>tokens", "outlinewidth": 0,
                      "tickvals": np.log10(ticks).tolist(), "ticktext": [f"{tick:g}" for tick in ticks]},
            hovertemplate=(
                "head %{x}<br><b>half-life %{customdata[0]:.3g} tokens</b><br>writes with beta %{customdata[1]:.2f}<br>"
                "surprise %{customdata[2]:.2f}<br>memory norm %{customdata[3]:.3g}<extra></extra>"
            ),
        )
    )  # fmt: skip
    told = f"the median head forgets half in {np.median(half):.3g} tokens"
    look.dress(figure, "How long the delta nets remember", f"{subject.label} · {told}", look.lanes_px(len(views), 30))
    figure.update_layout(yaxis=look.layer_axis(numbers))
    figure.update_xaxes(title="head", showgrid=False)
    return figure


def _norm(x: np.ndarray) -> float:
    return float(np.linalg.norm(x))


def _cut(text: str) -> str:
    shown = repr(text)[1:-1]
    return shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…"
