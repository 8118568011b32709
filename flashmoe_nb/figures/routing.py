"""Which experts each layer chose: a picture of layers by experts, one mark a choice, coloured by routing weight.

A heat map of 512 columns would give a choice less than two pixels, so each is a mark that can be seen and pointed at.
The panel has the colour of weight 0, as a heat map's empty cells would have, on light and dark pages alike.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.figures import look
from flashmoe_nb.figures.choices import layer_choices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.figures.choices import LayerChoice
    from flashmoe_nb.figures.subject import Subject

MOST_TOKENS = 8
_PANEL = "#00224e"
"""Where cividis begins: not chosen."""
_SCALE = ((0.0, "#575d6d"), (0.25, "#7d7c78"), (0.5, "#a59c74"), (0.75, "#d3c164"), (1.0, "#fee838"))
"""Cividis from a third on, so that the smallest weight still stands out from the panel."""
_LEAST_WEIGHT = 1e-4
"""A weight of 0, or less, can only be set by hand; colours are logarithmic."""
_TICKS = (1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TOKEN_PX = 10
_LINE_STRETCH = 1.4
"""plotly draws its line symbols this much longer than their size."""


def routing_figure(events: Iterable[StageEvent], subject: Subject, *, texts: Sequence[str] = ()) -> go.Figure:
    """Draw what the routers chose for one token or a few; the tokens of a layer lie below each other in its lane.

    Args:
        events: of `session.steps`, whole or stopped on the way.
        subject: the model.
        texts: of the tokens, for title and hover.

    Raises:
        OptionError: no router decided, or for more than 8 tokens.
    """
    choices = layer_choices(events)
    layers = sorted({choice.layer for choice in choices})
    positions = sorted({choice.position for choice in choices})
    if len(positions) > MOST_TOKENS:
        raise OptionError(f"{len(positions)} tokens in one picture: give the events of at most {MOST_TOKENS}")
    lane_of = {layer: lane for lane, layer in enumerate(layers)}
    token_of = {position: number for number, position in enumerate(positions)}
    plot_px = look.lanes_px(len(layers), max(28, _TOKEN_PX * len(positions)))
    step = 0.9 / len(positions)
    marks: dict[str, list[Any]] = {"x": [], "y": [], "weight": [], "hover": []}
    for choice in choices:
        token = token_of[choice.position]
        _add(marks, choice, lane_of[choice.layer] - 0.45 + step * (token + 0.5), _name(choice.position, token, texts))
    figure = go.Figure(_marks(marks, plot_px / len(layers) * step))
    look.dress(figure, "Experts chosen, layer by layer", _subtitle(subject, positions, texts), plot_px)
    figure.update_layout(plot_bgcolor=_PANEL, yaxis=look.layer_axis(layers), margin_r=96)
    figure.update_xaxes(range=[-4, subject.num_experts + 3], title="expert", showgrid=False, nticks=9)
    figure.update_yaxes(showgrid=False)
    for lane in range(1, len(layers)):
        figure.add_hline(lane - 0.5, line={"color": look.GRID, "width": 1}, layer="below")
    return figure


def _add(marks: dict[str, list[Any]], choice: LayerChoice, y: float, token: str) -> None:
    k = len(choice.expert_ids)
    by_hand = ", changed by hand" if choice.patched else ""
    for rank, (expert, weight) in enumerate(zip(choice.expert_ids, choice.routing_weights, strict=True), 1):
        marks["x"].append(expert)
        marks["y"].append(round(y, 4))
        marks["weight"].append(round(weight, 5))
        where = f"layer {choice.layer}, expert {expert}"
        marks["hover"].append(f"<b>{where}</b><br>weight {weight:.4f}, rank {rank} of {k}{by_hand}<br>{token}")


def _marks(marks: dict[str, list[Any]], length_px: float) -> go.Scatter:
    logs = [math.log10(max(weight, _LEAST_WEIGHT)) for weight in marks["weight"]]
    least, most = min(logs), max(*logs, min(logs) + 0.3)
    ticks = [tick for tick in _TICKS if least - 1e-9 <= math.log10(tick) <= most + 1e-9]
    colors = {"color": logs, "colorscale": _SCALE, "cmin": least, "cmax": most}
    bar = {"tickvals": [math.log10(tick) for tick in ticks], "ticktext": [f"{tick:g}" for tick in ticks]}
    return go.Scatter(
        x=marks["x"],
        y=marks["y"],
        hovertext=marks["hover"],
        hoverinfo="text",
        mode="markers",
        marker={
            **colors,  # of a fill that line symbols do not have: they carry the colour bar
            "symbol": "line-ns",
            "size": length_px * 0.86 / _LINE_STRETCH,
            "line": {**colors, "width": 3},
            "colorbar": {**bar, "title": {"text": "routing<br>weight"}, "thickness": 12, "outlinewidth": 0, "len": 1},
        },
        showlegend=False,
    )


def _name(position: int, token: int, texts: Sequence[str]) -> str:
    return f"token {texts[token]!r} at position {position}" if token < len(texts) else f"token at position {position}"


def _subtitle(subject: Subject, positions: Sequence[int], texts: Sequence[str]) -> str:
    if len(positions) == 1:
        return f"{subject.label} · {_name(positions[0], 0, texts)}"
    shown = "".join(texts[: len(positions)])
    tokens = f"{len(positions)} tokens from position {positions[0]}, first on top of each lane"
    return f"{subject.label} · {tokens}" + (f": {shown!r}" if shown else "")
