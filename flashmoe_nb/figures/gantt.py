"""One token on a time axis: for every layer the stages that compute, and below them the lanes of its parallel reads.

Only stages that were waited for are drawn as compute. Knows events, not where they come from.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.figures import look
from flashmoe_nb.figures.residency import CLASSES, residency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flashmoe_nb.events import ExpertRead, StageEvent
    from flashmoe_nb.figures.subject import Subject

_GROUPS = (
    ("mixer", look.GREEN),
    ("router", look.TEXT),
    ("experts", "#56B4E9"),
    ("shared expert and sum", "#F0E442"),
)
_GROUP_OF = {
    Stage.POST_NORM: "router",
    Stage.ROUTER: "router",
    Stage.EXPERT_COMPUTE: "experts",
    Stage.SHARED_EXPERT: "shared expert and sum",
    Stage.COMBINE: "shared expert and sum",
}


def gantt_figure(events: Iterable[StageEvent], subject: Subject) -> go.Figure:
    """Draw one token, layer below layer, each from its own time 0.

    Raises:
        OptionError: no events of layers, or stages that nobody waited for.
    """
    kept = [event for event in events if event.layer is not None]
    if not kept:
        raise OptionError("there are no events of layers to draw: give those of session.steps([token])")
    if not all(event.synced for event in kept):
        raise OptionError("these stages were not waited for, their times are not compute: step through the token")
    layers = sorted({event.layer for event in kept if event.layer is not None})
    zero = {layer: min(event.start_ns for event in kept if event.layer == layer) for layer in layers}
    figure = go.Figure()
    _add_stages(figure, kept, layers, zero)
    reads = [read for event in kept if event.stage is Stage.EXPERT_READ for read in event.value]
    add_reads(figure, reads, layers, zero, subject)
    busy = sum(event.end_ns - event.start_ns for event in kept)
    waited = sum(event.end_ns - event.start_ns for event in kept if event.stage is Stage.EXPERT_READ)
    told = f"{look.duration_text(busy)} in stages, {waited / max(busy, 1):.0%} of it in expert reads"
    look.dress(figure, "One token, stage by stage", f"{subject.label} · {told}", look.lanes_px(len(layers), 44))
    figure.update_layout(shapes=look.bands(len(layers)), barmode="overlay", yaxis=look.layer_axis(layers))
    figure.update_xaxes(title="ms since the layer began, values evaluated at every stage", rangemode="tozero")
    return figure


def _add_stages(figure: go.Figure, events: Sequence[StageEvent], layers: Sequence[int], zero: dict[int, int]) -> None:
    grouped: dict[str, list[StageEvent]] = defaultdict(list)
    for event in events:
        if event.stage is not Stage.EXPERT_READ:
            grouped[_GROUP_OF.get(event.stage, "mixer")].append(event)
    for name, color in _GROUPS:
        mine = grouped[name]
        if mine:
            figure.add_bar(
                x=[(event.end_ns - event.start_ns) / 1e6 for event in mine],
                base=[(event.start_ns - zero[_layer(event)]) / 1e6 for event in mine],
                y=[layers.index(_layer(event)) - 0.22 for event in mine],
                width=0.34,
                orientation="h",
                marker={"color": color, "line": {"width": 0}},
                name=name,
                hovertext=[
                    f"<b>layer {event.layer}: {event.stage}</b><br>{look.duration_text(event.end_ns - event.start_ns)}"
                    for event in mine
                ],
                hoverinfo="text",
            )


def add_reads(
    figure: go.Figure, reads: Sequence[ExpertRead], layers: Sequence[int], zero: dict[int, int], subject: Subject
) -> None:
    """Lanes of reads below each layer, coloured by what the page cache held; `zero` is where a layer's time begins."""
    lanes = max((read.thread for read in reads), default=0) + 1
    for group in CLASSES:
        mine = [read for read in reads if residency(read, subject) is group]
        if mine:
            figure.add_bar(
                x=[read.duration_ns / 1e6 for read in mine],
                base=[(read.start_ns - zero[read.layer]) / 1e6 for read in mine],
                y=[layers.index(read.layer) + 0.02 + 0.4 * (read.thread + 0.5) / lanes for read in mine],
                width=max(0.36 / lanes, 0.03),
                orientation="h",
                marker={"color": group.color, "line": {"width": 0}},
                name=f"read: {group.name}",
                hovertext=[
                    f"<b>layer {read.layer}, expert {read.expert}</b><br>{look.duration_text(read.duration_ns)}, "
                    f"{read.nbytes:,} bytes, thread {read.thread}<br>{group.name}"
                    for read in mine
                ],
                hoverinfo="text",
            )


def _layer(event: StageEvent) -> int:
    assert event.layer is not None
    return event.layer
